"""Ranges of days cut into months, weeks and days: each day once, and nothing outside."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from analytics.rollups.spans import DAY, UNIONS, Span, cover, span_of, spans_of, whole

DAYS = st.dates(date(2023, 12, 1), date(2025, 3, 1))


def month(number: int, year: int = 2026) -> Span:
    return Span("month", date(year, number, 1))


def test_spans_begin_on_mondays_and_on_firsts() -> None:
    sunday = date(2026, 3, 1)
    assert span_of("week", sunday) == Span("week", date(2026, 2, 23))
    assert span_of("month", sunday) == month(3)
    assert span_of(DAY, sunday) == Span(DAY, sunday)
    assert spans_of([sunday, sunday + timedelta(days=1)]) == [
        month(3), Span("week", date(2026, 2, 23)), Span("week", date(2026, 3, 2)),
    ]  # fmt: skip
    assert [month(2, 2024).after, month(12).after] == [date(2024, 3, 1), date(2027, 1, 1)]


def test_whole_spans_lie_in_the_range() -> None:
    assert list(whole("month", date(2026, 1, 31), date(2026, 4, 1))) == [month(2), month(3)]
    assert list(whole("month", date(2026, 2, 1), date(2026, 2, 28))) == []
    assert list(whole("week", date(2026, 3, 1), date(2026, 3, 9))) == [Span("week", date(2026, 3, 2))]


def test_months_come_before_the_weeks_that_cross_them() -> None:
    """29 June 2026 is a Monday; its week would take two days of July."""
    week = Span("week", date(2026, 6, 29))
    first, after = date(2026, 6, 28), date(2026, 8, 4)
    alone = [Span(DAY, date(2026, 6, 28)), week]
    assert cover(first, date(2026, 7, 6), {week}) == alone
    assert cover(first, after, {week, month(7), Span("week", date(2026, 7, 27))}) == [
        *(Span(DAY, first + timedelta(days=n)) for n in range(3)),
        month(7),
        *(Span(DAY, date(2026, 8, 1) + timedelta(days=n)) for n in range(3)),
    ]
    assert cover(after, first, {week}) == []


@given(DAYS, st.integers(0, 120), st.sets(DAYS, max_size=20), st.sets(DAYS, max_size=6))
def test_each_day_is_covered_once(first: date, length: int, weeks: set[date], months: set[date]) -> None:
    united = {span_of("week", day) for day in weeks} | {span_of("month", day) for day in months}
    after, day = first + timedelta(days=length), first
    for span in cover(first, after, united):
        assert span.day == day
        assert span.kind == DAY or span in united
        day = span.after
    assert day == after


@given(DAYS, st.integers(0, 120))
def test_with_all_unions_few_days_are_left(first: date, length: int) -> None:
    """At most six before the first Monday or after the last, and as many around the months."""
    after = first + timedelta(days=length)
    united = {span for kind in UNIONS for span in whole(kind, first, after)}
    days = [span for span in cover(first, after, united) if span.kind == DAY]
    assert len(days) <= 24
