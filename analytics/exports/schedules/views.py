"""Schedules of exports over HTTP. A caller sees and changes its own; an admin those of every site its token is for."""

from datetime import time
from typing import Any

import msgspec
from flask import Blueprint, Response
from marshmallow import RAISE, Schema, fields
from marshmallow.validate import OneOf, Regexp

from analytics import clock
from analytics.auth.guard import choose_site, guarded, require
from analytics.auth.views import load
from analytics.documented import documented
from analytics.errors import BadInput, NotFound
from analytics.exports import answers, jobs, schedules, sources
from analytics.exports.jobs import Order, Viewer
from analytics.exports.schedules import Schedule
from analytics.exports.schemas import NewExport, read_schedule_order
from analytics.extensions import db, settings
from analytics.period import read_zone
from analytics.sites import find_site

blueprint = Blueprint("export_schedules", __name__)
ROUTE = "/api/analytics/exports/schedules"
PERIOD = ("date", "days", "hours", "from_", "to")


def _every(**options: Any) -> fields.String:
    return fields.String(validate=OneOf(schedules.EVERY, error="{input!r} is not known; known: {choices}"), **options)


def _at(**options: Any) -> fields.String:
    return fields.String(validate=Regexp(r"\A([01]\d|2[0-3]):[0-5]\d\Z", error="a local time as 06:30"), **options)


class RepeatedExport(NewExport):
    """An order without a period: each file goes on where the last one ended."""

    class Meta:
        unknown = RAISE
        exclude = PERIOD


class Change(Schema):
    """What a schedule may be told anew."""

    class Meta:
        unknown = RAISE

    every = _every()
    at = _at()
    zone = fields.String()
    request = fields.Nested(RepeatedExport)
    enabled = fields.Boolean(truthy={True}, falsy={False})


class NewSchedule(Change):
    """All of it is needed, but for the zone (the site's) and the request (all events as CSV)."""

    class Meta:
        unknown = RAISE
        exclude = ("enabled",)

    every = _every(required=True)
    at = _at(required=True)


@blueprint.post(ROUTE)
@documented(
    "Schedule an export",
    body=NewSchedule,
    sent=answers.NEW_SCHEDULE_EXAMPLE,
    answer=answers.ScheduleAnswer,
    example=answers.SCHEDULE_EXAMPLE,
    status=201,
)
@guarded("export")
def create() -> Response:
    """201 and the schedule; its address is in Location."""
    principal, given = require("export"), load(NewSchedule())
    asked = given.get("request", {})
    site = find_site(db.engine, choose_site(principal, asked.get("site")))
    zone = read_zone({name: given[name] for name in ("zone",) if name in given}, site.zone).key
    order = _order({"site": site.key, **asked}, zone)
    made = schedules.create(db.engine, order, given["every"], time.fromisoformat(given["at"]), zone)
    response = _json(_shown(made), 201)
    response.headers["Location"] = f"{ROUTE}/{made.id}"
    return response


@blueprint.get(ROUTE)
@documented("List schedules", answer=answers.SchedulesAnswer, example=answers.SCHEDULES_EXAMPLE)
@guarded("export")
def list_all() -> Response:
    """All that the caller may see, the oldest first."""
    return _json({"schedules": [_shown(one) for one in schedules.list_schedules(db.engine, _viewer())]})


@blueprint.get(f"{ROUTE}/<uuid:schedule_id>")
@documented("One schedule", answer=answers.ScheduleAnswer, example=answers.SCHEDULE_EXAMPLE)
@guarded("export")
def show(schedule_id: object) -> Response:
    """The schedule as it is now."""
    return _json(_shown(_found(str(schedule_id))))


@blueprint.patch(f"{ROUTE}/<uuid:schedule_id>")
@documented(
    "Change a schedule",
    body=Change,
    sent={"enabled": False},
    answer=answers.ScheduleAnswer,
    example=answers.SCHEDULE_EXAMPLE | {"enabled": False},
)
@guarded("export")
def change(schedule_id: object) -> Response:
    """The schedule as it is then. A new time counts from now on; what was not exported yet is in the next file."""
    schedule, given = _found(str(schedule_id)), load(Change())
    changes: dict[str, Any] = {name: given[name] for name in ("every", "enabled") if name in given}
    if "at" in given:
        changes["at"] = time.fromisoformat(given["at"])
    if "zone" in given:
        changes["zone"] = read_zone({"zone": given["zone"]}, schedule.zone).key
    if "request" in given:
        changes["request"] = _new_request(schedule, given["request"], changes.get("zone", schedule.zone))
    if changes:
        schedules.change(db.engine, schedule.id, changes)
    return _json(_shown(_found(schedule.id)))


@blueprint.delete(f"{ROUTE}/<uuid:schedule_id>")
@documented("Remove a schedule", status=204)
@guarded("export")
def remove(schedule_id: object) -> Response:
    """204. Exports that it made stay."""
    schedules.remove(db.engine, _found(str(schedule_id)).id)
    return Response(status=204)


def _new_request(schedule: Schedule, asked: dict[str, Any], zone: str) -> dict[str, Any]:
    if asked.get("site", schedule.site_key) != schedule.site_key:
        raise BadInput("request.site: a schedule stays with its site; make another for another site")
    order = _order({**asked, "site": schedule.site_key}, zone)
    sources.check(order.request)
    return schedules.stored_request(order)


def _order(asked: dict[str, Any], zone: str) -> Order:
    return read_schedule_order(db.engine, require("export"), asked, zone, clock.now())


def _viewer() -> Viewer:
    principal = require("export")
    return Viewer(None if principal.may("admin") else principal.subject, principal.sites)


def _found(schedule_id: str) -> Schedule:
    found = schedules.read_schedule(db.engine, _viewer(), schedule_id)
    if found is None:
        raise NotFound(f"there is no schedule {schedule_id}; it may have been removed")
    return found


def _shown(schedule: Schedule) -> dict[str, Any]:
    waiting = schedules.waits_for(db.engine, schedule, jobs.limits_of(settings()), clock.now())
    return schedules.as_json(schedule, waiting)


def _json(body: dict[str, Any], status: int = 200) -> Response:
    response = Response(msgspec.json.encode(body), status, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
