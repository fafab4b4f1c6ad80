"""GET /api/analytics/audit: the balance sheet of `flask audit`, for admins; bounded in days, rows and time.

One audit by HTTP runs at a time: it reads much, and keeps partitions from being dropped.
"""

from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, jsonify, request

from analytics import clock
from analytics.apidocs.operations import documented
from analytics.audit import schemas
from analytics.audit.balance_sheet import BalanceSheet
from analytics.audit.run import audit_recent, run_audit
from analytics.auth.guard import Principal, guarded, require_scope, resolve_site_key
from analytics.errors import BadInput, Unavailable, bad_parameter
from analytics.extensions import buffer_redis, db
from analytics.sites.sites import Site, find_site
from analytics.store.connections import try_exclusive
from analytics.store.time_limit import Limited, limit_time
from analytics.web.site_parameters import read_requested_site
from analytics.web.validation import read_query

blueprint = Blueprint("audit", __name__)
AUDIT_LOCK_ID = 7_205_330
TIME_LIMIT_S, RETRY_AFTER_S, RETRY_TOO_LONG_S = 20.0, 5, 60
MAX_ROWS = 50_000


@blueprint.get("/api/analytics/audit")
@documented("Audit the numbers", schemas.AuditQuery, (schemas.AuditResponse, schemas.AUDIT_EXAMPLE))
@guarded("admin")
def audit() -> Response:
    """Proves that no event was lost or counted twice: of the last hours, or of the days from `from` to `to`."""
    query, site = read_query(schemas.AuditQuery(), request.args), _read_site(require_scope("admin"))
    _check_days(query)
    with try_exclusive(db.engine, AUDIT_LOCK_ID) as is_alone:
        if not is_alone:
            raise Unavailable("another audit is running; try again shortly", RETRY_AFTER_S)
        with limit_time(db.engine, TIME_LIMIT_S, _took_too_long()) as limited:
            sheet = _run(limited, site, query)
    _check_rows(sheet)
    response = jsonify(sheet.as_json())
    response.headers["Cache-Control"] = "no-store"
    return response


def _run(limited: Limited, site: Site | None, query: dict[str, Any]) -> BalanceSheet:
    engine, redis = limited.engine, buffer_redis()
    if "first" not in query:
        return audit_recent(engine, redis, site, limited.check)
    after = query["last"] + timedelta(days=1) if "last" in query else None
    return run_audit(engine, redis, site, query["first"], after, query["full"], limited.check)


def _took_too_long() -> Unavailable:
    detail = f"the audit took longer than {TIME_LIMIT_S:g} s; name a site or fewer days, for example site=shop"
    return Unavailable(f"{detail}&from=2026-11-23&to=2026-11-23; flask audit has no limit", RETRY_TOO_LONG_S)


def _read_site(principal: Principal) -> Site | None:
    """None: all sites, which only an admin for all may audit. Raises Forbidden, NotFound."""
    key = read_requested_site()
    if key is None and principal.sites is None:
        return None
    return find_site(db.engine, resolve_site_key(principal, key))


def _check_days(query: dict[str, Any]) -> None:
    """Raises BadInput for days that are not a range, or too many."""
    first, last = query.get("first"), query.get("last")
    if first is None:
        if last is not None or query["full"]:
            name = "to" if last is not None else "full"
            raise bad_parameter("from", f"missing; {name} is accepted together with from", "from=2026-11-23")
        return
    last = last or max(first, clock.now().date())
    if last < first:
        raise bad_parameter("to", "is before from; accepted: the same day or a later one", f"to={first}")
    if (last - first).days >= schemas.MAX_DAYS:
        example = f"to={first + timedelta(days=schemas.MAX_DAYS - 1)}"
        raise bad_parameter("to", f"the range is too long; accepted: up to {schemas.MAX_DAYS} days", example)


def _check_rows(sheet: BalanceSheet) -> None:
    rows = len(sheet.hours) + len(sheet.days) + len(sheet.gaps) + len(sheet.recounted)
    if rows > MAX_ROWS:
        raise BadInput(
            f"the result has {rows:,} rows, more than {MAX_ROWS:,}; name a site or fewer days, for example site=shop;"
            " flask audit --json has no limit"
        )
