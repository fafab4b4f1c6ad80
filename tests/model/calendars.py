"""Local days, hours, weeks and months of a zone by searching instants, and the period that a request names."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
# Every offset since 1970 is a whole number of quarters of an hour, and so is every change of one.
QUARTER = timedelta(minutes=15)


@lru_cache(maxsize=100_000)
def day_start(day: date, zone: str) -> datetime:
    """The first instant at which the local date is this day, or a later one where the zone skipped the day."""
    tz, at = ZoneInfo(zone), datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=30)
    while at.astimezone(tz).date() < day:
        at += QUARTER
    at -= QUARTER
    while at.astimezone(tz).date() < day:
        at += MINUTE
    return at


def day_of(at: datetime, zone: str) -> date:
    """The last day that has begun: a day whose first midnight has passed does not end when clocks go back."""
    day = at.astimezone(ZoneInfo(zone)).date() + DAY
    while day_start(day, zone) > at:
        day -= DAY
    return day


def unit_start(day: date, unit: str) -> date:
    """The first day of the day, ISO week or calendar month that holds the day."""
    if unit == "week":
        return day - day.weekday() * DAY
    return day.replace(day=1) if unit == "month" else day


def next_unit(start: date, unit: str) -> date:
    """The first day of the unit after the one that begins on `start`."""
    following = start + DAY
    while unit_start(following, unit) != following:
        following += DAY
    return following


@dataclass(frozen=True)
class Period:
    """`[start, end)`; `days`: the local days `[first, after)`, None where the period cuts a day. A day that the zone
    skipped has no instants: it is part of a period that has the days before and after it."""

    start: datetime
    end: datetime
    zone: str
    days: tuple[date, date] | None

    def __contains__(self, at: datetime) -> bool:
        return self.start <= at < self.end

    @property
    def bounds(self) -> dict[str, datetime]:
        return {"from": self.start, "to": self.end}


def of_days(first: date, after: date, zone: str) -> Period:
    return of_instants(day_start(first, zone), day_start(after, zone), zone)


def of_instants(start: datetime, end: datetime, zone: str) -> Period:
    first = day_of(start, zone)
    after = day_of(end - timedelta.resolution, zone) + DAY if start < end else first
    is_whole = (day_start(first, zone), day_start(after, zone)) == (start, end)
    return Period(start, end, zone, (first, after) if is_whole else None)


def read_period(query: Mapping[str, str], zone: str, now: datetime, default_days: int) -> Period:
    """The period of the parameters; `default_days` through today without any."""
    today = day_of(now, zone)
    if "date" in query:
        day = date.fromisoformat(query["date"])
        return of_days(day, day + DAY, zone)
    if "hours" in query:
        return of_instants(now - int(query["hours"]) * HOUR, now, zone)
    if "from" not in query:
        return of_days(today - (int(query.get("days", default_days)) - 1) * DAY, today + DAY, zone)
    if "T" in query["from"]:
        return of_instants(datetime.fromisoformat(query["from"]), datetime.fromisoformat(query["to"]), zone)
    last = date.fromisoformat(query["to"]) if "to" in query else today
    return of_days(date.fromisoformat(query["from"]), last + DAY, zone)


def touched_days(period: Period) -> list[date]:
    """The days of which the period has a part, and those within it that the zone skipped."""
    if period.days:
        first, after = period.days
    else:
        first, last = day_of(period.start, period.zone), day_of(period.end - timedelta.resolution, period.zone)
        after = last + DAY
    return [first + n * DAY for n in range((after - first) // DAY)]


@dataclass(frozen=True)
class Comparison:
    """`previous` is compared with `current`; `full`: the whole period that `previous` is a part of."""

    mode: str
    align: str
    current: Period
    previous: Period
    full: Period

    @property
    def meta(self) -> dict[str, Any]:
        bounds = {"current": self.current.bounds, "previous": self.previous.bounds}
        return {"compare": {"mode": self.mode, "align": self.align, **bounds}}


def read_comparison(query: Mapping[str, str], period: Period, now: datetime, default: str = "") -> Comparison | None:
    """What the period is compared with: one that is still running with the same part, to the same local time."""
    named = query.get("compare", default)
    if not named:
        return None
    mode = named if named in ("previous", "year") else "range"
    full = {"previous": _before, "year": _year_before}[mode](period) if mode != "range" else _range(named, period.zone)
    if query.get("align") == "whole" or not period.start <= now < period.end:
        return Comparison(mode, "whole", period, full, full)
    end = min(max(_counterpart(mode, period, full, now), full.start), full.end)
    current, previous = (
        of_instants(start, end, period.zone) for start, end in ((period.start, now), (full.start, end))
    )
    return Comparison(mode, "elapsed", current, previous, full)


def _before(period: Period) -> Period:
    """As many days right before; of a period that cuts a day, as much time."""
    if period.start == period.end:
        # A day that the zone skipped has no instants, so none before it either.
        return replace(period, end=period.start)
    if period.days is None:
        return of_instants(period.start - (period.end - period.start), period.start, period.zone)
    first, after = period.days
    return of_days(first - (after - first), first, period.zone)


def _year_before(period: Period) -> Period:
    """The same dates, or local times, a year before."""
    if period.start == period.end:
        start = day_start(_last_year(day_of(period.start, period.zone)), period.zone)
        return replace(period, start=start, end=start)
    if period.days:
        first, after = period.days
        return of_days(_last_year(first), _last_year(after - DAY) + DAY, period.zone)
    start, end = (
        _at_the_same_time(_last_year(day_of(at, period.zone)), at, period.zone) for at in (period.start, period.end)
    )
    return of_instants(start, end, period.zone)


def _last_year(day: date) -> date:
    return day.replace(year=day.year - 1, day=28 if (day.month, day.day) == (2, 29) else day.day)


def _range(text: str, zone: str) -> Period:
    first, last = map(date.fromisoformat, text.split(".."))
    return of_days(first, last + DAY, zone)


def _counterpart(mode: str, period: Period, full: Period, now: datetime) -> datetime:
    """The instant of the other period that corresponds to now: as many days after its start, or the same date."""
    zone = period.zone
    day = day_of(now, zone)
    if mode == "year":
        return _at_the_same_time(_last_year(day), now, zone)
    first, other = day_of(period.start, zone), day_of(full.start, zone)
    if (day_start(first, zone), day_start(other, zone)) == (period.start, full.start):
        return _at_the_same_time(other + (day - first), now, zone)
    return full.start + (now - period.start)


def _at_the_same_time(day: date, at: datetime, zone: str) -> datetime:
    """The instant of the day at the local time of `at`; the end of a gap in which that lies; of two the first, but the
    second where `at` is a second one itself. The hour that came back across midnight: as long after the day began."""
    start, end, tz = day_start(day, zone), day_start(day + DAY, zone), ZoneInfo(zone)
    local = at.astimezone(tz)
    if local.date() != day_of(at, zone):
        return min(start + (at - day_start(day_of(at, zone), zone)), end)
    wall = datetime.combine(day, local.time())
    offsets = {(start + n * QUARTER).astimezone(tz).utcoffset() or timedelta() for n in range((end - start) // QUARTER)}
    found = sorted((wall - offset).replace(tzinfo=UTC) for offset in offsets)
    found = [one for one in found if one.astimezone(tz).replace(tzinfo=None) == wall and start <= one < end]
    if found:
        return found[-1] if local.fold else found[0]
    moved = start
    while moved < end and moved.astimezone(tz).replace(tzinfo=None) < wall:
        moved += MINUTE
    return moved


@dataclass(frozen=True)
class Bucket:
    """`[start, end)`, which begins on the day `first` of the zone."""

    first: date
    start: datetime
    end: datetime

    def __contains__(self, at: datetime) -> bool:
        return self.start <= at < self.end


def split(period: Period, unit: str) -> Iterator[Bucket]:
    """The period's hours (since the start of their day), days, weeks or months, clipped to it; of `all`, itself."""
    if unit == "all":
        yield Bucket(day_of(period.start, period.zone), period.start, period.end)
        return
    if period.start == period.end:
        return
    day = day_of(period.start, period.zone)
    while day_start(day, period.zone) < period.end:
        following = day + DAY if unit == "hour" else next_unit(unit_start(day, unit), unit)
        start, end = day_start(day, period.zone), day_start(following, period.zone)
        step = HOUR if unit == "hour" else max(end - start, HOUR)
        at = start
        while at < end or at == start:
            clipped = max(at, period.start), min(at + step, end, period.end)
            # A skipped day is a bucket of no length, an hour of it is none.
            if clipped[0] < clipped[1] or (unit != "hour" and start == end):
                yield Bucket(day, *clipped)
            at += step
        day = following
