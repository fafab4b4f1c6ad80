"""Calendar days in every zone, compared with a slow oracle that walks the zone's table of changes."""

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo
from zoneinfo._zoneinfo import ZoneInfo as TableZone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics import clock

ZONES = sorted(clock.known_zones())
TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)
SINCE, UNTIL = datetime(1969, 12, 1, tzinfo=UTC), datetime(2037, 12, 31, tzinfo=UTC)


@cache
def changes(name: str) -> tuple[tuple[datetime, timedelta], ...]:
    """(since, offset) of a zone's stretches of one offset, from the pure-Python reader of its file; years to 2037."""
    at = [datetime.fromtimestamp(seconds, UTC) for seconds in TableZone(name)._trans_utc if seconds > -(2**33)]
    tz = ZoneInfo(name)
    if not at or at[-1].year < 2036:
        # Files may be slim: the last rule is a formula. An hourly look around each change finds the same table.
        at += slow_changes(tz, max([SINCE, *at]))
    stretches = [(datetime(1800, 1, 1, tzinfo=UTC), datetime(1800, 1, 1, tzinfo=UTC).astimezone(tz).utcoffset())]
    return tuple(stretches + [(since, since.astimezone(tz).utcoffset()) for since in sorted(set(at))])


def slow_changes(tz: ZoneInfo, since: datetime) -> list[datetime]:
    """The offset's changes after `since`, by looking once a week and then halving to the second."""
    weeks = [since + timedelta(days=7 * n) for n in range((UNTIL - since).days // 7)]
    found = []
    for low, high in pairwise(weeks):
        if low.astimezone(tz).utcoffset() != high.astimezone(tz).utcoffset():
            before = low.astimezone(tz).utcoffset()
            while high - low > timedelta(seconds=1):
                middle = (low + (high - low) / 2).replace(microsecond=0)
                low, high = (middle, high) if middle.astimezone(tz).utcoffset() == before else (low, middle)
            found.append(high)
    return found


def slow_start(day: date, name: str) -> datetime:
    """The first instant whose local date is `day` or later: the earliest over all stretches of one offset."""
    table = changes(name)
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    near = max(0, bisect_right(table, midnight - 3 * DAY, key=lambda stretch: stretch[0]) - 1)
    for number in range(near, len(table)):
        since, offset = table[number]
        until = table[number + 1][0] if number + 1 < len(table) else datetime.max.replace(tzinfo=UTC)
        first = max(since, midnight - offset)
        if first < until:
            return first
    raise AssertionError("a day that never begins")


def check(day: date, name: str) -> None:
    """`day_bounds` are those of the oracle, and `day_of` gives the day for exactly the instants inside."""
    tz = clock.zone(name)
    start, end = clock.day_bounds(day, tz)
    assert (start, end) == (slow_start(day, name), slow_start(day + DAY, name)), (name, day)
    inside = {start, start + TICK, start + (end - start) / 2, end - TICK} if start < end else set()
    inside |= {since + shift for since, _ in changes_between(name, start, end) for shift in (-TICK, timedelta(), TICK)}
    for instant in inside:
        assert (clock.day_of(instant, tz) == day) == (start <= instant < end), (name, day, instant)
    assert clock.day_of(start - TICK, tz) < day <= clock.day_of(end, tz), (name, day)


def changes_between(name: str, start: datetime, end: datetime) -> list[tuple[datetime, timedelta]]:
    table = changes(name)
    low, high = (bisect_right(table, at, key=lambda stretch: stretch[0]) for at in (start - TICK, end))
    return list(table[low:high])


@lru_cache(maxsize=1)
def different_zones() -> list[str]:
    """One name for each table; the other names are links to it."""
    return list({changes(name): name for name in ZONES}.values())


@pytest.mark.parametrize("part", range(8))
def test_days_around_every_change_of_every_zone_are_those_of_the_table(part: int) -> None:
    for name in different_zones()[part::8]:
        for since, _ in changes(name):
            if SINCE <= since <= UNTIL:
                for shift in (-DAY, timedelta(), DAY):
                    check((since + shift).date(), name)


@settings(max_examples=400, deadline=None)
@given(name=st.sampled_from(ZONES), day=st.dates(date(1970, 1, 1), date(2037, 12, 1)))
def test_any_day_of_any_zone_is_that_of_the_table(name: str, day: date) -> None:
    check(day, name)


@settings(max_examples=400, deadline=None)
@given(name=st.sampled_from(ZONES), instant=st.datetimes(datetime(1970, 1, 2), datetime(2999, 12, 30)))
def test_every_instant_lies_in_exactly_its_own_day(name: str, instant: datetime) -> None:
    tz, at = clock.zone(name), instant.replace(tzinfo=UTC)
    day = clock.day_of(at, tz)
    holding = [
        near for near in (day - DAY, day, day + DAY) if clock.day_start(near, tz) <= at < clock.day_bounds(near, tz)[1]
    ]
    assert holding == [day]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


BY_HAND = [
    pytest.param("UTC", "2026-11-23", "2026-11-23T00:00", "2026-11-24T00:00", id="utc"),
    pytest.param("Europe/Berlin", "2026-03-29", "2026-03-28T23:00", "2026-03-29T22:00", id="23-hours"),
    pytest.param("Europe/Berlin", "2026-10-25", "2026-10-24T22:00", "2026-10-25T23:00", id="25-hours"),
    pytest.param("Asia/Kathmandu", "2026-01-05", "2026-01-04T18:15", "2026-01-05T18:15", id="offset-5:45"),
    pytest.param("Asia/Kolkata", "2026-01-05", "2026-01-04T18:30", "2026-01-05T18:30", id="offset-5:30"),
    pytest.param("Australia/Lord_Howe", "2026-10-04", "2026-10-03T13:30", "2026-10-04T13:00", id="half-an-hour"),
    pytest.param("Pacific/Apia", "2011-12-29", "2011-12-29T10:00", "2011-12-30T10:00", id="before-the-skip"),
    pytest.param("Pacific/Apia", "2011-12-30", "2011-12-30T10:00", "2011-12-30T10:00", id="skipped-day"),
    pytest.param("Pacific/Apia", "2011-12-31", "2011-12-30T10:00", "2011-12-31T10:00", id="after-the-skip"),
    pytest.param("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00", "2018-11-05T02:00", id="no-midnight"),
    pytest.param(
        "America/Sao_Paulo", "2018-02-17", "2018-02-17T02:00", "2018-02-18T03:00", id="hour-before-midnight-twice"
    ),
    pytest.param("Asia/Beirut", "2026-03-29", "2026-03-28T22:00", "2026-03-29T21:00", id="beirut-no-midnight"),
    pytest.param("Africa/Cairo", "2026-04-24", "2026-04-23T22:00", "2026-04-24T21:00", id="cairo-no-midnight"),
    pytest.param("America/St_Johns", "2010-11-07", "2010-11-07T02:30", "2010-11-08T03:30", id="midnight-twice"),
    pytest.param(
        "America/St_Johns", "2010-11-06", "2010-11-06T02:30", "2010-11-07T02:30", id="ends-at-the-first-midnight"
    ),
]


@pytest.mark.parametrize(("name", "day", "start", "end"), BY_HAND)
def test_day_begins_and_ends_at_midnight_of_its_zone(name: str, day: str, start: str, end: str) -> None:
    assert clock.day_bounds(date.fromisoformat(day), clock.zone(name)) == (utc(start), utc(end))
    check(date.fromisoformat(day), name)


def test_the_hour_that_returns_after_midnight_stays_in_the_new_day() -> None:
    tz = clock.zone("America/St_Johns")
    local = utc("2010-11-07T02:45").astimezone(tz)
    assert local.isoformat() == "2010-11-06T23:15:00-03:30"
    assert clock.day_of(local, tz) == date(2010, 11, 7)


@pytest.mark.parametrize("name", ["Mars/Base", "europe/berlin", "", "../etc/passwd", "localtime", "UTC\0", "CEST"])
def test_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not an IANA time zone, for example Europe/Berlin"):
        clock.zone(name)


def test_now_is_aware_and_in_utc() -> None:
    assert clock.now().utcoffset() == timedelta()
