"""The routes of the query reports: summary, time series and breakdown of any period and filter.

Nothing here writes. query.py and breakdown.py compute what the routes return.
"""

from flask import Blueprint, Response

from analytics.apidocs.operations import documented
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
from analytics.reports.responses.etags import add_etag
from analytics.reports.responses.formats import BREAKDOWN, OTHER_MEDIA, SUMMARY, TIMESERIES, respond

blueprint = Blueprint("query", __name__)
blueprint.after_app_request(add_etag)


@blueprint.get("/api/analytics/reports/summary")
@documented("Summary of a period", SummaryQuery, (SummaryResponse, SUMMARY_EXAMPLE), other_media=OTHER_MEDIA)
@guarded_read
def get_summary() -> Response:
    return respond(
        read_request(SummaryQuery()), SUMMARY, lambda request: query.run_report(request, "summary", query.build_summary)
    )


@blueprint.get("/api/analytics/reports/timeseries")
@documented(
    "Time series by hour, day, week or month",
    TimeseriesQuery,
    (TimeseriesResponse, TIMESERIES_EXAMPLE),
    other_media=OTHER_MEDIA,
)
@guarded_read
def get_timeseries() -> Response:
    """As a file, a row for each bucket, beside that of the other period with `compare`."""
    return respond(
        read_request(TimeseriesQuery()),
        TIMESERIES,
        lambda request: query.run_report(request, "timeseries", query.build_timeseries),
    )


@blueprint.get("/api/analytics/reports/breakdown")
@documented("Breakdown by a dimension", BreakdownQuery, (BreakdownResponse, BREAKDOWN_EXAMPLE), other_media=OTHER_MEDIA)
@guarded_read
def get_breakdown() -> Response:
    """The values of the dimension, most frequent first. With `metrics=engagement`, pages also have the mean of visible
    seconds and of scroll depth. As a file or figure, the rows of the page."""
    request = read_request(BreakdownQuery())
    build, types = with_engagement(request, build_breakdown), default_types(request.query["dimension"])
    return respond(request, BREAKDOWN, lambda request: query.run_report(request, "breakdown", build, types))
