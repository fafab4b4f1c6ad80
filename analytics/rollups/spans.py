"""Days, ISO weeks and calendar months: what a row of `rollups` is of, and how they cover a range of days. Pure."""

from collections.abc import Container, Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import NamedTuple

DAY = "day"
# The spans of union rows. Months first: the fewer spans cover a range, the fewer bitmaps are read.
UNIONS = ("month", "week")


class Span(NamedTuple):
    """A day, a week from its Monday on, or a month, by its first day."""

    kind: str
    day: date

    @property
    def after(self) -> date:
        """The first day that is not in it."""
        if self.kind == "month":
            return (self.day + timedelta(days=31)).replace(day=1)
        return self.day + timedelta(days=7 if self.kind == "week" else 1)


def span_of(kind: str, day: date) -> Span:
    """The span of that kind that holds the day."""
    if kind == "month":
        return Span(kind, day.replace(day=1))
    return Span(kind, day - timedelta(days=day.weekday()) if kind == "week" else day)


def spans_of(days: Iterable[date]) -> list[Span]:
    """The weeks and months that hold any of the days."""
    found = set(days)
    return sorted({span_of(kind, day) for kind in UNIONS for day in found})


def whole(kind: str, first: date, after: date) -> Iterator[Span]:
    """The spans of that kind of which every day lies in `[first, after)`."""
    span = span_of(kind, first)
    while span.after <= after:
        if span.day >= first:
            yield span
        span = Span(kind, span.after)


def cover(first: date, after: date, united: Container[Span], kinds: Sequence[str] = UNIONS) -> list[Span]:
    """Spans that hold each day of `[first, after)` once: months among `united`, then weeks among them, then days."""
    if not kinds:
        return list(whole(DAY, first, after))
    kind, *shorter = kinds
    found = []
    for span in whole(kind, first, after):
        if span in united:
            found += [*cover(first, span.day, united, shorter), span]
            first = span.after
    return found + cover(first, after, united, shorter)
