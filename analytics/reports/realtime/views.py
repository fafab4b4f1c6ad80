"""The routes of the realtime reports and of the live stream: guard, read the request, call, respond."""

from collections.abc import Collection
from datetime import timedelta
from functools import partial
from typing import Any

from flask import Blueprint, Flask, Response, current_app, jsonify, request

from analytics import clock
from analytics.apidocs.operations import documented
from analytics.auth.caller_slots import live_stream_slots
from analytics.auth.guard import authenticator, current_principal, guarded
from analytics.auth.limits import caller_key
from analytics.extensions import db
from analytics.period import Period
from analytics.reports.labels import label_value
from analytics.reports.realtime import realtime
from analytics.reports.realtime.live_tail import LiveStream, LiveTail, Subscription
from analytics.reports.realtime.realtime import RecentTopRow
from analytics.reports.realtime.schemas import (
    REALTIME_EXAMPLE,
    WEBSITE_REALTIME_EXAMPLE,
    LiveQuery,
    RealtimeQuery,
    RealtimeResponse,
    WebsiteRealtimeResponse,
)
from analytics.reports.request import ReportRequest, format_utc, guarded_read, read_request

blueprint = Blueprint("realtime", __name__)
# The fields that the two reports name differently.
REALTIME_FIELD_NAMES = {"site": "site", "hour": "page_views_last_60m", "pages": "top_pages"}
WEBSITE_FIELD_NAMES = {"site": "website_id", "hour": "page_views_last_1h", "pages": "top_pages_realtime"}


@blueprint.get("/api/analytics/reports/realtime")
@documented("Current activity of a site", RealtimeQuery, (RealtimeResponse, REALTIME_EXAMPLE))
@guarded_read
def get_realtime() -> Response:
    """Never cached. Bots count only with include_bots."""
    return _respond(REALTIME_FIELD_NAMES)


@blueprint.get("/api/v1/analytics/realtime/<website_id>")
@documented("Current activity of a website", RealtimeQuery, (WebsiteRealtimeResponse, WEBSITE_REALTIME_EXAMPLE))
@guarded_read
def get_website_realtime(website_id: str) -> Response:
    """Never cached. Bots count only with include_bots."""
    return _respond(WEBSITE_FIELD_NAMES)


@blueprint.get("/api/analytics/reports/live")
@documented(
    "Events as they are stored",
    LiveQuery,
    {"type": "string"},
    headers={"Last-Event-ID": "The id of the last event received: the stream continues after it."},
    media_type="text/event-stream",
    other_responses={429: "The caller has LIVE_STREAMS_A_CALLER streams open in this process."},
)
@guarded("read")
def stream_live_events() -> Response:
    """Server-Sent Events without end. Each stored event comes once, within seconds, as `event: event` with an `id:`
    for Last-Event-ID: within an hour a stream resumes without loss or repetition; later an `event: gap` tells what is
    missing. Events of one batch come in the order of their ids. History is left out: events that happened more than a
    day before they were received. A comment comes after 15 seconds without events. A stream ends after an hour at the
    latest, and when its token or key is revoked or expires; clients resume."""
    report_request = read_request(LiveQuery())
    subscription = _read_subscription(report_request)
    last_event_id = request.headers.get("Last-Event-ID")
    # Flask never closes the body of a HEAD response, so none is opened.
    body: Any = _open_stream(subscription, last_event_id) if request.method == "GET" else b""
    # The web server waits for the body's `when_ready` itself (web/server/asgi.py).
    response = Response(body, content_type="text/event-stream", direct_passthrough=request.method == "GET")
    response.headers.update({"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"})
    return response


def _read_subscription(report_request: ReportRequest) -> Subscription:
    types, principal = report_request.query.get("type"), current_principal()
    return Subscription(
        report_request.site.id,
        frozenset(types) if types else None,
        report_request.include_bots,
        principal.credential_id,
        principal.expires_at,
    )


def _open_stream(subscription: Subscription, last_event_id: str | None) -> LiveStream:
    release = live_stream_slots().take(caller_key(current_principal()))
    try:
        return _live_tail().open_stream(subscription, last_event_id, release)
    except BaseException:
        release()
        raise


def _live_tail() -> LiveTail:
    """The process's own. Its thread starts with the first stream."""
    revoked_ids = partial(_read_revoked_ids, current_app.app_context().app)
    tail: LiveTail = current_app.extensions.setdefault("live_tail", LiveTail(db.engine, revoked_ids))
    return tail


def _read_revoked_ids(app: Flask) -> Collection[str]:
    """For the thread of the tail, which has no context of its own."""
    with app.app_context():
        return authenticator().tokens.revocations.revoked_ids()


def _respond(names: dict[str, str]) -> Response:
    report_request = read_request(RealtimeQuery())
    site_id, now, bots = report_request.site.id, report_request.now, report_request.include_bots
    with report_request.open_connection() as (connection, _):
        recent = realtime.read_recent_activity(
            connection, site_id, now, report_request.limit, bots, by_source=report_request.is_shared
        )
        minutes = realtime.read_minutes(connection, site_id, now, bots)
    series = None if minutes is None else minutes[-realtime.SERIES_MINUTES :]
    return jsonify(
        {
            names["site"]: report_request.site.key,
            "active_users": recent.active_users,
            "current_visitors": recent.visitors,
            "page_views_last_5m": recent.views,
            "page_views_last_30m": realtime.sum_views(minutes, realtime.SERIES_MINUTES),
            names["hour"]: realtime.sum_views(minutes, realtime.HOUR_MINUTES),
            "series": series and [{**minute._asdict(), "start": format_utc(minute.start)} for minute in series],
            names["pages"]: _list_rows(recent.lists["path"], "path", "page"),
            "top_referrers": _list_rows(recent.lists["referrer"], "referrer", "referrer"),
            "top_countries": _list_rows(recent.lists["country"], "country", "country"),
            "meta": report_request.meta(_last_hour(report_request), "raw"),
        }
    )


def _list_rows(rows: list[RecentTopRow], dimension: str, field: str) -> list[dict[str, Any]]:
    return [{field: label_value(dimension, row.value), "views": row.views, "unique": row.unique} for row in rows]


def _last_hour(report_request: ReportRequest) -> Period:
    start = report_request.now - timedelta(minutes=realtime.HOUR_MINUTES)
    return Period(start, report_request.now, clock.zone(report_request.site.zone))
