"""GET /api/analytics/storage, for admins: what the data takes, what is deleted next, and what is in column files."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request
from sqlalchemy import Connection, text

from analytics import clock
from analytics.apidocs.operations import documented
from analytics.auth.guard import Principal, check_site_access, guarded, require_scope
from analytics.columnar.files_status import read_status
from analytics.errors import Unavailable
from analytics.extensions import db, settings
from analytics.ops.health import HealthMonitor
from analytics.ops.storage import schemas
from analytics.privacy import retention
from analytics.privacy.steps import Step
from analytics.sites.sites import Site, find_site, list_sites
from analytics.store.time_limit import limit_time
from analytics.web.site_parameters import read_requested_site
from analytics.web.validation import read_query

blueprint = Blueprint("storage", __name__)
TIME_LIMIT_S, RETRY_AFTER_S = 20.0, 60
HEALTH_WAIT_S = 0.5
MAX_SITES = 100_000
# Partitions are counted with their table.
TABLES = text("""
SELECT coalesce(parent.relname, c.relname) AS table, sum(pg_total_relation_size(c.oid))::bigint AS bytes,
    count(i.inhrelid) AS partitions
FROM pg_class c
LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
LEFT JOIN pg_class parent ON parent.oid = i.inhparent
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
GROUP BY 1
ORDER BY 2 DESC, 1
""")


@blueprint.get("/api/analytics/storage")
@documented("Show what is stored", schemas.StorageQuery, (schemas.StorageResponse, schemas.STORAGE_EXAMPLE))
@guarded("admin")
def show_storage() -> Response:
    """Tables and the disk are of all sites, and shown to an admin for all."""
    read_query(schemas.StorageQuery(), request.args)
    principal = require_scope("admin")
    sites, is_for_all = _read_sites(principal), principal.sites is None
    too_long = Unavailable(f"took longer than {TIME_LIMIT_S:g} s; name a site, for example site=shop", RETRY_AFTER_S)
    with limit_time(db.engine, TIME_LIMIT_S, too_long) as limited:
        steps = retention.plan(limited.engine, settings(), clock.now())
        with limited.engine.connect() as connection:
            tables = _read_tables(connection) if is_for_all else None
            files = read_status(connection, [site.id for site in sites])
    response = jsonify(
        {
            "disk": _read_disk() if is_for_all else None,
            "tables": tables,
            "retention": _describe_steps(steps, sites, is_for_all),
            "column_files": [one._asdict() for one in files],
        }
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def _read_sites(principal: Principal) -> list[Site]:
    """That of the request, else those of the caller. Raises Forbidden and NotFound."""
    key = read_requested_site()
    if key:
        check_site_access(principal, key)
        return [find_site(db.engine, key)]
    with db.engine.connect() as connection:
        return list_sites(connection, principal.sites, MAX_SITES)


def _read_tables(connection: Connection) -> list[dict[str, Any]]:
    return [dict(row._mapping) for row in connection.execute(TABLES)]


def _read_disk() -> dict[str, int] | None:
    monitor: HealthMonitor = current_app.extensions["health_monitor"]
    disk = monitor.read(HEALTH_WAIT_S).side.disk
    return disk and {"free_bytes": disk[0], "total_bytes": disk[1]}


def _describe_steps(steps: Sequence[Step], sites: Sequence[Site], is_for_all: bool) -> list[dict[str, Any]]:
    """Those of these sites, and of all sites for who is for all."""
    keys = {site.id: site.key for site in sites}
    return [
        {
            "action": step.action,
            "what": step.description,
            "before": step.before.isoformat(),
            "rows": step.rows,
            "is_estimate": step.is_estimate,
            "bytes": step.bytes if step.action == "drop" else 0,
            "setting": step.setting,
            "site": keys.get(step.site_id or 0),
        }
        for step in steps
        if step.site_id in keys or (step.site_id is None and is_for_all)
    ]
