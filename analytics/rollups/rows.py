"""The only writer of `rollups`; marks changed days in `open_days`. Each function works inside the caller's transaction.

merge, rebuild and closing/ call it under the site's lock (locks.py), so nothing else changes these rows; build_unions
takes the lock only before it commits. Never opens a transaction.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from typing import IO, Any

from pyroaring import BitMap64
from sqlalchemy import Connection, text

from analytics.rollups import bitmaps, cardinality
from analytics.rollups.deltas.counts import DIMENSIONS, Count, RollupKey
from analytics.rollups.spans import DAY, UNION_KINDS, Span, span_of, union_spans_of
from analytics.store.copy.binary_copy import as_int, encode_copy, from_bool, from_date, from_int8, read_binary
from analytics.store.copy.copy_text import copy_bytes
from analytics.store.planner import force_index_lookups

# Keys whose bitmaps are in memory at a time, briefly in three copies: at 300,000 users each, 30 MB.
KEYS_AT_A_TIME = 250

# No report reads the hours of a week.
UNION_DIMENSIONS = tuple(dimension for dimension in DIMENSIONS if dimension != "hour")

# Kept for the session and emptied by every commit: a new table every two seconds would bloat the catalogue. Bitmaps
# stay for a moment only, so compressing them gains nothing.
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
# An empty bitmap: no new user, so the stored one stays where it is; 100 bytes are written instead of 40,000.
ADD = text("""
INSERT INTO rollups AS r (site_id, span, dimension, day, type, subject, is_bot, value, events, users)
SELECT :site_id, :span, dimension, day, type, subject, is_bot, value, events, users
FROM staged_rollups
ON CONFLICT (site_id, span, dimension, day, type, subject, is_bot, value) DO UPDATE
SET events = r.events + EXCLUDED.events,
    users = CASE WHEN length(EXCLUDED.users) = 0 THEN r.users ELSE EXCLUDED.users END
""")
# For a second call in the same transaction.
EMPTY = text("DELETE FROM staged_rollups")


def with_bots(bots: bool) -> list[bool]:
    """The values of `is_bot` that a query reads."""
    return [False, True] if bots else [False]


def add(
    connection: Connection,
    site_id: int,
    counts: dict[RollupKey, Count],
    limits: cardinality.CardinalityLimits = cardinality.DEFAULT_LIMITS,
) -> int:
    """Adds events and users to day rows, within the cardinality limits; how many rows it wrote.

    Late counts are added to the existing unions of their week and month too. A look-up and a COPY for every 250 keys,
    one INSERT; one look-up for the unions.
    """
    if not counts:
        return 0
    force_index_lookups(connection)
    fitted = cardinality.apply_limits(connection, site_id, counts, limits)
    connection.execute(STAGE)
    written = _add(connection, site_id, DAY, fitted)
    for kind, late in _in_unions(connection, site_id, fitted).items():
        written += _add(connection, site_id, kind, late)
    return written


def _add(connection: Connection, site_id: int, kind: str, counts: Mapping[RollupKey, Count]) -> int:
    keys = sorted(counts)
    for start in range(0, len(keys), KEYS_AT_A_TIME):
        _stage(connection, site_id, kind, keys[start : start + KEYS_AT_A_TIME], counts)
    connection.execute(ADD, {"site_id": site_id, "span": kind})
    connection.execute(EMPTY)
    return len(keys)


def _in_unions(
    connection: Connection, site_id: int, counts: Mapping[RollupKey, Count]
) -> dict[str, dict[RollupKey, Count]]:
    """Kind of span → what the counts add to its existing unions, so that a union stays exact after late events."""
    unions = existing_unions(connection, site_id, union_spans_of(key.day for key in counts))
    by_kind: dict[str, dict[RollupKey, Count]] = {
        kind: defaultdict(Count) for kind in sorted({span.kind for span in unions})
    }
    for key, count in counts.items() if unions else ():
        for kind, late in by_kind.items():
            span = span_of(kind, key.day)
            if span in unions and key.dimension in UNION_DIMENSIONS:
                late[key._replace(day=span.day)].add(count)
    return by_kind


# An entry of pk_rollups for each span: all unions of a span are written together.
EXISTING_UNIONS = text("""
SELECT s.span, s.day
FROM unnest(CAST(:spans AS text[]), CAST(:days AS date[])) AS s (span, day)
WHERE EXISTS (
    SELECT FROM rollups r
    WHERE r.site_id = :site_id AND r.span = s.span AND r.dimension = 'total' AND r.day = s.day
    OFFSET 0
)
""")


def existing_unions(connection: Connection, site_id: int, spans: Collection[Span]) -> set[Span]:
    """Those of the weeks and months that have union rows, in every dimension of UNION_DIMENSIONS. One query."""
    if not spans:
        return set()
    kinds, days = (list(column) for column in zip(*spans, strict=True))
    result = connection.execute(EXISTING_UNIONS, {"site_id": site_id, "spans": kinds, "days": days})
    return {Span(kind, day) for kind, day in result}


def _stage(
    connection: Connection, site_id: int, kind: str, keys: Sequence[RollupKey], counts: Mapping[RollupKey, Count]
) -> None:
    stored = _stored_users(connection, site_id, kind, keys)
    rows = (_encode_row(key, counts[key], stored.get(n)) for n, key in enumerate(keys))
    copy_bytes(connection, FILL, b"".join(encode_copy(rows)))


def _encode_row(key: RollupKey, count: Count, stored: bytes | None) -> tuple[bytes, ...]:
    bitmap = bitmaps.encode(count.users) if stored is None else _add_users(stored, count.users)
    return (
        key.dimension.encode(), from_date(key.day), key.type.encode(), key.subject.encode(),
        from_bool(key.is_bot), key.value.encode(), from_int8(count.events), bitmap,
    )  # fmt: skip


def _add_users(stored: bytes, new: BitMap64) -> bytes:
    """The stored set with `new`; empty when it holds all of them."""
    users = bitmaps.decode(stored)
    if new.issubset(users):
        return b""
    users |= new
    return bitmaps.encode(users)


# Served by pk_rollups, all of its columns. OFFSET 0 keeps the keys in the outer loop: the statistics of a new table
# are wrong, and the planner would go through the keys once for each row of the table (0.4 ms a key at 3,600 rows).
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


def _stored_users(connection: Connection, site_id: int, kind: str, keys: Sequence[RollupKey]) -> dict[int, bytes]:
    """Position in `keys` → the bitmap of its row; no entry where there is none."""
    columns = zip(("dimensions", "days", "types", "subjects", "bots", "values"), zip(*keys, strict=True), strict=True)
    parameters = {"site_id": site_id, "span": kind, **{name: list(column) for name, column in columns}}
    return {as_int(n) - 1: stored for n, stored in read_binary(connection, STORED_USERS, parameters)}


# Served by pk_rollups, whose third and fourth columns these are.
DELETE_DAYS = text("""
DELETE FROM rollups
WHERE site_id = :site_id AND span = 'day' AND dimension = ANY(:dimensions) AND day >= :first_day AND day < :end_day
""")
DELETE_UNIONS = text("""
DELETE FROM rollups
WHERE site_id = :site_id AND span = :span AND dimension = ANY(:dimensions) AND day = ANY(CAST(:days AS date[]))
""")


def delete_days(connection: Connection, site_id: int, first_day: date, end_day: date) -> None:
    """Deletes the day rows of `[first_day, end_day)`, and the unions that hold any of these days."""
    force_index_lookups(connection)
    parameters = {"site_id": site_id, "dimensions": list(DIMENSIONS)}
    connection.execute(DELETE_DAYS, {**parameters, "first_day": first_day, "end_day": end_day})
    spans = union_spans_of(first_day + timedelta(days=n) for n in range((end_day - first_day).days))
    for kind in UNION_KINDS:
        days = [span.day for span in spans if span.kind == kind]
        connection.execute(DELETE_UNIONS, {**parameters, "span": kind, "days": days})


COPY_UNIONS = """
COPY rollups (site_id, span, dimension, day, type, subject, is_bot, value, events, users) FROM STDIN (FORMAT binary)
"""


def replace_unions(connection: Connection, site_id: int, span: Span, data: IO[bytes]) -> None:
    """Replaces the rows of a week or month by those of a binary COPY, whose columns are those of COPY_UNIONS."""
    parameters = {"site_id": site_id, "dimensions": list(DIMENSIONS), "span": span.kind, "days": [span.day]}
    connection.execute(DELETE_UNIONS, parameters)
    cursor: Any = connection.connection.cursor()
    with cursor:
        cursor.copy_expert(COPY_UNIONS, data, size=1 << 18)


# Served by pk_open_days and pk_day_versions.
MARK_DAYS_OPEN = text("""
WITH changed AS (
    SELECT day FROM unnest(CAST(:days AS date[])) AS day
), counted AS (
    INSERT INTO day_versions (site_id, day, version)
    SELECT :site_id, day, 1 FROM changed
    ON CONFLICT (site_id, day) DO UPDATE SET version = day_versions.version + 1
)
INSERT INTO open_days (site_id, day, changed_at)
SELECT :site_id, day, now() FROM changed
ON CONFLICT (site_id, day) DO UPDATE SET changed_at = now()
""")


def mark_days_open(connection: Connection, site_id: int, days: Collection[date]) -> None:
    """Records that the days' rollups have changed, for close_days and for caches (versions.py)."""
    connection.execute(MARK_DAYS_OPEN, {"site_id": site_id, "days": sorted(days)})


# pk_rollups' third column is the dimension, its fourth the day: the first and the last entry of one range.
FIRST_AND_LAST_DAY = text("""
SELECT min(day), max(day)
FROM rollups
WHERE site_id = :site_id AND span = 'day' AND dimension = 'total'
""")


def first_and_last_day(connection: Connection, site_id: int) -> set[date]:
    """The first and the last day that have rows; empty when none has."""
    days = connection.execute(FIRST_AND_LAST_DAY, {"site_id": site_id}).one()
    return {day for day in days if day is not None}
