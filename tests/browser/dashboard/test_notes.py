"""Notes on days: added, changed, deleted and read in the chart of the overview."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from redis import Redis
from sqlalchemy import Engine

from analytics.sites.sites import Site
from tests.browser.dashboard.signed_in import Dashboard
from tests.browser.dashboard.visitor import find_violations
from tests.web.web_server import WebServer

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

HOSTILE = "<img src=x onerror=alert(1)>\"'&{{7*7}}"


def day(days_ago: int) -> str:
    return str((datetime.now(UTC) - timedelta(days=days_ago)).date())


@pytest.fixture(autouse=True)
def _events(dashboard: Dashboard) -> None:
    dashboard.send({"type": "page_view", "path": "/", "user_id": "u1"})


def read_notes(dashboard: Dashboard) -> list[tuple[str, str]]:
    found = dashboard.call("GET", f"/api/analytics/notes?site={dashboard.site.key}")["notes"]
    return [(one["day"], one["text"]) for one in found]


def add_note(dashboard: Dashboard, days_ago: int, text: str) -> None:
    body = {"site": dashboard.site.key, "day": day(days_ago), "text": text}
    dashboard.call("POST", "/api/analytics/notes", body)


def save_text(page: "Page", text: str) -> None:
    page.fill("dialog [name=text]", text)
    page.click("dialog >> text=Save")
    page.wait_for_selector("dialog", state="detached")


def test_a_note_is_added_by_a_key_and_its_text_stays_text(dashboard: Dashboard) -> None:
    page = dashboard.open("")
    page.keyboard.press("n")
    save_text(page, HOSTILE)
    page.wait_for_selector(".note-mark")
    assert read_notes(dashboard) == [(day(0), HOSTILE)]
    assert HOSTILE in (page.get_attribute(".note-mark", "aria-label") or "")
    page.click(".note-mark")
    assert HOSTILE in page.inner_text("dialog .notes")
    assert page.locator("img[src=x]").count() == 0


def test_a_key_in_the_chart_adds_a_note_to_the_day_that_is_read(dashboard: Dashboard) -> None:
    page = dashboard.open("")
    page.focus(".chart svg")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("n")
    save_text(page, "Sale")
    # Of 28 days, the second.
    assert read_notes(dashboard) == [(day(26), "Sale")]


def test_a_note_of_yesterday_is_added_by_a_button(dashboard: Dashboard) -> None:
    page = dashboard.open("?period=yesterday")
    page.click("[aria-label='Add a note']")
    save_text(page, "Newsletter")
    assert read_notes(dashboard) == [(day(1), "Newsletter")]
    assert "Note saved" in page.inner_text(".toast")


def test_a_note_is_changed_by_the_keyboard_alone(dashboard: Dashboard) -> None:
    add_note(dashboard, 3, "Relaese")
    page = dashboard.open("")
    page.focus(".note-mark")
    assert "Relaese" in page.inner_text(".chart .tip")
    page.keyboard.press("Enter")
    page.focus("dialog [aria-label='Change: Relaese']")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog [name=text]")
    page.keyboard.press("Control+a")
    page.keyboard.type("Release")
    page.keyboard.press("Enter")
    page.wait_for_selector(".note-mark[aria-label*='Release']")
    assert read_notes(dashboard) == [(day(3), "Release")]


def test_a_deleted_note_comes_back(dashboard: Dashboard) -> None:
    add_note(dashboard, 3, "Release")
    page = dashboard.open("")
    page.click(".note-mark")
    page.click("dialog [aria-label='Delete: Release']")
    page.wait_for_selector(".note-mark", state="detached")
    assert read_notes(dashboard) == []
    # The focus is on Undo.
    page.keyboard.press("Enter")
    page.wait_for_selector(".note-mark")
    assert read_notes(dashboard) == [(day(3), "Release")]


def test_notes_of_neighbours_on_a_narrow_chart_are_one_mark(dashboard: Dashboard) -> None:
    for days_ago in (3, 4, 20):
        add_note(dashboard, days_ago, f"Note {days_ago}")
    page = dashboard.open("", width=390)
    page.wait_for_selector(".note-mark")
    assert page.locator(".note-mark").count() == 2
    page.click(".note-mark >> nth=1")
    page.wait_for_selector("dialog .notes")
    assert page.locator("dialog .notes li").count() == 2
    assert find_violations(page) == []


def test_what_the_service_refuses_is_said(dashboard: Dashboard) -> None:
    page = dashboard.open("")
    page.keyboard.press("n")
    page.fill("dialog [name=day]", "1969-01-01")
    page.fill("dialog [name=text]", "Too early")
    page.click("dialog >> text=Save")
    page.wait_for_selector("dialog [role=alert]:has-text('the year must be')")
    assert read_notes(dashboard) == []
    dashboard.messages.clear()


@pytest.fixture
def reader(
    service: WebServer,
    site: Site,
    new_context: "Callable[..., BrowserContext]",
    token: Callable[..., Any],
    engine: Engine,
    redis: Redis,
) -> Dashboard:
    return Dashboard(service.port, site, new_context(), token("read"), engine, redis)


def test_who_may_only_read_sees_notes_and_changes_none(dashboard: Dashboard, reader: Dashboard) -> None:
    add_note(dashboard, 3, "Release")
    page = reader.open("")
    page.wait_for_selector(".note-mark")
    page.keyboard.press("n")
    assert page.locator("[aria-label='Add a note']").count() == 0
    page.click(".note-mark")
    assert "Release" in page.inner_text("dialog .notes")
    page.wait_for_selector("dialog .notes")
    assert page.locator("dialog button").count() == 1
    assert find_violations(page) == []
    assert reader.messages == []
