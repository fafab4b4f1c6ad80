"""Schemas of a site: the bodies that create and update one, and the responses."""

from collections.abc import Callable
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields
from marshmallow.validate import OneOf, Range

from analytics.errors import BadInput
from analytics.privacy.visitor_keys import BY_TEXTS, WINDOWS
from analytics.sites.setting_checks import FIELD_CHECKS, MAX_DOMAINS, MAX_ORIGINS
from analytics.sites.sites import MAX_LISTED


def check_setting(name: str) -> Callable[[Any], None]:
    """A validator of a value for the setting `name` of a site."""

    def check(value: Any) -> None:
        try:
            FIELD_CHECKS[name](value)
        except (ValueError, BadInput) as error:
            raise ValidationError(str(error)) from error

    return check


DOMAINS = (
    "Host names whose pages are the site's own, so that they are not its sources: shop.example, or *.shop.example with "
    "all sub-domains. With and without www., and on any port."
)
PUBLIC_STATS = "Whether aggregated reports, and the page `/public/<key>`, need no credential."
EMBED_ORIGINS = (
    "Origins whose pages may show the site's shared pages (/embed/…) in a frame; none by default. Those of "
    "`allowed_origins` only send events."
)
VISITOR_WINDOW = {
    "enum": [*WINDOWS],
    "description": "How long the key of a visitor without user_id stays the same: a day or month of the site's "
    "calendar, or for ever. Events accepted before a change keep their keys.",
}
VISITOR_BY = {
    "enum": [*BY_TEXTS],
    "description": "What a visitor without user_id is told by: address and user agent, or the address alone.",
}
RENAME = "The new key. The old one becomes an alias, which still names the site."


class SiteUpdateBody(Schema):
    """The settings to change; others stay."""

    class Meta:
        unknown = RAISE

    key = fields.String(validate=check_setting("key"), metadata={"description": RENAME})
    name = fields.String(validate=check_setting("name"))
    zone = fields.String(validate=check_setting("zone"))
    types = fields.String(validate=check_setting("types"))
    event_types = fields.List(fields.String(), validate=check_setting("event_types"))
    identity = fields.String(validate=check_setting("identity"))
    public_ingest = fields.Boolean(truthy={True}, falsy={False})
    public_stats = fields.Boolean(truthy={True}, falsy={False}, metadata={"description": PUBLIC_STATS})
    allowed_origins = fields.List(
        fields.String(), validate=check_setting("allowed_origins"), metadata={"maxItems": MAX_ORIGINS}
    )
    domains = fields.List(
        fields.String(),
        validate=check_setting("domains"),
        metadata={"maxItems": MAX_DOMAINS, "description": DOMAINS},
    )
    embed_origins = fields.List(
        fields.String(),
        validate=check_setting("embed_origins"),
        metadata={"maxItems": MAX_ORIGINS, "description": EMBED_ORIGINS},
    )
    event_retention_days = fields.Integer(strict=True, allow_none=True, validate=check_setting("event_retention_days"))
    visitor_window = fields.String(validate=check_setting("visitor_window"), metadata=VISITOR_WINDOW)
    visitor_by = fields.String(validate=check_setting("visitor_by"), metadata=VISITOR_BY)


class SiteCreateBody(SiteUpdateBody):
    """The key, and the settings that differ from the defaults."""

    key = fields.String(required=True, validate=check_setting("key"))


class SiteListQuery(Schema):
    """`limit`: sites of a page; `cursor`: `next_cursor` of the previous page."""

    limit = fields.Integer(
        load_default=MAX_LISTED,
        validate=Range(1, MAX_LISTED),
        metadata={"description": f"Sites of a page. Default: {MAX_LISTED}."},
    )
    cursor = fields.String()


class DeletionProgress(Schema):
    """Rows by kind: those `found` at the beginning (null: not counted yet), and those `deleted` so far."""

    found = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True, allow_none=True)
    deleted = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)


class SiteResponse(Schema):
    """A site and its settings. `aliases`: former keys, which still name it; `deletion`: null of an active site."""

    key = fields.String(required=True)
    name = fields.String(required=True)
    zone = fields.String(required=True)
    types = fields.String(required=True)
    event_types = fields.List(fields.String(), required=True)
    identity = fields.String(required=True)
    public_ingest = fields.Boolean(required=True)
    public_stats = fields.Boolean(required=True)
    allowed_origins = fields.List(fields.String(), required=True)
    domains = fields.List(fields.String(), required=True)
    embed_origins = fields.List(fields.String(), required=True, metadata={"description": EMBED_ORIGINS})
    created_at = fields.AwareDateTime(required=True)
    event_retention_days = fields.Integer(required=True, allow_none=True)
    visitor_window = fields.String(required=True, metadata=VISITOR_WINDOW)
    visitor_by = fields.String(required=True, metadata=VISITOR_BY)
    aliases = fields.List(fields.String(), required=True)
    status = fields.String(required=True, validate=OneOf(("active", "deleting")))
    deletion = fields.Nested(DeletionProgress, required=True, allow_none=True)


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
    "domains": ["shop.example"],
    "embed_origins": ["https://intranet.example"],
    "created_at": "2025-11-24T16:00:00Z",
    "event_retention_days": None,
    "visitor_window": "day",
    "visitor_by": "address_and_agent",
    "aliases": ["store"],
    "status": "active",
    "deletion": None,
}
DELETING_EXAMPLE = SITE_EXAMPLE | {
    "status": "deleting",
    "deletion": {"found": {"events": 75000, "visits": 4100, "keys": 1}, "deleted": {"events": 20000}},
}
