"""The browser is killed: what was tracked is delivered after the next start."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import ARGUMENTS, TIMEOUT_MS, USER_AGENT, find_chromium
from tests.browser.fault_server import FaultServer
from tests.browser.tracking import assert_stored_once, make_client, track, wait_for_stored
from tests.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Playwright


@pytest.fixture
def start_browser(playwright: "Playwright", tmp_path: Path) -> "Iterator[Callable[[], BrowserContext]]":
    """Starts a browser on the same profile each time."""
    contexts: list[BrowserContext] = []

    def start() -> "BrowserContext":
        contexts.append(
            playwright.chromium.launch_persistent_context(
                tmp_path / "profile", executable_path=find_chromium(), args=ARGUMENTS, user_agent=USER_AGENT
            )
        )
        contexts[-1].set_default_timeout(TIMEOUT_MS)
        return contexts[-1]

    yield start
    contexts[-1].close()


def kill_browser(profile: Path) -> None:
    """SIGKILL to all processes of the profile's browser."""

    def pids() -> list[int]:
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if str(profile).encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
        return found

    assert pids()
    for pid in pids():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not pids())


@pytest.mark.parametrize("wait_ms", [20, 500, 3000])
def test_the_browser_is_killed_after_track(
    start_browser: "Callable[[], BrowserContext]",
    open_page: Callable,
    server: FaultServer,
    tmp_path: Path,
    wait_ms: int,
) -> None:
    server.stop()
    page = open_page(start_browser())
    make_client(page, server.url)
    ids = track(page, 7)
    page.wait_for_timeout(wait_ms)
    kill_browser(tmp_path / "profile")
    server.start()
    page = open_page(start_browser())
    make_client(page, server.url)
    wait_for_stored(server, ids)
    assert_stored_once(server, ids)
