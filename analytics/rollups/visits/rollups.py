"""The only writer of `visit_rollups`: adds signed sums, recounts days from `visits`; also reads them for reports.

At most MAX_VALUES values of a (dimension, day, is_bot) have a row of their own; the visits of the others are summed
under OTHER. A value without a row in a full group counts under OTHER, for additions and subtractions alike; so
that this stays true, a group that was full once stays full: its rows that fall to zero are kept (docs/decisions/0005).
"""

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from heapq import nsmallest
from typing import Any

from sqlalchemy import Connection, text

from analytics import clock
from analytics.rollups.cardinality import DEFAULT_LIMITS, EXEMPT_VALUES, OTHER
from analytics.rollups.rows import with_bots
from analytics.rollups.visits.sums import VISIT_DIMENSIONS, Group, VisitSumChanges, VisitSums, decode_sums

MAX_VALUES = DEFAULT_LIMITS.values
# A longer value may not fit into a page of the index, whose limit is 2,704 bytes.
MAX_VALUE_BYTES = 2_000

# Value → its encoded sums.
EncodedSums = Mapping[str, int]


def apply_sums(connection: Connection, site_id: int, sum_changes: VisitSumChanges) -> None:
    """Adds the changes. The caller holds the site's advisory lock; three statements, O(changed values)."""
    changes, full = _limit(connection, site_id, dict(sum_changes.groups()))
    if changes:
        _write(connection, site_id, changes)
        _delete_emptied(connection, site_id, {group: changes[group] for group in changes.keys() - full})


def limit_changes(
    connection: Connection, site_id: int, sum_changes: VisitSumChanges, dimension: str
) -> dict[Group, EncodedSums]:
    """The changes of a dimension under the values that `apply_sums` would add them to. One query."""
    changes = {group: values for group, values in sum_changes.groups() if group[0] == dimension}
    return _limit(connection, site_id, changes)[0]


def _limit(
    connection: Connection, site_id: int, groups: Mapping[Group, EncodedSums]
) -> tuple[dict[Group, EncodedSums], set[Group]]:
    """The groups that change, each with at most MAX_VALUES values; and those that are full."""
    changes = {group: changed for group, values in groups.items() if (changed := _changed(values))}
    crowded = _crowded(connection, site_id, changes) if changes else {}
    full = set()
    for group, values in changes.items():
        if group in crowded or len(values) >= MAX_VALUES:
            changes[group], has_room = _fit(values, crowded.get(group, frozenset()))
            if not has_room:
                full.add(group)
    return changes, full


def _changed(values: EncodedSums) -> EncodedSums:
    """Only the values that change; those too long for the index under OTHER."""
    changed = {value: sums for value, sums in values.items() if sums}
    return _move(changed, {value for value in changed if len(value) * 4 > MAX_VALUE_BYTES and _is_long(value)})


def _is_long(value: str) -> bool:
    return len(value.encode()) > MAX_VALUE_BYTES


def _fit(values: EncodedSums, listed: Collection[str]) -> tuple[EncodedSums, bool]:
    """A group's values, those beyond the limit under OTHER; and whether there is room for more.

    Values that have a row keep it; of the new ones those with most visits get a row.
    """
    newcomers = [value for value in values if value not in listed and value not in EXEMPT_VALUES]
    free_rows = max(0, MAX_VALUES - len(listed))
    added = nsmallest(free_rows, newcomers, key=lambda value: (-decode_sums(values[value]).visits, value))
    return _move(values, set(newcomers).difference(added)), len(added) < free_rows


def _move(values: EncodedSums, out: Collection[str]) -> EncodedSums:
    """The values with the sum of those of `out` under OTHER."""
    if not out:
        return values
    kept = {value: sums for value, sums in values.items() if value not in out}
    kept[OTHER] = kept.get(OTHER, 0) + sum(values[value] for value in out)
    return kept


# Served by pk_visit_rollups, as are the other statements, by it or by its leading columns. OFFSET 0: see
# rows.STORED_USERS. Returns a row only for a group that may exceed the limit with the changed values.
CROWDED = text("""
SELECT g.n, array_agg(r.value)
FROM unnest(CAST(:dimensions AS text[]), CAST(:days AS date[]), CAST(:bots AS bool[]), CAST(:changed AS int[]))
    WITH ORDINALITY AS g (dimension, day, is_bot, changed, n)
CROSS JOIN LATERAL (
    SELECT value
    FROM visit_rollups
    WHERE site_id = :site_id AND dimension = g.dimension AND day = g.day AND is_bot = g.is_bot
        AND value <> ALL (:exempt)
    OFFSET 0
) AS r
GROUP BY g.n, g.changed
HAVING count(*) + g.changed >= :max_values
""")


def _crowded(connection: Connection, site_id: int, changes: Mapping[Group, EncodedSums]) -> dict[Group, set[str]]:
    """The groups that may be full with the changed values → their values that have a row."""
    groups = list(changes)
    dimensions, days, bots = (list(column) for column in zip(*groups, strict=True))
    columns = {"dimensions": dimensions, "days": days, "bots": bots}
    columns["changed"] = [len(changes[group]) for group in groups]
    rows = connection.execute(
        CROWDED, {"site_id": site_id, "exempt": list(EXEMPT_VALUES), "max_values": MAX_VALUES, **columns}
    )
    return {groups[n - 1]: set(values) for n, values in rows}


WRITE = text("""
INSERT INTO visit_rollups AS r (site_id, dimension, day, is_bot, value, visits, bounces, views, duration_us)
SELECT :site_id, k.*
FROM unnest(CAST(:dimensions AS text[]), CAST(:days AS date[]), CAST(:bots AS bool[]), CAST(:values AS text[]),
    CAST(:visits AS bigint[]), CAST(:bounces AS bigint[]), CAST(:views AS bigint[]), CAST(:duration_us AS bigint[])) k
ON CONFLICT (site_id, dimension, day, is_bot, value) DO UPDATE
SET visits = r.visits + excluded.visits,
    bounces = r.bounces + excluded.bounces,
    views = r.views + excluded.views,
    duration_us = r.duration_us + excluded.duration_us
""")


def _write(connection: Connection, site_id: int, changes: Mapping[Group, EncodedSums]) -> None:
    sums = [decode_sums(encoded) for values in changes.values() for encoded in values.values()]
    columns = zip(VisitSums._fields, zip(*sums, strict=True), strict=True)
    amounts = {name: list(column) for name, column in columns}
    connection.execute(WRITE, {"site_id": site_id, **_key_columns(changes), **amounts})


DELETE_EMPTIED = text("""
DELETE FROM visit_rollups r
USING unnest(CAST(:dimensions AS text[]), CAST(:days AS date[]), CAST(:bots AS bool[]), CAST(:values AS text[]))
    AS k (dimension, day, is_bot, value)
WHERE r.site_id = :site_id AND r.dimension = k.dimension AND r.day = k.day AND r.is_bot = k.is_bot
    AND r.value = k.value AND r.visits = 0
""")


def _delete_emptied(connection: Connection, site_id: int, changes: Mapping[Group, EncodedSums]) -> None:
    """Deletes the rows that lost all of their visits; only a value that visits were subtracted from can be one."""
    reduced = {
        group: {
            value: sums for value, sums in values.items() if value not in EXEMPT_VALUES and decode_sums(sums).visits < 0
        }
        for group, values in changes.items()
    }
    if any(reduced.values()):
        connection.execute(DELETE_EMPTIED, {"site_id": site_id, **_key_columns(reduced)})


def _key_columns(changes: Mapping[Group, EncodedSums]) -> dict[str, list[Any]]:
    keys = [(*group, value) for group, values in changes.items() for value in values]
    names = ("dimensions", "days", "bots", "values")
    return {name: list(column) for name, column in zip(names, zip(*keys, strict=True), strict=True)}


def recount_visit_rollups(connection: Connection, site_id: int, zone: str, first_day: date, end_day: date) -> None:
    """Replaces the rows of the local days [first_day, end_day) by a count of `visits`: one statement a day."""
    delete_visit_rollups(connection, site_id, first_day, end_day)
    tz, day = clock.zone(zone), first_day
    while day < end_day:
        start, end = clock.day_bounds(day, tz)
        if start < end:
            _recount_day(connection, site_id, day, start, end)
        day += timedelta(days=1)


def delete_visit_rollups(connection: Connection, site_id: int, first_day: date, end_day: date) -> None:
    """Deletes the rows of `[first_day, end_day)`."""
    connection.execute(CLEAR, {"site_id": site_id, "first_day": first_day, "end_day": end_day})


CLEAR = text("DELETE FROM visit_rollups WHERE site_id = :site_id AND day >= :first_day AND day < :end_day")
# Served by ix_visits_site_id_started_at. The values with most visits get a row.
RECOUNT = text("""
WITH counted AS (
    SELECT d.dimension, v.is_bot, CASE WHEN octet_length(d.value) > :max_bytes THEN :other ELSE d.value END AS value,
        count(*) AS visits, count(*) FILTER (WHERE v.views = 1) AS bounces, sum(v.views) AS views,
        sum((EXTRACT(epoch FROM v.ended_at - v.started_at) * 1000000)::bigint) AS duration_us
    FROM visits v
    CROSS JOIN LATERAL (VALUES
        ('total', ''),
        ('hour', lpad(floor(EXTRACT(epoch FROM v.started_at - :start) / 3600)::text, 2, '0')),
        ('entry_path', v.entry_path), ('source', v.source), ('referrer', v.referrer), ('country', v.country),
        ('browser', v.browser), ('os', v.os), ('device', v.device), ('utm_source', v.utm_source),
        ('utm_medium', v.utm_medium), ('utm_campaign', v.utm_campaign), ('exit_path', v.exit_path)
    ) AS d (dimension, value)
    WHERE v.site_id = :site_id AND v.started_at >= :start AND v.started_at < :end
    GROUP BY 1, 2, 3
), ranked AS (
    SELECT *, value = ANY (:exempt) AS is_exempt,
        row_number() OVER (PARTITION BY dimension, is_bot, value = ANY (:exempt) ORDER BY visits DESC, value) AS rank
    FROM counted
)
INSERT INTO visit_rollups (site_id, dimension, day, is_bot, value, visits, bounces, views, duration_us)
SELECT :site_id, dimension, CAST(:day AS date), is_bot,
    CASE WHEN is_exempt OR rank <= :max_values THEN value ELSE :other END,
    sum(visits), sum(bounces), sum(views), sum(duration_us)
FROM ranked
GROUP BY 2, 4, 5
""")


def _recount_day(connection: Connection, site_id: int, day: date, start: datetime, end: datetime) -> None:
    limits = {"exempt": list(EXEMPT_VALUES), "max_values": MAX_VALUES, "max_bytes": MAX_VALUE_BYTES, "other": OTHER}
    connection.execute(RECOUNT, {"site_id": site_id, "day": day, "start": start, "end": end, **limits})


READ = text("""
SELECT day, value, sum(visits)::bigint, sum(bounces)::bigint, sum(views)::bigint, sum(duration_us)::bigint
FROM visit_rollups
WHERE site_id = :site_id AND dimension = :dimension AND day >= :first_day AND day < :end_day AND is_bot = ANY (:bots)
GROUP BY day, value
HAVING sum(visits) > 0
""")


def read_visit_sums(
    connection: Connection, site_id: int, dimension: str, first_day: date, end_day: date, bots: bool = False
) -> dict[tuple[date, str], VisitSums]:
    """(day, value) → sums of the visits that began on the local days [first_day, end_day); `bots`: of bots too.

    `dimension` is one of VISIT_DIMENSIONS. One query on pk_visit_rollups.
    """
    if dimension not in VISIT_DIMENSIONS:
        raise ValueError(f"visits have no dimension {dimension!r}")
    parameters = {"site_id": site_id, "dimension": dimension, "first_day": first_day, "end_day": end_day}
    rows = connection.execute(READ, {**parameters, "bots": with_bots(bots)})
    return {(day, value): VisitSums(*sums) for day, value, *sums in rows}
