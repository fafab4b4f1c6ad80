"""The route of seed 002's report: guard, read the question, call, answer."""

from flask import Blueprint, Response, jsonify

from analytics.documented import documented
from analytics.extensions import settings
from analytics.reports import site_stats
from analytics.reports.link_schemas import ListQuery
from analytics.reports.question import read_question, readable
from analytics.reports.website_examples import SITE_STATS_EXAMPLE
from analytics.reports.website_schemas import SiteStatsAnswer

blueprint = Blueprint("site_stats", __name__)


@blueprint.get("/stats")
@documented("A site's page views", query=ListQuery, answer=SiteStatsAnswer, example=SITE_STATS_EXAMPLE)
@readable
def stats() -> Response:
    """All time, or the days asked for."""
    question = read_question(ListQuery())
    limit = int(question.query.get("limit") or settings().top_results_limit)
    with question.rollups() as found:
        return jsonify(site_stats.report(found, question, limit))
