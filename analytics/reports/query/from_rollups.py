"""RollupSource: the counts of query reports, read from rollups for whole days of their calendar.

query.py creates it. It takes milliseconds, however many events are stored, and never reads raw events.
"""

import logging
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection

from analytics.columnar.limits import NO_ANSWER
from analytics.errors import NotFound
from analytics.period import Period
from analytics.reports.buckets import Bucket, split_period
from analytics.reports.day_range import DayRange
from analytics.reports.query.measures import (
    MAX_RANKED_VALUES,
    NO_VISITS,
    PAGE_VIEW_TYPES,
    VISIT_DIMENSIONS,
    BucketCounts,
    EventSelection,
    Ranking,
    ValueCounts,
    event_counts,
    lists_visits,
    visit_counts,
)
from analytics.reports.responses.cache import mark_incomplete
from analytics.rollups.calendar import read_calendar
from analytics.rollups.cardinality import OTHER
from analytics.rollups.deltas.counts import DIMENSIONS, Count
from analytics.rollups.snapshot import sums
from analytics.rollups.snapshot.clipped import clip
from analytics.rollups.snapshot.selected_values import read_value_counts
from analytics.rollups.snapshot.snapshot import TOTAL_DIMENSIONS, Snapshot
from analytics.rollups.snapshot.visit_lists import VisitDays, read_visit_sums_of_values, read_visit_values
from analytics.rollups.visits.sums import VisitSums
from analytics.store.planner import scans_allowed

if TYPE_CHECKING:
    from analytics.columnar.read import ColumnReader

log = logging.getLogger(__name__)
T = TypeVar("T")
# Of events; the other dimensions need raw events.
ROLLUP_DIMENSIONS = frozenset(DIMENSIONS) - frozenset(TOTAL_DIMENSIONS) | frozenset(("type", "subject"))


def can_list(dimension: str, selection: EventSelection) -> bool:
    """Whether rollups hold the values of the dimension."""
    return lists_visits(dimension, selection) or dimension in ROLLUP_DIMENSIONS


class RollupSource:
    """A MeasureSource (measures.py) of any period in the rollups' zone, without a filter. A day that the period cuts
    costs raw events (rollups/snapshot/clipped.py)."""

    def __init__(self, snapshot: Snapshot, selection: EventSelection) -> None:
        self._snapshot, self._selection = snapshot, selection
        self._types, self._bots = selection.types, selection.bots
        self._selected: dict[str, Any] = {"types": selection.types, "bots": selection.bots}
        self._clipped: dict[Period, Snapshot] = {}

    @property
    def connection(self) -> Connection:
        """The snapshot's."""
        return self._snapshot.connection

    @contextmanager
    def open_columns(self) -> Iterator["ColumnReader"]:
        """Scans of millions of rows are allowed meanwhile: a snapshot plans for look-ups."""
        with scans_allowed(self.connection), self._open_columns() as reader:
            yield reader

    def ask_columns(self, ask: Callable[["ColumnReader"], T]) -> T | None:
        """What `ask` finds in the columns that `open_columns` gives; None where these cannot answer now, which the
        cache does not keep."""
        # Within: after an error that leaves it, scans would stay allowed.
        with scans_allowed(self.connection):
            try:
                with self._open_columns() as reader:
                    return ask(reader)
            except NO_ANSWER as error:
                log.info("no answer from columns", extra={"site_id": self._selection.site_id, "error": repr(error)})
                mark_incomplete()
                return None

    def _open_columns(self) -> AbstractContextManager["ColumnReader"]:
        from analytics.reports.columns.site_columns import open_site_columns

        calendar = read_calendar(self.connection, self._selection.site_id)
        if calendar is None:
            raise NotFound("the site has been deleted")
        return open_site_columns(self.connection, self._selection.site_id, calendar)

    def count(self, period: Period, unit: str) -> list[BucketCounts]:
        """Four queries; by week or month one more a bucket. Reads a bitmap an hour, or a closed week or month, and the
        heads of those of days."""
        buckets = split_period(period, unit)
        if not buckets:
            return []
        snapshot, counts = self.clip(period), self.count_users(period, unit)
        counted = [events for events, _ in counts]
        others = self._events(snapshot, buckets, unit, None if self._types is None else PAGE_VIEW_TYPES)
        events, page_views = (others, counted) if self._types is None else (counted, others)
        users, visits = [users for _, users in counts], self._visits(snapshot, buckets, unit)
        return [BucketCounts(*row) for row in zip(events, page_views, users, visits, strict=True)]

    def clip(self, period: Period) -> Snapshot:
        """What the days of the period have of it. The same snapshot for the same period, which holds what it read."""
        if period not in self._clipped:
            self._clipped[period] = clip(self._snapshot, period.start, period.end)
        return self._clipped[period]

    def count_users(self, period: Period, unit: str) -> list[tuple[int, int]]:
        """Events and the number of users of the selected types in each bucket; without types, of page views. One query;
        by week or month one a bucket."""
        buckets, snapshot = split_period(period, unit), self.clip(period)
        first, after = _days(period)
        selected: dict[str, Any] = {"types": self._types or PAGE_VIEW_TYPES, "bots": self._bots}
        if unit == "day":
            days = snapshot.daily_events_and_users(first, after, **selected)
            return [days.get(bucket.first, (0, 0)) for bucket in buckets]
        if unit == "hour":
            hours = snapshot.counts(_dimension(unit), first, after, **selected)
            counts = [hours.get(_row_key(bucket, unit), Count()) for bucket in buckets]
        else:
            counts = [snapshot.total(bucket.first, bucket.after, **selected) for bucket in buckets]
        return [(count.events, len(count.users)) for count in counts]

    def _events(
        self, snapshot: Snapshot, buckets: Sequence[Bucket], unit: str, types: Sequence[str] | None
    ) -> list[int]:
        days = buckets[0].first, buckets[-1].after
        events = sums.events_by_day(snapshot, _dimension(unit), *days, types=types, bots=self._bots)
        return [sum(counts) for counts in _group_by_bucket(buckets, unit, events)]

    def _visits(self, snapshot: Snapshot, buckets: Sequence[Bucket], unit: str) -> list[VisitSums]:
        days = buckets[0].first, buckets[-1].after
        visits = snapshot.visits(_dimension(unit), *days, self._bots)
        return [VisitSums.total(rows) for rows in _group_by_bucket(buckets, unit, visits)]

    def rank_values(self, period: Period, dimension: str) -> Ranking:
        """One query, O(rows of the dimension). Reads bitmaps only for the dimension type."""
        rows = self._rank(period, dimension)
        listed = [row for row in rows if row.value != OTHER]
        first = listed[:MAX_RANKED_VALUES]
        return Ranking(first, sum(row.amount for row in rows), len(first))

    def list_values(self, period: Period, dimension: str) -> Iterator[ValueCounts]:
        """All values with all counts, in the order of `rank_values`. Also OTHER, so that rows add up to the total.

        The queries of `count_values` once for each MAX_RANKED_VALUES values, whose bitmaps are held in memory.
        """
        values = [row.value for row in self._rank(period, dimension)]
        for start in range(0, len(values), MAX_RANKED_VALUES):
            batch = values[start : start + MAX_RANKED_VALUES]
            counts = self.count_values(period, dimension, batch)
            yield from (counts[value] for value in batch)

    def _rank(self, period: Period, dimension: str) -> list[ValueCounts]:
        if self._lists_visits(dimension):
            visits = read_visit_sums_of_values(self.clip(period), dimension, self._visit_days(period))
            rows = [visit_counts(value, sums) for value, sums in visits.items()]
        else:
            rows = [ValueCounts(value, amount) for value, amount in self._amounts(period, dimension).items()]
        return sorted((row for row in rows if row.amount), key=lambda row: (-row.amount, row.value))

    def _amounts(self, period: Period, dimension: str) -> Mapping[str, int]:
        (first, after), snapshot = _days(period), self.clip(period)
        if dimension == "type":
            return {event_type: count.events for event_type, count in self._counts_by_type(period).items()}
        if dimension == "subject":
            return self._events_by_subject(period)
        return sums.events_by_value(snapshot, [dimension], first, after, **self._selected)[dimension]

    def count_values(self, period: Period, dimension: str, values: Sequence[str]) -> dict[str, ValueCounts]:
        """Two queries, a bitmap a value and span; for the dimension subject a query a value."""
        if self._lists_visits(dimension):
            listed = read_visit_values(self.clip(period), {dimension: values}, self._visit_days(period))[dimension]
            return {value: visit_counts(value, row.visits, row.visitors) for value, row in listed.items()}
        counts = self._counts_of_values(period, dimension, values)
        rows = {
            value: event_counts(self._selection, value, row.events, len(row.users))
            for value, row in counts.items()
            if row.events
        }
        if dimension not in VISIT_DIMENSIONS:
            return rows
        visits = read_visit_sums_of_values(self.clip(period), dimension, self._visit_days(period), values)
        return {value: row.with_visits(visits.get(value, NO_VISITS)) for value, row in rows.items()}

    def _lists_visits(self, dimension: str) -> bool:
        return lists_visits(dimension, self._selection)

    def _visit_days(self, period: Period) -> VisitDays:
        return VisitDays(*_days(period), self._bots)

    def _counts_of_values(self, period: Period, dimension: str, values: Sequence[str]) -> Mapping[str, Count]:
        (first, after), snapshot = _days(period), self.clip(period)
        if dimension == "type":
            return {
                event_type: count for event_type, count in self._counts_by_type(period).items() if event_type in values
            }
        if dimension == "subject":
            selected = self._selected
            return {value: snapshot.total(first, after, subject=value, **selected) for value in values if value}
        return read_value_counts(snapshot, dimension, values, first, after, **self._selected)

    def _counts_by_type(self, period: Period) -> dict[str, Count]:
        counts: dict[str, Count] = {}
        for (_, event_type), count in sums.counts_by_type(self.clip(period), *_days(period), bots=self._bots).items():
            if self._types is None or event_type in self._types:
                counts.setdefault(event_type, Count()).add(count)
        return counts

    def _events_by_subject(self, period: Period) -> Mapping[str, int]:
        events = Counter[str]()
        for event_type in self._types or self._counts_by_type(period):
            events.update(sums.events_by_subject(self.clip(period), event_type, *_days(period), bots=self._bots))
        return events


def _days(period: Period) -> tuple[date, date]:
    days = DayRange.covering(period)
    return days.first, days.after


def _dimension(unit: str) -> str:
    """The rollups' dimension that a series by the unit is summed from."""
    return "hour" if unit == "hour" else "total"


def _row_key(bucket: Bucket, unit: str) -> tuple[date, str]:
    """The (day, value) of the bucket's first row in that dimension."""
    return bucket.first, f"{bucket.hour:02}" if unit == "hour" else ""


def _group_by_bucket(buckets: Sequence[Bucket], unit: str, rows: Mapping[tuple[date, str], Any]) -> list[list[Any]]:
    """The rows, by (day, value), of each bucket."""
    keys = [_row_key(bucket, unit) for bucket in buckets]
    groups: list[list[Any]] = [[] for _ in buckets]
    for key, row in rows.items():
        groups[bisect_right(keys, key) - 1].append(row)
    return groups
