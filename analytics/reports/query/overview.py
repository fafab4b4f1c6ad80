"""The report overview: totals, a series by day and twelve top lists in one response, from one snapshot of the rollups.

views.py calls it for the dashboard, benchmarks/cardinality.py to measure it. `compare` adds the totals of another
period; lists and series are not compared. Whole days never cost raw events.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from analytics.period import Period
from analytics.reports.cache import get_or_compute
from analytics.reports.comparison import Comparison, keep_to_rollups, read_comparison
from analytics.reports.day_range import MAX_DAYS, DayRange, read_period_of_rollups
from analytics.reports.query.from_rollups import RollupSource
from analytics.reports.query.measures import NO_VISITS, PAGE_VIEW_TYPES, EventSelection, visit_figures
from analytics.reports.query.query import compare_figures
from analytics.reports.request import ReportRequest
from analytics.reports.shared_reads import HARMLESS_DIMENSIONS
from analytics.rollups.snapshot.clipped import clip
from analytics.rollups.snapshot.snapshot import Snapshot, TopRow
from analytics.rollups.snapshot.visit_lists import VisitDays, VisitRow, read_visit_lists
from analytics.rollups.visits.sums import LIST_DIMENSIONS, VisitSums

TOP_LIST_DIMENSIONS = (
    *("path", "hostname", "referrer", "source", "channel", "country", "browser", "os", "device", "language", "screen"),
    "utm_source",
)


@dataclass(frozen=True, slots=True)
class DayTotals:
    """One point of the series; a day without page views has zeros."""

    date: date
    page_views: int
    visitors: int
    visits: int

    def as_json(self) -> dict[str, Any]:
        counts = {"page_views": self.page_views, "visitors": self.visitors, "visits": self.visits}
        return {"date": str(self.date), **counts}


@dataclass(frozen=True, slots=True)
class Overview:
    """Page views, visitors and visits; `lists`: dimension → its values with the most visits; of `path`, page views."""

    page_views: int
    visitors: int
    visits: VisitSums
    series: list[DayTotals]
    lists: dict[str, list[TopRow | VisitRow]]

    @property
    def totals(self) -> dict[str, Any]:
        """The figures of the period, in JSON."""
        return {"page_views": self.page_views, "visitors": self.visitors, **visit_figures(self.visits)}

    def as_json(self) -> dict[str, Any]:
        lists = {dimension: [_row_as_json(row) for row in rows] for dimension, rows in self.lists.items()}
        series = [day.as_json() for day in self.series]
        return {**self.totals, "series": series, "lists": lists}


def _row_as_json(row: TopRow | VisitRow) -> dict[str, Any]:
    if isinstance(row, TopRow):
        return {"value": row.value or None, "page_views": row.events, "visitors": row.users, "visits": None}
    visits = row.visits
    return {"value": row.value or None, "page_views": visits.views, "visitors": row.visitors, "visits": visits.visits}


def run_overview(request: ReportRequest) -> dict[str, Any]:
    """The report with its `meta`; of days that are over, possibly from the cache. Raises BadInput."""
    with request.open_snapshot() as snapshot:
        period = read_period_of_rollups(request, snapshot.zone, max_days=MAX_DAYS)
        comparison = read_comparison(request, period, MAX_DAYS)
        comparison = keep_to_rollups(snapshot, comparison) if comparison else None
        meta = {"compare": comparison.as_json()} if comparison else {}

        def compute() -> dict[str, Any]:
            days, clipped = DayRange.covering(period), clip(snapshot, period.start, period.end)
            overview = build_overview(clipped, days.first, days.after, request.limit, bots=request.include_bots)
            compared = _compare(request, snapshot, overview, comparison) if comparison else {}
            return overview.as_json() | compared | {"meta": request.meta(period, "rollup", **meta)}

        covered = comparison.covered(period) if comparison else period
        report = get_or_compute(request, "overview", covered, compute, snapshot.connection)
    # After the cache, which holds the whole report for every caller.
    return _drop_private_lists(report) if request.is_shared else report


def _compare(request: ReportRequest, snapshot: Snapshot, overview: Overview, comparison: Comparison) -> dict[str, Any]:
    source = RollupSource(snapshot, EventSelection(request.site.id, PAGE_VIEW_TYPES, request.include_bots))

    def count(period: Period) -> dict[str, Any]:
        [counts] = source.count(period, "all")
        return {"page_views": counts.page_views, "visitors": counts.visitors, **visit_figures(counts.visits)}

    return compare_figures(overview.totals, comparison, count)


def _drop_private_lists(report: dict[str, Any]) -> dict[str, Any]:
    lists = {dimension: rows for dimension, rows in report["lists"].items() if dimension in HARMLESS_DIMENSIONS}
    return report | {"lists": lists}


def build_overview(
    snapshot: Snapshot,
    first: date,
    after: date,
    limit: int = 10,
    lists: Sequence[str] = TOP_LIST_DIMENSIONS,
    bots: bool = False,
) -> Overview:
    """The days `[first, after)`; `limit` rows a list, by visits, or by page views where visits have no such dimension.

    O(lists * limit * spans) bitmaps.
    """
    days = snapshot.daily_events_and_users(first, after, types=PAGE_VIEW_TYPES, bots=bots)
    # The total is read as a list of one row, which saves a query.
    of_visits = [dimension for dimension in lists if dimension in LIST_DIMENSIONS]
    of_events = ["total", *(dimension for dimension in lists if dimension not in LIST_DIMENSIONS)]
    tops = snapshot.top_lists(of_events, first, after, limit, types=PAGE_VIEW_TYPES, bots=bots)
    (total,) = tops.pop("total") or [TopRow("", 0, 0)]
    visit_lists = read_visit_lists(snapshot, of_visits, VisitDays(first, after, bots), limit)
    visits = snapshot.visits("total", first, after, bots)
    series = []
    for number in range((after - first).days):
        day = first + timedelta(days=number)
        page_views, visitors = days.get(day, (0, 0))
        series.append(DayTotals(day, page_views, visitors, visits.get((day, ""), NO_VISITS).visits))
    return Overview(
        page_views=total.events,
        visitors=total.users,
        visits=VisitSums.total(visits.values()),
        series=series,
        lists={dimension: [*tops.get(dimension, ()), *visit_lists.get(dimension, ())] for dimension in lists},
    )
