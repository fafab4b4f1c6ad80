"""The React example, built by Vite as its README says, under StrictMode."""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.conftest import ROOT
from tests.browser.fault_server import FaultServer
from tests.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext


@pytest.fixture(scope="module")
def shop_server() -> Iterator[FaultServer]:
    server = FaultServer()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def example(shop_server: FaultServer, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A copy of the example with its packages installed, and the environment to build it in."""
    npm = shutil.which("npm")
    assert npm, "Node is missing: install Node 20 or newer with npm"
    sdk = tmp_path_factory.mktemp("example") / "sdk"
    shutil.copytree(ROOT / "sdk", sdk, ignore=shutil.ignore_patterns("node_modules"))
    folder = sdk / "examples/react-vite"
    run([npm, "install", "--silent"], folder)
    return folder, os.environ | {"VITE_ANALYTICS_URL": shop_server.url}


def run(command: list[str], folder: Path, env: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.fixture(params=["production", "development"])
def shop_url(example: tuple[Path, dict[str, str]], request: pytest.FixtureRequest) -> Iterator[str]:
    """Where the example is served. StrictMode mounts and runs effects twice in the build for development."""
    folder, env = example
    out = folder / request.param
    command = ["npm", "run", "build", "--", "--outDir", out.name, "--mode", request.param]
    run(command, folder, env | {"NODE_ENV": request.param})
    site = ThreadingHTTPServer(("127.0.0.1", 0), partial(_ShopHandler, directory=str(out)))
    site.daemon_threads = True
    threading.Thread(target=site.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{site.server_address[1]}"
    site.shutdown()
    site.server_close()


class _ShopHandler(SimpleHTTPRequestHandler):
    def translate_path(self, path: str) -> str:
        """Every path that is no file is the page of the application."""
        file = super().translate_path(path)
        return file if Path(file).is_file() else super().translate_path("/index.html")

    def log_message(self, format: str, *args: Any) -> None:
        """The tests print nothing."""


def test_the_shop_records_each_view_and_event_once(
    context: "BrowserContext", shop_url: str, shop_server: FaultServer
) -> None:
    shop_server.stored.clear()
    page = context.new_page()
    page.goto(shop_url)
    page.get_by_role("button", name="Add to cart").click()
    page.get_by_role("button", name="Cart", exact=True).click()
    page.get_by_role("button", name="Order").click()
    page.go_back()
    page.get_by_role("button", name="Add to cart").wait_for()
    page.close()
    wait_until(lambda: len(shop_server.stored) == 5)
    events = [shop_server.stored[event_id] for event_id in sorted(shop_server.stored)]
    assert [(event["type"], event["payload"]["page"]) for event in events] == [
        ("page_view", "/"),
        ("add_to_cart", "/"),
        ("page_view", "/cart"),
        ("order", "/cart"),
        ("page_view", "/"),
    ]
    assert [event.get("user_id") for event in events] == [None, None, None, "user-123", "user-123"]
    assert len({event["session_id"] for event in events}) == 1
    assert all(request.body["site_id"] == "shop" for request in shop_server.requests)
