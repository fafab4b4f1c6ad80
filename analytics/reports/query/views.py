"""The routes of the query reports: summary, time series and breakdown of any period and filter.

Nothing here writes. query.py and breakdown.py compute what the routes return.
"""

from flask import Blueprint, Response, jsonify

from analytics.apidocs.operations import documented
from analytics.reports.etags import add_etag
from analytics.reports.query import query
from analytics.reports.query.breakdown import build_breakdown, default_types
from analytics.reports.query.engagement import with_engagement
from analytics.reports.query.examples import BREAKDOWN_EXAMPLE, SUMMARY_EXAMPLE, TIMESERIES_EXAMPLE
from analytics.reports.query.schemas import (
    BreakdownQuery,
    BreakdownResponse,
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
