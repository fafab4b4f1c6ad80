"""Days, ISO weeks and calendar months: the spans of the rows of `rollups`, and how spans cover a range of days. Pure.

rows.py, closing/, snapshot/ and the audit call it.
"""

from collections.abc import Container, Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import NamedTuple

DAY = "day"
# The spans of union rows. Months first: the fewer spans cover a range, the fewer bitmaps are read.
UNION_KINDS = ("month", "week")


class Span(NamedTuple):
    """A day, a week from Monday, or a month, identified by its first day."""

    kind: str
    day: date

    @property
    def end_day(self) -> date:
        """The day after its last one."""
        if self.kind == "month":
            return (self.day + timedelta(days=31)).replace(day=1)
        return self.day + timedelta(days=7 if self.kind == "week" else 1)


def span_of(kind: str, day: date) -> Span:
    """The span of this kind that holds the day."""
    if kind == "month":
        return Span(kind, day.replace(day=1))
    return Span(kind, day - timedelta(days=day.weekday()) if kind == "week" else day)


def union_spans_of(days: Iterable[date]) -> list[Span]:
    """The weeks and months that hold any of the days."""
    distinct = set(days)
    return sorted({span_of(kind, day) for kind in UNION_KINDS for day in distinct})


def whole_spans(kind: str, first_day: date, end_day: date) -> Iterator[Span]:
    """The spans of this kind whose days all lie in `[first_day, end_day)`."""
    span = span_of(kind, first_day)
    while span.end_day <= end_day:
        if span.day >= first_day:
            yield span
        span = Span(kind, span.end_day)


def cover_days(
    first_day: date, end_day: date, unions: Container[Span], kinds: Sequence[str] = UNION_KINDS
) -> list[Span]:
    """Spans that hold each day of `[first_day, end_day)` once: months of `unions`, then weeks of them, then days."""
    if not kinds:
        return list(whole_spans(DAY, first_day, end_day))
    kind, *shorter = kinds
    spans = []
    for span in whole_spans(kind, first_day, end_day):
        if span in unions:
            spans += [*cover_days(first_day, span.day, unions, shorter), span]
            first_day = span.end_day
    return spans + cover_days(first_day, end_day, unions, shorter)
