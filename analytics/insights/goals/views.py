"""Goals over HTTP: an admin writes them, whoever reads reports may read them; and the reports on one."""

import uuid
from typing import Any

from flask import Blueprint, Response, jsonify

from analytics.auth.guard import allow_site, choose_site, current_principal, guarded, require
from analytics.auth.views import load
from analytics.documented import documented
from analytics.errors import NotFound
from analytics.extensions import db
from analytics.insights import answers, goal_report, goals
from analytics.insights.goals import Goal, Stored, make_goal
from analytics.insights.schemas import (
    AdHocGoalQuery,
    GoalChange,
    GoalReportQuery,
    GoalRetentionQuery,
    GoalsQuery,
    NewGoal,
    worth_of,
)
from analytics.reports.question import Question, read_question, readable
from analytics.reports.schemas import PeriodQuery
from analytics.sites import find_site

blueprint = Blueprint("goals", __name__)
ROUTE = "/api/analytics/goals"


@blueprint.post(ROUTE)
@documented(
    "Store a goal",
    body=NewGoal, sent=answers.NEW_GOAL_EXAMPLE, answer=answers.GoalAnswer, example=answers.GOAL_EXAMPLE, status=201,
    others={409: "The site has a goal of that name."},
)  # fmt: skip
@guarded("admin")
def create() -> tuple[dict[str, Any], int, dict[str, str]]:
    """201 and the goal; its address is in Location."""
    principal, given = require("admin"), load(NewGoal())
    site = find_site(db.engine, choose_site(principal, given.get("site")))
    with db.engine.begin() as connection:
        made = goals.create_goal(connection, site.id, given["name"], make_goal(given), principal.subject)
    return made.as_json(), 201, {"Location": f"{ROUTE}/{made.id}"}


@blueprint.get(ROUTE)
@documented("List goals", query=GoalsQuery, answer=answers.GoalsAnswer, example={"goals": [answers.GOAL_EXAMPLE]})
@readable
def list_all() -> dict[str, Any]:
    """The site's goals, by name."""
    question = read_question(GoalsQuery())
    with db.engine.connect() as connection:
        return {"goals": [one.as_json() for one in goals.list_goals(connection, question.site.id)]}


@blueprint.get(f"{ROUTE}/<uuid:goal_id>")
@documented("One goal", answer=answers.GoalAnswer, example=answers.GOAL_EXAMPLE)
@guarded("read")
def show(goal_id: uuid.UUID) -> dict[str, Any]:
    """The goal as it is now."""
    return _find(goal_id).as_json()


@blueprint.patch(f"{ROUTE}/<uuid:goal_id>")
@documented(
    "Change a goal",
    body=GoalChange, sent={"name": "Order"}, answer=answers.GoalAnswer, example=answers.GOAL_EXAMPLE,
    others={409: "The site has another goal of that name."},
)  # fmt: skip
@guarded("admin")
def change(goal_id: uuid.UUID) -> dict[str, Any]:
    """The goal with the given fields changed."""
    principal, given = require("admin"), load(GoalChange())
    _find(goal_id)
    with db.engine.begin() as connection:
        return goals.update_goal(connection, goal_id, given, principal.subject).as_json()


@blueprint.delete(f"{ROUTE}/<uuid:goal_id>")
@documented("Delete a goal", status=204)
@guarded("admin")
def remove(goal_id: uuid.UUID) -> tuple[str, int]:
    """204. Events stay as they are."""
    principal = require("admin")
    _find(goal_id)
    with db.engine.begin() as connection:
        goals.delete_goal(connection, goal_id, principal.subject)
    return "", 204


@blueprint.get(f"{ROUTE}/<uuid:goal_id>/report")
@documented(
    "How often a goal was reached",
    query=GoalReportQuery, answer=answers.GoalReportAnswer, example=answers.REPORT_EXAMPLE,
)  # fmt: skip
@readable
def report(goal_id: uuid.UUID) -> Response:
    question, goal = _read_question(GoalReportQuery(), goal_id)
    return jsonify(goal_report.report(question, goal) | {"goal": goal.as_json()})


@blueprint.get(f"{ROUTE}/<uuid:goal_id>/retention")
@documented(
    "Who comes back: those who reached a goal, and the others",
    query=GoalRetentionQuery, answer=answers.GoalRetentionAnswer, example=answers.GOAL_RETENTION_EXAMPLE,
)  # fmt: skip
@readable
def retention(goal_id: uuid.UUID) -> Response:
    question, goal = _read_question(GoalRetentionQuery(), goal_id)
    return jsonify(goal_report.retention(question, goal) | {"goal": goal.as_json()})


@blueprint.get("/api/analytics/reports/goal")
@documented(
    "How often a goal was reached that is not stored",
    query=AdHocGoalQuery, answer=answers.GoalReportAnswer, example=answers.REPORT_EXAMPLE,
)  # fmt: skip
@readable
def ad_hoc() -> Response:
    question = read_question(AdHocGoalQuery())
    query = question.query
    goal = make_goal(query | {"filter": query.get("goal_filter"), "value": worth_of(query) or None})
    return jsonify(goal_report.report(question, goal) | {"goal": goal.as_json()})


def _find(goal_id: uuid.UUID) -> Stored:
    """Raises NotFound, and Forbidden when the caller is not for its site."""
    with db.engine.connect() as connection:
        found = goals.read_goal(connection, goal_id)
    allow_site(current_principal(), found.site)
    return found


def _read_question(schema: PeriodQuery, goal_id: uuid.UUID) -> tuple[Question, Goal]:
    """The site is the goal's; a public one must be named, for a caller without a token. Raises as `_find`."""
    stored = _find(goal_id)
    question = read_question(schema, default_site=stored.site)
    if question.site.id != stored.site_id:
        raise NotFound(f"no goal {goal_id} of the site {question.site.key}")
    return question, stored.goal
