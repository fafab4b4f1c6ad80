"""Hosts in one form, and which hosts belong to a site."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.errors import Invalid
from analytics.sites import sites
from analytics.sites.domains import OwnDomains, is_host, normalize_host

HOSTS = {
    "plain": ("shop.example", "shop.example"),
    "case and port": ("Shop.Example:8080", "shop.example"),
    "closing dot": ("shop.example.", "shop.example"),
    "closing dot and port": ("shop.example.:443", "shop.example"),
    "blanks": (" shop.example ", "shop.example"),
    "localhost": ("localhost:3000", "localhost"),
    "IPv4": ("192.0.2.1:80", "192.0.2.1"),
    "IPv6": ("[2001:DB8:0:0::1]:8080", "[2001:db8::1]"),
    "IPv6 without brackets": ("2001:db8:0:0:0:0:0:1", "[2001:db8::1]"),
    "punycode": ("xn--bcher-kva.example", "bücher.example"),
    "punycode in capitals": ("XN--BCHER-KVA.EXAMPLE", "bücher.example"),
    "Unicode": ("BÜCHER.example", "bücher.example"),
    "accent apart from its letter": ("bu\u0308cher.example", "bücher.example"),
    "full width": ("\uff53\uff48\uff4f\uff50\u3002example", "shop.example"),
    "sharp s stays": ("xn--strae-oqa.example", "straße.example"),
    "Cyrillic": ("xn--e1afmkfd.xn--p1ai", "пример.рф"),
    "broken punycode stays": ("xn--a.example", "xn--a.example"),
    "punycode of ASCII stays": ("xn--shop-.example", "xn--shop-.example"),
    "punycode that hides a slash stays": ("xn--ab-1u3n.example", "xn--ab-1u3n.example"),
    "a sign that would become a slash": ("a\u2100b.example", "a\u2100b.example"),
    "nothing": ("", ""),
}


@pytest.mark.parametrize(("text", "host"), HOSTS.values(), ids=HOSTS.keys())
def test_notations_of_a_host_are_one(text: str, host: str) -> None:
    assert normalize_host(text) == host


@given(st.text(st.characters(codec=None), max_size=80) | st.from_regex(r"(xn--[a-z0-9-]{0,20}\.){1,3}[a-z]{2}"))
def test_the_form_of_a_host_is_its_own_form(text: str) -> None:
    host = normalize_host(text)
    if is_host(host):
        assert normalize_host(host) == host


@given(st.from_regex(r"[a-zäöüßéñдяβ]{1,20}", fullmatch=True))
def test_both_notations_of_an_international_name_are_one(label: str) -> None:
    punycode = label if label.isascii() else "xn--" + label.encode("punycode").decode()
    assert normalize_host(f"{punycode}.example") == normalize_host(f"{label}.example") == f"{label}.example"


OWN = OwnDomains(["shop.example", "*.cdn.example", "www.blog.example", "BÜCHER.example", "[2001:db8::1]"])
HOLDS = {
    "shop.example": True,
    "www.shop.example": True,
    "a.shop.example": False,
    "notshop.example": False,
    "cdn.example": True,
    "a.cdn.example": True,
    "a.b.cdn.example": True,
    "notcdn.example": False,
    "cdn.example.evil": False,
    "blog.example": True,
    "www.blog.example": True,
    "bücher.example": True,
    "[2001:db8::1]": True,
    "": False,
}


@pytest.mark.parametrize(("host", "is_own"), HOLDS.items())
def test_a_site_knows_its_hosts(host: str, is_own: bool) -> None:
    assert (host in OWN) == is_own


def test_domains_are_stored_in_one_form(engine: Any, client: Any, token: Any, auth: Any) -> None:
    body = {"key": "shop", "domains": ["Shop.example.", "*.XN--BCHER-KVA.example", "shop.example"]}
    response = client.post("/api/analytics/sites", json=body, headers=auth(token("admin")))
    assert response.json["domains"] == ["shop.example", "*.bücher.example"]
    response = client.patch("/api/analytics/sites/shop", json={"domains": []}, headers=auth(token("admin")))
    assert response.json["domains"] == []


@pytest.mark.parametrize("domain", ["https://shop.example", "shop.example/a", "", "*.", "a b", "*", "x." * 130 + "x"])
def test_a_domain_that_is_none_is_refused(engine: Any, domain: str) -> None:
    with engine.begin() as connection, pytest.raises(Invalid, match=r"domains: .*for example"):
        sites.create_site(connection, "shop", domains=[domain])


def test_domains_are_set_by_the_command(app: Any, engine: Any, site: sites.Site) -> None:
    runner = app.test_cli_runner()
    assert runner.invoke(
        args=["site", "set", "default", "--domain", "a.example", "--domain", "*.b.example"]
    ).output == ('changed default: domains=["a.example", "*.b.example"]\n')
    assert "give only one" in runner.invoke(args=["site", "set", "default", "--domain", "a", "--no-domains"]).output
    assert runner.invoke(args=["site", "set", "default", "--no-domains"]).exit_code == 0
    with engine.connect() as connection:
        found = sites.read_site(connection, "default")
    assert found is not None
    assert found.domains == ()
