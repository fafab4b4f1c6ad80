"""An IP address → country, and with a MaxMind file region and city too. Sources and their age: docs/decisions/0002.

One GeoDatabase per process, which the drain's worker opens. It never uses the network.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache, partial
from ipaddress import IPv6Address, ip_address
from itertools import islice
from typing import NamedTuple

import iptocc
import maxminddb
from maxminddb.types import Record

from analytics.ingest.enrich.text import clean_or_none


class Location(NamedTuple):
    """Where an address is used: ISO 3166 alpha-2 code, English names of first-level subdivision and city."""

    country: str | None
    region: str | None
    city: str | None


UNKNOWN_LOCATION = Location(None, None, None)

# Registries' codes for "somewhere in Europe", "somewhere in Asia-Pacific", "reserved".
_NOT_COUNTRIES = frozenset(("AP", "EU", "XX", "ZZ"))
_NAME_CHARACTERS = 128
_LONGEST_ADDRESS = 64


class GeoDatabase:
    """Locations of IP addresses from one source; `source` names it and its age."""

    def __init__(self, find: Callable[[str], Location], source: str, has_ipv6: bool = True) -> None:
        self.source = source
        self._find = find
        self._has_ipv6 = has_ipv6
        self._cached = lru_cache(maxsize=16384)(self._locate)

    def locate(self, ip: str) -> Location:
        """The location of a public address; all None for any other text. A miss takes 7 us, with a city file 13 us."""
        return self._cached(ip) if len(ip) <= _LONGEST_ADDRESS else UNKNOWN_LOCATION

    def _locate(self, ip: str) -> Location:
        text = ip.strip()
        try:
            address = ip_address(text)
        except ValueError:
            return UNKNOWN_LOCATION
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
            text = str(address)
        # A reader raises for a zone ("%eth0"), and for IPv6 where its file holds IPv4 only.
        is_supported = "%" not in text and (address.version == 4 or self._has_ipv6)
        return self._find(text) if is_supported and address.is_global else UNKNOWN_LOCATION


def open_geo_database(path: str | None) -> GeoDatabase:
    """The .mmdb file at the path, or without a path the country table of the iptocc wheel.

    The file is memory-mapped: replace it by renaming a new one over it, then restart the workers. Raises ValueError
    with the path for a file that is missing, unreadable, or without countries.
    """
    if not path:
        return GeoDatabase(_find_country, "iptocc")
    try:
        reader = maxminddb.open_database(path)
        has_countries = any("country" in _as_dict(record) for _, record in islice(reader, 1000))
    except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
        detail = "is missing, unreadable or damaged; accepted: a MaxMind file, for example GeoLite2-Country.mmdb"
        raise ValueError(f"GeoIP database {path} {detail}") from error
    metadata = reader.metadata()
    if not has_countries:
        reader.close()
        detail = f"is a {metadata.database_type} file without countries; accepted for example: GeoLite2-Country.mmdb"
        raise ValueError(f"GeoIP database {path} {detail}")
    built_at = datetime.fromtimestamp(metadata.build_epoch, UTC)
    finder = partial(_find_location, reader)
    return GeoDatabase(finder, f"{metadata.database_type} of {built_at:%Y-%m-%d}", has_ipv6=metadata.ip_version == 6)


def _find_country(ip: str) -> Location:
    code = iptocc.country_code(ip)
    return UNKNOWN_LOCATION if code is None or code in _NOT_COUNTRIES else Location(code, None, None)


def _find_location(reader: maxminddb.Reader, ip: str) -> Location:
    record = _as_dict(reader.get(ip))
    # A satellite or anycast network has no country of use, only one of registration.
    country = _as_dict(record.get("country")) or _as_dict(record.get("registered_country"))
    divisions = record.get("subdivisions")
    region = divisions[0] if isinstance(divisions, list) and divisions else None
    code = country.get("iso_code")
    return Location(clean_or_none(code, 2) if isinstance(code, str) else None, _name(region), _name(record.get("city")))


def _name(part: Record | None) -> str | None:
    name = _as_dict(_as_dict(part).get("names")).get("en")
    return clean_or_none(name, _NAME_CHARACTERS) if isinstance(name, str) else None


def _as_dict(record: Record | None) -> dict[str, Record]:
    return record if isinstance(record, dict) else {}
