"""One short link: its clicks, who clicked, from where, with what and when. Exact, from the rollups of its short code.

A unique click is a person, counted once over all days asked for. Clicks of programs are left out unless asked for.
"""

import re
from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import msgspec
from pyroaring import BitMap64

from analytics import clock
from analytics.reports.days import MOST_DAYS, Days, around, names_period, read_days, read_today
from analytics.reports.past import read_past
from analytics.reports.places import PLACES, place_name
from analytics.reports.question import Question
from analytics.rollups import sums, users
from analytics.rollups.reading import Snapshot

CLICK, IMPRESSION = "click", "impression"
ONE_HOUR = timedelta(hours=1)
TIMELINE_DAYS = 30
# The lists of the answer, and the dimension of each.
LISTS = {
    "top_countries": "country",
    "top_regions": "region",
    "top_cities": "city",
    "top_referers": "referrer",
    "top_browsers": "browser",
    "top_devices": "device",
    "top_os": "os",
}
RECENT = ("clicks_today", "clicks_this_week", "clicks_this_month")
DIRECT, UNKNOWN = "Direct", "Unknown"
# A referrer as ingest stores it: without user and query. One without a scheme is a page of the site itself.
HOST = re.compile(r"[a-z][a-z0-9+.-]*://(?:www\.)?(\[[^\]]*\]|[^/:]+)")


class Clicks(msgspec.Struct):
    """Clicks of one short code: by day, by hour of the day (0 to 23), by what LISTS name; `users`: a packed bitmap."""

    days: dict[date, int] = {}
    hours: dict[int, int] = {}
    users: bytes = b""
    impressions: int = 0
    lists: dict[str, dict[str, int]] = {}

    def __bool__(self) -> bool:
        return bool(self.days)

    @property
    def people(self) -> BitMap64:
        return users.unpack(self.users) if self.users else BitMap64()


def _shown(dimension: str, value: str) -> str:
    if dimension == "referrer":
        return name_host(value)
    return (place_name(value) if dimension in PLACES else value) or UNKNOWN


def read_clicks(found: Snapshot, code: str, first: date, after: date, bots: bool = False) -> Clicks:
    """The clicks of the days `[first, after)`. Six queries; one bitmap is read of each span that covers the days."""
    asked: dict[str, Any] = {"types": (CLICK,), "subject": code, "bots": bots}
    seen = sums.by_value(found, ["total"], first, after, **{**asked, "types": (IMPRESSION,)})["total"]
    values = sums.by_value(found, list(LISTS.values()), first, after, **asked)
    return Clicks(
        days={day: clicks for (day, _), clicks in sums.by_day(found, "total", first, after, **asked).items()},
        hours=_by_hour_of_day(found, first, after, asked),
        users=users.pack(found.total(first, after, **asked).users),
        impressions=sum(seen.values()),
        lists={name: _named(dimension, values[dimension]) for name, dimension in LISTS.items()},
    )


def _by_hour_of_day(found: Snapshot, first: date, after: date, asked: Mapping[str, Any]) -> dict[int, int]:
    """By what the site's clocks showed; rollups count the hours since the day began."""
    zone, hours = clock.zone(found.zone), Counter[int]()
    for (day, hour), clicks in sums.by_day(found, "hour", first, after, **asked).items():
        hours[(clock.day_start(day, zone) + int(hour) * ONE_HOUR).astimezone(zone).hour] += clicks
    return dict(hours)


def _named(dimension: str, values: Mapping[str, int]) -> dict[str, int]:
    counts = Counter[str]()
    for value, clicks in values.items():
        counts[_shown(dimension, value)] += clicks
    return dict(counts)


def name_host(referrer: str) -> str:
    """The host of a referrer without "www."; "Direct" for none, or a page of the site itself."""
    host = HOST.match(referrer)
    return host[1] if host else referrer if referrer == "(other)" else DIRECT


def add(one: Clicks, more: Clicks) -> Clicks:
    """Both together, people who are in both once."""
    return Clicks(
        days=dict(Counter(one.days) + Counter(more.days)),
        hours=dict(Counter(one.hours) + Counter(more.hours)),
        users=users.pack(one.people | more.people),
        impressions=one.impressions + more.impressions,
        lists={name: dict(Counter(one.lists.get(name)) + Counter(more.lists.get(name))) for name in LISTS},
    )


def report(found: Snapshot, question: Question, code: str, limit: int) -> dict[str, Any]:
    """The whole answer: of the days asked for, else of all time. What is before today may then be a few minutes old."""
    today, bots = read_today(question, found.zone), question.query.get("include_bots", False)
    now = recent(found, today, code, bots)
    if names_period(question):
        days = read_days(question, found.zone, most=MOST_DAYS)
        clicks = read_clicks(found, code, days.first, days.after, bots)
        return describe(clicks, code, now, days, limit) | {"meta": question.meta(days.period, "rollup")}
    first = min(found.first_day() or today.first, today.first)
    past = read_past(
        question, f"stats:{code}", found.zone, today.first, Clicks,
        lambda: read_clicks(found, code, first, today.first, bots),
    )  # fmt: skip
    clicks = add(past.found, read_clicks(found, code, today.first, today.after, bots))
    ever = today._replace(first=min(clicks.days, default=today.first))
    answer = describe(clicks, code, now, _last_days(ever), limit)
    return answer | {"meta": past.meta(question, ever.period)}


def nothing(question: Question, code: str, limit: int) -> dict[str, Any]:
    """The answer before the first click of a site, which it may not even have."""
    today = read_today(question, question.site.zone)
    answer = describe(Clicks(), code, dict.fromkeys(RECENT, 0), today, limit)
    return answer | {"meta": question.meta(today.period, "rollup")}


def _last_days(days: Days) -> Days:
    return days._replace(first=max(days.first, days.after - timedelta(days=TIMELINE_DAYS)))


def recent(found: Snapshot, today: Days, code: str, bots: bool = False) -> dict[str, int]:
    """Clicks of today, of the ISO week and of the calendar month around it (spec C24). One query."""
    week, month = around(today, "week"), around(today, "month")
    asked = {"types": (CLICK,), "subject": code, "bots": bots}
    days = sums.by_day(found, "total", min(week.first, month.first), today.after, **asked)
    spans = dict(zip(RECENT, (today, week, month), strict=True))
    return {
        name: sum(clicks for (day, _), clicks in days.items() if span.first <= day < span.after)
        for name, span in spans.items()
    }


def describe(clicks: Clicks, code: str, now: Mapping[str, int], timeline: Days, limit: int) -> dict[str, Any]:
    """The answer: the fields of seed 000, and what it asks for without naming fields.

    click_through_rate: clicks / impressions, both of the days asked for; null when no event of the type `impression`
    was sent with this short code.
    """
    total = sum(clicks.days.values())
    direct = clicks.lists.get("top_referers", {}).get(DIRECT, 0)
    return {
        "short_code": code,
        "total_clicks": total,
        "unique_clicks": len(clicks.people),
        **now,
        **{name: _top(clicks.lists.get(name, {}), limit) for name in LISTS},
        "click_timeline": [{"date": str(day), "clicks": clicks.days.get(day, 0)} for day in timeline.dates],
        "peak_hours": [{"hour": hour, "clicks": clicks.hours.get(hour, 0)} for hour in range(24)],
        "direct_vs_referred": {"direct": direct, "referred": total - direct},
        "impressions": clicks.impressions,
        "click_through_rate": round(total / clicks.impressions, 4) if clicks.impressions else None,
    }


def _top(values: Mapping[str, int], limit: int) -> list[dict[str, Any]]:
    ranked = sorted(values.items(), key=lambda one: (-one[1], one[0]))
    return [{"name": name, "count": clicks} for name, clicks in ranked[:limit]]
