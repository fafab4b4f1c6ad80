"""The report event-types: the types of a site with their events, users, days and a series, most frequent first.

views.py calls `run_event_types`. Types are those of a breakdown by `type`: from rollups, and from columns for what
these cannot answer. SELECT only.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any, NamedTuple, Protocol

from analytics import clock
from analytics.extensions import settings
from analytics.period import Period
from analytics.reports.buckets import split_period
from analytics.reports.day_range import DayRange
from analytics.reports.query.from_rollups import RollupSource
from analytics.reports.query.measures import EventSelection
from analytics.reports.query.query import MakeSource, ResolvedRequest, Sources, compute_change, run_with_sources
from analytics.reports.request import ReportRequest
from analytics.rollups.cardinality import OTHER
from analytics.rollups.deltas.counts import Count
from analytics.rollups.snapshot import sums
from analytics.rollups.snapshot.snapshot import Snapshot
from analytics.rollups.visits.sums import from_microseconds

# Rollups hold types by day.
UNITS = ("day", "week", "month")


class TypeCounts(NamedTuple):
    """The events and users of a type in a period, the first and the last of its days that has any, and the events of
    each bucket."""

    events: int
    users: int
    first_day: date
    last_day: date
    series: list[int]

    @property
    def totals(self) -> dict[str, int]:
        return {"events": self.events, "users": self.users}


class TypeSource(Protocol):
    """Where the report reads its counts."""

    def count(self, period: Period, unit: str) -> Mapping[str, TypeCounts]:
        """Type → its counts; the series has `buckets.split_period(period, unit)`."""


def run_event_types(request: ReportRequest) -> dict[str, Any]:
    """The report with its `meta`. Raises as `run_report`."""
    sources: Sources[TypeSource] = Sources(RollupTypes, ColumnTypes)
    # Limits and refusals are those of a breakdown by type.
    request = replace(request, query={**request.query, "dimension": "type"})
    return run_with_sources(request, "event-types", build_event_types, sources)


def build_event_types(resolved: ResolvedRequest, source: TypeSource) -> dict[str, Any]:
    """The report without its `meta`."""
    query, unit = resolved.query, resolved.query["granularity"]
    found, previous = source.count(resolved.period, unit), None
    if resolved.previous_period:
        previous = source.count(resolved.previous_period, unit)
    ranked = sorted(found.items(), key=lambda item: (-item[1].events, item[0]))
    rows = ranked[: int(query.get("limit") or settings().top_results_limit)]
    return {
        "granularity": unit,
        "type_count": len(ranked),
        "types": [_describe(name, counts, previous) for name, counts in rows],
    }


def _describe(name: str, counts: TypeCounts, previous: Mapping[str, TypeCounts] | None) -> dict[str, Any]:
    days = {"first_day": str(counts.first_day), "last_day": str(counts.last_day)}
    row = {"type": name, **counts.totals, **days, "series": counts.series}
    if previous is None:
        return row
    before = previous[name].totals if name in previous else {"events": 0, "users": 0}
    return {**row, "previous": before, "change": compute_change(counts.totals, before)}


class RollupTypes:
    """A TypeSource of any period in the rollups' zone, without a filter."""

    def __init__(self, snapshot: Snapshot, selection: EventSelection) -> None:
        self._source, self._selection = RollupSource(snapshot, selection), selection

    def count(self, period: Period, unit: str) -> Mapping[str, TypeCounts]:
        """Two queries, a bitmap a day and type."""
        days, by_type = DayRange.covering(period), defaultdict[str, dict[date, Count]](dict)
        one, snapshot = self._selection, self._source.clip(period)
        counts = sums.counts_by_type(snapshot, days.first, days.after, one.bots, one.types)
        for (day, event_type), count in counts.items():
            if count.events and event_type != OTHER:
                by_type[event_type][day] = count
        return {event_type: _of_days(by_day, period, unit) for event_type, by_day in by_type.items()}


def _of_days(by_day: Mapping[date, Count], period: Period, unit: str) -> TypeCounts:
    total = Count()
    for count in by_day.values():
        total.add(count)
    buckets = split_period(period, unit)
    series = [sum(count.events for day, count in by_day.items() if one.first <= day < one.after) for one in buckets]
    return TypeCounts(total.events, len(total.users), min(by_day), max(by_day), series)


class ColumnTypes:
    """A TypeSource of any period, zone and filter."""

    def __init__(self, make_source: MakeSource, selection: EventSelection) -> None:
        self._source, self._selection = make_source(selection), selection

    def count(self, period: Period, unit: str) -> Mapping[str, TypeCounts]:
        """One scan of the period's events."""
        counts: dict[str, TypeCounts] = {}
        width = len(split_period(period, unit))
        # Totals come first.
        for event_type, bucket, events, users, first, last in self._read(period, unit) if width else ():
            if bucket is None:
                first_day, last_day = (clock.day_of(from_microseconds(at), period.zone) for at in (first, last))
                counts[event_type] = TypeCounts(events, users, first_day, last_day, [0] * width)
            else:
                counts[event_type].series[bucket] = events
        return counts

    def _read(self, period: Period, unit: str) -> list[tuple[Any, ...]]:
        from analytics.reports.columns.buckets import bucket_starts, find_bucket
        from analytics.reports.columns.clauses import Parameters
        from analytics.reports.columns.selection import RowSelection, select_events

        one, parameters = self._selection, Parameters()
        selection = RowSelection(one.site_id, one.bots, one.filter, one.scope)
        with self._source.open_columns() as reader:
            rows = select_events(reader, selection, period.start, period.end, parameters)
            bucket, join = find_bucket(reader, "ts", period, bucket_starts(period, unit))
            is_asked = f"type IN ({', '.join(map(parameters.add, one.types))})" if one.types else "true"
            query = f"""
                SELECT type, bucket, count(*), count(DISTINCT user_no), min(ts), max(ts)
                FROM (SELECT type, {bucket} AS bucket, user_no, ts FROM {rows} {join}) WHERE {is_asked}
                GROUP BY GROUPING SETS ((type), (type, bucket)) ORDER BY bucket NULLS FIRST
            """
            return reader.execute(query, parameters)
