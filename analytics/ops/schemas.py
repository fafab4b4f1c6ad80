"""Response schemas of the health routes, for the OpenAPI document."""

from typing import Any

from marshmallow import Schema, fields
from marshmallow.validate import OneOf

ROLES = ("ingest", "reports")


def _nullable(kind: type[fields.Field[Any]], **options: Any) -> fields.Field[Any]:
    return kind(required=True, allow_none=True, **options)


class LivenessResponse(Schema):
    """The process responds; nothing else was checked."""

    status = fields.String(required=True)


class ServerCheck(Schema):
    """The result of checking one server."""

    ok = fields.Boolean(required=True)
    latency_ms = fields.Float(required=True)
    detail = fields.String(required=True)


class ServerChecks(Schema):
    """The results by server."""

    postgres = fields.Nested(ServerCheck, required=True)
    redis = fields.Nested(ServerCheck, required=True)


class QueueState(Schema):
    """Accepted events that are not stored yet; null: unknown."""

    backlog_events = _nullable(fields.Integer)
    backlog_bytes = _nullable(fields.Integer)
    oldest_waiting_s = _nullable(fields.Float)


class RollupState(Schema):
    """Unmerged deltas, and when days were last closed; null: unknown."""

    waiting_deltas = _nullable(fields.Integer)
    waiting_events = _nullable(fields.Integer)
    merge_lag_s = _nullable(fields.Float)
    last_close_day = _nullable(fields.String)


class ReadinessQuery(Schema):
    """`role`: ingest is ready while events are accepted, reports while everything works."""

    role = fields.String(
        validate=OneOf(ROLES),
        metadata={"description": "What must work: `ingest` (default; PostgreSQL may be away) or `reports`."},
    )


def _degraded() -> fields.Field[Any]:
    return fields.List(fields.String(), required=True)


class ReadinessResponse(Schema):
    """`missing`: what does not work, by name; the role is ready if it needs none of that. `degraded` as in /health."""

    status = fields.String(required=True, validate=OneOf(("ready", "not ready")))
    role = fields.String(required=True, validate=OneOf(ROLES))
    missing = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    degraded = _degraded()


class CacheState(Schema):
    """Cache hits and misses of reports; null: unknown."""

    hits = _nullable(fields.Integer)
    misses = _nullable(fields.Integer)


class PoolState(Schema):
    """This process's connections to PostgreSQL: in use, and the maximum."""

    checked_out = fields.Integer(required=True)
    size = fields.Integer(required=True)


class MemoryState(Schema):
    """Redis's memory in bytes; limit 0: unlimited; null: unknown."""

    used_bytes = _nullable(fields.Integer)
    limit_bytes = _nullable(fields.Integer)


class HeartbeatState(Schema):
    """Seconds since the last heartbeat, by worker and of beat."""

    workers = fields.Dict(keys=fields.String(), values=fields.Float(), required=True)
    beat = _nullable(fields.Float)


class HealthResponse(Schema):
    """The state of the service and its servers; status 503 when one is unavailable. `degraded`: what is wrong all the
    same, the most severe first. From `queue` on only for callers with the scope admin."""

    ok = fields.Boolean(required=True)
    status = fields.String(required=True, validate=OneOf(("healthy", "unhealthy")))
    service = fields.String(required=True)
    version = fields.String(required=True)
    python_version = fields.String(required=True)
    database = fields.String(required=True)
    postgres = fields.String(required=True)
    redis = fields.String(required=True)
    partitions = fields.Boolean(required=True)
    degraded = _degraded()
    timestamp = fields.AwareDateTime(required=True)
    queue = fields.Nested(QueueState)
    rollups = fields.Nested(RollupState)
    cache = fields.Nested(CacheState)
    pool = fields.Nested(PoolState)
    redis_memory = fields.Nested(MemoryState)
    heartbeats = fields.Nested(HeartbeatState, allow_none=True)
    tasks = fields.Dict(keys=fields.String(), allow_none=True)
    audit = fields.Dict(keys=fields.String())
    rate_limit_uncounted = fields.Integer(
        metadata={"description": "Requests and batches that this process let through uncounted while Redis was away."}
    )
    checks = fields.Nested(ServerChecks)


_CHECK_EXAMPLE = {"ok": True, "latency_ms": 3.1, "detail": "connected"}
_QUEUE_EXAMPLE = {"backlog_events": 0, "backlog_bytes": 0, "oldest_waiting_s": 0.0}
_ROLLUPS_EXAMPLE = {
    "waiting_deltas": 2,
    "waiting_events": 120,
    "merge_lag_s": 1.4,
    "last_close_day": "2025-11-24T00:05:00Z",
}
READY_EXAMPLE: dict[str, Any] = {
    "status": "ready",
    "role": "ingest",
    "missing": {"postgres": "cannot be reached"},
    "degraded": ["dead_letters"],
}
HEALTH_EXAMPLE: dict[str, Any] = {
    "ok": True,
    "status": "healthy",
    "service": "analytics-service",
    "version": "0.1.0",
    "python_version": "3.11.2",
    "database": "connected",
    "postgres": "connected",
    "redis": "connected",
    "partitions": True,
    "degraded": ["dead_letters"],
    "timestamp": "2025-11-24T16:00:00.000Z",
    "queue": _QUEUE_EXAMPLE,
    "rollups": _ROLLUPS_EXAMPLE,
    "cache": {"hits": 310, "misses": 42},
    "pool": {"checked_out": 1, "size": 30},
    "redis_memory": {"used_bytes": 4_200_000, "limit_bytes": 0},
    "heartbeats": {"workers": {"celery@web1|web1|412": 1.2}, "beat": 0.8},
    "tasks": {},
    "audit": {"gap": None, "checked_at": "2025-11-24T15:50:00Z"},
    "rate_limit_uncounted": 0,
    "checks": {"postgres": _CHECK_EXAMPLE, "redis": _CHECK_EXAMPLE},
}
