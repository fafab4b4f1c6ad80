"""Every tracked event reaches the server once, whatever the server answers."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.browser.fault_server import FaultServer, Plan, Received, Reply
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


def unavailable(number: int, _request: Received) -> Reply:
    return Reply(503, headers={"Retry-After": "1"}) if number < 2 else Reply()


def too_many(number: int, _request: Received) -> Reply:
    return Reply(429) if number % 2 == 0 and number < 5 else Reply()


def lost_reply(number: int, _request: Received) -> Reply:
    return Reply(None) if number < 2 else Reply()


def never_reached(number: int, _request: Received) -> Reply:
    return Reply(None, store=False) if number < 2 else Reply()


def too_large(_number: int, request: Received) -> Reply:
    return Reply(413) if len(request.events) > 20 else Reply()


def accept_slowly(_number: int, _request: Received) -> Reply:
    return Reply(delay_s=0.3)


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(lambda _number, _request: Reply(), id="ok"),
        unavailable,
        too_many,
        lost_reply,
        never_reached,
        too_large,
        accept_slowly,
    ],
)
def test_every_event_is_stored_once(
    context: "BrowserContext", open_page: Callable, server: FaultServer, plan: Plan
) -> None:
    server.plan = plan
    page = open_page(context)
    make_client(page, server.url, site="shop")
    ids = track(page, 250)
    wait_for_delivery(page)
    assert_stored_once(server, ids)
    assert [server.stored[i]["payload"]["n"] for i in sorted(ids)] == list(range(250))
    counts = stats(page)
    assert (counts["tracked"], counts["sent"], counts["rejected"], counts["dropped"]) == (250, 250, 0, 0)


def test_a_batch_stays_below_the_limits_of_the_server(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    page = open_page(context)
    make_client(page, server.url)
    page.evaluate("for (let i = 0; i < 60; i++) client.track('read', { text: 'ä'.repeat(1500) })")
    track(page, 250)
    wait_for_delivery(page)
    assert len(server.stored) == 310
    assert max(len(request.events) for request in server.requests) <= 100
    assert max(request.size for request in server.requests) <= 60_000


def test_a_limit_of_the_server_is_remembered(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    server.plan = too_large
    page = open_page(context)
    make_client(page, server.url)
    track(page, 250)
    wait_for_delivery(page)
    # 250 / 20 is 13 at least. Halving again for each batch would need 13 * 4.
    assert len(server.requests) < 32


def test_rejected_events_are_told_and_not_sent_again(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    def reject_tenth(_number: int, request: Received) -> Reply:
        bad = [i for i, event in enumerate(request.events) if event["payload"]["n"] % 10 == 0]
        return Reply(body={"rejected": [{"index": i, "field": "payload", "code": "bad", "detail": "no"} for i in bad]})

    server.plan = reject_tenth
    page = open_page(context)
    make_client(page, server.url)
    ids = track(page, 100)
    wait_for_delivery(page)
    assert_stored_once(server, [i for n, i in enumerate(ids) if n % 10])
    assert stats(page)["rejected"] == 10
    assert stats(page)["sent"] == 90
    told = page.evaluate("told.rejections")
    assert sorted(rejection["event_id"] for rejection in told) == sorted(ids[::10])
    assert told[0] | {"event_id": ""} == {
        "event_id": "", "status": 202, "count": 1, "field": "payload", "code": "bad", "detail": "no",
    }  # fmt: skip


def test_only_the_events_that_a_strict_server_names_are_dropped(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    def strict(_number: int, request: Received) -> Reply:
        bad = [i for i, event in enumerate(request.events) if event["payload"]["n"] == 3]
        errors = [{"index": i, "code": "bad"} for i in bad]
        return Reply(422, body={"code": "invalid", "errors": errors}) if bad else Reply()

    server.plan = strict
    page = open_page(context)
    make_client(page, server.url)
    ids = track(page, 10)
    wait_for_delivery(page)
    assert_stored_once(server, ids[:3] + ids[4:])
    assert stats(page)["rejected"] == 1


def test_a_refused_batch_is_told_as_a_whole(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    server.plan = lambda number, _request: (
        Reply(400, body={"code": "bad_input", "detail": "no"}) if not number else Reply()
    )
    page = open_page(context)
    make_client(page, server.url)
    track(page, 10)
    wait_for_delivery(page)
    assert page.evaluate("told.rejections") == [{"status": 400, "count": 10, "code": "bad_input", "detail": "no"}]
    kept = track(page, 10)
    wait_for_delivery(page)
    assert_stored_once(server, kept)


def test_a_single_event_that_is_too_large_is_dropped_and_reported(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    server.plan = lambda _number, request: Reply(413) if request.size > 20_000 else Reply()
    page = open_page(context)
    make_client(page, server.url)
    page.evaluate("client.track('read', { text: 'a'.repeat(25000) })")
    ids = track(page, 10)
    wait_for_delivery(page)
    wait_until(lambda: len(server.stored) == 11)
    assert server.stored.keys() > set(ids)
    (report,) = [event for event in server.stored.values() if event["type"] == "sdk_dropped"]
    assert report["payload"] == {"too_large": 1}
    assert stats(page)["reasons"] == {"too_large": 1}


@pytest.fixture
def needs_fresh_token(server: FaultServer) -> FaultServer:
    refusal = Reply(401, body={"detail": "the token is expired"})
    server.plan = lambda _number, request: Reply() if request.headers["authorization"] == "Bearer fresh" else refusal
    return server


def test_an_expired_token_is_renewed_once(
    context: "BrowserContext", open_page: Callable, needs_fresh_token: FaultServer
) -> None:
    page = open_page(context)
    make_client(page, needs_fresh_token.url, token="expired", callbacks=ASK_FOR_TOKEN)
    ids = track(page, 150)
    wait_for_delivery(page)
    assert_stored_once(needs_fresh_token, ids)
    assert page.evaluate("told.asked") == 1
    assert len([r for r in needs_fresh_token.requests if r.headers["authorization"] == "Bearer expired"]) == 1


def test_without_a_token_events_wait_for_one(
    context: "BrowserContext", open_page: Callable, needs_fresh_token: FaultServer
) -> None:
    page, other = open_page(context), open_page(context)
    make_client(page, needs_fresh_token.url, token="expired")
    with page.expect_console_message(lambda message: "the token is expired" in message.text):
        ids = track(page, 30)
    assert len(needs_fresh_token.requests) == 1
    page.evaluate("client.flush()")
    more = track(page, 30, first=30)
    make_client(other, needs_fresh_token.url, token="fresh")
    page.evaluate("client.setToken('fresh')")
    wait_for_delivery(page)
    wait_for_stored(needs_fresh_token, ids + more)
    assert_stored_once(needs_fresh_token, ids + more)


def test_where_the_operator_must_act_the_events_wait_and_one_warning_is_written(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    server.plan = lambda _number, _request: Reply(403, body={"detail": "the origin is not allowed"})
    page = open_page(context)
    warnings: list[str] = []
    page.on("console", lambda message: warnings.append(message.text) if message.type == "warning" else None)
    make_client(page, server.url)
    with page.expect_console_message(lambda message: message.type == "warning"):
        ids = track(page, 30)
    page.evaluate("client.flush()")
    track(page, 1, first=30)
    page.evaluate("client.flush()")
    assert warnings == ["[analytics] the origin is not allowed"]
    assert len(server.requests) == 1
    assert stats(page)["waiting"] == 31
    server.plan = lambda _number, _request: Reply()
    page.reload()
    page.wait_for_function("!!window.AnalyticsClient")
    make_client(page, server.url)
    wait_until(lambda: len(server.stored) == 31)
    assert server.stored.keys() > set(ids)


@pytest.mark.parametrize("status", [200, 400, 405, 410, 422])
def test_an_answer_that_is_not_of_the_service_settles_no_event(
    context: "BrowserContext", open_page: Callable, server: FaultServer, status: int
) -> None:
    """As of a proxy that answers every address with the application's page, or that refuses the method."""
    server.plan = lambda _number, _request: Reply(status, store=False, body={"received": None})
    page = open_page(context)
    make_client(page, server.url)
    with page.expect_console_message(lambda message: message.type == "warning"):
        ids = track(page, 10)
    assert stats(page)["waiting"] == 10
    server.plan = lambda _number, _request: Reply()
    page.evaluate("dispatchEvent(new Event('online'))")
    wait_for_delivery(page)
    assert_stored_once(server, ids)


def test_retry_after_is_kept_to_although_more_is_tracked(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    server.plan = lambda number, _request: Reply(503, headers={"Retry-After": "2"}) if not number else Reply()
    page = open_page(context)
    make_client(page, server.url)
    ids = track(page, 10)
    wait_until(lambda: server.requests)
    began = page.evaluate("performance.now()")
    ids += track(page, 50, first=10)
    page.evaluate("client.flush()")
    wait_for_delivery(page)
    assert page.evaluate("performance.now()") - began >= 1900
    assert len(server.requests) == 2
    assert_stored_once(server, ids)
    assert stats(page)["retries"] == 1


def test_an_event_waits_no_longer_than_five_seconds(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    page = open_page(context)
    make_client(page, server.url)
    ids = track(page, 1)
    page.wait_for_timeout(3000)
    assert not server.requests
    wait_for_stored(server, ids, within_s=4)


def test_requests_that_outlive_the_page_stay_within_what_browsers_allow_to_all_of_them(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    """64 KiB of bytes, not of characters: Chromium refuses the request that exceeds it."""
    server.plan = lambda _number, _request: Reply(delay_s=0.5)
    page = open_page(context)
    make_client(page, server.url)
    page.evaluate(
        """() => {
            Object.defineProperty(document, 'hidden', { value: true });
            for (let leaving = 0; leaving < 2; leaving++) {
                for (let n = 0; n < 8; n++) client.track('read', { text: 'ä'.repeat(3000) });
                document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
            }
        }"""
    )
    wait_for_delivery(page)
    assert len(server.stored) == 16
    assert stats(page)["retries"] == 0


def test_what_was_dropped_while_the_server_was_away_is_reported(
    context: "BrowserContext", open_page: Callable, server: FaultServer
) -> None:
    server.plan = lambda number, _request: Reply(503, headers={"Retry-After": "1"}) if not number else Reply()
    page = open_page(context)
    make_client(page, server.url, maxQueue=20)
    ids = track(page, 20)
    wait_until(lambda: server.requests)
    page.wait_for_function("client.stats().retries === 1")
    ids += track(page, 15, first=20)
    assert stats(page)["reasons"] == {"queue_full": 15}
    wait_for_delivery(page)
    page.evaluate("client.track('clicked', {n: 35})")
    page.evaluate("client.flush()")
    wait_for_delivery(page)
    reports = [event["payload"] for event in server.stored.values() if event["type"] == "sdk_dropped"]
    assert reports == [{"queue_full": 15}]
    assert {i for i in ids if i in server.stored} == set(ids[15:])
