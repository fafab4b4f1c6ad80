"""The caller's address behind trusted proxies. Rate limits and ingest use it.

One header is read, CLIENT_ADDRESS_HEADER: a proxy that writes one of them passes the other on as the client sent it,
so a service that read both would let clients choose their address (docs/decisions/0029).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any

from analytics.web.ip_addresses import normalize_address
from config import Settings

# Proxies in a row, and characters of `Forwarded`, that are read from the end of the list. What is further away is
# written by no proxy of ours.
MAX_HOPS, MAX_FORWARDED_CHARS = 20, 8192
# An element of RFC 7239, section 4, and the comma before it, read from the last character. Commas in quoted text do not
# count, nor do quotes that a backslash escapes.
_ELEMENT_BACKWARDS = re.compile(r'((?:[^",]|"(?:"\\|[^"])*+")*+)(,|\Z)')
_PARAMETER = re.compile(
    r"[ \t]*(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+)"
    r"=(?:\"(?P<quoted>(?:[^\"\\]|\\.)*+)\"|(?P<token>[^\s\",;]*))[ \t]*(?:;|\Z)"
)


def client_address(environ: Mapping[str, Any], settings: Settings) -> str:
    """The caller's address: the last of the header that no trusted proxy owns; without proxies, the socket's.

    Normalized; "" where the proxy that is to tell it writes something else, for example "unknown": such a caller has no
    address, not that of the proxy. A Unix socket has none: its other end is a proxy of this machine, trusted if any is.
    """
    trusted = settings.trusted_proxies
    address = normalize_address(environ.get("REMOTE_ADDR") or "")
    if not trusted or (address and not _is_trusted(address, trusted)):
        return address
    name, read_hops = HEADERS[settings.client_address_header]
    for hop in read_hops(environ.get(name, "")):
        address = normalize_address(hop)
        if not address or not _is_trusted(address, trusted):
            break
    return address


def _read_forwarded_for(text: str) -> Iterator[str]:
    """The hops of X-Forwarded-For, the last first."""
    # What lies before the last hops stays one text, which is no address.
    return filter(str.strip, reversed(text.rsplit(",", MAX_HOPS - 1)))


def _read_forwarded(text: str) -> Iterator[str]:
    """`for` of the elements of Forwarded, the last first; "" where an element has none that can be read.

    Read from the end, because a client that begins a quoted text and does not end it would swallow what proxies add.
    """
    backwards = text[: -MAX_FORWARDED_CHARS - 1 : -1]
    if len(text) > MAX_FORWARDED_CHARS:
        # An element that is cut is like one with a quote that does not end.
        backwards += '"'
    position = 0
    for _ in range(MAX_HOPS):
        match = _ELEMENT_BACKWARDS.match(backwards, position)
        if match is None:
            break
        element, comma = match[1][::-1], match[2]
        if element.strip():
            yield _read_for(element)
        if not comma:
            return
        position = match.end()
    yield ""


def _read_for(element: str) -> str:
    """The node that `for` names, without quotes; "" for an element without it, or that RFC 7239 does not allow."""
    found, position = dict[str, str](), 0
    while position < len(element):
        parameter = _PARAMETER.match(element, position)
        if parameter is None or (name := parameter["name"].lower()) in found:
            return ""
        quoted = parameter["quoted"]
        found[name] = parameter["token"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        position = parameter.end()
    return found.get("for", "")


# Setting → the header's name in the environ, and what reads its hops.
HEADERS: Mapping[str, tuple[str, Callable[[str], Iterator[str]]]] = {
    "x-forwarded-for": ("HTTP_X_FORWARDED_FOR", _read_forwarded_for),
    "forwarded": ("HTTP_FORWARDED", _read_forwarded),
}


@lru_cache(maxsize=4096)
def address_network(address: str) -> str:
    """A normalized address; of IPv6 its /64 network, since one caller has 2^64 addresses."""
    return str(ip_network((address, 64), strict=False)) if ":" in address else address


def mask_address(address: str) -> str:
    """What may stay of a normalized address: 24 bits of IPv4, 48 of IPv6, as ANONYMIZE_IPS_AFTER_DAYS leaves."""
    return str(ip_network((address, 48 if ":" in address else 24), strict=False)) if address else ""


@lru_cache(maxsize=4096)
def _is_trusted(address: str, trusted: tuple[str, ...]) -> bool:
    return any(ip_address(address) in ip_network(network) for network in trusted)
