"""When a schedule runs: each day, Monday or first of a month, at a local time of its zone. Pure."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dateutil import rrule

from analytics import clock

# The days of each frequency, as iCalendar rules (RFC 5545).
FREQUENCIES: dict[str, dict[str, Any]] = {
    "day": {"freq": rrule.DAILY},
    "week": {"freq": rrule.WEEKLY, "byweekday": rrule.MO},
    "month": {"freq": rrule.MONTHLY, "bymonthday": 1},
}


def next_run(every: str, at: time, zone: ZoneInfo, after: datetime) -> datetime:
    """The first run later than `after`."""
    # One day earlier, for a zone that skips a day: its run is at the first instant of the next one.
    first_day = clock.day_of(after, zone) - timedelta(days=1)
    days = rrule.rrule(**FREQUENCIES[every], dtstart=datetime.combine(first_day, at))
    return next(run_at for local in days if (run_at := resolve_local_time(local, zone)) > after)


def resolve_local_time(local: datetime, zone: ZoneInfo) -> datetime:
    """The instant at which the zone's clocks show that time.

    A time that comes twice is the first of the two (PEP 495). A time that is skipped is the first instant after the
    gap; dateutil's resolve_imaginary gives the time after the gap that is as far from its start, up to an hour later.
    """
    high = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if _to_local(high, zone) == local:
        return high
    # In a gap, the offset before it gives an instant after the gap, and the offset after it one before the gap.
    low = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    while high - low > timedelta(microseconds=1):
        middle = low + (high - low) / 2
        low, high = (low, middle) if _to_local(middle, zone) >= local else (middle, high)
    return high


def _to_local(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)
