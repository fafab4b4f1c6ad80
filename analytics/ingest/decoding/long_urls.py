"""URLs that are too long to store: what of them is read in any case. Pure.

Accepting (decoding/unusable_fields.py) and the drain, which finds URLs in payloads, call it.
"""

MAX_URL_CHARACTERS = 2048


def shorten_url(url: str) -> str:
    """The URL; a too long one without its fragment and, but for utm_ fields, its query, which are not stored."""
    if len(url) <= MAX_URL_CHARACTERS:
        return url
    address, _, query = url.partition("#")[0].partition("?")
    campaign = "&".join(part for part in query.split("&") if part[:4].lower() == "utm_")
    return f"{address}?{campaign}" if campaign else address
