"""A browser that is signed in to the dashboard of one site, and the events of that site."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

from redis import Redis
from sqlalchemy import Engine, text

from analytics.sites.sites import Site
from tests.factories import make_drain
from tests.web.web_server import until

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

BUSY = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND state <> 'idle' AND backend_type = 'client backend'"
)


class Dashboard:
    """`open("realtime")` shows a page of the site; `send` stores events of it."""

    def __init__(
        self, port: int, site: Site, context: "BrowserContext", token: str, engine: Engine, redis: Redis
    ) -> None:
        self.url, self.site = f"http://127.0.0.1:{port}", site
        self.messages, self.requests = list[str](), list[str]()
        self._context, self._token, self._engine, self._redis = context, token, engine, redis
        self.sign_in(context)

    def sign_in(self, context: "BrowserContext") -> None:
        """Pages are opened in this context from now on."""
        self._context = context
        context.request.post(f"{self.url}/login", form={"token": self._token}, headers={"Origin": self.url})

    def close(self) -> None:
        """Ends when no request of the pages is being answered: the next test empties the tables."""
        self._context.close()
        until(lambda: self._count_busy() == 0)

    def _count_busy(self) -> int:
        with self._engine.connect() as connection:
            return int(connection.execute(BUSY).scalar_one())

    def open(self, path: str, width: int = 1360, prepare: "Callable[[Page], object]" = lambda _: None) -> "Page":
        """The page, once it is drawn with its data. `prepare`: before it is loaded."""
        page = self._context.new_page()
        prepare(page)
        page.on("console", lambda message: self.messages.append(message.text))
        page.on("request", lambda request: self.requests.append(request.url.removeprefix(self.url)))
        page.on("pageerror", lambda error: self.messages.append(str(error)))
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"{self.url}/sites/{self.site.key}/{path}")
        page.wait_for_selector("html[data-drawn]")
        return page

    def settle(self) -> None:
        """Waits until no page asks for anything more: the next test empties the tables that it would read."""
        for page in self._context.pages:
            page.wait_for_selector(".busy, .skeleton", state="detached")

    def send(self, *events: dict[str, Any]) -> None:
        """Accepted, and stored."""
        self.call("POST", f"/api/analytics/ingest?site={self.site.key}", list(events))
        make_drain(self._engine, self._redis).run()

    def request_with(self, credential: str, path: str, body: Any) -> Any:
        """The response to a POST with another token or key."""
        headers = {"Authorization": f"Bearer {credential}", "Content-Type": "application/json"}
        return urlopen(Request(self.url + path, json.dumps(body).encode(), headers, method="POST"), timeout=20)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The API's answer."""
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(self.url + path, data, headers, method=method), timeout=20) as response:
            return json.loads(response.read() or b"null")
