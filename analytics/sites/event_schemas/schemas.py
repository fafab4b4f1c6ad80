"""Schemas of the routes of a site's JSON Schemas: the check's body, and the responses."""

from typing import Any

from marshmallow import RAISE, Schema, fields
from marshmallow.validate import Length, Range

from analytics.sites.schemas import check_setting

# What a request checks; the command has no limit.
MAX_CHECKED_EVENTS, DEFAULT_CHECKED_EVENTS = 100_000, 10_000
MAX_DAYS, DEFAULT_DAYS = 366, 30
SCHEMA_BODY: dict[str, Any] = {
    "type": ["object", "boolean"],
    "description": "JSON Schema of the payload, draft 2020-12 or, by `$schema`, draft 7.",
}
SCHEMA_EXAMPLE: dict[str, Any] = {
    "type": "object",
    "properties": {"total": {"type": "number", "minimum": 0}, "currency": {"enum": ["EUR", "USD"]}},
    "required": ["total", "currency"],
}


class StoredSchemaResponse(Schema):
    """The JSON Schema of a type, as it was set."""

    type = fields.String(required=True, metadata={"description": "The event type, as it is stored."})
    schema = fields.Raw(required=True, metadata={"type": ["object", "boolean"], "description": "JSON Schema."})
    updated_at = fields.AwareDateTime(required=True)


class SchemaResponse(StoredSchemaResponse):
    """The JSON Schema of a type."""

    max_event_bytes = fields.Integer(
        required=True,
        metadata={"description": "Larger events of the type are rejected: their check could take too long."},
    )


class SchemaListResponse(Schema):
    """The site's JSON Schemas by type."""

    schemas = fields.List(fields.Nested(StoredSchemaResponse), required=True)


class SchemaCheckBody(Schema):
    """Which stored events are checked, the newest days first, and by what."""

    class Meta:
        unknown = RAISE

    type = fields.String(
        required=True,
        validate=[Length(1, 128), lambda name: check_setting("event_types")([name])],
        metadata={"description": "Event type."},
    )
    schema = fields.Raw(
        metadata={"type": ["object", "boolean"], "description": "JSON Schema. Default: the one that is set."}
    )
    days = fields.Integer(
        strict=True,
        load_default=DEFAULT_DAYS,
        validate=Range(1, MAX_DAYS),
        metadata={"description": f"Number of days through today. Default: {DEFAULT_DAYS}."},
    )
    limit = fields.Integer(
        strict=True,
        load_default=DEFAULT_CHECKED_EVENTS,
        validate=Range(1, MAX_CHECKED_EVENTS),
        metadata={"description": f"Events to check at most. Default: {DEFAULT_CHECKED_EVENTS:,}."},
    )


class CheckedTypeResponse(Schema):
    """Events of a type: those that were checked, and those of them that would be refused."""

    checked = fields.Integer(required=True)
    refused = fields.Integer(required=True)


class CheckExampleResponse(Schema):
    """A stored event with this problem."""

    event_id = fields.String(required=True)
    field = fields.String(required=True, metadata={"description": "Pointer to the member, as payload/items/0."})
    detail = fields.String(required=True)


class CheckReasonResponse(Schema):
    """Events that would be refused for one reason, and a few of them. `field` has `*` for each index of an array."""

    type = fields.String(required=True)
    field = fields.String(required=True)
    keyword = fields.String(required=True, metadata={"description": "Keyword of the schema."})
    events = fields.Integer(required=True)
    examples = fields.List(fields.Nested(CheckExampleResponse), required=True)


class SchemaCheckResponse(Schema):
    """What of the stored events would be refused. `complete`: whether all events of the days were checked; `since`:
    start of the oldest day of which all were."""

    complete = fields.Boolean(required=True)
    since = fields.AwareDateTime(required=True, allow_none=True)
    types = fields.Dict(keys=fields.String(), values=fields.Nested(CheckedTypeResponse), required=True)
    reasons = fields.List(fields.Nested(CheckReasonResponse), required=True)


STORED_EXAMPLE: dict[str, Any] = {"type": "order", "schema": SCHEMA_EXAMPLE, "updated_at": "2025-11-24T16:00:00Z"}
RESPONSE_EXAMPLE: dict[str, Any] = STORED_EXAMPLE | {"max_event_bytes": 65536}
CHECK_EXAMPLE: dict[str, Any] = {
    "complete": True,
    "since": "2025-10-26T00:00:00Z",
    "types": {"order": {"checked": 1250, "refused": 3}},
    "reasons": [
        {
            "type": "order",
            "field": "payload/currency",
            "keyword": "required",
            "events": 3,
            "examples": [
                {
                    "event_id": "0193a2f0-7c1e-7000-8000-000000000003",
                    "field": "payload/currency",
                    "detail": "the detail",
                }
            ],
        }
    ],
}
