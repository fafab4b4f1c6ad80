"""A website with the tracker before the real service: gunicorn, the stream, a drain. For the tests of the tracker."""

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

from redis import Redis
from sqlalchemy import Engine, text

from analytics.auth.keys import keys
from analytics.sites import sites
from tests.browser.tracked_site import TrackedSite
from tests.factories import make_drain
from tests.web.web_server import WebServer

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

COLUMNS = (
    *("type", "path", "hostname", "referrer", "source", "channel", "language", "screen", "session_id", "src", "is_bot"),
    *("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "browser", "os", "device", "payload"),
)
READ = text(
    f"SELECT event_id::text, ts, user_no, {', '.join(COLUMNS)} FROM events WHERE site_id = :site ORDER BY event_id"
)


class TrackingStack:
    """`put(attributes)` puts the tracker into the pages; `events()` is what was stored."""

    def __init__(self, service: WebServer, website: TrackedSite, engine: Engine, redis: Redis) -> None:
        self.service_url, self.website = f"http://127.0.0.1:{service.port}", website
        self._engine, self._redis = engine, redis
        with engine.begin() as connection:
            # A key that no test before had: the service remembers sites for some seconds.
            self.site = sites.create_site(connection, f"t{time.monotonic_ns()}", allowed_origins=[website.url])
            key = keys.NewKey("publishable", ["ingest"], [self.site.id], origins=[website.url])
            self.key, _ = keys.create_key(connection, key, "tester")

    def put(self, attributes: str = "", file: str = "tracker.js", before: str = "") -> None:
        tag = f'data-site="{self.site.key}" data-key="{self.key}" {attributes}'
        self.website.head = f'{before}<script defer src="{self.service_url}/sdk/v1/{file}" {tag}></script>'

    def visit(self, context: "BrowserContext", path: str = "/", **options: Any) -> "Page":
        """A page that has loaded the tracker."""
        page = context.new_page()
        page.goto(self.website.url + path, **options)
        page.wait_for_function("document.prerendering || (window.analytics && window.analytics.stats)")
        return page

    def drain(self) -> list[dict[str, Any]]:
        """All stored events, in the order in which they were recorded."""
        make_drain(self._engine, self._redis).run()
        with self._engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(READ, {"site": self.site.id})]

    def wait(self, count: int, within_s: float = 15) -> list[dict[str, Any]]:
        """The events, once there are as many."""
        end = time.monotonic() + within_s
        while len(events := self.drain()) < count:
            assert time.monotonic() < end, f"{len(events)} events after {within_s} s: {events}"
            time.sleep(0.05)
        return events

    def events(self, page: "Page | None" = None, count: int = 0) -> list[dict[str, Any]]:
        """Waits until nothing waits in the page, or until `count` events are stored; then the events but engagement."""
        if page is not None:
            page.wait_for_function("analytics.stats().waiting === 0")
        return [event for event in self.wait(count) if event["type"] != "engagement"]

    def samples(self) -> list[tuple[str, float, dict[str, str]]]:
        make_drain(self._engine, self._redis).run()
        query = text("SELECT name, value, tags FROM samples WHERE site_id = :site ORDER BY name")
        with self._engine.connect() as connection:
            return [
                (name, float(value), tags) for name, value, tags in connection.execute(query, {"site": self.site.id})
            ]

    def get(self, path: str, token: str) -> Any:
        """The service's answer as JSON."""
        request = Request(self.service_url + path, headers={"Authorization": f"Bearer {token}"})
        with urlopen(request, timeout=20) as response:
            return json.load(response)


def hide(page: "Page", hidden: bool = True) -> None:
    """What the browser tells a page when its tab is hidden or shown."""
    page.evaluate(
        """(hidden) => {
            Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
            Object.defineProperty(document, 'visibilityState', { value: hidden ? 'hidden' : 'visible', configurable: true });
            document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
        }""",
        hidden,
    )


def wait_until(condition: Callable[[], bool], within_s: float = 15) -> None:
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
