"""Shapes in and out of the routes that accept events, for the API's description. Bodies come from the decoders' types.

Each dialect's schema is the Event's in the dialect's names (`Dialect.rename`). Nothing here checks a body.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from marshmallow import Schema
from marshmallow.fields import UUID, AwareDateTime, Boolean, Integer, List, Nested, String
from marshmallow.validate import OneOf

from analytics.apidocs.response_fields import nullable, required
from analytics.ingest import dialects
from analytics.ingest.decoding.events import Event
from analytics.ingest.decoding.tracked_steps import TrackedStep
from analytics.ingest.dialects import Dialect
from analytics.web.site_parameters import SiteFields

JsonSchema = dict[str, Any]
FIELD_DESCRIPTIONS: Mapping[str, str] = {
    "type": "What happened, for example page_view or button_click.",
    "ts": "When it happened, with a zone. Default: the time of receipt.",
    "user_id": "Identifies the user. Default: a keyed hash of IP address and user agent, which changes daily.",
    "src": "The system that sent the event.",
    "payload": "Any other data. Fields with other names are moved here.",
    "event_id": "Your own id of the event. An event that is sent again with the same id counts once.",
    "session_id": "Identifies the visit. Default: a visit ends after 30 minutes without an event.",
    "site_id": "Key of the site.",
    "path": "The page, as a path or a URL.",
    "referrer": "URL of the page that the visitor came from.",
    "user_agent": "User agent of the browser, where a server sends the event.",
    "ip": "IP address of the user, where a server sends the event. Other text is not stored: see `warnings`.",
    "country": "Two letters of ISO 3166; else derived from the address. Other text is not stored: see `warnings`.",
    "subject": "What the event is about, for example the short code of a click.",
    "hostname": "Host of the page, where `path` is not a URL. Other text stays in the payload.",
    "language": "Language of the browser, stored as language and region: de-CH. Other text stays in the payload.",
    "screen": "Width of the screen in CSS pixels (390, or 390x844), stored as its class: phone below 576, tablet below "
    "992, laptop below 1440, desktop. Also a class, or `screen_width`. Other text stays in the payload.",
}
KEY_HEADER = {
    "Idempotency-Key": "Your key of this batch, unique in the site, for example a UUID. Of a batch that is sent again "
    "with the same key, events without an id count once; those of the first one stay."
}
PREFER_HEADER = {"Prefer": "`handling=strict`: one bad item rejects the whole batch (422)."}
BATCH_HEADERS = PREFER_HEADER | {"Content-Encoding": "gzip or zstd."}


def build_event_schema(dialect: Dialect) -> JsonSchema:
    """JSON Schema of one event in the dialect's names."""
    _, components = msgspec.json.schema_components([Event])
    defaults = dict(dialect.defaults)
    properties = {
        dialect.caller_name(name): shape
        | ({"description": FIELD_DESCRIPTIONS[name]} if name in FIELD_DESCRIPTIONS else {})
        | ({"default": defaults[name]} if name in defaults else {})
        for name, shape in components["Event"]["properties"].items()
    }
    names = [*dialect.required, *(["type"] if "type" not in {*dialect.required, *defaults} else [])]
    needed = [dialect.caller_name(name) for name in names]
    return {"type": "object", "properties": properties, "required": needed, "additionalProperties": True}


def build_tracked_step_schema() -> JsonSchema:
    """JSON Schema of a tracked step: an event without a type, and the fields of TrackedStep."""
    event, (_, components) = build_event_schema(dialects.FUNNEL_STEP), msgspec.json.schema_components([TrackedStep])
    step = components["TrackedStep"]
    properties = {name: shape for name, shape in event["properties"].items() if name != "event_type"}
    return event | {
        "properties": step["properties"] | properties,
        "required": [*step["required"], *event["required"]],
    }


def build_batch_schema(name: str, item: JsonSchema, extra: Mapping[str, JsonSchema] | None = None) -> JsonSchema:
    """JSON Schema of an object with the items under that name, and when it was sent."""
    sent_at = {
        "type": "string",
        "format": "date-time",
        "description": "When the batch was sent, by the caller's clock; corrects each ts.",
    }
    key = {"type": "string", "description": "A publishable key, pk_…, of a page that sends no header."}
    batch_id = {
        "type": "string",
        "minLength": 1,
        "maxLength": 255,
        "description": "As the header Idempotency-Key, which comes first.",
    }
    own = {"batch_id": batch_id, "sent_at": sent_at, "key": key}
    properties = {name: {"type": "array", "items": item}, **own, **(extra or {})}
    return {"type": "object", "properties": properties, "required": [name]}


def build_array_or_batch_schema(name: str, item: JsonSchema) -> JsonSchema:
    """JSON Schema of the items as an array, or in an object."""
    return {
        "oneOf": [{"type": "array", "items": item}, build_batch_schema(name, item, {"site_id": {"type": "string"}})]
    }


EVENTS_BODY = build_array_or_batch_schema("events", build_event_schema(dialects.BATCH))
CLICK_BODY = build_event_schema(dialects.CLICK)
SITE_EVENT_BODY = build_event_schema(dialects.SITE_EVENT)
NAMED_EVENT_BODY = build_event_schema(dialects.NAMED_EVENT)
WEBSITE_EVENT_BODY = build_event_schema(dialects.WEBSITE_EVENT)
WEBSITE_BATCH_BODY = build_batch_schema(
    "events",
    build_event_schema(dialects.WEBSITE_BATCH),
    {
        "siteId": {"type": "string", "description": "Key of the site."},
        "domain": {
            "type": "string",
            "description": "Host of the pages whose `page` is not a URL. A referrer there is a page of the site.",
        },
    },
)
TRACKED_STEP_BODY = build_tracked_step_schema()
TRUE_RESPONSE: JsonSchema = {"type": "boolean", "const": True}


class SiteQuery(SiteFields):
    """The site, where the body does not name it."""


class Rejection(Schema):
    """What is wrong with one event or sample; `index` counts from 0 in the batch as sent."""

    class Meta:
        include = required(Integer, "index") | required(String, "field", "code", "detail")


class WarningFields(Schema):
    """`warnings`: what an event was accepted without, as a `country` that is none or the end of a long `path`; no field
    where there are none."""

    warnings = List(Nested(Rejection))


class BatchResponse(WarningFields):
    """How many were accepted, and what was wrong with the others. `batch_id` is null when the batch was empty."""

    rejected = List(Nested(Rejection), required=True)

    batch_id = String(required=True, allow_none=True)


class IngestResponse(BatchResponse):
    """How many events were accepted, and what was wrong with the others. `batch_id` is null for an empty batch."""

    class Meta:
        include = required(Integer, "ingested", "received")


class WebsiteBatchResponse(BatchResponse):
    """How many events were accepted, and what was wrong with the others. `batch_id` is null for an empty batch."""

    class Meta:
        include = required(String, "status") | required(Integer, "events_count")
        include |= required(AwareDateTime, "processed_at")


class SiteEventResponse(WarningFields):
    """The event is accepted, and will be stored."""

    class Meta:
        include = required(String, "status", "batch_id") | required(UUID, "event_id")


class ServiceResponse(Schema):
    """What the responses of seed 003 have in common."""

    class Meta:
        include = required(Boolean, "success") | required(AwareDateTime, "timestamp") | required(String, "service")


class NamedEventResponse(WarningFields, ServiceResponse):
    """The event is accepted, and will be stored."""

    class Meta:
        include = required(String, "event_id", "event_name")


class VisitorResponse(WarningFields):
    """What the responses of seed 004 to one event have in common."""

    class Meta:
        include = required(String, "status", "visitor_id") | nullable(String, "session_id")


class WebsiteEventResponse(VisitorResponse):
    """The event is accepted, and will be stored."""

    event_id = UUID(required=True)


class TrackedStepResponse(VisitorResponse):
    """The step is accepted, and will be stored."""

    class Meta:
        include = required(String, "funnel_id", "message")


class DeletedEventsResponse(Schema):
    """How many events of the site were deleted."""

    class Meta:
        include = required(Boolean, "success") | required(Integer, "deleted") | required(String, "site")


class DeadLetter(Schema):
    """Why an event of the batch could not be stored; position -1: the whole batch."""

    class Meta:
        include = required(Integer, "position") | required(String, "reason") | nullable(String, "detail")


class BatchStatusResponse(Schema):
    """accepted = stored + duplicate + dead_lettered + refused, once the batch is no longer in flight. `refused`: their
    site was deleted before they were stored. Events that the response to the batch rejected are not among them."""

    state = String(required=True, validate=OneOf(("in_flight", "stored", "duplicate", "dead_lettered", "refused")))
    dead_letters = List(Nested(DeadLetter), required=True)

    class Meta:
        include = required(String, "batch_id", "site", "request_id") | required(AwareDateTime, "received_at")
        include |= nullable(AwareDateTime, "stored_at")
        include |= required(Integer, "accepted", "stored", "duplicate", "dead_lettered", "refused")
