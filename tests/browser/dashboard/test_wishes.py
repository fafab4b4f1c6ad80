"""What a reader asked of the browser is kept to: forced colours, less motion, a page twice as large."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.browser.dashboard.signed_in import Dashboard
from tests.browser.dashboard.visitor import scrolls_sideways

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

NAMES = ("realtime", "links", "funnels", "users", "exports", "operations", "settings", "start")
PAGES = {"overview": "", "sites": "../../", **{name: name for name in NAMES}}
# What of an element is still seen where the browser chooses the colours.
LOOK = """(element) => ['', '::before', '::after'].map((part) => {
    const style = getComputedStyle(element, part);
    return [style.outlineStyle, style.outlineWidth, style.borderTopWidth, style.borderBottomWidth, style.fontWeight,
        style.backgroundColor, style.color, style.textDecorationLine, style.strokeDasharray, style.content];
}).flat().join()"""
# Two that mean something else, by what they are.
PAIRS = {
    "the charted figure": (".kpi[aria-pressed=true]", ".kpi[aria-pressed=false] >> nth=0"),
    "the chosen tab": (".tab[aria-selected=true]", ".tab[aria-selected=false]"),
    "the chosen interval": (".seg [aria-pressed=true]", ".seg [aria-pressed=false]"),
    "this page": (".nav a[aria-current]", ".nav a:not([aria-current])"),
    "the chosen period": (".item[aria-checked=true]", ".item[aria-checked=false]"),
    "the two lines": (".line.now", ".line.before"),
    "the keys of the lines": (".key:not(.before)", ".key.before"),
    "a bar and its row": (".fill", ".panel table"),
    "an hour with views and one without": (".heat .h6", ".heat .h0"),
}


@pytest.fixture(autouse=True)
def events(dashboard: Dashboard) -> None:
    dashboard.send(
        {"type": "page_view", "path": "/a/long/path/that/does/not/fit/into/a/narrow/column", "country": "DE"},
        {"type": "click", "subject": "spring-sale", "country": "DE"},
    )


def look(page: "Page", selector: str) -> str:
    seen: str = page.locator(selector).first.evaluate(LOOK)
    return seen


def test_forced_colours_take_no_meaning_away(
    dashboard: Dashboard, new_context: "Callable[..., BrowserContext]"
) -> None:
    dashboard.sign_in(new_context(forced_colors="active"))
    page = dashboard.open("")
    page.wait_for_selector(".heat .h6")
    page.click(".dates-menu button")
    for meaning, (one, other) in PAIRS.items():
        assert look(page, one) != look(page, other), meaning


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_forced_colours_draw_lines_bars_and_the_focus_in_colours_of_the_system(
    dashboard: Dashboard, new_context: "Callable[..., BrowserContext]", scheme: str
) -> None:
    """Another colour would not stand out from a background that the reader chose."""
    dashboard.sign_in(new_context(forced_colors="active", color_scheme=scheme))
    page = dashboard.open("")
    colours = page.evaluate(
        """(names) => names.map((name) => {
            const element = document.createElement('i');
            document.body.append(element);
            element.style.color = name;
            return getComputedStyle(element).color;
        })""",
        ["Highlight", "CanvasText"],
    )
    for selector, name in {".line.now": "stroke", ".line.before": "stroke", ".fill": "backgroundColor"}.items():
        assert page.locator(selector).first.evaluate(f"(one) => getComputedStyle(one).{name}") in colours, selector
    page.focus(".chart svg")
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


@pytest.mark.parametrize("name", PAGES)
def test_nothing_moves_for_who_asked_for_less_motion(
    dashboard: Dashboard, new_context: "Callable[..., BrowserContext]", name: str
) -> None:
    dashboard.sign_in(new_context(reduced_motion="reduce"))
    page = dashboard.open(PAGES[name])
    assert (
        page.evaluate(
            """() => [...document.querySelectorAll('*')].flatMap((element) => [null, '::before', '::after'].filter((part) => {
            const style = getComputedStyle(element, part);
            return style.animationName !== 'none' || style.transitionDuration.split(', ').some((one) => one !== '0s')
                || style.scrollBehavior === 'smooth';
        }).map((part) => element.className + (part ?? '')))"""
        )
        == []
    )


@pytest.mark.parametrize("name", PAGES)
def test_a_page_at_twice_its_size_fits_the_window(
    dashboard: Dashboard, new_context: "Callable[..., BrowserContext]", name: str
) -> None:
    dashboard.sign_in(new_context(device_scale_factor=2))
    page = dashboard.open(PAGES[name], width=680)
    page.wait_for_timeout(200)
    assert not scrolls_sideways(page)
