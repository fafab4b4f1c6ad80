"""IP addresses as text, in one spelling. Pure.

Accept, imports, the drain and privacy read every address by `normalize_address`, and keep what it returns: so an
address is one visitor, one caller and one location, however it is written.
"""

import re
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

# An IPv4-mapped address in full, in brackets, with the zone of an interface and a port.
MAX_ADDRESS_CHARS = 100
# What proxies and logs write (RFC 7239, section 6): an address, with a port, in brackets, with a zone.
_PORT = r"(?::(?:[0-9]{1,5}|_[\w.-]+))?"
_ADDRESS = re.compile(
    rf"(?P<v4>[0-9.]+){_PORT}"
    rf"|\[(?P<bracketed>[0-9A-Fa-f:.]+)(?:%[^\]]*)?\]{_PORT}"
    r"|(?P<v6>[0-9A-Fa-f:.]+)(?:%.*)?"
)


def normalize_address(text: str) -> str:
    """One spelling of an IP address: without port, zone and blanks, IPv4-mapped as IPv4; "" for any other text.

    " 8.8.8.8:50123" and "::ffff:8.8.8.8" are 8.8.8.8; "[2001:DB8:0::1]:443" is 2001:db8::1.
    """
    return _normalize(text) if len(text) <= MAX_ADDRESS_CHARS else ""


@lru_cache(maxsize=65_536)
def _normalize(text: str) -> str:
    match = _ADDRESS.fullmatch(text.strip())
    try:
        address = ip_address(match["v4"] or match["bracketed"] or match["v6"]) if match else None
    except ValueError:
        return ""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(address or "")
