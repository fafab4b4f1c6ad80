"""Pages, browsers and networks that are unusual or hostile."""

import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.browser.fault_server import FaultServer, Reply
from tests.browser.tracked_site import TrackedSite
from tests.browser.tracking import make_client, stats, track, wait_for_delivery
from tests.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

COUNT_QUEUE = """async (name) => {
    if (!(await indexedDB.databases()).some((found) => found.name === name)) return 0;
    const database = await new Promise((done) => { const r = indexedDB.open(name); r.onsuccess = () => done(r.result) });
    const count = await new Promise((done) => {
        const r = database.transaction('queue').objectStore('queue').count();
        r.onsuccess = () => done(r.result);
    });
    database.close();
    return count;
}"""


def put_tracker(page, url: str, **data: str) -> None:
    page.evaluate(
        """([url, data]) => {
            const script = document.createElement('script');
            Object.assign(script.dataset, { site: 'shop', key: 'pk_x', api: url, ...data });
            script.src = '/sdk/tracker.js';
            document.head.append(script);
        }""",
        [url, data],
    )
    page.wait_for_function("window.analytics && analytics.stats")


def test_a_tracker_closed_while_its_request_connects_loses_nothing(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    """A request whose client has gone while the connection was made (here: 1.5 s) never arrives."""
    handler = server._server.RequestHandlerClass
    post = handler.do_POST

    def answer_late(self) -> None:
        time.sleep(1.5)
        self.close_connection = True
        established = self.connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == 1
        if established:
            post(self)

    handler.do_POST = answer_late
    page = open_page(context)
    put_tracker(page, server.url)
    page.wait_for_timeout(1300)
    page.close()
    wait_until(lambda: any(event["type"] == "page_view" for event in server.stored.values()), 6)


def test_what_waited_before_an_opt_out_is_never_sent(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    """Of the SDK, though a page with the tracker alone stored the opt-out, which forgets what that page holds."""
    server.plan = lambda _number, _request: Reply(503)
    page = open_page(context)
    make_client(page, server.url, "pk_x", site="shop")
    old = track(page, 10)
    page.wait_for_timeout(500)
    page.close()
    server.plan = lambda _number, _request: Reply()
    page = open_page(context)
    put_tracker(page, server.url)
    page.evaluate("analytics.optOut()")
    page.close()
    page = open_page(context)
    make_client(page, server.url, "pk_x", site="shop")
    page.evaluate("client.optIn()")
    new = track(page, 10)
    wait_for_delivery(page)
    page.wait_for_timeout(1500)
    assert page.evaluate(COUNT_QUEUE, f"analytics:shop@{server.url}") == 0
    assert set(new) <= server.stored.keys()
    assert not set(old) & server.stored.keys()


def test_opting_in_again_and_again_loses_nothing(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    """As a banner that does so on each page."""
    server.plan = lambda _number, _request: Reply(503, headers={"Retry-After": "1"})
    page = open_page(context)
    make_client(page, server.url)
    page.evaluate("client.optIn()")
    ids = track(page, 10)
    page.evaluate("client.optIn(); client.close(); client.optIn()")
    server.plan = lambda _number, _request: Reply()
    page = open_page(context)
    make_client(page, server.url)
    page.evaluate("client.optIn()")
    wait_until(lambda: set(ids) <= server.stored.keys())


def test_a_key_that_is_refused_is_tried_again(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    server.plan = lambda number, _request: Reply(401, body={"code": "unauthorised"}) if not number else Reply()
    page = open_page(context)
    page.clock.install()
    make_client(page, server.url, "pk_x")
    track(page, 10)
    wait_until(lambda: len(server.requests) == 1)
    page.wait_for_timeout(300)
    page.clock.fast_forward(400_000)
    wait_for_delivery(page)


def test_a_browser_that_refuses_a_channel_is_recorded(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    """Firefox, where cookies are blocked: https://github.com/reatom/reatom/issues/1101."""
    page = open_page(context)
    page.evaluate("window.BroadcastChannel = function () { throw new DOMException('insecure', 'SecurityError') }; 0")
    make_client(page, server.url)
    track(page, 10)
    wait_for_delivery(page)


def test_a_token_that_never_comes_does_not_stop_the_next(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    server.plan = lambda _n, request: Reply(202 if request.headers["authorization"] == "Bearer fresh" else 401)
    page, other = open_page(context), open_page(context)
    make_client(page, server.url, "old", callbacks="onToken: () => new Promise(() => told.asked++)")
    make_client(other, server.url, "fresh")
    track(page, 10)
    page.wait_for_function("told.asked")
    page.evaluate("client.setToken('fresh')")
    track(other, 10)
    page.wait_for_timeout(5000)
    assert stats(page)["waiting"] == stats(other)["waiting"] == 0


@pytest.mark.parametrize("code", [
    "client.track('x', { get a() { throw new Error('boom') } })",
    "client.record(null)",
    "document.body.append(Object.assign(new Image(), { name: 'referrer' })), client.page()",
    "new AnalyticsClient(undefined)",
])  # fmt: skip
def test_nothing_is_thrown(context: "BrowserContext", open_page: Callable, server: FaultServer, code: str) -> None:
    page = open_page(context)
    make_client(page, server.url)
    page.evaluate(code + ", 1")


def test_a_page_view_of_a_router_has_the_campaign(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    """usePageViews(usePathname()) of React, and the plugin of Vue, call page({ page: path })."""
    page = open_page(context, "/plain.html?utm_source=ad&secret=1")
    make_client(page, server.url)
    event_id = page.evaluate("client.page({ page: '/product' })")
    page.evaluate("client.flush()")
    assert server.stored[event_id]["payload"]["page"] == "/product?utm_source=ad"


def test_a_rate_without_limit(context: "BrowserContext", open_page: Callable, server: FaultServer) -> None:
    page = open_page(context)
    page.evaluate(f"window.client = new AnalyticsClient('{server.url}', 't', {{ rate: Infinity }})")
    assert None not in track(page, 50)


def test_vitals_are_not_sent_after_opting_out(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    page = open_page(context)
    put_tracker(page, server.url, vitals="")
    page.evaluate("analytics.optOut()")
    page.wait_for_timeout(500)
    page.close()
    time.sleep(0.5)
    assert not [request for request in server.requests if "samples" in request.body]


@pytest.mark.parametrize(
    ("attributes", "address", "paths"),
    [
        ("", "/a?accid=4711&utm_source=x", {"/a?utm_source=x"}),
        ("", "/a?utm_source=x;session=secret", {"/a?utm_source=x"}),
        ("data-hash", "/cb#access_token=secret&token_type=bearer", {"/cb/access_token"}),
        ('data-hash data-exclude="/admin/*"', "/#/admin/users", set()),
    ],
)
def test_of_an_address_nothing_private_is_recorded(
    context: "BrowserContext", site_url: str, server: FaultServer, attributes: str, address: str, paths: set[str]
) -> None:
    site = TrackedSite()
    tag = f'data-site="shop" data-key="pk_x" data-api="{server.url}" {attributes}'
    site.head = f'<script defer src="{site_url}/sdk/tracker.js" {tag}></script>'
    page = context.new_page()
    page.goto(site.url + address)
    page.wait_for_timeout(1500)
    site.stop()
    assert {event["path"] for event in server.stored.values() if event["type"] == "page_view"} == paths


def test_an_opt_out_of_one_site_is_one_of_all(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    page, other = open_page(context), open_page(context)
    make_client(page, server.url, "pk_x", site="shop")
    make_client(other, server.url, "pk_x")
    page.evaluate("client.optOut()")
    assert track(other, 10) == [None] * 10


def test_a_page_without_a_channel_forgets_what_it_held(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    server.plan = lambda _number, _request: Reply(503, headers={"Retry-After": "1"})
    context.add_init_script("delete window.BroadcastChannel")
    page, other = open_page(context), open_page(context)
    for tab in (page, other):
        make_client(tab, server.url)
    old = track(other, 10)
    page.evaluate("client.optOut()")
    # Its next attempt, or event, finds the decision.
    other.wait_for_function("client.stats().waiting === 0")
    page.evaluate("client.optIn()")
    server.plan = lambda _number, _request: Reply()
    new = track(other, 10)
    wait_for_delivery(other)
    page.wait_for_timeout(1500)
    assert server.stored.keys() == set(new)
    assert not set(old) & server.stored.keys()


def test_a_late_message_takes_no_events_of_afterwards(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    """A page that was busy hears of an opt-out when the visitor has opted in again."""
    server.plan = lambda _number, _request: Reply(503, headers={"Retry-After": "1"})
    page, busy = open_page(context), open_page(context)
    for tab in (page, busy):
        make_client(tab, server.url)
    busy.evaluate("setTimeout(() => { const end = Date.now() + 1500; while (Date.now() < end); }, 0)")
    page.evaluate("client.optOut(); client.optIn()")
    ids = track(page, 10)
    page.wait_for_timeout(300)
    page.close()
    busy.wait_for_timeout(2500)
    server.plan = lambda _number, _request: Reply()
    # A page that is closed may not tell that it goes.
    busy.evaluate("client.track('later'); client.flush()")
    wait_until(lambda: set(ids) <= server.stored.keys(), 20)


def test_a_server_that_finds_each_event_too_large_is_not_flooded(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    server.plan = lambda _number, _request: Reply(413)
    page = open_page(context)
    make_client(page, server.url)
    track(page, 100)
    page.wait_for_timeout(4000)
    assert len(server.requests) < 20
