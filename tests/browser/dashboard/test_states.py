"""What the overview shows where a report fails, is lost, takes too long or has nothing; and the way out that it offers."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.dashboard.signed_in import Dashboard
from tests.browser.dashboard.visitor import EXPECTED

if TYPE_CHECKING:
    from playwright.sync_api import Page

REPORT = "**/api/analytics/reports/overview?*"
DETAIL = "days: reading the raw events took longer than 30 s and was stopped; accepted: fewer days, for example days=3"
TOO_SLOW: dict[str, Any] = {"status": 422, "detail": DETAIL, "errors": [{"code": "too_slow", "detail": DETAIL}]}


@pytest.fixture
def page(dashboard: Dashboard) -> Iterator["Page"]:
    """Of a site with three visitors today. Responses of an error status are no fault of the page."""
    dashboard.send(*({"type": "page_view", "path": "/", "user_id": user} for user in ("ann", "bob", "cid")))
    yield dashboard.open("")
    dashboard.messages[:] = [one for one in dashboard.messages if EXPECTED not in one]


def read_visitors(page: "Page") -> str:
    return page.inner_text(".kpi-value >> nth=0")


def test_an_error_keeps_the_figures_and_trying_again_helps(page: "Page") -> None:
    page.route(REPORT, lambda route: route.fulfill(status=500, json={"status": 500, "detail": "out of order"}))
    page.keyboard.press("w")
    page.wait_for_selector("[role=alert]:has-text('out of order'):has-text('as of')")
    assert read_visitors(page) == "3"
    page.unroute(REPORT)
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector("[role=alert]", state="detached")
    assert read_visitors(page) == "3"


def test_a_lost_connection_says_of_when_the_figures_are_and_comes_back_by_itself(page: "Page") -> None:
    page.context.set_offline(True)
    page.keyboard.press("w")
    page.wait_for_selector("[role=alert]:has-text('The server does not answer'):has-text('as of')")
    assert read_visitors(page) == "3"
    page.context.set_offline(False)
    page.wait_for_selector("[role=alert]", state="detached")


def test_a_session_that_ends_takes_nothing_out_of_a_form(page: "Page", dashboard: Dashboard) -> None:
    page.keyboard.press("n")
    page.fill("dialog [name=text]", "a long text")
    page.context.clear_cookies()
    page.click("dialog >> text=Save")
    page.wait_for_selector("dialog [role=alert]:has-text('Your session has ended')")
    assert page.input_value("dialog [name=text]") == "a long text"
    dashboard.sign_in(page.context)
    page.click("dialog >> text=Save")
    page.wait_for_selector("dialog", state="detached")
    page.wait_for_selector(".note-mark[aria-label*='a long text']")


def test_a_period_that_takes_too_long_is_made_shorter_by_a_click(page: "Page") -> None:
    page.route("**/reports/overview?*days=91*", lambda route: route.fulfill(status=422, json=TOO_SLOW))
    page.keyboard.press("q")
    page.get_by_role("button", name="Show the last 3 days").click()
    page.wait_for_selector("[role=alert]", state="detached")
    today = datetime.now(UTC).date()
    assert f"period=custom&from={today - timedelta(days=2)}&to={today}" in page.url
    assert read_visitors(page) == "3"


def test_a_period_without_events_offers_a_longer_one_in_place_of_empty_boxes(page: "Page") -> None:
    page.keyboard.press("y")
    page.wait_for_selector("text=No page views in this period")
    assert page.locator(".panel").count() == 0
    page.click(".empty .btn:has-text('Last 7 days')")
    page.wait_for_selector(".panel:has-text('Top pages')")
    assert read_visitors(page) == "3"


def test_a_filter_that_nothing_meets_can_be_cleared(page: "Page", dashboard: Dashboard) -> None:
    page = dashboard.open("?filter=path%3D%3D%2Fnowhere")
    page.click(".empty .btn:has-text('Clear filters')")
    page.wait_for_selector(".panel:has-text('Top pages')")
    assert page.locator(".chip").count() == 0


@pytest.mark.parametrize("query", ["", "?period=yesterday"], ids=["events", "nothing"])
def test_a_slow_first_request_shows_the_page_that_comes(page: "Page", dashboard: Dashboard, query: str) -> None:
    """Nothing moves when it is there: the skeletons have the size of what they stand for."""
    held: list[Any] = []
    page.route("**/api/analytics/reports/**", lambda route: held.append(route))
    page.goto(f"{dashboard.url}/sites/{dashboard.site.key}{query}", wait_until="commit")
    page.wait_for_selector(".panels .skeleton")
    before = page.locator(".hero").bounding_box()
    assert page.locator(".kpi .sk").count() == 12
    for route in held:
        route.continue_()
    page.wait_for_selector("html[data-drawn]")
    assert page.locator(".hero").bounding_box() == before


@pytest.mark.parametrize("body", ["", '{"notes": ['], ids=["nothing", "a part"])
def test_an_answer_that_is_cut_off_is_a_failure(page: "Page", body: str) -> None:
    """The page would read what is not in it; the fixture finds that in the console."""
    for path in ("notes", "reports/overview"):
        page.route(
            f"**/api/analytics/{path}?*", lambda route: route.fulfill(body=body, content_type="application/json")
        )
    page.keyboard.press("w")
    page.wait_for_selector("[role=alert]:has-text('The server does not answer')")
    assert read_visitors(page) == "3"


def test_a_slow_later_request_keeps_the_figures_under_a_bar(page: "Page") -> None:
    page.route(REPORT, lambda _: None)
    page.keyboard.press("w")
    page.wait_for_selector(".hero.busy")
    assert read_visitors(page) == "3"
