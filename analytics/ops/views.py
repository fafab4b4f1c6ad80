"""Public health routes, and the process time of every response."""

import logging
import platform
import time
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, current_app, jsonify
from flask.blueprints import BlueprintSetupState
from sqlalchemy.pool import QueuePool

from analytics.application import current_request
from analytics.documented import documented
from analytics.extensions import db, settings
from analytics.ops import answers
from analytics.ops.health import Check, Health, Prober

blueprint = Blueprint("ops", __name__)
log = logging.getLogger(__name__)

# Tasks whose outcome has a place of its own.
CLOSE_DAYS, AUDIT = "rollups.close_days", "maintenance.audit"


@blueprint.record_once
def _make_prober(state: BlueprintSetupState) -> None:
    found = state.app.extensions["settings"]
    state.app.extensions["prober"] = Prober(found.database_url, found.celery_broker_url, found.redis_url)


@blueprint.get("/livez")
@documented("Is the process alive", answer=answers.LiveAnswer, example={"status": "alive"})
def livez() -> Response:
    return jsonify({"status": "alive"})


@blueprint.get("/readyz")
@documented(
    "May it get requests",
    answer=answers.ReadyAnswer,
    example=answers.READY_EXAMPLE,
    others={503: answers.ReadyAnswer},
)
def readyz() -> tuple[Response, int]:
    found = _look()
    missing = found.missing
    status = "not ready" if missing else "ready"
    body = {"status": status, "missing": missing, "queue": _queue(found), "rollups": _rollups(found)}
    return _uncached(body, not missing)


@blueprint.get("/health")
@blueprint.get("/health-check")
@blueprint.get("/healthz")
@blueprint.get("/api/analytics/healthz")
@documented(
    "Is the service well",
    answer=answers.HealthAnswer,
    example=answers.HEALTH_EXAMPLE,
    others={503: answers.HealthAnswer},
)
def health() -> tuple[Response, int]:
    found = _look()
    is_healthy = not found.postgres.problem and not found.redis.problem
    return _uncached(_describe(found, is_healthy), is_healthy)


@blueprint.before_app_request
def _start_watch() -> None:
    current_request().environ["analytics.began"] = time.perf_counter()


@blueprint.after_app_request
def _tell_time(response: Response) -> Response:
    # Until the first byte: a streamed body takes as long as its reader.
    request, now = current_request(), time.perf_counter()
    took_s: float = now - request.environ.get("analytics.began", now)
    response.headers.add("X-Analytics-Process-Time", f"{took_s:.6f}")
    if took_s > settings().slow_request:
        # The path without its query, which may hold a user id.
        log.warning("Slow analytics request: %s took %.3fs", request.path, took_s, extra={"method": request.method})
    # Answers tell of people, and of a moment: nobody on the way keeps one, unless its view says so.
    if request.method == "GET":
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def _look() -> Health:
    prober: Prober = current_app.extensions["prober"]
    return prober.look()


def _uncached(body: dict[str, Any], is_well: bool) -> tuple[Response, int]:
    response = jsonify(body)
    response.headers["Cache-Control"] = "no-store"
    return response, 200 if is_well else 503


def _describe(found: Health, is_healthy: bool) -> dict[str, Any]:
    from analytics import __version__

    return {
        "ok": is_healthy,
        "status": "healthy" if is_healthy else "unhealthy",
        "service": "analytics-service",
        "version": __version__,
        "python_version": platform.python_version(),
        "database": _word(found.postgres),
        "postgres": _word(found.postgres),
        "redis": _word(found.redis),
        "partitions": found.has_partition,
        "queue": _queue(found),
        "rollups": _rollups(found),
        "cache": {"hits": None, "misses": None} if found.cache is None else found.cache._asdict(),
        "pool": _pool(),
        "redis_memory": _memory(found),
        "tasks": None if found.runs is None else {name: run._asdict() for name, run in found.runs.items()},
        "audit": _audit(found),
        "timestamp": found.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "checks": {"postgres": _check(found.postgres), "redis": _check(found.redis)},
    }


def _queue(found: Health) -> dict[str, float | None]:
    """Nulls when Redis cannot be asked: unknown is not zero."""
    if found.backlog is None:
        return {"backlog_events": None, "backlog_bytes": None, "oldest_waiting_s": None}
    return {
        "backlog_events": found.backlog.events,
        "backlog_bytes": found.backlog.bytes,
        "oldest_waiting_s": _age_s(found.at, found.backlog.oldest_at),
    }


def _rollups(found: Health) -> dict[str, Any]:
    """What reports fold by themselves until merge has done so. Nulls: unknown."""
    closed = (found.runs or {}).get(CLOSE_DAYS)
    merge = found.merge
    return {
        "waiting_deltas": merge.deltas if merge else None,
        "waiting_events": merge.events if merge else None,
        "merge_lag_s": _age_s(found.at, merge.oldest_at) if merge else None,
        "last_close_day": closed.last_success_at if closed else None,
    }


def _pool() -> dict[str, int]:
    """Of this process. More callers than that wait for at most POOL_WAIT_S, and are told 503."""
    pool = db.engine.pool
    assert isinstance(pool, QueuePool)
    chosen = settings()
    return {"checked_out": pool.checkedout(), "size": chosen.db_pool_size + chosen.db_max_overflow}


def _memory(found: Health) -> dict[str, int | None]:
    memory = found.memory
    return {"used_bytes": memory.used if memory else None, "limit_bytes": memory.limit if memory else None}


def _audit(found: Health) -> dict[str, Any]:
    """What the last audit of the last hours found; nulls: none has run."""
    audit = (found.runs or {}).get(AUDIT)
    return {"gap": None, "checked_at": None, **((audit.result if audit else None) or {})}


def _age_s(now: datetime, at: datetime | None) -> float:
    return max(0.0, round((now - at).total_seconds(), 3)) if at else 0.0


def _word(check: Check) -> str:
    return check.problem or "connected"


def _check(check: Check) -> dict[str, Any]:
    return {"ok": not check.problem, "latency_ms": check.latency_ms, "detail": check.problem or "connected"}
