"""Filters of the overview in Chromium: what is typed, and segments."""

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.browser.dashboard.signed_in import Dashboard

if TYPE_CHECKING:
    from playwright.sync_api import Page

COUNTRIES = ("DE", "DE", "FR", "")


@pytest.fixture
def page(dashboard: Dashboard) -> "Page":
    """Of a site with two visitors from Germany, one from France and one from an unknown country."""
    views = [{"type": "page_view", "path": "/", "user_id": f"u{n}"} for n in range(len(COUNTRIES))]
    dashboard.send(*(view | ({"country": one} if one else {}) for view, one in zip(views, COUNTRIES, strict=True)))
    return dashboard.open("")


def type_country(page: "Page", text: str) -> None:
    page.keyboard.press("/")
    page.get_by_label("Field").select_option("country")
    page.wait_for_selector("#filter-values option", state="attached")
    page.locator("dialog input[list]").fill(text)


def read_filter(page: "Page") -> str:
    return parse_qs(urlsplit(page.url).query).get("filter", [""])[0]


@pytest.mark.parametrize("typed", ["Germany", "germ", "de"])
def test_the_name_of_a_country_finds_its_visitors(page: "Page", typed: str) -> None:
    type_country(page, typed)
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog .chip:has-text('Germany')")
    page.keyboard.press("Enter")
    page.wait_for_selector(".chips:has-text('Country is Germany')")
    page.wait_for_selector(".busy", state="detached")
    assert (read_filter(page), page.inner_text(".kpi-value >> nth=0")) == ("country==DE", "2")


def test_a_value_that_the_period_has_not_is_kept_and_named(page: "Page") -> None:
    type_country(page, "Atlantis")
    page.wait_for_selector("dialog >> text=Unknown in this period: Atlantis")
    page.click("dialog >> text=Apply")
    page.wait_for_selector("text=No page views meet these filters")
    assert read_filter(page) == "country==Atlantis"


def test_a_filter_with_a_segment_is_not_offered_to_be_saved(page: "Page", dashboard: Dashboard) -> None:
    body = {"site": dashboard.site.key, "name": "Germans", "filter": "country==DE"}
    dashboard.call("POST", "/api/analytics/segments", body)
    page.click(".filter-menu > button")
    page.click("text=Germans")
    page.wait_for_selector(".chips:has-text('Germans')")
    page.click(".filter-menu > button")
    page.wait_for_selector("text=no segment holds another")
    assert page.get_by_text("Save as segment").count() == 0


def test_details_are_ranked_like_their_list(page: "Page", dashboard: Dashboard) -> None:
    # More views by fewer people.
    dashboard.send(*({"type": "page_view", "path": "/often", "user_id": "u1"} for _ in range(9)))
    page.reload()
    page.click("section[aria-label=Pages] .more")
    page.wait_for_selector("dialog th[aria-sort=descending]:has-text('Visitors')")
    assert page.locator("dialog tbody .lbl").all_inner_texts() == ["/", "/often"]


def test_a_click_on_the_chart_leaves_no_frame(page: "Page") -> None:
    page.click(".chart svg")
    outline = page.evaluate("getComputedStyle(document.querySelector('.chart svg')).outlineStyle")
    assert (page.evaluate("document.activeElement.tagName"), outline) == ("svg", "none")


def test_the_title_is_in_the_language_of_the_page(page: "Page", dashboard: Dashboard) -> None:
    assert page.title() == f"{dashboard.site.name} · Overview · Analytics"
    page.evaluate("localStorage.setItem('language', 'de')")
    page.reload()
    page.wait_for_selector("html[data-drawn]")
    assert page.title() == f"{dashboard.site.name} · Übersicht · Analytics"


def test_an_unknown_country_is_not_counted_as_one(page: "Page") -> None:
    page.wait_for_selector("section[aria-label=Locations] .panel-foot >> text=2 countries")
