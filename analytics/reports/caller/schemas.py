"""The response of GET /api/analytics/me."""

from marshmallow import Schema, fields
from marshmallow.validate import OneOf

from analytics.apidocs.response_fields import nullable, required
from analytics.auth.principal import Kind

HOUR_OF_EVENT = (
    "Start of the clock hour in the site's zone in which the {} stored event happened, not the instant of the event. "
    "Hours before which raw events may be past retention do not count. Until a site's events have been merged for the "
    "first time (seconds), when they were stored. Null without any, and without the scope `read`."
)


class CallerSite(Schema):
    """A site, and the hours of its first and last stored events."""

    class Meta:
        include = required(fields.String, "key", "name", "zone")

    first_event_at = fields.AwareDateTime(
        required=True, allow_none=True, metadata={"description": HOUR_OF_EVENT.format("first")}
    )
    last_event_at = fields.AwareDateTime(
        required=True, allow_none=True, metadata={"description": HOUR_OF_EVENT.format("last")}
    )


class CallerResponse(Schema):
    """`all_sites`: it is for every site; `sites` lists at most 1,000, by key. `expires_at` null: never."""

    class Meta:
        include = required(fields.String, "subject") | nullable(fields.AwareDateTime, "expires_at")

    kind = fields.String(required=True, validate=OneOf([str(kind) for kind in Kind]))
    scopes = fields.List(fields.String(), required=True)
    all_sites = fields.Boolean(required=True)
    sites = fields.List(fields.Nested(CallerSite), required=True)


CALLER_EXAMPLE = {
    "subject": "reporting",
    "kind": "token",
    "scopes": ["read"],
    "expires_at": "2026-05-30T09:00:00Z",
    "all_sites": False,
    "sites": [
        {
            "key": "shop",
            "name": "Our shop",
            "zone": "Europe/Berlin",
            "first_event_at": "2025-11-24T16:00:00Z",
            "last_event_at": "2026-03-01T08:00:00Z",
        }
    ],
}
