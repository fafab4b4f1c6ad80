"""Goals counted from rollups: a bare type, or one exact path of a type, in whole days of their calendar."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from pyroaring import BitMap64

from analytics.insights.asking import Asked
from analytics.insights.goals import Goal
from analytics.insights.reached import Lines, Reached
from analytics.reports.buckets import Bucket, cut
from analytics.rollups import sums, users
from analytics.rollups.delta import Count
from analytics.rollups.guard import OTHER
from analytics.rollups.named import counts_of, days_of
from analytics.rollups.reading import LISTS, Snapshot


class Unknown(Exception):
    """On some day the goal, or a value, found no place in the rollups: only raw events can tell."""


class Rollups:
    """A Source (reached.py)."""

    def __init__(self, found: Snapshot, goal: Goal, first: date, after: date, asked: Asked) -> None:
        self._found, self._goal, self._asked = found, goal, asked
        self._first, self._after = first, after
        self._of_goal: dict[str, Any] = {"types": [goal.type], "bots": asked.bots}

    def can_tell(self, unit: str | None, dimension: str | None) -> bool:
        """Whether there are rows for it: a path's are by day, and of itself alone."""
        if self._goal.needs_raw or (self._goal.path and (unit == "hour" or dimension)):
            return False
        if OTHER in (self._goal.type, self._goal.path):
            # Rollups have many under this name, raw events those that are called so.
            return False
        return dimension is None or dimension in LISTS

    def days(self) -> dict[date, Count]:
        """Day → its conversions. A few queries, a bitmap a day. Raises Unknown."""
        first, after, path = self._first, self._after, self._goal.exact_path
        found = self._found.days(first, after, **self._of_goal)
        others = set(self._found.days(first, after, types=[OTHER], bots=self._asked.bots)) - set(found)
        if path is not None:
            found = days_of(self._found, "path", path, first, after, **self._of_goal)
            others |= set(days_of(self._found, "path", OTHER, first, after, **self._of_goal)) - set(found)
        if others:
            raise Unknown
        return found

    def people(self) -> BitMap64:
        """Everybody who converted. As `days`."""
        return users.union(count.users for count in self.days().values())

    def count(self, unit: str) -> list[Reached]:
        """As `days`, and the bitmaps of all types. Raises Unknown."""
        buckets, days = cut(self._asked.period, unit), self.days()
        if unit == "hour":
            goals = self._hours(buckets, **self._of_goal)
        else:
            goals = [_add(count for day, count in days.items() if one.first <= day < one.after) for one in buckets]
        active = self.count_active(unit)
        return [Reached(one.events, len(one.users), users) for one, users in zip(goals, active, strict=True)]

    def count_active(self, unit: str) -> list[int]:
        """How many people had an event of any type, bucket by bucket. Whatever the goal is, rollups know that."""
        buckets, bots = cut(self._asked.period, unit), self._asked.bots
        if unit == "hour":
            return [len(one.users) for one in self._hours(buckets, bots=bots)]
        if unit == "day":
            found = self._found.days(self._first, self._after, bots=bots)
            return [len(found.get(one.first, Count()).users) for one in buckets]
        return [len(self._found.total(one.first, one.after, bots=bots).users) for one in buckets]

    def _hours(self, buckets: Sequence[Bucket], **asked: Any) -> list[Count]:
        found = self._found.counts("hour", self._first, self._after, **asked)
        return [found.get((one.first, f"{one.hour:02}"), Count()) for one in buckets]

    def rank(self, dimension: str, limit: int) -> Lines:
        """O(rows of the dimension) to rank, then a bitmap a value and span. Raises Unknown."""
        self.days()
        days = self._first, self._after
        ranked = sums.by_value(self._found, [dimension], *days, **self._of_goal)[dimension]
        everything = sums.by_value(self._found, [dimension], *days, bots=self._asked.bots)[dimension]
        if OTHER in everything:
            raise Unknown
        values = [value for value, events in ranked.items() if events][:limit]
        goals = counts_of(self._found, dimension, values, *days, **self._of_goal)
        everybody = counts_of(self._found, dimension, values, *days, bots=self._asked.bots)
        return Lines([(value, _reached(goals[value], everybody[value])) for value in values], sum(ranked.values()))


def _reached(goal: Count, everybody: Count) -> Reached:
    return Reached(goal.events, len(goal.users), len(everybody.users))


def _add(counts: Iterable[Count]) -> Count:
    total = Count()
    for count in counts:
        total.add(count)
    return total
