"""The routes of lifecycle, journeys and experiments. Nothing here writes."""

import uuid
from typing import Any

from flask import Blueprint, Response, jsonify

from analytics.documented import documented
from analytics.errors import NotFound
from analytics.extensions import db, settings
from analytics.insights import answers, experiments, goals, journeys
from analytics.insights.asking import raw_events, read_asked
from analytics.insights.goal_report import about
from analytics.insights.goals import Goal, make_goal
from analytics.insights.lifecycle import lifecycle
from analytics.insights.schemas import ExperimentQuery, JourneysQuery, LifecycleQuery
from analytics.reports.active import Whom
from analytics.reports.cache import cached
from analytics.reports.days import read_days
from analytics.reports.question import Question, read_question, readable
from analytics.reports.retention import units

blueprint = Blueprint("insights", __name__)


@blueprint.get("/api/analytics/reports/lifecycle")
@documented(
    "Who is new, stays, comes back, leaves",
    query=LifecycleQuery, answer=answers.LifecycleAnswer, example=answers.LIFECYCLE_EXAMPLE,
)  # fmt: skip
@readable
def show_lifecycle() -> Response:
    question = read_question(LifecycleQuery())
    query, unit = question.query, question.query["granularity"]
    with question.rollups() as found:
        days = read_days(question, found.zone)
        edges = units(days, unit)
        period = days._replace(first=edges[0], after=edges[-1]).period
        meta = {"last_is_over": period.end <= question.now, "meta": question.meta(period, "rollup")}
        whom = Whom(query.get("type"), query.get("include_bots", False))

        def compute() -> dict[str, Any]:
            series = lifecycle(found, edges, unit, days, whom)
            return {"granularity": unit, "series": [one.as_json() for one in series], **meta}

        return jsonify(cached(question, "lifecycle", period, compute))


@blueprint.get("/api/analytics/reports/journeys")
@documented(
    "Ways from or to a page or an event",
    query=JourneysQuery, answer=answers.JourneysAnswer, example=answers.JOURNEYS_EXAMPLE,
)  # fmt: skip
@readable
def show_journeys() -> Response:
    question = read_question(JourneysQuery())
    anchor = journeys.read_anchor(question.query)
    with question.rollups() as found:
        asked = read_asked(question, found.zone)

    def compute() -> dict[str, Any]:
        query = question.query
        limit = int(query.get("limit") or settings().top_results_limit)
        with raw_events(question, asked, asked.named) as connection:
            ways = journeys.find_journeys(connection, asked, anchor, query["steps"], limit, query.get("type", ()))
        return journeys.describe(anchor, ways) | {"meta": question.meta(asked.period, "raw")}

    return jsonify(cached(question, "journeys", asked.period, compute))


@blueprint.get("/api/analytics/reports/experiment")
@documented(
    "What an experiment's variants did",
    query=ExperimentQuery, answer=answers.ExperimentAnswer, example=answers.EXPERIMENT_EXAMPLE,
)  # fmt: skip
@readable
def show_experiment() -> Response:
    question = read_question(ExperimentQuery())
    goal = _read_goal(question)
    question = about(question, goal)
    with question.rollups() as found:
        asked = read_asked(question, found.zone)

    def compute() -> dict[str, Any]:
        query = question.query
        with raw_events(question, asked, asked.named) as connection:
            names = query["variant"].split(".")[1:]
            seen = experiments.count_variants(connection, asked, query["exposure_type"], names, goal)
        weights = experiments.read_weights(query.get("weight", ()))
        found = experiments.compare(seen, query.get("control"), weights)
        return found | {"goal": goal.as_json(), "meta": question.meta(asked.period, "raw")}

    return jsonify(cached(question, "experiment", asked.period, compute))


def _read_goal(question: Question) -> Goal:
    """The stored goal of that id, or of the path, or of the type. Raises NotFound, Invalid."""
    named: str = question.query["goal"]
    try:
        goal_id = uuid.UUID(named)
    except ValueError:
        return make_goal({"path": named} if named.startswith("/") else {"type": named})
    with db.engine.connect() as connection:
        stored = goals.read_goal(connection, goal_id)
    if stored.site_id != question.site.id:
        raise NotFound(f"no goal {goal_id} of the site {question.site.key}")
    return stored.goal
