"""A period cut into hours, days, ISO weeks or calendar months of its zone, clipped to the period. Pure."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from analytics import clock
from analytics.period import Period

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# `all`: the whole period in one.
UNITS = ("hour", "day", "week", "month")


class Bucket(NamedTuple):
    """`[start, end)`, on the days `[first, after)`; `hour`: full hours since the day began, of a bucket of an hour."""

    start: datetime
    end: datetime
    first: date
    after: date
    hour: int = 0


def cut(period: Period, unit: str) -> list[Bucket]:
    """The period's buckets, in order and without gaps; none of an empty period, but for one of `all`.

    A day that the zone skipped has a bucket of no length. Hours count from the beginning of their day, as rollups do:
    where clocks move by half an hour, a day's last one is that short.
    """
    edges = _edges(period, "day" if unit == "hour" else unit)
    days = [_clip(period, first, after) for first, after in pairwise(edges)]
    return [hour for day in days for hour in _hours(day, period.zone)] if unit == "hour" else days


def _edges(period: Period, unit: str) -> list[date]:
    """The days that buckets begin on, and at last the first day that is in none."""
    first, after = period.first_date, clock.day_of(period.end, period.zone)
    if clock.day_start(after, period.zone) < period.end:
        after += DAY
    if unit == "all":
        return [first, after]
    edges = [first]
    while edges[-1] < after:
        edges.append(min(_following(edges[-1], unit), after))
    return edges


def _following(day: date, unit: str) -> date:
    """The first day of the next day, week or month."""
    if unit == "day":
        return day + DAY
    if unit == "week":
        return day + timedelta(days=7 - day.weekday())
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)


def _clip(period: Period, first: date, after: date) -> Bucket:
    start, end = clock.day_start(first, period.zone), clock.day_start(after, period.zone)
    return Bucket(max(start, period.start), min(end, period.end), first, after)


def _hours(day: Bucket, zone: ZoneInfo) -> Iterator[Bucket]:
    begins = clock.day_start(day.first, zone)
    hour = (day.start - begins) // HOUR
    while begins + hour * HOUR < day.end:
        start, end = begins + hour * HOUR, begins + (hour + 1) * HOUR
        yield Bucket(max(start, day.start), min(end, day.end), day.first, day.after, hour)
        hour += 1
