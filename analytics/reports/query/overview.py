"""The dashboard's bundle: totals, a series by day and eight top lists, from rollups in one snapshot. SELECT only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from analytics.reports.counted import VIEWS
from analytics.rollups.reading import Snapshot, Top
from analytics.rollups.visit_tally import VisitSums

LISTS = ("path", "referrer", "source", "country", "browser", "os", "device", "utm_source")


@dataclass(frozen=True, slots=True)
class Day:
    """One point of the series; a day without views has zeros."""

    date: date
    page_views: int
    visitors: int
    visits: int


@dataclass(frozen=True, slots=True)
class Overview:
    """Page views, the people and visits behind them, day by day and by what they have in common."""

    page_views: int
    visitors: int
    visits: VisitSums
    series: list[Day]
    lists: dict[str, list[Top]]


def overview(
    found: Snapshot, first: date, after: date, limit: int = 10, lists: Sequence[str] = LISTS, bots: bool = False
) -> Overview:
    """Days `[first, after)`; `limit` lines a list, by page views. O(lists * limit * spans) bitmaps."""
    days = found.series(first, after, types=VIEWS, bots=bots)
    # The total is a list of one line, so that it costs no query of its own.
    tops = found.tops(["total", *lists], first, after, limit, types=VIEWS, bots=bots)
    (total,) = tops.pop("total") or [Top("", 0, 0)]
    visits = found.visits("total", first, after, bots)
    series = []
    for number in range((after - first).days):
        day = first + timedelta(days=number)
        begun = visits.get((day, ""))
        views, people = days.get(day, (0, 0))
        series.append(Day(day, views, people, begun.visits if begun else 0))
    return Overview(
        page_views=total.events,
        visitors=total.users,
        visits=VisitSums(*(sum(column) for column in zip(VisitSums(0, 0, 0, 0), *visits.values(), strict=True))),
        series=series,
        lists=tops,
    )
