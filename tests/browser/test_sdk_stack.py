"""Chromium against the service itself: web, stream, worker, database. Every tracked event is one row, and the audit balances."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.stack import Stack
from tests.browser.test_sdk_storage import DAY, shift_clock
from tests.browser.tracking import make_client, stats, track, wait_for_delivery
from tests.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

SITE = "shop"


@pytest.fixture(scope="module")
def stack(site_url: str) -> Iterator[Stack]:
    with Stack(CORS_ORIGINS=site_url, AUTO_CREATE_SITES="false") as stack:
        stack.run("site", f"flask --app wsgi site create {SITE}")
        yield stack
        # Of everything that the tests sent.
        stack.run("audit", "flask --app wsgi audit --full")


@pytest.fixture(scope="module")
def key(stack: Stack, site_url: str) -> str:
    output = stack.run("key", f"flask --app wsgi key create --publishable --site {SITE} --origin {site_url}")
    return re.search(r"pk_\S+", output)[0]


def read_rows(stack: Stack, ids: list[str], columns: str = "event_id::text") -> list[tuple[Any, ...]]:
    with stack.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM events WHERE event_id = ANY(%s::uuid[]) ORDER BY event_id", (ids,))
        return cursor.fetchall()


def wait_for_rows(stack: Stack, ids: list[str]) -> None:
    """Each event is exactly one row."""
    wait_until(lambda: len(read_rows(stack, ids)) >= len(ids), 60)
    assert read_rows(stack, ids) == [(event_id,) for event_id in sorted(ids)]


def count_preflights(page: "Page") -> list[str]:
    seen: list[str] = []
    session = page.context.new_cdp_session(page)
    session.on("Network.requestWillBeSent", lambda event: seen.append(event["request"]["method"]))
    session.send("Network.enable")
    return seen


def test_events_of_two_tabs_are_stored_once(
    context: "BrowserContext", open_page: Callable, stack: Stack, key: str
) -> None:
    pages = [open_page(context), open_page(context)]
    ids: list[str] = []
    for page in pages:
        make_client(page, stack.url, token=key, site=SITE)
    for n in range(10):
        ids += track(pages[n % 2], 50, first=50 * n)
    for page in pages:
        wait_for_delivery(page)
    wait_for_rows(stack, ids)


def test_a_publishable_key_needs_no_preflight(
    context: "BrowserContext", open_page: Callable, stack: Stack, key: str
) -> None:
    page = open_page(context)
    methods = count_preflights(page)
    make_client(page, stack.url, token=None, key=key)
    ids = track(page, 20)
    wait_for_delivery(page)
    wait_for_rows(stack, ids)
    assert set(methods) == {"POST"}


def test_a_token_is_sent_in_the_header(context: "BrowserContext", open_page: Callable, stack: Stack) -> None:
    page = open_page(context)
    make_client(page, stack.url, token=stack.token, site=SITE)
    ids = track(page, 20)
    wait_for_delivery(page)
    wait_for_rows(stack, ids)


def test_events_outlive_a_web_process_that_is_killed(
    context: "BrowserContext", open_page: Callable, stack: Stack, key: str
) -> None:
    page = open_page(context)
    make_client(page, stack.url, token=key)
    ids = track(page, 150)
    stack.kill("web")
    ids += track(page, 150, first=150)
    page.wait_for_timeout(1000)
    stack.restart("web")
    stack.await_web()
    page.wait_for_function("client.stats().waiting === 0", timeout=60_000)
    wait_for_rows(stack, ids)
    assert stats(page)["dropped"] == 0


def test_a_page_that_is_closed_while_it_sends_loses_nothing(
    context: "BrowserContext", open_page: Callable, stack: Stack, key: str
) -> None:
    page = open_page(context)
    make_client(page, stack.url, token=key)
    ids = track(page, 120)
    page.close()
    make_client(open_page(context), stack.url, token=key)
    wait_for_rows(stack, ids)


@pytest.mark.parametrize("by", [-DAY, DAY], ids=["slow", "fast"])
def test_a_clock_that_is_a_day_wrong_is_corrected(
    context: "BrowserContext", open_page: Callable, stack: Stack, key: str, by: timedelta
) -> None:
    page = open_page(context)
    shift_clock(page, by)
    make_client(page, stack.url, token=key)
    ids = track(page, 20)
    wait_for_delivery(page)
    wait_for_rows(stack, ids)
    for ts, received_at in read_rows(stack, ids, "ts, received_at"):
        assert abs(ts - received_at) < timedelta(seconds=30)


def test_a_page_view_fills_the_columns_of_reports(
    context: "BrowserContext", open_page: Callable, stack: Stack, key: str
) -> None:
    page = open_page(context, "/plain.html?utm_source=letter&token=private&utm_campaign=spring")
    make_client(page, stack.url, token=key)
    page.evaluate("client.identify('user-123')")
    event_id = page.evaluate("client.page()")
    page.evaluate("client.flush()")
    wait_for_rows(stack, [event_id])
    columns = (
        "type, path, hostname, language, screen, utm_source, utm_campaign, src, is_bot, user_id <> '', session_id <> ''"
    )
    assert read_rows(stack, [event_id], columns) == [
        ("page_view", "/plain.html", "127.0.0.1", "en-US", "laptop", "letter", "spring", "web_app", False, True, True)
    ]
    (payload,) = read_rows(stack, [event_id], "payload::text")[0]
    assert "private" not in payload


def test_an_origin_that_is_not_the_keys_is_told_in_the_console(
    context: "BrowserContext", open_page: Callable, stack: Stack, site_url: str
) -> None:
    other = stack.run("key", f"flask --app wsgi key create --publishable --site {SITE} --origin https://other.example")
    page = open_page(context)
    make_client(page, stack.url, token=re.search(r"pk_\S+", other)[0])
    with page.expect_console_message(lambda message: message.type == "warning") as warning:
        track(page, 10)
    assert "origin" in warning.value.text
    assert stats(page)["waiting"] == 10


def test_reports_of_links_are_read(context: "BrowserContext", open_page: Callable, stack: Stack) -> None:
    page = open_page(context)
    totals = page.evaluate("([url, token]) => new AnalyticsSDK(url, token).getGlobalStats()", [stack.url, stack.token])
    assert totals["total_clicks"] == 0
    error = page.evaluate(
        """([url]) => new AnalyticsSDK(url).getUrlStats('abc123').catch((error) => ({
            known: error instanceof ApiError, status: error.status, code: error.code, detail: error.detail }))""",
        [stack.url],
    )
    assert error.pop("detail")
    assert error == {"known": True, "status": 401, "code": "unauthorised"}
