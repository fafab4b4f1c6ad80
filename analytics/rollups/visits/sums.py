"""Sums of visits by day, dimension and value; signed, as visits grow and are deleted. Pure.

store.py collects VisitSumChanges of the visits it writes; rollups.py adds them to `visit_rollups`.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from analytics import clock
from analytics.rollups.visits.sessionization import ENTRY_COLUMNS, ENTRY_FIELDS, VisitPart

# What the values of a visit's lists are: those of VisitPart.entry (whose path is the entry path), and the exit path.
LIST_DIMENSIONS = (*ENTRY_COLUMNS, "exit_path")
# `total` has the value '', `hour` the full hours since the day began. Only the lists count people.
VISIT_DIMENSIONS = ("total", "hour", *LIST_DIMENSIONS)
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


class ValueChange:
    """What changes of one value: encoded sums, which `decode_sums` decodes, and the user_no of each visit that it gains
    or loses; of LIST_DIMENSIONS only."""

    __slots__ = ("gained", "lost", "sums")

    def __init__(self, sums: int = 0, gained: Sequence[int] = (), lost: Sequence[int] = ()) -> None:
        self.sums, self.gained, self.lost = sums, gained, lost

    @property
    def has_users(self) -> bool:
        return bool(self.gained or self.lost)

    @classmethod
    def total(cls, changes: Iterable["ValueChange"]) -> "ValueChange":
        """The sum of the changes."""
        total, gained, lost = 0, list[int](), list[int]()
        for change in changes:
            total += change.sums
            gained += change.gained
            lost += change.lost
        return cls(total, gained, lost)


ValueChanges = Mapping[str, ValueChange]


class _DayChanges:
    """The tables of one (day, is_bot), one for each dimension: value → encoded sums, or the users of visits."""

    __slots__ = ("gained", "lost", "sums")

    def __init__(self) -> None:
        self.sums: list[defaultdict[str, int]] = [defaultdict(int) for _ in VISIT_DIMENSIONS]
        self.gained, self.lost = (
            [defaultdict[str, list[int]](list) for _ in LIST_DIMENSIONS] for _ in ("gained", "lost")
        )


class VisitSumChanges:
    """Signed sums and users of visits by (dimension, day, is_bot, value), in the calendar of one zone. 3 µs a visit."""

    def __init__(self, zone: str) -> None:
        self._calendar = _Calendar(zone)
        self._tables: dict[tuple[date, bool], _DayChanges] = {}

    @property
    def days(self) -> set[date]:
        """The days whose sums change."""
        return {day for day, _ in self._tables}

    def add(self, visits: Sequence[VisitPart], sign: int = 1) -> None:
        """Adds the visits; with sign -1 subtracts them."""
        for visit in visits:
            tables, hour = self._tables_of(visit)
            encoded, user_no, values = sign * _encode(visit), visit.user_no, list_values(visit)
            for table, value in zip(tables.sums, ("", hour, *values), strict=True):
                table[value] += encoded
            for users, value in zip(tables.gained if sign > 0 else tables.lost, values, strict=True):
                users[value].append(user_no)

    def replace_visit(self, before: VisitPart, after: VisitPart) -> None:
        """Replaces a visit by one that begins with the same view."""
        tables, hour = self._tables_of(after)
        old, new = _encode(before), _encode(after)
        growth = new - old
        *starts, exits = tables.sums
        for table, value in zip(starts, ("", hour, *list_values(after)[:-1]), strict=True):
            table[value] += growth
        exits[before.exit_path] -= old
        exits[after.exit_path] += new
        if before.exit_path != after.exit_path:
            tables.lost[-1][before.exit_path].append(before.user_no)
            tables.gained[-1][after.exit_path].append(after.user_no)

    def groups(self, dimensions: Container[str] = VISIT_DIMENSIONS) -> Iterator[tuple[Group, ValueChanges]]:
        """Each changed group of the dimensions."""
        for (day, is_bot), tables in self._tables.items():
            for n, (dimension, sums) in enumerate(zip(VISIT_DIMENSIONS, tables.sums, strict=True), -2):
                if dimension in dimensions:
                    gained, lost = (tables.gained[n], tables.lost[n]) if n >= 0 else ({}, {})
                    changes = {
                        value: ValueChange(encoded, gained.get(value, ()), lost.get(value, ()))
                        for value, encoded in sums.items()
                    }
                    yield (dimension, day, is_bot), changes

    def _tables_of(self, visit: VisitPart) -> tuple[_DayChanges, str]:
        day, hour = self._calendar.day_and_hour(visit.start_us)
        tables = self._tables.get((day, visit.is_bot))
        if tables is None:
            tables = self._tables[day, visit.is_bot] = _DayChanges()
        return tables, hour


def list_values(visit: VisitPart) -> tuple[str, ...]:
    """The visit's values of LIST_DIMENSIONS. A region's begins with its country, a city's with both."""
    entry, region, city = visit.entry, visit.entry[_REGION], visit.entry[_CITY]
    if region or city:
        place = entry[_COUNTRY]
        full_region = region and f"{place}/{region}"
        full_city = city and f"{place}/{region}/{city}"
        return *entry[:_REGION], full_region, full_city, *entry[_CITY + 1 :], visit.exit_path
    return *entry, visit.exit_path


# A region and its city are neighbours.
_COUNTRY, _REGION, _CITY = map(ENTRY_FIELDS.index, ("country", "region", "city"))


# Four signed sums in one integer: one addition instead of four, for each dimension of each visit.
_BITS = 48
_HALF, _MASK = 1 << (_BITS - 1), (1 << _BITS) - 1


def _encode(visit: VisitPart) -> int:
    bounces = visit.views == 1
    return 1 + (bounces << _BITS) + (visit.views << 2 * _BITS) + (visit.end_us - visit.start_us << 3 * _BITS)


def encode_sums(sums: VisitSums) -> int:
    """The sums as those of a ValueChange."""
    encoded = (value << n * _BITS for n, value in enumerate(sums))
    return sum(encoded)


def decode_sums(encoded: int) -> VisitSums:
    """The sums of a ValueChange."""
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
