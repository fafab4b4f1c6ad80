"""The tracker in Chromium before the real service: every expected event is stored once, field by field."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from redis import Redis
from sqlalchemy import Engine

from config import Settings
from tests.browser.tracked_site import TrackedSite
from tests.browser.tracking_stack import TrackingStack
from tests.web.web_server import WebServer, environment

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

STORAGE = """async () => [
    Object.keys(localStorage), Object.keys(sessionStorage), document.cookie, (await indexedDB.databases()).map(({name}) => name)
]"""
NOTHING_STORED = [[], [], "", []]


@pytest.fixture(scope="module")
def service(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    folder = tmp_path_factory.mktemp("service")
    with WebServer(folder, "wsgi:asgi", environment(settings, SDK_NAMES="tracker.js=insight.js")) as server:
        yield server


@pytest.fixture
def stack(service: WebServer, engine: Engine, redis: Redis) -> Iterator[TrackingStack]:
    website = TrackedSite()
    yield TrackingStack(service, website, engine, redis)
    website.stop()


def brief(events: list[dict[str, Any]]) -> list[tuple[str, str, Any]]:
    return [(event["type"], event["path"], event["payload"]) for event in events]


def test_a_view_has_these_fields(context: "BrowserContext", stack: TrackingStack) -> None:
    stack.put()
    query = "utm_source=News&utm_medium=email&utm_campaign=May&utm_term=a+b&utm_content=top&secret=1"
    page = stack.visit(context, f"/pricing?{query}#plans", referer="https://search.example/find?q=private")
    [event] = stack.events(page, 1)
    del event["event_id"], event["ts"], event["user_no"]
    assert event == {
        "type": "page_view", "path": "/pricing", "hostname": "127.0.0.1", "language": "en-US", "screen": "laptop",
        "referrer": "https://search.example/find", "source": "news", "channel": "email", "session_id": None, "src": "tracker",
        "utm_source": "News", "utm_medium": "email", "utm_campaign": "May", "utm_term": "a b", "utm_content": "top",
        "browser": "Chrome", "os": "Linux", "device": "desktop", "is_bot": False, "payload": {"title": "Page /pricing"},
    }  # fmt: skip


def test_an_element_that_is_named_as_the_script_is_not_taken_for_it(
    context: "BrowserContext", stack: TrackingStack
) -> None:
    stack.put()
    stack.website.head += '<img name="currentScript" src="https://elsewhere.example/x" data-key data-persist>'
    assert brief(stack.events(stack.visit(context, "/a"), 1)) == [("page_view", "/a", {"title": "Page /a"})]


def test_nothing_is_kept_in_the_browser(context: "BrowserContext", stack: TrackingStack) -> None:
    stack.put("data-forms data-errors data-missing data-hash")
    page = stack.visit(context)
    page.evaluate("analytics('clicked', {n: 1})")
    page.click("#buy")
    assert len(stack.events(page, 3)) == 3
    assert page.evaluate(STORAGE) == NOTHING_STORED
    assert context.cookies() == []


def test_ref_and_click_ids_name_the_source(context: "BrowserContext", stack: TrackingStack) -> None:
    stack.put()
    for path in ("/a?ref=friend", "/b?ref=friend&utm_source=news", "/c?gclid=abc&x=1"):
        stack.visit(context, path)
    found = {event["path"]: (event["source"], event["channel"]) for event in stack.wait(3)}
    assert found == {"/a": ("friend", "referral"), "/b": ("news", "referral"), "/c": ("Google", "paid")}


def test_each_address_of_an_application_is_a_view(context: "BrowserContext", stack: TrackingStack) -> None:
    stack.put()
    page = stack.visit(context, "/a", referer="https://n.example/")
    page.evaluate(
        """async () => {
            history.pushState({}, '', '/b?x=1'); document.title = 'B';
            await new Promise(setTimeout);
            history.replaceState({}, '', '/b?x=2');
            history.pushState({}, '', '#part');
            await new Promise(setTimeout);
            history.replaceState({}, '', '/c'); document.title = 'C';
        }"""
    )
    page.evaluate("history.go(-2)")
    page.wait_for_function("location.pathname === '/a'")
    views = stack.events(page, 4)
    assert brief(views) == [
        ("page_view", "/a", {"title": "Page /a"}), ("page_view", "/b", {"title": "B"}), ("page_view", "/c", {"title": "C"}),
        ("page_view", "/a", {"title": "C"}),
    ]  # fmt: skip
    # Of the visit's referrer only the first view has it.
    assert [view["referrer"] for view in views] == [
        "https://n.example/",
        *(f"{stack.website.url}{path}" for path in ("/a", "/b", "/c")),
    ]
    assert [view["channel"] for view in views] == ["referral", "internal", "internal", "internal"]


def test_fragments_are_pages_where_the_tag_says_so(context: "BrowserContext", stack: TrackingStack) -> None:
    stack.put("data-hash")
    page = stack.visit(context, "/#/about?x=1")
    page.evaluate("location.hash = '#!/team'")
    page.evaluate("location.hash = '#contact'")
    page.wait_for_timeout(50)
    assert [event["path"] for event in stack.events(page, 3)] == ["/about", "/team", "/contact"]


def test_a_page_out_of_the_cache_is_a_view(context: "BrowserContext", stack: TrackingStack) -> None:
    stack.put()
    page = stack.visit(context, "/a", referer="https://n.example/")
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    assert [(event["path"], event["referrer"]) for event in stack.events(page, 2)] == [
        ("/a", "https://n.example/"),
        ("/a", None),
    ]


def test_a_prerendered_page_counts_when_it_is_shown(context: "BrowserContext", stack: TrackingStack) -> None:
    stack.put()
    context.add_init_script("Object.defineProperty(document, 'prerendering', { value: true })")
    page = stack.visit(context)
    page.wait_for_timeout(1500)
    assert stack.drain() == []
    page.evaluate("document.dispatchEvent(new Event('prerenderingchange'))")
    assert len(stack.events(page, 1)) == 1


def click(page: "Page", selector: str, button: str = "left") -> None:
    """Clicks on a link without following it."""
    page.evaluate(
        """(selector) => {
            const stay = (event) => event.preventDefault();
            document.querySelector(selector).onclick = document.querySelector(selector).onauxclick = stay;
        }""",
        selector,
    )
    page.click(selector, button=button)


def test_links_elements_and_forms(context: "BrowserContext", stack: TrackingStack) -> None:
    stack.put("data-forms")
    page = stack.visit(context, "/a")
    url = stack.website.url
    for selector in ("#out", "#file", "#named-file", "#inside", "#deep"):
        click(page, selector)
    click(page, "#out", "middle")
    click(page, "#file", "right")
    page.click("#send")
    page.click("#join")
    expected = [
        ("page_view", "/a", {"title": "Page /a"}),
        ("outbound_click", "/a", {"url": "https://elsewhere.example/offer"}),
        ("file_download", "/a", {"url": f"{url}/files/Report.PDF"}), ("file_download", "/a", {"url": f"{url}/data"}),
        ("buy", "/a", {"plan": "pro", "plan_size": "10"}), ("outbound_click", "/a", {"url": "https://elsewhere.example/offer"}),
        ("form_submit", "/a", {"form": "contact"}), ("signup", "/a", {"step": "1"}),
    ]  # fmt: skip
    assert brief(stack.events(page, len(expected))) == expected


def test_links_in_and_around_components_are_seen(context: "BrowserContext", stack: TrackingStack) -> None:
    stack.put()
    page = stack.visit(context, "/a")
    page.evaluate(
        """() => {
            const link = document.querySelector('#out');
            link.innerHTML = '<x-icon></x-icon>';
            link.firstChild.attachShadow({ mode: 'open' }).innerHTML = '<b>Icon</b>';
            const card = document.querySelector('h1');
            card.attachShadow({ mode: 'open' }).innerHTML = '<a href="https://inner.example/x">Inner</a>';
            for (const each of [link, card]) each.onclick = (event) => event.preventDefault();
            link.firstChild.shadowRoot.querySelector('b').click();
            card.shadowRoot.querySelector('a').click();
        }"""
    )
    assert brief(stack.events(page, 3))[1:] == [
        ("outbound_click", "/a", {"url": "https://elsewhere.example/offer"}),
        ("outbound_click", "/a", {"url": "https://inner.example/x"}),
    ]


def test_forms_are_left_alone_by_default(context: "BrowserContext", stack: TrackingStack) -> None:
    stack.put()
    page = stack.visit(context, "/a")
    page.click("#send")
    page.click("#join")
    assert [event["type"] for event in stack.events(page, 2)] == ["page_view", "signup"]


def test_files_are_those_of_the_tag(context: "BrowserContext", stack: TrackingStack) -> None:
    stack.put('data-files="md, .odt"')
    page = stack.visit(context, "/a")
    page.evaluate("document.querySelector('#inside').href = '/a.MD'")
    for selector in ("#inside", "#file"):
        click(page, selector)
    assert [event["type"] for event in stack.events(page, 2)] == ["page_view", "file_download"]


def test_a_link_that_leads_away_at_once_is_recorded(context: "BrowserContext", stack: TrackingStack) -> None:
    stack.put()
    context.route("https://elsewhere.example/**", lambda route: route.fulfill(body="elsewhere"))
    page = stack.visit(context, "/a")
    page.click("#out")
    page.wait_for_url("https://elsewhere.example/**")
    assert [event["type"] for event in stack.wait(3)] == ["page_view", "outbound_click", "engagement"]


def test_a_tab_that_is_closed_at_once_is_recorded(context: "BrowserContext", stack: TrackingStack) -> None:
    stack.put()
    page = stack.visit(context, "/a")
    page.evaluate("analytics('clicked')")
    page.close()
    assert [event["type"] for event in stack.wait(2)][:2] == ["page_view", "clicked"]


def test_missing_pages_and_errors(context: "BrowserContext", stack: TrackingStack) -> None:
    broken = "<script>addEventListener('break', () => { throw new Error('broken ' + 'x'.repeat(500)) })</script>"
    stack.put("data-missing data-errors", before=broken)
    page = stack.visit(context, "/missing?secret=1")
    page.evaluate("dispatchEvent(new Event('break'))")
    page.evaluate("void Promise.reject(new Error('rejected'))")
    page.wait_for_timeout(100)
    view, missing, error, rejection = stack.events(page, 4)
    assert [event["type"] for event in (view, missing)] == ["page_view", "not_found"]
    assert (missing["path"], missing["payload"]) == ("/missing", {})
    assert error["type"] == rejection["type"] == "error_occurred"
    message = ("Uncaught Error: broken " + 500 * "x")[:200]
    assert error["payload"] == {"message": message, "source": f"{stack.website.url}/missing", "line": 7}
    assert rejection["payload"] == {"message": "rejected", "source": "promise"}


def test_an_application_says_that_a_page_is_missing(context: "BrowserContext", stack: TrackingStack) -> None:
    stack.put("data-missing", before='<meta name="analytics:status" content="404">')
    page = stack.visit(context, "/a")
    assert [event["type"] for event in stack.events(page, 2)] == ["page_view", "not_found"]


def test_errors_of_a_loop_are_few(context: "BrowserContext", stack: TrackingStack) -> None:
    stack.put("data-errors")
    page = stack.visit(context, "/a")
    page.evaluate("for (let n = 0; n < 50; n++) void Promise.reject(n)")
    page.wait_for_timeout(100)
    assert len(stack.events(page, 11)) == 11


def test_excluded_pages_record_nothing(context: "BrowserContext", stack: TrackingStack) -> None:
    stack.put('data-exclude="/admin/*, /exactly.this"')
    for path in ("/admin/users", "/exactly.this", "/exactly-this", "/administration"):
        page = stack.visit(context, path)
        page.click("#buy")
        page.close()
    assert brief([event for event in stack.wait(4) if event["type"] == "page_view"]) == [
        ("page_view", path, {"title": f"Page {path}"}) for path in ("/exactly-this", "/administration")
    ]
    assert {event["path"] for event in stack.drain()} == {"/exactly-this", "/administration"}


def test_calls_before_the_tracker_is_loaded_are_kept(context: "BrowserContext", stack: TrackingStack) -> None:
    stub = "<script>window.analytics = function () { (analytics.q = analytics.q || []).push(arguments) }; analytics('early', {n: 1})</script>"
    stack.put(before=stub)
    page = stack.visit(context, "/a")
    assert page.evaluate("analytics('late', {n: 2})")
    assert brief(stack.events(page, 3))[1:] == [("early", "/a", {"n": 1}), ("late", "/a", {"n": 2})]


def test_calls_on_a_prerendered_page_wait_until_it_is_shown(context: "BrowserContext", stack: TrackingStack) -> None:
    stub = "<script>window.analytics = function () { (analytics.q = analytics.q || []).push(arguments) }; analytics('early', {n: 1})</script>"
    stack.put(before=stub)
    context.add_init_script("Object.defineProperty(document, 'prerendering', { value: true })")
    page = stack.visit(context, "/a")
    page.evaluate("analytics('second', {n: 2})")
    page.wait_for_timeout(1200)
    assert stack.drain() == []
    page.evaluate("document.dispatchEvent(new Event('prerenderingchange'))")
    assert brief(stack.events(page, 3))[1:] == [("early", "/a", {"n": 1}), ("second", "/a", {"n": 2})]


@pytest.mark.parametrize("attribute", ["", "data-session", "data-persist"])
def test_a_tracker_that_is_loaded_twice_counts_once(
    context: "BrowserContext", stack: TrackingStack, attribute: str
) -> None:
    stack.put(attribute)
    stack.website.head *= 2
    page = stack.visit(context, "/a")
    page.wait_for_load_state("load")
    page.click("#buy")
    assert [event["type"] for event in stack.events(page, 2)] == ["page_view", "buy"]


def test_users_and_changes_of_events(context: "BrowserContext", stack: TrackingStack, sql: Callable) -> None:
    hook = "<script>analyticsBeforeSend = (e) => e.type === 'private' ? null : { ...e, payload: { ...e.payload, seen: true } }</script>"
    stack.put(before=hook)
    page = stack.visit(context, "/a")
    page.evaluate(
        "analytics.identify('ann'); analytics('kept'); analytics('private'); analytics.reset(); analytics('later')"
    )
    assert brief(stack.events(page, 4)) == [
        ("page_view", "/a", {"title": "Page /a", "seen": True}), ("kept", "/a", {"seen": True}), ("later", "/a", {"seen": True}),
        ("sdk_dropped", None, {"before_send": 1}),
    ]  # fmt: skip
    assert sql("SELECT type FROM events WHERE user_id = 'ann'") == [("kept",)]


def test_an_objection_of_the_browser_is_respected(context: "BrowserContext", stack: TrackingStack) -> None:
    stack.put("data-vitals")
    context.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', { value: true })")
    requests: list[str] = []
    context.on("request", lambda request: requests.append(request.url))
    page = stack.visit(context, "/a")
    page.click("#buy")
    page.close()
    assert [url for url in requests if "/api/" in url or "vitals" in url] == []
    assert stack.drain() == []


def test_opting_out_lasts_until_opting_in(context: "BrowserContext", stack: TrackingStack) -> None:
    stack.put()
    page = stack.visit(context, "/a")
    stack.events(page, 1)
    page.evaluate("analytics.optOut()")
    page.close()
    page = stack.visit(context, "/b")
    assert page.evaluate("analytics('clicked')") is None
    page.evaluate("analytics.optIn()")
    assert page.evaluate("analytics('after')")
    assert [event["type"] for event in stack.events(page, 2)] == ["page_view", "after"]


def test_a_service_that_is_away_gets_the_events_later(context: "BrowserContext", stack: TrackingStack) -> None:
    stack.put()
    refused: list[str] = []

    def refuse_twice(route: Any) -> None:
        if len(refused) < 2:
            refused.append(route.request.url)
            route.fulfill(status=503, headers={"Retry-After": "1"}, body="{}")
        else:
            route.continue_()

    context.route("**/api/analytics/ingest", refuse_twice)
    page = stack.visit(context, "/a")
    page.evaluate("analytics('clicked')")
    assert [event["type"] for event in stack.events(page, 2)] == ["page_view", "clicked"]
    assert len(refused) == 2


@pytest.mark.parametrize("attribute", ["data-persist", "data-session"])
def test_storage_and_session_are_asked_for(context: "BrowserContext", stack: TrackingStack, attribute: str) -> None:
    stack.put(attribute)
    sessions = []
    for path in ("/a", "/b"):
        page = stack.visit(context, path)
        page.wait_for_function("analytics.stats().tracked > 0 && analytics.stats().waiting === 0")
        sessions += [
            event["session_id"] for event in stack.wait(1) if event["path"] == path and event["type"] == "page_view"
        ]
        names, _, cookie, databases = page.evaluate(STORAGE)
        page.close()
    assert cookie == ""
    if attribute == "data-session":
        assert (len(names), databases, len(set(sessions)), None in sessions) == (1, [], 1, False)
    else:
        assert (len(databases), sessions) == (1, [None, None])
    assert len([event for event in stack.wait(2) if event["type"] == "page_view"]) == 2
