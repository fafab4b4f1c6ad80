"""Origins: their spelling, and the check of a request's Origin or Referer against a list."""

import pytest

from analytics.auth import origins
from analytics.auth.origins import OriginNotAllowed, check_origin, is_listed, normalize_origin

LISTED = ("https://shop.example", "http://localhost:3000", "https://[2001:db8::1]:8443")


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://shop.example", "https://shop.example"),
        ("HTTPS://Shop.Example/", "https://shop.example"),
        ("https://shop.example:443", "https://shop.example"),
        ("http://shop.example:443", "http://shop.example:443"),
        ("http://shop.example:80", "http://shop.example"),
        ("https://[2001:DB8::1]:443", "https://[2001:db8::1]"),
        ("null", ""),
        ("", ""),
        ("*", ""),
        ("shop.example", ""),
        ("file://", ""),
        ("chrome-extension://abc", ""),
        ("https://shop.example/page", ""),
        ("https://user@shop.example", ""),
        ("https://shop.example, https://evil.example", ""),
    ],
)
def test_origin_has_one_spelling(text: str, origin: str) -> None:
    assert normalize_origin(text) == origin


@pytest.mark.parametrize("text", ["null", "*", "", "https://evil.example"])
def test_list_never_holds_an_opaque_origin(text: str) -> None:
    assert not is_listed(text, (*LISTED, "null", "*", ""))


@pytest.mark.parametrize(
    ("environ", "is_allowed"),
    [
        pytest.param({"HTTP_ORIGIN": "https://shop.example"}, True, id="origin"),
        pytest.param({"HTTP_ORIGIN": "http://localhost:3000"}, True, id="port"),
        pytest.param({"HTTP_ORIGIN": "http://localhost:3001"}, False, id="another port"),
        pytest.param({"HTTP_ORIGIN": "https://a.shop.example"}, False, id="subdomain"),
        pytest.param({"HTTP_REFERER": "https://shop.example/a?b#c"}, True, id="Referer"),
        pytest.param({"HTTP_REFERER": "https://[2001:db8::1]/a"}, True, id="Referer with IPv6"),
        pytest.param({"HTTP_REFERER": "https://[broken/a"}, False, id="broken Referer"),
        pytest.param({"HTTP_REFERER": "ftp://shop.example/"}, False, id="Referer of another protocol"),
        pytest.param({"HTTP_REFERER": "shop.example"}, False, id="Referer without a scheme"),
        pytest.param({"HTTP_ORIGIN": "", "HTTP_REFERER": ""}, False, id="empty"),
        pytest.param({}, False, id="neither"),
    ],
)
def test_request_comes_from_a_listed_page(environ: dict[str, str], is_allowed: bool) -> None:
    if is_allowed:
        check_origin(environ, LISTED, "the key", "…")
    else:
        with pytest.raises(OriginNotAllowed, match=r"the key.*accepted"):
            check_origin(environ, LISTED, "the key", "…")


def test_empty_list_allows_no_request() -> None:
    for environ in ({"HTTP_ORIGIN": "https://shop.example"}, {"HTTP_REFERER": "about:blank"}, {"HTTP_REFERER": "x"}):
        with pytest.raises(OriginNotAllowed):
            check_origin(environ, (), "the site", "…")


def test_host_that_is_none_allows_no_request() -> None:
    listed = ("https://[1.2.3.4]", "https://shop.example")
    for referrer in ("about:blank", "x", "file:///a"):
        with pytest.raises(OriginNotAllowed):
            check_origin({"HTTP_REFERER": referrer}, listed, "the site", "…")


def test_a_list_is_normalized_once(monkeypatch: pytest.MonkeyPatch) -> None:
    listed, seen = tuple(f"https://{number}.once.example" for number in range(100)), []
    monkeypatch.setattr(origins, "normalize_origin", lambda text: seen.append(text) or text)
    assert [is_listed("https://7.once.example", listed) for _ in range(5)] == [True] * 5
    assert len(seen) == 100 + 5
