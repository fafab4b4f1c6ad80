"""Browsers that store nothing, or not enough, and clocks that are wrong."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import ARGUMENTS, TIMEOUT_MS, USER_AGENT, find_chromium
from tests.browser.fault_server import FaultServer, Reply
from tests.browser.tracking import assert_stored_once, make_client, stats, track, wait_for_delivery, wait_for_stored
from tests.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page, Playwright

DAY = timedelta(days=1)
FILL_LOCAL_STORAGE = """() => {
    let text = 'x'.repeat(1 << 20);
    for (let i = 0; text; i++) {
        try { localStorage.setItem('filler' + i, text) } catch { text = text.slice(0, text.length >> 1) }
    }
}"""


def fail_twice(number: int, _request: object) -> Reply:
    return Reply(None, store=False) if number < 2 else Reply()


def test_without_room_in_local_storage_the_queue_keeps_events(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    server.stop()
    page = open_page(context)
    page.evaluate(FILL_LOCAL_STORAGE)
    make_client(page, server.url)
    ids = track(page, 20)
    page.wait_for_function("client.stats().unsaved === 0")
    page.close()
    server.start()
    page = open_page(context)
    make_client(page, server.url)
    wait_for_stored(server, ids)
    assert_stored_once(server, ids)


def test_where_nothing_can_be_stored_events_wait_in_memory_and_stats_says_so(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    server.plan = fail_twice
    page = open_page(context)
    page.evaluate(FILL_LOCAL_STORAGE)
    session = context.new_cdp_session(page)
    origin = page.evaluate("location.origin")
    session.send("Storage.overrideQuotaForOrigin", {"origin": origin, "quotaSize": 1})
    make_client(page, server.url)
    ids = track(page, 120)
    page.wait_for_function("client.stats().retries > 0")
    assert stats(page)["unsaved"] == 120
    wait_for_delivery(page)
    assert_stored_once(server, ids)
    assert stats(page)["unsaved"] == 0


@pytest.fixture
def blocked_context(playwright: "Playwright", tmp_path: Path) -> "BrowserContext":
    """A browser whose user blocks all storage: localStorage throws, and IndexedDB and locks are refused."""
    preferences = tmp_path / "profile" / "Default" / "Preferences"
    preferences.parent.mkdir(parents=True)
    preferences.write_text('{"profile": {"default_content_setting_values": {"cookies": 2}}}')
    context = playwright.chromium.launch_persistent_context(
        tmp_path / "profile", executable_path=find_chromium(), args=ARGUMENTS, user_agent=USER_AGENT
    )
    context.set_default_timeout(TIMEOUT_MS)
    yield context
    context.close()


def test_a_browser_that_blocks_storage_sends_from_memory(
    blocked_context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    server.plan = fail_twice
    page = open_page(blocked_context)
    assert (
        page.evaluate("(() => { try { localStorage.length; return 'open' } catch { return 'blocked' } })()")
        == "blocked"
    )
    make_client(page, server.url)
    ids = track(page, 50)
    assert stats(page)["unsaved"] == 50
    wait_for_delivery(page)
    assert_stored_once(server, ids)


def test_a_sandboxed_frame_sends_from_memory(
    context: "BrowserContext", open_page: Callable, site_url: str, server: FaultServer
) -> None:
    page = open_page(context, "/frame.html")
    frame = next(frame for frame in page.frames if frame.parent_frame)
    frame.wait_for_function("!!window.AnalyticsClient")
    frame.evaluate("(url) => { window.client = new AnalyticsClient(url, 't') }", server.url)
    ids = frame.evaluate("Array.from({ length: 20 }, (_, n) => client.track('clicked', { n }))")
    wait_for_stored(server, ids)
    assert_stored_once(server, ids)


def test_an_indexed_database_that_never_opens_does_not_stop_delivery(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    context.add_init_script("IDBFactory.prototype.open = () => ({})")
    page = open_page(context)
    make_client(page, server.url)
    ids = track(page, 20)
    wait_for_delivery(page)
    assert_stored_once(server, ids)


def test_a_queue_that_cannot_be_emptied_is_not_sent_over_and_over(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    # As on a disk that is full.
    context.add_init_script("IDBObjectStore.prototype.delete = function () { this.transaction.abort() }")
    page = open_page(context)
    make_client(page, server.url)
    ids = track(page, 20)
    wait_for_delivery(page)
    page.wait_for_timeout(1000)
    assert_stored_once(server, ids)
    assert len(server.requests) <= 2


@pytest.mark.parametrize(
    "refusal",
    [
        Reply(413),
        Reply(400, body={"code": "bad_input"}),
        Reply(422, body={"code": "invalid", "errors": [{"index": 0}]}),
    ],
    ids=["too large", "refused", "named"],
)
def test_a_refused_event_that_cannot_be_deleted_is_not_sent_over_and_over(
    context: "BrowserContext", open_page: Callable, server: FaultServer, refusal: Reply
) -> None:
    context.add_init_script("IDBObjectStore.prototype.delete = function () { this.transaction.abort() }")
    server.plan = lambda _number, _request: refusal
    page = open_page(context)
    make_client(page, server.url)
    track(page, 1)
    page.evaluate("client.flush()")
    wait_for_delivery(page)
    refused = len(server.requests)
    server.plan = lambda _number, _request: Reply()
    ids = track(page, 10)
    wait_for_delivery(page)
    page.wait_for_timeout(500)
    assert_stored_once(server, [i for i in server.stored if server.stored[i]["type"] == "sdk_dropped"] + ids)
    assert refused == 1
    sent = [event["event_id"] for request in server.requests for event in request.events]
    assert len(sent) == len(set(sent))


def test_what_was_delivered_and_cannot_be_deleted_is_not_sent_with_later_events(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    context.add_init_script("IDBObjectStore.prototype.delete = function () { this.transaction.abort() }")
    page = open_page(context)
    make_client(page, server.url)
    ids = []
    for first in (0, 10, 20):
        ids += track(page, 10, first)
        wait_for_delivery(page)
    assert_stored_once(server, ids)
    assert server.repeated == 0
    assert stats(page)["sent"] == 30


def test_without_persist_nothing_is_stored(context: "BrowserContext", open_page: Callable, server: FaultServer) -> None:
    server.plan = fail_twice
    page = open_page(context)
    make_client(page, server.url, persist=False, session=False)
    ids = track(page, 20)
    page.wait_for_function("client.stats().retries > 0")
    assert page.evaluate("localStorage.length") == 0
    assert page.evaluate("indexedDB.databases()") == []
    wait_for_delivery(page)
    assert_stored_once(server, ids)
    assert "session_id" not in next(iter(server.stored.values()))


def shift_clock(page: "Page", by: timedelta) -> None:
    page.evaluate(
        """(shift) => {
            const now = Date.now.bind(Date);
            window.RealDate ??= Date;
            Date = class extends RealDate {
                constructor(...given) { given.length ? super(...given) : super(RealDate.now() + shift) }
                static now() { return RealDate.now() + shift }
            };
        }""",
        by / timedelta(milliseconds=1),
    )


@pytest.mark.parametrize("by", [-DAY, DAY], ids=["slow", "fast"])
def test_the_server_can_correct_a_clock_that_is_a_day_wrong(
    context: "BrowserContext", open_page: Callable, server: FaultServer, by: timedelta
) -> None:
    page = open_page(context)
    shift_clock(page, by)
    make_client(page, server.url)
    ids = track(page, 20)
    wait_for_delivery(page)
    assert_stored_once(server, ids)
    (request,) = server.requests
    sent_at = datetime.fromisoformat(request.body["sent_at"])
    assert abs(sent_at - datetime.now(UTC) - by) < timedelta(seconds=30)
    for event in request.events:
        assert timedelta() <= sent_at - datetime.fromisoformat(event["ts"]) < timedelta(seconds=30)


def test_an_event_from_before_the_clock_was_set_back_is_not_from_the_future(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    server.stop()
    page = open_page(context)
    shift_clock(page, DAY)
    make_client(page, server.url)
    ids = track(page, 20)
    page.close()
    server.start()
    make_client(open_page(context), server.url)
    wait_for_stored(server, ids)
    assert_stored_once(server, ids)
    for request in server.requests:
        assert all(event["ts"] <= request.body["sent_at"] for event in request.events)


def test_what_others_wrote_under_our_names_is_removed(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    page = open_page(context)
    page.evaluate("(url) => localStorage.setItem(`analytics:@${url}:q:zzz`, 'no event')", server.url)
    make_client(page, server.url)
    ids = track(page, 10)
    wait_for_delivery(page)
    page.wait_for_function("localStorage.length === 1")
    assert set(ids) <= server.stored.keys()
    assert stats(page)["reasons"] == {"too_old": 1}


def test_an_event_that_waited_too_long_is_dropped_and_reported(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    server.stop()
    page = open_page(context)
    shift_clock(page, -4 * DAY)
    make_client(page, server.url)
    track(page, 5)
    page.close()
    server.start()
    page = open_page(context)
    make_client(page, server.url)
    ids = track(page, 10)
    wait_for_delivery(page)
    page.wait_for_function("client.stats().dropped === 5")
    ids += track(page, 10, first=10)
    wait_until(lambda: len(server.stored) == 21)
    (report,) = [event for event in server.stored.values() if event["type"] == "sdk_dropped"]
    assert report["payload"] == {"too_old": 5}
    assert set(ids) < server.stored.keys()
