"""Five vocabularies, one Event: what each seed calls our fields. Pure.

A name that no vocabulary knows is not dropped: it goes into the payload.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# In order of preference, where a caller sends several names of one field.
ALIASES: Mapping[str, str] = {
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
    "website_id": "site_id",
    "siteId": "site_id",
    "id": "event_id",
    "message_id": "event_id",
    "messageId": "event_id",
}
# Another vocabulary's word for one of our types.
SAME_TYPE: Mapping[str, str] = {"pageview": "page_view"}
_CANONICAL = frozenset(
    (
        *("type", "ts", "user_id", "src", "payload", "event_id", "session_id", "site_id", "path", "referrer"),
        *("user_agent", "ip", "subject", "country", "region", "city"),
        *("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"),
    )
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """One seed's way to say an event: the names it must send, what is implied, and how it spells our fields."""

    required: tuple[str, ...] = ()
    implied: tuple[tuple[str, Any], ...] = ()
    own_names: tuple[tuple[str, str], ...] = ()
    # Where events go that name no site, sent by one who may write to any.
    site: str = ""

    def spelling(self, name: str) -> str:
        """The caller's name of our field."""
        return dict(self.own_names).get(name, name)

    def rename(self, source: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """Canonical fields, and how the caller spelled each. Unknown names move into the payload."""
        fields = {name: value for name, value in source.items() if name in _CANONICAL and value is not None}
        spelled: dict[str, str] = {}
        extra: dict[str, Any] = {}
        for name, value in source.items():
            if name in _CANONICAL:
                continue
            target = ALIASES.get(name)
            if target is None or target in fields:
                extra[name] = value
            elif value is not None:
                fields[target], spelled[target] = value, name
        for name, value in self.implied:
            fields.setdefault(name, value)
        if extra:
            payload = fields.get("payload", {})
            if isinstance(payload, dict):
                fields["payload"] = {**extra, **payload}
        return fields, spelled


BATCH = Dialect()
CLICK = Dialect(
    required=("subject",),
    implied=(("type", "click"),),
    own_names=(("subject", "short_code"), ("ip", "ip_address"), ("referrer", "referer"), ("ts", "timestamp")),
    site="links",
)
SITE_EVENT = Dialect(required=("site_id", "type"), own_names=(("type", "event_type"), ("ts", "timestamp")))
NAMED_EVENT = Dialect(
    required=("type",), own_names=(("type", "event_name"), ("payload", "properties"), ("ts", "timestamp"))
)
WEBSITE_EVENT = Dialect(
    required=("site_id", "user_id"),
    implied=(("type", "page_view"),),
    own_names=(
        *(("site_id", "website_id"), ("user_id", "visitor_id"), ("type", "event_type"), ("path", "page")),
        *(("payload", "properties"), ("ts", "timestamp"), ("ip", "ip_address")),
    ),
)
# The envelope of a website batch names the site once, for all its events.
WEBSITE_BATCH = Dialect(required=("user_id",), implied=(("type", "page_view"),), own_names=WEBSITE_EVENT.own_names)
# A step of a funnel; what it says of that is the payload's (tracking.py).
FUNNEL_STEP = Dialect(
    required=("site_id", "user_id"), implied=(("type", "funnel_step"),), own_names=WEBSITE_EVENT.own_names
)
