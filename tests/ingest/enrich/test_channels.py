"""The channel and the source of a referrer and a campaign."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.ingest.decoding.long_urls import CLICK_IDS, LINK_IDS
from analytics.ingest.enrich import split_page, split_referrer
from analytics.ingest.enrich.channels import Campaign, Channel
from analytics.ingest.enrich.source_names import find_host_source, find_named_source
from analytics.sites.domains import own_domains

SHOP = "shop.example"
# Referrer, (utm_source, utm_medium, utm_campaign, click id) → source, channel.
CASES = {
    "nothing": (None, (), None, "direct"),
    "browser page": ("about:blank", (), None, "direct"),
    "own page": ("https://shop.example/a", (), None, "internal"),
    "own page with www and a port": ("https://www.shop.example:8443/a", (), None, "internal"),
    "own page with a closing dot": ("https://shop.example./a", (), None, "internal"),
    "path": ("/a", (), None, "internal"),
    "own page of a tagged link": ("https://shop.example/a", ("google", "cpc"), None, "internal"),
    "domain of the site": ("https://pay.cdn.example/", (), None, "internal"),
    "another site": ("https://blog.example/a", (), "blog.example", "referral"),
    "search": ("https://www.google.de/search", (), "Google", "search"),
    "search by campaign": (None, ("google", "organic"), "Google", "search"),
    "search by name alone": (None, ("GOOGLE",), "Google", "search"),
    "unknown search engine": ("https://find.example/", ("find.example", "organic"), "find.example", "search"),
    "social": ("https://m.facebook.com/", (), "Facebook", "social"),
    "social by medium": (None, ("weekly", "Social"), "weekly", "social"),
    "social by short name": (None, ("ig",), "Instagram", "social"),
    "ChatGPT": ("https://chatgpt.com/", (), "ChatGPT", "ai"),
    "ChatGPT by the source that it adds": (None, ("chatgpt.com",), "ChatGPT", "ai"),
    "Perplexity": ("https://www.perplexity.ai/", (), "Perplexity", "ai"),
    "Claude": ("https://claude.ai/", (), "Claude", "ai"),
    "Gemini": ("https://gemini.google.com/", (), "Gemini", "ai"),
    "Copilot": ("https://copilot.microsoft.com/", (), "Copilot", "ai"),
    "webmail": ("https://mail.google.com/", (), "Gmail", "email"),
    "webmail of a country": ("https://mail.yahoo.fr/", (), "Yahoo Mail", "email"),
    "email by medium": (None, ("spring", "e-mail"), "spring", "email"),
    "email by source": (None, ("Newsletter",), "newsletter", "email"),
    "email by app": ("android-app://com.google.android.gm/", (), "Gmail", "email"),
    "paid search": ("https://www.google.com/", ("google", "cpc"), "Google", "paid"),
    "paid social": (None, ("facebook", "Paid_Social"), "Facebook", "paid"),
    "social-paid": (None, ("facebook", "social-paid"), "Facebook", "paid"),
    "display": (None, ("criteo", "display"), "Criteo", "paid"),
    "click id of a search engine": ("https://www.google.com/", ("", "", "", "gclid"), "Google", "paid"),
    "click id alone": (None, ("", "", "", "msclkid"), "Bing", "paid"),
    "click id of every link": (None, ("", "", "", "fbclid"), "Facebook", "social"),
    "click id of every link behind a referrer": ("https://t.co/x", ("", "", "", "fbclid"), "X", "social"),
    "click id of every link in a campaign": (None, ("Partner", "email", "", "fbclid"), "partner", "email"),
    "click id of every link that was paid for": (None, ("", "cpc", "", "fbclid"), "Facebook", "paid"),
    "click id of every link on an own page": ("https://shop.example/a", ("", "", "", "fbclid"), None, "internal"),
    "click id of a network that sells only ads": (None, ("", "", "", "ttclid"), "TikTok", "paid"),
    "advertising network": ("https://googleads.g.doubleclick.net/x", (), "Google", "paid"),
    "unpaid": (None, ("blog", "unpaid"), "blog", "referral"),
    "campaign of an unknown source": (None, ("Partner", "banner-exchange"), "partner", "paid"),
    "partner": (None, ("Partner", "referral"), "partner", "referral"),
    "campaign without a source": (None, ("", "", "spring"), None, "referral"),
    "campaign goes before its referrer": ("https://t.co/x", ("newsletter", "email"), "newsletter", "email"),
    "host as utm_source": (None, ("www.Blog.example",), "blog.example", "referral"),
}


@pytest.mark.parametrize(("referrer", "campaign", "source", "channel"), CASES.values(), ids=CASES.keys())
def test_source_and_channel(referrer: str | None, campaign: tuple[str, ...], source: str | None, channel: str) -> None:
    own = own_domains(("*.cdn.example",))
    assert split_referrer(referrer or "", SHOP, own, Campaign(*campaign))[1:] == (source, channel)


@pytest.mark.parametrize(
    ("page", "referrer"),
    [
        ("https://bücher.example/b", "https://xn--bcher-kva.example/a"),
        ("https://xn--bcher-kva.example/b", "https://bücher.example/a"),
        ("https://www.BÜCHER.example/b", "https://xn--bcher-kva.example:8443/a"),
        ("https://b%C3%BCcher.example/b", "https://xn--bcher-kva.example./a"),
        ("https://[2001:db8::1]/b", "https://[2001:DB8:0:0:0:0:0:1]:8080/a"),
        ("//shop.example/b", "http://shop.example/a"),
        ("https://shop.example:3000/b", "https://shop.example/a"),
    ],
)
def test_two_notations_of_a_host_are_the_same_site(page: str, referrer: str) -> None:
    referral = split_referrer(referrer, split_page(page).host)
    assert referral[1:] == (None, "internal")


@pytest.mark.parametrize(
    ("query", "click_id"),
    [
        ("gclid=x", "gclid"),
        ("a=b&GCLID=x", "gclid"),
        ("fbclid=x", "fbclid"),
        ("fbclid=", None),
        ("fbclid=x&gclid=y", "gclid"),
        ("gclid=", None),
        ("li_fat_id=1", "li_fat_id"),
    ],
)
def test_click_ids_of_a_page(query: str, click_id: str | None) -> None:
    assert split_page(f"/a?{query}").click_id == click_id


@pytest.mark.parametrize("click_id", [*CLICK_IDS, *LINK_IDS])
def test_a_click_id_alone_names_a_source_of_the_list(click_id: str) -> None:
    page = split_page(f"https://shop.example/a?x=1&{click_id.upper()}=Aa-1")
    referral = split_referrer("", page.host, campaign=Campaign(click_id=page.click_id or ""))
    assert find_named_source(referral.source or "").name == referral.source
    assert referral.channel == ("social" if click_id in LINK_IDS else "paid")


WORDS = (
    st.sampled_from(("", "google", "Partner", "cpc", "email", "social", "organic", "https://x.example/")) | st.text()
)


@given(WORDS, WORDS, WORDS, WORDS)
def test_a_referral_in_its_stored_form_is_the_same(referrer: str, source: str, medium: str, name: str) -> None:
    """So stored events can be classified again."""
    campaign, own = Campaign(source, medium, name), own_domains(("own.example",))
    once = split_referrer(referrer, SHOP, own, campaign)
    assert split_referrer(once.referrer or "", SHOP, own, campaign) == once


def test_direct_is_what_has_neither_referrer_nor_campaign() -> None:
    assert split_referrer("", None).channel == Channel.DIRECT


@pytest.mark.parametrize(
    "host",
    [
        "google.com.evil.example",
        "notgoogle.com",
        "xgoogle.de",
        "mail.yahoo.evil.example",
        "bing.toolong",
        "example.com",
    ],
)
def test_a_host_that_only_looks_like_a_source_is_none(host: str) -> None:
    assert find_host_source(host) is None
