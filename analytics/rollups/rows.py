"""The rows of `rollups`: the only writer. Each function works inside the caller's transaction.

merge, rebuild and compaction call it while they hold the site's lock (merge.py), so nobody else changes these rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from io import BytesIO
from typing import Any

from pyroaring import BitMap64
from sqlalchemy import Connection, text

from analytics.rollups import guard, users
from analytics.rollups.delta import DIMENSIONS, Count, Key
from analytics.rollups.months import months_of
from analytics.store import events as store

# Keys whose bitmaps are in memory at a time: at 300,000 users in each, 40 MB.
KEYS_AT_A_TIME = 1000

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
SELECT :site_id, 'day', dimension, day, type, subject, is_bot, value, events, users
FROM staged_rollups
ON CONFLICT (site_id, span, dimension, day, type, subject, is_bot, value) DO UPDATE
SET events = r.events + EXCLUDED.events,
    users = CASE WHEN length(EXCLUDED.users) = 0 THEN r.users ELSE EXCLUDED.users END
""")
# A second call in the same transaction finds the table empty.
EMPTY = text("DELETE FROM staged_rollups")


def add(connection: Connection, site_id: int, counts: dict[Key, Count], limits: guard.Limits = guard.LIMITS) -> int:
    """Adds the counts and unites the users of day rows, within the cardinality limits; how many rows it wrote.

    A look-up and a COPY for every thousand keys, one INSERT.
    """
    if not counts:
        return 0
    connection.execute(BY_INDEX)
    fitted = guard.fit(connection, site_id, counts, limits)
    connection.execute(STAGE)
    keys = sorted(fitted)
    for start in range(0, len(keys), KEYS_AT_A_TIME):
        _stage(connection, site_id, keys[start : start + KEYS_AT_A_TIME], fitted)
    connection.execute(ADD, {"site_id": site_id})
    connection.execute(EMPTY)
    _drop_unions(connection, site_id, {key.day for key in keys})
    return len(keys)


def _stage(connection: Connection, site_id: int, keys: Sequence[Key], counts: dict[Key, Count]) -> None:
    stored = _stored_users(connection, site_id, keys)
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
    WHERE site_id = %(site_id)s AND span = 'day' AND dimension = k.dimension AND day = k.day
        AND type = k.type AND subject = k.subject AND is_bot = k.is_bot AND value = k.value
    OFFSET 0
) AS r
"""


def _stored_users(connection: Connection, site_id: int, keys: Sequence[Key]) -> dict[int, bytes]:
    """Position in `keys` → the bitmap of its row; no entry where there is none."""
    rows = users.read_binary(connection, STORED_USERS, {**_columns(keys), "site_id": site_id})
    return {users.as_int(n or b"") - 1: stored or b"" for n, stored in rows}


def _columns(keys: Iterable[Key]) -> dict[str, list[Any]]:
    columns = zip(("dimensions", "days", "types", "subjects", "bots", "values"), zip(*keys, strict=True), strict=True)
    return {name: list(column) for name, column in columns}


# Served by pk_rollups, whose third and fourth columns these are.
REMOVE = text("""
DELETE FROM rollups
WHERE site_id = :site_id AND span = 'day' AND dimension = ANY(:dimensions) AND day >= :first_day AND day < :after_day
""")


def remove(connection: Connection, site_id: int, first_day: date, after_day: date) -> None:
    """Removes the day rows of `[first_day, after_day)`."""
    connection.execute(BY_INDEX)
    days = {"first_day": first_day, "after_day": after_day}
    connection.execute(REMOVE, {"site_id": site_id, "dimensions": list(DIMENSIONS), **days})
    _drop_unions(connection, site_id, (first_day + timedelta(days=n) for n in range((after_day - first_day).days)))


# Served by pk_rollups.
DROP_UNIONS = text("""
DELETE FROM rollups
WHERE site_id = :site_id AND span = 'month' AND dimension = 'total' AND day = ANY(CAST(:months AS date[]))
""")
PUT_UNIONS = text("""
INSERT INTO rollups (site_id, span, dimension, day, type, subject, is_bot, value, events, users)
SELECT :site_id, 'month', k.*
FROM unnest(CAST(:dimensions AS text[]), CAST(:days AS date[]), CAST(:types AS text[]), CAST(:subjects AS text[]),
            CAST(:bots AS bool[]), CAST(:values AS text[]), CAST(:events AS bigint[]), CAST(:users AS bytea[])) k
""")


def _drop_unions(connection: Connection, site_id: int, days: Iterable[date]) -> None:
    """A union row that exists is exact: whatever changes a day takes its month's away, in the same transaction."""
    connection.execute(DROP_UNIONS, {"site_id": site_id, "months": months_of(days)})


def put_unions(connection: Connection, site_id: int, counts: Mapping[Key, Count]) -> int:
    """Writes the rows of months that have none, with the month in place of the day; how many."""
    if counts:
        given = {
            "events": [one.events for one in counts.values()],
            "users": [users.pack(one.users) for one in counts.values()],
        }
        connection.execute(PUT_UNIONS, {"site_id": site_id, **_columns(counts), **given})
    return len(counts)


# Served by pk_open_days.
OPEN = text("""
INSERT INTO open_days (site_id, day, changed_at)
SELECT :site_id, day, now()
FROM unnest(CAST(:days AS date[])) AS day
ON CONFLICT (site_id, day) DO UPDATE SET changed_at = now()
""")


def open_days(connection: Connection, site_id: int, days: Iterable[date]) -> None:
    """Notes that the days' rollups have changed, for close_day."""
    connection.execute(OPEN, {"site_id": site_id, "days": sorted(days)})


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
