"""The reports on this very moment: guard, read the question, call, answer."""

from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request

from analytics import clock
from analytics.auth.guard import guarded
from analytics.documented import documented
from analytics.extensions import db, settings
from analytics.period import Period
from analytics.reports import realtime
from analytics.reports.live_streams import Asked, Tail
from analytics.reports.question import Question, read_question, readable, utc
from analytics.reports.realtime import Line, Now
from analytics.reports.realtime_schemas import (
    REALTIME_EXAMPLE,
    WEBSITE_NOW_EXAMPLE,
    LiveQuery,
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


@blueprint.get("/api/analytics/reports/live")
@documented(
    "Events as they are stored",
    query=LiveQuery,
    headers={"Last-Event-ID": "Id of the last event that was seen: the stream goes on behind it."},
    answer={"type": "string"},
    media_type="text/event-stream",
)
@guarded("read")
def live() -> Response:
    """Server-Sent Events, without end. Each event that is stored comes once, within seconds, as `event: event` with an
    `id:` that Last-Event-ID takes: within an hour a stream resumes without loss or repeat; later an `event: gap` says
    what is missing. Events of one batch come in the order of their ids. Left out is history: what happened more than a
    day before it was received. A comment comes every 15 seconds when nothing else does. A stream ends after an hour at
    the latest; clients resume."""
    question = read_question(LiveQuery())
    types, bots = question.query.get("type"), question.query.get("include_bots", False)
    asked = Asked(question.site.id, frozenset(types) if types else None, bots)
    # The framework never closes the body of a HEAD, so none is opened.
    resumed = request.headers.get("Last-Event-ID")
    body: Any = _tail().join(asked, resumed) if request.method == "GET" else b""
    # The web process looks at the body itself for when it is ready (ops/connection.py).
    response = Response(body, content_type="text/event-stream", direct_passthrough=request.method == "GET")
    response.headers.update({"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"})
    return response


def _tail() -> Tail:
    """The process's own. It has no thread before somebody joins."""
    found: Tail = current_app.extensions.setdefault("live_tail", Tail(db.engine))
    return found


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
