"""The only writer of `visit_rollups`: folds signed sums in, recounts days from `visits`, and reads them for reports.

At most MAX_VALUES values a (dimension, day, is_bot) have a row of their own; the visits of the others are summed under
'(other)'. A value without a row in a full group belongs to the others, for additions and subtractions alike; so that
this stays true, a group that was full once stays so: its rows that fell to zero are kept (docs/decisions/0005).
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from analytics import clock
from analytics.rollups.guard import FREE, LIMITS, OTHER
from analytics.rollups.visit_tally import DIMENSIONS, SumKey, Tally, VisitSums

MAX_VALUES = LIMITS.values
# What is longer may not fit into a page of the index, whose limit is 2,704.
MAX_BYTES = 2_000

Group = tuple[str, date, bool]


def fold_sums(connection: Connection, site_id: int, tally: Tally) -> None:
    """Adds the tally's differences. The caller holds the site's advisory lock; four statements, O(changed rows)."""
    sums = _short(tally.sums())
    if not sums:
        return
    listed = _listed(connection, site_id, sums)
    emptied = {key for key, visits in listed.items() if visits + sums[key].visits == 0 and key.value not in FREE}
    newcomers = {key for key in sums if key not in listed and key.value not in FREE}
    places = _places(connection, site_id, {key[:3] for key in emptied | newcomers})
    seated = _seat(newcomers, sums, places)
    _write(connection, site_id, _move(sums, newcomers - seated))
    _delete(connection, site_id, {key for key in emptied if places[key[:3]] > 0})


def _short(sums: Iterable[tuple[SumKey, VisitSums]]) -> dict[SumKey, VisitSums]:
    given = dict(sums)
    return _move(given, {key for key in given if len(key.value) * 4 > MAX_BYTES and _is_long(key.value)})


def _is_long(value: str) -> bool:
    return len(value.encode()) > MAX_BYTES


def _move(sums: Mapping[SumKey, VisitSums], out: set[SumKey]) -> dict[SumKey, VisitSums]:
    """The sums with those of `out` under '(other)'."""
    kept = {key: value for key, value in sums.items() if key not in out}
    for key in out:
        other = key._replace(value=OTHER)
        kept[other] = _plus(kept.get(other, VisitSums(0, 0, 0, 0)), sums[key])
    return kept


def _plus(one: VisitSums, more: VisitSums) -> VisitSums:
    return VisitSums(*(a + b for a, b in zip(one, more, strict=True)))


# Served by pk_visit_rollups, as are the others by it or by its leading columns. OFFSET 0: see rows.STORED_USERS.
LISTED = text("""
SELECT k.dimension, k.day, k.is_bot, k.value, r.visits
FROM unnest(CAST(:dimensions AS text[]), CAST(:days AS date[]), CAST(:bots AS bool[]), CAST(:values AS text[]))
    AS k (dimension, day, is_bot, value)
CROSS JOIN LATERAL (
    SELECT visits
    FROM visit_rollups
    WHERE site_id = :site_id AND dimension = k.dimension AND day = k.day AND is_bot = k.is_bot AND value = k.value
    OFFSET 0
) AS r
""")


def _listed(connection: Connection, site_id: int, keys: Iterable[SumKey]) -> dict[SumKey, int]:
    """Those of `keys` that have a row, and the visits in it."""
    rows = connection.execute(LISTED, {"site_id": site_id, **_columns(keys)})
    return {SumKey(*row[:4]): row[4] for row in rows}


COUNT = text("""
SELECT g.dimension, g.day, g.is_bot, count(*)
FROM unnest(CAST(:dimensions AS text[]), CAST(:days AS date[]), CAST(:bots AS bool[])) AS g (dimension, day, is_bot)
CROSS JOIN LATERAL (
    SELECT 1
    FROM visit_rollups
    WHERE site_id = :site_id AND dimension = g.dimension AND day = g.day AND is_bot = g.is_bot AND value <> ALL (:free)
    OFFSET 0
) AS r
GROUP BY g.dimension, g.day, g.is_bot
""")


def _places(connection: Connection, site_id: int, groups: set[Group]) -> dict[Group, int]:
    """How many values each group has room for."""
    places = dict.fromkeys(groups, MAX_VALUES)
    if groups:
        dimensions, days, bots = (list(column) for column in zip(*sorted(groups), strict=True))
        given = {"dimensions": dimensions, "days": days, "bots": bots, "free": list(FREE)}
        for *group, count in connection.execute(COUNT, {"site_id": site_id, **given}):
            places[tuple(group)] = MAX_VALUES - count
    return places


def _seat(newcomers: set[SumKey], sums: Mapping[SumKey, VisitSums], places: dict[Group, int]) -> set[SumKey]:
    """The newcomers that get a row of their own, those of most visits first; takes their places."""
    seated = set()
    for key in sorted(newcomers, key=lambda key: (-sums[key].visits, key.value)):
        if places[key[:3]] > 0:
            places[key[:3]] -= 1
            seated.add(key)
    return seated


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


def _write(connection: Connection, site_id: int, sums: Mapping[SumKey, VisitSums]) -> None:
    amounts = zip(*sums.values(), strict=True)
    given = {name: list(column) for name, column in zip(VisitSums._fields, amounts, strict=True)}
    connection.execute(WRITE, {"site_id": site_id, **_columns(sums), **given})


DELETE = text("""
DELETE FROM visit_rollups r
USING unnest(CAST(:dimensions AS text[]), CAST(:days AS date[]), CAST(:bots AS bool[]), CAST(:values AS text[]))
    AS k (dimension, day, is_bot, value)
WHERE r.site_id = :site_id AND r.dimension = k.dimension AND r.day = k.day AND r.is_bot = k.is_bot
    AND r.value = k.value
""")


def _delete(connection: Connection, site_id: int, keys: set[SumKey]) -> None:
    if keys:
        connection.execute(DELETE, {"site_id": site_id, **_columns(keys)})


def _columns(keys: Iterable[SumKey]) -> dict[str, list[Any]]:
    dimensions, days, bots, values = (list(column) for column in zip(*keys, strict=True))
    return {"dimensions": dimensions, "days": days, "bots": bots, "values": values}


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
