"""Every page of the dashboard in Chromium, before the real service: drawn, clean, and right in its figures."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from redis import Redis
from sqlalchemy import Engine

from analytics.dashboard import shell
from analytics.rollups.merge import merge_all
from analytics.sites import sites
from analytics.sites.sites import Site
from config import Settings
from tests.browser.dashboard.visitor import Visitor, find_violations, scrolls_sideways
from tests.conftest import SIGN_IN_SECRET
from tests.factories import append_events, make_drain
from tests.web.web_server import WebServer, environment

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

HOSTILE = "<img src=x onerror=alert(1)>\"'&{{7*7}}"
WIDTHS = {"wide": 1360, "phone": 390, "narrow": 320}


@pytest.fixture(scope="module")
def service(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with WebServer(tmp_path_factory.mktemp("web"), "wsgi:asgi", environment(settings)) as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.fixture
def events() -> list[dict[str, Any]]:
    return _make_events(random.Random(7))


@pytest.fixture
def site(engine: Engine, redis: Redis, events: list[dict[str, Any]]) -> Site:
    """With three weeks of visits from several countries, and hostile text in every field."""
    with engine.begin() as connection:
        created = sites.create_site(connection, f"d{random.getrandbits(40)}", f"Shop {HOSTILE}")
    append_events(redis, created, events)
    make_drain(engine, redis).run()
    while merge_all(engine, 10).has_more:
        pass
    return created


def _make_events(chance: random.Random) -> list[dict[str, Any]]:
    now, events = datetime.now(UTC), []
    for number in range(300):
        at = now - timedelta(days=chance.uniform(0.1, 20))
        visitor = {
            "user_id": f"u{number % 120}",
            "session_id": f"s{number}",
            "country": chance.choice(["DE", "DE", "FR", "US"]),
            "user_agent": chance.choice(AGENTS),
        }
        referrer = chance.choice(["https://www.google.com/", "https://bing.com/", f"https://x.example/{HOSTILE}"])
        for view in range(chance.choice([1, 1, 2, 3])):
            path = chance.choice(["/", "/pricing", "/blog", f"/{HOSTILE}"])
            event = {"type": "page_view", "ts": (at + timedelta(minutes=view)).isoformat(), "path": path, **visitor}
            events.append(event | ({"referrer": referrer} if view == 0 else {}))
        if number % 10 == 0:
            events.append({"type": HOSTILE[:40], "ts": at.isoformat(), "payload": {HOSTILE: HOSTILE}, **visitor})
    return events


AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.1 Safari/605.1.15",
)


@pytest.fixture
def dashboard(context: "BrowserContext", service: str) -> Visitor:
    return Visitor(context, service)


PAGES = {"sites": "/", **{name: f"/sites/{{key}}/{name}" for name in shell.PAGES}}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("page_name", PAGES)
def test_every_page_is_drawn_without_a_fault(
    new_context: "Callable[..., BrowserContext]", service: str, site: Site, page_name: str, width: str, theme: str
) -> None:
    context = new_context(viewport={"width": WIDTHS[width], "height": 900}, color_scheme=theme)
    dashboard = Visitor(context, service)
    page = dashboard.open(PAGES[page_name].format(key=site.key))
    page.wait_for_timeout(300)
    assert find_violations(page) == []
    assert not scrolls_sideways(page)
    assert dashboard.messages == []
    assert [one for one in dashboard.requests if one.startswith("http")] == []


def test_the_first_request_is_made_once(dashboard: Visitor, site: Site) -> None:
    dashboard.open(f"/sites/{site.key}?period=7d&compare=year&filter=country%3D%3DDE")
    asked = [one for one in dashboard.requests if one.startswith("/api/analytics/reports/overview?")]
    assert len(asked) == 1, asked


def test_a_range_to_compare_with_is_in_the_address(dashboard: Visitor, site: Site) -> None:
    page = dashboard.open(f"/sites/{site.key}")
    now = datetime.now(UTC).date()
    first, last = now - timedelta(days=60), now - timedelta(days=33)
    page.set_viewport_size({"width": 320, "height": 640})
    page.click(".compare-menu button")
    assert not scrolls_sideways(page)
    page.fill(".compare-menu [name=from]", str(last))
    page.fill(".compare-menu [name=to]", str(first))
    page.click(".compare-menu >> text=Apply")
    assert page.inner_text(".compare-menu [role=alert]") == "The first day is after the last one."
    page.fill(".compare-menu [name=from]", str(first))
    page.fill(".compare-menu [name=to]", str(last))
    with page.expect_response(lambda answer: "reports/overview?" in answer.url) as found:
        page.click(".compare-menu >> text=Apply")
    page.wait_for_selector(".compare-menu .pop", state="detached")
    assert page.url.endswith(f"?compare={first}..{last}")
    assert found.value.json()["meta"]["compare"]["previous"]["from"].startswith(str(first))
    page.go_back()
    page.wait_for_function("location.search === ''")
    asked = len(dashboard.requests)
    page.go_forward()
    page.reload()
    page.wait_for_selector("html[data-drawn]", state="attached")
    page.click(".compare-menu button")
    assert page.input_value(".compare-menu [name=from]") == str(first)
    again = [one for one in dashboard.requests[asked:] if one.startswith("/api/analytics/reports/overview?")]
    # That of going forward, and one of the page that was loaded again.
    assert len(again) <= 2
    assert len(set(again)) == 1


def read_figures(page: "Page") -> dict[str, str]:
    """The six figures by their names, as their titles say them in full."""
    found = page.query_selector_all(".kpi")
    return {one.query_selector(".kpi-label").inner_text().strip(): one.get_attribute("title") for one in found}


def test_a_click_on_a_row_filters_all_figures(dashboard: Visitor, site: Site, events: list[dict[str, Any]]) -> None:
    """Counted here from what was sent: each visit has one country."""
    page = dashboard.open(f"/sites/{site.key}")
    page.click("text=Countries")
    with page.expect_response(lambda answer: "filter=country" in answer.url):
        page.click(".row:has-text('Germany')")
    page.wait_for_selector("html[data-drawn]", state="attached")
    page.wait_for_selector(".chip:has-text('Germany')")
    views = [one for one in events if one["type"] == "page_view" and one["country"] == "DE"]
    shown = read_figures(page)
    assert shown["Page views"] == f"{len(views):,}"
    assert shown["Visitors"] == f"{len({one['user_id'] for one in views}):,}"
    assert shown["Visits"] == f"{len({one['session_id'] for one in views}):,}"
    assert "filter=country" in page.url
    page.go_back()
    page.wait_for_selector(".chip", state="detached")
    everybody = [one for one in events if one["type"] == "page_view"]
    page.wait_for_selector(f".kpi[title='{len(everybody):,}']")


def test_pages_that_fail_say_why_and_try_again(dashboard: Visitor, site: Site) -> None:
    problem = {"status": 422, "detail": "days: took longer than 5 s and was stopped", "code": "too_slow"}
    page = dashboard.open(f"/sites/{site.key}")
    before = read_figures(page)
    page.route("**/reports/overview?*", lambda route: route.fulfill(status=422, json=problem))
    # Another period, which no preload has begun.
    page.keyboard.press("w")
    page.wait_for_selector("[role=alert]:has-text('took longer than 5 s')")
    assert read_figures(page) == before
    page.unroute("**/reports/overview?*")
    page.click("[role=alert] button >> nth=0")
    page.wait_for_selector("[role=alert]", state="detached")


def test_signing_out_ends_the_session(dashboard: Visitor, site: Site) -> None:
    page = dashboard.open(f"/sites/{site.key}")
    page.click("[aria-label='Sign out'], [title='Sign out']")
    page.wait_for_url("**/login")
    page.goto(f"{dashboard.base}/sites/{site.key}")
    assert "/login?next=" in page.url


def test_a_page_that_the_browser_kept_is_not_shown_after_signing_out(dashboard: Visitor, site: Site) -> None:
    """Safari keeps pages of plain HTTP in spite of no-store."""
    page = dashboard.open(f"/sites/{site.key}")
    page.context.clear_cookies()
    page.evaluate("setTimeout(() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })))")
    page.wait_for_url("**/login?next=**")


def test_a_link_signs_in_and_leaves_no_secret_behind(context: "BrowserContext", service: str, site: Site) -> None:
    page, seen = context.new_page(), list[str]()
    page.on("request", lambda request: seen.append(f"{request.url} {request.headers.get('referer', '')}"))
    page.goto(f"{service}/login?next=/sites/{site.key}#{SIGN_IN_SECRET}")
    page.wait_for_selector("html[data-drawn]", state="attached")
    assert page.url == f"{service}/sites/{site.key}"
    assert not [one for one in seen if SIGN_IN_SECRET in one.replace(f"#{SIGN_IN_SECRET}", "")]
    page.go_back()
    assert SIGN_IN_SECRET not in page.url


def test_a_link_that_is_pasted_on_the_form_signs_in(context: "BrowserContext", service: str) -> None:
    page = context.new_page()
    page.goto(f"{service}/login")
    assert "a link that signs in without a password" in page.inner_text("main")
    page.evaluate("(secret) => { location.hash = secret }", "a link of another run, which is as long")
    page.wait_for_selector("[role=alert]:has-text('of another run')")
    page.evaluate("(secret) => { location.hash = secret }", SIGN_IN_SECRET)
    page.wait_for_selector("html[data-drawn]", state="attached")
