"""Local days, hours, weeks and months of a zone by searching instants, and the period that a request names."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
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
    """`[start, end)`; `days`: the local days `[first, after)`, None where the period cuts a day."""

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
    return Period(day_start(first, zone), day_start(after, zone), zone, (first, after))


def of_instants(start: datetime, end: datetime, zone: str) -> Period:
    first, after = day_of(start, zone), day_of(end, zone)
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


def previous_period(period: Period) -> Period:
    """As many days right before; of a period that cuts a day, as much time."""
    if period.days is None:
        return of_instants(period.start - (period.end - period.start), period.start, period.zone)
    first, after = period.days
    if period.start == period.end:
        # A day that the zone skipped has no instants, so none before it either.
        return replace(period, end=period.start)
    return of_days(first - (after - first), first, period.zone)


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
