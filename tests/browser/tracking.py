"""What the tests do in a page: make a client, track numbered events, wait for its counts."""

from typing import TYPE_CHECKING, Any

from tests.browser.conftest import TIMEOUT_MS
from tests.browser.fault_server import FaultServer
from tests.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page

# The limits of the guard are tested apart.
UNLIMITED = {"rate": 1e6, "burst": 1e6}


# An option: it takes a while to get a token.
ASK_FOR_TOKEN = "onToken: () => new Promise((done) => setTimeout(done, 300, ++told.asked && 'fresh'))"


def make_client(page: "Page", url: str, token: str | None = "t", callbacks: str = "", **options: Any) -> None:
    """`window.client`; what it reports is in `window.told`. `callbacks`: more options, as JavaScript."""
    page.evaluate(
        """([url, token, options]) => {
            window.told = { drops: [], rejections: [], acks: [], asked: 0 };
            window.client = new AnalyticsClient(url, token, {
                onDrop: (drop) => told.drops.push(drop),
                onReject: (rejection) => told.rejections.push(rejection),
                onAck: (ids) => told.acks.push(...ids),
                ...options,
                CALLBACKS
            });
        }""".replace("CALLBACKS", callbacks),
        [url, token, {**UNLIMITED, **options}],
    )


def track(page: "Page", count: int, first: int = 0) -> list[str]:
    """Tracks events whose payload has n = first, first + 1 …; returns their ids."""
    return page.evaluate(
        "([count, first]) => Array.from({ length: count }, (_, i) => client.track('clicked', { n: first + i }))",
        [count, first],
    )


def stats(page: "Page") -> dict[str, Any]:
    return page.evaluate("client.stats()")


def wait_for_delivery(page: "Page") -> None:
    page.wait_for_function("client.stats().waiting === 0", timeout=TIMEOUT_MS)


def wait_for_stored(server: FaultServer, ids: list[str], within_s: float = 30) -> None:
    wait_until(lambda: set(ids) <= server.stored.keys(), within_s)


def assert_stored_once(server: FaultServer, ids: list[str]) -> None:
    """All of the events are stored, and no others; none has been changed on the way."""
    assert len(set(ids)) == len(ids)
    assert server.stored.keys() == set(ids)
