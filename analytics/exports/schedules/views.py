"""The routes of schedules: `export` sees them; with `write` too it creates, changes and deletes them.

A caller sees and changes its own; an admin those of every site that its token is for.
"""

from contextlib import suppress
from datetime import time
from typing import Any

from flask import Blueprint, Response

from analytics import clock, queue
from analytics.apidocs.operations import documented
from analytics.auth.guard import guarded, require_scope, resolve_site_key
from analytics.errors import BadInput, NotFound, Unavailable
from analytics.exports import examples
from analytics.exports.delivery import signed_links
from analytics.exports.jobs.creation import NewJob, read_limits
from analytics.exports.jobs.request_body import read_schedule_body
from analytics.exports.responses import current_viewer, job_response, json_response
from analytics.exports.schedules import due_jobs
from analytics.exports.schedules import schedule as schedules
from analytics.exports.schedules.due_jobs import find_blocker
from analytics.exports.schedules.schedule import Schedule
from analytics.exports.schedules.schemas import (
    ScheduleBody,
    ScheduleListResponse,
    ScheduleResponse,
    ScheduleUpdateBody,
)
from analytics.exports.schemas import ExportResponse
from analytics.extensions import buffer_redis, db, public_address, settings
from analytics.period import read_zone
from analytics.sites.sites import find_site
from analytics.web.site_parameters import SiteFields, name_site
from analytics.web.validation import load_json_body

blueprint = Blueprint("export_schedules", __name__)
EXPORTS_ROUTE = signed_links.ROUTE
ROUTE = f"{EXPORTS_ROUTE}/schedules"
# How each route describes its response.
SCHEDULE_RESPONSE = (ScheduleResponse, examples.SCHEDULE_EXAMPLE)


@blueprint.post(ROUTE)
@documented(
    "Create a schedule",
    SiteFields,
    response=SCHEDULE_RESPONSE,
    body=(ScheduleBody, examples.SCHEDULE_BODY_EXAMPLE),
    status=201,
)
@guarded("export", also="write")
def create_schedule() -> Response:
    """201 and the schedule; `Location` is its address."""
    principal, body = require_scope("export"), load_json_body(ScheduleBody())
    request = name_site(body.get("request", {}))
    site = find_site(db.engine, resolve_site_key(principal, request.get("site")))
    zone = read_zone({name: body[name] for name in ("zone",) if name in body}, site.zone).key
    new_job = _read_job({"site": site.key, **request}, zone)
    created = schedules.create(db.engine, new_job, body["every"], time.fromisoformat(body["at"]), zone)
    return json_response(_as_json(created), 201, {"Location": public_address(f"{ROUTE}/{created.id}")})


@blueprint.get(ROUTE)
@documented("List schedules", response=(ScheduleListResponse, examples.SCHEDULE_LIST_EXAMPLE))
@guarded("export")
def list_schedules() -> Response:
    """All that the caller may see, the oldest first."""
    found = schedules.list_schedules(db.engine, current_viewer())
    return json_response({"schedules": [_as_json(schedule) for schedule in found]})


@blueprint.get(f"{ROUTE}/<uuid:schedule_id>")
@documented("Get a schedule", response=SCHEDULE_RESPONSE)
@guarded("export")
def show_schedule(schedule_id: object) -> Response:
    """The schedule as it is now."""
    return json_response(_as_json(_visible_schedule(str(schedule_id))))


@blueprint.patch(f"{ROUTE}/<uuid:schedule_id>")
@documented(
    "Change a schedule",
    response=(ScheduleResponse, examples.SCHEDULE_EXAMPLE | {"enabled": False}),
    body=(ScheduleUpdateBody, {"enabled": False}),
)
@guarded("export", also="write")
def update_schedule(schedule_id: object) -> Response:
    """The changed schedule. A new time counts from now on; the next file holds everything since the last one."""
    schedule, body = _visible_schedule(str(schedule_id)), load_json_body(ScheduleUpdateBody())
    if changes := _read_changes(schedule, body):
        schedules.update_schedule(db.engine, schedule.id, changes)
    return json_response(_as_json(_visible_schedule(schedule.id)))


@blueprint.delete(f"{ROUTE}/<uuid:schedule_id>")
@documented("Delete a schedule", status=204)
@guarded("export", also="write")
def delete_schedule(schedule_id: object) -> Response:
    """204. The exports that it created stay."""
    schedules.delete_schedule(db.engine, _visible_schedule(str(schedule_id)).id)
    return Response(status=204)


@blueprint.post(f"{ROUTE}/<uuid:schedule_id>/run-now")
@documented(
    "Run a schedule now",
    response=(ExportResponse, examples.EXPORT_EXAMPLE),
    status=202,
    other_responses={
        409: "The last export of the schedule has not ended.",
        429: "The storage quota is used up.",
    },
)
@guarded("export", also="write")
def run_schedule(schedule_id: object) -> Response:
    """202 and an extra export of what was received since the last one; the next file continues after it."""
    schedule = _visible_schedule(str(schedule_id))
    job = due_jobs.run_now(db.engine, buffer_redis(), read_limits(settings()), schedule.id, clock.now())
    # Without Redis the job waits in its table, and the watch enqueues it later.
    with suppress(Unavailable):
        queue.enqueue_export(job.id)
    return job_response(job, 202, {"Location": public_address(f"{EXPORTS_ROUTE}/{job.id}")})


def _read_changes(schedule: Schedule, body: dict[str, Any]) -> dict[str, Any]:
    """The columns that the body changes."""
    changes: dict[str, Any] = {name: body[name] for name in ("every", "enabled") if name in body}
    if "at" in body:
        changes["at"] = time.fromisoformat(body["at"])
    if "zone" in body:
        changes["zone"] = read_zone({"zone": body["zone"]}, schedule.zone).key
    if "request" in body:
        changes["request"] = _read_request(schedule, body["request"], changes.get("zone", schedule.zone))
    if "request" in body or body.get("enabled"):
        changes["request"] = changes.get("request", schedule.request) | {"token_id": _read_token_id(schedule)}
    return changes


def _read_token_id(schedule: Schedule) -> str | None:
    """The token on which the schedule depends from now on: an admin who changes it does not become its owner."""
    principal = require_scope("export")
    return principal.token_id if principal.subject == schedule.owner else schedule.token_id


def _read_request(schedule: Schedule, request: dict[str, Any], zone: str) -> dict[str, Any]:
    request = name_site(request)
    if request.get("site", schedule.site_key) not in find_site(db.engine, schedule.site_key).names:
        detail = f"request.site: a schedule keeps its site; accepted: {schedule.site_key}, or a new schedule"
        raise BadInput(f"{detail} for another site")
    return schedules.stored_request(_read_job({**request, "site": schedule.site_key}, zone))


def _read_job(request: dict[str, Any], zone: str) -> NewJob:
    return read_schedule_body(db.engine, require_scope("export"), request, zone, clock.now())


def _visible_schedule(schedule_id: str) -> Schedule:
    """Raises NotFound for a schedule that the caller may not see."""
    schedule = schedules.read_schedule(db.engine, current_viewer(), schedule_id)
    if schedule is None:
        raise NotFound(f"there is no schedule {schedule_id}; GET {ROUTE} lists yours")
    return schedule


def _as_json(schedule: Schedule) -> dict[str, Any]:
    return schedules.as_json(schedule, find_blocker(db.engine, schedule, read_limits(settings()), clock.now()))
