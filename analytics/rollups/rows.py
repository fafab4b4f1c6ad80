"""The rows of `rollups`: the only writer. Each function works inside the caller's transaction.

merge, rebuild and compaction call it while they hold the site's lock (taking.py), so nobody else changes these rows;
compaction takes it only before it commits.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from io import BytesIO
from typing import IO, Any

from pyroaring import BitMap64
from sqlalchemy import Connection, text

from analytics.rollups import guard, users
from analytics.rollups.delta import DIMENSIONS, Count, Key
from analytics.rollups.spans import DAY, UNIONS, Span, span_of, spans_of
from analytics.store import events as store
from analytics.store import postings

# Keys whose bitmaps are in memory at a time, three times over for a moment: at 300,000 users in each, 30 MB.
KEYS_AT_A_TIME = 250

# Nobody asks for the hours of a week.
UNITED = tuple(dimension for dimension in DIMENSIONS if dimension != "hour")

# The statistics of rows and of a temporary table that are seconds old know nothing: go by the index, always.
BY_INDEX = store.BY_INDEX


# Kept for the session and emptied by every commit: a table made anew every two seconds would bloat the catalogue.
# Bitmaps stay for a moment only, so nothing is gained from compressing them.
STAGE = text("""
DO $$
BEGIN
    IF to_regclass('pg_temp.staged_rollups') IS NULL THEN
        CREATE TEMPORARY TABLE staged_rollups (
            dimension text, day date, type text, subject text, is_bot bool, value text, events bigint, users bytea
        ) ON COMMIT DELETE ROWS;
        ALTER TABLE staged_rollups ALTER users SET STORAGE EXTERNAL;
    END IF;
END $$
""")
FILL = "COPY staged_rollups FROM STDIN (FORMAT binary)"
# Without a bitmap: nobody new, and the stored one stays where it is; 100 bytes are written instead of 40,000.
ADD = text("""
INSERT INTO rollups AS r (site_id, span, dimension, day, type, subject, is_bot, value, events, users)
SELECT :site_id, :span, dimension, day, type, subject, is_bot, value, events, users
FROM staged_rollups
ON CONFLICT (site_id, span, dimension, day, type, subject, is_bot, value) DO UPDATE
SET events = r.events + EXCLUDED.events,
    users = CASE WHEN length(EXCLUDED.users) = 0 THEN r.users ELSE EXCLUDED.users END
""")
# A second call in the same transaction finds the table empty.
EMPTY = text("DELETE FROM staged_rollups")


def add(connection: Connection, site_id: int, counts: dict[Key, Count], limits: guard.Limits = guard.LIMITS) -> int:
    """Adds the counts and unites the users of day rows, within the cardinality limits; how many rows it wrote.

    What comes late is added to the unions of its week and month too, where there are any. A look-up and a COPY for
    every 250 keys, one INSERT; one look-up for the unions.
    """
    if not counts:
        return 0
    connection.execute(BY_INDEX)
    fitted = guard.fit(connection, site_id, counts, limits)
    connection.execute(STAGE)
    written = _add(connection, site_id, DAY, fitted)
    for kind, late in _in_unions(connection, site_id, fitted).items():
        written += _add(connection, site_id, kind, late)
    return written


def _add(connection: Connection, site_id: int, kind: str, counts: Mapping[Key, Count]) -> int:
    keys = sorted(counts)
    for start in range(0, len(keys), KEYS_AT_A_TIME):
        _stage(connection, site_id, kind, keys[start : start + KEYS_AT_A_TIME], counts)
    connection.execute(ADD, {"site_id": site_id, "span": kind})
    connection.execute(EMPTY)
    return len(keys)


def _in_unions(connection: Connection, site_id: int, counts: Mapping[Key, Count]) -> dict[str, dict[Key, Count]]:
    """What the counts add to each kind of union that there is. A union that exists is exact, whatever comes late."""
    united = known_unions(connection, site_id, spans_of(key.day for key in counts))
    found: dict[str, dict[Key, Count]] = {kind: defaultdict(Count) for kind in sorted({span.kind for span in united})}
    for key, count in counts.items() if united else ():
        for kind, late in found.items():
            span = span_of(kind, key.day)
            if span in united and key.dimension in UNITED:
                late[key._replace(day=span.day)].add(count)
    return found


# An entry of pk_rollups for each span: whoever writes unions of a span writes all of it.
KNOWN_UNIONS = text("""
SELECT s.span, s.day
FROM unnest(CAST(:spans AS text[]), CAST(:days AS date[])) AS s (span, day)
WHERE EXISTS (
    SELECT FROM rollups r
    WHERE r.site_id = :site_id AND r.span = s.span AND r.dimension = 'total' AND r.day = s.day
    OFFSET 0
)
""")


def known_unions(connection: Connection, site_id: int, spans: Collection[Span]) -> set[Span]:
    """Those of the weeks and months that have union rows: exact ones, in every dimension of UNITED. One query."""
    if not spans:
        return set()
    kinds, days = (list(column) for column in zip(*spans, strict=True))
    found = connection.execute(KNOWN_UNIONS, {"site_id": site_id, "spans": kinds, "days": days})
    return {Span(kind, day) for kind, day in found}


def _stage(connection: Connection, site_id: int, kind: str, keys: Sequence[Key], counts: Mapping[Key, Count]) -> None:
    stored = _stored_users(connection, site_id, kind, keys)
    rows = (_binary(key, counts[key], stored.get(n)) for n, key in enumerate(keys))
    data = BytesIO(b"".join(users.binary_rows(rows)))
    cursor: Any = connection.connection.cursor()
    with cursor:
        cursor.copy_expert(FILL, data, size=1 << 18)


def _binary(key: Key, count: Count, stored: bytes | None) -> tuple[bytes, ...]:
    bitmap = users.pack(count.users) if stored is None else _grown(stored, count.users)
    return (
        key.dimension.encode(), users.from_date(key.day), key.type.encode(), key.subject.encode(),
        users.from_bool(key.is_bot), key.value.encode(), users.from_int8(count.events), bitmap,
    )  # fmt: skip


def _grown(stored: bytes, more: BitMap64) -> bytes:
    """The stored set with `more`; empty when it holds all of them."""
    known = users.unpack(stored)
    if more.issubset(known):
        return b""
    known |= more
    return users.pack(known)


# Served by pk_rollups, all of its columns. OFFSET 0 keeps the keys outside: what the planner knows of a young table is
# wrong, and it would go through the keys once for each row of the table (0.4 ms a key at 3,600 rows).
STORED_USERS = """
SELECT k.n, r.users
FROM unnest(%(dimensions)s::text[], %(days)s::date[], %(types)s::text[], %(subjects)s::text[], %(bots)s::bool[],
            %(values)s::text[]) WITH ORDINALITY AS k (dimension, day, type, subject, is_bot, value, n)
CROSS JOIN LATERAL (
    SELECT users
    FROM rollups
    WHERE site_id = %(site_id)s AND span = %(span)s AND dimension = k.dimension AND day = k.day
        AND type = k.type AND subject = k.subject AND is_bot = k.is_bot AND value = k.value
    OFFSET 0
) AS r
"""


def _stored_users(connection: Connection, site_id: int, kind: str, keys: Sequence[Key]) -> dict[int, bytes]:
    """Position in `keys` → the bitmap of its row; no entry where there is none."""
    columns = zip(("dimensions", "days", "types", "subjects", "bots", "values"), zip(*keys, strict=True), strict=True)
    given = {"site_id": site_id, "span": kind, **{name: list(column) for name, column in columns}}
    rows = users.read_binary(connection, STORED_USERS, given)
    return {users.as_int(n or b"") - 1: stored or b"" for n, stored in rows}


# Served by pk_rollups, whose third and fourth columns these are.
REMOVE = text("""
DELETE FROM rollups
WHERE site_id = :site_id AND span = 'day' AND dimension = ANY(:dimensions) AND day >= :first_day AND day < :after_day
""")
DROP_UNIONS = text("""
DELETE FROM rollups
WHERE site_id = :site_id AND span = :span AND dimension = ANY(:dimensions) AND day = ANY(CAST(:days AS date[]))
""")


def remove(connection: Connection, site_id: int, first_day: date, after_day: date) -> None:
    """Removes the day rows of `[first_day, after_day)`, and the unions that hold any of these days."""
    connection.execute(BY_INDEX)
    given = {"site_id": site_id, "dimensions": list(DIMENSIONS)}
    connection.execute(REMOVE, {**given, "first_day": first_day, "after_day": after_day})
    spans = spans_of(first_day + timedelta(days=n) for n in range((after_day - first_day).days))
    for kind in UNIONS:
        days = [span.day for span in spans if span.kind == kind]
        connection.execute(DROP_UNIONS, {**given, "span": kind, "days": days})


PUT_UNIONS = """
COPY rollups (site_id, span, dimension, day, type, subject, is_bot, value, events, users) FROM STDIN (FORMAT binary)
"""


def put_unions(connection: Connection, site_id: int, span: Span, data: IO[bytes]) -> None:
    """Replaces the rows of a week or month by a binary COPY of them; their first column is the site as int4."""
    given = {"site_id": site_id, "dimensions": list(DIMENSIONS), "span": span.kind, "days": [span.day]}
    connection.execute(DROP_UNIONS, given)
    cursor: Any = connection.connection.cursor()
    with cursor:
        cursor.copy_expert(PUT_UNIONS, data, size=1 << 18)


# Served by pk_open_days.
OPEN = text("""
INSERT INTO open_days (site_id, day, changed_at)
SELECT :site_id, day, now()
FROM unnest(CAST(:days AS date[])) AS day
ON CONFLICT (site_id, day) DO UPDATE SET changed_at = now()
""")


def open_days(connection: Connection, site_id: int, days: Collection[date]) -> None:
    """Notes that the days' rollups have changed, for close_day; and drops their postings, which lack what came."""
    connection.execute(OPEN, {"site_id": site_id, "days": sorted(days)})
    postings.drop(connection, site_id, days)


# pk_rollups' third column is the dimension, its fourth the day: the first and the last entry of one range.
KNOWN_DAYS = text("""
SELECT min(day), max(day)
FROM rollups
WHERE site_id = :site_id AND span = 'day' AND dimension = 'total'
""")


def known_days(connection: Connection, site_id: int) -> set[date]:
    """The first and the last day that have rows."""
    found = connection.execute(KNOWN_DAYS, {"site_id": site_id}).one()
    return {day for day in found if day is not None}
