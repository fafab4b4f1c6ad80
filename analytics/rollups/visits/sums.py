"""What visits add to a site's days: sums by dimension and value, signed where visits grow or go. Pure.

visit_store.py fills a Tally from the visits it writes; visit_rollups.py folds it into the table.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from analytics import clock
from analytics.rollups.visits import Touch

# In the order of what `_values` yields: nothing, the hour, Touch.entry, Touch.exit_path.
DIMENSIONS = (
    "total",
    "hour",
    "entry_path",
    "source",
    "referrer",
    "country",
    "browser",
    "os",
    "device",
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "exit_path",
)
HOUR_US = 3_600_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOURS = tuple(f"{hour:02}" for hour in range(100))


# dimension, day, is_bot: what rows of visit_rollups have in common whose values compete for places.
Group = tuple[str, date, bool]


class VisitSums(NamedTuple):
    """Sums over visits; differences of them while tables change."""

    visits: int
    # Visits of one view.
    bounces: int
    views: int
    duration_us: int

    @property
    def bounce_rate(self) -> float | None:
        return self.bounces / self.visits if self.visits else None

    @property
    def avg_duration_s(self) -> float | None:
        return self.duration_us / self.visits / 1e6 if self.visits else None

    @property
    def views_a_visit(self) -> float | None:
        return self.views / self.visits if self.visits else None


class Tally:
    """Signed sums of visits by (dimension, day, is_bot, value), in the calendar of one zone. 2 us a visit."""

    def __init__(self, zone: str) -> None:
        self._calendar = _Calendar(zone)
        self._tables: dict[tuple[date, bool], list[defaultdict[str, int]]] = {}

    @property
    def days(self) -> set[date]:
        """The days that something was added to or taken from."""
        return {day for day, _ in self._tables}

    def add(self, visits: Sequence[Touch], sign: int = 1) -> None:
        """Counts the visits; with sign -1 takes them away."""
        for visit in visits:
            tables, hour = self._place(visit)
            packed = sign * _pack(visit)
            for table, value in zip(tables, ("", hour, *visit.entry, visit.exit_path), strict=True):
                table[value] += packed

    def grow(self, before: Touch, after: Touch) -> None:
        """Replaces one visit by another that begins with the same view."""
        tables, hour = self._place(after)
        old, new = _pack(before), _pack(after)
        growth = new - old
        *starts, exits = tables
        for table, value in zip(starts, ("", hour, *after.entry), strict=True):
            table[value] += growth
        exits[before.exit_path] -= old
        exits[after.exit_path] += new

    def groups(self) -> Iterator[tuple[Group, Mapping[str, int]]]:
        """What changed: each group's values with their sums, packed: they can be added, and `unpack` reads them."""
        for (day, is_bot), tables in self._tables.items():
            for dimension, table in zip(DIMENSIONS, tables, strict=True):
                yield (dimension, day, is_bot), table

    def _place(self, visit: Touch) -> tuple[list[defaultdict[str, int]], str]:
        day, hour = self._calendar.day_and_hour(visit.start_us)
        tables = self._tables.get((day, visit.is_bot))
        if tables is None:
            tables = self._tables[day, visit.is_bot] = [defaultdict(int) for _ in DIMENSIONS]
        return tables, hour


# Four signed sums in one integer: one addition instead of four, for each of thirteen dimensions of each visit.
_BITS = 48
_HALF, _MASK = 1 << (_BITS - 1), (1 << _BITS) - 1


def _pack(visit: Touch) -> int:
    bounces = visit.views == 1
    return 1 + (bounces << _BITS) + (visit.views << 2 * _BITS) + (visit.end_us - visit.start_us << 3 * _BITS)


def unpack(packed: int) -> VisitSums:
    """The sums that a group's value has."""
    visits, packed = _lowest(packed)
    bounces, packed = _lowest(packed)
    views, duration_us = _lowest(packed)
    return VisitSums(visits, bounces, views, duration_us)


def _lowest(packed: int) -> tuple[int, int]:
    """The lowest of the signed sums, and the rest."""
    low = ((packed + _HALF) & _MASK) - _HALF
    return low, packed - low >> _BITS


class _Calendar:
    """Days and hours of a zone; what was found for an hour is remembered."""

    def __init__(self, zone: str) -> None:
        self._zone = clock.zone(zone)
        # UTC hour → the day that it begins in: first and last microsecond, and which.
        self._known: dict[int, tuple[int, int, date]] = {}

    def day_and_hour(self, at_us: int) -> tuple[date, str]:
        """The local day, and the full hours since it began."""
        known = self._known.get(at_us // HOUR_US)
        if known is None or not known[0] <= at_us < known[1]:
            known = self._known[at_us // HOUR_US] = self._look_up(at_us)
        return known[2], _HOURS[(at_us - known[0]) // HOUR_US]

    def _look_up(self, at_us: int) -> tuple[int, int, date]:
        day = clock.day_of(instant(at_us), self._zone)
        start, end = clock.day_bounds(day, self._zone)
        return microseconds(start), microseconds(end), day


def instant(at_us: int) -> datetime:
    """Microseconds since 1970 as an aware time."""
    return EPOCH + timedelta(microseconds=at_us)


def microseconds(at: datetime) -> int:
    """An aware time as microseconds since 1970, exactly."""
    return (at - EPOCH) // timedelta(microseconds=1)
