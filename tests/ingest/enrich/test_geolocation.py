"""IP addresses → locations, from the wheel's table and from MaxMind files that this module writes byte by byte."""

import os
import struct
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.ingest.enrich import GeoDatabase, Location, open_geo_database

UNKNOWN = Location(None, None, None)


@pytest.fixture(scope="module")
def geo() -> GeoDatabase:
    return open_geo_database(None)


# Blocks that one national operator has held for decades.
@pytest.mark.parametrize(
    ("ip", "country"),
    [
        ("8.8.8.8", "US"),
        ("133.11.0.1", "JP"),  # University of Tokyo
        ("130.149.7.7", "DE"),  # Technische Universität Berlin
        ("129.67.242.154", "GB"),  # University of Oxford
        ("200.160.2.3", "BR"),  # NIC.br
        ("2001:4860:4860::8888", "US"),
        ("2001:200:dff:fff1::1", "JP"),  # WIDE
        ("::ffff:133.11.0.1", "JP"),
        (" 8.8.8.8 ", "US"),
    ],
)
def test_country_of_a_public_address(geo, ip, country):
    assert geo.locate(ip) == Location(country, None, None)


NOT_PUBLIC = ["", "-", "unknown", "10.1.2.3", "172.16.0.1", "192.168.1.1", "127.0.0.1", "100.64.0.1", "169.254.1.1", "0.0.0.0",
            "255.255.255.255", "224.0.0.1", "192.0.2.1", "::", "::1", "fe80::1", "fe80::1%eth0", "2a00:1450::1%eth0", "fd00::1",
            "2001:db8::1", "::ffff:10.0.0.1", "8.8.8.8:443", "8.8.8", "8.8.8.8.8", "134744072", "1" * 10_000, "\x00", "\ud800"]  # fmt: skip


@pytest.mark.parametrize("ip", NOT_PUBLIC)
def test_private_and_invalid_addresses_have_no_location(geo, ip):
    assert geo.locate(ip) == UNKNOWN


@given(st.text(st.characters(codec=None), max_size=80) | st.ip_addresses().map(str))
def test_no_address_raises_or_yields_other_than_a_country_code(text):
    country, region, city = open_geo_database(None).locate(text)
    assert country is None or (
        len(country) == 2 and country.isascii() and country.isupper() and country not in ("EU", "AP")
    )
    assert (region, city) == (None, None)


CITY = {
    "country": {"iso_code": "DE", "names": {"en": "Germany", "de": "Deutschland"}},
    "registered_country": {"iso_code": "US"},
    "subdivisions": [
        {"iso_code": "BY", "names": {"en": "Bavaria", "de": "Bayern"}},
        {"names": {"en": "Upper Bavaria"}},
    ],
    "city": {"names": {"de": "München", "en": "Munich"}},
}


@pytest.fixture
def city_file(tmp_path):
    networks = {
        "81.2.69.0/24": CITY,
        "81.3.0.0/16": {"registered_country": {"iso_code": "AU"}},
        "81.4.0.0/16": {"country": {"iso_code": "FR"}, "subdivisions": [], "city": {}},
        "81.5.0.0/16": {"country": "odd", "subdivisions": "odd", "city": {"names": {"en": "\x00\n"}}},
        "2a01:4f8::/32": CITY,
        "10.0.0.0/8": CITY,
    }
    return write_mmdb(tmp_path / "city.mmdb", "GeoLite2-City", networks)


@pytest.mark.parametrize(
    ("ip", "location"),
    [
        ("81.2.69.142", Location("DE", "Bavaria", "Munich")),
        ("::ffff:81.2.69.142", Location("DE", "Bavaria", "Munich")),
        ("2a01:4f8::7", Location("DE", "Bavaria", "Munich")),
        ("81.3.0.1", Location("AU", None, None)),
        ("81.4.0.1", Location("FR", None, None)),
        ("81.5.0.1", UNKNOWN),
        ("81.6.0.1", UNKNOWN),
        ("10.0.0.1", UNKNOWN),
        ("2a01:4f8::7%eth0", UNKNOWN),
    ],
)
def test_maxmind_file_gives_region_and_city(city_file, ip, location):
    assert open_geo_database(city_file).locate(ip) == location


def test_file_of_ipv4_only_gives_no_location_for_ipv6(tmp_path):
    path = write_mmdb(tmp_path / "v4.mmdb", "Country", {"81.2.69.0/24": CITY}, version=4)
    geo = open_geo_database(path)
    assert geo.locate("81.2.69.1").country == "DE"
    assert geo.locate("2a01:4f8::7") == UNKNOWN


def test_source_names_the_type_and_date_of_the_file(city_file):
    assert open_geo_database(city_file).source == "GeoLite2-City of 2026-01-02"
    assert open_geo_database("").source == "iptocc"


def _missing(folder):
    return str(folder / "missing.mmdb")


def _text(folder):
    (folder / "text.mmdb").write_text("not a database")
    return str(folder / "text.mmdb")


def _cut(folder):
    path = write_mmdb(folder / "cut.mmdb", "GeoLite2-City", {"81.2.69.0/24": CITY})
    os.truncate(path, 20)
    return path


def _networks_only(folder):
    return write_mmdb(folder / "asn.mmdb", "GeoLite2-ASN", {"81.2.69.0/24": {"autonomous_system_number": 7}})


@pytest.mark.parametrize(
    "make", [_missing, str, _text, _cut, _networks_only], ids=["missing", "folder", "text", "cut", "ASN"]
)
def test_unusable_file_is_refused_with_its_path(tmp_path, make):
    path = make(tmp_path)
    with pytest.raises(ValueError, match="GeoIP database") as refusal:
        open_geo_database(path)
    assert path in str(refusal.value)


def write_mmdb(path, kind, networks, version=6) -> str:
    """A MaxMind DB of 24-bit records: https://maxmind.github.io/MaxMind-DB/"""
    nodes: list[list[int | None]] = [[None, None]]
    data = b""
    leaves = []
    for network, record in networks.items():
        net = ip_network(network)
        bits = f"{int(net.network_address):0{128 if version == 6 else 32}b}"
        # IPv4 lies at ::/96 of an IPv6 tree.
        bits = bits[: net.prefixlen + (96 if version == 6 and net.version == 4 else 0)]
        node = 0
        for bit in bits[:-1]:
            if nodes[node][int(bit)] is None:
                nodes.append([None, None])
                nodes[node][int(bit)] = len(nodes) - 1
            node = nodes[node][int(bit)]
        leaves.append((node, int(bits[-1]), len(data)))
        data += _encode(record)
    for node, side, offset in leaves:
        nodes[node][side] = len(nodes) + 16 + offset
    tree = b"".join((len(nodes) if side is None else side).to_bytes(3, "big") for node in nodes for side in node)
    about = {"binary_format_major_version": 2, "binary_format_minor_version": 0, "build_epoch": 1767312000, "database_type": kind,
             "description": {"en": "test"}, "ip_version": version, "languages": ["en"], "node_count": len(nodes), "record_size": 24}  # fmt: skip
    path.write_bytes(tree + bytes(16) + data + b"\xab\xcd\xefMaxMind.com" + _encode(about))
    return str(path)


# Readers insist on these widths.
_WIDE = {"node_count": (6, ">I"), "build_epoch": (9, ">Q")}


def _encode(value, key=None) -> bytes:
    if isinstance(value, str):
        return _head(2, len(value.encode())) + value.encode()
    if isinstance(value, int):
        kind, layout = _WIDE.get(key, (5, ">H"))
        return _head(kind, struct.calcsize(layout)) + struct.pack(layout, value)
    if isinstance(value, list):
        return _head(11, len(value)) + b"".join(map(_encode, value))
    return _head(7, len(value)) + b"".join(_encode(key) + _encode(item, key) for key, item in value.items())


def _head(kind: int, size: int) -> bytes:
    first, rest = (size, b"") if size < 29 else (29, bytes([size - 29]))
    return (bytes([first, kind - 7]) if kind > 7 else bytes([kind << 5 | first])) + rest
