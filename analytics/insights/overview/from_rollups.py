"""RollupOverview: the counts of an overview from rollups, all dimensions together, in one snapshot.

overview.py creates it. It reads no raw events but those of days that the period cuts (rollups/snapshot/clipped.py), and
columns for goals that rollups do not hold and lists of busy parts of days.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from analytics.insights.goals.conversions import ConversionCounts
from analytics.insights.goals.from_columns import CountedUsers, count_totals
from analytics.insights.goals.from_rollups import count_goals
from analytics.insights.goals.goals import Goal
from analytics.insights.overview.sources import HourCounts, HourKey, SeriesCounts
from analytics.insights.request import EventSelection as GoalSelection
from analytics.period import Period
from analytics.reports.day_range import DayRange
from analytics.reports.query.breakdown import default_types
from analytics.reports.query.from_rollups import RollupSource
from analytics.reports.query.measures import (
    MAX_RANKED_VALUES,
    PAGE_VIEW_TYPES,
    BucketCounts,
    EventSelection,
    Ranking,
    ValueCounts,
    event_counts,
    lists_visits,
    visit_counts,
)
from analytics.rollups.calendar import read_calendar
from analytics.rollups.cardinality import OTHER
from analytics.rollups.snapshot import sums
from analytics.rollups.snapshot.clipped import ClippedSnapshot, Part, PartLists
from analytics.rollups.snapshot.ranked_lists import read_ranked_lists
from analytics.rollups.snapshot.selected_values import read_counts_of_lists
from analytics.rollups.snapshot.snapshot import RollupFilter, Snapshot
from analytics.rollups.snapshot.visit_lists import VisitDays, read_ranked_visit_lists, read_visit_values
from analytics.rollups.visits.sums import VisitSums

if TYPE_CHECKING:
    from analytics.columnar.read import ColumnReader

ONE_DAY = timedelta(days=1)
# Lists of a part of a day are counted in its raw events, 16 us of processor time each: 50 ms. More of them are counted
# in columns: a site of 400,000 events a day would take seconds, each time a period that is still running is shown.
MAX_CUT_EVENTS = 3_000


class _Lists(NamedTuple):
    """Dimensions by where their lists are read: sums of visits, rows of page views, or rows of other types."""

    of_visits: list[str]
    of_views: list[str]
    of_types: list[str]


class RollupOverview:
    """An OverviewSource (sources.py) of any period in the rollups' zone, without a filter."""

    def __init__(self, snapshot: Snapshot, selection: EventSelection) -> None:
        self._snapshot, self._selection, self._bots = snapshot, selection, selection.bots
        self._source, self._views = RollupSource(snapshot, selection), selection._replace(types=PAGE_VIEW_TYPES)

    def count(self, period: Period) -> BucketCounts:
        """Four queries."""
        [counts] = self._source.count(period, "all")
        return counts

    def count_series(self, period: Period, unit: str) -> SeriesCounts:
        """The queries of `RollupSource.count`, and one for the users of all buckets."""
        buckets = self._source.count(period, unit)
        events, page_views = sum(one.events for one in buckets), sum(one.page_views for one in buckets)
        visits = VisitSums.total(one.visits for one in buckets)
        visitors = buckets[0].visitors if len(buckets) == 1 else self._count_visitors(period)
        return SeriesCounts(BucketCounts(events, page_views, visitors, visits), buckets)

    def _count_visitors(self, period: Period) -> int:
        first, after = _days(period)
        return len(self._source.clip(period).total(first, after, types=PAGE_VIEW_TYPES, bots=self._bots).users)

    def rank_lists(self, period: Period, dimensions: Sequence[str], limit: int, with_other: bool) -> dict[str, Ranking]:
        """Five queries for any number of dimensions; the dimensions type and subject take more."""
        lists, snapshot, (first, after) = self._divide(dimensions), self._source.clip(period), _days(period)
        apart = () if with_other else (OTHER,)
        rankings = {name: self._rank_alone(period, name, limit) for name in lists.of_types}
        if lists.of_visits:
            days = VisitDays(first, after, self._bots)
            for name, found in read_ranked_visit_lists(snapshot, lists.of_visits, days, limit, apart).items():
                rows = [visit_counts(row.value, row.visits, row.visitors) for row in found.rows]
                rankings[name] = _ranking(rows, *found.total)
        if lists.of_views:
            views = RollupFilter(first, after, PAGE_VIEW_TYPES, bots=self._bots)
            for name, ranked in read_ranked_lists(snapshot, lists.of_views, views, limit, apart).items():
                rankings[name] = _ranking([event_counts(self._views, *row) for row in ranked.rows], *ranked.total)
        return {name: rankings[name] for name in dimensions}

    def _rank_alone(self, period: Period, dimension: str, limit: int) -> Ranking:
        ranking = self._source.rank_values(period, dimension)
        values = [row.value for row in ranking.rows[:limit]]
        counts = self._source.count_values(period, dimension, values)
        return ranking._replace(rows=[counts[value] for value in values])

    def compare_values(self, period: Period, values: Mapping[str, Sequence[str]]) -> dict[str, dict[str, ValueCounts]]:
        """Nothing where the period cuts a day whose raw events may be purged, or which has more than MAX_CUT_EVENTS
        that columns cannot count now. Of whole days the queries of `_count_values`, else a few more."""
        snapshot = self._source.clip(period)
        if isinstance(snapshot, ClippedSnapshot) and not self._can_list(snapshot, list(values)):
            return {}
        return self._count_values(period, values)

    def _can_list(self, snapshot: ClippedSnapshot, dimensions: Sequence[str]) -> bool:
        """Whether there are few events in the parts of days, or columns have their lists, which are read then."""
        if not self._has_parts(snapshot):
            return False
        return self._count_cut_events(snapshot) <= MAX_CUT_EVENTS or self._hold_lists(snapshot, dimensions)

    def _counts_values(self, snapshot: ClippedSnapshot) -> bool:
        """Whether the raw events of the parts of days are there, and few."""
        return self._has_parts(snapshot) and self._count_cut_events(snapshot) <= MAX_CUT_EVENTS

    def _has_parts(self, snapshot: ClippedSnapshot) -> bool:
        starts = [part.start for part in snapshot.parts if part.start < part.end]
        return all(map(self._has_events_since, starts))

    def _has_events_since(self, instant: datetime) -> bool:
        """Whether no raw event from then on may be purged."""
        calendar = read_calendar(self._snapshot.connection, self._snapshot.site_id)
        return calendar is None or calendar.raw_since is None or calendar.raw_since <= instant

    def _count_cut_events(self, snapshot: ClippedSnapshot) -> int:
        """The events of the parts of days, those of bots too."""
        days = [part.day for part in snapshot.parts]
        events = sums.events_by_day(snapshot, "total", days[0], days[-1] + ONE_DAY, bots=True)
        return sum(events[day, ""] for day in days)

    def _hold_lists(self, snapshot: ClippedSnapshot, dimensions: Sequence[str]) -> bool:
        """Whether columns have the lists of the parts of days, which the snapshot holds then."""
        found = self._source.ask_columns(partial(_read_parts, snapshot.parts, self._divide(dimensions)))
        for part, lists in zip(snapshot.parts, found or (), strict=False):
            snapshot.hold_lists(part, lists)
        return found is not None

    def _count_values(self, period: Period, values: Mapping[str, Sequence[str]]) -> dict[str, dict[str, ValueCounts]]:
        """Four queries for any number of dimensions; the dimensions type and subject take more."""
        lists, snapshot, days = self._divide(list(values)), self._source.clip(period), _days(period)
        counts = {name: self._source.count_values(period, name, values[name]) for name in lists.of_types}
        if lists.of_visits:
            of_visits = {name: values[name] for name in lists.of_visits}
            for name, visits in read_visit_values(snapshot, of_visits, VisitDays(*days, self._bots)).items():
                counts[name] = {value: visit_counts(value, row.visits, row.visitors) for value, row in visits.items()}
        if lists.of_views:
            of_views = {name: values[name] for name in lists.of_views}
            views = read_counts_of_lists(snapshot, of_views, *days, types=PAGE_VIEW_TYPES, bots=self._bots)
            for name, found in views.items():
                counts[name] = {
                    value: event_counts(self._views, value, one.events, len(one.users)) for value, one in found.items()
                }
        return counts

    def _divide(self, dimensions: Sequence[str]) -> _Lists:
        lists = _Lists([], [], [])
        for name in dimensions:
            types = default_types(name)
            if types is None:
                lists.of_types.append(name)
            elif lists_visits(name, self._selection._replace(types=types)):
                lists.of_visits.append(name)
            else:
                lists.of_views.append(name)
        return lists

    def count_hours(self, period: Period) -> Mapping[HourKey, HourCounts]:
        """Two queries, O(days), no bitmaps."""
        (first, after), snapshot = _days(period), self._source.clip(period)
        views = sums.events_by_day(snapshot, "hour", first, after, types=PAGE_VIEW_TYPES, bots=self._bots)
        visits = snapshot.visits("hour", first, after, self._bots)
        return {
            (day, int(hour)): HourCounts(views[day, hour], visits.get((day, hour), VisitSums()).visits)
            for day, hour in {*views, *visits}
        }

    def count_goals(self, period: Period, goals: Sequence[Goal]) -> list[ConversionCounts | None]:
        """Four queries for any number of goals. Those that rollups do not hold, and paths of busy parts of days, are
        counted in columns, where no event of the period may be purged."""
        snapshot, days = self._source.clip(period), _days(period)
        has_paths = not isinstance(snapshot, ClippedSnapshot) or self._counts_values(snapshot)
        counted_here = [goal for goal in goals if has_paths or goal.path is None]
        found_here = iter(count_goals(snapshot, counted_here, *days, self._bots))
        counts = [next(found_here) if has_paths or goal.path is None else None for goal in goals]
        others = [goal for goal, found in zip(goals, counts, strict=True) if found is None]
        if not others or not self._has_events_since(period.start):
            return counts
        active = CountedUsers(len(snapshot.total(*days, bots=self._bots).users))
        counted = iter(self._source.ask_columns(partial(self._count_in_columns, period, others, active)) or ())
        return [next(counted, None) if found is None else found for found in counts]

    def _count_in_columns(
        self, period: Period, goals: Sequence[Goal], active: CountedUsers, reader: "ColumnReader"
    ) -> list[ConversionCounts]:
        from analytics.insights.column_events import ColumnEvents

        selection = GoalSelection(self._selection.site_id, period, (), self._bots, "from")
        return list(count_totals(ColumnEvents(reader, selection), goals, active))


def _read_parts(parts: Sequence[Part], lists: _Lists, reader: "ColumnReader") -> list[PartLists]:
    from analytics.reports.columns.part_lists import read_part_lists

    return [read_part_lists(reader, part, lists.of_views, lists.of_visits) for part in parts]


def _ranking(rows: list[ValueCounts], total: int, value_count: int) -> Ranking:
    return Ranking(rows, total, min(value_count, MAX_RANKED_VALUES))


def _days(period: Period) -> tuple[date, date]:
    days = DayRange.covering(period)
    return days.first, days.after
