"""Where a browser's request comes from: its Origin, else its Referer, compared with the list of a key or site.

guard.py checks the callers that are bound to origins, and in development the Host of those without a credential;
cors.py whether a response may be read. A server can send any Origin and Host: the checks keep other people's pages from
sending and reading in a visitor's browser, and nothing more.
"""

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from analytics.errors import Forbidden
from analytics.web.ip_addresses import normalize_address

ORIGIN_PATTERN = re.compile(r"(https?)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
DEFAULT_PORTS = {"http": ":80", "https": ":443"}
# Names of no site of the internet: of one label, or below a top level that is reserved for machines at hand.
NEAR_HOST_PATTERN = re.compile(r"[a-z0-9_-]+|[a-z0-9._-]+\.(localhost|local|internal|test)")


class OriginNotAllowed(Forbidden):
    """The request comes from a page that its key or site does not list."""

    code = "origin_not_allowed"


def check_origin(environ: Mapping[str, Any], allowed: Collection[str], owner: str, remedy: str) -> None:
    """Raises OriginNotAllowed unless the request's Origin is allowed; without one, unless its Referer's host is.

    `owner` and `remedy` go into the detail: "the site 'shop'", "to allow another: flask site set shop --add-origin …".
    """
    origin, referrer = environ.get("HTTP_ORIGIN"), environ.get("HTTP_REFERER")
    if origin:
        if is_listed(origin, allowed):
            return
        source = f"the origin {origin[:80]!r} is not one of {owner}"
    elif referrer:
        # Its scheme and port may differ from the page's: a Referer is often cut, and images are sent by plain HTTP too.
        if host_of(referrer) in _hosts_of(tuple(allowed)):
            return
        source = f"the Referer's host {host_of(referrer)[:80]!r} is not of an origin of {owner}"
    else:
        source = f"the request has no Origin and no Referer, which {owner} needs"
    raise OriginNotAllowed(f"{source}; accepted: requests of pages on its origins; {remedy}")


def is_near(host: str, public_url: str) -> bool:
    """Whether a Host header cannot be the name of another site, which its owner lets lead to this machine to read it
    from that site's page (DNS rebinding): an address, a name of machines at hand, or PUBLIC_URL's."""
    name = host_of(f"http://{host}").removesuffix(".")
    is_address = normalize_address(name) != ""
    return not host or is_address or NEAR_HOST_PATTERN.fullmatch(name) is not None or name == host_of(public_url)


def is_listed(origin: str, allowed: Collection[str]) -> bool:
    """True when the origin is one of these; `null` and other opaque origins never are."""
    return normalize_origin(origin) in _origins_of(tuple(allowed))


# Lists are of a site, a key or the settings: computed once for each, and a request costs a look-up.
@lru_cache(maxsize=4096)
def _origins_of(allowed: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(normalize_origin, allowed)) - {""}


@lru_cache(maxsize=4096)
def _hosts_of(allowed: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(host_of, allowed)) - {""}


@lru_cache(maxsize=4096)
def normalize_origin(text: str) -> str:
    """An origin as browsers send it: lower case, without its scheme's own port. "": not an origin of the web."""
    match = ORIGIN_PATTERN.fullmatch(text.strip().lower().removesuffix("/"))
    if match is None:
        return ""
    scheme, host, port = match[1], match[2], match[3] or ""
    return f"{scheme}://{host}{'' if port == DEFAULT_PORTS[scheme] else port}"


@lru_cache(maxsize=4096)
def host_of(url: str) -> str:
    """The host of a web address in lower case; "" for other text, which is on no list."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return (parts.hostname or "") if parts.scheme in DEFAULT_PORTS else ""
