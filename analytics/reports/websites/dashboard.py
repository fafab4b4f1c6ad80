"""Seed 004's dashboard (4.E4): the traffic, its comparison, the first top lists and the places of users. From rollups.

The route in views.py calls it and adds live_visitors, which come from raw events.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from pyroaring import BitMap64

from analytics.reports.continents import continent_of
from analytics.reports.labels import UNKNOWN, label_value
from analytics.reports.websites.top_lists import list_pages, list_sources, list_visitors
from analytics.reports.websites.website import (
    ReportOptions,
    compare_traffic,
    percent,
    read_compared_traffic,
    read_traffic,
)
from analytics.rollups import bitmaps
from analytics.rollups.cardinality import OTHER
from analytics.rollups.snapshot import sums
from analytics.rollups.snapshot.snapshot import Snapshot

PLACE_LISTS = {"countries": "country", "regions": "region", "cities": "city"}


def build_dashboard(snapshot: Snapshot, options: ReportOptions) -> dict[str, Any]:
    """The response without live_visitors. The comparison is with the same number of days right before, or what the
    request names."""
    traffic = read_traffic(snapshot, options)
    metrics = traffic.as_json()
    return {
        "total_visitors": metrics["total_visitors"],
        "unique_visitors": metrics["unique_visitors"],
        "page_views": traffic.views,
        "session_duration": traffic.avg_session_time,
        "bounce_rate": traffic.bounce_rate,
        "comparison": compare_traffic(*read_compared_traffic(snapshot, options)),
        "metrics": metrics,
        "top_pages": list_pages(snapshot, options),
        "top_sources": list_sources(snapshot, options),
        "top_countries": list_visitors(snapshot, options, "country"),
        "geolocation": build_geolocation(snapshot, options, len(traffic.users)),
    }


def build_geolocation(snapshot: Snapshot, options: ReportOptions, total_users: int) -> dict[str, Any]:
    """Users by place, and their share of all users; a user who was in two places counts in both."""
    first, after, _ = options.days
    tops = snapshot.top_lists(list(PLACE_LISTS.values()), first, after, options.limit, **options.event_filter)
    lists = {
        name: _shares([(label_value(dimension, top.value), top.users) for top in tops[dimension]], total_users)
        for name, dimension in PLACE_LISTS.items()
    }
    return {**lists, "continents": _shares(_count_continents(snapshot, options), total_users)}


def drop_cities(report: dict[str, Any]) -> dict[str, Any]:
    """The response as share links and public sites show it."""
    places = {name: rows for name, rows in report["geolocation"].items() if name != "cities"}
    return report | {"geolocation": places}


def _count_continents(snapshot: Snapshot, options: ReportOptions) -> list[tuple[str, int]]:
    first, after, _ = options.days
    by_continent = defaultdict[str, list[BitMap64]](list)
    for country, users in sums.users_by_value(snapshot, "country", first, after, **options.event_filter).items():
        by_continent[country if country == OTHER else continent_of(country) or UNKNOWN].append(users)
    counts = [(name, len(bitmaps.union(users))) for name, users in by_continent.items()]
    return sorted(counts, key=lambda count: (-count[1], count[0]))


def _shares(counts: Sequence[tuple[str, int]], total: int) -> list[dict[str, Any]]:
    return [{"name": name, "count": count, "percentage": percent(count, total)} for name, count in counts]
