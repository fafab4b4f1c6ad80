"""Settings in Chromium: the site, its keys and tokens, and its end.

Actions of the page: change and take back a setting, create, rotate and revoke a key, create and revoke a token, rename
and delete the site.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Engine, text

from tests.browser.dashboard.signed_in import Dashboard
from tests.browser.dashboard.visitor import find_violations, scrolls_sideways

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Locator, Page

HOSTILE = "<img src=x onerror=alert(1)>"


def section(page: "Page", name: str) -> "Locator":
    return page.locator(f"section[aria-label='{name}']")


def read_site(dashboard: Dashboard) -> Any:
    return dashboard.call("GET", f"/api/analytics/sites/{dashboard.site.key}")


@pytest.mark.parametrize("width", [320, 390, 1360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible_and_fits(dashboard: Dashboard, width: int, scheme: Any) -> None:
    body = {"kind": "publishable", "site": dashboard.site.key, "name": HOSTILE, "origins": ["https://shop.example"]}
    dashboard.call("POST", "/api/analytics/keys", body)
    page = dashboard.open("settings", width)
    page.emulate_media(color_scheme=scheme)
    section(page, "Keys").locator("b", has_text=HOSTILE).wait_for()
    assert (find_violations(page), scrolls_sideways(page)) == ([], False)


def test_what_is_saved_can_be_taken_back(dashboard: Dashboard) -> None:
    page = dashboard.open("settings")
    before, form = read_site(dashboard), section(page, "Site")
    form.get_by_label("Name", exact=True).fill("Our shop")
    form.get_by_label("Domains, one a line").fill("shop.example\n\n *.shop.example ")
    form.get_by_label("Keep raw events for so many days").fill("30")
    form.get_by_role("button", name="Save").click()
    form.get_by_text("Saved.").wait_for()
    after = read_site(dashboard)
    assert (after["name"], after["domains"]) == ("Our shop", ["shop.example", "*.shop.example"])
    assert after["event_retention_days"] == 30
    form.get_by_role("button", name="Undo").click()
    form.get_by_role("button", name="Undo").wait_for(state="detached")
    assert form.get_by_label("Name", exact=True).input_value() == before["name"]
    assert read_site(dashboard) == before


def test_a_value_that_is_refused_says_why_and_changes_nothing(dashboard: Dashboard) -> None:
    page, before = dashboard.open("settings"), read_site(dashboard)
    form = section(page, "Site")
    form.get_by_label("Time zone").fill("Europe/Nowhere")
    form.get_by_role("button", name="Save").click()
    assert "Europe/Nowhere" in form.get_by_role("alert").inner_text()
    assert read_site(dashboard) == before
    expect_error(dashboard)


def expect_error(dashboard: Dashboard) -> None:
    """Chromium names each response of an error status in the console."""
    assert [one.startswith("Failed to load resource") for one in dashboard.messages] == [True]
    dashboard.messages.clear()


def test_a_person_rotates_and_revokes_a_key(dashboard: Dashboard) -> None:
    page = dashboard.open("settings")
    keys = section(page, "Keys")
    keys.get_by_label("Kind").select_option("secret")
    keys.get_by_label("Name", exact=True).fill("backend")
    keys.get_by_role("button", name="Create the key").click()
    first = keys.locator(".secret code").inner_text()
    assert first.startswith("sk_")
    keys.get_by_role("button", name="Rotate").click()
    page.locator("dialog").get_by_role("button", name="Rotate").click()
    keys.locator(".secret code", has_not_text=first).wait_for()
    second = keys.locator(".secret code").inner_text()
    keys.locator("li:nth-child(2)").wait_for()
    assert [accepts(dashboard, key) for key in (first, second)] == [202, 202]
    keys.locator("li", has_text=first[:10]).get_by_role("button", name="Revoke").click()
    page.locator("dialog").get_by_role("button", name="Revoke").click()
    keys.locator("li:nth-child(2)").wait_for(state="detached")
    shown = dashboard.call("GET", "/api/analytics/keys")["keys"]
    of_site = [one for one in shown if one["sites"] == [dashboard.site.key]]
    assert [one["revoked_at"] is None for one in of_site] == [True, False]


def accepts(dashboard: Dashboard, key: str) -> int:
    """The status of an event that is sent with the key."""
    response = dashboard.request_with(key, f"/api/analytics/ingest?site={dashboard.site.key}", [{"type": "page_view"}])
    return int(response.status)


def test_a_token_is_made_for_this_site_and_revoked(dashboard: Dashboard) -> None:
    page = dashboard.open("settings")
    tokens = section(page, "Tokens")
    tokens.get_by_label("Name", exact=True).fill("reporting")
    tokens.get_by_label("export").check()
    tokens.get_by_role("button", name="Create the token").click()
    assert tokens.locator(".secret code").inner_text().count(".") == 2
    row = tokens.locator("li", has_text="reporting").first
    assert "read, export" in row.inner_text() or "export, read" in row.inner_text()
    assert dashboard.site.key in row.inner_text()
    row.get_by_role("button", name="Revoke").click()
    page.locator("dialog").get_by_role("button", name="Revoke").click()
    row.wait_for(state="detached")


def test_a_site_is_renamed_and_deleted(dashboard: Dashboard, engine: Engine) -> None:
    page, key = dashboard.open("settings"), f"{dashboard.site.key}-new"
    end = section(page, "Rename or delete")
    end.get_by_label("Key of the site").fill(key)
    end.get_by_role("button", name="Rename").click()
    page.wait_for_url(f"**/sites/{key}/settings")
    page.wait_for_selector("html[data-drawn=settings]")
    assert f"Aliases: {dashboard.site.key}" in end.inner_text()
    end.get_by_role("button", name="Delete the site").click()
    button = page.locator("dialog").get_by_role("button", name="Delete the site")
    assert button.is_disabled()
    page.locator("dialog input").fill(key)
    button.click()
    page.wait_for_selector("html[data-drawn=sites]")
    with engine.connect() as connection:
        query = text("SELECT deleting_at IS NOT NULL FROM sites WHERE id = :id")
        assert connection.execute(query, {"id": dashboard.site.id}).scalar() is True


def test_a_reader_sees_the_settings_and_changes_none(
    service: Any, dashboard: Dashboard, new_context: "Callable[..., BrowserContext]", token: Any
) -> None:
    context = new_context()
    context.request.post(f"{dashboard.url}/login", form={"token": token("read")}, headers={"Origin": dashboard.url})
    page = context.new_page()
    page.goto(f"{dashboard.url}/sites/{dashboard.site.key}/settings")
    page.wait_for_selector("html[data-drawn=settings]")
    assert "needs the scope admin" in page.inner_text("main")
    assert page.locator(".side >> text=Settings").count() == 1
    assert page.locator(".side >> text=Exports").count() == 0
    assert page.locator("main section button").count() == 0
    assert page.locator("main .setting :is(input, select, textarea):not(:disabled)").count() == 0
