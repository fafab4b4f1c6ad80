"""Seed 004's top lists: pages by page views; referrers, countries, browsers, devices and systems by visits.

The routes in views.py, the dashboard and custom_events.py call it. A list of visits counts those that began with the
value, the users who began them (`unique`), and their page views (`views`): docs/decisions/0028. Users are counted once;
rates are percentages of visits.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from analytics.reports.labels import label_value
from analytics.reports.websites.website import NO_VISITS, ReportOptions, percent
from analytics.rollups.snapshot.snapshot import Snapshot
from analytics.rollups.snapshot.visit_lists import VisitRow, read_visit_lists, read_visit_sums_of_values

ListRows = Callable[[Snapshot, ReportOptions], list[dict[str, Any]]]


def list_pages(snapshot: Snapshot, options: ReportOptions) -> list[dict[str, Any]]:
    """4.E6, from the page views and visits of the days.

    bounce_rate: visits of one view, of the visits that began on the page. entry_rate: visits that began on it per view
    of it; exit_rate: visits that ended on it per view of it. avg_time: mean length of the visits that began on it. The
    time on the page itself (from its view to the next of the visit) is only in raw events, which are not read here.
    """
    first, after, _ = options.days
    pages = snapshot.top_values("path", first, after, options.limit, **options.event_filter)
    paths = [page.value for page in pages]
    entries, exits = (
        read_visit_sums_of_values(snapshot, dimension, options.visit_days, paths)
        for dimension in ("entry_path", "exit_path")
    )
    rows = []
    for page in pages:
        begun, ended = (visits.get(page.value, NO_VISITS) for visits in (entries, exits))
        row = {"page": label_value("path", page.value), "views": page.events, "unique": page.users}
        row |= {"bounce_rate": percent(begun.bounces, begun.visits)}
        row |= {"avg_time": None if begun.avg_duration_s is None else round(begun.avg_duration_s)}
        row |= {"entry_rate": percent(begun.visits, page.events), "exit_rate": percent(ended.visits, page.events)}
        rows.append(row)
    return rows


def list_values(snapshot: Snapshot, options: ReportOptions, dimension: str) -> list[dict[str, Any]]:
    """4.E7 for `referrer`: the pages that visits came from, without their query; pages of the site itself too."""
    rows = read_visit_lists(snapshot, [dimension], options.visit_days, options.limit)[dimension]
    return [{dimension: label_value(dimension, row.value), **visits_and_bounces(row)} for row in rows]


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


def visits_and_bounces(row: VisitRow) -> dict[str, Any]:
    """The fields of schemas.VisitListRow."""
    visits = row.visits
    figures = {"views": visits.views, "unique": row.visitors, "visits": visits.visits}
    return {**figures, "bounce_rate": percent(visits.bounces, visits.visits)}


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
