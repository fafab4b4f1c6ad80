"""The reports on this very moment: guard, read the question, call, answer."""

from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, jsonify

from analytics import clock
from analytics.documented import documented
from analytics.extensions import settings
from analytics.period import Period
from analytics.reports import realtime
from analytics.reports.question import Question, read_question, readable, utc
from analytics.reports.realtime import Line, Now
from analytics.reports.realtime_schemas import (
    REALTIME_EXAMPLE,
    WEBSITE_NOW_EXAMPLE,
    RealtimeAnswer,
    RealtimeQuery,
    WebsiteNowAnswer,
)
from analytics.reports.website_lists import NONE, UNKNOWN

blueprint = Blueprint("realtime", __name__)
# What the two reports call the same things.
CANONICAL = {"site": "site", "hour": "page_views_last_60m", "pages": "top_pages"}
SEED = {"site": "website_id", "hour": "page_views_last_1h", "pages": "top_pages_realtime"}


@blueprint.get("/api/analytics/reports/realtime")
@documented("What goes on right now", query=RealtimeQuery, answer=RealtimeAnswer, example=REALTIME_EXAMPLE)
@readable
def now() -> Response:
    """Never cached. Programs are left out, unless asked for."""
    return _answer(CANONICAL)


@blueprint.get("/api/v1/analytics/realtime/<website_id>")
@documented("What goes on right now", query=RealtimeQuery, answer=WebsiteNowAnswer, example=WEBSITE_NOW_EXAMPLE)
@readable
def website_now(website_id: str) -> Response:
    """Never cached. Programs are left out, unless asked for."""
    return _answer(SEED)


def _answer(names: dict[str, str]) -> Response:
    question = read_question(RealtimeQuery())
    site_id, bots = question.site.id, question.query.get("include_bots", False)
    limit = int(question.query.get("limit") or settings().top_results_limit)
    with question.rows() as (connection, _):
        found = realtime.read_now(connection, site_id, question.now, limit, bots)
        minutes = realtime.read_minutes(connection, site_id, question.now, bots)
    series = None if minutes is None else minutes[-realtime.SERIES_MINUTES :]
    return jsonify(
        {
            names["site"]: question.site.key,
            "active_users": found.active,
            "current_visitors": found.visitors,
            "page_views_last_5m": found.views,
            "page_views_last_30m": realtime.views_of(minutes, 30),
            names["hour"]: realtime.views_of(minutes, 60),
            "series": series and [{**minute._asdict(), "start": utc(minute.start)} for minute in series],
            names["pages"]: _shown(found, "path", "page"),
            "top_referrers": _shown(found, "referrer", "referrer"),
            "top_countries": _shown(found, "country", "country"),
            "meta": question.meta(_hour(question), "raw"),
        }
    )


def _shown(found: Now, dimension: str, name: str) -> list[dict[str, Any]]:
    def line(one: Line) -> dict[str, Any]:
        return {name: one.value or NONE.get(dimension, UNKNOWN), "views": one.views, "unique": one.unique}

    return [line(one) for one in found.lists[dimension]]


def _hour(question: Question) -> Period:
    start = question.now - timedelta(minutes=realtime.HOUR_MINUTES)
    return Period(start, question.now, clock.zone(question.site.zone))
