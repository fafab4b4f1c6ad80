"""The route of the dashboard's bundle: everything a first look at a site asks for, in one answer."""

from typing import Any

from flask import Blueprint, Response, jsonify
from marshmallow import Schema, fields
from marshmallow.validate import Range

from analytics.documented import documented
from analytics.extensions import settings
from analytics.reports.cache import cached
from analytics.reports.canonical_schemas import SUMMARY_EXAMPLE, MetaAnswer
from analytics.reports.days import MOST_DAYS, Days, read_days
from analytics.reports.overview import LISTS, Overview, overview
from analytics.reports.question import Question, read_question, readable
from analytics.reports.schemas import PeriodQuery
from analytics.rollups.reading import Snapshot

blueprint = Blueprint("overview", __name__)
DIGITS = 4


class OverviewQuery(PeriodQuery):
    """`limit`: lines of each list; TOP_RESULTS_LIMIT without it."""

    limit = fields.Integer(validate=Range(1, 1000))


class OverviewDay(Schema):
    """A day of the site's calendar."""

    date = fields.Date(required=True)
    page_views = fields.Integer(required=True)
    visitors = fields.Integer(required=True)
    visits = fields.Integer(required=True)


class OverviewLine(Schema):
    """A value, null for none: direct, or not known."""

    value = fields.String(required=True, allow_none=True)
    page_views = fields.Integer(required=True)
    visitors = fields.Integer(required=True)


class BundleAnswer(Schema):
    """`lists`: the values of each dimension with the most page views. A rate or a mean of no visits is null."""

    page_views = fields.Integer(required=True)
    visitors = fields.Integer(required=True)
    visits = fields.Integer(required=True)
    bounce_rate = fields.Float(required=True, allow_none=True)
    avg_visit_duration_s = fields.Float(required=True, allow_none=True)
    views_per_visit = fields.Float(required=True, allow_none=True)
    series = fields.List(fields.Nested(OverviewDay), required=True)
    lists = fields.Dict(keys=fields.String(), values=fields.List(fields.Nested(OverviewLine)), required=True)
    meta = fields.Nested(MetaAnswer, required=True)


EXAMPLE = {
    "page_views": 30,
    "visitors": 8,
    "visits": 10,
    "bounce_rate": 0.4,
    "avg_visit_duration_s": 95.5,
    "views_per_visit": 3.0,
    "series": [
        {"date": "2026-03-02", "page_views": 16, "visitors": 5, "visits": 6},
        {"date": "2026-03-03", "page_views": 14, "visitors": 6, "visits": 4},
    ],
    "lists": {
        **{name: [] for name in LISTS},
        "source": [
            {"value": None, "page_views": 18, "visitors": 5},
            {"value": "google.com", "page_views": 12, "visitors": 4},
        ],
    },
    "meta": SUMMARY_EXAMPLE["meta"],
}


@blueprint.get("/api/analytics/reports/overview")
@documented("The dashboard's bundle", query=OverviewQuery, answer=BundleAnswer, example=EXAMPLE)
@readable
def bundle() -> Response:
    """Totals, a series by day, and the top values of eight dimensions; the last 30 days unless others are asked for."""
    question = read_question(OverviewQuery())
    with question.rollups() as found:
        days = read_days(question, found.zone, most=MOST_DAYS)
        return jsonify(cached(question, "overview", days.period, lambda: _answer(question, found, days)))


def _answer(question: Question, found: Snapshot, days: Days) -> dict[str, Any]:
    limit = question.query.get("limit") or settings().top_results_limit
    bots = question.query.get("include_bots", False)
    made = overview(found, days.first, days.after, limit, bots=bots)
    return _describe(made) | {"meta": question.meta(days.period, "rollup")}


def _describe(made: Overview) -> dict[str, Any]:
    return {
        "page_views": made.page_views,
        "visitors": made.visitors,
        "visits": made.visits.visits,
        "bounce_rate": _rounded(made.visits.bounce_rate),
        "avg_visit_duration_s": _rounded(made.visits.avg_duration_s),
        "views_per_visit": _rounded(made.visits.views_a_visit),
        "series": [
            {"date": str(day.date), "page_views": day.page_views, "visitors": day.visitors, "visits": day.visits}
            for day in made.series
        ],
        "lists": {
            name: [{"value": one.value or None, "page_views": one.events, "visitors": one.users} for one in lines]
            for name, lines in made.lists.items()
        },
    }


def _rounded(figure: float | None) -> float | None:
    return None if figure is None else round(figure, DIGITS)
