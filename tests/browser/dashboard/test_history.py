"""Back and forward restore what was seen, with no more requests than that takes."""

from typing import TYPE_CHECKING

import pytest

from tests.browser.dashboard.signed_in import Dashboard
from tests.web.web_server import until

if TYPE_CHECKING:
    from playwright.sync_api import Page

SELECTED = "section[aria-label='Pages'] [role=tab][aria-selected=true]"


@pytest.fixture(autouse=True)
def events(dashboard: Dashboard) -> None:
    paths = [f"/{number}" for number in range(12)]
    dashboard.send(*({"type": "page_view", "path": path, "country": "DE", "user_id": path} for path in paths))


def count_reports(dashboard: Dashboard) -> int:
    return sum("/reports/overview?" in one for one in dashboard.requests)


def settle(page: "Page") -> None:
    page.wait_for_selector(".hero:not(.busy)")
    page.wait_for_timeout(150)


def test_each_step_back_brings_its_period_comparison_and_filter(dashboard: Dashboard) -> None:
    page = dashboard.open("")
    seen = [page.url]
    for key in ("w", "c"):
        page.keyboard.press(key)
        settle(page)
        seen.append(page.url)
    page.click("button.cell:has-text('/3')")
    page.wait_for_selector(".chip")
    settle(page)
    for address, chips in ((seen[2], 0), (seen[1], 0), (seen[0], 0)):
        before = count_reports(dashboard)
        page.go_back()
        settle(page)
        assert (page.url, page.locator(".chip").count()) == (address, chips)
        assert count_reports(dashboard) - before <= 1
    assert page.locator(".compare-menu .btn.on").count() == 1
    for _ in range(3):
        page.go_forward()
        settle(page)
    assert page.inner_text(".chip .lbl") == "Page is /3"
    assert page.locator(".compare-menu .btn.on").count() == 0
    assert "Last 7 days" in page.inner_text(".dates-menu button")


def test_a_step_that_was_seen_is_shown_before_its_request_answers(dashboard: Dashboard) -> None:
    page = dashboard.open("")
    page.click("button.cell:has-text('/3')")
    page.wait_for_selector(".kpi-value:text-is('1')")
    settle(page)
    page.route("**/reports/overview?*", lambda _: None)
    page.go_back()
    page.wait_for_selector(".kpi-value:text-is('12')")


def test_a_tab_stays_chosen_across_periods_and_pages(dashboard: Dashboard) -> None:
    page = dashboard.open("")
    page.click("text=Entry")
    page.keyboard.press("w")
    settle(page)
    assert page.inner_text(SELECTED) == "Entry"
    page.click(".nav a:has-text('Links')")
    page.wait_for_selector("html[data-drawn=links]")
    page.go_back()
    page.wait_for_selector("html[data-drawn=overview]")
    assert page.inner_text(SELECTED) == "Entry"
    assert "Last 7 days" in page.inner_text(".dates-menu button")


def test_the_place_in_the_page_is_kept(dashboard: Dashboard) -> None:
    page = dashboard.open("")
    page.evaluate("scrollTo(0, 500)")
    until(lambda: page.evaluate("history.state?.top") == 500)
    page.keyboard.press("w")
    settle(page)
    assert page.evaluate("scrollY") == 500
    page.go_back()
    settle(page)
    assert page.evaluate("scrollY") == 500
    page.click(".nav a:has-text('Links')")
    page.wait_for_selector("html[data-drawn=links]")
    page.go_back()
    page.wait_for_selector("html[data-drawn=overview]")
    until(lambda: page.evaluate("scrollY") == 500)
