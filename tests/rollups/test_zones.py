"""The local day and hour of an instant, in every IANA zone, around every change of its UTC offset."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from analytics import clock
from analytics.rollups.deltas.codec import local_hour

FIRST, LAST = datetime(1975, 1, 1, tzinfo=UTC), datetime(2037, 12, 1, tzinfo=UTC)
MINUTE, WEEK = timedelta(minutes=1), timedelta(days=7)
AROUND = timedelta(hours=27)


@cache
def changes(zone: str) -> list[datetime]:
    """The minutes at which the zone's UTC offset changes."""
    tz, minutes, at = ZoneInfo(zone), [], FIRST
    while at < LAST:
        if at.astimezone(tz).utcoffset() != (at + WEEK).astimezone(tz).utcoffset():
            low, high = at, at + WEEK
            while high - low > MINUTE:
                middle = low + (high - low) // 2
                middle = middle.replace(second=0, microsecond=0)
                if middle.astimezone(tz).utcoffset() == low.astimezone(tz).utcoffset():
                    low = max(middle, low + MINUTE)
                else:
                    high = middle
            minutes.append(high)
        at += WEEK
    return minutes or [datetime(2026, 6, 1, tzinfo=UTC)]


def walk(zone: str, change: datetime) -> dict[str, tuple[date, int]]:
    """Minute → (day, hour), minute by minute: a day begins when its date first occurs, and no date recurs.

    The first day is left out: its beginning is unknown.
    """
    tz, minutes = ZoneInfo(zone), {}
    at = change - AROUND - timedelta(days=1)
    today, started_at = at.astimezone(tz).date(), None
    while at < change + AROUND:
        day = at.astimezone(tz).date()
        if day > today:
            today, started_at = day, at
        if started_at is not None:
            minutes[at.strftime("%Y-%m-%dT%H:%M")] = (today, int((at - started_at) / timedelta(hours=1)))
        at += MINUTE
    return minutes


@settings(max_examples=60, deadline=None)
@given(zone=st.sampled_from(sorted(clock.known_zones())), pick=st.integers(0, 10_000))
@example(zone="Pacific/Apia", pick=-6)
@example(zone="America/St_Johns", pick=40)
@example(zone="Asia/Kathmandu", pick=0)
@example(zone="Australia/Lord_Howe", pick=30)
@example(zone="Africa/Casablanca", pick=-3)
@example(zone="Pacific/Chatham", pick=20)
@example(zone="America/Sao_Paulo", pick=10)
def test_each_minute_is_counted_in_its_own_day_and_hour(zone: str, pick: int) -> None:
    minutes = changes(zone)
    for minute, (day, hour) in walk(zone, minutes[pick % len(minutes)]).items():
        ordinal, text, _ = local_hour(minute, zone)
        assert (date.fromordinal(ordinal), int(text)) == (day, hour), minute
