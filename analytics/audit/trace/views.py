"""GET /api/analytics/events/<id>/trace: what became of one event, for whoever may read its site."""

from flask import Blueprint, Response, jsonify, request
from marshmallow import Schema, fields

from analytics.auth.guard import allow_site, guarded, require
from analytics.documented import documented
from analytics.errors import NotFound
from analytics.extensions import buffer_redis, db
from analytics.ops import answers
from analytics.reports.schemas import read_query
from analytics.sites import find_site, list_sites
from analytics.trace import UNKNOWN, trace

blueprint = Blueprint("trace", __name__)
ALL_SITES = 100_000


class TraceQuery(Schema):
    """Where to look."""

    site = fields.String()


@blueprint.get("/api/analytics/events/<path:event_id>/trace")
@documented("What became of an event", query=TraceQuery, answer=answers.TraceAnswer, example=answers.TRACE_EXAMPLE)
@guarded("read")
def trace_event(event_id: str) -> Response:
    """In the site of `?site=`, or in every site that the caller may read."""
    principal, key = require("read"), read_query(TraceQuery(), request.args).get("site")
    if key:
        allow_site(principal, key)
        sites = [find_site(db.engine, key)]
    else:
        with db.engine.connect() as connection:
            sites = list_sites(connection, principal.sites, limit=ALL_SITES)
    found = trace(db.engine, buffer_redis(), event_id, sites)
    if found["state"] == UNKNOWN:
        raise NotFound(f"no event {event_id[:80]!r}: it was never seen here, or its batch is past retention")
    response = jsonify(found)
    response.headers["Cache-Control"] = "no-store"
    return response
