"""What is recorded, stored and sent follows the visitor's decision and the browser's signal; and the guard of track()."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.browser.fault_server import FaultServer, Reply
from tests.browser.tracking import assert_stored_once, make_client, stats, track, wait_for_delivery, wait_for_stored
from tests.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page


def stored_in_browser(page: "Page") -> tuple[int, int]:
    """Items in localStorage, databases."""
    return page.evaluate("indexedDB.databases().then((found) => [localStorage.length, found.length])")


@pytest.mark.parametrize("signal", ["globalPrivacyControl: true", "doNotTrack: '1'"])
def test_a_browser_that_objects_is_not_recorded(
    context: "BrowserContext", open_page: Callable, server: FaultServer, signal: str
) -> None:
    name, value = signal.split(": ")
    context.add_init_script(f"Object.defineProperty(Navigator.prototype, '{name}', {{ get: () => {value} }})")
    page = open_page(context)
    make_client(page, server.url)
    assert track(page, 20) == [None] * 20
    page.evaluate("client.flush()")
    assert stored_in_browser(page) == [0, 0]
    assert not server.requests
    make_client(page, server.url, respectPrivacy=False)
    wait_for_stored(server, track(page, 20))


def test_before_consent_events_are_held_and_nothing_is_stored(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    page = open_page(context)
    make_client(page, server.url, consent="pending")
    ids = track(page, 120)
    page.evaluate("client.flush()")
    page.wait_for_timeout(500)
    assert stored_in_browser(page) == [0, 0]
    assert not server.requests
    assert ids[100:] == [None] * 20
    assert stats(page)["reasons"] == {"queue_full": 20}
    page.evaluate("client.consent('granted')")
    wait_for_delivery(page)
    wait_until(lambda: len(server.stored) == 101)
    assert set(ids[:100]) < server.stored.keys()


def test_denied_consent_forgets_what_was_held(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    page, other = open_page(context), open_page(context)
    for tab in (page, other):
        make_client(tab, server.url, consent="pending")
        track(tab, 20)
    page.evaluate("client.consent('denied')")
    other.wait_for_function("client.stats().waiting === 0")
    assert stats(page)["waiting"] == 0
    assert track(page, 1) == track(other, 1) == [None]
    assert stored_in_browser(page)[0] == 0
    page.evaluate("client.consent('granted')")
    wait_until(lambda: track(other, 1) != [None])
    wait_for_stored(server, track(page, 10))


def test_opting_out_holds_in_all_tabs_and_on_later_visits(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    server.plan = lambda _number, _request: Reply(503, headers={"Retry-After": "60"})
    page, other = open_page(context), open_page(context)
    for tab in (page, other):
        make_client(tab, server.url)
        track(tab, 20)
        # No request is under way from now on.
        tab.wait_for_function("client.stats().retries === 1")
    page.evaluate("client.optOut()")
    other.wait_for_function("client.track('clicked') === null")
    other.wait_for_function("client.stats().waiting === 0")
    server.plan = lambda _number, _request: Reply()
    page.reload()
    page.wait_for_function("!!window.AnalyticsClient")
    make_client(page, server.url)
    page.wait_for_timeout(1500)
    assert track(page, 20) == [None] * 20
    assert not server.stored
    page.evaluate("client.optIn()")
    ids = track(page, 10)
    wait_for_delivery(page)
    assert_stored_once(server, ids)


def test_nothing_more_is_sent_once_the_visitor_has_opted_out(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    """Neither the batches that would follow the one under way, nor a report of drops."""
    server.plan = lambda _number, _request: Reply(delay_s=0.5)
    page = open_page(context)
    make_client(page, server.url)
    ids = track(page, 250)
    wait_until(lambda: server.requests)
    page.evaluate("client.track('read', { text: 'a'.repeat(33000) }); client.optOut()")
    page.evaluate(
        "document.dispatchEvent(new Event('visibilitychange', { bubbles: true })); dispatchEvent(new Event('online'))"
    )
    page.wait_for_timeout(1500)
    (request,) = server.requests
    assert {event["event_id"] for event in request.events} <= set(ids)
    assert stored_in_browser(page)[0] == 1


def test_opting_out_while_the_queue_is_read_sends_nothing(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    # The queue is read, and before the answer is seen the visitor opts out.
    context.add_init_script(
        """const { getAll } = IDBObjectStore.prototype;
        IDBObjectStore.prototype.getAll = function () {
            const request = getAll.call(this);
            request.addEventListener('success', () => {
                if (client.stats().tracked) client.optOut();
                window.reads = (window.reads ?? 0) + 1;
            });
            return request;
        }"""
    )
    page = open_page(context)
    make_client(page, server.url)
    page.wait_for_function("window.reads === 1")
    track(page, 10)
    page.wait_for_function("client.stats().waiting === 0")
    page.wait_for_timeout(500)
    assert not server.requests


def test_a_page_that_was_told_nothing_finds_the_visitors_decision(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    """As one in the back/forward cache, whose channel to other pages is closed."""
    context.add_init_script("delete window.BroadcastChannel")
    page, other = open_page(context), open_page(context)
    for tab in (page, other):
        make_client(tab, server.url)
    other.evaluate("client.optOut()")
    assert track(page, 1) == [None]
    other.evaluate("client.optIn()")
    wait_for_stored(server, track(page, 10))


def test_a_page_view_keeps_of_addresses_what_names_a_campaign(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    query = "token=1&utm_source=News&gclid=g1&q=x&utm_medium=a%20b&my_utm_source=no&mc_eid=no#part"
    page = open_page(context, f"/plain.html?{query}")
    make_client(page, server.url)
    page.evaluate("client.page(); history.pushState({}, '', '/next?secret=2'); client.page(); client.flush()")
    wait_until(lambda: len(server.stored) == 2)
    first, second = (event["payload"] for event in server.stored.values())
    assert first["page"] == "/plain.html?utm_source=News&gclid=g1&utm_medium=a%20b"
    assert second["page"] == "/next"
    assert (first["referrer"], second["referrer"]) == ("", page.evaluate("location.origin") + "/plain.html")


def test_before_send_changes_and_refuses_events(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    page = open_page(context)
    make_client(
        page,
        server.url,
        callbacks="""enrich: () => ({ release: '7', n: -1 }), beforeSend: (event) => {
            if (event.payload.n === 2) throw new Error('a mistake of the page');
            if (event.payload.n % 2) return null;
            return { ...event, user_id: 'redacted' };
        }""",
    )
    ids = track(page, 10)
    page.evaluate("client.flush()")
    wait_for_delivery(page)
    kept = [ids[0], *ids[4::2]]
    assert [event_id is not None for event_id in ids] == [n in (0, 4, 6, 8) for n in range(10)]
    wait_until(lambda: len(server.stored) == 5)
    assert [server.stored[i]["payload"] for i in kept] == [
        {"page": "/plain.html", "release": "7", "n": n} for n in (0, 4, 6, 8)
    ]
    assert {server.stored[i]["user_id"] for i in kept} == {"redacted"}
    assert stats(page)["reasons"] == {"before_send": 6}


def test_a_loop_in_the_page_cannot_flood_the_server(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    page = open_page(context)
    make_client(page, server.url, rate=20, burst=100)
    ids = track(page, 1000)
    taken = [event_id for event_id in ids if event_id]
    assert 100 <= len(taken) <= 110
    wait_for_delivery(page)
    wait_until(lambda: len(server.stored) > len(taken))
    (report,) = [event for event in server.stored.values() if event["type"] == "sdk_dropped"]
    assert report["payload"] == {"flood": 1000 - len(taken)}


def test_what_cannot_be_sent_is_dropped_with_its_reason_and_nothing_is_thrown(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    page = open_page(context)
    make_client(page, server.url)
    page.evaluate("client.track('read', { text: 'a'.repeat(33000) })")
    page.evaluate("client.track('read', { number: 1n })")
    page.evaluate("(() => { const payload = {}; payload.payload = payload; client.track('read', payload) })()")
    assert stats(page)["reasons"] == {"too_large": 1, "invalid": 2}
    assert page.evaluate("told.drops") == [{"reason": r, "count": 1} for r in ("too_large", "invalid", "invalid")]
    ids = track(page, 10)
    wait_for_delivery(page)
    wait_until(lambda: len(server.stored) == 11)
    assert set(ids) < server.stored.keys()


def test_a_session_is_shared_by_tabs_and_ends_with_reset(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    page, other = open_page(context), open_page(context)
    for tab in (page, other):
        make_client(tab, server.url)
    page.evaluate("client.identify('user-1')")
    ids = track(page, 10) + track(other, 10)
    page.evaluate("client.reset()")
    ids += track(page, 10)
    for tab in (page, other):
        wait_for_delivery(tab)
    first, second, third = (
        {(server.stored[i]["session_id"], server.stored[i].get("user_id")) for i in ids[n : n + 10]}
        for n in (0, 10, 20)
    )
    assert len(first) == len(second) == len(third) == 1
    (session, user), (other_session, _), (next_session, next_user) = *first, *second, *third
    assert (user, next_user) == ("user-1", None)
    assert session == other_session
    assert session != next_session
