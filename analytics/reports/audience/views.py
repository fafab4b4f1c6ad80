"""The routes of the reports on active users, retention and daily metrics.

Nothing here writes. active.py, retention.py and daily_metrics.py count; the views read the request and shape the JSON.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from flask import Blueprint, Response, jsonify

from analytics.apidocs.operations import documented
from analytics.period import Period, read_zone
from analytics.reports.audience import active, daily_metrics, examples, retention, schemas
from analytics.reports.audience.active import AudienceFilter
from analytics.reports.audience.counted_users import open_counted
from analytics.reports.day_range import MAX_DAYS, DayRange, read_days, read_last_day, read_period_of_rollups
from analytics.reports.request import ReportRequest, guarded_read, period_bounds, read_request
from analytics.reports.responses.cache import get_or_compute
from analytics.reports.responses.formats import OTHER_MEDIA, RETENTION, respond
from analytics.reports.schemas import EventTypesQuery

blueprint = Blueprint("audience", __name__)


@blueprint.get("/api/analytics/reports/dau")
@documented("Active users of a day", EventTypesQuery, (schemas.DauResponse, examples.DAU_EXAMPLE))
@guarded_read
def get_dau() -> Response:
    """Distinct users of the day, or of any other period: `dau?days=7` counts a user of several of the days once."""
    request = read_request(EventTypesQuery())
    with request.open_snapshot() as snapshot:
        if read_zone(request.query, snapshot.zone).key == snapshot.zone:
            period = read_period_of_rollups(request, snapshot.zone, 1)
            counts = active.count_active(snapshot, period, _audience(request))
            return jsonify(_dau(request, period, counts.users, counts.new, "rollup"))
    return jsonify(_raw_dau(request))


@blueprint.get("/api/analytics/reports/wau")
@documented("Active users of a week", schemas.WindowQuery, (schemas.WauResponse, examples.WAU_EXAMPLE))
@guarded_read
def get_wau() -> Response:
    return _window("wau", "week")


@blueprint.get("/api/analytics/reports/mau")
@documented("Active users of a month", schemas.WindowQuery, (schemas.MauResponse, examples.MAU_EXAMPLE))
@guarded_read
def get_mau() -> Response:
    return _window("mau", "month")


@blueprint.get("/api/analytics/reports/stickiness")
@documented(
    "Stickiness by day: daily users as a part of the month's",
    EventTypesQuery,
    (schemas.StickinessResponse, examples.STICKINESS_EXAMPLE),
)
@guarded_read
def get_stickiness() -> Response:
    request = read_request(EventTypesQuery())
    with request.open_snapshot() as snapshot:
        days = read_days(request, snapshot.zone, max_days=MAX_DAYS)
        points = active.daily_series(snapshot, days, _audience(request))
    series = [{**point._asdict(), "date": str(point.date), "stickiness": point.stickiness} for point in points]
    return jsonify({"series": series, "meta": request.meta(days.period, "rollup")})


@blueprint.get("/api/analytics/reports/retention")
@documented(
    "Retention by cohort",
    schemas.RetentionQuery,
    (schemas.RetentionResponse, examples.RETENTION_EXAMPLE),
    other_media=OTHER_MEDIA,
)
@guarded_read
def get_retention() -> Response:
    """As a file, a row for each cohort and unit."""
    return respond(read_request(schemas.RetentionQuery()), RETENTION, _retention)


@blueprint.get("/api/analytics/reports/metrics")
@documented("Metrics of closed days", schemas.MetricsQuery, (schemas.MetricsResponse, examples.METRICS_EXAMPLE))
@guarded_read
def get_daily_metrics() -> Response:
    request = read_request(schemas.MetricsQuery())
    names = request.query.get("name") or schemas.METRIC_NAMES
    with request.open_connection() as (connection, calendar):
        days = read_days(request, calendar.rollups_zone or calendar.zone)
        rows = daily_metrics.read_metrics(connection, request.site.id, days.first, days.after, names)
        closed = daily_metrics.closed_through(connection, request.site.id)
    meta = request.meta(days.period, "metrics", closed_through=closed and str(closed))
    return jsonify({"metrics": [row.as_json() for row in rows], "meta": meta})


def _audience(request: ReportRequest) -> AudienceFilter:
    return AudienceFilter(request.query.get("type") or None, request.include_bots)


def _retention(request: ReportRequest) -> dict[str, Any]:
    unit, audience = request.query["unit"], _audience(request)
    with request.open_snapshot() as snapshot:
        days = read_days(request, snapshot.zone)
        edges = retention.cohort_edges(days, unit)
        days = days._replace(first=edges[0], after=edges[-1])
        if "filter" not in request.query:
            return _grid(request, days, edges, retention.build_cohorts(snapshot, edges, audience), "rollup")
    return get_or_compute(request, "retention", days.period, lambda: _filtered_retention(request, days, edges))


def _filtered_retention(request: ReportRequest, days: DayRange, edges: Sequence[date]) -> dict[str, Any]:
    units, audience = [days._replace(first=first, after=after) for first, after in pairwise(edges)], _audience(request)
    with open_counted(request, units, audience) as (snapshot, counted):
        cohorts = retention.build_cohorts(snapshot, edges, audience, counted)
    return _grid(request, days, edges, cohorts, "raw")


def _grid(
    request: ReportRequest, days: DayRange, edges: Sequence[date], cohorts: Sequence[retention.Cohort], source: str
) -> dict[str, Any]:
    over = retention.count_over(edges, days.zone, request.now)
    rows = [cohort.as_json() for cohort in cohorts]
    averages = {"average_rates": retention.average_rates(cohorts, over), "units_over": over}
    return {"unit": request.query["unit"], "cohorts": rows, **averages, "meta": request.meta(days.period, source)}


def _window(name: str, unit: str) -> Response:
    request = read_request(schemas.WindowQuery())
    kind = request.query.get("window", "trailing")
    with request.open_snapshot() as snapshot:
        day = read_last_day(request, snapshot.zone)
        days, window = active.resolve_window(day, unit, kind)
        counts = active.count_active(snapshot, days.period, _audience(request))
    users = {name: counts.users, "new": counts.new, "returning": counts.returning}
    time = {"date": str(day.first), "period": window, **period_bounds(days.period), "window": kind}
    return jsonify({**users, **time, "meta": request.meta(days.period, "rollup")})


def _raw_dau(request: ReportRequest) -> dict[str, Any]:
    """A period in another zone. `new` and `returning` are null: the raw events that would tell may be purged."""
    period = read_period_of_rollups(request, read_zone(request.query, request.site.zone).key, 1)
    with request.open_connection() as (connection, calendar):
        dau = active.count_active_raw(connection, request.site.id, period, calendar.raw_since, _audience(request))
    return _dau(request, period, dau, None, "raw")


def _dau(request: ReportRequest, period: Period, users: int, new: int | None, source: str) -> dict[str, Any]:
    """`date`: the requested one, else the last day of the period; `new` None: not known."""
    figures = {"dau": users, "new": new, "returning": None if new is None else users - new}
    day = request.query.get("date", str(period.last_date))
    time = {"date": day, "period": _length(period), **period_bounds(period)}
    return {**figures, **time, "meta": request.meta(period, source)}


def _length(period: Period) -> str:
    """24h for a calendar day, of 23 or 25 hours too; 7d for seven of them; 6h for six hours, begun ones included."""
    days = DayRange.from_period(period)
    if days is None:
        return f"{-((period.start - period.end) // timedelta(hours=1))}h"
    return f"{days.length}d" if days.length > 1 else "24h"
