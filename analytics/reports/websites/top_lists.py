"""Seed 004's top lists: page views by page, referrer, country, browser, device and system, with the visits of each.

The routes in views.py, the dashboard and custom_events.py call it. Lists are ranked by page views, as
Snapshot.top_values; users are counted once; rates are percentages of visits.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from analytics.reports.labels import label_value
from analytics.reports.websites.website import NO_VISITS, ReportOptions, percent
from analytics.rollups.snapshot import sums
from analytics.rollups.snapshot.snapshot import Snapshot, TopRow
from analytics.rollups.visits.sums import VisitSums

ListRows = Callable[[Snapshot, ReportOptions], list[dict[str, Any]]]


def list_pages(snapshot: Snapshot, options: ReportOptions) -> list[dict[str, Any]]:
    """4.E6, from the page views and visits of the days.

    bounce_rate: visits of one view, of the visits that began on the page. entry_rate: visits that began on it per view
    of it; exit_rate: visits that ended on it per view of it. avg_time: mean length of the visits that began on it. The
    time on the page itself (from its view to the next of the visit) is only in raw events, which are not read here.
    """
    pages = read_top_rows(snapshot, options, "path")
    exits = _read_visits(snapshot, options, "exit_path", pages)
    rows = []
    for page, entries in with_visits(snapshot, options, "entry_path", pages):
        duration_s, exit_visits = entries.avg_duration_s, exits.get(page.value, NO_VISITS).visits
        row = {"page": label_value("path", page.value), **views_and_bounces(page, entries)}
        row |= {"avg_time": None if duration_s is None else round(duration_s)}
        row |= {"entry_rate": percent(entries.visits, page.events), "exit_rate": percent(exit_visits, page.events)}
        rows.append(row)
    return rows


def list_values(snapshot: Snapshot, options: ReportOptions, dimension: str) -> list[dict[str, Any]]:
    """4.E7 for `referrer`: the pages that views came from, without their query; pages of the site itself too."""
    tops = read_top_rows(snapshot, options, dimension)
    return [
        {dimension: label_value(dimension, top.value), **views_and_bounces(top, visits)}
        for top, visits in with_visits(snapshot, options, dimension, tops)
    ]


def list_referrer_sources(snapshot: Snapshot, options: ReportOptions) -> list[dict[str, Any]]:
    """4.E7 for share links and public sites: names of sources, else their hosts, in place of the pages."""
    rows = list_values(snapshot, options, "source")
    return [{"referrer": row.pop("source"), **row} for row in rows]


def list_visitors(snapshot: Snapshot, options: ReportOptions, dimension: str) -> list[dict[str, Any]]:
    """4.E8 to 4.E11: clients of the seed read `unique` under either name."""
    return [{**row, "visitors": row["unique"]} for row in list_values(snapshot, options, dimension)]


def list_sources(snapshot: Snapshot, options: ReportOptions) -> list[dict[str, Any]]:
    """The dashboard's `top_sources`: names of sources, else their hosts."""
    rows = list_values(snapshot, options, "source")
    return [{"source": row.pop("source"), "unique_visitors": row.pop("unique"), **row} for row in rows]


# The name in the path and in the response, without `top-` and `top_`.
TOP_LISTS: Mapping[str, ListRows] = {
    "pages": list_pages,
    "referrers": partial(list_values, dimension="referrer"),
    "countries": partial(list_visitors, dimension="country"),
    "browsers": partial(list_visitors, dimension="browser"),
    "devices": partial(list_visitors, dimension="device"),
    "os": partial(list_visitors, dimension="os"),
}


# What share links and public sites show in place of a list of TOP_LISTS.
SHARED_TOP_LISTS: Mapping[str, ListRows] = {"referrers": list_referrer_sources}


def read_top_rows(snapshot: Snapshot, options: ReportOptions, dimension: str, extra_rows: int = 0) -> list[TopRow]:
    """The values with the most page views, as Snapshot.top_values."""
    first, after, _ = options.days
    return snapshot.top_values(dimension, first, after, options.limit + extra_rows, **options.event_filter)


def with_visits(
    snapshot: Snapshot, options: ReportOptions, dimension: str, tops: Sequence[TopRow]
) -> Iterator[tuple[TopRow, VisitSums]]:
    """Each row with the visits that have its value in `dimension`. One query, O(days * rows)."""
    visits = _read_visits(snapshot, options, dimension, tops)
    return ((top, visits.get(top.value, NO_VISITS)) for top in tops)


def _read_visits(
    snapshot: Snapshot, options: ReportOptions, dimension: str, tops: Sequence[TopRow]
) -> dict[str, VisitSums]:
    first, after, _ = options.days
    return sums.visits_by_value(snapshot, dimension, first, after, [top.value for top in tops], options.bots)


def views_and_bounces(top: TopRow, visits: VisitSums) -> dict[str, Any]:
    """The fields of schemas.TopListRow."""
    return {"views": top.events, "unique": top.users, "bounce_rate": percent(visits.bounces, visits.visits)}
