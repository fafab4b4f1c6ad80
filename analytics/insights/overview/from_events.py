"""EventOverview: the counts of an overview from events and visits, for a filter or another zone.

overview.py creates it, on columns (reports/query/query.py). What the filter selects of a period is looked up once, and
kept for all parts.
"""

from collections.abc import Mapping, Sequence

from analytics.insights.goals.conversions import ConversionCounts
from analytics.insights.goals.from_columns import ActiveInColumns, count_totals
from analytics.insights.goals.goals import Goal
from analytics.insights.overview.sources import HourCounts, HourKey, SeriesCounts
from analytics.insights.request import EventSelection as GoalSelection
from analytics.period import Period
from analytics.reports.buckets import split_period
from analytics.reports.query.breakdown import default_types
from analytics.reports.query.measures import BucketCounts, EventSelection, MeasureSource, Ranking, ValueCounts
from analytics.reports.query.query import MakeSource


class EventOverview:
    """An OverviewSource (sources.py) of any period, zone and filter. Each method: O(events of the period)."""

    def __init__(self, dimensions: Sequence[str], make_source: MakeSource, selection: EventSelection) -> None:
        """`dimensions`: of all lists."""
        # A list without parts still keeps what its totals and series count.
        self._selection, self._kept = selection, tuple(dimensions) or ("type",)
        self._make_source = make_source
        self._source = make_source(selection, self._kept)

    def count(self, period: Period) -> BucketCounts:
        [counts] = self._source.count(period, "all")
        return counts

    def count_series(self, period: Period, unit: str) -> SeriesCounts:
        return SeriesCounts(self.count(period), self._source.count(period, unit))

    def rank_lists(self, period: Period, dimensions: Sequence[str], limit: int, with_other: bool) -> dict[str, Ranking]:
        """Events have no OTHER, with or without `with_other`."""
        return {name: self._rank(period, name, limit) for name in dimensions}

    def _rank(self, period: Period, dimension: str, limit: int) -> Ranking:
        source = self._source_of(dimension)
        ranking = source.rank_values(period, dimension)
        values = [row.value for row in ranking.rows[:limit]]
        counts = source.count_values(period, dimension, values)
        return ranking._replace(rows=[counts[value] for value in values])

    def compare_values(self, period: Period, values: Mapping[str, Sequence[str]]) -> dict[str, dict[str, ValueCounts]]:
        """Purged events are refused before (report_period.py)."""
        return {name: self._source_of(name).count_values(period, name, chosen) for name, chosen in values.items()}

    def _source_of(self, dimension: str) -> MeasureSource:
        return self._make_source(self._selection._replace(types=default_types(dimension)), self._kept)

    def count_hours(self, period: Period) -> Mapping[HourKey, HourCounts]:
        hours = zip(split_period(period, "hour"), self._source.count(period, "hour"), strict=True)
        return {(hour.first, hour.hour): HourCounts(one.page_views, one.visits.visits) for hour, one in hours}

    def count_goals(self, period: Period, goals: Sequence[Goal]) -> list[ConversionCounts | None]:
        # Processes that are never asked do not load the engine.
        from analytics.insights.column_events import ColumnEvents

        one = self._selection
        selection = GoalSelection(one.site_id, period, one.filter, one.bots, "from", one.scope)
        with self._source.open_columns() as reader:
            events = ColumnEvents(reader, selection)
            return [*count_totals(events, goals, ActiveInColumns(events))]
