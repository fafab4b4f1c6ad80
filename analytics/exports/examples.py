"""Example bodies and responses of the export routes, for the OpenAPI document."""

from typing import Any

EXAMPLE_ID = "5f0c1d2e-8a53-4c0e-9d3c-0e8d8a1f2b34"
EXPORT_BODY_EXAMPLE = {"what": "events", "format": "csv", "from": "2025-11-01", "to": "2025-11-15", "site": "default"}
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
    "id": EXAMPLE_ID,
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
    "callback_url": "https://example.com/exported",
    "callback": {
        "state": "waiting",
        "attempts": 0,
        "last_status": None,
        "last_error": None,
        "next_attempt_at": None,
        "delivered_at": None,
    },
    "schedule_id": None,
    "download_url": None,
}
EXPORT_LIST_EXAMPLE = {"exports": [EXPORT_EXAMPLE], "next_cursor": None}
SCHEDULE_BODY_EXAMPLE = {"every": "day", "at": "06:30", "zone": "UTC", "request": {"site": "default", "format": "csv"}}
SCHEDULE_EXAMPLE: dict[str, Any] = {
    "id": EXAMPLE_ID,
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
SCHEDULE_LIST_EXAMPLE = {"schedules": [SCHEDULE_EXAMPLE]}
