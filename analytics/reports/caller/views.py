"""GET /api/analytics/me, for every credential but publishable keys."""

from datetime import UTC, datetime
from math import isfinite
from typing import Any

import msgspec
from flask import Blueprint, Response

from analytics.apidocs.operations import documented
from analytics.auth.guard import Kind, Principal, guarded, require_scope
from analytics.clock import format_rfc3339
from analytics.extensions import db, settings
from analytics.reports.caller.activity import Activity, read_activity
from analytics.reports.caller.schemas import CALLER_EXAMPLE, CallerResponse
from analytics.sites.sites import Site, list_sites
from analytics.store.planner import force_index_lookups
from analytics.store.reading import read_transaction
from config_values import SCOPES

blueprint = Blueprint("caller", __name__)


@blueprint.get("/api/analytics/me")
@documented("Who the caller is, and its sites", response=(CallerResponse, CALLER_EXAMPLE))
@guarded(*SCOPES, admits={Kind.SHARE})
def show_caller() -> Response:
    """Subject, scopes and sites of the credential that was sent; a publishable key is refused. Any scope will do."""
    principal = require_scope(*SCOPES)
    response = Response(msgspec.json.encode(_describe(principal)), mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def _describe(principal: Principal) -> dict[str, Any]:
    with read_transaction(db.engine, settings().statement_timeout) as connection:
        force_index_lookups(connection)
        can_read = principal.has_scope("read")
        # A stranger that may only send events does not learn the names of the sites.
        sites = list_sites(connection, principal.sites) if can_read or principal.kind is not Kind.ANONYMOUS else []
        activity = read_activity(connection, sites) if can_read else {}
    ends_at = datetime.fromtimestamp(principal.expires_at, UTC) if isfinite(principal.expires_at) else None
    return {
        "subject": principal.subject,
        "kind": principal.kind,
        "scopes": sorted(principal.scopes),
        "expires_at": _format(ends_at),
        "all_sites": principal.sites is None,
        "sites": [_describe_site(site, activity.get(site.id, Activity(None, None))) for site in sites],
    }


def _describe_site(site: Site, activity: Activity) -> dict[str, Any]:
    events = {name: _format(instant) for name, instant in activity._asdict().items()}
    return {"key": site.key, "name": site.name, "zone": site.zone, **events}


def _format(instant: datetime | None) -> str | None:
    return None if instant is None else format_rfc3339(instant.astimezone(UTC))
