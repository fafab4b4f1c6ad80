"""The clock, and the calendar days of a site in its IANA zone.

Every slice calls it; nothing else reads the system clock. Tests replace `now`.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones


def now() -> datetime:
    """The current instant, aware, in UTC."""
    return datetime.now(UTC)


def format_rfc3339(instant: datetime, timespec: str = "milliseconds") -> str:
    """RFC 3339 text of an aware instant, in its own zone; "Z" for UTC."""
    return instant.isoformat(timespec=timespec).replace("+00:00", "Z")


class UnknownZone(ValueError):
    """No IANA zone of this machine's time zone data. `problem`: without the example, for errors that add their own."""

    def __init__(self, name: str) -> None:
        self.problem = f"{name[:40]!r} is not an IANA time zone"
        super().__init__(f"{self.problem}, for example Europe/Berlin or UTC")


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The IANA zone called `name`, spelled as the database spells it. Raises UnknownZone for any other word."""
    try:
        if name in known_zones():
            return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError):
        pass
    raise UnknownZone(name)


@lru_cache(maxsize=1)
def known_zones() -> frozenset[str]:
    return frozenset(available_timezones() - {"localtime", "posixrules", "Factory"})


def day_of(instant: datetime, tz: ZoneInfo) -> date:
    """The calendar day of `instant` in `tz`; `day_bounds` of the day contain the instant.

    Days follow each other and never go back. Where clocks went back across midnight (St John's until 2011: from
    00:01 to 23:01 of the evening before), the new day began at its first midnight and holds the hour that returned.
    """
    local = instant.astimezone(tz)
    day = local.date()
    if local.fold and day_start(day + timedelta(days=1), tz) <= instant:
        return day + timedelta(days=1)
    return day


def day_start(day: date, tz: ZoneInfo) -> datetime:
    """The first instant of `day` in `tz`, in UTC.

    Midnight may not exist (clocks that go forward at 00:00) and a whole day may be skipped (Samoa, 2011-12-30): then
    it is the first instant that does exist. A midnight that comes twice counts from the first.
    """
    start = datetime(day.year, day.month, day.day, tzinfo=tz, fold=0).astimezone(UTC)
    before = start - timedelta(microseconds=1)
    if start.astimezone(tz).date() == day and before.astimezone(tz).date() < day:
        return start
    return _first_instant_at_or_after(day, tz, start)


def day_bounds(day: date, tz: ZoneInfo) -> tuple[datetime, datetime]:
    """`[start, end)` of `day` in `tz`, in UTC: 23, 24 or 25 hours, or none for a day that the zone skipped."""
    return day_start(day, tz), day_start(day + timedelta(days=1), tz)


def utc_midnight(day: date) -> datetime:
    """The first instant of a UTC day."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _first_instant_at_or_after(day: date, tz: ZoneInfo, near: datetime) -> datetime:
    """Bisects to the microsecond; around a midnight that does not exist, the local date does not decrease."""
    low, high = near - timedelta(days=2), near + timedelta(days=2)
    while high - low > timedelta(microseconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(tz).date() >= day:
            high = middle
        else:
            low = middle
    return high
