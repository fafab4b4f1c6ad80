"""What the routes that take data take and answer, for the API's description. Bodies are the decoders' own types.

Each vocabulary's schema is the Event's with that vocabulary's names; `dialects.rename` is what it describes.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from marshmallow import Schema, fields
from marshmallow.validate import OneOf

from analytics.ingest import dialects
from analytics.ingest.dialects import Dialect
from analytics.ingest.events import Event
from analytics.ingest.samples import Sample
from analytics.ingest.tracking import TrackedStep

Json = dict[str, Any]
FIELDS: Mapping[str, str] = {
    "type": "What happened, as page_view or button_click.",
    "ts": "When, with a zone; the time of receipt without it.",
    "user_id": "Who: what people are told apart by. Without it a keyed hash of address and user agent, for a day.",
    "src": "What sent the event.",
    "payload": "Anything else. Names that are none of ours are put here.",
    "event_id": "Your own id: an event that is sent again under it counts once.",
    "session_id": "The visit; without it, visits end after 30 minutes of silence.",
    "site_id": "Key of the site.",
    "path": "The page, as a path or an address.",
    "referrer": "Where the person came from.",
    "user_agent": "Of the browser, where the caller is not it.",
    "ip": "Of the person, where the caller is a server.",
    "subject": "What it is about: of a click, the short code.",
}
PREFER = {"Prefer": "`handling=strict`: one bad event refuses the whole batch (422)."}
BATCH_HEADERS = PREFER | {"X-Site-ID": "Key of the site.", "Content-Encoding": "gzip or zstd."}


def event_schema(dialect: Dialect) -> Json:
    """JSON Schema of one event in the dialect's names."""
    _, components = msgspec.json.schema_components([Event])
    implied = dict(dialect.implied)
    properties = {
        dialect.spelling(name): shape
        | ({"description": FIELDS[name]} if name in FIELDS else {})
        | ({"default": implied[name]} if name in implied else {})
        for name, shape in components["Event"]["properties"].items()
    }
    needed = [*dialect.required, *(["type"] if "type" not in {*dialect.required, *implied} else [])]
    required = [dialect.spelling(name) for name in needed]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": True}


def tracked_schema() -> Json:
    """JSON Schema of a tracked step: an event without a type, and what it says of a funnel."""
    event, (_, components) = event_schema(dialects.FUNNEL_STEP), msgspec.json.schema_components([TrackedStep])
    own = components["TrackedStep"]
    properties = {name: shape for name, shape in event["properties"].items() if name != "event_type"}
    required = [*own["required"], *event["required"]]
    return event | {"properties": own["properties"] | properties, "required": required}


def sample_schema() -> Json:
    """JSON Schema of one sample."""
    _, components = msgspec.json.schema_components([Sample])
    return {name: value for name, value in components["Sample"].items() if name != "title"}


def batch_schema(name: str, item: Json, more: Mapping[str, Json] | None = None) -> Json:
    """An object with the items under that name, and when it was sent."""
    sent_at = {"type": "string", "format": "date-time", "description": "By the caller's clock, to correct it."}
    properties = {name: {"type": "array", "items": item}, "sent_at": sent_at, **(more or {})}
    return {"type": "object", "properties": properties, "required": [name]}


def array_or_batch(name: str, item: Json) -> Json:
    """The items as an array, or in an object."""
    return {"oneOf": [{"type": "array", "items": item}, batch_schema(name, item, {"site_id": {"type": "string"}})]}


EVENTS = array_or_batch("events", event_schema(dialects.BATCH))
CLICK = event_schema(dialects.CLICK)
SITE_EVENT = event_schema(dialects.SITE_EVENT)
NAMED_EVENT = event_schema(dialects.NAMED_EVENT)
WEBSITE_EVENT = event_schema(dialects.WEBSITE_EVENT)
WEBSITE_BATCH = batch_schema(
    "events",
    event_schema(dialects.WEBSITE_BATCH),
    {"siteId": {"type": "string", "description": "Key of the site."}, "domain": {"type": "string"}},
)
TRACKED_STEP = tracked_schema()
SAMPLE = sample_schema()
SAMPLES = array_or_batch("samples", SAMPLE)
TRUE: Json = {"type": "boolean", "const": True}


class SiteQuery(Schema):
    """Which site it is for, where the body does not say."""

    site = fields.String()


class Rejected(Schema):
    """What is wrong with one event or sample; `index` counts from 0 in the batch as sent."""

    index = fields.Integer(required=True)
    field = fields.String(required=True)
    code = fields.String(required=True)
    detail = fields.String(required=True)


class IngestAnswer(Schema):
    """How many were accepted, and what was wrong with the others. `batch_id` is null when the batch was empty."""

    ingested = fields.Integer(required=True)
    received = fields.Integer(required=True)
    batch_id = fields.String(required=True, allow_none=True)
    rejected = fields.List(fields.Nested(Rejected), required=True)


class SiteEventAnswer(Schema):
    """The event is safe, and will be stored."""

    status = fields.String(required=True)
    event_id = fields.UUID(required=True)
    batch_id = fields.String(required=True)


class NamedEventAnswer(Schema):
    """The event is safe, and will be stored."""

    success = fields.Boolean(required=True)
    event_id = fields.String(required=True)
    event_name = fields.String(required=True)
    timestamp = fields.AwareDateTime(required=True)
    service = fields.String(required=True)


class WebsiteEventAnswer(Schema):
    """The event is safe, and will be stored."""

    status = fields.String(required=True)
    event_id = fields.UUID(required=True)
    visitor_id = fields.String(required=True)
    session_id = fields.String(required=True, allow_none=True)


class TrackedStepAnswer(Schema):
    """The step is safe, and will be stored."""

    status = fields.String(required=True)
    funnel_id = fields.String(required=True)
    visitor_id = fields.String(required=True)
    session_id = fields.String(required=True, allow_none=True)
    message = fields.String(required=True)


class WebsiteBatchAnswer(Schema):
    """How many were accepted, and what was wrong with the others."""

    status = fields.String(required=True)
    events_count = fields.Integer(required=True)
    processed_at = fields.AwareDateTime(required=True)
    batch_id = fields.String(required=True, allow_none=True)
    rejected = fields.List(fields.Nested(Rejected), required=True)


class SampleAccepted(Schema):
    """The sample is safe, and will be stored."""

    success = fields.Boolean(required=True)
    metric_id = fields.String(required=True)
    metric_name = fields.String(required=True)
    value = fields.Float(required=True)
    timestamp = fields.AwareDateTime(required=True)
    service = fields.String(required=True)


class SamplesAccepted(Schema):
    """How many were accepted, and what was wrong with the others. `batch_id` is null when the batch was empty."""

    accepted = fields.Integer(required=True)
    received = fields.Integer(required=True)
    batch_id = fields.String(required=True, allow_none=True)
    rejected = fields.List(fields.Nested(Rejected), required=True)


class ForgottenSamples(Schema):
    """How many samples of the name were deleted."""

    success = fields.Boolean(required=True)
    metric_name = fields.String(required=True)
    deleted = fields.Integer(required=True)
    site = fields.String(required=True)


class ForgottenEvents(Schema):
    """How many events of the site were deleted."""

    success = fields.Boolean(required=True)
    deleted = fields.Integer(required=True)
    site = fields.String(required=True)


class DeadLetter(Schema):
    """Why an event of the batch could not be stored; position -1: the whole batch."""

    position = fields.Integer(required=True)
    reason = fields.String(required=True)
    detail = fields.String(required=True, allow_none=True)


class BatchAnswer(Schema):
    """received = stored + duplicate + dead_lettered, once the batch is no longer in flight."""

    batch_id = fields.String(required=True)
    state = fields.String(required=True, validate=OneOf(("in_flight", "stored", "duplicate", "dead_lettered")))
    site = fields.String(required=True)
    received_at = fields.AwareDateTime(required=True)
    stored_at = fields.AwareDateTime(required=True, allow_none=True)
    received = fields.Integer(required=True)
    stored = fields.Integer(required=True)
    duplicate = fields.Integer(required=True)
    dead_lettered = fields.Integer(required=True)
    dead_letters = fields.List(fields.Nested(DeadLetter), required=True)


EVENT_ID, BATCH_ID = "0193a2f0-7c1e-7000-8000-000000000000", "1764000000000-0"
CLICK_EXAMPLE = {
    "short_code": "abc123",
    "ip_address": "192.0.2.1",
    "user_agent": "Mozilla/5.0",
    "referer": "https://news.example.org/a",
    "country": "US",
    "city": "San Francisco",
}
EVENTS_EXAMPLE = [
    {"type": "page_view", "user_id": "user-1", "path": "/pricing", "src": "web", "payload": {"plan": "pro"}},
    {"type": "button_click", "user_id": "user-1", "payload": {"button_id": "buy"}},
]
INGEST_EXAMPLE = {"ingested": 2, "received": 2, "batch_id": BATCH_ID, "rejected": []}
SITE_EVENT_EXAMPLE = {"site_id": "default", "event_type": "page_view", "path": "/home", "user_id": "user-1"}
NAMED_EVENT_EXAMPLE = {"event_name": "signup", "user_id": "user-1", "properties": {"plan": "pro"}}
NAMED_ANSWER_EXAMPLE = {
    "success": True,
    "event_id": f"event_{EVENT_ID}",
    "event_name": "signup",
    "timestamp": "2025-11-24T16:00:00.000Z",
    "service": "analytics-service",
}
WEBSITE_EVENT_EXAMPLE = {
    "website_id": "default",
    "visitor_id": "visitor-1",
    "session_id": "session-1",
    "event_type": "pageview",
    "page": "/pricing",
    "referrer": "https://news.example.org/a",
}
WEBSITE_ANSWER_EXAMPLE = {
    "status": "accepted",
    "event_id": EVENT_ID,
    "visitor_id": "visitor-1",
    "session_id": "session-1",
}
TRACKED_STEP_EXAMPLE = {
    "funnel_id": "5b0ff3f4-3a53-4f0e-9a3a-5f1d6f1b6c11",
    "website_id": "default",
    "visitor_id": "visitor-1",
    "session_id": "session-1",
    "current_step": 2,
    "completed_steps": [1, 2],
    "converted": False,
}
TRACKED_ANSWER_EXAMPLE = {
    "status": "accepted",
    "funnel_id": "5b0ff3f4-3a53-4f0e-9a3a-5f1d6f1b6c11",
    "visitor_id": "visitor-1",
    "session_id": "session-1",
    "message": "the step is accepted",
}
WEBSITE_BATCH_EXAMPLE = {
    "siteId": "default",
    "domain": "example.org",
    "events": [{"visitor_id": "visitor-1", "event_type": "pageview", "page": "/pricing"}],
}
WEBSITE_BATCH_ANSWER_EXAMPLE = {
    "status": "accepted",
    "events_count": 1,
    "processed_at": "2025-11-24T16:00:00.000Z",
    "batch_id": BATCH_ID,
    "rejected": [],
}
SAMPLE_EXAMPLE = {"metric_name": "response_time", "value": 125.5, "tags": {"endpoint": "/api/users"}}
SAMPLE_ANSWER_EXAMPLE = {
    "success": True,
    "metric_id": f"metric_{EVENT_ID}",
    "metric_name": "response_time",
    "value": 125.5,
    "timestamp": "2025-11-24T16:00:00.000Z",
    "service": "analytics-service",
}
SAMPLES_ANSWER_EXAMPLE = {"accepted": 1, "received": 1, "batch_id": BATCH_ID, "rejected": []}
FORGOTTEN_EVENTS_EXAMPLE = {"success": True, "deleted": 75, "site": "default"}
FORGOTTEN_EXAMPLE = {"success": True, "metric_name": "response_time", "deleted": 12, "site": "default"}
BATCH_EXAMPLE = {
    "batch_id": BATCH_ID,
    "state": "stored",
    "site": "default",
    "received_at": "2025-11-24T16:00:00.000Z",
    "stored_at": "2025-11-24T16:00:00.120Z",
    "received": 2,
    "stored": 2,
    "duplicate": 0,
    "dead_lettered": 0,
    "dead_letters": [],
}
