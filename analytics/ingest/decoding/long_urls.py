"""URLs that are too long to store: what of them is read in any case. Pure.

Accepting (decoding/unusable_fields.py) and the drain, which finds URLs in payloads, call it.
"""

import re
from collections.abc import Mapping

MAX_URL_CHARACTERS = 2048
# Parameters that an advertising network adds to a link that was paid for → the source. "fbclid" is not among them:
# Facebook adds it to every link.
CLICK_IDS: Mapping[str, str] = {
    **dict.fromkeys(("gclid", "gbraid", "wbraid", "dclid"), "Google"),
    "msclkid": "Bing",
    "yclid": "Yandex",
    "ttclid": "TikTok",
    "twclid": "X",
    "rdt_cid": "Reddit",
    "li_fat_id": "LinkedIn",
    "sccid": "Snapchat",
}
_KEPT = re.compile(rf"utm_|(?:{'|'.join(CLICK_IDS)})=", re.IGNORECASE)


def shorten_url(url: str) -> str:
    """The URL; a too long one without its fragment and, but for utm_ fields and click ids, its query: the rest is not
    read."""
    if len(url) <= MAX_URL_CHARACTERS:
        return url
    address, _, query = url.partition("#")[0].partition("?")
    campaign = "&".join(part for part in query.split("&") if _KEPT.match(part))
    return f"{address}?{campaign}" if campaign else address
