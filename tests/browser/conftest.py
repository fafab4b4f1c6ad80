"""Chromium, the pages that it opens, and the fault server.

`make test-browser` runs these tests. Without playwright, which only that target installs, they are not collected.
The browser is CHROMIUM, else `chromium` of the PATH.
"""

import importlib.util
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.fault_server import FaultServer
from tests.conftest import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Playwright

HAS_PLAYWRIGHT = importlib.util.find_spec("playwright") is not None
collect_ignore_glob = [] if HAS_PLAYWRIGHT else ["test_*.py"]
# Headless Chromium names itself HeadlessChrome, which is a robot to the server.
USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
]
TIMEOUT_MS = 20_000
BUDGET_HEAD = "page          KB  scripts  styles  requests  first paint ms  drawn ms"
BUDGET_ROW = "{:9} {:6.1f} {:8.1f} {:7.1f} {:9} {:15.0f} {:9.0f}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What each page took over the wire (dashboard/test_budgets.py), also where the tests ran in other processes."""
    reports = [one for kind in ("passed", "failed") for one in terminalreporter.stats.get(kind, [])]
    rows = [value for one in reports for name, value in getattr(one, "user_properties", []) if name == "budget"]
    if rows:
        terminalreporter.section("transfers of the dashboard's pages, cold, gzip")
        terminalreporter.write_line(BUDGET_HEAD)
    for row in rows:
        terminalreporter.write_line(BUDGET_ROW.format(*row))


def find_chromium() -> str:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    assert path, "Chromium is missing: apt-get install -y --no-install-recommends chromium, or set CHROMIUM to its path"
    return path


@pytest.fixture(scope="session")
def playwright() -> "Iterator[Playwright]":
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: "Playwright") -> "Iterator[Browser]":
    browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
    yield browser
    browser.close()


@pytest.fixture
def new_context(browser: "Browser") -> "Iterator[Callable[..., BrowserContext]]":
    """`new_context()`: a profile of its own, with empty storage."""
    contexts: list[BrowserContext] = []

    def make(**options: Any) -> "BrowserContext":
        contexts.append(browser.new_context(user_agent=USER_AGENT, **options))
        contexts[-1].set_default_timeout(TIMEOUT_MS)
        return contexts[-1]

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def context(new_context: "Callable[..., BrowserContext]") -> "BrowserContext":
    return new_context()


@pytest.fixture(scope="session")
def site_url() -> Iterator[str]:
    """The pages of a site: tests/browser/pages, and sdk/dist under /sdk."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SiteHandler, directory=str(ROOT)))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


class SiteHandler(SimpleHTTPRequestHandler):
    def translate_path(self, path: str) -> str:
        folder = "sdk/dist" if path.startswith("/sdk/") else "tests/browser/pages"
        return str(ROOT / folder / Path(path.partition("?")[0]).name)

    def end_headers(self) -> None:
        # Chromium keeps pages without it in the cache, and in the back/forward cache.
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """The tests print nothing."""


@pytest.fixture
def server() -> Iterator[FaultServer]:
    server = FaultServer()
    yield server
    server.stop()


@pytest.fixture
def open_page(site_url: str) -> "Callable[..., Page]":
    """`open_page(context, path)`: a page that has loaded the SDK."""

    def open_in(context: "BrowserContext", path: str = "/plain.html") -> "Page":
        page = context.new_page()
        page.goto(site_url + path)
        page.wait_for_function("!!window.AnalyticsClient")
        return page

    return open_in
