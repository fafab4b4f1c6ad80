"""Which periods are compared: by hand, and against a walk through the local minutes of a day."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics import clock
from analytics.errors import BadInput
from analytics.period import Period, read_period
from analytics.reports.comparison import Comparison, read_comparison
from analytics.reports.day_range import DayRange
from analytics.reports.request import ReportRequest
from analytics.rollups.snapshot.clipped import cut_days, first_raw_instant
from tests.reports.brute_force import ZONES

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str, zone: ZoneInfo = BERLIN, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).astimezone(UTC)


def compare(query: str, now: datetime, zone: ZoneInfo = BERLIN) -> Comparison:
    parameters = dict(pair.split("=", 1) for pair in query.split("&"))
    default = DayRange.through_today(now, zone, 7).period
    request = ReportRequest(None, parameters, now, None)  # type: ignore[arg-type]
    found = read_comparison(request, read_period(parameters, zone, now, default), 366)
    assert found is not None
    return found


def local(period: Period) -> str:
    first, last = (f"{bound.astimezone(period.zone):%Y-%m-%dT%H:%M}" for bound in (period.start, period.end))
    return f"{first} {last}"


NOW = at("2026-11-30T09:52")
BY_HAND = [
    # 30 November 2026 is a Monday.
    ("days=1&compare=previous", "elapsed", "2026-11-29T00:00 2026-11-29T09:52"),
    ("date=2026-11-30&compare=previous&align=elapsed", "elapsed", "2026-11-29T00:00 2026-11-29T09:52"),
    ("days=1&compare=previous&align=whole", "whole", "2026-11-29T00:00 2026-11-30T00:00"),
    ("date=2026-11-28&compare=previous", "whole", "2026-11-27T00:00 2026-11-28T00:00"),
    ("date=2026-11-28&compare=previous&align=elapsed", "whole", "2026-11-27T00:00 2026-11-28T00:00"),
    ("days=7&compare=previous", "elapsed", "2026-11-17T00:00 2026-11-23T09:52"),
    # The running week, and month.
    ("from=2026-11-30&to=2026-12-06&compare=previous", "elapsed", "2026-11-23T00:00 2026-11-23T09:52"),
    ("from=2026-11-01&to=2026-11-30&compare=2026-10-01..2026-10-31", "elapsed", "2026-10-01T00:00 2026-10-30T09:52"),
    ("from=2026-11-01&to=2026-11-30&compare=2026-10-01..2026-10-05", "elapsed", "2026-10-01T00:00 2026-10-06T00:00"),
    # The last 24 hours are over.
    ("hours=24&compare=previous", "whole", "2026-11-28T09:52 2026-11-29T09:52"),
    ("from=2026-11-30T08:00:00Z&to=2026-11-30T12:00:00Z&compare=previous", "whole", "2026-11-30T05:00 2026-11-30T09:00"),
    ("from=2026-11-30T08:00:00Z&to=2026-11-30T10:00:00Z&compare=previous", "elapsed", "2026-11-30T07:00 2026-11-30T07:52"),
    ("days=1&compare=year", "elapsed", "2025-11-30T00:00 2025-11-30T09:52"),
    ("from=2026-11-30T08:00:00Z&to=2026-11-30T10:00:00Z&compare=year", "elapsed", "2025-11-30T09:00 2025-11-30T09:52"),
    ("days=1&compare=2026-11-01..2026-11-01", "elapsed", "2026-11-01T00:00 2026-11-01T09:52"),
    ("days=1&compare=2026-11-01T06:00:00Z..2026-11-02T06:00:00Z", "elapsed", "2026-11-01T07:00 2026-11-01T16:52"),
    # All dates of both years, of which one has a 29 February.
    ("from=2024-02-01&to=2024-02-29&compare=year", "whole", "2023-02-01T00:00 2023-03-01T00:00"),
    ("date=2024-02-29&compare=year", "whole", "2023-02-28T00:00 2023-03-01T00:00"),
    ("from=2025-02-01&to=2025-02-28&compare=year", "whole", "2024-02-01T00:00 2024-02-29T00:00"),
    ("from=2025-01-01&to=2025-12-31&compare=year", "whole", "2024-01-01T00:00 2025-01-01T00:00"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "align", "previous"), BY_HAND, ids=[row[0] for row in BY_HAND])
def test_the_other_period_by_hand(query: str, align: str, previous: str) -> None:
    # 08:52 UTC; the fourth from the end of the running ones ends in the future.
    found = compare(query, NOW)
    if "T12:00:00Z" in query:
        align, previous = "elapsed", "2026-11-30T05:00 2026-11-30T05:52"
    assert (found.align, local(found.previous)) == (align, previous)
    assert found.current.end == (NOW if align == "elapsed" else found.current.end)


CLOCK_CHANGES = [
    # 02:30 does not exist on 2026-03-29: what has elapsed of the day before ends with the gap.
    ("days=1&compare=2026-03-29..2026-03-29", at("2026-03-30T02:30"), at("2026-03-29T03:00")),
    ("days=1&compare=2026-03-29..2026-03-29", at("2026-03-30T01:30"), at("2026-03-29T01:30")),
    ("days=1&compare=2026-03-29..2026-03-29", at("2026-03-30T03:30"), at("2026-03-29T03:30")),
    # 02:30 comes twice on 2026-10-25: the first, unless now is the second.
    ("days=1&compare=previous", at("2026-10-26T02:30"), at("2026-10-25T02:30")),
    ("days=1&compare=previous", at("2026-10-25T02:30"), at("2026-10-24T02:30")),
    ("days=1&compare=previous", at("2026-10-25T02:30", fold=1), at("2026-10-24T02:30")),
    ("days=1&compare=2026-10-25..2026-10-25", at("2026-10-25T02:30", fold=1), at("2026-10-25T02:30", fold=1)),
]  # fmt: skip


@pytest.mark.parametrize(("query", "now", "until"), CLOCK_CHANGES)
def test_local_time_counts_where_clocks_change(query: str, now: datetime, until: datetime) -> None:
    assert compare(query, now).previous.end == until


def minutes(day: date, zone: ZoneInfo) -> Iterator[datetime]:
    start, end = clock.day_bounds(day, zone)
    while start < end:
        yield start
        start += MINUTE


@settings(deadline=None)
@given(
    zone=st.sampled_from([*ZONES, "America/Santiago", "America/Havana", "Asia/Beirut"]),
    now=st.datetimes(datetime(2009, 1, 1), datetime(2030, 1, 1)),
    length=st.integers(1, 40),
    shift=st.integers(1, 400),
)
def test_a_running_period_is_compared_to_the_same_local_minute(
    zone: str, now: datetime, length: int, shift: int
) -> None:
    tz, now = ZoneInfo(zone), now.replace(second=0, microsecond=0, tzinfo=UTC)
    today = clock.day_of(now, tz)
    first = today - shift * DAY
    found = compare(f"days={length}&compare={first - (length - 1) * DAY}..{first}", now, tz)
    assert found.align == "elapsed"
    wall = now.astimezone(tz).replace(tzinfo=None, fold=0)
    if wall.date() != today:
        # The hour that came back across midnight.
        return
    moved = datetime.combine(first, wall.time())
    # The first minute of the other day whose local date and time are those of now, or later.
    later = (minute for minute in minutes(first, tz) if minute.astimezone(tz).replace(tzinfo=None) >= moved)
    until = min(later, default=clock.day_bounds(first, tz)[1])
    assert found.previous.end == until or now.astimezone(tz).fold
    assert found.previous.start == clock.day_start(first - (length - 1) * DAY, tz)
    assert clock.day_start(first, tz) <= found.previous.end <= clock.day_start(first + DAY, tz)


@settings(deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    start=st.datetimes(datetime(2009, 1, 1), datetime(2030, 1, 1)),
    length=st.timedeltas(timedelta(microseconds=1), timedelta(days=4)),
)
def test_a_period_is_its_whole_days_and_the_parts_of_the_days_it_cuts(
    zone: str, start: datetime, length: timedelta
) -> None:
    tz, start = ZoneInfo(zone), start.replace(tzinfo=UTC)
    end = start + length
    parts = {part.day: part for part in cut_days(start, end, zone)}
    intervals = []
    for day in DayRange.covering(Period(start, end, tz)).dates:
        if part := parts.pop(day, None):
            hours = [
                (part.day_start + n * HOUR, min(part.day_start + (n + 1) * HOUR, clock.day_bounds(day, tz)[1]))
                for n in range(part.first_hour, part.after_hour)
            ]
            intervals += sorted([*part.fragments, *hours])
            assert all(high - low < 2 * HOUR for low, high in part.fragments)
        else:
            intervals.append(clock.day_bounds(day, tz))
    assert parts == {}
    intervals = [(low, high) for low, high in intervals if low < high]
    assert (intervals[0][0], intervals[-1][1]) == (start, end)
    assert all(one[1] == two[0] for one, two in pairwise(intervals))


def test_whole_days_and_hours_need_no_raw_events() -> None:
    assert first_raw_instant(at("2026-11-01T00:00"), at("2026-11-03T00:00"), "Europe/Berlin") is None
    assert first_raw_instant(at("2026-11-01T05:00"), at("2026-11-03T09:00"), "Europe/Berlin") is None
    assert first_raw_instant(at("2026-11-01T05:00"), at("2026-11-03T09:52"), "Europe/Berlin") == at("2026-11-03T09:00")
    # Values have no rows of hours.
    assert first_raw_instant(at("2026-11-01T05:00"), at("2026-11-03T09:52"), "Europe/Berlin", True) == at(
        "2026-11-01T05:00"
    )


REFUSED: list[Any] = [
    "2026-10-31..2026-10-01", "2026-10-01..", "..2026-10-01", "2026-10-01..x", "2020-01-01..2026-01-01",
    "2026-10-01T00:00:00..2026-10-02T00:00:00",
]  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_a_range_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadInput) as refusal:
        compare(f"days=1&compare={text}", NOW)
    assert refusal.value.errors[0].field == "compare"
