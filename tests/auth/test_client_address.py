"""The caller's address: one spelling, and behind trusted proxies the last address that they do not own."""

import pytest

from analytics.auth.client_address import address_network, client_address, normalize_address

PROXY = ("10.0.0.0/8",)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        pytest.param("8.8.8.8", "8.8.8.8", id="plain"),
        pytest.param(" 8.8.8.8 ", "8.8.8.8", id="spaces"),
        pytest.param("8.8.8.8:50123", "8.8.8.8", id="port"),
        pytest.param("::ffff:8.8.8.8", "8.8.8.8", id="IPv4-mapped"),
        pytest.param("[::ffff:8.8.8.8]:443", "8.8.8.8", id="IPv4-mapped with a port"),
        pytest.param("2001:4860:4860:0:0:0:0:8888", "2001:4860:4860::8888", id="IPv6 written out"),
        pytest.param("2001:DB8::1", "2001:db8::1", id="capitals"),
        pytest.param("[2001:db8::1]", "2001:db8::1", id="brackets"),
        pytest.param("[2001:db8::1]:443", "2001:db8::1", id="brackets and port"),
        pytest.param("fe80::1%eth0", "fe80::1", id="zone"),
        pytest.param("", "", id="nothing"),
        pytest.param("unknown", "", id="a word"),
        pytest.param("8.8.8.8:http", "", id="a named port"),
        pytest.param("8.8.8", "", id="three parts"),
        pytest.param("[8.8.8.8", "", id="half a bracket"),
        pytest.param("8.8.8.8\n", "8.8.8.8", id="line break"),
    ],
)
def test_address_has_one_spelling(text: str, address: str) -> None:
    assert normalize_address(text) == address


@pytest.mark.parametrize(
    ("remote", "forwarded", "address"),
    [
        pytest.param("10.0.0.1", "8.8.8.8:50123", "8.8.8.8", id="port"),
        pytest.param("::ffff:10.0.0.1", "8.8.8.8", "8.8.8.8", id="IPv4-mapped proxy"),
        pytest.param("10.0.0.1", "::ffff:8.8.8.8", "8.8.8.8", id="IPv4-mapped caller"),
        pytest.param("10.0.0.1", "1.1.1.1, 8.8.8.8 , 10.0.0.2:80", "8.8.8.8", id="two proxies"),
        pytest.param("10.0.0.1", "1.1.1.1, unknown", "10.0.0.1", id="not an address"),
        pytest.param("10.0.0.1", "8.8.8.8,,", "8.8.8.8", id="empty hops"),
        pytest.param("10.0.0.1", "", "10.0.0.1", id="no header"),
        pytest.param("203.0.113.9", "8.8.8.8", "203.0.113.9", id="not a proxy of ours"),
        pytest.param("", "1.1.1.1, 8.8.8.8", "8.8.8.8", id="Unix socket"),
    ],
)
def test_caller_is_the_last_that_no_trusted_proxy_owns(remote: str, forwarded: str, address: str) -> None:
    assert client_address({"REMOTE_ADDR": remote, "HTTP_X_FORWARDED_FOR": forwarded}, PROXY) == address


def test_without_trusted_proxies_no_header_counts() -> None:
    for remote in ("203.0.113.9", ""):
        assert client_address({"REMOTE_ADDR": remote, "HTTP_X_FORWARDED_FOR": "8.8.8.8"}, ()) == remote


def test_network_of_a_caller() -> None:
    assert address_network("2001:db8::1") == address_network("2001:db8::2") == "2001:db8::/64"
    assert (address_network("8.8.8.8"), address_network("")) == ("8.8.8.8", "")
