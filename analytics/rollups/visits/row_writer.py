"""Adds changes to the rows of visit_rollups and visit_unions: sums, and who the visits are of.

rollups.py calls it, inside the caller's transaction and under the site's advisory lock.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, TextClause, text

from analytics.rollups.cardinality import EXEMPT_VALUES
from analytics.rollups.spans import DAY
from analytics.rollups.visits.sums import Group, ValueChange, ValueChanges, VisitSums, decode_sums
from analytics.rollups.visits.visitors import Visitors, VisitorsMismatch
from analytics.store.copy.binary_copy import (
    BinaryRow,
    as_int,
    encode_copy,
    from_bool,
    from_date,
    from_int8,
    read_binary,
)
from analytics.store.copy.copy_text import copy_bytes

log = logging.getLogger(__name__)

# Rows whose sets are in memory at a time.
KEYS_AT_A_TIME = 250
# As `users` of a staged row: those of the stored row stay; it has to be recounted who they are.
KEEP, UNKNOWN = b"", b"\0"

STAGE = text("""
DO $$
BEGIN
    IF to_regclass('pg_temp.staged_visit_rollups') IS NULL THEN
        CREATE TEMPORARY TABLE staged_visit_rollups (
            dimension text, day date, is_bot bool, value text, visits bigint, bounces bigint, views bigint,
            duration_us bigint, users bytea, repeats bytea
        ) ON COMMIT DELETE ROWS;
        ALTER TABLE staged_visit_rollups ALTER users SET STORAGE EXTERNAL, ALTER repeats SET STORAGE EXTERNAL;
    END IF;
END $$
""")
FILL = "COPY staged_visit_rollups FROM STDIN (FORMAT binary)"
EMPTY = text("DELETE FROM staged_visit_rollups")


class _Table(NamedTuple):
    """The statements of a table. Each row is found by all columns of the primary key; OFFSET 0: see rows.STORED_USERS.

    read: position in the keys, visits, users and repeats of each row. add: the staged rows.
    """

    read: str
    add: TextClause
    delete_emptied: TextClause


def _table(name: str, own_key: Mapping[str, str]) -> _Table:
    """`own_key`: the columns of the key before `dimension`, each with its psycopg2 placeholder."""
    columns = ", ".join(own_key)
    placeholders = {column: f":{column}" for column in own_key}
    own = " AND ".join(f"r.{column} = {placeholder}" for column, placeholder in own_key.items())
    bound = " AND ".join(f"r.{column} = {placeholder}" for column, placeholder in placeholders.items())
    read = f"""
SELECT k.n, s.visits, s.users, s.repeats
FROM unnest(%(dimensions)s::text[], %(days)s::date[], %(bots)s::bool[], %(values)s::text[])
    WITH ORDINALITY AS k (dimension, day, is_bot, value, n)
CROSS JOIN LATERAL (
    SELECT visits, users, repeats
    FROM {name} r
    WHERE {own} AND r.dimension = k.dimension AND r.day = k.day AND r.is_bot = k.is_bot AND r.value = k.value
    OFFSET 0
) AS s
"""  # noqa: S608  # of constants
    add = f"""
INSERT INTO {name} AS r ({columns}, dimension, day, is_bot, value, visits, bounces, views, duration_us, users, repeats)
SELECT {", ".join(placeholders.values())}, dimension, day, is_bot, value, visits, bounces, views, duration_us,
    NULLIF(users, ''), CASE WHEN users <> '' THEN repeats END
FROM staged_visit_rollups
ON CONFLICT ({columns}, dimension, day, is_bot, value) DO UPDATE
SET visits = r.visits + excluded.visits,
    bounces = r.bounces + excluded.bounces,
    views = r.views + excluded.views,
    duration_us = r.duration_us + excluded.duration_us,
    users = CASE WHEN excluded.users IS NULL THEN r.users ELSE NULLIF(excluded.users, '\\x00') END,
    repeats = CASE WHEN excluded.users IS NULL THEN r.repeats ELSE excluded.repeats END
"""  # noqa: S608  # of constants
    delete_emptied = f"""
DELETE FROM {name} r
USING unnest(CAST(:dimensions AS text[]), CAST(:days AS date[]), CAST(:bots AS bool[]), CAST(:values AS text[]))
    AS k (dimension, day, is_bot, value)
WHERE {bound} AND r.dimension = k.dimension AND r.day = k.day AND r.is_bot = k.is_bot AND r.value = k.value
    AND r.visits = 0
"""  # noqa: S608  # of constants
    return _Table(read, text(add), text(delete_emptied))


_DAYS = _table("visit_rollups", {"site_id": "%(site_id)s"})
_UNIONS = _table("visit_unions", {"site_id": "%(site_id)s", "span": "%(span)s"})


def add_changes(connection: Connection, site_id: int, span: str, changes: Mapping[Group, ValueChanges]) -> None:
    """Adds the changes to the rows of `span`: days, or the unions of weeks or of months, under their first day.

    A COPY for every KEYS_AT_A_TIME of the rows, and a look-up of those whose users change; one INSERT.
    """
    keys = [(group, value) for group, values in changes.items() for value in values]
    if not keys:
        return
    table, parameters = _DAYS if span == DAY else _UNIONS, {"site_id": site_id, "span": span}
    connection.execute(STAGE)
    for start in range(0, len(keys), KEYS_AT_A_TIME):
        part = keys[start : start + KEYS_AT_A_TIME]
        stored = _read_stored(connection, table, parameters, part, changes)
        rows = (_encode_row(key, changes[key[0]][key[1]], stored.get(key)) for key in part)
        copy_bytes(connection, FILL, b"".join(encode_copy(rows)))
    connection.execute(table.add, parameters)
    connection.execute(EMPTY)


def delete_emptied(connection: Connection, site_id: int, span: str, changes: Mapping[Group, ValueChanges]) -> None:
    """Deletes the rows that lost all of their visits; only a value that visits were subtracted from can be one."""
    reduced = [
        (group, value)
        for group, values in changes.items()
        for value, change in values.items()
        if value not in EXEMPT_VALUES and decode_sums(change.sums).visits < 0
    ]
    if reduced:
        table = _DAYS if span == DAY else _UNIONS
        connection.execute(table.delete_emptied, {"site_id": site_id, "span": span, **_key_columns(reduced)})


_Key = tuple[Group, str]


def _read_stored(
    connection: Connection,
    table: _Table,
    parameters: Mapping[str, Any],
    keys: Sequence[_Key],
    changes: Mapping[Group, ValueChanges],
) -> dict[_Key, BinaryRow]:
    """visits, users and repeats of the keys that have a row and whose users change."""
    changed = [key for key in keys if changes[key[0]][key[1]].has_users]
    if not changed:
        return {}
    rows = read_binary(connection, table.read, {**parameters, **_key_columns(changed)})
    return {changed[as_int(row[0]) - 1]: row[1:] for row in rows}


def _key_columns(keys: Sequence[_Key]) -> dict[str, list[Any]]:
    columns = zip(*((*group, value) for group, value in keys), strict=True)
    return {name: list(column) for name, column in zip(("dimensions", "days", "bots", "values"), columns, strict=True)}


def _encode_row(key: _Key, change: ValueChange, stored: Sequence[bytes] | None) -> tuple[bytes, ...]:
    (dimension, day, is_bot), value = key
    sums = decode_sums(change.sums)
    users, repeats = _change_users(key, change, sums, stored) if change.has_users else (KEEP, b"")
    return (
        dimension.encode(), from_date(day), from_bool(is_bot), value.encode(), *map(from_int8, sums), users, repeats
    )  # fmt: skip


def _change_users(
    key: _Key, change: ValueChange, sums: VisitSums, stored: Sequence[bytes] | None
) -> tuple[bytes, bytes]:
    """The columns `users` and `repeats` of the changed row. A row whose users are not known stays so, and one that
    contradicts its own visits becomes one: `flask rollups recount-visits` mends both."""
    visits, *known = stored or (from_int8(0), b"", b"")
    if stored and not known[0]:
        return KEEP, b""
    visitors = Visitors.decode(*known) if stored else Visitors()
    try:
        visitors.change(change.net_visits)
    except VisitorsMismatch:
        pass
    else:
        if visitors.visits == as_int(visits) + sums.visits:
            return visitors.encode()
    log.warning("the users of a dimension of visits are to be recounted", extra={"dimension": key[0][0]})
    return UNKNOWN if stored else KEEP, b""
