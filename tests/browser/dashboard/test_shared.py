"""Pages for readers without an account in Chromium: read only, framed by whom the site names, shared by a dialog."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from redis import Redis
from sqlalchemy import Engine

from analytics.auth.keys import share_links
from analytics.sites import sites
from analytics.sites.sites import Site
from tests.browser.dashboard.signed_in import Dashboard
from tests.browser.dashboard.visitor import Visitor, find_violations, scrolls_sideways
from tests.factories import append_events, make_drain
from tests.web.web_server import WebServer

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

HOSTILE = "<img src=x onerror=alert(1)>\"'&{{7*7}}"
# A hostile referring page and city must not be seen at all.
SECRETS = ("inbox-of-ann", "Smalltown")


@pytest.fixture
def events() -> list[dict[str, Any]]:
    """Ten views of four people on three days, and two events with a hostile name."""
    now, found = datetime.now(UTC), list[dict[str, Any]]()
    for number in range(10):
        at = (now - timedelta(days=number % 3, minutes=number)).isoformat()
        path = f"/{HOSTILE}" if number % 5 == 0 else "/pricing"
        found.append(
            {"type": "page_view", "ts": at, "path": path, "user_id": f"u{number % 4}", "country": "DE"}
            | {"city": SECRETS[1], "referrer": f"https://mail.example/{SECRETS[0]}"}
        )
    return found + [{"type": HOSTILE[:40], "payload": {HOSTILE: HOSTILE}, "user_id": "u0"}] * 2


@pytest.fixture
def shared_site(engine: Engine, redis: Redis, events: list[dict[str, Any]], site_url: str) -> Site:
    """Its shared pages may be framed by pages of `site_url`."""
    with engine.begin() as connection:
        made = sites.create_site(connection, "hostile", f"Shop {HOSTILE}", embed_origins=[site_url])
    append_events(redis, made, events)
    make_drain(engine, redis).run()
    return made


@pytest.fixture
def path(engine: Engine, shared_site: Site) -> str:
    """Of a share link's page."""
    with engine.begin() as connection:
        return f"/share/{share_links.create_link(connection, shared_site.id, '', None, 'me')[0]}"


class Reader:
    """Somebody without an account, who notices what the console says and what is asked."""

    def __init__(self, context: "BrowserContext", base: str) -> None:
        self.context, self.base = context, base
        self.messages, self.asked = list[str](), list[tuple[str, str | None]]()

    def new_page(self) -> "Page":
        page = self.context.new_page()
        page.on("console", lambda message: self.messages.append(message.text))
        page.on("pageerror", lambda error: self.messages.append(str(error)))
        page.on("dialog", lambda dialog: (self.messages.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda one: self.asked.append((one.url.removeprefix(self.base), one.headers.get("referer"))))
        return page

    def open(self, path: str) -> "Page":
        page = self.new_page()
        page.goto(self.base + path)
        page.wait_for_selector("html[data-drawn]", state="attached")
        return page


@pytest.fixture
def base(service: WebServer) -> str:
    return f"http://127.0.0.1:{service.port}"


@pytest.fixture
def reader(context: "BrowserContext", base: str) -> Iterator[Reader]:
    """Fails the test that leaves a message in the console."""
    found = Reader(context, base)
    yield found
    assert found.messages == []


@pytest.mark.parametrize(("width", "theme"), [(1360, "light"), (1360, "dark"), (390, "dark"), (320, "light")])
@pytest.mark.parametrize("page_path", ["{}", "{}/realtime", "/embed{}", "/embed{}/realtime"])
def test_a_shared_page_is_drawn_without_a_fault(
    new_context: "Callable[..., BrowserContext]", base: str, path: str, page_path: str, width: int, theme: str
) -> None:
    reader = Reader(new_context(viewport={"width": width, "height": 900}, color_scheme=theme), base)
    page = reader.open(page_path.format(path))
    page.wait_for_timeout(300)
    assert find_violations(page) == []
    assert not scrolls_sideways(page)
    assert reader.messages == []


def test_nothing_is_asked_that_the_link_does_not_show(reader: Reader, path: str) -> None:
    page = reader.open(path + "?period=7d")
    page.mouse.wheel(0, 4000)
    page.wait_for_selector(".map svg")
    page.wait_for_selector(".live b")
    token = path.rpartition("/")[2]
    api = [address for address, _ in reader.asked if address.startswith("/api/")]
    assert {re.split(r"[?]", address)[0].removeprefix("/api/analytics/reports/") for address in api} == {
        *("overview", "breakdown", "realtime")
    }
    assert all(address.endswith(f"&share={token}") for address in api)
    assert len([address for address in api if "/overview?" in address]) == 1
    assert not [one for one in reader.asked if one[1]]
    assert reader.context.cookies() == []


def test_the_figures_are_those_of_the_events_and_no_more(
    reader: Reader, path: str, events: list[dict[str, Any]]
) -> None:
    page = reader.open(path)
    views = [one for one in events if one["type"] == "page_view"]
    titles = [one.get_attribute("title") for one in page.query_selector_all(".kpi")]
    assert (titles[0], titles[2]) == (str(len({one["user_id"] for one in views})), str(len(views)))
    assert page.locator(f"text=/{HOSTILE}").count() == 1
    assert page.locator("text=mail.example").count() == 0
    page.click("text=Sources >> nth=-1")
    page.wait_for_selector(".row:has-text('mail.example')")
    assert not [secret for secret in SECRETS if secret in page.content()]
    for name in ("Referrers", "Cities", "Goals", "Download CSV", "Share", "Sign out"):
        assert page.get_by_role("button", name=name, exact=True).count() == page.get_by_title(name).count() == 0


def test_a_filter_that_is_not_shown_is_explained_and_taken_back(reader: Reader, path: str) -> None:
    page = reader.new_page()
    page.goto(f"{reader.base}{path}?filter=user_id%3D%3Du1&embed=%3Cscript%3E&theme=%22%3E")
    page.wait_for_selector("[role=alert]:has-text('user_id')")
    page.click("text=Clear filters")
    page.wait_for_selector("html[data-drawn]", state="attached")
    assert page.url == reader.base + path
    reader.messages[:] = [one for one in reader.messages if "403" not in one]


def test_a_link_that_is_revoked_while_it_is_read_says_so(
    reader: Reader, path: str, engine: Engine, redis: Redis, shared_site: Site
) -> None:
    page = reader.open(path)
    with engine.connect() as connection:
        [link] = share_links.list_links(connection, shared_site.id)
    share_links.revoke_link(engine, redis, shared_site.id, link, "me")
    page.wait_for_timeout(2500)
    page.keyboard.press("w")
    page.wait_for_selector("[role=alert]:has-text('share link')")
    assert page.url.startswith(reader.base + path)
    page.reload()
    page.wait_for_selector("h1:has-text('There is nothing to see here')")
    reader.messages[:] = [one for one in reader.messages if "401" not in one and "404" not in one]


def test_a_public_site_needs_no_link(reader: Reader, engine: Engine, shared_site: Site) -> None:
    with engine.begin() as connection:
        sites.update_site(connection, shared_site.key, public_stats=True)
    sites.clear_site_cache(engine)
    page = reader.new_page()
    # The service's own process sees the change within seconds.
    for _ in range(30):
        if page.goto(f"{reader.base}/public/{shared_site.key}").status == 200:
            break
        page.wait_for_timeout(500)
    page.wait_for_selector("html[data-drawn]", state="attached")
    page.click("nav >> text=Realtime")
    page.wait_for_selector("html[data-drawn=realtime]", state="attached")
    assert page.url == f"{reader.base}/public/{shared_site.key}/realtime"
    reader.messages[:] = [one for one in reader.messages if "404" not in one]


def _frame_in(page: "Page", address: str) -> Any:
    """The frame, once it has loaded something."""
    put = "address => new Promise(done => { const frame = document.createElement('iframe'); frame.onload = done; frame.src = address; frame.width = 900; frame.height = 800; document.body.append(frame); })"
    page.evaluate(put, address)
    frame = page.frames[-1]
    # The browser tells of what a frame shows later than the page does.
    for _ in range(100):
        if frame.url not in ("", "about:blank"):
            break
        page.wait_for_timeout(50)
    return frame


def test_only_pages_of_the_named_origin_show_it_in_a_frame(
    context: "BrowserContext", base: str, path: str, site_url: str
) -> None:
    """The same server under two names is two origins."""
    reader, foreign = Reader(context, base), site_url.replace("127.0.0.1", "localhost")
    page = reader.new_page()
    page.goto(f"{site_url}/plain.html")
    frame = _frame_in(page, f"{base}/embed{path}?theme=dark")
    frame.wait_for_selector("html[data-drawn]", state="attached")
    assert frame.evaluate("document.documentElement.dataset.theme") == "dark"
    assert reader.messages == []
    for host, address in (
        (site_url, path),
        (foreign, f"/embed{path}"),
        (site_url, "/login"),
        (site_url, "/embed/share/x"),
    ):
        page.goto(f"{host}/plain.html")
        assert _frame_in(page, base + address).url.startswith("chrome-error:"), (host, address)


def test_a_frame_keeps_its_theme_and_has_a_way_out(reader: Reader, path: str) -> None:
    page = reader.open(f"/embed{path}?theme=dark")
    page.keyboard.press("w")
    page.wait_for_url(f"**/embed{path}?period=7d&theme=dark")
    page.wait_for_selector("html[data-drawn]", state="attached")
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    with reader.context.expect_page() as opened:
        page.click("text=Open in Analytics")
    out = opened.value
    out.wait_for_selector("html[data-drawn]", state="attached")
    assert out.url == f"{reader.base}{path}?period=7d&theme=dark"
    assert out.evaluate("window.opener === null && document.documentElement.dataset.theme === undefined")


def test_a_link_is_made_and_revoked_in_the_dialog(
    new_context: "Callable[..., BrowserContext]", base: str, site: Site, engine: Engine
) -> None:
    """By an account; a token, as that of `dashboard`, gives no link a longer life than its own."""
    visitor = Visitor(new_context(), base)
    page = visitor.open(f"/sites/{site.key}")
    page.click("button[title=Share]")
    page.get_by_label("Name of the link").fill("For the board")
    page.get_by_label("Ends").select_option("30")
    page.get_by_role("button", name="Create a link").click()
    address = page.inner_text(".made code >> nth=0").strip()
    page.click(".made summary")
    assert f'<iframe src="{base}/embed/share/' in page.inner_text(".made code >> nth=1")
    [link] = _list_links(engine, site)
    assert link.label == "For the board"
    assert link.expires_at is not None
    assert abs(link.expires_at - link.created_at - timedelta(days=30)) < timedelta(minutes=1)
    stranger = new_context().new_page()
    assert stranger.goto(address).status == 200
    page.get_by_role("button", name="Revoke: For the board").click()
    page.get_by_role("button", name="Keep").click()
    page.get_by_role("button", name="Revoke: For the board").click()
    page.get_by_role("button", name="Revoke", exact=True).click()
    page.wait_for_selector("text=Ended and revoked links: 1")
    assert page.locator(".made").count() == 0
    assert _list_links(engine, site)[0].revoked_at
    page.wait_for_timeout(2500)
    assert stranger.goto(address).status == 404
    assert visitor.messages == []


def test_the_dialog_says_how_long_a_link_may_live(dashboard: Dashboard) -> None:
    page = dashboard.open("")
    page.click("button[title=Share]")
    page.get_by_label("Ends").select_option("365")
    page.get_by_role("button", name="Create a link").click()
    page.wait_for_selector("[role=alert]:has-text('is later than')")
    page.get_by_label("Ends").select_option("0")
    page.get_by_role("button", name="Create a link").click()
    page.wait_for_selector(".made")
    assert page.locator("[role=alert]").count() == 0
    dashboard.messages[:] = [one for one in dashboard.messages if "403" not in one]


def _list_links(engine: Engine, site: Site) -> list[share_links.ShareLink]:
    with engine.connect() as connection:
        return share_links.list_links(connection, site.id)


def test_the_dialog_names_who_may_embed_and_says_what_is_wrong(dashboard: Dashboard) -> None:
    page = dashboard.open("")
    page.click("button[title=Share]")
    page.wait_for_selector("text=No page may.")
    origin = page.get_by_label("Origin, as in the address bar")
    origin.fill("https://intranet.example/wiki/page?x=1")
    page.get_by_role("button", name="Allow").click()
    page.wait_for_selector(".values:has-text('https://intranet.example')")
    origin.fill("intranet")
    page.get_by_role("button", name="Allow").click()
    page.wait_for_selector("[role=alert]:has-text('is not an origin')")
    assert find_violations(page) == []
    shown = dashboard.call("GET", f"/api/analytics/sites/{dashboard.site.key}")
    assert shown["embed_origins"] == ["https://intranet.example"]
    page.get_by_role("button", name="Remove https://intranet.example").click()
    page.wait_for_selector("text=No page may.")
    dashboard.messages[:] = [one for one in dashboard.messages if "422" not in one]


def test_only_an_administrator_is_offered_the_dialog(
    service: WebServer,
    site: Site,
    new_context: "Callable[..., BrowserContext]",
    token: Any,
    engine: Engine,
    redis: Redis,
) -> None:
    reading = Dashboard(service.port, site, new_context(), token("read write"), engine, redis)
    assert reading.open("").locator("button[title=Share]").count() == 0
