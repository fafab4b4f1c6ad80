"""What the tests of the dashboard share: a signed-in page that notices console messages, and axe."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tests.conftest import ROOT, SIGN_IN_SECRET

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

AXE = ROOT / "sdk" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Chromium names each response of an error status in the console.
EXPECTED = "Failed to load resource"


class Visitor:
    """The pages of a service that `base` serves, as somebody sees them who has opened the link of `make run`."""

    def __init__(self, context: "BrowserContext", base: str) -> None:
        self.context, self.base = context, base
        self.messages: list[str] = []
        self.requests: list[str] = []
        page = self._new_page()
        page.goto(f"{base}/login#{SIGN_IN_SECRET}")
        page.wait_for_selector("html[data-drawn]", state="attached")
        page.close()
        self.messages.clear()
        self.requests.clear()

    def open(
        self, path: str, prepare: "Callable[[Page], object]" = lambda _: None, drawn: str = "html[data-drawn]"
    ) -> "Page":
        """The page once `drawn` is there. `prepare`: before it is loaded."""
        page = self._new_page()
        prepare(page)
        page.goto(self.base + path, wait_until="commit")
        page.wait_for_selector(drawn, state="attached")
        return page

    def get(self, page: "Page", path: str) -> Any:
        """The JSON of the API, asked by the page's own session."""
        response = page.request.get(f"{self.base}/api/analytics/{path}")
        assert response.status == 200, response.text()
        return response.json()

    def _new_page(self) -> "Page":
        page = self.context.new_page()
        page.on("console", lambda message: EXPECTED in message.text or self.messages.append(message.text))
        page.on("dialog", lambda dialog: (self.messages.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("pageerror", lambda error: self.messages.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url.removeprefix(self.base)))
        return page


def find_violations(page: "Page", ignored: Sequence[str] = ()) -> list[str]:
    """What axe finds wrong with the page: rule and element."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("(tags) => axe.run(document, { runOnly: tags })", RULES)
    return [
        f"{one['id']}: {node['html'][:120]}"
        for one in found["violations"]
        for node in one["nodes"]
        if one["id"] not in ignored
    ]


def scrolls_sideways(page: "Page") -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
