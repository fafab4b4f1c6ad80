"""The caller's address behind trusted proxies, in one spelling. Rate limits and ingest use it."""

import re
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

# RFC 7239 §6 and what proxies send: an address, with a port, in brackets, with a zone.
ADDRESS_PATTERN = re.compile(
    r"(?P<v4>[0-9.]+)(:[0-9]{1,5})?"
    r"|\[(?P<bracketed>[0-9A-Fa-f:.]+)(%[^\]]*)?\](:[0-9]{1,5})?"
    r"|(?P<v6>[0-9A-Fa-f:.]+)(%.*)?"
)


def client_address(environ: Mapping[str, Any], trusted_proxies: tuple[str, ...]) -> str:
    """The caller's address: the last in X-Forwarded-For that no trusted proxy owns; without proxies, the socket's.

    Normalized. A Unix socket has no address: its other end is a proxy of this machine, trusted if any proxy is.
    """
    address = normalize_address(environ.get("REMOTE_ADDR") or "")
    if not trusted_proxies or (address and not _is_trusted(address, trusted_proxies)):
        return address
    for hop in reversed(environ.get("HTTP_X_FORWARDED_FOR", "").split(",")):
        if not hop.strip():
            continue
        if not (normalized := normalize_address(hop)):
            break
        address = normalized
        if not _is_trusted(address, trusted_proxies):
            break
    return address


@lru_cache(maxsize=4096)
def normalize_address(text: str) -> str:
    """One spelling of an IP address: without port, zone and spaces, IPv4-mapped as IPv4; "" for any other text.

    " 8.8.8.8:50123" and "::ffff:8.8.8.8" are 8.8.8.8; "[2001:DB8:0::1]:443" is 2001:db8::1.
    """
    match = ADDRESS_PATTERN.fullmatch(text.strip())
    try:
        address = ip_address(match["v4"] or match["bracketed"] or match["v6"]) if match else None
    except ValueError:
        return ""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(address or "")


@lru_cache(maxsize=4096)
def address_network(address: str) -> str:
    """A normalized address; of IPv6 its /64 network, since one caller has 2^64 addresses."""
    return str(ip_network((address, 64), strict=False)) if ":" in address else address


@lru_cache(maxsize=4096)
def _is_trusted(address: str, trusted: tuple[str, ...]) -> bool:
    return any(ip_address(address) in ip_network(network) for network in trusted)
