"""Seed 000's report on all short links of a site: clicks, users, the most clicked links and the trending ones.

The route in views.py calls `build_report`. From rollups; all days before today come from past_days_cache.py.
"""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from heapq import nlargest, nsmallest
from typing import Any

import msgspec
from pyroaring import BitMap64

from analytics.reports.day_range import (
    MAX_DAYS,
    DayRange,
    has_period,
    read_period_of_rollups,
    read_today,
    since_first_day,
)
from analytics.reports.links.link_stats import CLICK, RECENT_FIELDS, count_recent_clicks
from analytics.reports.links.past_days_cache import read_past_days
from analytics.reports.request import ReportRequest
from analytics.rollups import bitmaps
from analytics.rollups.cardinality import OTHER
from analytics.rollups.snapshot import sums
from analytics.rollups.snapshot.clipped import clip
from analytics.rollups.snapshot.snapshot import Snapshot

TREND_DAYS = 7
# The most clicked codes are cached; others are looked up when their clicks of today bring them near the top.
MAX_CACHED_CODES = 10_000


class GlobalStats(msgspec.Struct):
    """Clicks of all links; `codes`: short code → clicks, of at most MAX_CACHED_CODES. Cached as LinkStats."""

    clicks: int = 0
    users: bytes = b""
    codes: dict[str, int] = {}

    @property
    def user_bitmap(self) -> BitMap64:
        return bitmaps.decode(self.users) if self.users else BitMap64()


class Trend(msgspec.Struct):
    """Short code → clicks of the last TREND_DAYS days, and of the TREND_DAYS days before."""

    clicks: dict[str, int] = {}
    previous: dict[str, int] = {}


class PastGlobalStats(msgspec.Struct):
    """The part of both that lies before today."""

    links: GlobalStats
    trend: Trend


def read_global_stats(
    snapshot: Snapshot, first: date, after: date, bots: bool = False, limit: int = sums.NO_LIMIT
) -> GlobalStats:
    """The `limit` most clicked links of the days `[first, after)`. Two queries, O(codes of each span of the days)."""
    total = snapshot.total(first, after, types=(CLICK,), bots=bots)
    codes = sums.events_by_subject(snapshot, CLICK, first, after, limit=limit, bots=bots)
    return GlobalStats(total.events, bitmaps.encode(total.users), codes)


def read_trend(snapshot: Snapshot, today: date, after: date, bots: bool = False) -> Trend:
    """The trend of the last days, those before `after` (today or tomorrow)."""
    since = today - timedelta(days=TREND_DAYS - 1)
    return Trend(
        sums.events_by_subject(snapshot, CLICK, since, after, bots=bots),
        sums.events_by_subject(snapshot, CLICK, since - timedelta(days=TREND_DAYS), since, bots=bots),
    )


def build_report(snapshot: Snapshot, request: ReportRequest, limit: int) -> dict[str, Any]:
    """The response for the requested days, else for all time; days before today may come from the cache."""
    today, bots = read_today(request, snapshot.zone), request.include_bots
    recent = count_recent_clicks(snapshot, today, "", bots)
    if has_period(request):
        period = read_period_of_rollups(request, snapshot.zone, max_days=MAX_DAYS)
        days, clipped = DayRange.covering(period), clip(snapshot, period.start, period.end)
        # One extra row, because OTHER may be among them.
        stats = read_global_stats(clipped, days.first, days.after, bots, limit + 1)
        trend = read_trend(snapshot, today.first, today.after, bots)
        return build_response(stats, trend, recent, limit) | {"meta": request.meta(period, "rollup")}
    all_days = since_first_day(snapshot, today)

    def read_past() -> PastGlobalStats:
        stats = read_global_stats(snapshot, all_days.first, today.first, bots, MAX_CACHED_CODES)
        return PastGlobalStats(stats, read_trend(snapshot, today.first, today.first, bots))

    def count_past_clicks(code: str) -> int:
        event_filter: dict[str, Any] = {"types": (CLICK,), "subject": code, "bots": bots}
        return sums.events_by_day(snapshot, "total", all_days.first, today.first, **event_filter).total()

    past = read_past_days(request, "global", snapshot, today.first, PastGlobalStats, read_past)
    stats_today = read_global_stats(snapshot, today.first, today.after, bots)
    stats = _merge_global_stats(past.value.links, stats_today, limit, count_past_clicks)
    _add_clicks(past.value.trend.clicks, stats_today.codes)
    response = build_response(stats, past.value.trend, recent, limit)
    return response | {"meta": past.meta(request, all_days.period)}


def build_empty_report(request: ReportRequest, limit: int) -> dict[str, Any]:
    """The response before the site's first click creates it."""
    today = read_today(request, request.site.zone)
    response = build_response(GlobalStats(), Trend(), dict.fromkeys(RECENT_FIELDS, 0), limit)
    return response | {"meta": request.meta(today.period, "rollup")}


def _merge_global_stats(
    past: GlobalStats, today: GlobalStats, limit: int, count_past_clicks: Callable[[str], int]
) -> GlobalStats:
    codes = merge_code_clicks(past.codes, today.codes, limit, count_past_clicks)
    return GlobalStats(past.clicks + today.clicks, bitmaps.encode(past.user_bitmap | today.user_bitmap), codes)


def merge_code_clicks(
    past: Mapping[str, int], today: Mapping[str, int], limit: int, count_past_clicks: Callable[[str], int]
) -> dict[str, int]:
    """Short code → clicks; exact for the `limit` most clicked.

    `past`: the most clicked codes, at most MAX_CACHED_CODES. A code that is not among them had no more clicks than the
    last of them, so it is looked up only if that many clicks would bring it to the top.
    """
    counts = dict(past)
    _add_clicks(counts, today)
    if len(past) < MAX_CACHED_CODES:
        return counts
    max_uncached = min(past.values())
    threshold = nlargest(limit, counts.values())[-1]
    for code, clicks in today.items():
        if code not in past and clicks + max_uncached >= threshold:
            counts[code] += count_past_clicks(code)
    return counts


def _add_clicks(counts: dict[str, int], addend: Mapping[str, int]) -> None:
    """In place; eight times as fast as the sum of two Counters."""
    for code, clicks in addend.items():
        counts[code] = counts.get(code, 0) + clicks


def build_response(stats: GlobalStats, trend: Trend, recent_clicks: Mapping[str, int], limit: int) -> dict[str, Any]:
    """The fields of seed 000, and the trend.

    trending: the links with the largest growth, which is the clicks of the last 7 days (with today) minus the clicks of
    the 7 days before; only links that grew. OTHER is not a link and is in neither list.
    """
    changes = {
        code: change for code, clicks in trend.clicks.items() if (change := clicks - trend.previous.get(code, 0)) > 0
    }
    return {
        "total_clicks": stats.clicks,
        "unique_visitors": len(stats.user_bitmap),
        "clicks_today": recent_clicks["clicks_today"],
        "clicks_this_week": recent_clicks["clicks_this_week"],
        "top_urls": [{"short_code": code, "clicks": clicks} for code, clicks in _top(stats.codes, limit)],
        "trending": [
            {
                "short_code": code,
                "clicks": trend.clicks[code],
                "previous": trend.previous.get(code, 0),
                "change": change,
            }
            for code, change in _top(changes, limit)
        ],
    }


def _top(codes: Mapping[str, int], limit: int) -> list[tuple[str, int]]:
    links = ((code, clicks) for code, clicks in codes.items() if code != OTHER)
    return nsmallest(limit, links, key=lambda link: (-link[1], link[0]))
