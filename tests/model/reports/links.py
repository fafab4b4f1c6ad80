"""Seed 000's reports on short links: one code, and all."""

from collections import Counter
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from tests.model.calendars import DAY, HOUR, Period, day_start, next_unit, of_days, touched_days, unit_start
from tests.model.comparison import rounded
from tests.model.events import Event, users
from tests.model.reports.websites import label
from tests.model.site import Request, Site

LISTS = {
    "top_countries": "country", "top_regions": "region", "top_cities": "city", "top_referers": "referrer",
    "top_browsers": "browser", "top_devices": "device", "top_os": "os",
}  # fmt: skip
UNITS = {"clicks_today": "day", "clicks_this_week": "week", "clicks_this_month": "month"}
TIMELINE_DAYS, TREND_DAYS = 30, 7


def _has_period(request: Request) -> bool:
    return bool({"date", "days", "from", "hours"} & request.first.keys())


def _recent(site: Site, clicks: list[Event]) -> dict[str, int]:
    """Clicks of today, of its week and its month, up to today."""
    counts = {}
    for name, unit in UNITS.items():
        first = unit_start(site.today, unit)
        end = min(next_unit(first, unit), site.today + DAY)
        counts[name] = sum(event.ts in of_days(first, end, site.zone) for event in clicks)
    return counts


def _all_days(site: Site) -> Period:
    return of_days(min(site.first_day(), site.today), site.today + DAY, site.zone)


def _clicks(site: Site, request: Request, period: Period | None, event_type: str = "click") -> list[Event]:
    code = request.values.get("short_code")
    selected = [event for event in site.events if event.type == event_type and (request.bots or not event.is_bot)]
    selected = [event for event in selected if code in (None, event.value("subject"))]
    return [event for event in selected if period is None or event.ts in period]


def stats(site: Site, request: Request) -> dict[str, Any]:
    period = site.period(request) if _has_period(request) else _all_days(site)
    clicks = _clicks(site, request, period)
    by_day = Counter(map(site.day, clicks))
    timeline = touched_days(period) if _has_period(request) else _timeline(site, by_day)
    direct = sum(_host(event) == "Direct" for event in clicks)
    impressions = len(_clicks(site, request, period, "impression"))
    hours = Counter(_hour(site, event) for event in clicks)
    shown = period if _has_period(request) else of_days(min(by_day, default=site.today), site.today + DAY, site.zone)
    return {
        "short_code": request.values["short_code"], "total_clicks": len(clicks), "unique_clicks": len(users(clicks)),
        **_recent(site, _clicks(site, request, None)),
        **{name: _top(clicks, dimension, request.limit) for name, dimension in LISTS.items()},
        "click_timeline": [{"date": day, "clicks": by_day[day]} for day in timeline],
        "peak_hours": [{"hour": hour, "clicks": hours[hour]} for hour in range(24)],
        "direct_vs_referred": {"direct": direct, "referred": len(clicks) - direct}, "impressions": impressions,
        "click_through_rate": rounded(len(clicks) / impressions, 4) if impressions else None, "meta": site.meta(shown),
    }  # fmt: skip


def _hour(site: Site, event: Event) -> int:
    """The local hour at which the event's hour began: hours are counted since the start of the day."""
    start = day_start(site.day(event), site.zone)
    return (start + (event.ts - start) // HOUR * HOUR).astimezone(ZoneInfo(site.zone)).hour


def _timeline(site: Site, by_day: Counter[date]) -> list[date]:
    first = max(min(by_day, default=site.today), site.today - (TIMELINE_DAYS - 1) * DAY)
    return touched_days(of_days(first, site.today + DAY, site.zone))


def _host(event: Event) -> str:
    referrer = event.draft.referrer
    return (referrer and referrer.host) or "Direct"


def _top(clicks: list[Event], dimension: str, limit: int) -> list[dict[str, Any]]:
    if dimension == "referrer":
        counts = Counter(map(_host, clicks))
    else:
        counts = Counter(label(dimension, event.value(dimension)) for event in clicks)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit]
    return [{"name": name, "count": count} for name, count in ranked]


def global_stats(site: Site, request: Request) -> dict[str, Any]:
    period = site.period(request) if _has_period(request) else _all_days(site)
    clicks, all_clicks = _clicks(site, request, period), _clicks(site, request, None)
    counts = Counter(code for event in clicks if (code := event.value("subject")))
    since = site.today - (TREND_DAYS - 1) * DAY
    now, before = (
        Counter(code for event in all_clicks if event.ts in span and (code := event.value("subject")))
        for span in (of_days(since, site.today + DAY, site.zone), of_days(since - TREND_DAYS * DAY, since, site.zone))
    )
    growth = {code: change for code, count in now.items() if (change := count - before[code]) > 0}
    trending = sorted(growth, key=lambda code: (-growth[code], code))[: request.limit]
    recent = _recent(site, all_clicks)
    return {
        "total_clicks": len(clicks), "unique_visitors": len(users(clicks)), "meta": site.meta(period),
        **{name: recent[name] for name in ("clicks_today", "clicks_this_week")},
        "top_urls": [
            {"short_code": code, "clicks": count}
            for code, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[: request.limit]
        ],
        "trending": [
            {"short_code": code, "clicks": now[code], "previous": before[code], "change": growth[code]}
            for code in trending
        ],
    }  # fmt: skip
