"""What the health routes and the trace of an event answer, for the API's description."""

from typing import Any

from marshmallow import Schema, fields
from marshmallow.validate import OneOf


def _maybe(kind: type[fields.Field[Any]], **more: Any) -> fields.Field[Any]:
    return kind(required=True, allow_none=True, **more)


class LiveAnswer(Schema):
    """The process answers; nothing else was asked."""

    status = fields.String(required=True)


class ServerCheck(Schema):
    """One look at one server."""

    ok = fields.Boolean(required=True)
    latency_ms = fields.Float(required=True)
    detail = fields.String(required=True)


class Checks(Schema):
    """By server."""

    postgres = fields.Nested(ServerCheck, required=True)
    redis = fields.Nested(ServerCheck, required=True)


class QueueState(Schema):
    """What is accepted and not stored yet; nulls: unknown."""

    backlog_events = _maybe(fields.Integer)
    backlog_bytes = _maybe(fields.Integer)
    oldest_waiting_s = _maybe(fields.Float)


class RollupState(Schema):
    """What waits to be merged, and when days were last closed; nulls: unknown."""

    waiting_deltas = _maybe(fields.Integer)
    waiting_events = _maybe(fields.Integer)
    merge_lag_s = _maybe(fields.Float)
    last_close_day = _maybe(fields.String)


class ReadyAnswer(Schema):
    """`missing`: what keeps the service from being ready, and why."""

    status = fields.String(required=True, validate=OneOf(("ready", "not ready")))
    missing = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    queue = fields.Nested(QueueState, required=True)
    rollups = fields.Nested(RollupState, required=True)


class CacheState(Schema):
    """Answers found in the cache, and computed though they may be kept; nulls: unknown."""

    hits = _maybe(fields.Integer)
    misses = _maybe(fields.Integer)


class PoolState(Schema):
    """This process's connections to PostgreSQL: in use, and how many it may have."""

    checked_out = fields.Integer(required=True)
    size = fields.Integer(required=True)


class MemoryState(Schema):
    """Redis's memory; a limit of 0 is none. Nulls: unknown."""

    used_bytes = _maybe(fields.Integer)
    limit_bytes = _maybe(fields.Integer)


class HealthAnswer(Schema):
    """The state of the service and of what it needs; with 503 when one of those is away."""

    ok = fields.Boolean(required=True)
    status = fields.String(required=True, validate=OneOf(("healthy", "unhealthy")))
    service = fields.String(required=True)
    version = fields.String(required=True)
    python_version = fields.String(required=True)
    database = fields.String(required=True)
    postgres = fields.String(required=True)
    redis = fields.String(required=True)
    partitions = fields.Boolean(required=True)
    queue = fields.Nested(QueueState, required=True)
    rollups = fields.Nested(RollupState, required=True)
    cache = fields.Nested(CacheState, required=True)
    pool = fields.Nested(PoolState, required=True)
    redis_memory = fields.Nested(MemoryState, required=True)
    tasks = _maybe(fields.Dict, keys=fields.String())
    audit = fields.Dict(keys=fields.String(), required=True)
    timestamp = fields.AwareDateTime(required=True)
    checks = fields.Nested(Checks, required=True)


class StoredEvent(Schema):
    """The event as it is in the table."""

    ts = fields.AwareDateTime(required=True)
    received_at = fields.AwareDateTime(required=True)
    type = fields.String(required=True)
    user_id = _maybe(fields.String)
    user_no = _maybe(fields.Integer)
    session_id = _maybe(fields.String)
    subject = _maybe(fields.String)
    is_bot = fields.Boolean(required=True)
    path = _maybe(fields.String)


class TraceAnswer(Schema):
    """What is known of one event: its row, its batch, copies that wait, and the rollups that count it."""

    event_id = fields.UUID(required=True)
    asked = fields.String(required=True)
    state = fields.String(required=True, validate=OneOf(("stored", "waiting", "dead_lettered", "gone")))
    site = _maybe(fields.String)
    event = fields.Nested(StoredEvent, required=True, allow_none=True)
    batch = _maybe(fields.Dict, keys=fields.String())
    dead_letter = _maybe(fields.Dict, keys=fields.String())
    waiting = fields.List(fields.Dict(keys=fields.String()), required=True)
    rollups = fields.List(fields.Dict(keys=fields.String()), required=True)


_WELL = {"ok": True, "latency_ms": 3.1, "detail": "connected"}
_QUEUE = {"backlog_events": 0, "backlog_bytes": 0, "oldest_waiting_s": 0.0}
_ROLLUPS = {
    "waiting_deltas": 2,
    "waiting_events": 120,
    "merge_lag_s": 1.4,
    "last_close_day": "2025-11-24T00:05:00Z",
}
READY_EXAMPLE: dict[str, Any] = {"status": "ready", "missing": {}, "queue": _QUEUE, "rollups": _ROLLUPS}
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
    "queue": _QUEUE,
    "rollups": _ROLLUPS,
    "cache": {"hits": 310, "misses": 42},
    "pool": {"checked_out": 1, "size": 30},
    "redis_memory": {"used_bytes": 4_200_000, "limit_bytes": 0},
    "tasks": {},
    "audit": {"gap": 0, "checked_at": "2025-11-24T15:50:00Z"},
    "timestamp": "2025-11-24T16:00:00.000Z",
    "checks": {"postgres": _WELL, "redis": _WELL},
}
EVENT_ID, BATCH_ID = "0193a2f0-7c1e-7000-8000-000000000000", "1764000000000-0"
TRACE_EXAMPLE: dict[str, Any] = {
    "event_id": EVENT_ID,
    "asked": EVENT_ID,
    "state": "stored",
    "site": "default",
    "event": {
        "ts": "2025-11-24T16:00:00Z",
        "received_at": "2025-11-24T16:00:00.100Z",
        "type": "page_view",
        "user_id": "user-1",
        "user_no": 17,
        "session_id": None,
        "subject": None,
        "is_bot": False,
        "path": "/pricing",
    },
    "batch": {
        "batch_id": BATCH_ID,
        "received_at": "2025-11-24T16:00:00.100Z",
        "stored_at": "2025-11-24T16:00:00.220Z",
        "principal": "shop-server",
        "request_id": "4e0b8b6f0f7b4f0e9a5f3a0d3c1b2a19",
        "received": 2,
        "stored": 2,
        "duplicate": 0,
        "dead_lettered": 0,
    },
    "dead_letter": None,
    "waiting": [],
    "rollups": [
        {
            "dimension": "path",
            "day": "2025-11-24",
            "type": "page_view",
            "subject": "",
            "value": "/pricing",
            "is_bot": False,
            "state": "merged",
        }
    ],
}
