"""The caller's address: the last of the proxies' header that they do not own; never one that the caller chose."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.auth.client_address import MAX_FORWARDED_CHARS, MAX_HOPS, address_network, client_address
from config import Settings

PROXIES = Settings(trusted_proxies=("10.0.0.0/8", "fd00::/8"))
FORWARDED = replace(PROXIES, client_address_header="forwarded")


def read_forwarded_for(text: str, remote: str = "10.0.0.1") -> str:
    return client_address({"REMOTE_ADDR": remote, "HTTP_X_FORWARDED_FOR": text}, PROXIES)


def read_forwarded(text: str, remote: str = "10.0.0.1") -> str:
    return client_address({"REMOTE_ADDR": remote, "HTTP_FORWARDED": text}, FORWARDED)


@pytest.mark.parametrize(
    ("remote", "forwarded", "address"),
    [
        pytest.param("10.0.0.1", "8.8.8.8:50123", "8.8.8.8", id="port"),
        pytest.param("10.0.0.1", "[2001:DB8::1]:443", "2001:db8::1", id="brackets"),
        pytest.param("::ffff:10.0.0.1", "8.8.8.8", "8.8.8.8", id="IPv4-mapped proxy"),
        pytest.param("10.0.0.1", "::ffff:8.8.8.8", "8.8.8.8", id="IPv4-mapped caller"),
        pytest.param("10.0.0.1", "1.1.1.1, 8.8.8.8 , 10.0.0.2:80", "8.8.8.8", id="two proxies"),
        pytest.param("10.0.0.1", "unknown, 8.8.8.8, 10.0.0.2", "8.8.8.8", id="what lies before does not count"),
        pytest.param("10.0.0.1", "1.1.1.1, unknown", "", id="not an address"),
        pytest.param("10.0.0.1", "8.8.8.8, unknown, 10.0.0.2", "", id="a proxy that was told no address"),
        pytest.param("10.0.0.1", "8.8.8.8,,", "8.8.8.8", id="empty hops"),
        pytest.param("10.0.0.1", "10.0.0.9", "10.0.0.9", id="a caller of our own network"),
        pytest.param("10.0.0.1", "", "10.0.0.1", id="no header"),
        pytest.param("203.0.113.9", "8.8.8.8", "203.0.113.9", id="not a proxy of ours"),
        pytest.param("", "1.1.1.1, 8.8.8.8", "8.8.8.8", id="Unix socket"),
        pytest.param("", "", "", id="Unix socket without a header"),
    ],
)
def test_caller_is_the_last_that_no_trusted_proxy_owns(remote: str, forwarded: str, address: str) -> None:
    assert read_forwarded_for(forwarded, remote) == address


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        pytest.param("for=8.8.8.8", "8.8.8.8", id="plain"),
        pytest.param("For=8.8.8.8;proto=https;by=203.0.113.43", "8.8.8.8", id="with other parameters"),
        pytest.param("proto=https; for=8.8.8.8 ;host=shop.example", "8.8.8.8", id="not the first, with blanks"),
        pytest.param('for="8.8.8.8:47011"', "8.8.8.8", id="quoted with a port"),
        pytest.param('for="8.8.8.8:_gazonk"', "8.8.8.8", id="a hidden port"),
        pytest.param('for="[2001:DB8:cafe::17]:4711"', "2001:db8:cafe::17", id="IPv6 with a port"),
        pytest.param('for="[::ffff:8.8.8.8]"', "8.8.8.8", id="IPv4-mapped"),
        pytest.param(r'for="\8.8.8\.8"', "8.8.8.8", id="escapes"),
        pytest.param("for=1.1.1.1, for=8.8.8.8, for=10.0.0.2", "8.8.8.8", id="two proxies"),
        pytest.param("for=1.1.1.1,for=8.8.8.8", "8.8.8.8", id="joined fields"),
        pytest.param('for=8.8.8.8;host="a,for=1.1.1.1"', "8.8.8.8", id="a comma in quotes"),
        pytest.param(r'for=8.8.8.8;host="a\",for=1.1.1.1;x=\"b"', "8.8.8.8", id="escaped quotes"),
        pytest.param(r'for=8.8.8.8;host="a\\"', "8.8.8.8", id="an escaped backslash"),
        pytest.param("for=8.8.8.8, ,", "8.8.8.8", id="empty elements"),
        pytest.param("for=8.8.8.8;", "8.8.8.8", id="a semicolon at the end"),
        pytest.param('for="1.1.1.1, for=8.8.8.8', "8.8.8.8", id="a quote of the client that does not end"),
        pytest.param('for="x, for="8.8.8.8:80"', "8.8.8.8", id="the same, closed by the proxy's"),
        pytest.param('for=1.1.1.1;x="\\, for="8.8.8.8:80";host="h"', "8.8.8.8", id="the same with a backslash"),
        pytest.param("for=unknown", "", id="unknown"),
        pytest.param("for=8.8.8.8, for=_hidden", "", id="obfuscated"),
        pytest.param("for=8.8.8.8, proto=https", "", id="no for"),
        pytest.param("for=8.8.8.8, for=1.1.1.1;for=2.2.2.2", "", id="for twice"),
        pytest.param("for=8.8.8.8, 1.1.1.1", "", id="not a parameter"),
        pytest.param("for=8.8.8.8, for=", "", id="an empty one"),
        pytest.param('for=8.8.8.8, for=1.1.1.1"', "", id="half a quote"),
        pytest.param("", "10.0.0.1", id="no header"),
    ],
)
def test_forwarded_is_read_as_rfc_7239_has_it(forwarded: str, address: str) -> None:
    assert read_forwarded(forwarded) == address


def test_the_other_header_is_ignored() -> None:
    both = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "8.8.8.8", "HTTP_FORWARDED": "for=1.1.1.1"}
    assert (client_address(both, PROXIES), client_address(both, FORWARDED)) == ("8.8.8.8", "1.1.1.1")


def test_without_trusted_proxies_no_header_counts() -> None:
    for remote in ("203.0.113.9", ""):
        headers = {"REMOTE_ADDR": remote, "HTTP_X_FORWARDED_FOR": "8.8.8.8", "HTTP_FORWARDED": "for=8.8.8.8"}
        assert {client_address(headers, replace(one, trusted_proxies=())) for one in (PROXIES, FORWARDED)} == {remote}


TEXT = st.text(st.sampled_from('for=1.8,;" \\[]:_x'), max_size=60)


@given(TEXT)
def test_no_client_chooses_its_address(sent: str) -> None:
    """A proxy appends to what the client sent: that element counts, whatever stands before it."""
    assert read_forwarded_for(f"{sent}, 192.0.2.1") == "192.0.2.1"
    assert read_forwarded(f'{sent}, for="192.0.2.1:80";proto=https') == "192.0.2.1"


def test_the_hops_that_are_read_are_bounded() -> None:
    proxies = [f"10.0.0.{n}" for n in range(MAX_HOPS - 1)]
    assert read_forwarded_for(", ".join(["8.8.8.8", *proxies])) == "8.8.8.8"
    assert read_forwarded_for(", ".join(["8.8.8.8", *proxies, "10.0.0.99"])) == ""
    elements = [f"for={proxy}" for proxy in proxies]
    assert read_forwarded(", ".join(["for=8.8.8.8", *elements])) == "8.8.8.8"
    assert read_forwarded(", ".join(["for=8.8.8.8", *elements, "for=10.0.0.99"])) == ""


def test_a_long_list_costs_no_more_than_its_end() -> None:
    long = "x" * MAX_FORWARDED_CHARS
    assert read_forwarded_for(f"{long}, 8.8.8.8") == read_forwarded(f"{long}, for=8.8.8.8") == "8.8.8.8"
    # What is cut is not read: its beginning is missing.
    assert read_forwarded_for(f"{'1' * 100}.8.8.8") == read_forwarded(f"{long};for=8.8.8.8") == ""
    assert read_forwarded('"\\' * 500_000) == ""


def test_network_of_a_caller() -> None:
    assert address_network("2001:db8::1") == address_network("2001:db8::2") == "2001:db8::/64"
    assert (address_network("8.8.8.8"), address_network("")) == ("8.8.8.8", "")
