"""A Snapshot of a period that begins or ends within a day: whole days from rollups, the rest from hours and raw events.

Reports call `clip` and read the days that the period touches. Of a day that is cut, totals take the rows of its whole
hours and at most two parts of an hour of raw events; lists of values take the raw events of all its part, counted with
the code of the drain. Unmerged deltas count as in every Snapshot. Only SELECTs.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import text

from analytics import clock
from analytics.rollups.calendar import read_calendar
from analytics.rollups.cardinality import OTHER
from analytics.rollups.deltas.counts import Count, RollupKey, decode_count
from analytics.rollups.raw_events import count_events
from analytics.rollups.rows import with_bots
from analytics.rollups.snapshot.snapshot import (
    FROM_ROLLUPS,
    LIST_DIMENSIONS,
    TOTAL_DIMENSIONS,
    RollupFilter,
    Snapshot,
)
from analytics.rollups.snapshot.type_lookup import read_types
from analytics.rollups.spans import DAY, Span
from analytics.rollups.visits.recount import read_visits
from analytics.rollups.visits.rollups import limit_changes
from analytics.rollups.visits.sessionization import VisitPart
from analytics.rollups.visits.store import add_sum_changes
from analytics.rollups.visits.sums import (
    VISIT_DIMENSIONS,
    Group,
    ValueChange,
    ValueChanges,
    VisitSumChanges,
    VisitSums,
    encode_sums,
    to_microseconds,
)
from analytics.store.copy.binary_copy import as_bool, as_date, as_text
from analytics.store.planner import scans_allowed

ONE_HOUR, ONE_DAY = timedelta(hours=1), timedelta(days=1)
Counts = dict[RollupKey, Count]


class RawEventsPurged(LookupError):
    """Part of a day needs raw events from `start` on, and those before `raw_since` may be purged."""

    def __init__(self, start: datetime, raw_since: datetime) -> None:
        self.start, self.raw_since = start, raw_since
        super().__init__(f"raw events from {start} on may be purged: they are kept since {raw_since}")


class Part(NamedTuple):
    """What a period has of a day that it cuts: `[start, end)`. Hours are numbered from the start of the day."""

    day: date
    day_start: datetime
    start: datetime
    end: datetime
    # The whole hours in it, `[first_hour, after_hour)`.
    first_hour: int
    after_hour: int

    @property
    def fragments(self) -> list[tuple[datetime, datetime]]:
        """What is left of it without the whole hours; at most two intervals."""
        if self.first_hour >= self.after_hour:
            return [(self.start, self.end)]
        first, after = (self.day_start + n * ONE_HOUR for n in (self.first_hour, self.after_hour))
        return [(low, high) for low, high in ((self.start, first), (min(after, self.end), self.end)) if low < high]

    def has_hour(self, value: str) -> bool:
        """`value`: of the dimension hour."""
        return self.first_hour <= int(value) < self.after_hour


def cut_days(start: datetime, end: datetime, zone: str) -> list[Part]:
    """The parts of the days that `[start, end)` cuts, at most two. Pure."""
    tz, parts = clock.zone(zone), []
    last = end - timedelta.resolution
    for day in sorted({clock.day_of(start, tz), clock.day_of(max(start, last), tz)}):
        day_start, day_end = clock.day_bounds(day, tz)
        first, after = max(start, day_start), min(end, day_end)
        if (first, after) != (day_start, day_end):
            # Where clocks move by half an hour, the last hour of the day is shorter, and whole all the same.
            after_hour = -((day_start - after) // ONE_HOUR) if after == day_end else (after - day_start) // ONE_HOUR
            parts.append(Part(day, day_start, first, after, -((day_start - first) // ONE_HOUR), after_hour))
    return parts


def first_raw_instant(start: datetime, end: datetime, zone: str, of_values: bool = False) -> datetime | None:
    """From when on totals of `[start, end)` need raw events, or counts by value. None: rollups have them."""
    parts = cut_days(start, end, zone)
    intervals = [part.fragments if not of_values else [(part.start, part.end)] for part in parts]
    return min((low for of_part in intervals for low, high in of_part if low < high), default=None)


def clip(snapshot: Snapshot, start: datetime, end: datetime) -> Snapshot:
    """The snapshot whose days have only what lies in `[start, end)`; the same one where the period cuts no day.

    Read only the days that the period touches. Reads raise RawEventsPurged where they need raw events that may be gone.
    """
    base = snapshot.base if isinstance(snapshot, ClippedSnapshot) else snapshot
    parts = cut_days(start, end, base.zone)
    if isinstance(snapshot, ClippedSnapshot) and snapshot.parts == parts:
        return snapshot
    return ClippedSnapshot(base, parts) if parts else base


class PartLists(NamedTuple):
    """The lists of a part of a day, of all values: page views, without subjects, and the stored visits that begin in it
    by the values that they have."""

    views: Counts
    visits: Mapping[Group, ValueChanges]


class ClippedSnapshot(Snapshot):
    """As Snapshot; rows of the days of `parts` hold only their part of the day."""

    def __init__(self, base: Snapshot, parts: Sequence[Part]) -> None:
        self.base, self.parts = base, list(parts)
        self.connection, self.site_id, self.zone, self.unmerged = (
            base.connection, base.site_id, base.zone, base.unmerged
        )  # fmt: skip
        self._covers, self._types = {}, {}
        self._parts = {part.day: part for part in parts}
        self._fragment_counts: dict[tuple[datetime, datetime], Counts] = {}
        self._list_counts: dict[date, Counts] = {}
        self._held_lists: dict[date, PartLists] = {}
        self._visits: dict[tuple[datetime, datetime], VisitSumChanges] = {}
        self._raw_since: list[datetime | None] = []

    def hold_lists(self, part: Part, lists: PartLists) -> None:
        """What was counted elsewhere at the same instant. From then on lists of the part are read of page views and of
        these dimensions only."""
        self._held_lists[part.day] = lists

    def day_spans(self, first_day: date, end_day: date) -> list[Span]:
        return [span for span in super().day_spans(first_day, end_day) if span.day not in self._parts]

    def covering_spans(self, rollup_filter: RollupFilter) -> list[Span]:
        spans = list[Span]()
        for first, end in self.uncut_days(rollup_filter.first_day, rollup_filter.end_day):
            spans += super().covering_spans(rollup_filter._replace(first_day=first, end_day=end))
        return spans

    def matching_unmerged_counts(self, dimensions: Collection[str], rollup_filter: RollupFilter) -> Counts:
        """Also all counts of the days that are cut, stored ones too."""
        counts = super().matching_unmerged_counts(dimensions, rollup_filter)
        for part in self._parts_of(rollup_filter) if not set(TOTAL_DIMENSIONS).isdisjoint(dimensions) else ():
            for hour, count in self._stored_hours(part, rollup_filter):
                for key in _total_keys(hour, dimensions):
                    total = Count(count.events, count.users.copy())
                    if key in counts:
                        total.add(counts[key])
                    counts[key] = total
        return counts

    def unmerged_candidates(self, dimensions: Collection[str], rollup_filter: RollupFilter) -> Counts:
        """Also what raw events add to the days that are cut."""
        candidates = {
            key: count
            for key, count in super().unmerged_candidates(dimensions, rollup_filter).items()
            if key.day not in self._parts
        }
        for part in self._parts_of(rollup_filter):
            for key, count in self._part_candidates(part, dimensions, rollup_filter):
                candidates.setdefault(key, Count()).add(count)
        return candidates

    def _part_candidates(
        self, part: Part, dimensions: Collection[str], rollup_filter: RollupFilter
    ) -> Iterator[tuple[RollupKey, Count]]:
        if not set(TOTAL_DIMENSIONS).isdisjoint(dimensions):
            of_part = rollup_filter._replace(first_day=part.day, end_day=part.day + ONE_DAY)
            hours = super().unmerged_candidates(["hour"], of_part)
            sources = [{hour: count for hour, count in hours.items() if part.has_hour(hour.value)}]
            sources += [self._read_fragment(part, fragment) for fragment in part.fragments]
            for hour, count in ((hour, count) for source in sources for hour, count in source.items()):
                if _has_subject(hour, rollup_filter.subject):
                    yield from ((key, count) for key in _total_keys(hour, dimensions))
        if lists := set(LIST_DIMENSIONS).intersection(dimensions):
            for key, count in self._read_lists(part).items():
                if key.dimension in lists and _has_subject(key, rollup_filter.subject):
                    yield key, count

    def _parts_of(self, rollup_filter: RollupFilter) -> list[Part]:
        parts = (self._parts[day] for day in sorted(self._parts))
        return [part for part in parts if rollup_filter.first_day <= part.day < rollup_filter.end_day]

    def _stored_hours(self, part: Part, rollup_filter: RollupFilter) -> list[tuple[RollupKey, Count]]:
        """The rows of the whole hours of the part. One query, two without types."""
        spans = [Span(DAY, part.day)]
        if part.first_hour >= part.after_hour:
            return []
        if rollup_filter.types is None:
            types = read_types(self.connection, self.site_id, spans)
            rollup_filter = rollup_filter._replace(types=types)
        rows = self.read_rows(
            HOURS, ["hour"], rollup_filter, spans, first=_hour(part.first_hour), last=_hour(part.after_hour - 1)
        )
        return [
            (
                RollupKey("hour", as_date(day), as_text(kind), rollup_filter.subject, as_bool(is_bot), as_text(value)),
                decode_count(events, users),
            )
            for day, kind, is_bot, value, events, users in rows
        ]

    def _read_fragment(self, part: Part, fragment: tuple[datetime, datetime]) -> Counts:
        """The raw events of less than an hour, or of two, by the dimension hour. One query, O(events of it)."""
        if fragment not in self._fragment_counts:
            self._fragment_counts[fragment] = self._count_fragment(part, *fragment)
        return self._fragment_counts[fragment]

    def _count_fragment(self, part: Part, start: datetime, end: datetime) -> Counts:
        if start >= end:
            return {}
        self._check_kept(start)
        parameters = {"site_id": self.site_id, "start": start, "end": end, "day_start": part.day_start}
        with scans_allowed(self.connection):
            rows = self.connection.execute(FRAGMENT, parameters).all()
        counts: defaultdict[RollupKey, Count] = defaultdict(Count)
        for kind, subject, is_bot, hour, events, user_nos in rows:
            for of_subject in {"", subject}:
                key = RollupKey("hour", part.day, kind, of_subject, is_bot, _hour(hour))
                counts[key].add_users(events, list(user_nos))
        return dict(counts)

    def _read_lists(self, part: Part) -> Counts:
        """The raw events of the part by all dimensions. One query, O(events of it), some µs each."""
        if part.day in self._held_lists:
            return self._held_lists[part.day].views
        if part.day not in self._list_counts:
            counts: Counts = {}
            if part.start < part.end:
                self._check_kept(part.start)
                with scans_allowed(self.connection):
                    count_events(self.connection, self.site_id, self.zone, part.start, part.end, counts)
            self._list_counts[part.day] = counts
        return self._list_counts[part.day]

    def stored_subjects(self, event_type: str, rollup_filter: RollupFilter) -> Counter[str]:
        subjects = Counter[str]()
        for part in self._parts_of(rollup_filter):
            parameters = {"site_id": self.site_id, "day": part.day, "type": event_type}
            parameters |= {"bots": with_bots(rollup_filter.bots)}
            parameters |= {"first": _hour(part.first_hour), "last": _hour(part.after_hour - 1)}
            if part.first_hour < part.after_hour:
                for subject, events in self.connection.execute(SUBJECTS_OF_HOURS, parameters):
                    subjects[subject] += events
        return subjects

    def uncut_days(self, first_day: date, end_day: date) -> list[tuple[date, date]]:
        runs, first = list[tuple[date, date]](), first_day
        for day in sorted(day for day in self._parts if first_day <= day < end_day):
            runs.append((first, day))
            first = day + ONE_DAY
        return [run for run in (*runs, (first, end_day)) if run[0] < run[1]]

    def visit_changes(self, dimensions: Container[str]) -> dict[Group, ValueChanges]:
        """Also all visits of the days that are cut, stored ones too; totals of whole hours from their rows."""
        changes = {
            group: values for group, values in super().visit_changes(dimensions).items() if group[1] not in self._parts
        }
        totals = [dimension for dimension in TOTAL_DIMENSIONS if dimension in dimensions]
        lists = [dimension for dimension in VISIT_DIMENSIONS if dimension in dimensions and dimension not in totals]
        for part in self._parts.values():
            sources = [self._visits_between(interval, totals) for interval in part.fragments if totals]
            sources += [self._visits_of_hours(part, totals)] if totals else []
            sources += [self._visits_of_lists(part, lists)] if lists else []
            for group, values in (pair for source in sources for pair in source.items()):
                changes[group] = _add_changes(changes.get(group, {}), values)
        return changes

    def _visits_of_hours(self, part: Part, dimensions: Sequence[str]) -> dict[Group, ValueChanges]:
        """The visits that began in the whole hours of the part, of people and of bots."""
        groups: dict[Group, ValueChanges] = {}
        hours = {is_bot: self.base.visits("hour", part.day, part.day + ONE_DAY, is_bot) for is_bot in (False, True)}
        for is_bot, rows in hours.items():
            for (day, hour), row in rows.items():
                # With bots, the sums of both.
                of_people = hours[False].get((day, hour), VisitSums()) if is_bot else VisitSums()
                sums = VisitSums(*(total - people for total, people in zip(row, of_people, strict=True)))
                for dimension in dimensions if part.has_hour(hour) else ():
                    group, value = (dimension, day, is_bot), hour if dimension == "hour" else ""
                    groups[group] = _add_changes(groups.get(group, {}), {value: ValueChange(encode_sums(sums))})
        return groups

    def _visits_between(
        self, interval: tuple[datetime, datetime], dimensions: Sequence[str]
    ) -> dict[Group, ValueChanges]:
        changes = dict(self._read_visits(interval).groups(dimensions))
        return limit_changes(self.connection, self.site_id, changes)

    def _visits_of_lists(self, part: Part, dimensions: Sequence[str]) -> dict[Group, ValueChanges]:
        if part.day not in self._held_lists:
            return self._visits_between((part.start, part.end), dimensions)
        changes = _ChangesWithin(self.zone, part.start, part.end)
        self._add_unmerged(changes)
        groups = dict(changes.groups(dimensions))
        for group, values in self._held_lists[part.day].visits.items():
            if group[0] in dimensions:
                groups[group] = _add_changes(groups.get(group, {}), values)
        return limit_changes(self.connection, self.site_id, groups)

    def _add_unmerged(self, changes: VisitSumChanges) -> None:
        """What unmerged page views change of the stored visits."""
        if parts := self.unmerged.visit_parts():
            add_sum_changes(self.connection, self.site_id, parts, changes)

    def _read_visits(self, interval: tuple[datetime, datetime]) -> VisitSumChanges:
        """The sums of the visits that begin in the interval, with what unmerged page views change. O(visits)."""
        if interval not in self._visits:
            start, end = interval
            changes = _ChangesWithin(self.zone, start, end)
            if start < end:
                self._check_kept(start)
                for visits in read_visits(self.connection, self.site_id, start, end):
                    changes.add(visits)
                self._add_unmerged(changes)
            self._visits[interval] = changes
        return self._visits[interval]

    def _check_kept(self, start: datetime) -> None:
        """Raises RawEventsPurged."""
        if not self._raw_since:
            calendar = read_calendar(self.connection, self.site_id)
            self._raw_since.append(calendar and calendar.raw_since)
        [raw_since] = self._raw_since
        if raw_since is not None and start < raw_since:
            raise RawEventsPurged(start, raw_since)


# Of a day, by pk_rollups as FROM_ROLLUPS.
HOURS = "SELECT day, type, is_bot, value, events, users" + FROM_ROLLUPS + "WHERE value BETWEEN %(first)s AND %(last)s"
# Served by partition pruning on ts and, inside a partition, by ix_events_ts (BRIN).
FRAGMENT = text("""
SELECT type, coalesce(subject, ''), is_bot, floor(extract(epoch FROM ts - :day_start) / 3600)::int, count(*),
    array_agg(user_no)
FROM events
WHERE site_id = :site_id AND ts >= :start AND ts < :end
GROUP BY 1, 2, 3, 4
""")
# pk_rollups: equal on its first five columns, and all short codes of the type behind them.
SUBJECTS_OF_HOURS = text("""
SELECT subject, sum(events)::bigint
FROM rollups
WHERE site_id = :site_id AND span = 'day' AND dimension = 'hour' AND day = :day AND type = :type AND subject > ''
    AND is_bot = ANY(:bots) AND value BETWEEN :first AND :last
GROUP BY subject
""")


class _ChangesWithin(VisitSumChanges):
    """Changes of the visits that begin in `[start, end)`, and of no other."""

    def __init__(self, zone: str, start: datetime, end: datetime) -> None:
        super().__init__(zone)
        self._start_us, self._end_us = to_microseconds(start), to_microseconds(end)

    def add(self, visits: Sequence[VisitPart], sign: int = 1) -> None:
        super().add([visit for visit in visits if self._start_us <= visit.start_us < self._end_us], sign)

    def replace_visit(self, before: VisitPart, after: VisitPart) -> None:
        if self._start_us <= after.start_us < self._end_us:
            super().replace_visit(before, after)


def _add_changes(one: ValueChanges, other: ValueChanges) -> ValueChanges:
    values = {*one, *other}
    return {value: ValueChange.total([side[value] for side in (one, other) if value in side]) for value in values}


def _has_subject(key: RollupKey, subject: str) -> bool:
    """As in Snapshot.unmerged_candidates."""
    return key.subject in ("", subject) or subject == OTHER


def _total_keys(hour: RollupKey, dimensions: Collection[str]) -> list[RollupKey]:
    """The rows of `dimensions` in which a count of the dimension hour counts."""
    keys = [hour] if "hour" in dimensions else []
    return [*keys, hour._replace(dimension="total", value="")] if "total" in dimensions else keys


def _hour(number: int) -> str:
    return f"{number:02}"
