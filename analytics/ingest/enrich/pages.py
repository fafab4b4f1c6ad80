"""The page of an event → path, host and campaign; also the URL parser of this package. The drain calls it.

The path stays as sent, percent-encoding included: decoding could produce NUL or broken UTF-8, and "/a%2Fb" is another
page than "/a/b". Never raises. Written by hand because urlsplit takes five times as long and raises on "[".
"""

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote, unquote_plus

from analytics.ingest.decoding.long_urls import CLICK_IDS, LINK_IDS
from analytics.ingest.enrich.text import clean_or_none, clean_text
from analytics.sites.domains import normalize_host


class Page(NamedTuple):
    """A page without query and fragment; the host only where a full URL was sent."""

    path: str | None
    host: str | None
    utm_source: str | None
    utm_medium: str | None
    utm_campaign: str | None
    utm_term: str | None
    utm_content: str | None
    # The parameter by which a network marks a click: "gclid". None: there is none.
    click_id: str | None = None


class UrlParts(NamedTuple):
    """A URL's parts. Without a scheme it is a path only, and the host is empty."""

    scheme: str
    host: str
    port: str
    path: str
    query: str


MAX_URL_CHARACTERS = 2048
# Longer texts are parsed each time, so that the caches stay within a few megabytes.
MAX_CACHED_CHARACTERS = 512
_READ_CHARACTERS = 16_384
_UTM_CHARACTERS = 255
_UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://|//", re.IGNORECASE)
_PORT = re.compile(r":(\d*)$")


def split_page(page: str) -> Page:
    """The parts of "/dashboard?utm_source=x#top" or of a full URL; an empty path of a URL is "/"."""
    return _split_cached(page) if len(page) <= MAX_CACHED_CHARACTERS else _split(page)


def split_url(url: str) -> UrlParts:
    """Scheme in lower case, the host without user and port in the form of sites/domains.py; path and query as sent."""
    text, _, _ = clean_text(url, _READ_CHARACTERS).partition("#")
    text, _, query = text.partition("?")
    opening = _SCHEME.match(text)
    if not opening:
        return UrlParts("", "", "", text, query)
    # Browsers read "\" as "/" here, so it ends the host.
    host, slash, path = text[opening.end() :].replace("\\", "/").partition("/")
    host = host.rpartition("@")[2]
    host = unquote(host) if "%" in host else host
    port = _PORT.search(host)
    host = clean_text(normalize_host(host), _READ_CHARACTERS)
    return UrlParts((opening[1] or "https").lower(), host, port[1] if port else "", (slash + path) or "/", query)


def _split(page: str) -> Page:
    address = split_url(page)
    utm = _read_utm(address.query) if "utm_" in address.query.lower() else {}
    path = clean_or_none(address.path, MAX_URL_CHARACTERS)
    host, click_id = clean_or_none(address.host, 255), _find_click_id(address.query)
    return Page(path, host, *(utm.get(key) for key in _UTM))._replace(click_id=click_id)


_split_cached = lru_cache(maxsize=8192)(_split)


def _find_click_id(query: str) -> str | None:
    """The first click id with a value; one of every link only where there is none that was paid for."""
    if "id=" not in query.lower():
        return None
    parts = (part.partition("=") for part in query.split("&"))
    names = [name.lower() for name, _, value in parts if value]
    return next((name for ids in (CLICK_IDS, LINK_IDS) for name in names if name in ids), None)


def _read_utm(query: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for part in query.split("&"):
        key, _, value = part.partition("=")
        key = key.lower()
        # The first of two values of a key counts; an empty value does not.
        if key in _UTM and key not in values and (text := clean_or_none(unquote_plus(value), _UTM_CHARACTERS)):
            values[key] = text
    return values
