"""The routes of the query reports: summary, time series and breakdown of any period and filter, and the overview.

Nothing here writes. query.py, breakdown.py and overview.py compute what the routes return.
"""

from flask import Blueprint, Response, jsonify

from analytics.apidocs.operations import documented
from analytics.reports.etags import add_etag
from analytics.reports.query import query
from analytics.reports.query.breakdown import build_breakdown, default_types
from analytics.reports.query.engagement import with_engagement
from analytics.reports.query.examples import BREAKDOWN_EXAMPLE, OVERVIEW_EXAMPLE, SUMMARY_EXAMPLE, TIMESERIES_EXAMPLE
from analytics.reports.query.overview import run_overview
from analytics.reports.query.schemas import (
    BreakdownQuery,
    BreakdownResponse,
    OverviewQuery,
    SiteOverviewResponse,
    SummaryQuery,
    SummaryResponse,
    TimeseriesQuery,
    TimeseriesResponse,
)
from analytics.reports.request import guarded_read, read_request

blueprint = Blueprint("query", __name__)
blueprint.after_app_request(add_etag)


@blueprint.get("/api/analytics/reports/summary")
@documented("Summary of a period", SummaryQuery, (SummaryResponse, SUMMARY_EXAMPLE))
@guarded_read
def get_summary() -> Response:
    return jsonify(query.run_report(read_request(SummaryQuery()), "summary", query.build_summary))


@blueprint.get("/api/analytics/reports/timeseries")
@documented("Time series by hour, day, week or month", TimeseriesQuery, (TimeseriesResponse, TIMESERIES_EXAMPLE))
@guarded_read
def get_timeseries() -> Response:
    return jsonify(query.run_report(read_request(TimeseriesQuery()), "timeseries", query.build_timeseries))


@blueprint.get("/api/analytics/reports/breakdown")
@documented("Breakdown by a dimension", BreakdownQuery, (BreakdownResponse, BREAKDOWN_EXAMPLE))
@guarded_read
def get_breakdown() -> Response:
    """The values of the dimension, most frequent first. With `metrics=engagement`, pages also have the mean of visible
    seconds and of scroll depth."""
    request = read_request(BreakdownQuery())
    build = with_engagement(request, build_breakdown)
    return jsonify(query.run_report(request, "breakdown", build, default_types(request.query["dimension"])))


@blueprint.get("/api/analytics/reports/overview")
@documented("Overview for a dashboard", OverviewQuery, (SiteOverviewResponse, OVERVIEW_EXAMPLE))
@guarded_read
def get_overview() -> Response:
    """Totals, a series by day and the top values of twelve dimensions; of the last 30 days without a period.
    With `compare`, also the totals of another period."""
    return jsonify(run_overview(read_request(OverviewQuery())))
