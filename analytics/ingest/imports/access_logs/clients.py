"""Who sent a request: addresses, host names, X-Forwarded-For lists and user names, as the formats write them. Pure.

Every format reads them here, so that a visitor is the same in all of them.
"""

import re
from functools import lru_cache
from ipaddress import ip_address

from analytics.ingest.imports.records import UnreadableRecord

# A host name, a colon and a port.
_LONGEST_HOST = 260
_NAME = re.compile(r"[\w.-]{1,253}")
_USER = re.compile(r'[^\s"\[\]]{1,255}')
_NOTHING = frozenset(("", "-", '""', "unix:"))


def read_host(text: str) -> str | None:
    """The address, or the host name in lower case, without port and brackets; None for `-` and for `unix:`.

    Raises UnreadableRecord for other text.
    """
    if text in _NOTHING:
        return None
    host = find_host(text)
    if host is None:
        raise UnreadableRecord("the host is neither an address nor a host name; accepted, for example: 192.0.2.1")
    return host


def find_host(text: str) -> str | None:
    """The same; None for any other text."""
    return _find_host(text) if len(text) <= _LONGEST_HOST else None


def is_host(text: str) -> bool:
    """Whether the text is an address or a host name, with or without a port."""
    return find_host(text) is not None


def is_address(text: str) -> bool:
    """Whether the text is an IPv4 or IPv6 address, without a port."""
    return len(text) <= _LONGEST_HOST and _is_address(text)


def read_user(text: str) -> str | None:
    """The user; None for `-`. Raises UnreadableRecord for what is no name, for example two words or an address."""
    if text in _NOTHING:
        return None
    if not _USER.fullmatch(text) or is_address(text):
        raise UnreadableRecord("the user is no name; accepted: one word, or - for none")
    return text


def is_public(host: str) -> bool:
    """Whether the host is an address of the Internet, not of a private network."""
    return is_address(host) and _is_public(host)


def find_forwarded(text: str) -> str | None:
    """The client of an X-Forwarded-For list: its first public address, else its first address, else None.

    What is no address is skipped, as clients send what they like. Cost: O(length).
    """
    hosts = (find_host(item.strip()) for item in text.split(","))
    addresses = [host for host in hosts if host is not None and is_address(host)]
    return next(filter(is_public, addresses), addresses[0] if addresses else None)


def find_likely_forwarded(text: str) -> str | None:
    """The same of a field that may hold something else, for example nginx's $upstream_addr (private, with a port): all
    of it must be addresses, and the client public or without a port."""
    items = [item.strip() for item in text.split(",")]
    if not all(is_address(find_host(item) or "") for item in items):
        return None
    client = find_forwarded(text)
    return client if client and (is_public(client) or client in items) else None


@lru_cache(maxsize=16_384)
def _find_host(text: str) -> str | None:
    if text.startswith("["):
        address, _, port = text[1:].partition("]")
        return address if is_address(address) and (not port or _is_port(port)) else None
    if is_address(text):
        return text
    host, colon, port = text.rpartition(":")
    if colon and _is_port(":" + port):
        text = host
    return text if is_address(text) else text.lower() if _is_name(text) else None


def _is_port(text: str) -> bool:
    return text[0] == ":" and 1 < len(text) <= 6 and text[1:].isdecimal()


def _is_name(text: str) -> bool:
    """Whether the text is a host name; "1.2.3.400" is none, as the last label of a name is no number."""
    labels = text.removesuffix(".").split(".")
    return bool(_NAME.fullmatch(text)) and all(labels) and text[0] != "-" and not labels[-1].isdecimal()


@lru_cache(maxsize=16_384)
def _is_address(text: str) -> bool:
    try:
        ip_address(text.split("%")[0])
    except ValueError:
        return False
    return True


@lru_cache(maxsize=16_384)
def _is_public(address: str) -> bool:
    return ip_address(address.split("%")[0]).is_global
