"""Where a request comes from, behind the proxies that the operator trusts."""

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any


def client_address(environ: Mapping[str, Any], trusted: tuple[str, ...]) -> str:
    """The caller's address: the last in X-Forwarded-For that no trusted proxy owns; without proxies, the socket's."""
    address: str = environ.get("REMOTE_ADDR") or ""
    if not trusted or not _is_trusted(address, trusted):
        return address
    hops = [hop.strip() for hop in environ.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
    for hop in reversed(hops):
        if not _is_address(hop):
            break
        address = hop
        if not _is_trusted(hop, trusted):
            break
    return address


@lru_cache(maxsize=4096)
def _is_trusted(address: str, trusted: tuple[str, ...]) -> bool:
    return _is_address(address) and any(ip_address(address) in ip_network(network) for network in trusted)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
