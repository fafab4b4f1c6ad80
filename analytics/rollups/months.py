"""Calendar months as ranges of days, named by their first day. Pure; the union rows of `rollups` are of these."""

from collections.abc import Iterable
from datetime import date, timedelta


def month_of(day: date) -> date:
    return day.replace(day=1)


def following(month: date) -> date:
    """The month after it, which is also the first day that is not in it."""
    return month_of(month + timedelta(days=31))


def months_of(days: Iterable[date]) -> list[date]:
    """The months that hold any of the days."""
    return sorted({month_of(day) for day in days})


def whole_months(first: date, after: date) -> list[date]:
    """The months of which every day lies in `[first, after)`."""
    found, month = [], month_of(first)
    while following(month) <= after:
        if month >= first:
            found.append(month)
        month = following(month)
    return found


def between(first: date, after: date, months: Iterable[date]) -> list[tuple[date, date]]:
    """`[first, after)` without the `months`, which lie in it in their order: ranges of days."""
    found = []
    for month in months:
        if first < month:
            found.append((first, month))
        first = following(month)
    return [*found, (first, after)] if first < after else found
