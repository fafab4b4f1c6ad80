"""Periods: every way to name one, and every error with its example."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics import clock
from analytics.errors import BadInput
from analytics.period import Period, day_period, read_period, read_zone

BERLIN, APIA, ST_JOHNS = (clock.zone(name) for name in ("Europe/Berlin", "Pacific/Apia", "America/St_Johns"))
# 01:30 on the 24th in Berlin (UTC+1), still the 23rd in UTC.
NOW = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)
DEFAULT = Period(NOW - timedelta(days=1), NOW, BERLIN)

FORMS = [
    pytest.param("date=2026-11-23", "2026-11-22T23:00", "2026-11-23T23:00", id="date"),
    pytest.param("date=2026-03-29", "2026-03-28T23:00", "2026-03-29T22:00", id="date-of-23-hours"),
    pytest.param("date=2026-10-25", "2026-10-24T22:00", "2026-10-25T23:00", id="date-of-25-hours"),
    pytest.param("days=1", "2026-11-23T23:00", "2026-11-24T23:00", id="today"),
    pytest.param("days=7", "2026-11-17T23:00", "2026-11-24T23:00", id="seven-days"),
    pytest.param("days=31", "2026-10-24T22:00", "2026-11-24T23:00", id="days-over-a-change-of-clocks"),
    pytest.param("days=3660", "2016-11-16T23:00", "2026-11-24T23:00", id="most-days"),
    pytest.param("hours=1", "2026-11-23T23:30", "2026-11-24T00:30", id="last-hour"),
    pytest.param("hours=48", "2026-11-22T00:30", "2026-11-24T00:30", id="last-two-days"),
    pytest.param("from=2026-11-01", "2026-10-31T23:00", "2026-11-24T23:00", id="from-through-today"),
    pytest.param("from=2026-11-01&to=2026-11-01", "2026-10-31T23:00", "2026-11-01T23:00", id="one-day-to-is-included"),
    pytest.param("from=2026-11-01&to=2026-11-02", "2026-10-31T23:00", "2026-11-02T23:00", id="two-days"),
    pytest.param("from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:00Z", "2026-11-01T00:00", "2026-11-02T00:00", id="instants"),
    pytest.param("from=2026-11-01T05:45:00+05:45&to=2026-11-01T00:00:01z", "2026-11-01T00:00", "2026-11-01T00:00:01", id="offset"),
    pytest.param("from=2026-11-01T01:00:00 01:00&to=2026-11-02", "2026-11-01T00:00", "2026-11-02T23:00", id="plus-as-a-space"),
    pytest.param("from=2026-11-01&to=2026-11-01T12:00:00.25Z", "2026-10-31T23:00", "2026-11-01T12:00:00.25", id="day-then-instant"),
    pytest.param("from=2026-11-01t00:00:00-03:30&to=2026-11-02", "2026-11-01T03:30", "2026-11-02T23:00", id="west-small-t"),
    pytest.param("from=2026-11-01T00:00:00.123456789Z&to=2026-11-02", "2026-11-01T00:00:00.123456", "2026-11-02T23:00", id="nanoseconds"),
    pytest.param("zone=Europe/Berlin", "2026-11-23T00:30", "2026-11-24T00:30", id="default"),
]  # fmt: skip


def parameters(query: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in query.split("&") if pair)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(("query", "start", "end"), FORMS)
def test_period_is_read_from_the_parameters(query: str, start: str, end: str) -> None:
    found = read_period(parameters(query), BERLIN, NOW, DEFAULT)
    assert (found.start, found.end, found.zone) == (utc(start), utc(end), BERLIN)


REFUSED = [
    pytest.param("date=2026-11-23&days=7", "days", "contradict", id="date-and-days"),
    pytest.param("date=2026-11-23&hours=7", "hours", "contradict", id="date-and-hours"),
    pytest.param("days=7&hours=7", "hours", "contradict", id="days-and-hours"),
    pytest.param("date=2026-11-23&from=2026-11-01", "from", "contradict", id="date-and-from"),
    pytest.param("days=3&to=2026-11-01", "to", "contradict", id="days-and-to"),
    pytest.param(
        "date=2026-11-23&days=7&hours=1&from=2026-11-01", "days", "date and days and hours and from", id="all"
    ),
    pytest.param("to=2026-11-01", "from", "to is accepted together with from", id="to-alone"),
    pytest.param("from=2026-11-02&to=2026-11-01", "to", "ends before it begins", id="backwards"),
    pytest.param("from=2026-11-25", "from", "ends before it begins", id="from-the-future"),
    pytest.param("from=2026-11-01T00:00:00Z&to=2026-11-01T00:00:00Z", "to", "ends before", id="no-time-at-all"),
    pytest.param(
        "from=2026-11-01T00:00:00&to=2026-11-02", "from", "RFC 3339 time with a zone", id="instant-without-offset"
    ),
    pytest.param("from=2026-11-01T24:00:00Z", "from", "a time that does not exist", id="hour-24"),
    pytest.param("from=2026-11-01T23:59:60Z", "from", "a time that does not exist", id="leap-second"),
    pytest.param("from=2026-11-01T00:00:00+25:00", "from", "a time that does not exist", id="offset-of-a-day"),
    pytest.param("from=2026-02-30T00:00:00Z", "from", "not a date", id="instant-of-no-day"),
    pytest.param("from=yesterday", "from", "neither a date nor", id="word"),
    pytest.param("from=", "from", "neither a date nor", id="empty-from"),
    pytest.param("from=2026-11-01&to=", "to", "neither a date nor", id="empty-to"),
    pytest.param("from=1795392000&to=2026-11-02", "from", "neither a date nor", id="unix-time"),
    pytest.param("date=2026-02-29", "date", "not a date", id="no-leap-year"),
    pytest.param("date=20261123", "date", "not a date", id="no-hyphens"),
    pytest.param("date=2026-11-23T00:00:00Z", "date", "not a date", id="instant-as-date"),
    pytest.param("date=1969-12-31", "date", "year must be from 1970", id="before-1970"),
    pytest.param("date=3000-01-01", "date", "year must be from 1970 to 2999", id="after-2999"),
    pytest.param("date=٢٠٢٦-11-23", "date", "not a date", id="other-digits"),
    pytest.param("days=0", "days", "whole number from 1 to 3660", id="no-days"),
    pytest.param("days=3661", "days", "whole number from 1 to 3660", id="too-many-days"),
    pytest.param("days=-1", "days", "whole number", id="negative"),
    pytest.param("days=1.5", "days", "whole number", id="fraction"),
    pytest.param("days=٣", "days", "whole number", id="other-digit"),
    pytest.param("days=1e3", "days", "whole number", id="exponent"),
    pytest.param("days=", "days", "whole number", id="empty-days"),
    pytest.param("hours=0", "hours", "whole number from 1 to 87840", id="no-hours"),
    pytest.param("hours=87841", "hours", "whole number from 1 to 87840", id="too-many-hours"),
]


@pytest.mark.parametrize(("query", "field", "words"), REFUSED)
def test_error_names_the_parameter_and_gives_an_example(query: str, field: str, words: str) -> None:
    with pytest.raises(BadInput, match=words) as refused:
        read_period(parameters(query), BERLIN, NOW, DEFAULT)
    [problem] = refused.value.errors
    assert (problem.field, problem.index) == (field, None)
    example = problem.detail.rpartition("for example ")[2].split(" or ")[0]
    assert read_period(parameters(example), BERLIN, NOW, DEFAULT).start < NOW


ZONES = [
    pytest.param("", "Pacific/Apia", id="the-sites"),
    pytest.param("zone=Europe/Berlin", "Europe/Berlin", id="zone"),
    pytest.param("timezone=Europe/Berlin", "Europe/Berlin", id="timezone"),
    pytest.param("zone=UTC&timezone=UTC", "UTC", id="both-agree"),
]


@pytest.mark.parametrize(("query", "name"), ZONES)
def test_zone_is_the_requested_one_or_the_sites(query: str, name: str) -> None:
    assert read_zone(parameters(query), "Pacific/Apia").key == name


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("zone=UTC&timezone=Europe/Berlin", "timezone"),
        ("zone=Mars/Base", "zone"),
        ("timezone=", "timezone"),
        ("zone=utc", "zone"),
    ],
)
def test_unknown_or_contradicting_zones_are_refused(query: str, field: str) -> None:
    with pytest.raises(BadInput, match="for example zone=Europe/Berlin") as refused:
        read_zone(parameters(query), "UTC")
    assert [problem.field for problem in refused.value.errors] == [field]


def test_the_refusal_of_a_zone_has_one_example() -> None:
    with pytest.raises(BadInput) as refused:
        read_zone({"zone": "Mars/Base"}, "UTC")
    assert refused.value.detail == "zone: 'Mars/Base' is not an IANA time zone; for example zone=Europe/Berlin"


def test_a_day_that_its_zone_skipped_is_empty_and_named_by_where_it_would_be() -> None:
    found = read_period({"date": "2011-12-30"}, APIA, NOW, DEFAULT)
    assert found.start == found.end == utc("2011-12-30T10:00")
    assert read_period({"from": "2011-12-30", "to": "2011-12-30"}, APIA, NOW, DEFAULT) == found


def test_reversed_dates_are_refused_even_across_a_skipped_day() -> None:
    with pytest.raises(BadInput, match="ends before it begins"):
        read_period({"from": "2011-12-31", "to": "2011-12-30"}, APIA, NOW, DEFAULT)


@pytest.mark.parametrize("hours", [23, 24, 25])
def test_dates_of_a_period_are_those_of_its_first_and_last_instant(hours: int) -> None:
    start = clock.day_start(date(2026, 11, 23), BERLIN)
    period = Period(start, start + timedelta(hours=hours), BERLIN)
    assert (period.first_date, period.last_date) == (date(2026, 11, 23), date(2026, 11, 23 if hours <= 24 else 24))


@settings(max_examples=200, deadline=None)
@given(
    days=st.integers(1, 3660),
    zone=st.sampled_from([BERLIN, APIA, ST_JOHNS]),
    now=st.datetimes(datetime(1981, 1, 1), datetime(2040, 1, 1)),
)
def test_days_are_that_many_calendar_days_and_today_is_the_last(days: int, zone: ZoneInfo, now: datetime) -> None:
    now = now.replace(tzinfo=UTC)
    found = read_period({"days": str(days)}, zone, now, DEFAULT)
    assert found.start <= now < found.end
    today = clock.day_of(now, zone)
    assert found == read_period({"from": str(today - timedelta(days=days - 1)), "to": str(today)}, zone, now, DEFAULT)
    assert found.end == day_period(today, zone).end


@settings(max_examples=300, deadline=None)
@given(query=st.dictionaries(st.sampled_from(["date", "days", "hours", "from", "to"]), st.text(max_size=30)))
def test_any_text_is_a_period_or_an_error(query: dict[str, str]) -> None:
    try:
        found = read_period(query, BERLIN, NOW, DEFAULT)
    except BadInput as refused:
        found = refused
    assert isinstance(found, (Period, BadInput))
