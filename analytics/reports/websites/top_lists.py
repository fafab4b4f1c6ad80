"""Seed 004's top lists and its dashboard: by page, source, place, browser, each with the visits that began with it.

A list is ranked by page views, as Snapshot.top; its people are counted once, its rates are percentages of visits.
"""

from collections.abc import Sequence
from typing import Any

from analytics.reports.continents import continent_of
from analytics.reports.places import place_name
from analytics.reports.website import NO_VISITS, Scope, compare, percent, read_traffic
from analytics.rollups import sums, users
from analytics.rollups.guard import OTHER
from analytics.rollups.reading import Snapshot, Top

# What a list says of views without a value.
NONE = {"path": "(none)", "referrer": "Direct", "source": "Direct"}
UNKNOWN = "Unknown"


def top_pages(found: Snapshot, scope: Scope) -> list[dict[str, Any]]:
    """4.E6. Of page views and visits of the days:

    bounce_rate: visits of one view among those that began on the page. entry_rate: visits that began on it per view of
    it; exit_rate: visits that ended on it per view of it. avg_time: mean length of the visits that began on it. The
    time on the page itself (from its view to the next of the visit) is in the raw events only, which are not read here.
    """
    first, after, _ = scope.days
    pages = found.top("path", first, after, scope.limit, **scope.asked)
    values = [page.value for page in pages]
    entries = sums.visits_of(found, "entry_path", first, after, values, scope.bots)
    exits = sums.visits_of(found, "exit_path", first, after, values, scope.bots)
    lines = []
    for page in pages:
        entry, left = entries.get(page.value, NO_VISITS), exits.get(page.value, NO_VISITS)
        seconds = entry.avg_duration_s
        line = {"page": _name("path", page.value), "views": page.events, "unique": page.users}
        line |= {"bounce_rate": percent(entry.bounces, entry.visits)}
        line |= {"avg_time": None if seconds is None else round(seconds)}
        line |= {"entry_rate": percent(entry.visits, page.events), "exit_rate": percent(left.visits, page.events)}
        lines.append(line)
    return lines


def top_referrers(found: Snapshot, scope: Scope) -> list[dict[str, Any]]:
    """4.E7: the pages that views came from, without their query; the site's own among them."""
    return _with_bounces(found, scope, "referrer", found.top("referrer", *scope.days[:2], scope.limit, **scope.asked))


def top_sources(found: Snapshot, scope: Scope) -> list[dict[str, Any]]:
    """Names of sources, else their hosts."""
    tops = found.top("source", *scope.days[:2], scope.limit, **scope.asked)
    lines = _with_bounces(found, scope, "source", tops)
    return [{"source": line.pop("source"), "unique_visitors": line.pop("unique"), **line} for line in lines]


def top_values(found: Snapshot, scope: Scope, dimension: str) -> list[dict[str, Any]]:
    """4.E8 to 4.E11: `visitors` is `unique` under the name that clients of the seed read."""
    tops = found.top(dimension, *scope.days[:2], scope.limit, **scope.asked)
    lines = _with_bounces(found, scope, dimension, tops)
    return [{**line, "visitors": line["unique"]} for line in lines]


def _with_bounces(found: Snapshot, scope: Scope, dimension: str, tops: Sequence[Top]) -> list[dict[str, Any]]:
    first, after, _ = scope.days
    visits = sums.visits_of(found, dimension, first, after, [top.value for top in tops], scope.bots)
    lines = []
    for top in tops:
        began = visits.get(top.value, NO_VISITS)
        line = {dimension: _name(dimension, top.value), "views": top.events, "unique": top.users}
        lines.append(line | {"bounce_rate": percent(began.bounces, began.visits)})
    return lines


def _name(dimension: str, value: str) -> str:
    return value or NONE.get(dimension, UNKNOWN)


def dashboard(found: Snapshot, scope: Scope) -> dict[str, Any]:
    """4.E4 but for live_visitors: the traffic, that of as many days right before, and the first lists."""
    now = read_traffic(found, scope)
    metrics = now.as_json()
    return {
        "total_visitors": metrics["total_visitors"],
        "unique_visitors": metrics["unique_visitors"],
        "page_views": now.views,
        "session_duration": now.avg_session_time,
        "bounce_rate": now.bounce_rate,
        "comparison": compare(now, read_traffic(found, scope.before)),
        "metrics": metrics,
        "top_pages": top_pages(found, scope),
        "top_sources": top_sources(found, scope),
        "top_countries": top_values(found, scope, "country"),
        "geolocation": locate(found, scope, len(now.people)),
    }


def locate(found: Snapshot, scope: Scope, everybody: int) -> dict[str, Any]:
    """The seed's `geolocation`: people by place, and their share of all; who was in two places is in both."""
    first, after, _ = scope.days
    places = {"countries": "country", "regions": "region", "cities": "city"}
    tops = found.tops(list(places.values()), first, after, scope.limit, **scope.asked)
    lists = {
        name: _shares([(place_name(top.value) or UNKNOWN, top.users) for top in tops[dimension]], everybody)
        for name, dimension in places.items()
    }
    return {**lists, "continents": _shares(_continents(found, scope), everybody)}


def _continents(found: Snapshot, scope: Scope) -> list[tuple[str, int]]:
    first, after, _ = scope.days
    people: dict[str, list[Any]] = {}
    for country, seen in sums.people_by_value(found, "country", first, after, **scope.asked).items():
        name = country if country == OTHER else continent_of(country) or UNKNOWN
        people.setdefault(name, []).append(seen)
    counts = [(name, len(users.union(sets))) for name, sets in people.items()]
    return sorted(counts, key=lambda one: (-one[1], one[0]))


def _shares(counts: Sequence[tuple[str, int]], everybody: int) -> list[dict[str, Any]]:
    return [{"name": name, "count": count, "percentage": percent(count, everybody)} for name, count in counts]
