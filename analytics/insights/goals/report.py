"""Reports on a goal: its conversions over a period, and the retention of users who converted beside all others.

goals/views.py calls it. Rollups answer where they hold what the goal needs, raw events otherwise; the JSON is the same.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, NamedTuple

from pyroaring import BitMap64
from sqlalchemy import Connection

from analytics import clock
from analytics.extensions import settings
from analytics.insights.goals.conversions import GoalSource
from analytics.insights.goals.from_columns import ActiveInColumns, ActiveUsers, ColumnSource
from analytics.insights.goals.from_rollups import NotInRollups, RollupSource
from analytics.insights.goals.goals import Goal
from analytics.insights.request import EventSelection, open_events, read_selection
from analytics.period import Period, read_zone
from analytics.reports.audience.active import TRAILING_DAYS
from analytics.reports.buckets import split_period
from analytics.reports.comparison import Comparison, keep_to_rollups, read_comparison
from analytics.reports.day_range import DEFAULT_DAYS, DayRange, has_period, read_days
from analytics.reports.query.measures import DECIMAL_PLACES
from analytics.reports.query.query import compute_change
from analytics.reports.report_period import longest_period, parameter_needing_raw
from analytics.reports.request import ReportRequest, period_bounds
from analytics.reports.responses.cache import get_or_compute
from analytics.rollups.snapshot.clipped import RawEventsPurged, clip
from analytics.rollups.snapshot.snapshot import Snapshot

# What is compared, and what a period has besides.
COMPARED = ("conversions", "users", "active_users", "rate")
TOTALS = (*COMPARED, "amounts", "without_amount")
# The default of `units`.
DEFAULT_UNITS = 8
UNIT_DAYS = {"day": 1, **TRAILING_DAYS}
# Between the default period of retention and now; with that period it is what raw events are kept for by default.
MAX_DEFAULT_DAYS_AFTER = 60


def build_report(request: ReportRequest, goal: Goal) -> dict[str, Any]:
    """Conversions, users, rate and amounts of the period; also by `granularity` and by `dimension`. With `compare`,
    also those of another period, and its series.

    Raises BadInput; Invalid when counting raw events exceeds STATEMENT_TIMEOUT.
    """
    request, goal = with_goal(request, goal)
    with request.open_snapshot() as snapshot:
        selection = read_selection(request, snapshot.zone)
        comparison = read_comparison(request, selection.period, longest_period(request))
        if comparison and _rollups_can_compare(request, snapshot, goal):
            comparison = keep_to_rollups(snapshot, comparison)
    report = _count(_only_counted(request), goal, selection)
    return report if comparison is None else report | _compare(request, goal, selection, comparison, report)


def _rollups_can_compare(request: ReportRequest, snapshot: Snapshot, goal: Goal) -> bool:
    """Whether rollups have its totals by hour."""
    is_of_type = not goal.needs_raw_events and goal.path is None
    return is_of_type and "filter" not in request.query and read_zone(request.query, snapshot.zone).key == snapshot.zone


def _only_counted(request: ReportRequest, *left_out: str) -> ReportRequest:
    """The request without what only compares, and these parameters: equal counts have one key in the cache."""
    names = {"compare", "align", *left_out}
    return replace(request, query={name: value for name, value in request.query.items() if name not in names})


def _compare(
    request: ReportRequest, goal: Goal, selection: EventSelection, comparison: Comparison, report: dict[str, Any]
) -> dict[str, Any]:
    """`previous`, `change` and `meta.compare`; `current` where it is not the report's period that is compared."""

    def count(period: Period, *left_out: str) -> dict[str, Any]:
        of_period = replace(selection, period=period)
        counted = _count(_only_counted(request, "dimension", "limit", *left_out), goal, of_period, "compare")
        return {**period_bounds(period), **{name: counted[name] for name in (*TOTALS, "series") if name in counted}}

    previous, current = count(comparison.previous), report
    compared: dict[str, Any] = {"previous": previous}
    if comparison.by_hour:
        current = compared["current"] = count(comparison.current, "granularity")
    change = compute_change(*({name: of[name] for name in COMPARED} for of in (current, previous)))
    return {**compared, "change": change, "meta": {**report["meta"], "compare": comparison.as_json()}}


def _count(
    request: ReportRequest, goal: Goal, selection: EventSelection, compared: str | None = None
) -> dict[str, Any]:
    """The report of the selection. `compared`: the parameter that asks for its period, if it is not the request's."""
    query = request.query
    unit, dimension = query.get("granularity"), query.get("dimension")
    with request.open_snapshot() as snapshot:
        parameter = parameter_needing_raw(request, selection.period, snapshot.zone)
        is_cut = selection.days is None and compared is not None and _rollups_can_compare(request, snapshot, goal)
        if is_cut or (parameter is None and selection.days):
            days = DayRange.covering(selection.period)
            clipped = clip(snapshot, selection.period.start, selection.period.end)
            source = RollupSource(clipped, goal, days.first, days.after, selection)
            if source.can_count(unit, dimension):
                with suppress(NotInRollups, RawEventsPurged):
                    return _cached(
                        request, selection, "rollup", lambda: _describe(query, selection, source), snapshot.connection
                    )
    return _cached(
        request, selection, "raw", lambda: _describe_raw(request, selection, goal, parameter, compared or "from")
    )


def with_goal(request: ReportRequest, goal: Goal) -> tuple[ReportRequest, Goal]:
    """The goal with the conditions of the segments that its filter names, and the request with all of it in its query,
    so that a changed goal or segment has another cache key. Raises BadInput."""
    goal = expand_goal(request, goal)
    definition = {**goal.as_json(), "conditions": goal.conditions}
    return replace(request, query={**request.query, "goal": definition}), goal


def expand_goal(request: ReportRequest, goal: Goal) -> Goal:
    """The goal with the conditions of the segments that its filter names. Raises BadInput."""
    if not goal.filter:
        return goal
    parameter = "goal_filter" if "goal_filter" in request.query else "filter"
    return replace(goal, conditions=request.expand_filter(goal.filter, parameter).text)


def _cached(
    request: ReportRequest,
    selection: EventSelection,
    source: str,
    compute: Callable[[], dict[str, Any]],
    connection: Connection | None = None,
) -> dict[str, Any]:
    meta = request.meta(selection.period, source)
    return get_or_compute(request, "goal", selection.period, lambda: compute() | {"meta": meta}, connection)


def _describe_raw(
    request: ReportRequest, selection: EventSelection, goal: Goal, parameter: str | None, period_parameter: str
) -> dict[str, Any]:
    """`parameter`: of `parameter_needing_raw`; None: only the goal needs raw events, rollups have the active users."""
    dimension = request.query.get("dimension")
    refused = period_parameter if period_parameter != "from" else parameter or "from"
    with open_events(request, selection, refused) as events:
        active: ActiveUsers = ActiveInColumns(events)
        snapshot = Snapshot(events.reader.connection, request.site)
        # The calendar may have moved since the parameter was found.
        if parameter is None and selection.days and snapshot.zone == selection.period.zone.key:
            active = RollupSource(snapshot, goal, *selection.days, selection)
        return _describe(request.query, selection, ColumnSource(events, goal, active, dimension))


def _describe(query: dict[str, Any], selection: EventSelection, source: GoalSource) -> dict[str, Any]:
    [total] = source.count("all")
    report = total.as_json()
    if unit := query.get("granularity"):
        report |= {"granularity": unit, "series": _series(selection, unit, source)}
    if dimension := query.get("dimension"):
        top = source.top_values(dimension, int(query.get("limit") or settings().top_results_limit))
        rows = [{"value": value or None, **counts.as_json()} for value, counts in top.rows]
        other = top.total_conversions - sum(counts.conversions for _, counts in top.rows)
        report |= {"dimension": dimension, "rows": rows, "other_conversions": other}
    return report


def _series(selection: EventSelection, unit: str, source: GoalSource) -> list[dict[str, Any]]:
    zone = selection.period.zone
    buckets = zip(split_period(selection.period, unit), source.count(unit), strict=True)
    return [
        {
            "date": str(bucket.first),
            "ts": bucket.start.astimezone(zone).isoformat(),
            "to": bucket.end.astimezone(zone).isoformat(),
            **counts.as_json(),
        }
        for bucket, counts in buckets
    ]


class RetentionGroup(NamedTuple):
    """The number of users, and how many of them were active in each unit after the period."""

    size: int
    retained: list[int]

    def as_json(self) -> dict[str, Any]:
        rates = [round(count / self.size, DECIMAL_PLACES) if self.size else None for count in self.retained]
        return {**self._asdict(), "rates": rates}


def build_retention(request: ReportRequest, goal: Goal) -> dict[str, Any]:
    """Activity after the period of the users who converted in it, and of all other users active in it.

    A unit is a day, 7 days or 30 days. The first begins where the period ends; units that have not begun are left out.
    Reads bitmaps only, except for converters that only raw events hold. Raises BadInput and Invalid.
    """
    request, goal = with_goal(_with_default_period(request), goal)
    query = request.query
    days, converters, source = _find_converters(request, goal)
    length, bots = timedelta(days=UNIT_DAYS[query["unit"]]), query.get("include_bots", False)
    starts = list(_unit_starts(request, days, length))
    with request.open_snapshot() as snapshot:
        active = snapshot.total(days.first, days.after, bots=bots).users
        later = [snapshot.total(start, start + length, bots=bots).users for start in starts]
    groups = {"converters": converters, "others": active - converters}
    is_over = not starts or DayRange(starts[-1], starts[-1] + length, days.zone).period.end <= request.now
    return {
        "unit": query["unit"],
        "starts": [str(start) for start in starts],
        **{name: _retention(users, later).as_json() for name, users in groups.items()},
        "last_is_over": is_over,
        "meta": request.meta(days.period, source),
    }


def _with_default_period(request: ReportRequest) -> ReportRequest:
    """The request with a period: by default DEFAULT_DAYS so long ago that the units after them have begun."""
    if has_period(request):
        return request
    length = UNIT_DAYS[request.query["unit"]]
    days_after = min(_max_units(request), MAX_DEFAULT_DAYS_AFTER // length) * length
    with request.open_snapshot() as snapshot:
        last = clock.day_of(request.now, clock.zone(snapshot.zone)) - timedelta(days=days_after)
    days = {"from": str(last - timedelta(days=DEFAULT_DAYS - 1)), "to": str(last)}
    return replace(request, query={**request.query, **days})


def _max_units(request: ReportRequest) -> int:
    return int(request.query.get("units") or DEFAULT_UNITS)


def _find_converters(request: ReportRequest, goal: Goal) -> tuple[DayRange, BitMap64, str]:
    """The request's days, the users who converted on them, and where those are from: rollup or raw."""
    with request.open_snapshot() as snapshot:
        days = read_days(request, snapshot.zone)
        selection = read_selection(request, snapshot.zone)
        if (users := _converters_in_rollups(snapshot, goal, days, selection)) is not None:
            return days, users, "rollup"
    selection = replace(selection, period=days.period)
    with open_events(request, selection, "from") as events:
        return days, ColumnSource(events, goal, ActiveInColumns(events)).converters(), "raw"


def _converters_in_rollups(
    snapshot: Snapshot, goal: Goal, days: DayRange, selection: EventSelection
) -> BitMap64 | None:
    """None: only raw events hold them."""
    source = RollupSource(snapshot, goal, days.first, days.after, selection)
    try:
        return source.converters() if source.can_count(None, None) else None
    except NotInRollups:
        return None


def _unit_starts(request: ReportRequest, days: DayRange, length: timedelta) -> Iterator[date]:
    """The first days of the units that have begun."""
    for number in range(_max_units(request)):
        start = days.after + number * length
        if DayRange(start, start + timedelta(days=1), days.zone).period.start > request.now:
            break
        yield start


def _retention(users: BitMap64, later: Sequence[BitMap64]) -> RetentionGroup:
    return RetentionGroup(len(users), [users.intersection_cardinality(active) for active in later])
