"""The routes of the reports: guard, read the query, call, answer. Nothing here writes."""

from datetime import UTC, datetime
from typing import Any, cast

from flask import Blueprint, Response, current_app, jsonify, request

from analytics import clock
from analytics.auth.guard import GuardedView, Principal, choose_site, current_principal, guarded, require
from analytics.errors import BadInput, Problem
from analytics.extensions import buffer_redis, db, settings
from analytics.period import EXAMPLES, Period, of_day, read_period, read_zone
from analytics.reports import active, events
from analytics.reports.schemas import EventsQuery, PeriodQuery, read_query
from analytics.sites import Site, find_site
from analytics.store.backlog import complete_through
from analytics.store.reading import reading, stored_partitions

blueprint = Blueprint("reports", __name__)


@blueprint.get("/api/analytics/reports/dau")
@guarded("read")
def dau() -> Response:
    principal = require("read")
    query = read_query(PeriodQuery(), request.args)
    site, now = _site(principal, query), clock.now()
    period = _one_day(query, site, now)
    complete = _complete_through(now)
    with reading(db.engine, settings().statement_timeout) as connection:
        count = active.count_active(connection, site.id, period, query.get("include_bots", False))
    bounds = {"from": _utc(period.start), "to": _utc(period.end)}
    meta: dict[str, Any] = {"site": site.key, "zone": period.zone.key, **bounds, "source": "raw"}
    meta |= {"complete_through": complete, "computed_at": _utc(now)}
    return jsonify({"dau": count, "date": str(period.first_date), "period": "24h", **bounds, "meta": meta})


@blueprint.get("/api/analytics/reports/events")
def export_events() -> Response:
    principal = _reader_or_exporter()
    query = read_query(EventsQuery(), request.args)
    site, now = _site(principal, query), clock.now()
    zone = read_zone(query, site.zone)
    with reading(db.engine, settings().statement_timeout) as connection:
        stored = stored_partitions(connection, "events")
    period = read_period(query, zone, now, events.everything(stored, of_day(clock.day_of(now, zone), zone)))
    bots = query.get("include_bots", True)
    wanted = events.Wanted(site.id, period, query.get("type"), query.get("user_id"), bots)
    # The framework never closes the body of a HEAD, so none is opened.
    body: Any = events.stream_csv(db.engine, wanted, stored) if request.method == "GET" else b""
    response = Response(body, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{events.file_name(site.key, period)}"'
    return response


# The lesser of the two scopes that open it, for whoever asks a view what guards it.
cast(GuardedView[[], Response], export_events).guarded_scope = "read"


def _reader_or_exporter() -> Principal:
    return require("export" if current_principal().may("export") else "read")


def _site(principal: Principal, query: dict[str, Any]) -> Site:
    return find_site(db.engine, choose_site(principal, query.get("site")))


def _one_day(query: dict[str, Any], site: Site, now: datetime) -> Period:
    zone = read_zone(query, site.zone)
    period = read_period(query, zone, now, of_day(clock.day_of(now, zone), zone))
    if "date" not in query and period != of_day(period.first_date, zone):
        name = next(name for name in ("days", "hours", "to", "from") if name in query)
        detail = f"{name}: daily active users are those of one calendar day; for example {EXAMPLES['date']}"
        raise BadInput(detail, [Problem(None, name, "bad_parameter", detail)])
    return period


def _complete_through(now: datetime) -> str | None:
    """None when Redis cannot tell; the report itself needs the database alone."""
    from redis.exceptions import RedisError

    try:
        return _utc(complete_through(buffer_redis(), now))
    except RedisError:
        current_app.logger.warning("complete_through is unknown")
        return None


def _utc(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
