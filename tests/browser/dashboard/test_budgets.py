"""What each page of the dashboard takes over the wire with an empty cache, by Chromium's own count, in gzip.

Sizes and requests are the same on every machine, so they have bars; the two times are only in the table that
`make test-browser` prints at its end. Scripts and styles are counted without the headers of their responses.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from redis import Redis
from sqlalchemy import Engine

from analytics.dashboard import shell
from analytics.dashboard.demo import story
from analytics.rollups.merge import merge_all
from analytics.sites.sites import Site
from tests.browser.dashboard.signed_in import Dashboard
from tests.factories import append_events, make_drain

if TYPE_CHECKING:
    from playwright.sync_api import Page

MAX_KB, MAX_SCRIPT_KB, MAX_REQUESTS = 80, 30, 16
# Over the bar: the overview shows a chart, a map, lists and hours at once, and its notes; retention has four reports; events
# has the list of goals for the one that is opened next; German words are longer. They may not grow further.
MORE_SCRIPT_KB = {"overview": 3.5, "retention": 0.5, "exports": 0.5}
MORE_REQUESTS = {"overview": 1, "events": 1, "retention": 1}
# Both of the periods that the overview compares.
DAYS, VISITS_A_DAY = 56, 20
PAGES = {"sites": "../..", **{name: name for name in shell.PAGES}}
WATCH_DRAWN = """new MutationObserver((_, seen) => {
  if (!document.documentElement?.dataset.drawn) return;
  window.drawnAt = performance.now();
  seen.disconnect();
}).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-drawn"] })"""
READ_TIMES = "[performance.getEntriesByName('first-contentful-paint')[0].startTime, window.drawnAt]"


@dataclass
class Transfer:
    """One response as it came over the wire, `bytes` with its headers."""

    path: str
    media_type: str
    bytes: int
    body_bytes: int = 0


class Wire:
    """The transfers of a page, as the Network domain of Chromium's protocol reports them."""

    def __init__(self, page: "Page", base: str) -> None:
        self._base, self._found = base, dict[str, Transfer]()
        client = page.context.new_cdp_session(page)
        client.on("Network.responseReceived", self._begin)
        client.on("Network.dataReceived", self._add)
        client.on("Network.loadingFinished", self._end)
        client.send("Network.enable")
        # Browsers that know zstd get less.
        client.send("Network.setAcceptedEncodings", {"encodings": ["gzip"]})

    def _begin(self, event: dict[str, Any]) -> None:
        response = event["response"]
        path = response["url"].removeprefix(self._base)
        self._found[event["requestId"]] = Transfer(path, response["mimeType"], response["encodedDataLength"])

    def _add(self, event: dict[str, Any]) -> None:
        transfer = self._found[event["requestId"]]
        transfer.bytes += event["encodedDataLength"]
        transfer.body_bytes += event["encodedDataLength"]

    def _end(self, event: dict[str, Any]) -> None:
        if event["requestId"] in self._found:
            self._found[event["requestId"]].bytes = int(event["encodedDataLength"])

    def read(self) -> list[Transfer]:
        """Those that came from the server."""
        return [one for one in self._found.values() if one.bytes and one.path.startswith("/")]


@pytest.fixture
def filled(site: Site, engine: Engine, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight weeks of the demo, so that every list is full."""
    monkeypatch.setattr(story, "DAYS", DAYS)
    monkeypatch.setattr(story, "VISITS_A_DAY", VISITS_A_DAY)
    now = datetime.now(UTC)
    append_events(redis, site, list(story.tell(now.date(), now)))
    make_drain(engine, redis).run()
    while merge_all(engine, 10).has_more:
        pass


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("name", PAGES)
@pytest.mark.usefixtures("filled")
def test_a_page_keeps_its_budget(
    name: str, language: str, dashboard: Dashboard, record_property: Callable[[str, object], None]
) -> None:
    wires: list[Wire] = []

    def prepare(page: "Page") -> None:
        page.add_init_script(f"localStorage.setItem('language', '{language}')")
        page.add_init_script(WATCH_DRAWN)
        wires.append(Wire(page, dashboard.url))

    page = dashboard.open(PAGES[name], prepare=prepare)
    times = page.evaluate(READ_TIMES)
    transfers = read_to_the_end(page, wires[0])
    total = sum(one.bytes for one in transfers) / 1000
    scripts, styles = body_kb(transfers, "text/javascript"), body_kb(transfers, "text/css")
    record_property("budget", (f"{name} {language}", total, scripts, styles, len(transfers), *times))
    most, requests = MAX_SCRIPT_KB + MORE_SCRIPT_KB.get(name, 0), MAX_REQUESTS + MORE_REQUESTS.get(name, 0)
    listed = "\n".join(f"{one.bytes:7} {one.path[:100]}" for one in transfers)
    # The words of the other language are not loaded.
    assert [one.path for one in transfers if "/words_" in one.path and ("_de-" in one.path) != (language == "de")] == []
    assert any(one.path.endswith("/world.json") for one in transfers) == (name == "overview"), listed
    assert (total <= MAX_KB, scripts <= most, len(transfers) <= requests) == (True, True, True), listed


def read_to_the_end(page: "Page", wire: Wire) -> list[Transfer]:
    """Scrolls through the page, which loads what is only needed further down, until nothing more comes."""
    count = 0
    while count != len(wire.read()):
        count = len(wire.read())
        for _ in range(5):
            page.mouse.wheel(0, 500)
            page.wait_for_timeout(100)
    return wire.read()


def body_kb(transfers: list[Transfer], media_type: str) -> float:
    return sum(one.body_bytes for one in transfers if one.media_type == media_type) / 1000
