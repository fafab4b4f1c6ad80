"""Pictures of every page of the dashboard in its states, widths and themes: `make shots`. Not a test, and run by name."""

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urljoin

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page
from redis import Redis
from sqlalchemy import Engine

from tests.browser.conftest import USER_AGENT
from tests.browser.dashboard.seeded import draining, make_people_online, seed
from tests.browser.dashboard.visitor import Visitor
from tests.web.web_server import WebServer

FOLDER = Path(os.environ.get("OUT") or "build/shots")
# Names of shots, with spaces; empty: all.
ONLY = os.environ.get("SHOTS", "").split()
WIDTHS, HEIGHT, THEMES = (1360, 390), 900, ("light", "dark")
REPORT = "**/api/analytics/reports/overview?*"
# What the API answers when PostgreSQL is down, and to a report that takes longer than STATEMENT_TIMEOUT.
FAILED = {"title": "Internal Server Error", "status": 500, "detail": "an unexpected error occurred; the log has more"}
SLOW_TEXT = (
    "days: reading the raw events took longer than 30 s and was stopped; accepted: fewer days, for example days=7"
)
TOO_SLOW = {
    "title": "Unprocessable Content",
    "status": 422,
    "detail": SLOW_TEXT,
    "errors": [{"field": "days", "code": "too_slow", "detail": SLOW_TEXT}],
}
SETTLED_MS = 300

Step = Callable[[Page], object]


def pressing(key: str) -> Step:
    return lambda page: page.keyboard.press(key)


def clicking(*selectors: str) -> Step:
    return lambda page: [page.click(one) for one in selectors]


def failing(problem: dict[str, Any] | None) -> Step:
    """Another period, which nothing has begun to load; without a problem the connection is lost."""

    def change_period(page: Page) -> None:
        if problem:
            page.route(REPORT, lambda route: route.fulfill(status=problem["status"], json=problem))
        else:
            page.route(REPORT, lambda route: route.abort())
        page.keyboard.press("w")
        page.wait_for_selector("[role=alert]")

    return change_period


def hang(page: Page) -> None:
    """No request of the page is answered."""
    page.route("**/api/analytics/**", lambda _: None)


def load_again(page: Page) -> None:
    hang(page)
    page.keyboard.press("w")
    page.wait_for_selector(".busy")


def hover_chart(page: Page) -> None:
    box = page.locator(".chart").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.54, box["y"] + box["height"] / 2)
    page.wait_for_selector(".tip")


def hover_map(page: Page) -> None:
    page.locator("section[aria-label=Locations]").scroll_into_view_if_needed()
    page.locator("[data-code=BR]").hover()


def send_events(page: Page) -> None:
    """Events that come while the page of live events is open."""
    page.wait_for_selector(".head .pulse:not(.off)")
    events = make_people_online(random.Random(3))[-14:]
    headers = {"X-CSRF-Token": "1"}
    response = page.request.post(urljoin(page.url, "/api/analytics/ingest?site=demo"), data=events, headers=headers)
    assert response.status == 202, response.text()
    page.wait_for_selector(".line-btn >> nth=13")


def open_event(page: Page) -> None:
    send_events(page)
    page.click(".line-btn >> nth=2")


def fill_order(page: Page) -> None:
    page.get_by_role("button", name="Preview").click()
    page.click("text=Columns:")
    page.click("text=Tell a server")
    page.wait_for_selector(".preview tbody tr")


class Shot(NamedTuple):
    """`before` and `after`: steps before the page is loaded, and once `drawn` is there. `is_whole`: also what is below."""

    name: str
    path: str
    after: Step | None = None
    before: Step | None = None
    is_whole: bool = False
    drawn: str = "html[data-drawn]"


DEMO = "/sites/demo"
SHOTS = (
    Shot("sites", "/", is_whole=True),
    Shot("overview", DEMO, is_whole=True),
    Shot("overview-hover", DEMO, hover_chart),
    Shot("overview-map", DEMO, hover_map),
    Shot("overview-lists", DEMO, clicking("text=Countries", "text=Entry", "text=Devices"), is_whole=True),
    Shot("overview-today", f"{DEMO}?period=day", is_whole=True),
    Shot("overview-quarter", f"{DEMO}?period=91d&metric=bounce_rate"),
    Shot("overview-duration", f"{DEMO}?period=7d&metric=avg_visit_duration_s&compare=none"),
    Shot("overview-filtered", f"{DEMO}?filter=country%3D%3DDE%3Bentry_path%3D%5E%2Fblog", is_whole=True),
    Shot("overview-table", f"{DEMO}?view=table"),
    Shot("filter-dialog", DEMO, pressing("/")),
    Shot("details-dialog", DEMO, clicking(".more >> nth=0")),
    Shot("help-dialog", DEMO, pressing("?")),
    Shot("delete-dialog", f"{DEMO}/exports", clicking("[title=Delete] >> nth=0")),
    Shot("event-dialog", f"{DEMO}/realtime", open_event),
    Shot("period-menu", DEMO, clicking(".dates-menu button")),
    Shot("compare-menu", DEMO, clicking(".compare-menu button")),
    Shot("filter-menu", f"{DEMO}?filter=device%3D%3Dmobile", clicking(".filter-menu button")),
    Shot("sites-menu", DEMO, clicking(".site-menu button")),
    Shot("drawer", DEMO, lambda page: page.is_visible(".only-small") and page.click(".only-small")),
    Shot("realtime", f"{DEMO}/realtime", send_events, is_whole=True),
    Shot("links", f"{DEMO}/links", is_whole=True),
    Shot("link", f"{DEMO}/links?code=spring-sale", is_whole=True),
    Shot("exports", f"{DEMO}/exports", is_whole=True),
    Shot("exports-order", f"{DEMO}/exports", fill_order, is_whole=True),
    Shot("operations", f"{DEMO}/operations", is_whole=True),
    Shot("settings", f"{DEMO}/settings", is_whole=True),
    Shot("start", "/sites/fresh/start", is_whole=True),
    Shot("empty-period", f"{DEMO}?period=custom&from=2020-01-01&to=2020-01-07", is_whole=True),
    Shot("empty-filtered", f"{DEMO}?filter=path%3D%3D%2Fnowhere", is_whole=True),
    Shot("empty-site", "/sites/fresh", is_whole=True),
    Shot("empty-links", "/sites/fresh/links"),
    Shot("empty-realtime", "/sites/fresh/realtime", is_whole=True),
    Shot("empty-exports", "/sites/fresh/exports", is_whole=True),
    Shot("error", DEMO, failing(FAILED)),
    Shot("offline", DEMO, failing(None), is_whole=True),
    Shot("too-slow", DEMO, failing(TOO_SLOW)),
    Shot("slow", DEMO, before=hang, drawn=".panels .skeleton", is_whole=True),
    Shot("slow-links", f"{DEMO}/links", before=hang, drawn=".panels .skeleton"),
    Shot("slow-sites", "/", before=hang, drawn=".sites .skeleton"),
    Shot("loading-again", DEMO, load_again),
)


def take(visitor: Visitor, shot: Shot, file: Path) -> None:
    page = visitor.open(shot.path, shot.before or (lambda _: None), shot.drawn)
    page.wait_for_timeout(SETTLED_MS)
    if shot.after:
        shot.after(page)
        page.wait_for_timeout(SETTLED_MS)
    if shot.is_whole:
        # The side bar is as high as the window, and what is below is drawn when it comes near.
        height = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({"width": page.viewport_size["width"], "height": height})
        page.wait_for_timeout(SETTLED_MS)
    page.screenshot(path=file, full_page=shot.is_whole)
    page.close()


def take_all(context: BrowserContext, base: str, suffix: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    page = context.new_page()
    page.goto(f"{base}/login")
    page.screenshot(path=FOLDER / f"login-{suffix}.png")
    page.close()
    visitor = Visitor(context, base)
    for shot in SHOTS:
        if not ONLY or shot.name in ONLY:
            take(visitor, shot, FOLDER / f"{shot.name}-{suffix}.png")


def take_everywhere(browser: Browser, base: str) -> None:
    for theme in THEMES:
        for width in WIDTHS:
            size = {"width": width, "height": HEIGHT}
            context = browser.new_context(
                user_agent=USER_AGENT, viewport=size, color_scheme=theme, reduced_motion="reduce"
            )
            take_all(context, base, f"{width}-{theme}")
            context.close()


@pytest.mark.timeout(1800)
def test_shots(
    app: Flask,
    engine: Engine,
    redis: Redis,
    service: WebServer,
    browser: Browser,
    monkeypatch: pytest.MonkeyPatch,
    token: Callable[..., str],
) -> None:
    seed(app, engine, redis, monkeypatch, token("read write ingest export admin"))
    with draining(engine, redis):
        take_everywhere(browser, f"http://127.0.0.1:{service.port}")
