"""Sums of visits by day, dimension and value; signed, as visits grow and are deleted. Pure.

store.py collects VisitSumChanges of the visits it writes; rollups.py adds them to `visit_rollups`.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from analytics import clock
from analytics.rollups.visits.sessionization import ENTRY_FIELDS, VisitPart

# In the order of a visit's values: '', the hour, VisitPart.entry (whose path is the entry path), VisitPart.exit_path.
VISIT_DIMENSIONS = ("total", "hour", "entry_path", *ENTRY_FIELDS[1:], "exit_path")
HOUR_US = 3_600_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOURS = tuple(f"{hour:02}" for hour in range(100))


# dimension, day, is_bot: the rows of visit_rollups that share a cardinality limit.
Group = tuple[str, date, bool]


class VisitSums(NamedTuple):
    """Sums over visits, or differences of such sums."""

    visits: int = 0
    # Visits of one view.
    bounces: int = 0
    views: int = 0
    duration_us: int = 0

    @classmethod
    def total(cls, rows: Iterable["VisitSums"]) -> "VisitSums":
        """The sum of the rows; of none, zeros."""
        return cls(*map(sum, zip(cls(), *rows, strict=True)))

    @property
    def bounce_rate(self) -> float | None:
        return self.bounces / self.visits if self.visits else None

    @property
    def avg_duration_s(self) -> float | None:
        return self.duration_us / self.visits / 1e6 if self.visits else None

    @property
    def views_per_visit(self) -> float | None:
        return self.views / self.visits if self.visits else None


class VisitSumChanges:
    """Signed sums of visits by (dimension, day, is_bot, value), in the calendar of one zone. 2 µs a visit."""

    def __init__(self, zone: str) -> None:
        self._calendar = _Calendar(zone)
        self._tables: dict[tuple[date, bool], list[defaultdict[str, int]]] = {}

    @property
    def days(self) -> set[date]:
        """The days whose sums change."""
        return {day for day, _ in self._tables}

    def add(self, visits: Sequence[VisitPart], sign: int = 1) -> None:
        """Adds the visits; with sign -1 subtracts them."""
        for visit in visits:
            tables, hour = self._tables_of(visit)
            encoded = sign * _encode(visit)
            for table, value in zip(tables, ("", hour, *visit.entry, visit.exit_path), strict=True):
                table[value] += encoded

    def replace_visit(self, before: VisitPart, after: VisitPart) -> None:
        """Replaces a visit by one that begins with the same view."""
        tables, hour = self._tables_of(after)
        old, new = _encode(before), _encode(after)
        growth = new - old
        *starts, exits = tables
        for table, value in zip(starts, ("", hour, *after.entry), strict=True):
            table[value] += growth
        exits[before.exit_path] -= old
        exits[after.exit_path] += new

    def groups(self) -> Iterator[tuple[Group, Mapping[str, int]]]:
        """Each changed group: value → encoded sums, which can be added, and which `decode_sums` decodes."""
        for (day, is_bot), tables in self._tables.items():
            for dimension, table in zip(VISIT_DIMENSIONS, tables, strict=True):
                yield (dimension, day, is_bot), table

    def _tables_of(self, visit: VisitPart) -> tuple[list[defaultdict[str, int]], str]:
        day, hour = self._calendar.day_and_hour(visit.start_us)
        tables = self._tables.get((day, visit.is_bot))
        if tables is None:
            tables = self._tables[day, visit.is_bot] = [defaultdict(int) for _ in VISIT_DIMENSIONS]
        return tables, hour


# Four signed sums in one integer: one addition instead of four, for each of thirteen dimensions of each visit.
_BITS = 48
_HALF, _MASK = 1 << (_BITS - 1), (1 << _BITS) - 1


def _encode(visit: VisitPart) -> int:
    bounces = visit.views == 1
    return 1 + (bounces << _BITS) + (visit.views << 2 * _BITS) + (visit.end_us - visit.start_us << 3 * _BITS)


def decode_sums(encoded: int) -> VisitSums:
    """The sums of a value of `groups`."""
    visits, encoded = _lowest(encoded)
    bounces, encoded = _lowest(encoded)
    views, duration_us = _lowest(encoded)
    return VisitSums(visits, bounces, views, duration_us)


def _lowest(encoded: int) -> tuple[int, int]:
    """The lowest of the signed sums, and the rest."""
    low = ((encoded + _HALF) & _MASK) - _HALF
    return low, encoded - low >> _BITS


class _Calendar:
    """Days and hours of a zone; results are cached by UTC hour."""

    def __init__(self, zone: str) -> None:
        self._zone = clock.zone(zone)
        # UTC hour → the local day that it begins in: first microsecond, end, and date.
        self._days: dict[int, tuple[int, int, date]] = {}

    def day_and_hour(self, at_us: int) -> tuple[date, str]:
        """The local day, and the full hours since it began."""
        day = self._days.get(at_us // HOUR_US)
        if day is None or not day[0] <= at_us < day[1]:
            day = self._days[at_us // HOUR_US] = self._look_up(at_us)
        return day[2], _HOURS[(at_us - day[0]) // HOUR_US]

    def _look_up(self, at_us: int) -> tuple[int, int, date]:
        day = clock.day_of(from_microseconds(at_us), self._zone)
        start, end = clock.day_bounds(day, self._zone)
        return to_microseconds(start), to_microseconds(end), day


def from_microseconds(at_us: int) -> datetime:
    """Microseconds since 1970 as an aware time."""
    return EPOCH + timedelta(microseconds=at_us)


def to_microseconds(at: datetime) -> int:
    """An aware time as microseconds since 1970, exactly."""
    return (at - EPOCH) // timedelta(microseconds=1)
