"""The routes of the canonical query: any period, filter and comparison; in one line, by time, or by dimension."""

from flask import Blueprint, Response, jsonify

from analytics.documented import documented
from analytics.reports import canonical
from analytics.reports.breakdown import breakdown, default_types
from analytics.reports.canonical_schemas import (
    BREAKDOWN_EXAMPLE,
    SUMMARY_EXAMPLE,
    TIMESERIES_EXAMPLE,
    BreakdownAnswer,
    BreakdownQuery,
    SummaryAnswer,
    SummaryQuery,
    TimeseriesAnswer,
    TimeseriesQuery,
)
from analytics.reports.question import read_question, readable

blueprint = Blueprint("canonical", __name__)


@blueprint.get("/api/analytics/reports/summary")
@documented("A period in one line", query=SummaryQuery, answer=SummaryAnswer, example=SUMMARY_EXAMPLE)
@readable
def summary() -> Response:
    return jsonify(canonical.answer(read_question(SummaryQuery()), "summary", canonical.summary))


@blueprint.get("/api/analytics/reports/timeseries")
@documented(
    "A period by the hour, day, week or month",
    query=TimeseriesQuery, answer=TimeseriesAnswer, example=TIMESERIES_EXAMPLE,
)  # fmt: skip
@readable
def timeseries() -> Response:
    return jsonify(canonical.answer(read_question(TimeseriesQuery()), "timeseries", canonical.timeseries))


@blueprint.get("/api/analytics/reports/breakdown")
@documented("What events say in one dimension", query=BreakdownQuery, answer=BreakdownAnswer, example=BREAKDOWN_EXAMPLE)
@readable
def list_values() -> Response:
    question = read_question(BreakdownQuery())
    types = default_types(question.query["dimension"])
    return jsonify(canonical.answer(question, "breakdown", breakdown, types))
