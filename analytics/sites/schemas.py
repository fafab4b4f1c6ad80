"""Schemas of a site: the bodies that create and update one, and the responses."""

from collections.abc import Callable
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields
from marshmallow.validate import Range

from analytics.errors import BadInput
from analytics.sites import sites


def check_setting(name: str) -> Callable[[Any], None]:
    """A validator of a value for the setting `name` of a site."""

    def check(value: Any) -> None:
        try:
            sites.FIELD_CHECKS[name](value)
        except (ValueError, BadInput) as error:
            raise ValidationError(str(error)) from error

    return check


class SiteUpdateBody(Schema):
    """The settings to change; others stay."""

    class Meta:
        unknown = RAISE

    name = fields.String(validate=check_setting("name"))
    zone = fields.String(validate=check_setting("zone"))
    types = fields.String(validate=check_setting("types"))
    event_types = fields.List(fields.String(), validate=check_setting("event_types"))
    identity = fields.String(validate=check_setting("identity"))
    public_ingest = fields.Boolean(truthy={True}, falsy={False})
    public_stats = fields.Boolean(truthy={True}, falsy={False})
    allowed_origins = fields.List(
        fields.String(), validate=check_setting("allowed_origins"), metadata={"maxItems": sites.MAX_ORIGINS}
    )
    event_retention_days = fields.Integer(strict=True, allow_none=True, validate=check_setting("event_retention_days"))


class SiteCreateBody(SiteUpdateBody):
    """The key, and the settings that differ from the defaults."""

    key = fields.String(required=True, validate=check_setting("key"))


class SiteListQuery(Schema):
    """`limit`: sites of a page; `cursor`: `next_cursor` of the previous page."""

    limit = fields.Integer(
        load_default=sites.MAX_LISTED,
        validate=Range(1, sites.MAX_LISTED),
        metadata={"description": f"Sites of a page. Default: {sites.MAX_LISTED}."},
    )
    cursor = fields.String()


class SiteResponse(Schema):
    """A site and its settings."""

    key = fields.String(required=True)
    name = fields.String(required=True)
    zone = fields.String(required=True)
    types = fields.String(required=True)
    event_types = fields.List(fields.String(), required=True)
    identity = fields.String(required=True)
    public_ingest = fields.Boolean(required=True)
    public_stats = fields.Boolean(required=True)
    allowed_origins = fields.List(fields.String(), required=True)
    created_at = fields.AwareDateTime(required=True)
    event_retention_days = fields.Integer(required=True, allow_none=True)


class SiteListResponse(Schema):
    """One page of the sites that the token is for, by key; `next_cursor` is null on the last page."""

    sites = fields.List(fields.Nested(SiteResponse), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


SITE_EXAMPLE: dict[str, Any] = {
    "key": "shop",
    "name": "Our shop",
    "zone": "Europe/Berlin",
    "types": "open",
    "event_types": ["page_view", "button_click"],
    "identity": "trust",
    "public_ingest": False,
    "public_stats": False,
    "allowed_origins": [],
    "created_at": "2025-11-24T16:00:00Z",
    "event_retention_days": None,
}
