"""What the routes of exports answer, for the API's description."""

from typing import Any

from marshmallow import Schema, fields
from marshmallow.validate import OneOf

from analytics.exports import schedules

STATES = ("queued", "running", "done", "failed", "cancelled", "expired")
# What `download` may send: text of each format, or a packed file.
FILE_TYPES = (
    *("text/csv", "application/x-ndjson", "application/vnd.apache.parquet"),
    *("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "application/gzip", "application/zstd"),
)


def _instant() -> fields.AwareDateTime:
    return fields.AwareDateTime(required=True, allow_none=True)


class Progress(Schema):
    """How far it is; nulls: not known."""

    rows_done = fields.Integer(required=True)
    rows_estimate = fields.Integer(required=True, allow_none=True)
    percent = fields.Float(required=True)
    rate_rows_s = fields.Integer(required=True, allow_none=True)
    eta_s = fields.Integer(required=True, allow_none=True)


class ExportAnswer(Schema):
    """An export. `download_url` is a link that needs no token, for 15 minutes, once it is done."""

    id = fields.UUID(required=True)
    site = fields.String(required=True)
    owner = fields.String(required=True)
    state = fields.String(required=True, validate=OneOf(STATES))
    request = fields.Dict(keys=fields.String(), required=True)
    created_at = fields.AwareDateTime(required=True)
    started_at = _instant()
    finished_at = _instant()
    expires_at = _instant()
    complete_through = _instant()
    attempt = fields.Integer(required=True)
    error = fields.String(required=True, allow_none=True)
    rows = fields.Integer(required=True, allow_none=True)
    bytes = fields.Integer(required=True, allow_none=True)
    sha256 = fields.String(required=True, allow_none=True)
    progress = fields.Nested(Progress, required=True)
    file_name = fields.String(required=True)
    callback_url = fields.String(required=True, allow_none=True)
    schedule_id = fields.UUID(required=True, allow_none=True)
    download_url = fields.String(required=True, allow_none=True)


class ExportsAnswer(Schema):
    """A page of exports, the latest first; `next_cursor` is null on the last one."""

    exports = fields.List(fields.Nested(ExportAnswer), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class ScheduleAnswer(Schema):
    """A schedule. Each file holds what came in since `complete_through`.

    `waits_for`: what keeps it from its next file, whose time has come; null: nothing."""

    id = fields.UUID(required=True)
    site = fields.String(required=True)
    owner = fields.String(required=True)
    request = fields.Dict(keys=fields.String(), required=True)
    every = fields.String(required=True, validate=OneOf(schedules.EVERY))
    at = fields.String(required=True)
    zone = fields.String(required=True)
    enabled = fields.Boolean(required=True)
    next_run_at = fields.AwareDateTime(required=True)
    created_at = fields.AwareDateTime(required=True)
    complete_through = _instant()
    waits_for = fields.String(required=True, allow_none=True)


class SchedulesAnswer(Schema):
    """All schedules that the caller sees, the oldest first."""

    schedules = fields.List(fields.Nested(ScheduleAnswer), required=True)


ID = "5f0c1d2e-8a53-4c0e-9d3c-0e8d8a1f2b34"
ORDER_EXAMPLE = {"what": "events", "format": "csv", "from": "2025-11-01", "to": "2025-11-15", "site": "default"}
_REQUEST: dict[str, Any] = {
    "what": "events",
    "format": "csv",
    "compression": "none",
    "zone": "UTC",
    "types": [],
    "user_id": None,
    "include_bots": True,
    "columns": [],
}
_BOUNDS = {"start": "2025-11-01T00:00:00+00:00", "end": "2025-11-15T00:00:00+00:00", "received_from": None}
EXPORT_EXAMPLE: dict[str, Any] = {
    "id": ID,
    "site": "default",
    "owner": "reporter",
    "state": "running",
    "created_at": "2025-11-24T16:00:00Z",
    "started_at": "2025-11-24T16:00:01Z",
    "finished_at": None,
    "attempt": 1,
    "error": None,
    "bytes": None,
    "sha256": None,
    "expires_at": None,
    "request": _REQUEST | _BOUNDS,
    "rows": None,
    "progress": {"rows_done": 50_000, "rows_estimate": 200_000, "percent": 25.0, "rate_rows_s": 50_000, "eta_s": 3},
    "complete_through": "2025-11-24T16:00:01Z",
    "file_name": "events-default-2025-11-01-2025-11-14.csv",
    "callback_url": None,
    "schedule_id": None,
    "download_url": None,
}
EXPORTS_EXAMPLE = {"exports": [EXPORT_EXAMPLE], "next_cursor": None}
NEW_SCHEDULE_EXAMPLE = {"every": "day", "at": "06:30", "zone": "UTC", "request": {"site": "default", "format": "csv"}}
SCHEDULE_EXAMPLE: dict[str, Any] = {
    "id": ID,
    "site": "default",
    "owner": "reporter",
    "request": _REQUEST | {"callback_url": None},
    "every": "day",
    "at": "06:30",
    "zone": "UTC",
    "enabled": True,
    "next_run_at": "2025-11-25T06:30:00Z",
    "created_at": "2025-11-24T16:00:00Z",
    "complete_through": None,
    "waits_for": None,
}
SCHEDULES_EXAMPLE = {"schedules": [SCHEDULE_EXAMPLE]}
