"""Goals counted from rollups: an event type, or one exact path of a type, in whole days of the rollups' calendar.

goals/report.py calls it inside a snapshot. Raises NotInRollups where rollups are not exact.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from pyroaring import BitMap64

from analytics.insights.goals.conversions import ConversionCounts, TopValues
from analytics.insights.goals.goals import Goal
from analytics.insights.request import EventSelection
from analytics.reports.buckets import Bucket, split_period
from analytics.rollups import bitmaps
from analytics.rollups.cardinality import OTHER
from analytics.rollups.deltas.counts import Count
from analytics.rollups.snapshot import sums
from analytics.rollups.snapshot.selected_values import (
    read_daily_counts,
    read_daily_counts_by_type,
    read_value_counts,
)
from analytics.rollups.snapshot.snapshot import LIST_DIMENSIONS, Snapshot


class NotInRollups(Exception):
    """On some day the goal, or a value, may be part of OTHER in the rollups: only raw events are exact."""


class RollupSource:
    """A GoalSource (conversions.py)."""

    def __init__(self, snapshot: Snapshot, goal: Goal, first: date, after: date, selection: EventSelection) -> None:
        self._snapshot, self._goal, self._selection = snapshot, goal, selection
        self._first, self._after = first, after
        self._of_goal: dict[str, Any] = {"types": [goal.type], "bots": selection.bots}

    def can_count(self, unit: str | None, dimension: str | None) -> bool:
        """Whether there are rows for it: a path has them by day only, and without another dimension."""
        if self._goal.needs_raw_events or (self._goal.path and (unit == "hour" or dimension)):
            return False
        if OTHER in (self._goal.type, self._goal.path):
            # In rollups OTHER is the sum of many values, in raw events a value.
            return False
        return dimension is None or dimension in LIST_DIMENSIONS

    def conversions_by_day(self) -> dict[date, Count]:
        """A few queries, a bitmap a day. Raises NotInRollups."""
        first, after, path = self._first, self._after, self._goal.exact_path
        counts = self._snapshot.daily_totals(first, after, **self._of_goal)
        others = set(self._snapshot.daily_totals(first, after, types=[OTHER], bots=self._selection.bots)) - set(counts)
        if path is not None:
            counts = read_daily_counts(self._snapshot, "path", path, first, after, **self._of_goal)
            others |= set(read_daily_counts(self._snapshot, "path", OTHER, first, after, **self._of_goal)) - set(counts)
        if others:
            raise NotInRollups
        return counts

    def converters(self) -> BitMap64:
        """All users who converted. Cost and errors as `conversions_by_day`."""
        return bitmaps.union(count.users for count in self.conversions_by_day().values())

    def count(self, unit: str) -> list[ConversionCounts]:
        """As `conversions_by_day`, plus the bitmaps of all types. Raises NotInRollups."""
        buckets, days = split_period(self._selection.period, unit), self.conversions_by_day()
        if unit == "hour":
            counts = self._hours(buckets, **self._of_goal)
        else:
            counts = [_add(count for day, count in days.items() if one.first <= day < one.after) for one in buckets]
        active = self.count_active_users(unit)
        return [ConversionCounts(one.events, len(one.users), users) for one, users in zip(counts, active, strict=True)]

    def count_active_users(self, unit: str) -> list[int]:
        """Users with an event of any type, for each bucket. Rollups hold them for every goal."""
        buckets, bots = split_period(self._selection.period, unit), self._selection.bots
        if unit == "hour":
            return [len(count.users) for count in self._hours(buckets, bots=bots)]
        if unit == "day":
            days = self._snapshot.daily_totals(self._first, self._after, bots=bots)
            return [len(days.get(bucket.first, Count()).users) for bucket in buckets]
        return [len(self._snapshot.total(bucket.first, bucket.after, bots=bots).users) for bucket in buckets]

    def count_active_by_value(self, dimension: str, values: Sequence[str]) -> dict[str, int]:
        """As `count_active_users`, for each value of a dimension. Raises NotInRollups."""
        days, bots = (self._first, self._after), self._selection.bots
        if dimension not in LIST_DIMENSIONS:
            raise NotInRollups
        if OTHER in sums.events_by_value(self._snapshot, [dimension], *days, bots=bots)[dimension]:
            raise NotInRollups
        counts = read_value_counts(self._snapshot, dimension, values, *days, bots=bots)
        return {value: len(counts[value].users) for value in values}

    def _hours(self, buckets: Sequence[Bucket], **rollup_filter: Any) -> list[Count]:
        counts = self._snapshot.counts("hour", self._first, self._after, **rollup_filter)
        return [counts.get((bucket.first, f"{bucket.hour:02}"), Count()) for bucket in buckets]

    def top_values(self, dimension: str, limit: int) -> TopValues:
        """O(rows of the dimension) to rank, then a bitmap a value and span. Raises NotInRollups."""
        self.conversions_by_day()
        days = self._first, self._after
        ranked = sums.events_by_value(self._snapshot, [dimension], *days, **self._of_goal)[dimension]
        values = [value for value, events in ranked.items() if events][:limit]
        active = self.count_active_by_value(dimension, values)
        counts = read_value_counts(self._snapshot, dimension, values, *days, **self._of_goal)
        rows = [(one, ConversionCounts(counts[one].events, len(counts[one].users), active[one])) for one in values]
        return TopValues(rows, sum(ranked.values()))


def count_goals(
    snapshot: Snapshot, goals: Sequence[Goal], first: date, after: date, bots: bool = False
) -> list[ConversionCounts | None]:
    """The totals of many goals over the days; None: only raw events hold the goal. Four queries; a bitmap a day and
    goal."""
    if not goals:
        return []
    days = _GoalDays(snapshot, goals, first, after, bots)
    active_users = len(snapshot.total(first, after, bots=bots).users)
    counts = [days.find(goal) for goal in goals]
    return [ConversionCounts(one.events, len(one.users), active_users) if one is not None else None for one in counts]


class _GoalDays:
    """What the rollups hold of all goals by day, read once."""

    def __init__(self, snapshot: Snapshot, goals: Sequence[Goal], first: date, after: date, bots: bool) -> None:
        types = sorted({OTHER, *(goal.type for goal in goals)})
        paths = sorted({path for goal in goals if (path := goal.exact_path) is not None})
        self._of_types = sums.counts_by_type(snapshot, first, after, bots, types)
        self._of_paths = (
            read_daily_counts_by_type(snapshot, "path", [OTHER, *paths], first, after, types=types, bots=bots)
            if paths
            else {}
        )

    def find(self, goal: Goal) -> Count | None:
        """Its events and users; None where `RollupSource.conversions_by_day` raises NotInRollups."""
        if goal.needs_raw_events or OTHER in (goal.type, goal.path):
            return None
        days = {day: count for (day, kind), count in self._of_types.items() if kind == goal.type}
        others = {day for day, kind in self._of_types if kind == OTHER} - set(days)
        if (path := goal.exact_path) is not None:
            of_type = {(day, value): count for (day, kind, value), count in self._of_paths.items() if kind == goal.type}
            days = {day: count for (day, value), count in of_type.items() if value == path}
            others |= {day for day, value in of_type if value == OTHER} - set(days)
        return None if others else _add(days.values())


def _add(counts: Iterable[Count]) -> Count:
    total = Count()
    for count in counts:
        total.add(count)
    return total
