"""Several tabs, pages that go away, a network and a server that come and go: every tracked event is stored once."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.browser.fault_server import FaultServer, Reply
from tests.browser.tracking import (
    ASK_FOR_TOKEN,
    assert_stored_once,
    make_client,
    stats,
    track,
    wait_for_delivery,
    wait_for_stored,
)
from tests.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext


def test_two_tabs_send_in_turn(context: "BrowserContext", open_page: Callable, server: FaultServer) -> None:
    pages = [open_page(context), open_page(context)]
    ids: list[str] = []
    for page in pages:
        make_client(page, server.url)
    for n in range(10):
        ids += track(pages[n % 2], 40, first=40 * n)
    for page in pages:
        wait_for_delivery(page)
    assert_stored_once(server, ids)


def test_without_web_locks_each_tab_sends(context: "BrowserContext", open_page: Callable, server: FaultServer) -> None:
    # As on a site without TLS.
    context.add_init_script("Object.defineProperty(Navigator.prototype, 'locks', { get: () => undefined })")
    server.plan = lambda number, _request: Reply(delay_s=1.5 if number == 0 else 0)
    pages = [open_page(context), open_page(context)]
    for page in pages:
        make_client(page, server.url)
    ids = track(pages[0], 20)
    wait_until(lambda: server.requests)
    ids += track(pages[1], 20, first=20)
    wait_for_delivery(pages[1])
    wait_for_delivery(pages[0])
    assert_stored_once(server, ids)


def test_events_of_two_sites_on_one_origin_are_kept_apart(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    server.plan = lambda _number, _request: Reply(None, store=False)
    first = open_page(context)
    make_client(first, server.url, site="shop")
    ids = track(first, 20)
    wait_until(lambda: server.requests)
    first.close()
    server.plan = lambda _number, _request: Reply()
    second = open_page(context)
    make_client(second, server.url, site="blog")
    others = track(second, 20)
    wait_for_delivery(second)
    second.wait_for_timeout(1500)
    assert_stored_once(server, others)
    make_client(second, server.url, site="shop")
    wait_for_stored(server, ids)
    assert all(request.body["site_id"] == "shop" for request in server.requests if request.events[0]["event_id"] in ids)


def test_offline_events_wait_for_the_network(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    page = open_page(context)
    make_client(page, server.url)
    context.set_offline(True)
    ids = track(page, 120)
    page.evaluate("client.flush()")
    assert not server.requests
    assert stats(page)["waiting"] == 120
    context.set_offline(False)
    wait_for_delivery(page)
    assert_stored_once(server, ids)
    assert stats(page)["retries"] == 0


def test_events_outlive_a_server_that_is_killed(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    page = open_page(context)
    make_client(page, server.url)
    ids = track(page, 60)
    wait_until(lambda: server.requests)
    server.stop()
    ids += track(page, 60, first=60)
    page.wait_for_timeout(500)
    server.start()
    wait_for_delivery(page)
    assert_stored_once(server, ids)


def test_a_tab_is_closed_while_it_sends(context: "BrowserContext", open_page: Callable, server: FaultServer) -> None:
    server.plan = lambda _number, _request: Reply(delay_s=0.5)
    page = open_page(context)
    make_client(page, server.url)
    ids = track(page, 120)
    wait_until(lambda: server.requests)
    page.close()
    server.plan = lambda _number, _request: Reply()
    make_client(open_page(context), server.url)
    wait_for_stored(server, ids)
    assert_stored_once(server, ids)


@pytest.mark.parametrize("is_away", [False, True], ids=["server up", "server away"])
@pytest.mark.parametrize("how", ["navigate", "close"])
def test_the_page_is_left_right_after_track(
    context: "BrowserContext", open_page: Callable, server: FaultServer, how: str, is_away: bool
) -> None:
    page = open_page(context)
    # A token: the requests are preflighted, and none was made before.
    make_client(page, server.url)
    if is_away:
        server.stop()
    ids = page.evaluate(
        """(navigates) => {
            const ids = Array.from({ length: 7 }, (_, n) => client.track('left', { n }));
            if (navigates) location.href = '/plain.html?next';
            return ids;
        }""",
        how == "navigate",
    )
    if how == "close":
        page.close()
        page = open_page(context)
    # A context that is closed while a page navigates may hang.
    page.wait_for_url("**/plain.html" + ("?next" if how == "navigate" else ""))
    page.wait_for_function("!!window.AnalyticsClient")
    if is_away:
        server.start()
        make_client(page, server.url)
    wait_for_stored(server, ids)
    assert_stored_once(server, ids)


def test_a_tab_that_stays_delivers_what_another_left(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    server.plan = lambda _number, _request: Reply(None, store=False)
    stays, leaves = open_page(context), open_page(context)
    make_client(stays, server.url)
    make_client(leaves, server.url)
    ids = track(leaves, 20)
    wait_until(lambda: server.requests)
    server.plan = lambda _number, _request: Reply()
    leaves.close(run_before_unload=False)
    wait_for_stored(server, ids)
    assert_stored_once(server, ids)


def test_a_token_reaches_the_other_tabs(context: "BrowserContext", open_page: Callable, server: FaultServer) -> None:
    server.plan = lambda _number, request: Reply(202 if request.headers["authorization"] == "Bearer fresh" else 401)
    pages = [open_page(context), open_page(context)]
    for page in pages:
        make_client(page, server.url, token="expired", callbacks=ASK_FOR_TOKEN)
    ids = [i for n, page in enumerate(pages) for i in track(page, 20, first=20 * n)]
    for page in pages:
        wait_for_delivery(page)
    assert_stored_once(server, ids)
    assert sum(page.evaluate("told.asked") for page in pages) == 1


def test_a_client_that_is_closed_sends_what_waits(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    page = open_page(context)
    make_client(page, server.url)
    ids = track(page, 5)
    page.evaluate("client.close()")
    page.wait_for_function("told.acks.length === 5")
    assert_stored_once(server, ids)
    assert (stats(page)["sent"], stats(page)["retries"], stats(page)["waiting"]) == (5, 0, 0)


def test_what_is_left_by_a_closed_client_is_sent_by_the_next(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    server.stop()
    page = open_page(context)
    make_client(page, server.url)
    ids = track(page, 5)
    page.evaluate("client.close()")
    assert page.evaluate("client.track('late')") is None
    server.start()
    make_client(page, server.url)
    wait_for_stored(server, ids)
    assert_stored_once(server, ids)
