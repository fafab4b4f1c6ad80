"""Seed 000's report on one short link: its clicks by time, place, referrer and client. Exact, from rollups.

The route in views.py calls `build_report`. A unique click is a user, counted once over the whole period. Clicks of
bots count only with include_bots.
"""

import re
from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import msgspec
from pyroaring import BitMap64

from analytics import clock
from analytics.reports.day_range import (
    MAX_DAYS,
    DayRange,
    expand_to_unit,
    has_period,
    read_period_of_rollups,
    read_today,
    since_first_day,
)
from analytics.reports.labels import DIRECT, label_value
from analytics.reports.links.past_days_cache import read_past_days
from analytics.reports.request import ReportRequest
from analytics.rollups import bitmaps
from analytics.rollups.cardinality import OTHER
from analytics.rollups.snapshot import sums
from analytics.rollups.snapshot.clipped import clip
from analytics.rollups.snapshot.snapshot import Snapshot

CLICK, IMPRESSION = "click", "impression"
ONE_HOUR = timedelta(hours=1)
TIMELINE_DAYS = 30
# The lists of the response, and the dimension of each.
TOP_LIST_DIMENSIONS = {
    "top_countries": "country",
    "top_regions": "region",
    "top_cities": "city",
    "top_referers": "referrer",
    "top_browsers": "browser",
    "top_devices": "device",
    "top_os": "os",
}
# The list of cities, which share links and public sites do not show. The referrers are hosts already.
PRIVATE_LIST = "top_cities"
RECENT_FIELDS = ("clicks_today", "clicks_this_week", "clicks_this_month")
# A stored referrer has no user and no query. One without a scheme is a page of the site itself.
HOST_PATTERN = re.compile(r"[a-z][a-z0-9+.-]*://(?:www\.)?(\[[^\]]*\]|[^/:]+)")


class LinkStats(msgspec.Struct):
    """Clicks of one short code by day, by hour of the day (0 to 23) and by TOP_LIST_DIMENSIONS; `users`: an encoded
    bitmap. Cached as JSON: a renamed field would be read as empty."""

    days: dict[date, int] = {}
    hours: dict[int, int] = {}
    users: bytes = b""
    impressions: int = 0
    lists: dict[str, dict[str, int]] = {}

    def __bool__(self) -> bool:
        return bool(self.days)

    @property
    def user_bitmap(self) -> BitMap64:
        return bitmaps.decode(self.users) if self.users else BitMap64()


def read_link_stats(snapshot: Snapshot, code: str, first: date, after: date, bots: bool = False) -> LinkStats:
    """The clicks of the days `[first, after)`. Six queries; one bitmap of each span that covers the days is read."""
    clicks: dict[str, Any] = {"types": (CLICK,), "subject": code, "bots": bots}
    impressions = sums.events_by_value(snapshot, ["total"], first, after, **{**clicks, "types": (IMPRESSION,)})
    values = sums.events_by_value(snapshot, list(TOP_LIST_DIMENSIONS.values()), first, after, **clicks)
    by_day = sums.events_by_day(snapshot, "total", first, after, **clicks)
    return LinkStats(
        days={day: events for (day, _), events in by_day.items()},
        hours=_count_by_hour_of_day(snapshot, first, after, clicks),
        users=bitmaps.encode(snapshot.total(first, after, **clicks).users),
        impressions=sum(impressions["total"].values()),
        lists={name: _count_by_label(dimension, values[dimension]) for name, dimension in TOP_LIST_DIMENSIONS.items()},
    )


def _count_by_hour_of_day(
    snapshot: Snapshot, first: date, after: date, event_filter: Mapping[str, Any]
) -> dict[int, int]:
    """By local time of the site; rollups count the hours since the day began."""
    zone, hours = clock.zone(snapshot.zone), Counter[int]()
    for (day, hour), clicks in sums.events_by_day(snapshot, "hour", first, after, **event_filter).items():
        hours[(clock.day_start(day, zone) + int(hour) * ONE_HOUR).astimezone(zone).hour] += clicks
    return dict(hours)


def _count_by_label(dimension: str, values: Mapping[str, int]) -> dict[str, int]:
    counts = Counter[str]()
    for value, clicks in values.items():
        label = extract_referrer_host(value) if dimension == "referrer" else label_value(dimension, value)
        counts[label] += clicks
    return dict(counts)


def extract_referrer_host(referrer: str) -> str:
    """The host of a referrer without "www."; "Direct" for none, or a page of the site itself."""
    host = HOST_PATTERN.match(referrer)
    return host[1] if host else referrer if referrer == OTHER else DIRECT


def merge_link_stats(left: LinkStats, right: LinkStats) -> LinkStats:
    """The sum of both; a user in both counts once."""
    return LinkStats(
        days=dict(Counter(left.days) + Counter(right.days)),
        hours=dict(Counter(left.hours) + Counter(right.hours)),
        users=bitmaps.encode(left.user_bitmap | right.user_bitmap),
        impressions=left.impressions + right.impressions,
        lists={
            name: dict(Counter(left.lists.get(name)) + Counter(right.lists.get(name))) for name in TOP_LIST_DIMENSIONS
        },
    )


def build_report(snapshot: Snapshot, request: ReportRequest, code: str, limit: int) -> dict[str, Any]:
    """The response for the requested days, else for all time; days before today may come from the cache."""
    today, bots = read_today(request, snapshot.zone), request.include_bots
    recent = count_recent_clicks(snapshot, today, code, bots)
    if has_period(request):
        period = read_period_of_rollups(request, snapshot.zone, max_days=MAX_DAYS)
        days = DayRange.covering(period)
        stats = read_link_stats(clip(snapshot, period.start, period.end), code, days.first, days.after, bots)
        return build_response(stats, code, recent, days, limit) | {"meta": request.meta(period, "rollup")}
    first = since_first_day(snapshot, today).first
    past = read_past_days(
        request, f"stats:{code}", snapshot, today.first, LinkStats,
        lambda: read_link_stats(snapshot, code, first, today.first, bots),
    )  # fmt: skip
    stats = merge_link_stats(past.value, read_link_stats(snapshot, code, today.first, today.after, bots))
    days = today._replace(first=min(stats.days, default=today.first))
    response = build_response(stats, code, recent, _last_days(days), limit)
    return response | {"meta": past.meta(request, days.period)}


def build_empty_report(request: ReportRequest, code: str, limit: int) -> dict[str, Any]:
    """The response before the site's first click creates it."""
    today = read_today(request, request.site.zone)
    response = build_response(LinkStats(), code, dict.fromkeys(RECENT_FIELDS, 0), today, limit)
    return response | {"meta": request.meta(today.period, "rollup")}


def _last_days(days: DayRange) -> DayRange:
    return days._replace(first=max(days.first, days.after - timedelta(days=TIMELINE_DAYS)))


def count_recent_clicks(snapshot: Snapshot, today: DayRange, code: str, bots: bool = False) -> dict[str, int]:
    """Clicks of today, of the ISO week and of the calendar month around it (spec C24). One query."""
    week, month = expand_to_unit(today, "week"), expand_to_unit(today, "month")
    first = min(week.first, month.first)
    days = sums.events_by_day(snapshot, "total", first, today.after, types=(CLICK,), subject=code, bots=bots)
    spans = dict(zip(RECENT_FIELDS, (today, week, month), strict=True))
    return {
        name: sum(clicks for (day, _), clicks in days.items() if span.first <= day < span.after)
        for name, span in spans.items()
    }


def build_response(
    stats: LinkStats, code: str, recent_clicks: Mapping[str, int], timeline: DayRange, limit: int
) -> dict[str, Any]:
    """The fields that seed 000 names, and those for figures that it describes without a name.

    click_through_rate: clicks / impressions, both of the period; null without an event of type `impression` for this
    short code.
    """
    total = sum(stats.days.values())
    direct = stats.lists.get("top_referers", {}).get(DIRECT, 0)
    return {
        "short_code": code,
        "total_clicks": total,
        "unique_clicks": len(stats.user_bitmap),
        **recent_clicks,
        **{name: _top(stats.lists.get(name, {}), limit) for name in TOP_LIST_DIMENSIONS},
        "click_timeline": [{"date": str(day), "clicks": stats.days.get(day, 0)} for day in timeline.dates],
        "peak_hours": [{"hour": hour, "clicks": stats.hours.get(hour, 0)} for hour in range(24)],
        "direct_vs_referred": {"direct": direct, "referred": total - direct},
        "impressions": stats.impressions,
        "click_through_rate": round(total / stats.impressions, 4) if stats.impressions else None,
    }


def _top(values: Mapping[str, int], limit: int) -> list[dict[str, Any]]:
    ranked = sorted(values.items(), key=lambda item: (-item[1], item[0]))
    return [{"name": name, "count": clicks} for name, clicks in ranked[:limit]]
