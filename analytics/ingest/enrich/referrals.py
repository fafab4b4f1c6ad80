"""A referrer → the URL to store and the source that reports group by. Names: sources.py.

Pure, cached, never raises. A referrer without a host ("/login") is a page of the site itself.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from analytics.ingest.enrich.pages import CACHED_CHARACTERS, URL_CHARACTERS, Address, split_address
from analytics.ingest.enrich.sources import name_app, name_site
from analytics.ingest.enrich.text import clean_or_none


class Referral(NamedTuple):
    """The referrer without user, query and fragment, and the source: a name, else the host without "www."."""

    referrer: str | None
    source: str | None


NO_REFERRAL = Referral(None, None)

_APPS = frozenset(("android-app", "ios-app"))
_KNOWN_SCHEMES = _APPS | {"", "http", "https"}
# "news.ycombinator.com/item", as some clients send it. A page of the site itself would begin with a slash.
_BARE_HOST = re.compile(r"(?:[a-z0-9-]+\.)+(?!(?:html?|php|aspx?|jsp)\b)[a-z]{2,24}(?=[:/]|$)", re.IGNORECASE)
_OTHER_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_SOURCE_CHARACTERS = 255


def split_referrer(referrer: str, own_host: str | None) -> Referral:
    """What to store of a referrer; the source is None for a visitor who came from nowhere, or from `own_host`."""
    return _split_cached(referrer, own_host) if len(referrer) <= CACHED_CHARACTERS else _split(referrer, own_host)


def _split(referrer: str, own_host: str | None) -> Referral:
    address = split_address(referrer)
    if not address.scheme and _BARE_HOST.match(address.path):
        address = split_address("https://" + address.path)
    # about:client, chrome-extension://…, file:///…: nowhere that a visitor can be sent from.
    if address.scheme not in _KNOWN_SCHEMES or bool(address.scheme) != bool(address.host):
        return NO_REFERRAL
    if not address.scheme:
        is_page = not _OTHER_SCHEME.match(address.path)
        return Referral(clean_or_none(address.path, URL_CHARACTERS) if is_page else None, None)
    return Referral(clean_or_none(_join(address), URL_CHARACTERS), _find_source(address, own_host))


_split_cached = lru_cache(maxsize=8192)(_split)


def _join(address: Address) -> str:
    port = f":{address.port}" if address.port else ""
    return f"{address.scheme}://{address.host}{port}{address.path}"


def _find_source(address: Address, own_host: str | None) -> str | None:
    host = address.host.removeprefix("www.")
    if address.scheme in _APPS:
        return name_app(host) or clean_or_none(host, _SOURCE_CHARACTERS)
    if own_host and host == split_address("//" + own_host).host.removeprefix("www."):
        return None
    return name_site(host) or clean_or_none(host, _SOURCE_CHARACTERS)
