"""All short links of a site together: clicks, people, the most clicked links and those whose clicks grow most."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from heapq import nlargest, nsmallest
from typing import Any

import msgspec
from pyroaring import BitMap64

from analytics.reports.days import MOST_DAYS, names_period, read_days, read_today
from analytics.reports.link import CLICK, RECENT, recent
from analytics.reports.past import read_past
from analytics.reports.question import Question
from analytics.rollups import sums, users
from analytics.rollups.guard import OTHER
from analytics.rollups.reading import Snapshot

TREND_DAYS = 7
# Of all codes there ever were, those whose clicks are kept; others are looked up when today brings them near the top.
MOST_KEPT = 10_000


class Links(msgspec.Struct):
    """Clicks of all links; `codes`: short code → clicks, of MOST_KEPT at most."""

    clicks: int = 0
    users: bytes = b""
    codes: dict[str, int] = {}

    @property
    def people(self) -> BitMap64:
        return users.unpack(self.users) if self.users else BitMap64()


class Trend(msgspec.Struct):
    """Short code → clicks of the last TREND_DAYS days, and of as many before them."""

    clicks: dict[str, int] = {}
    previous: dict[str, int] = {}


class Kept(msgspec.Struct):
    """What is over of both."""

    links: Links
    trend: Trend


def read_links(found: Snapshot, first: date, after: date, bots: bool = False, most: int = sums.EVERY) -> Links:
    """The `most` clicked links of the days `[first, after)`. Two queries, O(codes of each span that covers them)."""
    total = found.total(first, after, types=(CLICK,), bots=bots)
    codes = sums.by_subject(found, CLICK, first, after, limit=most, bots=bots)
    return Links(total.events, users.pack(total.users), codes)


def read_trend(found: Snapshot, today: date, after: date, bots: bool = False) -> Trend:
    """The days of the trend that lie before `after`, which is today or tomorrow."""
    since = today - timedelta(days=TREND_DAYS - 1)
    return Trend(
        sums.by_subject(found, CLICK, since, after, bots=bots),
        sums.by_subject(found, CLICK, since - timedelta(days=TREND_DAYS), since, bots=bots),
    )


def report(found: Snapshot, question: Question, limit: int) -> dict[str, Any]:
    """The whole answer: of the days asked for, else of all time. What is before today may then be a few minutes old."""
    bots = question.query.get("include_bots", False)
    today = read_today(question, found.zone)
    now = recent(found, today, "", bots)
    if names_period(question):
        days = read_days(question, found.zone, most=MOST_DAYS)
        # One more, for '(other)' may be among them.
        links = read_links(found, days.first, days.after, bots, limit + 1)
        trend = read_trend(found, today.first, today.after, bots)
        return describe(links, trend, now, limit) | {"meta": question.meta(days.period, "rollup")}
    first = min(found.first_day() or today.first, today.first)

    def read_kept() -> Kept:
        links = read_links(found, first, today.first, bots, MOST_KEPT)
        return Kept(links, read_trend(found, today.first, today.first, bots))

    def look_up(code: str) -> int:
        return sums.by_day(found, "total", first, today.first, types=(CLICK,), subject=code, bots=bots).total()

    past = read_past(question, "global", found.zone, today.first, Kept, read_kept)
    before, fresh = past.found.links, read_links(found, today.first, today.after, bots)
    codes = most_clicked(before.codes, fresh.codes, limit, look_up)
    links = Links(before.clicks + fresh.clicks, users.pack(before.people | fresh.people), codes)
    trend = past.found.trend
    _add(trend.clicks, fresh.codes)
    return describe(links, trend, now, limit) | {"meta": past.meta(question, today._replace(first=first).period)}


def nothing(question: Question, limit: int) -> dict[str, Any]:
    """The answer before the first click of a site, which it may not even have."""
    today = read_today(question, question.site.zone)
    answer = describe(Links(), Trend(), dict.fromkeys(RECENT, 0), limit)
    return answer | {"meta": question.meta(today.period, "rollup")}


def most_clicked(
    before: Mapping[str, int], today: Mapping[str, int], limit: int, look_up: Callable[[str], int]
) -> dict[str, int]:
    """Short code → clicks, among them the `limit` most clicked, exactly.

    `before`: the most clicked, MOST_KEPT at most. A code that is not in it had no more clicks than the last of it, so
    it is looked up only if with so many it would come that far.
    """
    counts = dict(before)
    _add(counts, today)
    if len(before) < MOST_KEPT:
        return counts
    most_unseen = min(before.values())
    bar = nlargest(limit, counts.values())[-1]
    for code, clicks in today.items():
        if code not in before and clicks + most_unseen >= bar:
            counts[code] += look_up(code)
    return counts


def _add(into: dict[str, int], more: Mapping[str, int]) -> None:
    """Eight times as fast as the sum of two Counters."""
    for code, clicks in more.items():
        into[code] = into.get(code, 0) + clicks


def describe(links: Links, trend: Trend, now: Mapping[str, int], limit: int) -> dict[str, Any]:
    """The answer: the fields of seed 000, and the trend.

    trending: the links with the largest growth, which is the clicks of the last 7 days (today is one of them) less the
    clicks of the 7 days before; only links that grew. '(other)' is no link, and in neither list.
    """
    changes = {
        code: change for code, clicks in trend.clicks.items() if (change := clicks - trend.previous.get(code, 0)) > 0
    }
    return {
        "total_clicks": links.clicks,
        "unique_visitors": len(links.people),
        "clicks_today": now["clicks_today"],
        "clicks_this_week": now["clicks_this_week"],
        "top_urls": [{"short_code": code, "clicks": clicks} for code, clicks in _top(links.codes, limit)],
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
    return nsmallest(limit, links, key=lambda one: (-one[1], one[0]))
