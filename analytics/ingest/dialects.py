"""Five vocabularies, one Event: what each seed calls our fields. events.py calls `Dialect.rename`. Pure.

A name that no vocabulary knows is never dropped: it goes into the payload.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SITE_KEY_ALIASES: Mapping[str, str] = {"website_id": "site_id", "siteId": "site_id"}
# In order of preference, where a caller sends several names of one field.
FIELD_ALIASES: Mapping[str, str] = {
    "event_type": "type",
    "event_name": "type",
    "timestamp": "ts",
    "event_ts": "ts",
    "visitor_id": "user_id",
    "properties": "payload",
    "page": "path",
    "page_path": "path",
    "url": "path",
    "referer": "referrer",
    "ip_address": "ip",
    "short_code": "subject",
    "screen_width": "screen",
    "screenWidth": "screen",
    "screen_resolution": "screen",
    **SITE_KEY_ALIASES,
    "id": "event_id",
    "message_id": "event_id",
    "messageId": "event_id",
}
_CANONICAL = frozenset(
    (
        *("type", "ts", "user_id", "src", "payload", "event_id", "session_id", "site_id", "path", "referrer"),
        *("user_agent", "ip", "subject", "country", "region", "city", "hostname", "language", "screen"),
        *("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"),
    )
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """One seed's vocabulary: the fields that are required (canonical names), defaults, and the seed's field names."""

    required: tuple[str, ...] = ()
    defaults: tuple[tuple[str, Any], ...] = ()
    caller_names: tuple[tuple[str, str], ...] = ()
    # The site of events that name none, from a token of all sites.
    default_site_key: str = ""

    def caller_name(self, name: str) -> str:
        """The seed's name of our field."""
        return dict(self.caller_names).get(name, name)

    def rename(self, source: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """Canonical fields, and how the caller spelled each. Unknown names move into the payload."""
        fields = {name: value for name, value in source.items() if name in _CANONICAL and value is not None}
        caller_names: dict[str, str] = {}
        extra: dict[str, Any] = {}
        for name, value in source.items():
            if name in _CANONICAL:
                continue
            target = FIELD_ALIASES.get(name)
            if target is None or target in fields:
                extra[name] = value
            elif value is not None:
                fields[target], caller_names[target] = value, name
        for name, value in self.defaults:
            fields.setdefault(name, value)
        if extra:
            payload = fields.get("payload", {})
            if isinstance(payload, dict):
                fields["payload"] = {**extra, **payload}
        return fields, caller_names


BATCH = Dialect()
CLICK = Dialect(
    required=("subject",),
    defaults=(("type", "click"),),
    caller_names=(("subject", "short_code"), ("ip", "ip_address"), ("referrer", "referer"), ("ts", "timestamp")),
    default_site_key="links",
)
SITE_EVENT = Dialect(required=("site_id", "type"), caller_names=(("type", "event_type"), ("ts", "timestamp")))
NAMED_EVENT = Dialect(
    required=("type",), caller_names=(("type", "event_name"), ("payload", "properties"), ("ts", "timestamp"))
)
WEBSITE_EVENT = Dialect(
    required=("site_id", "user_id"),
    defaults=(("type", "page_view"),),
    caller_names=(
        *(("site_id", "website_id"), ("user_id", "visitor_id"), ("type", "event_type"), ("path", "page")),
        *(("payload", "properties"), ("ts", "timestamp"), ("ip", "ip_address")),
    ),
)
# The envelope of a website batch names the site once, for all its events.
WEBSITE_BATCH = Dialect(
    required=("user_id",), defaults=(("type", "page_view"),), caller_names=WEBSITE_EVENT.caller_names
)
# A step of a funnel; its own fields are in the payload (tracked_steps.py).
FUNNEL_STEP = Dialect(
    required=("site_id", "user_id"), defaults=(("type", "funnel_step"),), caller_names=WEBSITE_EVENT.caller_names
)
