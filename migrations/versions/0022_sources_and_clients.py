"""Events have hostname, language, screen and channel, sites have domains; campaigns are counted without regard to case.

Events of before have none of the new columns: their rollups get the row of all events that have no value, a copy of
their total, so that an audit finds what it counts. utm_ values of rollups and visits are folded. Stop web, worker and
beat of the release before: it writes neither. One scan of `visits` and of the rollups; events are not read.
"""

from collections import defaultdict

from alembic import op
from pyroaring import BitMap64
from sqlalchemy import text

revision, down_revision = "0022", "0021"

NEW_DIMENSIONS = "('hostname'), ('language'), ('screen'), ('channel')"
CAMPAIGN = ("utm_source", "utm_medium", "utm_campaign")
KEY = "site_id, span, dimension, day, type, subject, is_bot"
# Letters with one other letter in lower case, as analytics/store/folding.py had them.
UPPER = "".join(
    letter
    for letter in map(chr, (*range(0x80, 0x588), *range(0x1E00, 0x1F00)))
    if len(letter.lower()) == 1 and letter.lower() != letter
)


def fold(column: str) -> str:
    return f"""translate(lower({column} COLLATE "C"), '{UPPER}', '{UPPER.lower()}')"""


def upgrade() -> None:
    op.execute("""
ALTER TABLE sites ADD COLUMN domains TEXT[] NOT NULL DEFAULT '{}';
ALTER TABLE events ADD COLUMN hostname TEXT, ADD COLUMN language TEXT, ADD COLUMN screen TEXT, ADD COLUMN channel TEXT;
""")
    op.execute(f"""
INSERT INTO rollups ({KEY}, value, events, users)
SELECT site_id, span, added.dimension, day, type, subject, is_bot, '', events, users
FROM rollups CROSS JOIN (VALUES {NEW_DIMENSIONS}) AS added (dimension)
WHERE rollups.dimension = 'total'
""")
    fold_rollups()
    op.execute(f"""
WITH gone AS (
    DELETE FROM visit_rollups WHERE dimension IN {CAMPAIGN} AND value <> {fold("value")} RETURNING *
)
INSERT INTO visit_rollups AS r (site_id, dimension, day, is_bot, value, visits, bounces, views, duration_us)
SELECT site_id, dimension, day, is_bot, {fold("value")}, sum(visits), sum(bounces), sum(views), sum(duration_us)
FROM gone
GROUP BY 1, 2, 3, 4, 5
ON CONFLICT (site_id, dimension, day, is_bot, value) DO UPDATE
SET visits = r.visits + excluded.visits, bounces = r.bounces + excluded.bounces, views = r.views + excluded.views,
    duration_us = r.duration_us + excluded.duration_us
""")
    changed = " OR ".join(f"{column} <> {fold(column)}" for column in CAMPAIGN)
    op.execute(f"UPDATE visits SET {', '.join(f'{c} = {fold(c)}' for c in CAMPAIGN)} WHERE {changed}")


def fold_rollups() -> None:
    """Adds the rows of values that differ in case alone; their users are bitmaps, which SQL cannot add."""
    connection = op.get_bind()
    rows = connection.execute(
        text(f"""
WITH folded AS (SELECT ctid, {KEY}, {fold("value")} AS value, value AS old FROM rollups WHERE dimension IN {CAMPAIGN}),
    changed AS (SELECT DISTINCT {KEY}, value FROM folded WHERE value <> old)
DELETE FROM rollups r
USING folded JOIN changed USING ({KEY}, value)
WHERE r.ctid = folded.ctid
RETURNING {", ".join(f"r.{name.strip()}" for name in KEY.split(","))}, folded.value, r.events, r.users
""")
    )
    groups = defaultdict(list)
    for row in rows:
        groups[tuple(row[:8])].append((row[8], bytes(row[9])))
    names = f"{KEY}, value, events, users"
    marks = ", ".join(f":{name.strip()}" for name in names.split(","))
    for key, counts in groups.items():
        users = BitMap64.union(*(BitMap64.deserialize(body) for _, body in counts))
        values = (*key, sum(events for events, _ in counts), users.serialize())
        parameters = dict(zip((name.strip() for name in names.split(",")), values, strict=True))
        connection.execute(text(f"INSERT INTO rollups ({names}) VALUES ({marks})"), parameters)


def downgrade() -> None:
    # Campaigns stay folded: `flask rollups rebuild` of the release before counts them as they were sent.
    op.execute("""
DELETE FROM rollups WHERE dimension IN ('hostname', 'language', 'screen', 'channel');
ALTER TABLE events DROP COLUMN hostname, DROP COLUMN language, DROP COLUMN screen, DROP COLUMN channel;
ALTER TABLE sites DROP COLUMN domains;
""")
