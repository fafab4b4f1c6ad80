"""Ranges of days covered by months, weeks and days: each day once, and no other day."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from analytics.rollups.spans import DAY, UNION_KINDS, Span, cover_days, span_of, union_spans_of, whole_spans

DAYS = st.dates(date(2023, 12, 1), date(2025, 3, 1))


def month(number: int, year: int = 2026) -> Span:
    return Span("month", date(year, number, 1))


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    sunday = date(2026, 3, 1)
    assert span_of("week", sunday) == Span("week", date(2026, 2, 23))
    assert span_of("month", sunday) == month(3)
    assert span_of(DAY, sunday) == Span(DAY, sunday)
    assert union_spans_of([sunday, sunday + timedelta(days=1)]) == [
        month(3), Span("week", date(2026, 2, 23)), Span("week", date(2026, 3, 2)),
    ]  # fmt: skip
    assert [month(2, 2024).end_day, month(12).end_day] == [date(2024, 3, 1), date(2027, 1, 1)]


def test_whole_spans_lie_in_the_range() -> None:
    assert list(whole_spans("month", date(2026, 1, 31), date(2026, 4, 1))) == [month(2), month(3)]
    assert list(whole_spans("month", date(2026, 2, 1), date(2026, 2, 28))) == []
    assert list(whole_spans("week", date(2026, 3, 1), date(2026, 3, 9))) == [Span("week", date(2026, 3, 2))]


def test_months_come_before_the_weeks_that_cross_them() -> None:
    """29 June 2026 is a Monday; its week would take two days of July."""
    week = Span("week", date(2026, 6, 29))
    first, end = date(2026, 6, 28), date(2026, 8, 4)
    expected = [Span(DAY, date(2026, 6, 28)), week]
    assert cover_days(first, date(2026, 7, 6), {week}) == expected
    assert cover_days(first, end, {week, month(7), Span("week", date(2026, 7, 27))}) == [
        *(Span(DAY, first + timedelta(days=n)) for n in range(3)),
        month(7),
        *(Span(DAY, date(2026, 8, 1) + timedelta(days=n)) for n in range(3)),
    ]
    assert cover_days(end, first, {week}) == []


@given(DAYS, st.integers(0, 120), st.sets(DAYS, max_size=20), st.sets(DAYS, max_size=6))
def test_each_day_is_covered_once(first: date, length: int, weeks: set[date], months: set[date]) -> None:
    unions = {span_of("week", day) for day in weeks} | {span_of("month", day) for day in months}
    end, day = first + timedelta(days=length), first
    for span in cover_days(first, end, unions):
        assert span.day == day
        assert span.kind == DAY or span in unions
        day = span.end_day
    assert day == end


@given(DAYS, st.integers(0, 120))
def test_with_all_unions_few_days_remain(first: date, length: int) -> None:
    """At most six before the first Monday or after the last, and as many around the months."""
    end = first + timedelta(days=length)
    unions = {span for kind in UNION_KINDS for span in whole_spans(kind, first, end)}
    days = [span for span in cover_days(first, end, unions) if span.kind == DAY]
    assert len(days) <= 24
