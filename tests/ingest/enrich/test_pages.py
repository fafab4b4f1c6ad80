"""Pages → path, host and campaign; referrers → the URL to store and the source."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.ingest.enrich import Page, split_page, split_referrer
from analytics.ingest.enrich.channels import Channel

PAGES = {
    "path": ("/dashboard", {"path": "/dashboard"}),
    "query and fragment": ("/dashboard?utm_source=x#frag", {"path": "/dashboard", "utm_source": "x"}),
    "fragment before a question mark": ("/a#b?utm_source=x", {"path": "/a"}),
    "empty path of a URL": ("https://Example.COM", {"path": "/", "host": "example.com"}),
    "port": ("https://example.com:8443/a", {"path": "/a", "host": "example.com"}),
    "user and password": ("https://u:p@example.com/a@b", {"path": "/a@b", "host": "example.com"}),
    "closing dot": ("https://example.com./", {"path": "/", "host": "example.com"}),
    "IPv6 host": ("http://[2001:db8::1]:80/x", {"path": "/x", "host": "[2001:db8::1]"}),
    "no scheme": ("//example.com/a", {"path": "/a", "host": "example.com"}),
    "encoding stays": ("/a%2Fb/%00/caf%C3%A9", {"path": "/a%2Fb/%00/caf%C3%A9"}),
    "backslash ends the host": ("https://good.example\\@evil.example/", {"path": "/@evil.example/", "host": "good.example"}),
    "name of a screen": ("Home screen", {"path": "Home screen"}),
    "nothing": ("", {}),
    "only a fragment": ("#top", {}),
    "only a query": ("?utm_medium=mail", {"utm_medium": "mail"}),
    "control characters": ("/a\x00b\n\x85c\ud800", {"path": "/abc"}),
    "broken bracket": ("http://[/a", {"path": "/a", "host": "["}),
}  # fmt: skip


@pytest.mark.parametrize(("page", "expected"), PAGES.values(), ids=PAGES.keys())
def test_page_is_parsed(page, expected):
    assert split_page(page) == Page(**(dict.fromkeys(Page._fields) | expected))


def test_all_five_campaign_fields_are_decoded():
    page = "/?utm_source=News%20Letter&UTM_MEDIUM=e+mail&utm_campaign=%C3%9Cber&utm_term=a%26b&utm_content=x=y"
    assert split_page(page)[2:7] == ("News Letter", "e mail", "Über", "a&b", "x=y")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("utm_source=", None),
        ("utm_source", None),
        ("utm_source=%20", None),
        ("utm_source=&utm_source=b", "b"),
        ("utm_source=a&utm_source=b", "a"),
        ("xutm_source=a", None),
        ("utm_source=a%00b%0Ac", "abc"),
        ("utm_source=%FF", "\ufffd"),
        ("utm_source=%ED%A0%80", "\ufffd\ufffd\ufffd"),
        ("utm_source=" + "ä" * 300, "ä" * 255),
    ],
)
def test_campaign_value(query, expected):
    assert split_page("/?" + query).utm_source == expected


def test_long_paths_are_cut():
    assert split_page("/" + "a" * 5000).path == "/" + "a" * 2047


REFERRALS = {
    "nothing": ("", None, None),
    "search": ("https://www.google.de/search?q=secret#x", "https://www.google.de/search", "Google"),
    "search in two-part country": ("https://www.google.co.uk/", "https://www.google.co.uk/", "Google"),
    "Bing": ("https://www.bing.com/", "https://www.bing.com/", "Bing"),
    "DuckDuckGo": ("https://duckduckgo.com", "https://duckduckgo.com/", "DuckDuckGo"),
    "mail is not search": ("https://mail.google.com/mail/u/0/", "https://mail.google.com/mail/u/0/", "Gmail"),
    "short link": ("https://t.co/abc", "https://t.co/abc", "X"),
    "sub-domain": ("https://l.facebook.com/l.php?u=x", "https://l.facebook.com/l.php", "Facebook"),
    "old Reddit": ("https://old.reddit.com/r/x/", "https://old.reddit.com/r/x/", "Reddit"),
    "Hacker News": ("https://news.ycombinator.com/item?id=1", "https://news.ycombinator.com/item", "Hacker News"),
    "ChatGPT": ("https://chatgpt.com/", "https://chatgpt.com/", "ChatGPT"),
    "Perplexity": ("https://www.perplexity.ai/search/x", "https://www.perplexity.ai/search/x", "Perplexity"),
    "somebody's blog": ("http://www.Blog.example:8080/a", "http://www.blog.example:8080/a", "blog.example"),
    "user and password": ("https://u:p@blog.example/a", "https://blog.example/a", "blog.example"),
    "not Google": ("https://google.com.evil.example/", "https://google.com.evil.example/", "google.com.evil.example"),
    "not Google either": ("https://notgoogle.com/", "https://notgoogle.com/", "notgoogle.com"),
    "user site on GitHub": ("https://ann.github.io/", "https://ann.github.io/", "ann.github.io"),
    "known app": ("android-app://com.google.android.gm/", "android-app://com.google.android.gm/", "Gmail"),
    "other app": ("android-app://org.example.shop", "android-app://org.example.shop/", "org.example.shop"),
    "path": ("/login?next=x", "/login", None),
    "file": ("index.html", "index.html", None),
    "host without scheme": ("lobste.rs/s/abc", "https://lobste.rs/s/abc", "Lobsters"),
    "own host": ("https://shop.example/cart", "https://shop.example/cart", None),
    "own host with www": ("https://www.shop.example/cart", "https://www.shop.example/cart", None),
    "another of our hosts": ("https://blog.shop.example/", "https://blog.shop.example/", "blog.shop.example"),
    "browser page": ("about:client", None, None),
    "script": ("javascript:alert(1)", None, None),
    "extension": ("chrome-extension://abcdef/popup.html", None, None),
    "no host": ("https:///x", None, None),
}


@pytest.mark.parametrize(("referrer", "stored", "source"), REFERRALS.values(), ids=REFERRALS.keys())
def test_referrer_has_a_source(referrer, stored, source):
    assert split_referrer(referrer, "Shop.example:443")[:2] == (stored, source)


@pytest.mark.parametrize("own_host", ["www.shop.example", "shop.example", "SHOP.EXAMPLE:8000", "shop.example."])
def test_own_host_is_recognised_in_every_notation(own_host):
    assert split_referrer("https://shop.example/a", own_host).source is None


def test_long_referrers_are_cut():
    assert len(split_referrer("https://a.example/" + "x" * 5000, None).referrer) == 2048


TEXTS = st.text(st.characters(codec=None), max_size=600)
URLS = st.one_of(
    TEXTS,
    st.builds(
        "{}://{}/{}?utm_source={}&utm_term={}#{}".format, st.sampled_from(["http", "ios-app", "x"]), *[TEXTS] * 5
    ),
    st.text("/:?#@[]%&=.\\ aü\x00\ud800", max_size=60),
)


@given(URLS)
def test_no_page_raises_or_yields_unstorable_text(page):
    path, host, *campaign, _ = split_page(page)
    for value, limit in [(path, 2048), (host, 255), *((value, 255) for value in campaign)]:
        assert value is None or _is_storable(value, limit)


@given(URLS, st.none() | TEXTS)
def test_no_referrer_raises_or_yields_unstorable_text(referrer, own_host):
    stored, source, channel = split_referrer(referrer, own_host)
    assert channel in set(Channel)
    assert stored is None or (_is_storable(stored, 2048) and not {"?", "#"} & set(stored))
    assert source is None or _is_storable(source, 255)


def _is_storable(text: str, limit: int) -> bool:
    text.encode()
    assert not {unicodedata.category(character) for character in text} & {"Cc", "Cs"}
    return 0 < len(text) <= limit
