"""Engagement, web vitals, and how the tracker is put into a page: snippet, policy, proxy names, without scripts."""

import re
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Engine

from analytics.sites import sites
from tests.browser.test_tracker import service, stack
from tests.browser.tracking_stack import TrackingStack, hide, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

__all__ = ["service", "stack"]
TODAY = "/api/analytics/reports/breakdown?days=2&dimension=path&metrics=engagement"


def engagement(stack: TrackingStack, count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    def is_complete() -> bool:
        found[:] = [event for event in stack.drain() if event["type"] == "engagement"]
        return len(found) >= count

    wait_until(is_complete)
    return found


def test_visible_seconds_and_depth_of_a_view(
    context: "BrowserContext", stack: TrackingStack, token: Callable[..., str]
) -> None:
    stack.put()
    started = time.monotonic()
    page = stack.visit(context, "/a")
    page.wait_for_timeout(700)
    page.evaluate("scrollTo(0, 1e6)")
    page.wait_for_timeout(700)
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(100)
    page.close()
    elapsed = time.monotonic() - started
    [found] = engagement(stack, 1)
    [view] = [event for event in stack.drain() if event["type"] == "page_view"]
    payload = found["payload"]
    assert payload == {"view": view["event_id"], "engaged_s": payload["engaged_s"], "scroll_depth": 100}
    assert 1.4 <= payload["engaged_s"] <= elapsed
    assert (found["path"], found["user_no"]) == ("/a", view["user_no"])
    # Each batch is corrected by its own time on the way.
    assert abs(found["ts"] - view["ts"]) < timedelta(seconds=1)
    [row] = stack.get(TODAY, token("read", site=stack.site.key))["rows"]
    assert (row["value"], row["engaged_s"], row["scroll_depth"], row["events"]) == (
        "/a",
        payload["engaged_s"],
        100.0,
        1,
    )


def test_a_page_that_is_only_looked_at_was_seen_in_part(context: "BrowserContext", stack: TrackingStack) -> None:
    stack.put()
    page = stack.visit(context, "/a")
    page.wait_for_timeout(800)
    seen = page.evaluate("Math.round((innerHeight / document.documentElement.scrollHeight) * 100)")
    page.close()
    [found] = engagement(stack, 1)
    assert 0 < seen < 50
    assert found["payload"]["scroll_depth"] == seen


def test_hidden_time_does_not_count(context: "BrowserContext", stack: TrackingStack, token: Callable[..., str]) -> None:
    stack.put()
    page = stack.visit(context, "/a")
    page.wait_for_timeout(300)
    hide(page)
    page.wait_for_timeout(1500)
    hide(page, hidden=False)
    page.wait_for_timeout(1200)
    hide(page)
    hide(page, hidden=False)
    # Less than a second waits for more.
    hide(page)
    first, second = (event["payload"] for event in engagement(stack, 2))
    assert first["view"] == second["view"]
    assert 0.3 <= first["engaged_s"] < 1.5
    assert 1.2 <= second["engaged_s"] < 1.5 + 1.2
    page.close()
    total = sum(event["payload"]["engaged_s"] for event in engagement(stack, 2))
    [row] = stack.get(TODAY, token("read", site=stack.site.key))["rows"]
    assert row["engaged_s"] == pytest.approx(total)


def test_a_change_of_route_ends_the_view(context: "BrowserContext", stack: TrackingStack) -> None:
    stack.put()
    page = stack.visit(context, "/a")
    page.wait_for_timeout(300)
    page.evaluate("history.pushState({}, '', '/b')")
    page.wait_for_timeout(300)
    page.close()
    views = {event["path"]: event["event_id"] for event in stack.wait(4) if event["type"] == "page_view"}
    assert [(event["path"], event["payload"]["view"]) for event in engagement(stack, 2)] == [*views.items()]


def test_engagement_makes_no_bounce_a_visit_of_two(
    context: "BrowserContext", stack: TrackingStack, token: Callable[..., str]
) -> None:
    stack.put()
    page = stack.visit(context, "/a")
    page.wait_for_timeout(300)
    page.close()
    engagement(stack, 1)
    found = stack.get("/api/analytics/reports/summary?days=2", token("read", site=stack.site.key))
    assert [found[name] for name in ("page_views", "visitors", "visits", "bounce_rate", "events")] == [1, 1, 1, 1.0, 2]


def test_web_vitals_are_samples_by_path(
    context: "BrowserContext", stack: TrackingStack, token: Callable[..., str]
) -> None:
    stack.put("data-vitals")
    # Headless Chromium is never idle enough, and web-vitals reads interactions when it is.
    context.add_init_script("window.requestIdleCallback = (callback) => setTimeout(callback)")
    page = stack.visit(context, "/a")
    page.evaluate(
        "document.querySelector('#buy').onclick = () => { const end = performance.now() + 80; while (performance.now() < end); }"
    )
    page.click("#buy")
    page.wait_for_timeout(500)
    page.goto(f"{stack.website.url}/b")
    wait_until(
        lambda: (
            {"web_vital.cls", "web_vital.inp", "web_vital.lcp"}
            <= {name for name, _, tags in stack.samples() if tags == {"path": "/a"}}
        )
    )
    of_a = [name for name, _, tags in stack.samples() if tags == {"path": "/a"}]
    assert len(of_a) == len(set(of_a)) == 3
    [lcp] = [value for name, value, tags in stack.samples() if name == "web_vital.lcp" and tags == {"path": "/a"}]
    assert 0 < lcp < 10_000
    found = stack.get("/metrics/web_vital.lcp?hours=1&group_by=path", token("read", site=stack.site.key))
    [group] = [group for group in found["groups"] if group["value"] == "/a"]
    assert (group["count"], group["p75"]) == (1, pytest.approx(lcp, rel=0.01))


def test_vitals_are_loaded_only_where_asked(context: "BrowserContext", stack: TrackingStack) -> None:
    stack.put()
    requests: list[str] = []
    context.on("request", lambda request: requests.append(request.url))
    page = stack.visit(context, "/a")
    stack.events(page, 1)
    assert [url for url in requests if url.startswith(stack.service_url)] == [
        f"{stack.service_url}/sdk/v1/tracker.js", f"{stack.service_url}/api/analytics/ingest",
    ]  # fmt: skip


def test_pinned_snippet_works_under_a_strict_policy(
    context: "BrowserContext", stack: TrackingStack, token: Callable[..., str]
) -> None:
    lines = stack.get(f"/api/analytics/sites/{stack.site.key}/snippet", token("read", site=stack.site.key))
    stack.website.head = lines["pinned_script"].replace("pk_…", stack.key)
    assert 'integrity="sha384-' in stack.website.head
    assert re.search(r"/sdk/\d+\.\d+\.\d+/insight\.js", stack.website.head)
    stack.website.policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src {stack.service_url}; connect-src {stack.service_url}"
    complaints: list[str] = []
    context.on("console", lambda message: complaints.append(message.text))
    page = context.new_page()
    page.goto(f"{stack.website.url}/a")
    stack.wait(1)
    page.close()
    assert next(event["type"] for event in stack.wait(1)) == "page_view"
    # Of the handlers in the page itself.
    assert [text for text in complaints if "inline event handler" not in text] == []


def test_other_paths_for_a_proxy_of_the_website(context: "BrowserContext", stack: TrackingStack) -> None:
    """The website's own server hands on three addresses, as the recipes of docs/sdk.md do."""
    base = stack.website.url
    proxied = {
        "/js/i.js": "/sdk/v1/insight.js",
        "/js/v.js": "/sdk/v1/vitals.js",
        "/in/e": "/api/analytics/ingest",
        "/in/samples": "/api/analytics/samples",
    }
    stack.website.proxied = {own: stack.service_url + target for own, target in proxied.items()}
    stack.website.head = f'<script defer src="{base}/js/i.js" data-site="{stack.site.key}" data-key="{stack.key}" data-path="/in/e" data-vitals="v.js"></script>'
    requests: list[str] = []
    context.on("request", lambda request: requests.append(request.url))
    page = stack.visit(context, "/a")
    page.click("#buy")
    assert [event["type"] for event in stack.events(page, 2)] == ["page_view", "buy"]
    page.goto("about:blank")
    wait_until(lambda: len(stack.samples()) >= 2)
    assert all(url.startswith((base, "data:", "about:")) for url in requests)


def test_pages_without_scripts_are_counted_by_the_pixel(
    new_context: Callable[..., "BrowserContext"], stack: TrackingStack, engine: Engine, token: Callable[..., str]
) -> None:
    lines = stack.get(f"/api/analytics/sites/{stack.site.key}/snippet", token("read", site=stack.site.key))
    stack.website.head = lines["script"].replace("pk_…", stack.key) + lines["noscript"].replace("pk_…", stack.key)
    page = new_context(java_script_enabled=False).new_page()
    page.goto(f"{stack.website.url}/plain?utm_source=news&secret=1")
    [event] = stack.wait(1)
    assert (event["type"], event["path"], event["hostname"], event["source"]) == (
        "page_view",
        "/plain",
        "127.0.0.1",
        "news",
    )
    # With scripts only the tracker counts.
    page = new_context().new_page()
    page.goto(f"{stack.website.url}/scripted")
    page.wait_for_function("window.analytics && analytics.stats().tracked && !analytics.stats().waiting")
    assert [event["path"] for event in stack.wait(2) if event["type"] == "page_view"] == ["/plain", "/scripted"]


def test_a_site_with_public_ingest_needs_no_key(
    context: "BrowserContext", stack: TrackingStack, engine: Engine
) -> None:
    with engine.begin() as connection:
        sites.update_site(connection, stack.site.key, actor="tester", public_ingest=True)
    stack.website.head = (
        f'<script defer src="{stack.service_url}/sdk/v1/tracker.js" data-site="{stack.site.key}"></script>'
    )
    page = stack.visit(context, "/a")
    assert len(stack.events(page, 1)) == 1
