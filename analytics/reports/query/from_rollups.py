"""Rollups read for canonical reports: whole days of their calendar, in milliseconds whatever was stored."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from analytics import clock
from analytics.period import Period
from analytics.reports.buckets import Bucket, cut
from analytics.reports.counted import MOST_LINES, NO_VISITS, PAGES, VIEWS, VISIT_FIELDS, Counts, Line, Lines, Wanted
from analytics.rollups import sums
from analytics.rollups.delta import DIMENSIONS, Count
from analytics.rollups.guard import OTHER
from analytics.rollups.named import counts_of
from analytics.rollups.reading import TOTALS, Snapshot
from analytics.rollups.visit_tally import VisitSums

# What `rank` knows; the others need raw events.
KNOWN = frozenset(DIMENSIONS) - frozenset(TOTALS) | frozenset((*PAGES, "type", "subject"))


class Rollups:
    """A Source (counted.py) for whole days, without a filter."""

    def __init__(self, found: Snapshot, wanted: Wanted) -> None:
        self._found, self._types, self._bots = found, wanted.types, wanted.bots

    def count(self, period: Period, unit: str) -> list[Counts]:
        """Four queries, one more a week or month; a bitmap is read a day, or a week or month that is over."""
        buckets = cut(period, unit)
        if not buckets:
            return []
        people = self._people(buckets, unit)
        named = [one.events for one in people]
        others = self._events(buckets, unit, None if self._types is None else VIEWS)
        began = self._visits(buckets, unit)
        events, views = (others, named) if self._types is None else (named, others)
        users = [len(one.users) for one in people]
        return [Counts(*row) for row in zip(events, views, users, began, strict=True)]

    def _people(self, buckets: Sequence[Bucket], unit: str) -> list[Count]:
        """The events of the types, or the page views, and who made them."""
        asked: dict[str, Any] = {"types": self._types or VIEWS, "bots": self._bots}
        if unit not in ("hour", "day"):
            return [self._found.total(one.first, one.after, **asked) for one in buckets]
        dimension = "hour" if unit == "hour" else "total"
        found = self._found.counts(dimension, buckets[0].first, buckets[-1].after, **asked)
        return [found.get(_place(one, unit), Count()) for one in buckets]

    def _events(self, buckets: Sequence[Bucket], unit: str, types: Sequence[str] | None) -> list[int]:
        days = buckets[0].first, buckets[-1].after
        dimension = "hour" if unit == "hour" else "total"
        found = sums.by_day(self._found, dimension, *days, types=types, bots=self._bots)
        return [sum(counts) for counts in _sort(buckets, unit, found)]

    def _visits(self, buckets: Sequence[Bucket], unit: str) -> list[VisitSums]:
        days = buckets[0].first, buckets[-1].after
        found = self._found.visits("hour" if unit == "hour" else "total", *days, self._bots)
        return [_add(began) for began in _sort(buckets, unit, found)]

    def rank(self, period: Period, dimension: str) -> Lines:
        """One query, O(rows of the dimension); no bitmaps, but for types."""
        counts = self._rank(period, dimension)
        name = "visits" if dimension in PAGES else "events"
        lines = [Line(value, **{name: amount}) for value, amount in counts.items() if amount and value != OTHER]
        lines.sort(key=lambda line: (-line.amount, line.value))
        return Lines(lines[:MOST_LINES], sum(counts.values()))

    def _rank(self, period: Period, dimension: str) -> Mapping[str, int]:
        first, after = _days(period)
        if dimension in PAGES:
            found = Counter[str]()
            for (_, value), began in self._found.visits(dimension, first, after, self._bots).items():
                found[value] += began.visits
            return found
        if dimension == "type":
            return {kind: count.events for kind, count in self._by_type(period).items()}
        if dimension == "subject":
            return self._subjects(period)
        asked: dict[str, Any] = {"types": self._types, "bots": self._bots}
        return sums.by_value(self._found, [dimension], first, after, **asked)[dimension]

    def find(self, period: Period, dimension: str, values: Sequence[str]) -> dict[str, Line]:
        """Two queries, a bitmap a value and span; of subjects a query each."""
        first, after = _days(period)
        began: dict[str, VisitSums] = {}
        if dimension in PAGES or dimension in VISIT_FIELDS:
            began = sums.visits_of(self._found, dimension, first, after, values, self._bots)
        if dimension in PAGES:
            return {value: Line(value, visits=one.visits) for value, one in began.items()}
        counts = self._counts_of(period, dimension, values)
        lines = {value: Line(value, one.events, len(one.users)) for value, one in counts.items() if one.events}
        if dimension not in VISIT_FIELDS:
            return lines
        return {value: line._replace(visits=began.get(value, NO_VISITS).visits) for value, line in lines.items()}

    def _counts_of(self, period: Period, dimension: str, values: Sequence[str]) -> Mapping[str, Count]:
        first, after = _days(period)
        asked: dict[str, Any] = {"types": self._types, "bots": self._bots}
        if dimension == "type":
            return {kind: count for kind, count in self._by_type(period).items() if kind in values}
        if dimension == "subject":
            return {value: self._found.total(first, after, subject=value, **asked) for value in values if value}
        return counts_of(self._found, dimension, values, first, after, **asked)

    def _by_type(self, period: Period) -> dict[str, Count]:
        counts: dict[str, Count] = {}
        for (_, kind), count in sums.by_type(self._found, *_days(period), bots=self._bots).items():
            if self._types is None or kind in self._types:
                counts.setdefault(kind, Count()).add(count)
        return counts

    def _subjects(self, period: Period) -> Mapping[str, int]:
        found = Counter[str]()
        for kind in self._types or self._by_type(period):
            found.update(sums.by_subject(self._found, kind, *_days(period), bots=self._bots))
        return found


def _days(period: Period) -> tuple[date, date]:
    return clock.day_of(period.start, period.zone), clock.day_of(period.end, period.zone)


def _place(bucket: Bucket, unit: str) -> tuple[date, str]:
    """The key of a bucket's row in what Snapshot reads by day."""
    return bucket.first, f"{bucket.hour:02}" if unit == "hour" else ""


def _sort(buckets: Sequence[Bucket], unit: str, found: Mapping[tuple[date, str], Any]) -> list[list[Any]]:
    """What was found by day (and hour), by bucket."""
    places = [_place(one, unit) for one in buckets]
    sorted_out: list[list[Any]] = [[] for _ in buckets]
    for place, amount in found.items():
        sorted_out[bisect_right(places, place) - 1].append(amount)
    return sorted_out


def _add(began: Iterable[VisitSums]) -> VisitSums:
    return VisitSums(*(sum(column) for column in zip(NO_VISITS, *began, strict=True)))
