"""URLs that are too long to store: what of them is read in any case. Pure.

Accepting (decoding/unusable_fields.py) and the drain, which finds URLs in payloads, call it.
"""

import re
from collections.abc import Mapping

MAX_URL_CHARACTERS = 2048
# Parameters that an advertising network adds to a link that was paid for → the source.
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
# Parameters that a network adds to every link, paid or not → the source.
LINK_IDS: Mapping[str, str] = {"fbclid": "Facebook"}
_KEPT = re.compile(rf"utm_.*|(?P<id>{'|'.join((*CLICK_IDS, *LINK_IDS))})=.", re.IGNORECASE)


def shorten_url(url: str) -> str:
    """The URL; a too long one without its fragment and, but for utm_ fields and click ids, its query: the rest is not
    read."""
    if len(url) <= MAX_URL_CHARACTERS:
        return url
    address, _, query = url.partition("#")[0].partition("?")
    kept = (match for part in query.split("&") if (match := _KEPT.match(part)))
    # Of an id only its presence is read; it may itself be what is too long.
    campaign = "&".join(f"{match['id']}=1" if match["id"] else match[0] for match in kept)
    return f"{address}?{campaign}" if campaign else address
