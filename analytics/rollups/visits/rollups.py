"""The only writer of `visit_rollups` and `visit_unions`: adds signed changes, recounts days; also reads sums of days.

At most MAX_VALUES values of a (dimension, day, is_bot) have a row of their own; the visits of the others are summed
under OTHER. A value without a row in a full group counts under OTHER, for additions and subtractions alike; so
that this stays true, a group that was full once stays full: its rows that fall to zero are kept (docs/decisions/0005).
Who the visits are of changes by the same rule (docs/decisions/0028), and both in the unions of weeks and months.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date, timedelta
from heapq import nsmallest

from sqlalchemy import Connection, text

from analytics import clock
from analytics.rollups.cardinality import DEFAULT_LIMITS, EXEMPT_DIMENSIONS, EXEMPT_VALUES, OTHER
from analytics.rollups.rows import with_bots
from analytics.rollups.spans import DAY, UNION_KINDS, Span, span_of, union_spans_of
from analytics.rollups.visits.day_count import count_day
from analytics.rollups.visits.row_writer import add_changes, delete_emptied
from analytics.rollups.visits.sums import (
    LIST_DIMENSIONS,
    VISIT_DIMENSIONS,
    Group,
    ValueChange,
    ValueChanges,
    VisitSumChanges,
    VisitSums,
    decode_sums,
)

MAX_VALUES = DEFAULT_LIMITS.values
# A longer value may not fit into a page of the index, whose limit is 2,704 bytes.
MAX_VALUE_BYTES = 2_000


def apply_sums(connection: Connection, site_id: int, sum_changes: VisitSumChanges) -> None:
    """Adds the changes to their days, and to the unions of these days. The caller holds the site's advisory lock.

    O(changed values), and the users of those whose users change.
    """
    changes, full = _limit(connection, site_id, dict(sum_changes.groups()))
    if changes:
        add_changes(connection, site_id, DAY, changes)
        delete_emptied(connection, site_id, DAY, {group: changes[group] for group in changes.keys() - full})
        for kind, changes_of_kind in _in_unions(connection, site_id, changes).items():
            add_changes(connection, site_id, kind, changes_of_kind)
            delete_emptied(connection, site_id, kind, changes_of_kind)


def limit_changes(
    connection: Connection, site_id: int, changes: Mapping[Group, ValueChanges]
) -> dict[Group, ValueChanges]:
    """The changes under the values that `apply_sums` would add them to. One query."""
    return _limit(connection, site_id, changes)[0]


def _in_unions(
    connection: Connection, site_id: int, changes: Mapping[Group, ValueChanges]
) -> dict[str, dict[Group, ValueChanges]]:
    """Kind of span → what the changes add to its existing unions."""
    lists = {group: values for group, values in changes.items() if group[0] in LIST_DIMENSIONS}
    unions = existing_visit_unions(connection, site_id, union_spans_of({day for _, day, _ in lists}))
    by_kind: dict[str, dict[Group, ValueChanges]] = {}
    for kind in sorted({span.kind for span in unions}):
        groups = defaultdict[Group, dict[str, list[ValueChange]]](lambda: defaultdict(list))
        for (dimension, day, is_bot), values in lists.items():
            if (span := span_of(kind, day)) in unions:
                for value, change in values.items():
                    groups[dimension, span.day, is_bot][value].append(change)
        by_kind[kind] = {
            group: {value: ValueChange.total(parts) for value, parts in values.items()}
            for group, values in groups.items()
        }
    return by_kind


# An entry of pk_visit_unions for each span: every visit has a value of each dimension.
EXISTING_UNIONS = text("""
SELECT s.span, s.day
FROM unnest(CAST(:spans AS text[]), CAST(:days AS date[])) AS s (span, day)
WHERE EXISTS (
    SELECT FROM visit_unions u
    WHERE u.site_id = :site_id AND u.span = s.span AND u.dimension = 'entry_path' AND u.day = s.day
    OFFSET 0
)
""")


def existing_visit_unions(connection: Connection, site_id: int, spans: Collection[Span]) -> set[Span]:
    """Those of the weeks and months that have visit_unions, in all of LIST_DIMENSIONS. One query."""
    if not spans:
        return set()
    kinds, days = (list(column) for column in zip(*spans, strict=True))
    result = connection.execute(EXISTING_UNIONS, {"site_id": site_id, "spans": kinds, "days": days})
    return {Span(kind, day) for kind, day in result}


def _limit(
    connection: Connection, site_id: int, groups: Mapping[Group, ValueChanges]
) -> tuple[dict[Group, ValueChanges], set[Group]]:
    """The groups that change, each with at most MAX_VALUES values; and those that are full."""
    changes = {group: changed for group, values in groups.items() if (changed := _changed(values))}
    crowded = _crowded(connection, site_id, changes) if changes else {}
    full = set()
    for group, values in changes.items():
        if group[0] not in EXEMPT_DIMENSIONS and (group in crowded or len(values) >= MAX_VALUES):
            changes[group], has_room = _fit(values, crowded.get(group, frozenset()))
            if not has_room:
                full.add(group)
    return changes, full


def _changed(values: ValueChanges) -> ValueChanges:
    """Only the values that change; those too long for the index under OTHER."""
    changed = {value: change for value, change in values.items() if change.sums or change.has_users}
    return _move(changed, {value for value in changed if len(value) * 4 > MAX_VALUE_BYTES and _is_long(value)})


def _is_long(value: str) -> bool:
    return len(value.encode()) > MAX_VALUE_BYTES


def _fit(values: ValueChanges, listed: Collection[str]) -> tuple[ValueChanges, bool]:
    """A group's values, those beyond the limit under OTHER; and whether there is room for more.

    Values that have a row keep it; of the new ones those with most visits get a row.
    """
    newcomers = [value for value in values if value not in listed and value not in EXEMPT_VALUES]
    free_rows = max(0, MAX_VALUES - len(listed))
    added = nsmallest(free_rows, newcomers, key=lambda value: (-decode_sums(values[value].sums).visits, value))
    return _move(values, set(newcomers).difference(added)), len(added) < free_rows


def _move(values: ValueChanges, out: Collection[str]) -> ValueChanges:
    """The values with the sum of those of `out` under OTHER."""
    if not out:
        return values
    kept = {value: change for value, change in values.items() if value not in out}
    moved = [values[value] for value in out]
    kept[OTHER] = ValueChange.total([kept[OTHER], *moved] if OTHER in kept else moved)
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


def _crowded(connection: Connection, site_id: int, changes: Mapping[Group, ValueChanges]) -> dict[Group, set[str]]:
    """The groups that may be full with the changed values → their values that have a row."""
    groups = list(changes)
    dimensions, days, bots = (list(column) for column in zip(*groups, strict=True))
    columns = {"dimensions": dimensions, "days": days, "bots": bots}
    columns["changed"] = [len(changes[group]) for group in groups]
    rows = connection.execute(
        CROWDED, {"site_id": site_id, "exempt": list(EXEMPT_VALUES), "max_values": MAX_VALUES, **columns}
    )
    return {groups[n - 1]: set(values) for n, values in rows}


def recount_visit_rollups(connection: Connection, site_id: int, zone: str, first_day: date, end_day: date) -> None:
    """Replaces the rows of the local days [first_day, end_day) by a count of `visits`: one query and one COPY a day."""
    delete_visit_rollups(connection, site_id, first_day, end_day)
    tz, day = clock.zone(zone), first_day
    while day < end_day:
        start, end = clock.day_bounds(day, tz)
        if start < end:
            count_day(connection, site_id, day, start, end, MAX_VALUES, MAX_VALUE_BYTES)
        day += timedelta(days=1)


CLEAR = text("DELETE FROM visit_rollups WHERE site_id = :site_id AND day >= :first_day AND day < :end_day")
CLEAR_UNIONS = text("""
DELETE FROM visit_unions
WHERE site_id = :site_id AND span = :span AND dimension = ANY(:dimensions) AND day = ANY(CAST(:days AS date[]))
""")


def delete_visit_rollups(connection: Connection, site_id: int, first_day: date, end_day: date) -> None:
    """Deletes the rows of `[first_day, end_day)`, and the unions that hold any of these days."""
    connection.execute(CLEAR, {"site_id": site_id, "first_day": first_day, "end_day": end_day})
    spans = union_spans_of(first_day + timedelta(days=n) for n in range((end_day - first_day).days))
    parameters = {"site_id": site_id, "dimensions": list(LIST_DIMENSIONS)}
    for kind in UNION_KINDS:
        days = [span.day for span in spans if span.kind == kind]
        connection.execute(CLEAR_UNIONS, {**parameters, "span": kind, "days": days})


# Ranges of pk_visit_rollups; of `total` and `hour` nobody is counted.
HAS_UNKNOWN = text("""
SELECT EXISTS (
    SELECT FROM visit_rollups
    WHERE site_id = :site_id AND dimension = ANY(:dimensions) AND day >= :first_day AND day < :end_day
        AND users IS NULL AND visits > 0
)
""")
FORGET = text("""
UPDATE visit_rollups SET users = NULL, repeats = NULL
WHERE site_id = :site_id AND dimension = ANY(:dimensions) AND day >= :first_day AND day < :end_day
""")


def has_unknown_visitors(connection: Connection, site_id: int, first_day: date, end_day: date) -> bool:
    """Whether a row of `[first_day, end_day)` does not know who its visits are of (visit_recount.py)."""
    days = {"first_day": first_day, "end_day": end_day}
    parameters = {"site_id": site_id, "dimensions": list(LIST_DIMENSIONS), **days}
    return bool(connection.execute(HAS_UNKNOWN, parameters).scalar_one())


def forget_visitors(connection: Connection, site_id: int, first_day: date, end_day: date) -> None:
    """Marks the rows of `[first_day, end_day)` as not knowing who their visits are of."""
    days = {"first_day": first_day, "end_day": end_day}
    connection.execute(FORGET, {"site_id": site_id, "dimensions": list(LIST_DIMENSIONS), **days})


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
