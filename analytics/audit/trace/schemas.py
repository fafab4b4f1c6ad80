"""Query, response and example of the trace of one event."""

from typing import Any

from marshmallow import Schema, fields
from marshmallow.validate import OneOf

from analytics.apidocs.response_fields import nullable, required
from analytics.web.site_parameters import SiteFields


class TraceQuery(SiteFields):
    """The site to search; all that the caller may read unless given."""


class StoredEvent(Schema):
    """The event as stored."""

    class Meta:
        include = (
            required(fields.AwareDateTime, "ts", "received_at")
            | required(fields.String, "type")
            | nullable(fields.String, "user_id", "session_id", "subject", "path")
            # The event's index in its batch; null where an earlier release stored it.
            | nullable(fields.Integer, "position", "user_no")
            | required(fields.Boolean, "is_bot")
        )


class TraceResponse(Schema):
    """The event's row, its batch, copies that wait to be stored, and the rollups that count it."""

    class Meta:
        include = required(fields.String, "asked") | nullable(fields.String, "site")

    event_id = fields.UUID(required=True)
    state = fields.String(required=True, validate=OneOf(("stored", "waiting", "dead_lettered", "gone")))
    event = fields.Nested(StoredEvent, required=True, allow_none=True)
    batch = fields.Dict(keys=fields.String(), required=True, allow_none=True)
    dead_letter = fields.Dict(keys=fields.String(), required=True, allow_none=True)
    waiting = fields.List(fields.Dict(keys=fields.String()), required=True)
    rollups = fields.List(fields.Dict(keys=fields.String()), required=True)


EXAMPLE_EVENT_ID, EXAMPLE_BATCH_ID = "0193a2f0-7c1e-7000-8000-000000000000", "1764000000000-0"
TRACE_EXAMPLE: dict[str, Any] = {
    "event_id": EXAMPLE_EVENT_ID,
    "asked": EXAMPLE_EVENT_ID,
    "state": "stored",
    "site": "default",
    "event": {
        "ts": "2025-11-24T16:00:00Z",
        "received_at": "2025-11-24T16:00:00.100Z",
        "position": 0,
        "type": "page_view",
        "user_id": "user-1",
        "user_no": 17,
        "session_id": None,
        "subject": None,
        "is_bot": False,
        "path": "/pricing",
    },
    "batch": {
        "batch_id": EXAMPLE_BATCH_ID,
        "received_at": "2025-11-24T16:00:00.100Z",
        "stored_at": "2025-11-24T16:00:00.220Z",
        "principal": "shop-server",
        "request_id": "4e0b8b6f0f7b4f0e9a5f3a0d3c1b2a19",
        "accepted": 2,
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
