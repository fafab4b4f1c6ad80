"""Divides a period into hours, days, ISO weeks or calendar months of its zone, clipped to the period. Pure.

query/, insights/ and funnels/ call it for time series; day_range.py for the week or month of a day.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from analytics import clock
from analytics.period import Period

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# The units of a time series. `split_period` also takes `all`: the whole period as one bucket.
BUCKET_UNITS = ("hour", "day", "week", "month")


class Bucket(NamedTuple):
    """`[start, end)`, on the days `[first, after)`; `hour`: of a bucket of one hour, the full hours since midnight."""

    start: datetime
    end: datetime
    first: date
    after: date
    hour: int = 0


def split_period(period: Period, unit: str) -> list[Bucket]:
    """The period's buckets, in order and without gaps. An empty period has none, or one of `all`.

    Within it, a day that the zone skipped has a bucket of no length. Hours count from the start of their day, as in
    rollups: where clocks move by half an hour, the last hour of that day is shorter.
    """
    edges = _edges(period, "day" if unit == "hour" else unit)
    days = [_clip(period, first, after) for first, after in pairwise(edges)]
    return [hour for day in days for hour in _hours(day, period.zone)] if unit == "hour" else days


def unit_bounds(day: date, unit: str) -> tuple[date, date]:
    """The day, ISO week or calendar month that holds the day: its first day, and the first day after it."""
    if unit == "day":
        return day, day + DAY
    if unit == "week":
        monday = day - timedelta(days=day.weekday())
        return monday, monday + timedelta(days=7)
    first = day.replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1)


def _edges(period: Period, unit: str) -> list[date]:
    """The first day of each bucket, then the first day after the last one."""
    first, after = period.first_date, period.after_date
    if unit == "all":
        return [first, after]
    edges = [first]
    while edges[-1] < after:
        edges.append(min(unit_bounds(edges[-1], unit)[1], after))
    return edges


def _clip(period: Period, first: date, after: date) -> Bucket:
    start, end = clock.day_start(first, period.zone), clock.day_start(after, period.zone)
    return Bucket(max(start, period.start), min(end, period.end), first, after)


def _hours(day: Bucket, zone: ZoneInfo) -> Iterator[Bucket]:
    midnight = clock.day_start(day.first, zone)
    hour = (day.start - midnight) // HOUR
    while midnight + hour * HOUR < day.end:
        start, end = midnight + hour * HOUR, midnight + (hour + 1) * HOUR
        yield Bucket(max(start, day.start), min(end, day.end), day.first, day.after, hour)
        hour += 1
