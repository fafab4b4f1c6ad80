"""GET /api/analytics/events/<id>/trace: what became of one event. Every caller who may read its site may call it."""

from flask import Blueprint, Response, jsonify, request

from analytics.apidocs.operations import documented
from analytics.audit.run import MAX_SITES
from analytics.audit.trace import schemas
from analytics.audit.trace.lookup import UNKNOWN, build_trace
from analytics.auth.guard import check_site_access, guarded, require_scope
from analytics.errors import NotFound
from analytics.extensions import buffer_redis, db
from analytics.sites.sites import find_site, list_sites
from analytics.web.site_parameters import read_requested_site
from analytics.web.validation import read_query

blueprint = Blueprint("trace", __name__)


@blueprint.get("/api/analytics/events/<path:event_id>/trace")
@documented("What became of an event", schemas.TraceQuery, (schemas.TraceResponse, schemas.TRACE_EXAMPLE))
@guarded("read")
def trace_event(event_id: str) -> Response:
    """Searches the site of `?site=`, or every site that the caller may read."""
    principal = require_scope("read")
    read_query(schemas.TraceQuery(), request.args)
    key = read_requested_site()
    if key:
        check_site_access(principal, key)
        sites = [find_site(db.engine, key)]
    else:
        with db.engine.connect() as connection:
            sites = list_sites(connection, principal.sites, limit=MAX_SITES)
    trace = build_trace(db.engine, buffer_redis(), event_id, sites)
    if trace["state"] == UNKNOWN:
        raise NotFound(f"there is no event {event_id[:80]!r}: it was never received, or its batch is past retention")
    response = jsonify(trace)
    response.headers["Cache-Control"] = "no-store"
    return response
