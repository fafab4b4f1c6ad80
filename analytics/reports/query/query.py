"""The reports summary and timeseries, and `run_report`, which also runs breakdown.py and overviews. views.py calls it.

Whole days of the rollups' calendar are read from rollups. What rollups cannot answer is counted in events, which are
read in columns under the limits of report_period.py. `meta.source` of the response names the source.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Protocol, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from analytics.period import Period, read_zone
from analytics.reports.buckets import Bucket, split_period
from analytics.reports.comparison import Comparison, keep_to_rollups, read_comparison
from analytics.reports.filtering.filters import read_filter
from analytics.reports.filtering.scope import MIXED
from analytics.reports.query.from_rollups import RollupSource, can_list
from analytics.reports.query.measures import (
    VISIT_DIMENSIONS,
    BucketCounts,
    EventSelection,
    MeasureSource,
    is_property,
    lists_visits,
    ratio,
    visit_figures,
)
from analytics.reports.report_period import (
    longest_period,
    open_raw_events,
    parameter_needing_raw,
    read_report_period,
    refuse_purged,
)
from analytics.reports.request import ReportRequest, period_bounds
from analytics.reports.responses.cache import get_or_compute
from analytics.rollups.calendar import Calendar
from analytics.rollups.snapshot.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class ResolvedRequest:
    """A request with its period and selection. `raw_parameter`: the one that needs raw events; None: rollups answer."""

    query: Mapping[str, Any]
    selection: EventSelection
    period: Period
    raw_parameter: str | None
    comparison: Comparison | None

    @property
    def previous_period(self) -> Period | None:
        """The period to compare with; None without `compare`."""
        return self.comparison and self.comparison.previous

    @property
    def covered(self) -> Period:
        """All that the report reads."""
        return self.comparison.covered(self.period) if self.comparison else self.period

    @property
    def meta(self) -> dict[str, Any]:
        """What it adds to the response's meta."""
        return {"compare": self.comparison.as_json()} if self.comparison else {}


ReportBuilder = Callable[[ResolvedRequest, MeasureSource], dict[str, Any]]
S = TypeVar("S")


class MakeSource(Protocol):
    """Counts the events of a selection. `dimensions`: of the lists that will be asked for, if they are several."""

    def __call__(self, wanted: EventSelection, dimensions: Sequence[str] = ()) -> MeasureSource:
        """A source in the snapshot of the report."""


@dataclass(frozen=True, slots=True)
class Sources(Generic[S]):
    """What a report counts with: rollups, and events for what they cannot answer, as a filter."""

    from_rollups: Callable[[Snapshot, EventSelection], S]
    from_events: Callable[[MakeSource, EventSelection], S]


def _make_source(make_source: MakeSource, selection: EventSelection) -> MeasureSource:
    return make_source(selection)


MEASURE_SOURCES: Sources[MeasureSource] = Sources(RollupSource, _make_source)


def run_report(
    request: ReportRequest, report_name: str, build: ReportBuilder, default_types: tuple[str, ...] | None = None
) -> dict[str, Any]:
    """The report with its `meta`; of a period that is over, possibly from the cache. `default_types`: without `type`.

    Raises BadInput; Invalid when raw events cannot be counted within STATEMENT_TIMEOUT.
    """
    return run_with_sources(request, report_name, build, MEASURE_SOURCES, default_types)


def run_with_sources(
    request: ReportRequest,
    report_name: str,
    build: Callable[[ResolvedRequest, S], dict[str, Any]],
    sources: Sources[S],
    default_types: tuple[str, ...] | None = None,
) -> dict[str, Any]:
    """As `run_report`, for reports that count with other sources."""
    with request.open_snapshot() as snapshot:
        resolved = _resolve(request, snapshot, default_types)
        if resolved.raw_parameter is None:
            source = sources.from_rollups(snapshot, resolved.selection)
            meta = request.meta(resolved.period, "rollup", **resolved.meta)
            return get_or_compute(
                request, report_name, resolved.covered, lambda: build(resolved, source) | {"meta": meta},
                snapshot.connection,
            )  # fmt: skip
    meta = request.meta(resolved.period, "raw", **resolved.meta)
    return get_or_compute(
        request, report_name, resolved.covered, lambda: _count_raw(request, resolved, build, sources) | {"meta": meta}
    )


def _count_raw(
    request: ReportRequest,
    resolved: ResolvedRequest,
    build: Callable[[ResolvedRequest, S], dict[str, Any]],
    sources: Sources[S],
) -> dict[str, Any]:
    with open_raw_events(request, resolved.period, str(resolved.raw_parameter)) as (connection, calendar):
        if resolved.previous_period:
            refuse_purged("compare", resolved.previous_period, calendar.raw_since)
        with _open_column_sources(connection, request.site.id, calendar) as make_source:
            return build(resolved, sources.from_events(make_source, resolved.selection))


@contextmanager
def _open_column_sources(connection: Connection, site_id: int, calendar: Calendar) -> Iterator[MakeSource]:
    # Processes that are never asked do not load the engine, 75 MB.
    from analytics.reports.columns.site_columns import open_site_columns
    from analytics.reports.query.from_columns import ColumnSource

    with open_site_columns(connection, site_id, calendar) as reader:
        yield partial(ColumnSource, reader)


def _resolve(request: ReportRequest, snapshot: Snapshot, default_types: tuple[str, ...] | None) -> ResolvedRequest:
    query, rollups_zone = request.query, snapshot.zone
    period = read_report_period(request, read_zone(query, rollups_zone))
    types = tuple(query.get("type") or ()) or default_types
    conditions = read_filter(query["filter"]) if "filter" in query else ()
    selection = EventSelection(request.site.id, types, request.include_bots, conditions, query.get("scope", MIXED))
    parameter = _raw_parameter(request, selection, period, rollups_zone)
    comparison = read_comparison(request, period, longest_period(request))
    if comparison and parameter is None:
        # Values have no rows of hours.
        comparison = keep_to_rollups(snapshot, comparison, of_values="dimension" in query)
    return ResolvedRequest(query, selection, period, parameter, comparison)


def _raw_parameter(request: ReportRequest, selection: EventSelection, period: Period, rollups_zone: str) -> str | None:
    parameter, dimension = parameter_needing_raw(request, period, rollups_zone), request.query.get("dimension")
    if any(map(is_property, request.query.get("lists") or ())):
        return "lists"
    if parameter in ("filter", "zone", "timezone"):
        return parameter
    if dimension and not can_list(dimension, selection):
        return "dimension"
    # Where the period cuts a day, a clipped snapshot has all visits, also those that are not merged yet. The database
    # counts lists without visits in a fraction of the time.
    has_visits = dimension is None or lists_visits(dimension, selection) or dimension in VISIT_DIMENSIONS
    return None if has_visits else parameter


def build_summary(resolved: ResolvedRequest, source: MeasureSource) -> dict[str, Any]:
    """The figures of the period; with `compare`, also those of the other period and the change of each."""

    def count(period: Period) -> dict[str, Any]:
        [counts] = source.count(period, "all")
        return counts_as_json(counts)

    figures = count(resolved.period)
    return figures | (compare_figures(figures, resolved.comparison, count) if resolved.comparison else {})


def compare_figures(
    figures: Mapping[str, Any], comparison: Comparison, count: Callable[[Period], dict[str, Any]]
) -> dict[str, Any]:
    """`previous` and `change` of the report's figures, which `count` gives for other periods; `current` where it is not
    the report's period that is compared."""
    previous, current, by_hour = count(comparison.previous), figures, {}
    if comparison.by_hour:
        current = count(comparison.current)
        by_hour = {"current": {**period_bounds(comparison.current), **current}}
    return by_hour | {
        "previous": period_bounds(comparison.previous) | previous,
        "change": compute_change(current, previous),
    }


def counts_as_json(counts: BucketCounts) -> dict[str, Any]:
    """The figures of a summary; a rate or mean of no visits is null."""
    users = {"page_views": counts.page_views, "visitors": counts.visitors}
    return {**users, **visit_figures(counts.visits), "events": counts.events}


def compute_change(now: Mapping[str, Any], previous: Mapping[str, Any]) -> dict[str, float | None]:
    """The growth of each figure as a part of its previous value: 0.5 is half as much again. Null: it was 0 or null."""
    return {
        name: ratio(figure - previous[name], previous[name]) if figure is not None and previous[name] else None
        for name, figure in now.items()
    }


def build_timeseries(resolved: ResolvedRequest, source: MeasureSource) -> dict[str, Any]:
    """A point for each bucket, empty ones too; with `compare`, also the series of the previous period."""
    unit, previous = resolved.query["granularity"], resolved.previous_period
    series: dict[str, Any] = {"granularity": unit, "series": _series(resolved.period, unit, source)}
    if previous is None:
        return series
    return series | {"previous": {**period_bounds(previous), "series": _series(previous, unit, source)}}


def _series(period: Period, unit: str, source: MeasureSource) -> list[dict[str, Any]]:
    return describe_series(period, unit, source.count(period, unit))


def describe_series(period: Period, unit: str, counts: Sequence[BucketCounts]) -> list[dict[str, Any]]:
    """The points of the buckets of `split_period(period, unit)`."""
    points = zip(split_period(period, unit), counts, strict=True)
    return [_point(bucket, of_bucket, period.zone) for bucket, of_bucket in points]


def _point(bucket: Bucket, counts: BucketCounts, zone: ZoneInfo) -> dict[str, Any]:
    time = {"date": str(bucket.first), "ts": bucket.start.astimezone(zone).isoformat()}
    return time | {"to": bucket.end.astimezone(zone).isoformat(), **counts_as_json(counts)}
