"""The pages beside the overview, in Chromium before the real service: each shows what the API knows."""

import re

import pytest

from tests.browser.dashboard.signed_in import Dashboard
from tests.browser.dashboard.visitor import find_violations

PAGES = ("start", "realtime", "links", "funnels", "users", "exports", "retention", "journeys", "samples")


@pytest.mark.parametrize("width", [320, 390, 1360])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_a_site_without_events_fits_its_window(dashboard: Dashboard, name: str, width: int) -> None:
    page = dashboard.open(name, width)
    assert page.get_attribute("html", "data-drawn") == name
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0


def test_the_start_page_says_that_the_first_event_came(dashboard: Dashboard) -> None:
    page = dashboard.open("start")
    assert "Waiting for the first event" in page.inner_text(".wait")
    dashboard.send({"type": "page_view", "path": "/hello"})
    page.wait_for_selector(".wait.done")
    assert "The first event is here" in page.inner_text(".wait")
    assert page.get_attribute(".wait a", "href") == f"/sites/{dashboard.site.key}"


def test_the_start_page_makes_a_key_and_puts_it_into_the_lines(dashboard: Dashboard) -> None:
    page = dashboard.open("start")
    assert 'data-key="pk_…"' in page.inner_text(".code pre >> nth=0")
    page.fill("input[name=origin]", "https://shop.example/")
    page.click("text=Create the key")
    page.wait_for_selector("p code:has-text('pk_')")
    key = page.inner_text("p code")
    assert f'data-site="{dashboard.site.key}" data-key="{key}"' in page.inner_text(".code pre >> nth=0")
    made = [one for one in dashboard.call("GET", "/api/analytics/keys")["keys"] if one["key"] == key]
    assert [(one["kind"], one["origins"]) for one in made] == [("publishable", ["https://shop.example"])]


def test_the_list_of_sites_leads_to_the_start_page_of_a_site_without_events(dashboard: Dashboard) -> None:
    page = dashboard.open("start")
    page.goto(f"{dashboard.url}/")
    page.wait_for_selector("html[data-drawn=sites]")
    assert page.locator(f"a.site-card[href='/sites/{dashboard.site.key}/start']").count() == 1


def test_the_feed_shows_each_event_once_and_what_it_left_out(dashboard: Dashboard) -> None:
    page = dashboard.open("realtime")
    page.wait_for_selector(".head .live:has-text('Live')")
    dashboard.send({"type": "page_view", "path": "/first"}, {"type": "signup", "payload": {"plan": "pro"}})
    page.wait_for_selector(".lines li:nth-child(2)")
    page.click("[aria-label=Pause]")
    page.wait_for_selector(".head .live:has-text('Paused')")
    dashboard.send({"type": "page_view", "path": "/unseen"})
    page.click("[aria-label=Resume]")
    page.wait_for_selector(".lines .gap")
    dashboard.send({"type": "page_view", "path": "/last"})
    page.wait_for_selector(".lines .what:has-text('/last')")
    assert page.locator(".lines .what").all_inner_texts() == ["/last", "", "/first"]


def test_realtime_counts_who_is_online(dashboard: Dashboard) -> None:
    dashboard.send(*({"type": "page_view", "path": "/a", "user_id": user} for user in ("ann", "ann", "bob")))
    page = dashboard.open("realtime")
    assert page.locator(".kpi-value").all_inner_texts() == ["2", "2", "3", "3"]
    assert "Referrer" in page.inner_text("section[aria-label=Referrers] th >> nth=0")
    assert "since you opened this page" in page.inner_text("section[aria-label='Events as they come']")
    page.focus(".columns")
    page.keyboard.press("End")
    assert page.inner_text(".columns-read").endswith("3 page views, 2 visitors")


def test_a_link_has_a_page_of_its_own(dashboard: Dashboard) -> None:
    clicks = [("a/b", "ann"), ("a/b", "bob"), ("a/b", "bob"), ("docs", "ann")]
    dashboard.send(*({"type": "click", "subject": code, "user_id": user} for code, user in clicks))
    page = dashboard.open("links")
    assert page.locator(".kpi-value").all_inner_texts() == ["4", "2", "4", "4"]
    page.click("button.cell:has-text('a/b') >> nth=0")
    page.wait_for_selector("h1:has-text('a/b')")
    page.wait_for_selector("html[data-drawn=links] .columns")
    assert page.locator(".kpi-value").all_inner_texts()[:3] == ["3", "2", "3"]
    page.go_back()
    page.wait_for_selector("h1:has-text('Short links')")


def test_an_order_of_a_file_is_what_the_form_says(dashboard: Dashboard) -> None:
    dashboard.send({"type": "page_view", "path": "/a"}, {"type": "signup"})
    page = dashboard.open("exports")
    page.get_by_role("button", name="Preview").click()
    page.wait_for_selector(".preview tbody tr:nth-child(2)")
    page.get_by_label("Format").select_option("ndjson")
    page.get_by_label("Compression").select_option("zstd")
    page.get_by_label("Event types").fill("signup, page_view")
    page.get_by_role("button", name="Order the file").click()
    page.wait_for_selector(".job")
    [job] = dashboard.call("GET", f"/api/analytics/exports?site={dashboard.site.key}")["exports"]
    ordered = job["request"]
    assert (ordered["format"], ordered["compression"]) == ("ndjson", "zstd")
    assert ordered["types"] == ["page_view", "signup"]
    page.get_by_role("button", name="Cancel").click()
    page.wait_for_selector(".state.cancelled")
    assert page.inner_text(".said").startswith("Ordered")
    page.get_by_label("How often").select_option("day")
    assert page.inner_text(".said") == ""


def test_the_users_who_dropped_out_of_a_funnel_are_shown_and_ordered(dashboard: Dashboard) -> None:
    dashboard.send(
        *({"type": "cart", "user_id": user} for user in ("ann", "bob", "cleo")), {"type": "order", "user_id": "bob"}
    )
    steps = [
        {"type": "event", "order": order, "condition": {"event": name}} for order, name in ((1, "cart"), (2, "order"))
    ]
    body = {"site": dashboard.site.key, "name": "Shop", "steps": steps}
    funnel = dashboard.call("POST", "/api/v1/funnels/", body)["data"]
    page = dashboard.open("exports")
    page.get_by_label(re.compile("^What")).select_option("users")
    page.get_by_label("Which people").select_option("funnel")
    page.get_by_label(re.compile("^Who")).select_option("dropped")
    page.get_by_role("button", name="Preview").click()
    page.wait_for_selector(".preview tbody tr:nth-child(2)")
    assert sorted(page.locator(".preview td:first-child").all_inner_texts()) == ["ann", "cleo"]
    assert find_violations(page) == []
    page.get_by_role("button", name="Order the file").click()
    page.wait_for_selector(".job-facts:has-text('step 1')")
    [job] = dashboard.call("GET", f"/api/analytics/exports?site={dashboard.site.key}")["exports"]
    assert job["request"]["users"] == {"funnel": funnel["id"], "step": 1, "reached": "dropped"}


def test_a_cohort_is_ordered_with_a_period_of_its_own(dashboard: Dashboard) -> None:
    page = dashboard.open("exports")
    page.get_by_label(re.compile("^What")).select_option("users")
    page.get_by_label("Which people").select_option("cohort")
    assert page.get_by_label("Period").count() == 0
    page.get_by_label("First day of the cohort").fill("2026-11-02")
    page.get_by_role("button", name="Order the file").click()
    page.wait_for_selector(".job-facts:has-text('cohort of 2026-11-02')")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Order again").click()
    page.wait_for_selector(".job:nth-child(1) >> nth=1")


def test_a_schedule_is_made_paused_and_deleted(dashboard: Dashboard) -> None:
    page = dashboard.open("exports")
    page.get_by_label("How often").select_option("week")
    page.get_by_role("button", name="Create the schedule").click()
    schedules = page.locator("section[aria-label=Schedules]")
    schedules.locator("b", has_text="Every Monday at 06:00 (UTC)").wait_for()
    schedules.get_by_role("button", name="Pause").click()
    schedules.locator(".state", has_text="Paused").wait_for()
    schedules.get_by_role("button", name="Delete").click()
    page.click("dialog .danger")
    schedules.locator("text=No schedules").wait_for()
    found = dashboard.call("GET", "/api/analytics/exports/schedules")["schedules"]
    assert [one for one in found if one["site"] == dashboard.site.key] == []
