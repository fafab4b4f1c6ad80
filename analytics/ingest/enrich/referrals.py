"""A referrer → the URL to store and the source that reports group by (names: source_names.py). The drain calls it.

Pure, cached, never raises. A referrer without a host ("/login") is a page of the site itself.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from analytics.ingest.enrich.pages import MAX_CACHED_CHARACTERS, MAX_URL_CHARACTERS, UrlParts, split_url
from analytics.ingest.enrich.source_names import find_app_source, find_host_source
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
    """The parts of a referrer to store; the source is None for a direct visit and for a referrer on `own_host`."""
    return _split_cached(referrer, own_host) if len(referrer) <= MAX_CACHED_CHARACTERS else _split(referrer, own_host)


def _split(referrer: str, own_host: str | None) -> Referral:
    address = split_url(referrer)
    if not address.scheme and _BARE_HOST.match(address.path):
        address = split_url("https://" + address.path)
    # about:client, chrome-extension://…, file:///…: not a page that can send visitors.
    if address.scheme not in _KNOWN_SCHEMES or bool(address.scheme) != bool(address.host):
        return NO_REFERRAL
    if not address.scheme:
        is_page = not _OTHER_SCHEME.match(address.path)
        return Referral(clean_or_none(address.path, MAX_URL_CHARACTERS) if is_page else None, None)
    return Referral(clean_or_none(_join(address), MAX_URL_CHARACTERS), _find_source(address, own_host))


_split_cached = lru_cache(maxsize=8192)(_split)


def _join(address: UrlParts) -> str:
    port = f":{address.port}" if address.port else ""
    return f"{address.scheme}://{address.host}{port}{address.path}"


def _find_source(address: UrlParts, own_host: str | None) -> str | None:
    host = address.host.removeprefix("www.")
    if address.scheme in _APPS:
        return find_app_source(host) or clean_or_none(host, _SOURCE_CHARACTERS)
    if own_host and host == split_url("//" + own_host).host.removeprefix("www."):
        return None
    return find_host_source(host) or clean_or_none(host, _SOURCE_CHARACTERS)
