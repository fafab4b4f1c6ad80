"""Routes of the overviews: of one site, and of all sites that the caller may read. Nothing here writes."""

from flask import Blueprint, Response, jsonify

from analytics.apidocs.operations import documented
from analytics.auth.guard import guarded
from analytics.insights.overview.examples import GOALS_EXAMPLE, OVERVIEW_EXAMPLE, SITE_OVERVIEWS_EXAMPLE
from analytics.insights.overview.overview import run_goals, run_overview
from analytics.insights.overview.schemas import (
    GoalsQuery,
    GoalsReportResponse,
    OverviewQuery,
    SiteOverviewResponse,
    SiteOverviewsQuery,
    SiteOverviewsResponse,
)
from analytics.insights.overview.site_overviews import list_site_overviews
from analytics.reports.request import guarded_read, read_request, read_sites_request

blueprint = Blueprint("overview", __name__)


@blueprint.get("/api/analytics/reports/overview")
@documented("Overview for a dashboard", OverviewQuery, (SiteOverviewResponse, OVERVIEW_EXAMPLE))
@guarded_read
def get_overview() -> Response:
    """Totals, a time series, and what `lists` names: breakdowns, goals, busiest hours; of the last 30 days without a
    period. With `compare`, all but goals and hours also of another period."""
    return jsonify(run_overview(read_request(OverviewQuery())))


@blueprint.get("/api/analytics/reports/goals")
@documented("Goals and their conversions", GoalsQuery, (GoalsReportResponse, GOALS_EXAMPLE))
@guarded_read
def get_goals() -> Response:
    """The totals of each goal of the site; of the last 30 days without a period. A goal's own report has more."""
    return jsonify(run_goals(read_request(GoalsQuery())))


@blueprint.get("/api/analytics/reports/overview/sites")
@documented("Main figures of all sites", SiteOverviewsQuery, (SiteOverviewsResponse, SITE_OVERVIEWS_EXAMPLE))
@guarded("read")
def get_site_overviews() -> Response:
    """Of the sites that the caller may read, each in its own zone, ordered by key; of the last 30 days without a
    period. Never cached."""
    return jsonify(list_site_overviews(read_sites_request(SiteOverviewsQuery())))
