"""The only writer of `visit_rollups`: folds signed sums in, recounts days from `visits`, and reads them for reports.

At most MAX_VALUES values a (dimension, day, is_bot) have a row of their own; the visits of the others are summed under
'(other)'. A value without a row in a full group belongs to the others, for additions and subtractions alike; so that
this stays true, a group that was full once stays so: its rows that fell to zero are kept (docs/decisions/0005).
"""

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from heapq import nsmallest
from typing import Any

from sqlalchemy import Connection, text

from analytics import clock
from analytics.rollups.guard import FREE, LIMITS, OTHER
from analytics.rollups.visit_tally import DIMENSIONS, Group, Tally, VisitSums, unpack

MAX_VALUES = LIMITS.values
# What is longer may not fit into a page of the index, whose limit is 2,704.
MAX_BYTES = 2_000

# Value → its sums, packed.
Values = Mapping[str, int]


def fold_sums(connection: Connection, site_id: int, tally: Tally) -> None:
    """Adds the tally's differences. The caller holds the site's advisory lock; three statements, O(changed values)."""
    changes = {group: changed for group, values in tally.groups() if (changed := _changed(values))}
    if not changes:
        return
    crowded = _crowded(connection, site_id, changes)
    full = set()
    for group, values in changes.items():
        if group in crowded or len(values) >= MAX_VALUES:
            changes[group], has_room = _fit(values, crowded.get(group, frozenset()))
            if not has_room:
                full.add(group)
    _write(connection, site_id, changes)
    _delete_emptied(connection, site_id, {group: changes[group] for group in changes.keys() - full})


def _changed(values: Values) -> Values:
    """Without what stayed as it was; a value too long for the index is under '(other)'."""
    changed = {value: packed for value, packed in values.items() if packed}
    return _move(changed, {value for value in changed if len(value) * 4 > MAX_BYTES and _is_long(value)})


def _is_long(value: str) -> bool:
    return len(value.encode()) > MAX_BYTES


def _fit(values: Values, listed: Collection[str]) -> tuple[Values, bool]:
    """A group's values, those without a place under '(other)'; and whether there is room for more.

    What has a row keeps it; of the newcomers those of most visits get the places.
    """
    newcomers = [value for value in values if value not in listed and value not in FREE]
    places = max(0, MAX_VALUES - len(listed))
    seated = nsmallest(places, newcomers, key=lambda value: (-unpack(values[value]).visits, value))
    return _move(values, set(newcomers).difference(seated)), len(seated) < places


def _move(values: Values, out: Collection[str]) -> Values:
    """The values with the sum of those of `out` under '(other)'."""
    if not out:
        return values
    kept = {value: packed for value, packed in values.items() if value not in out}
    kept[OTHER] = kept.get(OTHER, 0) + sum(values[value] for value in out)
    return kept


# Served by pk_visit_rollups, as are the others by it or by its leading columns. OFFSET 0: see rows.STORED_USERS. A row
# for those groups that the places may not hold together with what changed.
CROWDED = text("""
SELECT g.n, array_agg(r.value)
FROM unnest(CAST(:dimensions AS text[]), CAST(:days AS date[]), CAST(:bots AS bool[]), CAST(:changed AS int[]))
    WITH ORDINALITY AS g (dimension, day, is_bot, changed, n)
CROSS JOIN LATERAL (
    SELECT value
    FROM visit_rollups
    WHERE site_id = :site_id AND dimension = g.dimension AND day = g.day AND is_bot = g.is_bot AND value <> ALL (:free)
    OFFSET 0
) AS r
GROUP BY g.n, g.changed
HAVING count(*) + g.changed >= :places
""")


def _crowded(connection: Connection, site_id: int, changes: Mapping[Group, Values]) -> dict[Group, set[str]]:
    """The groups that may be full with what changed, and their values that have a row."""
    groups = list(changes)
    dimensions, days, bots = (list(column) for column in zip(*groups, strict=True))
    given = {"dimensions": dimensions, "days": days, "bots": bots, "changed": [len(changes[one]) for one in groups]}
    rows = connection.execute(CROWDED, {"site_id": site_id, "free": list(FREE), "places": MAX_VALUES, **given})
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


def _write(connection: Connection, site_id: int, changes: Mapping[Group, Values]) -> None:
    sums = [unpack(packed) for values in changes.values() for packed in values.values()]
    amounts = zip(VisitSums._fields, zip(*sums, strict=True), strict=True)
    given = {name: list(column) for name, column in amounts}
    connection.execute(WRITE, {"site_id": site_id, **_columns(changes), **given})


DELETE_EMPTIED = text("""
DELETE FROM visit_rollups r
USING unnest(CAST(:dimensions AS text[]), CAST(:days AS date[]), CAST(:bots AS bool[]), CAST(:values AS text[]))
    AS k (dimension, day, is_bot, value)
WHERE r.site_id = :site_id AND r.dimension = k.dimension AND r.day = k.day AND r.is_bot = k.is_bot
    AND r.value = k.value AND r.visits = 0
""")


def _delete_emptied(connection: Connection, site_id: int, changes: Mapping[Group, Values]) -> None:
    """Removes the rows that lost all of their visits; only what visits were taken from can be one."""
    taken_from = {
        group: {value: packed for value, packed in values.items() if value not in FREE and unpack(packed).visits < 0}
        for group, values in changes.items()
    }
    if any(taken_from.values()):
        connection.execute(DELETE_EMPTIED, {"site_id": site_id, **_columns(taken_from)})


def _columns(changes: Mapping[Group, Values]) -> dict[str, list[Any]]:
    keys = [(*group, value) for group, values in changes.items() for value in values]
    names = ("dimensions", "days", "bots", "values")
    return {name: list(column) for name, column in zip(names, zip(*keys, strict=True), strict=True)}


def recount_visit_rollups(connection: Connection, site_id: int, zone: str, first_day: date, after_day: date) -> None:
    """Replaces the rows of the local days [first_day, after_day) by a count of `visits`: one statement a day."""
    clear_visit_rollups(connection, site_id, first_day, after_day)
    tz, day = clock.zone(zone), first_day
    while day < after_day:
        start, end = clock.day_bounds(day, tz)
        if start < end:
            _recount_day(connection, site_id, day, start, end)
        day += timedelta(days=1)


def clear_visit_rollups(connection: Connection, site_id: int, first_day: date, after_day: date) -> None:
    """Removes the rows of `[first_day, after_day)`."""
    connection.execute(CLEAR, {"site_id": site_id, "first": first_day, "after": after_day})


CLEAR = text("DELETE FROM visit_rollups WHERE site_id = :site_id AND day >= :first AND day < :after")
# Served by ix_visits_site_id_started_at. The values with most visits get the places.
RECOUNT = text("""
WITH counted AS (
    SELECT d.dimension, v.is_bot, CASE WHEN octet_length(d.value) > :max_bytes THEN '(other)' ELSE d.value END AS value,
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
    SELECT *, value = ANY (:free) AS is_free,
        row_number() OVER (PARTITION BY dimension, is_bot, value = ANY (:free) ORDER BY visits DESC, value) AS place
    FROM counted
)
INSERT INTO visit_rollups (site_id, dimension, day, is_bot, value, visits, bounces, views, duration_us)
SELECT :site_id, dimension, CAST(:day AS date), is_bot,
    CASE WHEN is_free OR place <= :max_values THEN value ELSE '(other)' END,
    sum(visits), sum(bounces), sum(views), sum(duration_us)
FROM ranked
GROUP BY 2, 4, 5
""")


def _recount_day(connection: Connection, site_id: int, day: date, start: datetime, end: datetime) -> None:
    given = {"site_id": site_id, "day": day, "start": start, "end": end, "free": list(FREE)}
    connection.execute(RECOUNT, {**given, "max_values": MAX_VALUES, "max_bytes": MAX_BYTES})


READ = text("""
SELECT day, value, sum(visits)::bigint, sum(bounces)::bigint, sum(views)::bigint, sum(duration_us)::bigint
FROM visit_rollups
WHERE site_id = :site_id AND dimension = :dimension AND day >= :first AND day < :after AND is_bot = ANY (:bots)
GROUP BY day, value
HAVING sum(visits) > 0
""")


def read_visits(
    connection: Connection, site_id: int, dimension: str, first: date, after: date, bots: bool = False
) -> dict[tuple[date, str], VisitSums]:
    """(day, value) → sums over the visits that began on the local days [first, after); `bots`: programs' too.

    Dimensions: visit_tally.DIMENSIONS. One query on pk_visit_rollups.
    """
    if dimension not in DIMENSIONS:
        raise ValueError(f"visits have no dimension {dimension!r}")
    given = {"site_id": site_id, "dimension": dimension, "first": first, "after": after}
    rows = connection.execute(READ, {**given, "bots": [False, True] if bots else [False]})
    return {(row[0], row[1]): VisitSums(*row[2:]) for row in rows}
