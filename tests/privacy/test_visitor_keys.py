"""A visitor key is the same within a day or month of the site's own calendar, or for ever, and never beyond it."""

import base64
import hmac
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics import clock
from analytics.privacy.visitor_keys import (
    MAX_MINUTES,
    WINDOWS,
    derive_visitor_key,
    describe_visitor_key,
    visitor_periods,
)

SALT = b"s" * 32
ZONES = (
    "UTC", "America/Los_Angeles", "Asia/Kolkata", "Asia/Kathmandu", "Pacific/Kiritimati", "Pacific/Pago_Pago",
    "Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia", "Africa/Casablanca",
)  # fmt: skip


def period(at: str, zone: str, window: str = "day") -> str:
    return visitor_periods(zone, window)[at[:16]]


@pytest.mark.parametrize(
    ("at", "zone", "window", "expected"),
    [
        ("2026-11-20T23:50:00Z", "UTC", "day", "2026-11-20"),
        ("2026-11-21T00:10:00Z", "UTC", "day", "2026-11-21"),
        ("2026-11-20T23:50:00Z", "America/Los_Angeles", "day", "2026-11-20"),
        ("2026-11-21T00:10:00Z", "America/Los_Angeles", "day", "2026-11-20"),
        ("2026-11-21T07:59:59Z", "America/Los_Angeles", "day", "2026-11-20"),
        ("2026-11-21T08:00:00Z", "America/Los_Angeles", "day", "2026-11-21"),
        # Half and quarter hours: midnight is 18:30 and 18:15 UTC.
        ("2026-11-20T18:29:59Z", "Asia/Kolkata", "day", "2026-11-20"),
        ("2026-11-20T18:30:00Z", "Asia/Kolkata", "day", "2026-11-21"),
        ("2026-11-20T18:14:59Z", "Asia/Kathmandu", "day", "2026-11-20"),
        ("2026-11-20T18:15:00Z", "Asia/Kathmandu", "day", "2026-11-21"),
        # Berlin's days of 23 and 25 hours: 2026-03-29 from 23:00 to 22:00 UTC, 2026-10-25 from 22:00 to 23:00 UTC.
        ("2026-03-28T23:00:00Z", "Europe/Berlin", "day", "2026-03-29"),
        ("2026-03-29T21:59:59Z", "Europe/Berlin", "day", "2026-03-29"),
        ("2026-03-29T22:00:00Z", "Europe/Berlin", "day", "2026-03-30"),
        ("2026-10-24T22:00:00Z", "Europe/Berlin", "day", "2026-10-25"),
        ("2026-10-25T22:59:59Z", "Europe/Berlin", "day", "2026-10-25"),
        # Midnight does not exist in Santiago on 2026-09-06: the day begins at 01:00, which is 04:00 UTC.
        ("2026-09-06T03:59:59Z", "America/Santiago", "day", "2026-09-05"),
        ("2026-09-06T04:00:00Z", "America/Santiago", "day", "2026-09-06"),
        # Months end with the zone's last day: Kiritimati is 14 hours ahead, Pago Pago 11 behind.
        ("2026-11-30T09:59:59Z", "Pacific/Kiritimati", "month", "2026-11"),
        ("2026-11-30T10:00:00Z", "Pacific/Kiritimati", "month", "2026-12"),
        ("2027-01-01T10:59:59Z", "Pacific/Pago_Pago", "month", "2026-12"),
        ("2027-01-01T11:00:00Z", "Pacific/Pago_Pago", "month", "2027-01"),
        ("2024-02-29T23:59:59Z", "UTC", "month", "2024-02"),
        ("2026-11-20T23:50:00Z", "Asia/Tokyo", "forever", ""),
    ],
)
def test_period_is_of_the_sites_calendar(at: str, zone: str, window: str, expected: str) -> None:
    assert period(at, zone, window) == expected


INSTANTS = st.datetimes(datetime(2010, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))


@given(
    st.sampled_from(ZONES),
    st.lists(INSTANTS, min_size=1, max_size=8),
    st.lists(st.integers(-200_000, 200_000), max_size=12),
)
def test_a_visitor_has_as_many_keys_as_local_days_and_months(
    zone: str, instants: list[datetime], shifts: list[int]
) -> None:
    """Also around each other, so that some share a day: shifts of up to 55 hours."""
    times = [*instants, *(instants[0] + timedelta(seconds=shift) for shift in shifts)]
    days = {_slow_local_day(instant, ZoneInfo(zone)) for instant in times}
    expected = {"day": len(days), "month": len({(day.year, day.month) for day in days}), "forever": 1}
    for window in WINDOWS:
        periods = [period(instant.isoformat(), zone, window) for instant in times]
        assert len({derive_visitor_key(SALT, one, "shop", "8.8.8.8", "Firefox") for one in periods}) == expected[window]


def _slow_local_day(instant: datetime, tz: ZoneInfo) -> date:
    """By the definition: of the days around, the last that has begun."""
    near = instant.astimezone(tz).date()
    days = [near + timedelta(days=n) for n in (-1, 0, 1)]
    return max(day for day in days if clock.day_start(day, tz) <= instant)


def test_a_day_of_utc_has_the_key_of_the_release_before() -> None:
    daily = hmac.digest(SALT, b"2026-11-20", "sha256")
    digest = hmac.digest(daily, b"shop\08.8.8.8\0Firefox", "sha256")
    expected = "~" + base64.urlsafe_b64encode(digest[:15]).decode()
    found = period("2026-11-20T23:50:00Z", "UTC")
    assert derive_visitor_key(SALT, found, "shop", "8.8.8.8", "Firefox") == expected


def test_keys_differ_in_everything_they_are_made_of() -> None:
    made_of = [
        (SALT, "2026-11-20", "shop", "8.8.8.8", "Firefox"),
        (b"t" * 32, "2026-11-20", "shop", "8.8.8.8", "Firefox"),
        (SALT, "2026-11", "shop", "8.8.8.8", "Firefox"),
        (SALT, "", "shop", "8.8.8.8", "Firefox"),
        (SALT, "2026-11-20", "links", "8.8.8.8", "Firefox"),
        (SALT, "2026-11-20", "shop", "8.8.8.9", "Firefox"),
        (SALT, "2026-11-20", "shop", "8.8.8.8", ""),
        (SALT, "2026-11-20", "shop", "8.8.8.8", None),
    ]
    assert len({derive_visitor_key(*one) for one in made_of}) == len(made_of)


def test_description_names_what_and_how_long() -> None:
    assert describe_visitor_key("day", "address_and_agent") == "keyed hash of address and user agent, a day"
    assert describe_visitor_key("forever", "address") == "keyed hash of address, for ever"


def test_minutes_are_remembered_up_to_a_bound() -> None:
    periods = visitor_periods("Asia/Dhaka", "day")
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for n in range(MAX_MINUTES + 10):
        at = (start + timedelta(minutes=n)).isoformat()[:16]
        assert periods[at] == str((start + timedelta(minutes=n, hours=6)).date())
    assert len(periods) == 10
