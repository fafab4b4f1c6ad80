"""Fields that describe an event and cannot be stored as they are: the event is accepted, with a warning. Pure.

A wrong `country` or `ip` is dropped, a text that is too long is cut; what identifies an event refuses it
(docs/decisions/0004). events.py calls `mend_fields`.
"""

import re
from collections.abc import Mapping
from typing import Any

from analytics.ingest.decoding.long_urls import MAX_URL_CHARACTERS, shorten_url
from analytics.ingest.decoding.rejections import FIELD_EXAMPLES, ProblemParts
from analytics.web.ip_addresses import MAX_ADDRESS_CHARS, normalize_address

COUNTRY_PATTERN = r"^([A-Za-z]{2})?$"
MAX_VALUE_CHARS = 60
MAX_NAME_CHARS, MAX_AGENT_CHARS = 255, 1024
# What of a longer text is kept.
TEXT_LIMITS: Mapping[str, int] = {
    "path": MAX_URL_CHARACTERS,
    "referrer": MAX_URL_CHARACTERS,
    "user_agent": MAX_AGENT_CHARS,
    **dict.fromkeys(("src", "region", "city"), MAX_NAME_CHARS),
    **dict.fromkeys(("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"), MAX_NAME_CHARS),
}
ACCEPTED = {
    "country": ("not_a_country", "a country code", "two letters of ISO 3166"),
    "ip": ("not_an_address", "an IP address", "an IPv4 or IPv6 address"),
}


def mend_fields(fields: dict[str, Any]) -> list[ProblemParts]:
    """Removes from `fields` what cannot be used, cuts what is too long, and says what was lost."""
    return [*_drop_unusable(fields), *_cut_long_texts(fields)]


def _drop_unusable(fields: dict[str, Any]) -> list[ProblemParts]:
    """Removes what cannot be used.

    The text of an `ip` stays: the drain stores no address and no location of it, but it still tells visitors without a
    user_id apart. Without it they would all have the address of the connection. Blanks are no text.
    """
    warnings: list[ProblemParts] = []
    country, ip = fields.get("country"), fields.get("ip")
    if country is not None and not (isinstance(country, str) and _is_country(country)):
        del fields["country"]
        warnings.append(_describe("country", country))
    if isinstance(ip, str) and not ip.strip():
        fields["ip"] = None
    elif ip and not (isinstance(ip, str) and is_usable_ip(ip)):
        fields["ip"] = ip[:MAX_ADDRESS_CHARS] if isinstance(ip, str) else None
        warnings.append(_describe("ip", ip))
    return warnings


def _cut_long_texts(fields: dict[str, Any]) -> list[ProblemParts]:
    """Cuts texts to their limits. What is not stored of a URL is left out first, without a warning."""
    warnings: list[ProblemParts] = []
    for name, limit in TEXT_LIMITS.items():
        text = fields.get(name)
        if not isinstance(text, str) or len(text) <= limit:
            continue
        text = shorten_url(text) if limit == MAX_URL_CHARACTERS else text
        fields[name] = text[:limit]
        if len(text) > limit:
            detail = f"the text has {len(text):,} characters; the event is accepted with the first {limit:,} of them"
            warnings.append((name, "cut", f"{detail}; accepted: at most {limit:,} characters"))
    return warnings


def is_usable_ip(ip: str) -> bool:
    """Whether the drain can store the address. None was sent where the text is empty."""
    return not ip or normalize_address(ip) != ""


def _is_country(text: str) -> bool:
    return len(text) <= 2 and re.search(COUNTRY_PATTERN, text) is not None


def _describe(field: str, value: Any) -> ProblemParts:
    code, noun, accepted = ACCEPTED[field]
    shown = repr(value[:MAX_VALUE_CHARS]) if isinstance(value, str) else "this value"
    detail = f"{shown} is not {noun}; the event is accepted without it; accepted: {accepted}"
    return field, code, f"{detail}, for example {FIELD_EXAMPLES[field]}"
