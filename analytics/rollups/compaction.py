"""Compaction: the days of a closed month as union rows, so that reports over years read a bitmap a month.

Celery's beat calls `compact`; rollups/rows.py drops the unions of each month it touches, and reading.py uses those that
are there. Only of dimension `total`, and of the site as a whole: docs/decisions/0008.
"""

from collections import defaultdict
from datetime import date, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, Engine, text

from analytics.rollups import reading, rows, taking, users
from analytics.rollups.delta import Count, Key
from analytics.rollups.months import following
from analytics.rollups.users import as_bool, as_int, as_text, read_binary


class Compacted(NamedTuple):
    """Months that got union rows, and how many rows those are."""

    months: int = 0
    rows: int = 0

    def plus(self, other: "Compacted") -> "Compacted":
        return Compacted(self.months + other.months, self.rows + other.rows)


# Served by pk_rollups, uq_metrics and pk_open_days: a few look-ups a month of a site.
DUE = text("""
SELECT s.id, CAST(m.month AS date)
FROM sites s
CROSS JOIN LATERAL (
    SELECT min(day) AS first FROM rollups WHERE site_id = s.id AND span = 'day' AND dimension = 'total'
) AS known
CROSS JOIN LATERAL (SELECT max(date) AS last FROM metrics WHERE site_id = s.id) AS closed
CROSS JOIN LATERAL generate_series(
    date_trunc('month', CAST(known.first AS timestamp)), closed.last + interval '1 day' - interval '1 month', '1 month'
) AS m (month)
WHERE (CAST(:site_id AS int) IS NULL OR s.id = :site_id)
    AND NOT EXISTS (
        SELECT FROM open_days WHERE site_id = s.id AND day >= m.month AND day < m.month + interval '1 month'
    )
    AND NOT EXISTS (
        SELECT FROM rollups
        WHERE site_id = s.id AND span = 'month' AND dimension = 'total' AND day = CAST(m.month AS date)
    )
    AND EXISTS (
        SELECT FROM rollups
        WHERE site_id = s.id AND span = 'day' AND dimension = 'total' AND day >= CAST(m.month AS date)
            AND day < CAST(m.month + interval '1 month' AS date)
    )
ORDER BY s.id, m.month
""")


def compact(engine: Engine) -> Compacted:
    """Makes the unions that lack of all months whose days are closed. One query where none is due."""
    with engine.connect() as connection:
        connection.execute(rows.BY_INDEX)
        found = sorted({site_id for site_id, _ in connection.execute(DUE, {"site_id": None})})
    total = Compacted()
    for site_id in found:
        total = total.plus(compact_site(engine, site_id))
    return total


def compact_site(engine: Engine, site_id: int) -> Compacted:
    """The same of one site: one transaction under the lock of merge, so that no day changes in between."""
    with taking.alone(engine, site_id) as connection:
        connection.execute(rows.BY_INDEX)
        months = [month for _, month in connection.execute(DUE, {"site_id": site_id})]
        return Compacted(len(months), sum(_unite(connection, site_id, month) for month in months))


DAYS = "SELECT type, is_bot, events, users" + reading.ROWS


def _unite(connection: Connection, site_id: int, month: date) -> int:
    after = following(month)
    types = connection.execute(reading.TYPES, {"site_id": site_id, "first": month, "after": after}).scalars().all()
    days = [month + timedelta(days=n) for n in range((after - month).days)]
    asked = {"dimension": "total", "days": days, "types": list(types), "subject": "", "bots": [False, True]}
    counts: dict[Key, Count] = defaultdict(Count)
    for kind, is_bot, events, stored in read_binary(connection, DAYS, {"site_id": site_id, **asked}):
        key = Key("total", month, as_text(kind or b""), "", as_bool(is_bot or b""), "")
        counts[key].add(Count(as_int(events or b""), users.unpack(stored or b"")))
    return rows.put_unions(connection, site_id, counts)
