"""The routes of seed 002's report on a site (`/stats`) and of seed 004's reports on a website.

Each guards, reads the request, calls a module of this folder and responds. No figure is computed here.
"""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, jsonify

from analytics.apidocs.operations import DocumentedView, documented
from analytics.period import Period, read_zone
from analytics.reports.comparison import PREVIOUS, keep_to_rollups, read_comparison
from analytics.reports.day_range import MAX_DAYS, read_period_of_rollups
from analytics.reports.realtime.realtime import ACTIVE_MINUTES, count_active_users
from analytics.reports.request import ReportRequest, guarded_read, read_request
from analytics.reports.responses.cache import get_or_compute
from analytics.reports.schemas import TopListQuery
from analytics.reports.websites import custom_events, examples, schemas, site_stats, website
from analytics.reports.websites.dashboard import build_dashboard, drop_cities
from analytics.reports.websites.hourly_stats import build_hourly_stats, read_hours
from analytics.reports.websites.top_lists import SHARED_TOP_LISTS, TOP_LISTS
from analytics.reports.websites.website import ReportOptions
from analytics.rollups.snapshot.clipped import clip
from analytics.rollups.snapshot.snapshot import Snapshot

blueprint = Blueprint("websites", __name__)
URL_PREFIX = "/api/v1/analytics"
DEFAULT_DAYS = 7
ComputeResponse = Callable[[Snapshot, ReportOptions], dict[str, Any]]


@blueprint.get("/stats")
@documented("A site's page views", TopListQuery, (schemas.SiteStatsResponse, examples.SITE_STATS_EXAMPLE))
@guarded_read
def get_site_stats() -> Response:
    """All time, or the requested period."""
    request = read_request(TopListQuery())
    with request.open_snapshot() as snapshot:
        return jsonify(site_stats.build_report(snapshot, request, request.limit))


@blueprint.get(f"{URL_PREFIX}/dashboard/<website_id>")
@documented("A website at a glance", schemas.ComparedQuery, (schemas.DashboardResponse, examples.DASHBOARD_EXAMPLE))
@guarded_read
def get_dashboard(website_id: str) -> Response:
    request = read_request(schemas.ComparedQuery())
    report = _compute_report(request, "dashboard", build_dashboard, PREVIOUS)
    with request.open_connection() as (connection, _):
        live = count_active_users(connection, request.site.id, request.now, ACTIVE_MINUTES)
    # After the cache, which holds the whole report for every caller.
    return jsonify((drop_cities(report) if request.is_shared else report) | {"live_visitors": live})


TOP_LIST_SUMMARIES = {
    "pages": "Pages by views",
    "referrers": "Referring pages by views",
    "countries": "Countries by views",
    "browsers": "Browsers by views",
    "devices": "Kinds of devices by views",
    "os": "Operating systems by views",
}


def _top_list_view(name: str) -> DocumentedView[[str], Response]:
    """The view of the top list `name`; the six differ in their rows and their description."""
    response = (schemas.TOP_LIST_RESPONSES[name], examples.TOP_LIST_EXAMPLES[name])

    @documented(TOP_LIST_SUMMARIES[name], TopListQuery, response)
    @guarded_read
    def get_top_list(website_id: str) -> Response:
        request, field = read_request(TopListQuery()), f"top_{name}"
        cached_name, list_rows = field, TOP_LISTS[name]
        if request.is_shared and name in SHARED_TOP_LISTS:
            cached_name, list_rows = f"shared_{field}", SHARED_TOP_LISTS[name]
        return jsonify(_compute_report(request, cached_name, lambda *read: {field: list_rows(*read)}))

    return get_top_list


for list_name in TOP_LIST_SUMMARIES:
    blueprint.add_url_rule(
        f"{URL_PREFIX}/top-{list_name}/<website_id>", f"get_top_{list_name}", _top_list_view(list_name)
    )


@blueprint.get(f"{URL_PREFIX}/traffic-summary/<website_id>")
@documented(
    "A website's traffic, and its growth",
    schemas.ComparedQuery,
    (schemas.TrafficSummaryResponse, examples.TRAFFIC_SUMMARY_EXAMPLE),
)
@guarded_read
def get_traffic_summary(website_id: str) -> Response:
    request = read_request(schemas.ComparedQuery())
    return jsonify(_compute_report(request, "traffic", website.summarise_traffic, PREVIOUS))


@blueprint.get(f"{URL_PREFIX}/daily-stats/<website_id>")
@documented("Views by day", TopListQuery, (schemas.DailyStatsResponse, examples.DAILY_STATS_EXAMPLE))
@guarded_read
def get_daily_stats(website_id: str) -> Response:
    return jsonify(_compute_report(read_request(TopListQuery()), "daily", website.build_daily_stats))


@blueprint.get(f"{URL_PREFIX}/hourly-stats/<website_id>")
@documented("Views by hour", TopListQuery, (schemas.HourlyStatsResponse, examples.HOURLY_STATS_EXAMPLE))
@guarded_read
def get_hourly_stats(website_id: str) -> Response:
    """The last 24 hours, with the current one; or the last ?hours; or those of the requested days."""
    request = read_request(TopListQuery())
    with request.open_snapshot() as snapshot:
        zone, hours = read_zone(request.query, snapshot.zone), read_hours(request, snapshot.zone)
        rows = build_hourly_stats(snapshot, hours, zone, request.include_bots)
    start, end = (hours[0].start, hours[-1].end) if hours else (request.now, request.now)
    fields = {"website_id": request.site.key, "date_range": f"{len(hours)} hours", "timezone": zone.key}
    return jsonify(fields | {"hourly_stats": rows, "meta": request.meta(Period(start, end, zone), "rollup")})


@blueprint.get(f"{URL_PREFIX}/custom-events/<website_id>")
@documented(
    "Events that are not page views, and campaigns",
    schemas.CustomEventsQuery,
    (schemas.CustomEventsResponse, examples.CUSTOM_EVENTS_EXAMPLE),
)
@guarded_read
def get_custom_events(website_id: str) -> Response:
    """Payloads need the scope `read`: a share link or public site does not show them."""
    request = read_request(schemas.CustomEventsQuery())
    event = request.query.get("event")
    report = _compute_report(
        request, "custom", lambda snapshot, options: custom_events.build_response(snapshot, options, event)
    )
    return jsonify(report | _read_payloads(request, report["top_events"]) if not request.is_shared else report)


def _read_payloads(request: ReportRequest, top_events: list[dict[str, Any]]) -> dict[str, Any]:
    with request.open_snapshot() as snapshot:
        options = _read_options(request, snapshot)
        hours = custom_events.find_last_hours(_clip(snapshot, options), options, top_events)
    with request.open_connection() as (connection, calendar):
        return custom_events.read_payloads(connection, request, options, top_events, hours, calendar)


def _compute_report(
    request: ReportRequest, report_name: str, compute: ComputeResponse, compared_with: str | None = None
) -> dict[str, Any]:
    """`compute` for the requested period, by default the 7 days through today, with the fields of
    schemas.WebsiteResponse. `compared_with`: the default of `compare`, of a report that compares."""
    with request.open_snapshot() as snapshot:
        options = _read_options(request, snapshot, compared_with)
        period, comparison = options.period, options.comparison
        covered = comparison.covered(period) if comparison else period
        compared = {"compare": comparison.as_json()} if comparison else {}

        def build() -> dict[str, Any]:
            fields = {"website_id": request.site.key, "date_range": f"{options.days.length} days"}
            meta = request.meta(period, "rollup", **compared)
            return fields | compute(_clip(snapshot, options), options) | {"meta": meta}

        return get_or_compute(request, f"website:{report_name}", covered, build, snapshot.connection)


def _read_options(request: ReportRequest, snapshot: Snapshot, compared_with: str | None = None) -> ReportOptions:
    period = read_period_of_rollups(request, snapshot.zone, DEFAULT_DAYS, MAX_DAYS)
    comparison = read_comparison(request, period, MAX_DAYS, compared_with)
    comparison = keep_to_rollups(snapshot, comparison) if comparison else None
    return ReportOptions(period, request.limit, request.include_bots, comparison)


def _clip(snapshot: Snapshot, options: ReportOptions) -> Snapshot:
    return clip(snapshot, options.period.start, options.period.end)
