"""Sums of visits by day, dimension and value; signed, as visits grow and are deleted. Pure.

store.py collects VisitSumChanges of the visits it writes; rollups.py adds them to `visit_rollups`.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from analytics import clock
from analytics.rollups.visits.sessionization import ENTRY_COLUMNS, FACETS, VisitPart, split_entry
from analytics.rollups.visits.visitors import NetVisits, net_visits

# What the values of a visit's lists are: those of VisitPart.entry (whose path is the entry path), and the exit path.
LIST_DIMENSIONS = (*ENTRY_COLUMNS, "exit_path")
_FACETS = (*FACETS, ("exit_path",))
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

    __slots__ = ("_net", "gained", "lost", "sums")

    def __init__(self, sums: int = 0) -> None:
        self.sums = sums
        self.gained, self.lost = list[int](), list[int]()
        self._net: NetVisits | None = None

    @property
    def has_users(self) -> bool:
        return bool(self.gained or self.lost)

    @property
    def net_visits(self) -> NetVisits:
        """What each user gains and loses. Computed once: values of several dimensions may share a change."""
        if self._net is None:
            self._net = net_visits(self.gained, self.lost)
        return self._net

    @classmethod
    def total(cls, changes: Sequence["ValueChange"]) -> "ValueChange":
        """The sum of the changes; of one, itself."""
        if len(changes) == 1:
            return changes[0]
        total = cls(sum(change.sums for change in changes))
        for change in changes:
            total.gained += change.gained
            total.lost += change.lost
        return total


ValueChanges = Mapping[str, ValueChange]


class _Table(dict[tuple[str, ...], ValueChange]):
    """The changes of the visits of each combination of values."""

    def __missing__(self, values: tuple[str, ...]) -> ValueChange:
        change = self[values] = ValueChange()
        return change


class _DayChanges:
    """The changes of one (day, is_bot): of all visits, by the hour they begin in, and a table for each of _FACETS."""

    __slots__ = ("facets", "hours", "total")

    def __init__(self) -> None:
        self.total = 0
        self.hours = defaultdict[str, int](int)
        self.facets = [_Table() for _ in _FACETS]

    def add_to_all(self, hour: str, encoded: int) -> None:
        self.total += encoded
        self.hours[hour] += encoded


class VisitSumChanges:
    """Signed sums and users of visits by (dimension, day, is_bot, value), in the calendar of one zone. 3 µs a visit."""

    def __init__(self, zone: str) -> None:
        self._calendar = _Calendar(zone)
        self._days: dict[tuple[date, bool], _DayChanges] = {}

    @property
    def days(self) -> set[date]:
        """The days whose sums change."""
        return {day for day, _ in self._days}

    def add(self, visits: Sequence[VisitPart], sign: int = 1) -> None:
        """Adds the visits; with sign -1 subtracts them."""
        for visit in visits:
            day, hour = self._day_of(visit)
            encoded, user_no = sign * _encode(visit), visit.user_no
            day.add_to_all(hour, encoded)
            for table, values in zip(day.facets, (*split_entry(visit.entry), (visit.exit_path,)), strict=True):
                change = table[values]
                change.sums += encoded
                (change.gained if sign > 0 else change.lost).append(user_no)

    def replace_visit(self, before: VisitPart, after: VisitPart) -> None:
        """Replaces a visit by one that begins with the same view."""
        day, hour = self._day_of(after)
        old, new = _encode(before), _encode(after)
        growth = new - old
        day.add_to_all(hour, growth)
        *starts, exits = day.facets
        for table, values in zip(starts, split_entry(after.entry), strict=True):
            table[values].sums += growth
        exited, exits_now = exits[before.exit_path,], exits[after.exit_path,]
        exited.sums -= old
        exits_now.sums += new
        if exited is not exits_now:
            exited.lost.append(before.user_no)
            exits_now.gained.append(after.user_no)

    def groups(self, dimensions: Container[str] = VISIT_DIMENSIONS) -> Iterator[tuple[Group, ValueChanges]]:
        """Each changed group of the dimensions. The changes are not copies."""
        for (day, is_bot), changes in self._days.items():
            if "total" in dimensions:
                yield ("total", day, is_bot), {"": ValueChange(changes.total)}
            if "hour" in dimensions:
                yield ("hour", day, is_bot), {hour: ValueChange(sums) for hour, sums in changes.hours.items()}
            for facet, table in zip(_FACETS, changes.facets, strict=True):
                for n, dimension in enumerate(facet):
                    if dimension in dimensions:
                        yield (dimension, day, is_bot), _by_value(dimension, n, table)

    def _day_of(self, visit: VisitPart) -> tuple[_DayChanges, str]:
        day, hour = self._calendar.day_and_hour(visit.start_us)
        changes = self._days.get((day, visit.is_bot))
        if changes is None:
            changes = self._days[day, visit.is_bot] = _DayChanges()
        return changes, hour


def _by_value(dimension: str, n: int, table: Mapping[tuple[str, ...], ValueChange]) -> ValueChanges:
    """The changes of the n-th values of a facet."""
    by_value = defaultdict[str, list[ValueChange]](list)
    for values, change in table.items():
        by_value[_place_name(values[: n + 1]) if dimension in _PLACES else values[n]].append(change)
    return {value: ValueChange.total(changes) for value, changes in by_value.items()}


_PLACES = ("region", "city")


def _place_name(place: tuple[str, ...]) -> str:
    """A region's name begins with its country, a city's with both."""
    return "/".join(place) if place[-1] else ""


# Four signed sums in one integer: one addition instead of four, for each facet of each visit.
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
