"""The next run of a schedule, through every change of clocks."""

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics import clock
from analytics.exports.schedules.calendar import next_run


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("every", "when", "zone", "after", "expected"),
    [
        pytest.param("day", "06:30", "UTC", "2026-03-02 06:29", "2026-03-02 06:30", id="today"),
        pytest.param("day", "06:30", "UTC", "2026-03-02 06:30", "2026-03-03 06:30", id="tomorrow"),
        pytest.param("day", "00:10", "Asia/Tokyo", "2026-03-02 12:00", "2026-03-02 15:10", id="another-zone"),
        pytest.param("week", "06:00", "UTC", "2026-03-02 06:00", "2026-03-09 06:00", id="monday"),
        pytest.param("month", "06:00", "UTC", "2026-02-01 07:00", "2026-03-01 06:00", id="first-of-month"),
        # Berlin, 29 March: 02:00 becomes 03:00 at 01:00 UTC, and 02:30 is not there.
        pytest.param("day", "02:30", "Europe/Berlin", "2026-03-28 12:00", "2026-03-29 01:00", id="skipped"),
        pytest.param("day", "02:30", "Europe/Berlin", "2026-03-29 01:00", "2026-03-30 00:30", id="after-the-skipped"),
        # Berlin, 25 October: 02:30 is there at 00:30 and at 01:30 UTC.
        pytest.param("day", "02:30", "Europe/Berlin", "2026-10-24 12:00", "2026-10-25 00:30", id="twice"),
        pytest.param("day", "02:30", "Europe/Berlin", "2026-10-25 00:30", "2026-10-26 01:30", id="twice-runs-once"),
        # Beirut, 29 March: midnight is skipped. Samoa: all of 30 December 2011 was, which began at 10:00 UTC.
        pytest.param("day", "00:00", "Asia/Beirut", "2026-03-28 12:00", "2026-03-28 22:00", id="no-midnight"),
        pytest.param("day", "09:00", "Pacific/Apia", "2011-12-29 20:00", "2011-12-30 10:00", id="skipped-day"),
        pytest.param("day", "09:00", "Pacific/Apia", "2011-12-30 10:00", "2011-12-30 19:00", id="day-after-skipped"),
    ],
)
def test_next_run_is_a_local_time(every: str, when: str, zone: str, after: str, expected: str) -> None:
    assert next_run(every, time.fromisoformat(when), clock.zone(zone), at(after)) == at(expected)


ZONES = st.sampled_from(
    ("UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Gaza")
)


MINUTES = 60 * 24 * 365 * 30


@given(ZONES, st.times(), st.integers(0, MINUTES))
@settings(max_examples=40, deadline=None)
def test_run_is_when_the_local_clock_first_reaches_its_time(zone: str, when: time, minute: int) -> None:
    """Against a simulation that reads the zone's clock minute by minute."""
    when, tz = when.replace(second=0, microsecond=0), clock.zone(zone)
    start = at("2000-01-01") + timedelta(minutes=minute)
    runs, expected = [start], set[datetime]()
    while runs[-1] < start + timedelta(days=4):
        runs.append(next_run("day", when, tz, runs[-1]))
    reached = (start - timedelta(days=2)).astimezone(tz).replace(tzinfo=None)
    for number in range(1 - 2 * 1440, 4 * 1440):
        instant = start + timedelta(minutes=number)
        local = instant.astimezone(tz).replace(tzinfo=None)
        if local > reached:
            days = {reached.date() + timedelta(days=n) for n in range((local.date() - reached.date()).days + 1)}
            if instant > start and any(reached < datetime.combine(day, when) <= local for day in days):
                expected.add(instant)
            reached = local
    assert [run for run in runs[1:] if run < start + timedelta(days=4)] == sorted(expected)
