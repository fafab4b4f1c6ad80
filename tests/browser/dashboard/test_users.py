"""The page of users, in Chromium before the real service: who is behind a number, and what each did."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from redis import Redis
from sqlalchemy import Engine

from analytics.rollups.merge import merge_all
from analytics.sites.sites import Site
from tests.browser.dashboard.signed_in import Dashboard
from tests.browser.dashboard.slow_funnel import find_depths
from tests.browser.dashboard.test_funnels import HOSTILE, SLOW, add_funnel, events
from tests.browser.dashboard.visitor import find_violations, scrolls_sideways
from tests.web.web_server import WebServer

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

__all__ = ["events"]


def read_users(view: "Page") -> list[str]:
    return [one.inner_text().split("\n")[0] for one in view.locator(".users .cell").all()]


def test_who_left_after_a_step_and_what_they_did(dashboard: Dashboard, events: list[dict[str, Any]]) -> None:
    funnel, depths = add_funnel(dashboard), find_depths(events, SLOW)
    view = dashboard.open(f"funnels?funnel={funnel}")
    view.click(".fstep-foot a.lost >> nth=0")
    view.wait_for_selector("html[data-drawn=users]")
    left = {user for user, depth in depths.items() if depth == 1}
    assert set(read_users(view)) == left
    assert view.inner_text(".tabs h2") == f"{len(left)} users"
    view.wait_for_selector(".chip:has-text('Went no further than step 1, Prices, of From prices to purchase')")
    view.go_back()
    view.wait_for_selector("html[data-drawn=funnels]")
    view.click(".fstep-n a >> nth=1")
    view.wait_for_selector("html[data-drawn=users]")
    assert set(read_users(view)) == {user for user, depth in depths.items() if depth >= 2}
    view.click(".group-chip button")
    view.wait_for_selector(".group-chip", state="detached")
    view.wait_for_selector(f".tabs h2:text-is('{len({one['user_id'] for one in events})} users')")


def test_one_user_has_a_timeline_by_day_and_visit(dashboard: Dashboard, engine: Engine) -> None:
    day = (datetime.now(UTC) - timedelta(days=3)).replace(hour=10, minute=0, second=0, microsecond=0)
    days = ((day, "/a"), (day + timedelta(minutes=5), "/b"), (day + timedelta(days=1), "/c"))
    who = {"user_id": "ann/1#x", "session_id": "s"}
    dashboard.send(*({"type": "page_view", "path": path, "ts": at.isoformat(), **who} for at, path in days))
    signup = {"type": "signup", "payload": {"plan": "pro"}, "ts": (day + timedelta(hours=5)).isoformat()}
    dashboard.send({**signup, **who}, {"type": "page_view", "path": "/other", "user_id": "bob"})
    # Visits are known once they are merged.
    while merge_all(engine, 10).has_more:
        pass
    view = dashboard.open("users?filter=path%3D%3D%2Fb")
    assert read_users(view) == ["ann/1#x"]
    view.click(".users .cell")
    view.wait_for_selector(".day >> nth=1")
    assert view.locator(".kpi-value").all_inner_texts()[0] == "4"
    assert [one.inner_text() for one in view.locator(".event .what").all()] == ["/a", "/b", "", "/c"]
    assert view.locator(".day").first.locator(".visit").count() == 2
    view.click(".event >> nth=2")
    assert '"plan": "pro"' in view.inner_text(".event[open] pre")
    view.click(".event[open] >> text=What became of this event")
    view.wait_for_selector("html[data-drawn=operations]")
    view.locator("main", has_text="signup").wait_for()
    view.go_back()
    view.wait_for_selector("html[data-drawn=users]")
    view.click("text=All users")
    view.wait_for_selector(".users")
    assert view.url.endswith("users?filter=path%3D%3D%2Fb")


def test_the_list_is_read_page_by_page(dashboard: Dashboard) -> None:
    dashboard.send(*({"type": "page_view", "path": "/", "user_id": f"u{number:03}"} for number in range(120)))
    view = dashboard.open("users")
    assert view.locator(".users tbody tr").count() == 50
    for count in (100, 120):
        view.click("text=Show more")
        view.wait_for_selector(f".users tbody tr >> nth={count - 1}")
    assert sorted(read_users(view)) == [f"u{number:03}" for number in range(120)]
    assert view.get_by_text("Show more").count() == 0


def test_the_same_users_are_exported(dashboard: Dashboard, events: list[dict[str, Any]]) -> None:
    funnel = add_funnel(dashboard)
    view = dashboard.open(f"users?period=7d&funnel={funnel}&step=1&reached=true&filter=country%3D%3DDE")
    view.click("text=Export the list")
    view.click("text=Ordered: open the files")
    view.wait_for_selector("html[data-drawn=exports] .job")
    [job] = dashboard.call("GET", f"/api/analytics/exports?site={dashboard.site.key}")["exports"]
    ordered = job["request"]
    assert (ordered["what"], ordered["where"]) == ("users", "country==DE")
    assert ordered["users"] == {"funnel": funnel, "step": 1, "reached": "true"}


def test_a_cohort_is_its_own_period(dashboard: Dashboard) -> None:
    day = datetime.now(UTC).date() - timedelta(days=3)
    for user, days in (("new", [0, 1]), ("once", [0]), ("later", [1])):
        for after in days:
            at = f"{day + timedelta(days=after)}T12:00:00Z"
            dashboard.send({"type": "page_view", "path": "/", "user_id": user, "ts": at})
    view = dashboard.open(f"users?cohort={day}&unit=day&offset=1")
    assert read_users(view) == ["new"]
    assert "active 1 day later" in view.inner_text(".group-chip")
    assert view.locator(".dates-menu").count() == 0
    view.click(".users .cell")
    view.wait_for_selector(".timeline .event")
    view.click("text=All users")
    view.wait_for_selector(".group-chip:has-text('active 1 day later')")
    view.click(".group-chip button")
    view.wait_for_selector(".users tbody tr >> nth=2")
    assert "unit=" not in view.url


def test_a_user_without_events_in_the_period_offers_a_longer_one(dashboard: Dashboard) -> None:
    at = (datetime.now(UTC) - timedelta(days=40)).isoformat()
    dashboard.send({"type": "page_view", "path": "/old", "user_id": "ann", "ts": at})
    view = dashboard.open("users?user=ann")
    view.click(".empty >> text=Last 13 weeks")
    view.wait_for_selector(".event:has-text('/old')")


def test_an_unknown_user_is_an_error_that_says_so(dashboard: Dashboard) -> None:
    view = dashboard.open("users?user=nobody")
    assert "has no user 'nobody'" in view.inner_text("[role=alert]")
    dashboard.messages.clear()


def test_without_the_scope_the_page_says_which_it_needs(
    service: WebServer,
    site: Site,
    new_context: "Callable[..., BrowserContext]",
    token: Any,
    engine: Engine,
    redis: Redis,
) -> None:
    reader = Dashboard(service.port, site, new_context(), token("read write"), engine, redis)
    view = reader.open("users?user=ann")
    assert "need the right export" in view.inner_text("main")
    view = reader.open(f"funnels?funnel={add_funnel(reader)}")
    assert view.locator(".fsteps a").count() == 0
    assert reader.messages == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1360])
def test_hostile_users_do_nothing_and_fit(
    service: WebServer, site: Site, new_context: "Callable[..., BrowserContext]", token: Any, engine: Engine,
    redis: Redis, width: int, theme: str,
) -> None:  # fmt: skip
    context = new_context(color_scheme=theme, locale="de-DE" if theme == "dark" else "en-US")
    dashboard = Dashboard(service.port, site, context, token("read write ingest export admin"), engine, redis)
    user = HOSTILE * 4
    dashboard.send(
        {"type": "page_view", "path": "/" + HOSTILE * 9, "user_id": user},
        {"type": HOSTILE[:40], "payload": {HOSTILE: HOSTILE}, "user_id": user},
        {"type": "page_view", "path": "/", "user_id": "ann"},
    )
    for path in ("users", f"users?user={quote(user)}"):
        view = dashboard.open(path, width)
        for row in view.locator(".event summary").all():
            row.click()
        view.wait_for_timeout(400)
        assert view.locator("img").count() == 0
        assert not scrolls_sideways(view), path
        assert find_violations(view) == [], path
    assert dashboard.messages == []


@pytest.mark.parametrize("path", ["funnels", "users?filter=path%3D%3D%2F", "users?user=ann&period=7d"])
def test_the_first_request_is_made_once(dashboard: Dashboard, path: str) -> None:
    dashboard.send({"type": "page_view", "path": "/", "user_id": "ann"})
    view = dashboard.open(path)
    first = view.get_attribute("#first", "href")
    asked = view.evaluate("performance.getEntriesByType('resource').map((one) => one.name)")
    assert [one.removeprefix(dashboard.url) for one in asked].count(first) == 1
