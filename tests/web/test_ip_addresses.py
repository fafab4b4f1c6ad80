"""An IP address has one spelling, however it is written."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.web.ip_addresses import MAX_ADDRESS_CHARS, normalize_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        pytest.param("8.8.8.8", "8.8.8.8", id="plain"),
        pytest.param(" 8.8.8.8\t", "8.8.8.8", id="blanks"),
        pytest.param("8.8.8.8\n", "8.8.8.8", id="line break"),
        pytest.param("8.8.8.8:50123", "8.8.8.8", id="port"),
        pytest.param("8.8.8.8:_gazonk", "8.8.8.8", id="hidden port of RFC 7239"),
        pytest.param("::ffff:8.8.8.8", "8.8.8.8", id="IPv4-mapped"),
        pytest.param("::FFFF:808:808", "8.8.8.8", id="IPv4-mapped in hexadecimal"),
        pytest.param("0:0:0:0:0:ffff:8.8.8.8", "8.8.8.8", id="IPv4-mapped written out"),
        pytest.param("[::ffff:8.8.8.8]:443", "8.8.8.8", id="IPv4-mapped with a port"),
        pytest.param("2001:4860:4860:0:0:0:0:8888", "2001:4860:4860::8888", id="IPv6 written out"),
        pytest.param("2001:4860:4860:0000::00:8888", "2001:4860:4860::8888", id="leading zeros"),
        pytest.param("2001:DB8::1", "2001:db8::1", id="capitals"),
        pytest.param("[2001:db8::1]", "2001:db8::1", id="brackets"),
        pytest.param("[2001:db8::1]:443", "2001:db8::1", id="brackets and port"),
        pytest.param("fe80::1%eth0", "fe80::1", id="zone"),
        pytest.param("[fe80::1%25eth0]:80", "fe80::1", id="zone in brackets"),
        pytest.param(
            "[0000:0000:0000:0000:0000:ffff:255.255.255.255%a23456789012345]:65535", "255.255.255.255", id="long"
        ),
        pytest.param("", "", id="nothing"),
        pytest.param("   ", "", id="only blanks"),
        pytest.param("-", "", id="a dash"),
        pytest.param("unknown", "", id="a word"),
        pytest.param("8.8.8.8:http", "", id="a named port"),
        pytest.param("8.8.8.8:", "", id="no port"),
        pytest.param("8.8.8", "", id="three parts"),
        pytest.param("8.8.8.256", "", id="too large"),
        # Leading zeros mean octal to some readers: it may be another address.
        pytest.param("010.8.8.8", "", id="leading zeros of IPv4"),
        pytest.param("[8.8.8.8", "", id="half a bracket"),
        pytest.param("8.8.8.8, 1.1.1.1", "", id="a list"),
        pytest.param("٨.8.8.8", "", id="other digits"),
        pytest.param("1" * (MAX_ADDRESS_CHARS + 1), "", id="too long"),
    ],
)
def test_address_has_one_spelling(text: str, address: str) -> None:
    assert normalize_address(text) == address


def _spellings(address: IPv4Address | IPv6Address, port: int) -> list[str]:
    if isinstance(address, IPv4Address):
        mapped = IPv6Address(f"::ffff:{address}")
        return [str(address), f"{address}:{port}", f"::ffff:{address}", str(mapped), f"[{mapped.exploded}]:{port}"]
    text = str(address)
    return [text, text.upper(), address.exploded, f"[{text}]", f"[{address.exploded}]:{port}", f"{text}%eth0"]


@given(st.ip_addresses(), st.integers(0, 65535), st.sampled_from(["", " ", "\t "]))
def test_every_spelling_is_the_address(address: IPv4Address | IPv6Address, port: int, blank: str) -> None:
    usual = address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
    assert {normalize_address(blank + text + blank) for text in _spellings(address, port)} == {str(usual)}


@given(st.text(max_size=200))
def test_any_other_text_is_none(text: str) -> None:
    found = normalize_address(text)
    assert not found or str(ip_address(found)) == found == normalize_address(found)
