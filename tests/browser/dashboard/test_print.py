"""The printed overview: one sheet of A4, light, with what it is about and nothing to click."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from redis import Redis
from sqlalchemy import Engine

from analytics.auth.keys import share_links
from analytics.rollups.merge import merge_all
from analytics.sites import sites
from tests.factories import append_events, make_drain
from tests.web.web_server import WebServer

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

LONG = "a-very-long-name-that-goes-on-" * 5
# What is left of a sheet of A4 within the margins of print.css, in CSS pixels.
SHEET = {"width": 703, "height": 1039}


@pytest.fixture
def path(engine: Engine, redis: Redis) -> str:
    """Of a site with forty long values in every list, seen through a share link."""
    now = datetime.now(UTC)
    events: list[dict[str, Any]] = [
        {"type": "page_view", "ts": (now - timedelta(hours=11 * number)).isoformat(), "path": f"/{LONG}{number}"}
        | {"user_id": f"u{number}", "session_id": f"s{number}", "referrer": f"https://{number}.example/"}
        | {"country": ("DE", "FR", "US", "BR", "IN", "JP", "AT", "CH", "ES", "IT", "PL")[number % 11]}
        for number in range(40)
    ]
    events += [{"type": f"{LONG[:90]}{number}", "user_id": "u1"} for number in range(40)]
    with engine.begin() as connection:
        site = sites.create_site(connection, "printed", LONG)
        token, _ = share_links.create_link(connection, site.id, "", None, "me")
    append_events(redis, site, events)
    make_drain(engine, redis).run()
    while merge_all(engine, 10).has_more:
        pass
    return f"/share/{token}"


@pytest.fixture
def open_page(service: WebServer, path: str, new_context: "Callable[..., BrowserContext]") -> "Callable[..., Page]":
    def open_in(query: str = "", width: int = 1360, theme: str = "light") -> "Page":
        page = new_context(viewport={"width": width, "height": 900}, color_scheme=theme).new_page()
        page.goto(f"http://127.0.0.1:{service.port}{path}{query}")
        page.wait_for_selector("html[data-drawn]", state="attached")
        return page

    return open_in


def count_pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


FILTER = "?filter=path%3D~" + "%7C".join(f"{LONG}{number}" for number in range(4))


@pytest.mark.parametrize("query", ["", "?compare=none&view=table&period=91d", FILTER], ids=["plain", "table", "filter"])
def test_the_overview_is_one_sheet(open_page: "Callable[..., Page]", query: str) -> None:
    for width, theme in ((390, "dark"), (1360, "light"), (1360, "dark"), (2400, "light")):
        page = open_page(query, width, theme)
        assert count_pages(page.pdf(format="A4")) == 1, (width, theme)
        assert count_pages(page.pdf(prefer_css_page_size=True, print_background=True)) == 1, (width, theme)
        page.close()


def test_the_sheet_says_what_it_is_and_has_nothing_to_click(open_page: "Callable[..., Page]") -> None:
    page = open_page("?filter=country%3D%3DDE%7CFR&compare=year", theme="dark")
    page.set_viewport_size(SHEET)
    page.emulate_media(media="print")
    page.wait_for_selector(".panel[aria-label=Locations] .row:has-text('Germany')")
    head = page.inner_text(".paper")
    year = datetime.now(UTC).year
    assert LONG in head
    assert f"{year}" in head.split("compared with")[0]
    assert f"{year - 1}" in head.split("compared with")[1]
    assert "Country is Germany or France" in head
    assert "As of" in head
    for shown in (".kpi", ".chart svg", ".panel", ".heat", ".fresh"):
        assert page.locator(shown).first.is_visible(), shown
    assert page.locator(".panel:visible").count() == 6
    for hidden in (
        ".shared-bar",
        ".head",
        ".chips",
        ".tools",
        "select",
        ".more",
        ".tab[aria-selected=false]",
        ".skeleton",
    ):
        assert page.locator(f"{hidden}:visible").count() == 0, hidden
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
    assert page.evaluate("getComputedStyle(document.querySelector('.kpi-value')).color") == "rgb(22, 26, 34)"
    assert page.evaluate("document.documentElement.scrollHeight") <= SHEET["height"]
    assert page.evaluate("document.documentElement.scrollWidth") <= SHEET["width"]


def test_the_screen_is_as_before_after_printing(open_page: "Callable[..., Page]") -> None:
    page = open_page()
    before = page.evaluate("document.querySelector('.chart svg').getAttribute('width')")
    page.pdf(format="A4")
    page.wait_for_selector(f".chart svg[width='{before}']")
    assert page.locator(".paper:visible").count() == 0
