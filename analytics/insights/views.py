"""Routes of lifecycle, journeys and experiments; goals have their own. Nothing here writes."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Response, jsonify

from analytics.apidocs.operations import documented
from analytics.extensions import db, settings
from analytics.insights import experiments, journeys, lifecycle
from analytics.insights.examples import EXPERIMENT_EXAMPLE, JOURNEYS_EXAMPLE, LIFECYCLE_EXAMPLE
from analytics.insights.goals.goal_parameter import find_goal
from analytics.insights.journeys import Anchor
from analytics.insights.request import EventSelection, open_events, read_selection
from analytics.insights.schemas import (
    ExperimentQuery,
    ExperimentResponse,
    JourneyListResponse,
    JourneysQuery,
    LifecycleQuery,
    LifecycleResponse,
)
from analytics.reports.request import ReportRequest, guarded_read, read_request
from analytics.reports.responses.cache import get_or_compute

blueprint = Blueprint("insights", __name__)


@blueprint.get("/api/analytics/reports/lifecycle")
@documented(
    "New, returning, resurrected and dormant users over time", LifecycleQuery, (LifecycleResponse, LIFECYCLE_EXAMPLE)
)
@guarded_read
def show_lifecycle() -> Response:
    return jsonify(lifecycle.build_report(read_request(LifecycleQuery())))


@blueprint.get("/api/analytics/reports/journeys")
@documented("Journeys from or to a page or an event", JourneysQuery, (JourneyListResponse, JOURNEYS_EXAMPLE))
@guarded_read
def show_journeys() -> Response:
    request = read_request(JourneysQuery())
    anchor, then = journeys.read_anchor(request.query), journeys.read_then(request.query)
    with request.open_snapshot() as snapshot:
        selection = read_selection(request, snapshot.zone)
    report = get_or_compute(
        request, "journeys", selection.period, lambda: _find_journeys(request, selection, anchor, then)
    )
    return jsonify(report)


@blueprint.get("/api/analytics/reports/experiment")
@documented("Results of an experiment by variant", ExperimentQuery, (ExperimentResponse, EXPERIMENT_EXAMPLE))
@guarded_read
def show_experiment() -> Response:
    request = read_request(ExperimentQuery())
    return jsonify(experiments.build_report(request, find_goal(db.engine, request.site, request.query["goal"])))


def _find_journeys(
    request: ReportRequest, selection: EventSelection, anchor: Anchor, then: Sequence[str]
) -> dict[str, Any]:
    query = request.query
    limit = int(query.get("limit") or settings().top_results_limit)
    with open_events(request, selection, selection.period_parameter) as events:
        # Processes that are never asked do not load numpy.
        from analytics.insights.journey_steps import find_journeys

        found = find_journeys(events, anchor, query["steps"], limit, query.get("type", ()), then)
    return journeys.describe(anchor, found) | {"meta": request.meta(selection.period, "raw")}
