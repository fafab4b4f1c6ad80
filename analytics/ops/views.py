"""Public health routes, and the process time and cache header of every response.

No health route waits for a server: each shows what background checks (health.py) found at most two seconds ago. What is
more than a state, such as counts and memory, is shown to callers with the scope `admin`.
"""

import platform
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, ParamSpec, TypeVar

from flask import Blueprint, Response, current_app, jsonify
from flask.blueprints import BlueprintSetupState
from marshmallow import Schema
from sqlalchemy.pool import QueuePool

from analytics.apidocs.operations import DocumentedView, documented
from analytics.auth.guard import anonymous_scopes, authenticator
from analytics.auth.limits import outage
from analytics.errors import AnalyticsError
from analytics.extensions import db, settings
from analytics.ops import schemas
from analytics.ops.access_log import BEGAN_ENVIRON_KEY
from analytics.ops.degradation import AUDIT_TASK, find_degradations
from analytics.ops.health import Health, HealthMonitor
from analytics.ops.server_checks import CheckResult
from analytics.web.app import current_request, runs_on_event_loop
from analytics.web.validation import read_query
from config import VERSION

P = ParamSpec("P")
R = TypeVar("R", covariant=True)
blueprint = Blueprint("ops", __name__)

CLOSE_DAYS_TASK = "rollups.close_days"
# What each role needs; see Health.unmet_requirements. Events are accepted while PostgreSQL is away.
ROLE_NEEDS = {"ingest": ("redis", "schema"), "reports": ("postgres", "redis", "schema")}
DEFAULT_ROLE = "ingest"
# How long the first request of a process waits for the first check: an orchestrator's probe, and a person.
PROBE_WAIT_S, HEALTH_WAIT_S = 0.08, 2.0


@blueprint.record_once
def _install_monitor(state: BlueprintSetupState) -> None:
    state.app.extensions["health_monitor"] = HealthMonitor(state.app.extensions["settings"])


def documented_check(
    summary: str, response: type[Schema], example: dict[str, Any], query: type[Schema] | None = None
) -> Callable[[Callable[P, R]], DocumentedView[P, R]]:
    """Describes a check, which responds with the same fields whether it is 200 or 503."""
    refused = {400: "A parameter is unknown or wrong."} if query else {}
    return documented(summary, query, (response, example), other_responses={503: response, **refused})


@blueprint.get("/livez")
@runs_on_event_loop
@documented("Check that the process is alive", response=(schemas.LivenessResponse, {"status": "alive"}))
def livez() -> Response:
    return jsonify({"status": "alive"})


@blueprint.get("/readyz")
@runs_on_event_loop
@documented_check(
    "Check that the service is ready", schemas.ReadinessResponse, schemas.READY_EXAMPLE, schemas.ReadinessQuery
)
def readyz() -> tuple[Response, int]:
    role = read_query(schemas.ReadinessQuery(), current_request().args).get("role", DEFAULT_ROLE)
    health = _read_health(PROBE_WAIT_S)
    missing = health.unmet_requirements
    is_ready = not missing.keys() & ROLE_NEEDS[role]
    body = {"status": "ready" if is_ready else "not ready", "role": role, "missing": missing}
    return _uncached({**body, "degraded": find_degradations(health, settings())}, is_ready)


@blueprint.get("/health")
@blueprint.get("/health-check")
@blueprint.get("/healthz")
@blueprint.get("/api/analytics/healthz")
@runs_on_event_loop
@documented_check("Check the health of the service", schemas.HealthResponse, schemas.HEALTH_EXAMPLE)
def show_health() -> tuple[Response, int]:
    """The fields of the seeds and the degradations; for an admin also counts, latencies, memory and task runs."""
    health = _read_health(HEALTH_WAIT_S)
    is_healthy = not health.postgres.check.problem and not health.redis.check.problem
    details = _details(health) if _is_admin(can_wait=is_healthy) else {}
    return _uncached({**_describe(health, is_healthy), **details}, is_healthy)


@blueprint.after_app_request
def _add_headers(response: Response) -> Response:
    # Until the first byte: a streamed body takes as long as its client reads.
    request, now = current_request(), time.perf_counter()
    took_s: float = now - request.environ.get(BEGAN_ENVIRON_KEY, now)
    response.headers.add("X-Analytics-Process-Time", f"{took_s:.6f}")
    # Responses are about users and about one moment: no cache stores them unless the view allows it.
    if request.method == "GET":
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def _read_health(wait_s: float) -> Health:
    monitor: HealthMonitor = current_app.extensions["health_monitor"]
    return monitor.read(wait_s)


def _is_admin(can_wait: bool) -> bool:
    """A wrong token is none here: probes of the seeds send what they like. Waits for no look-up of a key, also of
    the issuer of tokens: a new one is known at the next request. `can_wait` False: waits for no server."""
    environ = current_request().environ
    header = environ.get("HTTP_AUTHORIZATION")
    try:
        if header is None:
            principal = authenticator().find_known_session(environ, can_wait)
        else:
            principal = authenticator().find_known(header, can_wait)
    except AnalyticsError:
        return False
    if principal is None:
        return header is None and "admin" in anonymous_scopes()
    return principal.has_scope("admin")


def _uncached(body: dict[str, Any], is_well: bool) -> tuple[Response, int]:
    response = jsonify(body)
    response.headers["Cache-Control"] = "no-store"
    return response, 200 if is_well else 503


def _describe(health: Health, is_healthy: bool) -> dict[str, Any]:
    """The public part: what the seeds' callers read, and no count."""
    postgres, redis = _status_text(health.postgres.check), _status_text(health.redis.check)
    return {
        "ok": is_healthy,
        "status": "healthy" if is_healthy else "unhealthy",
        "service": "analytics-service",
        "version": VERSION,
        "python_version": platform.python_version(),
        "database": postgres,
        "postgres": postgres,
        "redis": redis,
        "partitions": health.postgres.has_partition,
        "degraded": find_degradations(health, settings()),
        "timestamp": health.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


def _details(health: Health) -> dict[str, Any]:
    cache, runs, heartbeats = health.side.cache, health.redis.task_runs, health.redis.heartbeats
    return {
        "queue": _queue(health),
        "rollups": _rollups(health),
        "cache": {"hits": None, "misses": None} if cache is None else cache._asdict(),
        "pool": _pool(),
        "redis_memory": _memory(health),
        "heartbeats": None if heartbeats is None else heartbeats._asdict(),
        "tasks": None if runs is None else {name: run._asdict() for name, run in runs.items()},
        "audit": _audit(health),
        "rate_limit_uncounted": outage().uncounted,
        "checks": {"postgres": _check(health.postgres.check), "redis": _check(health.redis.check)},
    }


def _queue(health: Health) -> dict[str, float | None]:
    """Null when Redis is unavailable: unknown is not zero."""
    if health.redis.backlog is None:
        return {"backlog_events": None, "backlog_bytes": None, "oldest_waiting_s": None}
    return {
        "backlog_events": health.redis.backlog.events,
        "backlog_bytes": health.redis.backlog.bytes,
        "oldest_waiting_s": _age_s(health.at, health.redis.backlog.oldest_at),
    }


def _rollups(health: Health) -> dict[str, Any]:
    """The deltas that reports read until they are merged. Null: unknown."""
    closed = (health.redis.task_runs or {}).get(CLOSE_DAYS_TASK)
    merge = health.postgres.merge_backlog
    return {
        "waiting_deltas": merge.deltas if merge else None,
        "waiting_events": merge.events if merge else None,
        "merge_lag_s": _age_s(health.at, merge.oldest_at) if merge else None,
        "last_close_day": closed.last_success_at if closed else None,
    }


def _pool() -> dict[str, int]:
    """This process's pool. Requests beyond its size wait up to POOL_TIMEOUT_S, then get 503."""
    pool = db.engine.pool
    assert isinstance(pool, QueuePool)
    config = settings()
    return {"checked_out": pool.checkedout(), "size": config.db_pool_size + config.db_max_overflow}


def _memory(health: Health) -> dict[str, int | None]:
    memory = health.redis.memory
    return {"used_bytes": memory.used if memory else None, "limit_bytes": memory.limit if memory else None}


def _audit(health: Health) -> dict[str, Any]:
    """The result of the last audit; null: none has run."""
    audit = (health.redis.task_runs or {}).get(AUDIT_TASK)
    return {"gap": None, "checked_at": None, **((audit.result if audit else None) or {})}


def _age_s(now: datetime, at: datetime | None) -> float:
    return max(0.0, round((now - at).total_seconds(), 3)) if at else 0.0


def _status_text(check: CheckResult) -> str:
    return check.problem or "connected"


def _check(check: CheckResult) -> dict[str, Any]:
    return {"ok": not check.problem, "latency_ms": check.latency_ms, "detail": check.problem or "connected"}
