"""Routes of goals: the scope `read` sees them and the reports on them, `write` creates, changes and deletes them."""

import uuid
from typing import Any

from flask import Blueprint, Response, jsonify

from analytics.apidocs.operations import documented
from analytics.auth.guard import check_site_access, current_principal, guarded, require_scope, resolve_site_key
from analytics.extensions import db, public_address
from analytics.insights import examples
from analytics.insights.goals import goals, schemas
from analytics.insights.goals.goals import Goal, StoredGoal, make_goal
from analytics.insights.goals.report import build_report, build_retention
from analytics.reports.request import ReportRequest, guarded_read, read_request
from analytics.reports.responses.formats import GOAL, OTHER_MEDIA, respond
from analytics.reports.schemas import PeriodQuery
from analytics.sites.sites import find_site
from analytics.web.site_parameters import SiteFields, read_requested_site
from analytics.web.validation import load_json_body

blueprint = Blueprint("goals", __name__)
GOALS_PATH = "/api/analytics/goals"
GOAL_RESPONSE = (schemas.GoalResponse, examples.GOAL_EXAMPLE)
RETENTION_RESPONSE = (schemas.GoalRetentionResponse, examples.GOAL_RETENTION_EXAMPLE)
REPORT_RESPONSE = (schemas.GoalReportResponse, examples.GOAL_REPORT_EXAMPLE)


@blueprint.post(GOALS_PATH)
@documented(
    "Create a goal",
    SiteFields,
    response=GOAL_RESPONSE,
    body=(schemas.GoalBody, examples.GOAL_BODY_EXAMPLE),
    status=201,
    other_responses={409: "The site has a goal of that name, or the maximum number of goals."},
)
@guarded("write")
def create() -> tuple[dict[str, Any], int, dict[str, str]]:
    """201 and the goal; its path is in Location."""
    principal, body = require_scope("write"), load_json_body(schemas.GoalBody())
    site = find_site(db.engine, resolve_site_key(principal, read_requested_site(body)))
    with db.engine.begin() as connection:
        goal, goal_id = make_goal(body), body.get("id")
        stored = goals.create_goal(connection, site.id, body["name"], goal, principal.subject, goal_id)
    return stored.as_json(), 201, {"Location": public_address(f"{GOALS_PATH}/{stored.id}")}


@blueprint.get(GOALS_PATH)
@documented(
    "List a site's goals", schemas.GoalListQuery, (schemas.GoalListResponse, {"goals": [examples.GOAL_EXAMPLE]})
)
@guarded_read
def list_all() -> dict[str, Any]:
    """Ordered by name."""
    request = read_request(schemas.GoalListQuery())
    with db.engine.connect() as connection:
        return {"goals": [stored.as_json() for stored in goals.list_goals(connection, request.site.id)]}


@blueprint.get(f"{GOALS_PATH}/<uuid:goal_id>")
@documented("Get a goal", response=GOAL_RESPONSE)
@guarded("read")
def show(goal_id: uuid.UUID) -> dict[str, Any]:
    """The goal as it is stored now."""
    return _read_goal(goal_id).as_json()


@blueprint.patch(f"{GOALS_PATH}/<uuid:goal_id>")
@documented(
    "Change a goal",
    response=GOAL_RESPONSE,
    body=(schemas.GoalUpdateBody, {"name": "Order"}),
    other_responses={409: "The site has another goal of that name."},
)
@guarded("write")
def update(goal_id: uuid.UUID) -> dict[str, Any]:
    """Fields that are left out do not change."""
    principal, changes = require_scope("write"), load_json_body(schemas.GoalUpdateBody())
    _read_goal(goal_id)
    with db.engine.begin() as connection:
        return goals.update_goal(connection, goal_id, changes, principal.subject).as_json()


@blueprint.delete(f"{GOALS_PATH}/<uuid:goal_id>")
@documented("Delete a goal", status=204)
@guarded("write")
def delete(goal_id: uuid.UUID) -> tuple[str, int]:
    """Deletes the definition, no events."""
    principal = require_scope("write")
    _read_goal(goal_id)
    with db.engine.begin() as connection:
        goals.delete_goal(connection, goal_id, principal.subject)
    return "", 204


@blueprint.get(f"{GOALS_PATH}/<uuid:goal_id>/report")
@documented("Report on a goal", schemas.GoalReportQuery, REPORT_RESPONSE, other_media=OTHER_MEDIA)
@guarded_read
def show_report(goal_id: uuid.UUID) -> Response:
    """As a file: the values of the dimension, else the buckets, else the totals."""
    return _respond_report(*_read_request(schemas.GoalReportQuery(), goal_id))


@blueprint.get(f"{GOALS_PATH}/<uuid:goal_id>/retention")
@documented("Retention of users who converted, beside all other users", schemas.GoalRetentionQuery, RETENTION_RESPONSE)
@guarded_read
def show_retention(goal_id: uuid.UUID) -> Response:
    request, goal = _read_request(schemas.GoalRetentionQuery(), goal_id)
    return jsonify(build_retention(request, goal) | {"goal": goal.as_json()})


@blueprint.get("/api/analytics/reports/goal")
@documented("Report on a goal that is not stored", schemas.AdHocGoalQuery, REPORT_RESPONSE, other_media=OTHER_MEDIA)
@guarded_read
def report_ad_hoc() -> Response:
    request = read_request(schemas.AdHocGoalQuery())
    query = request.query
    value = schemas.pick_conversion_value(query) or None
    goal = make_goal(query | {"filter": query.get("goal_filter"), "value": value})
    return _respond_report(request, goal)


def _read_goal(goal_id: uuid.UUID) -> StoredGoal:
    """Raises NotFound, and Forbidden when the caller has no access to the goal's site."""
    with db.engine.connect() as connection:
        stored = goals.read_goal(connection, goal_id)
    check_site_access(current_principal(), stored.site_key)
    return stored


def _read_request(schema: PeriodQuery, goal_id: uuid.UUID) -> tuple[ReportRequest, Goal]:
    """The site is the goal's; a caller without a token names it. Raises as `_read_goal`."""
    stored = _read_goal(goal_id)
    request = read_request(schema, default_site=stored.site_key)
    return request, stored.of_site(request.site)


def _respond_report(request: ReportRequest, goal: Goal) -> Response:
    return respond(request, GOAL, lambda request: build_report(request, goal) | {"goal": goal.as_json()})
