"""An IP address as text, in its usual form. Accept checks addresses by it, the drain stores what it returns. Pure."""

from functools import lru_cache
from ipaddress import ip_address


@lru_cache(maxsize=65_536)
def normalize_ip(ip: str) -> str | None:
    """The address without a zone; None for other text, as a caller may send anything."""
    try:
        return str(ip_address(ip.strip().split("%")[0]))
    except ValueError:
        return None
