"""Every page by keyboard alone. ACTIONS lists what each page offers, in the order of Tab; a new action is put there, and
done by a test below."""

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.dashboard.signed_in import Dashboard

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

SITES = ["Skip to content", "Analytics", "All sites"]
TRAFFIC = ["Overview", "Realtime", "Links"]
BEHAVIOUR = ["Goals & events", "Funnels", "Retention", "Journeys", "Experiments", "Users"]
SIDE = [*SITES, *TRAFFIC, *BEHAVIOUR, "Exports", "Samples", "Operations", "Settings", "Install"]
FOOT = ["Theme: system", "DE", "Keyboard shortcuts", "Sign out", "S SITE"]
FIGURES = ["Visitors 1", "Visits 1", "Page views 2", "Views per visit 2.00", "Bounce rate 0%", "Visit duration 0s"]
CHART = "Visitors by Day: 1 in all. Left and right arrow keys read the values, Enter opens one."
ACTIONS: dict[str, list[str]] = {
    "": [
        *SIDE, *FOOT, "Filter", "Compare", "Last 4 weeks", "Share", *FIGURES, "Hour", "Day", "Week", "Show as table", "Add a note", "Download CSV",
        CHART, "Top pages", "/a", "/b", "Details", "Channels", "Sources: More", "Search", "Details", "Map", "Details",
        "Browsers", "Devices: More", "Unknown", "Details", "Goals",
    ],
    "realtime": [
        *SIDE, *FOOT, "Page views of the last 30 minutes: 2. Left and right arrow keys read the minutes.", "Pause",
    ],
    "links": [*SIDE, *FOOT, "Last 4 weeks", "Short code of a link", "Show", "spring-sale", "spring-sale"],
    "links?code=spring-sale": [
        *SIDE, *FOOT, "Last 4 weeks", "All links", "Clicks by day: 1 in all. Left and right arrow keys read the days.",
        "Clicks by hour of the day. Left and right arrow keys read the hours.",
    ],
    "exports": [
        *SIDE, *FOOT, "What", "Format", "Compression", "How often", "Period", "Event types, with commas; empty: all",
        "Include bots", "Filter", "Columns: 29 of 29", "Tell a server when the file is ready", "Preview", "Order the file",
    ],
    "start": [
        *SIDE, *FOOT, "Open the overview", "Origin of your website, as in the address bar", "Create the key", "Script tag",
        "In the head of each page", "Copy: In the head of each page", "The same, pinned to this version",
        "Copy: The same, pinned to this version", "Without JavaScript", "Copy: Without JavaScript",
    ],
    "operations": [
        *SIDE, *FOOT, "Event id", "Find it", "From", "To", "Also recount every row", "Check now",
        "Largest tables of the service", "Processes",
    ],
    "settings": [
        *SIDE, *FOOT, "Name", "Time zone", "Domains, one a line", "Keep raw events for so many days",
        "Accept events without a key", "Origins of your pages, one a line", "Event types", "Known types, one a line", "User ids",
        "Recognised for", "Told apart by", "Everybody may read the aggregated reports",
        "Origins whose pages may show shared pages in a frame, one a line", "Kind", "Name",
        "Only from this origin", "Create the key", "Name", "Valid for", "ingest", "read", "export", "write", "admin",
        "Create the token", "Key of the site", "Rename", "Delete the site",
    ],
    "../../": [*SITES, "Theme: system", "DE", "Sign out", "S SITE"],
}  # fmt: skip
# Where the focus is, whether it can be seen there, and in which part of the page.
STOP = """() => {
    const at = document.activeElement;
    if (at === document.body) return null;
    const style = getComputedStyle(at), box = at.getBoundingClientRect();
    const part = at.closest('nav, .side-foot, .head, .kpis, .plot-head, .tabs, table, form, section, footer');
    const label = at.labels?.[0], all = [...document.querySelectorAll('*')];
    const text = label ? [...label.childNodes].find((one) => one.nodeType === 3).data : at.innerText || at.title;
    return {
        name: (at.getAttribute('aria-label') || text).trim().replace(/\\s+/g, ' '),
        outline: style.outlineStyle === 'none' ? 0 : parseFloat(style.outlineWidth),
        top: box.top + scrollY, bottom: box.bottom + scrollY, left: box.left,
        part: all.indexOf(part), at: all.indexOf(at),
    };
}"""
# What a reader can click, but for those of a group that arrow keys reach.
COUNT = """() => [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')]
    .filter((one) => one.tabIndex >= 0 && !one.disabled && one.checkVisibility({ visibilityProperty: true })).length"""
FOCUSED = "getComputedStyle(document.activeElement).outlineStyle + document.activeElement.matches(':focus-visible')"


@pytest.fixture(autouse=True)
def events(dashboard: Dashboard) -> None:
    dashboard.send(
        {"type": "page_view", "path": "/a", "country": "DE", "user_id": "ann", "referrer": "https://www.google.com/"},
        {"type": "page_view", "path": "/b", "country": "DE", "user_id": "ann"},
        {"type": "click", "subject": "spring-sale", "user_id": "ann", "country": "DE"},
    )


def walk(page: "Page") -> list[dict[str, Any]]:
    """The stops of Tab, from the start of the page to its end."""
    stops: list[dict[str, Any]] = []
    while len(stops) < 150:
        page.keyboard.press("Tab")
        if (stop := page.evaluate(STOP)) is None:
            break
        # The parts of a date are stops of one field.
        if not stops or stop["at"] != stops[-1]["at"]:
            stops.append(stop)
    return stops


def follows(stop: dict[str, Any], following: dict[str, Any]) -> bool:
    """Below, or in the same row to the right."""
    is_same_row = min(stop["bottom"], following["bottom"]) > max(stop["top"], following["top"])
    return bool(following["left"] >= stop["left"] if is_same_row else following["top"] >= stop["top"])


@pytest.mark.parametrize("path", ACTIONS)
def test_tab_reaches_every_action_in_the_order_in_which_it_is_seen(dashboard: Dashboard, path: str) -> None:
    page = dashboard.open(path)
    page.wait_for_timeout(800)
    stops = walk(page)
    expected = [name.replace("SITE", dashboard.site.key) for name in ACTIONS[path]]
    found = [stop["name"] for stop in stops]
    assert len(found) == page.evaluate(COUNT)
    assert [name[: len(wanted)] for name, wanted in zip(found, expected, strict=True)] == expected
    assert [stop["name"] for stop in stops if stop["outline"] < 2] == []
    assert [(a["name"], b["name"]) for a, b in pairwise(stops) if a["part"] == b["part"] and not follows(a, b)] == []


# Page, what opens, what is opened.
OVERLAYS = {
    "help": ("", "[aria-label='Keyboard shortcuts']", "dialog"),
    "help of another page": ("exports", "[aria-label='Keyboard shortcuts']", "dialog"),
    "details": ("", ".more >> nth=0", "dialog"),
    "condition": ("?filter=path%3D%3D%2Fa", ".chip button >> nth=0", "dialog"),
    "sites": ("", ".site-menu > button", ".pop"),
    "filter": ("", ".filter-menu > button", ".pop"),
    "comparison": ("", ".compare-menu > button", ".pop"),
    "period": ("", ".dates-menu > button", ".pop"),
    "period of links": ("links", ".dates-menu > button", ".pop"),
}


@pytest.mark.parametrize("name", OVERLAYS)
def test_enter_opens_and_escape_leads_back(dashboard: Dashboard, name: str) -> None:
    path, opener, opened = OVERLAYS[name]
    page = dashboard.open(path)
    for key in ("Enter", "Space"):
        page.focus(opener)
        page.keyboard.press(key)
        page.wait_for_selector(opened)
        page.wait_for_timeout(150)
        assert page.evaluate(f"Boolean(document.activeElement.closest('{opened}'))")
        page.keyboard.press("Escape")
        page.wait_for_selector(opened, state="detached")
        assert page.locator(opener).evaluate("(one) => one === document.activeElement")
    assert ("filter=" in page.url) == ("filter" in path)


def test_a_dialog_that_a_menu_opened_leads_back_to_the_menu(dashboard: Dashboard) -> None:
    page = dashboard.open("")
    page.focus(".filter-menu > button")
    page.keyboard.press("Enter")
    page.wait_for_selector(".pop")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")
    assert page.locator(".filter-menu > button").evaluate("(one) => one === document.activeElement")


def test_arrow_keys_go_through_a_menu(dashboard: Dashboard) -> None:
    page = dashboard.open("")
    page.focus(".dates-menu > button")
    page.keyboard.press("Enter")
    page.wait_for_selector(".pop")
    seen = []
    for key in ("Home", "ArrowDown", "ArrowDown", "ArrowUp", "End", "ArrowDown", "ArrowUp"):
        page.keyboard.press(key)
        seen.append(page.evaluate("document.activeElement.firstChild.textContent"))
    year = "Year to date"
    assert seen == ["Today", "Yesterday", "Last 7 days", "Yesterday", year, "Today", year]
    page.keyboard.press("Enter")
    page.wait_for_url("**period=year*")
    assert page.locator(".dates-menu > button").evaluate("(one) => one === document.activeElement")


def test_days_of_a_period_are_typed(dashboard: Dashboard) -> None:
    page = dashboard.open("")
    page.focus(".dates-menu > button")
    page.keyboard.press("Enter")
    page.focus("input[name=from]")
    page.keyboard.type("01022026")
    page.keyboard.press("Enter")
    page.wait_for_url("**period=custom&from=2026-01-02*")


# Key, and what the address then says.
PERIODS = {
    "t": "period=day", "y": "period=yesterday", "w": "period=7d", "q": "period=91d", "m": "period=month",
    "l": "period=lastmonth", "a": "period=year",
}  # fmt: skip


@pytest.mark.parametrize("path", ["", "links"])
def test_keys_choose_periods(dashboard: Dashboard, path: str) -> None:
    page = dashboard.open(path)
    for key, query in PERIODS.items():
        page.keyboard.press(key)
        assert page.url.partition("?")[2] == query
    page.keyboard.press("d")
    assert "?" not in page.url


def test_keys_compare_filter_and_help(dashboard: Dashboard) -> None:
    page = dashboard.open("?filter=path%3D%3D%2Fa")
    page.keyboard.press("c")
    assert "compare=none" in page.url
    page.keyboard.press("c")
    assert "compare" not in page.url
    page.keyboard.press("Escape")
    assert "filter" not in page.url
    page.keyboard.press("/")
    page.wait_for_selector("dialog:has-text('Add a filter')")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")
    page.keyboard.press("?")
    page.wait_for_selector("dialog:has-text('Keyboard shortcuts')")


PAGE_KEYS = {
    "o": "overview",
    "r": "realtime",
    "l": "links",
    "e": "exports",
    "p": "operations",
    "n": "settings",
    "i": "start",
    "s": "sites",
}


@pytest.mark.parametrize("path", ["", "exports"])
def test_g_and_a_letter_open_a_page(dashboard: Dashboard, path: str) -> None:
    page = dashboard.open(path)
    for key, name in PAGE_KEYS.items():
        page.keyboard.press("g")
        page.keyboard.press(key)
        page.wait_for_selector(f"html[data-page={name}][data-drawn={name}]")
        page.wait_for_timeout(100)
        page.goto(f"{dashboard.url}/sites/{dashboard.site.key}/{path}")
        page.wait_for_selector("html[data-drawn]")
        page.wait_for_timeout(100)


def test_keys_are_text_while_somebody_types(dashboard: Dashboard) -> None:
    page = dashboard.open("")
    page.click(".more >> nth=0")
    page.wait_for_selector("dialog input:focus")
    page.keyboard.type("/wa?gr")
    assert page.input_value("dialog input") == "/wa?gr"
    assert page.url.endswith(dashboard.site.key + "/")
    assert page.locator("dialog").count() == 1
    page = dashboard.open("exports")
    page.focus("input[placeholder^=page_view]")
    page.keyboard.type("gr?")
    assert page.input_value("input[placeholder^=page_view]") == "gr?"
    assert page.url.endswith("exports")


def test_the_chart_is_read_and_opened(dashboard: Dashboard) -> None:
    page = dashboard.open("?period=7d")
    page.focus(".chart svg")
    days = []
    for key in ("Home", "ArrowRight", "End", "ArrowLeft", "End"):
        page.keyboard.press(key)
        days.append(page.inner_text(".tip-row >> nth=0"))
    assert days[1] != days[0]
    assert days[2] == days[4] != days[3]
    assert "so far" in days[4]
    assert page.inner_text(".tip-row b >> nth=0") == "1"
    page.keyboard.press("Escape")
    page.wait_for_selector(".tip", state="detached")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.wait_for_url("**period=custom*")
    assert page.locator(".seg button").count() == 0


def test_the_parts_of_the_overview_are_used(dashboard: Dashboard) -> None:
    page = dashboard.open("")
    for selector, key, query in (
        (".kpi >> nth=2", "Enter", "metric=page_views"),
        (".seg button >> nth=2", "Space", "unit=week"),
        ("[aria-label='Show as table']", "Space", "view=table"),
    ):
        page.focus(selector)
        page.keyboard.press(key)
        assert query in page.url
    page.focus("[aria-label='Download CSV']")
    with page.expect_download():
        page.keyboard.press("Enter")
    page.focus("button.cell:has-text('/b')")
    page.keyboard.press("Enter")
    page.wait_for_selector(".chip:has-text('/b')")
    page.focus(".chip [aria-label^=Remove]")
    page.keyboard.press("Enter")
    page.wait_for_selector(".chip", state="detached")


def test_tabs_are_chosen_by_arrows_and_more_by_its_letters(dashboard: Dashboard) -> None:
    page = dashboard.open("")
    chosen = "section[aria-label=Sources] [role=tab][aria-selected=true]"
    page.focus(chosen)
    for key, name in (("ArrowRight", "Sources"), ("ArrowLeft", "Channels"), ("ArrowLeft", "Campaigns")):
        page.keyboard.press(key)
        assert page.inner_text(chosen) == name
        assert page.evaluate(FOCUSED) == "solidtrue"
    page.keyboard.press("Tab")
    page.keyboard.type("UTM s")
    page.wait_for_selector("section[aria-label=Sources] th:has-text('UTM source'), section[aria-label=Sources] .empty")
    assert (
        page.locator("section[aria-label=Sources] select").evaluate("(one) => one.selectedOptions[0].text")
        == "UTM source"
    )


def test_the_skip_link_leads_past_the_side_bar(dashboard: Dashboard) -> None:
    page = dashboard.open("exports")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")


def test_theme_and_language_are_changed(dashboard: Dashboard) -> None:
    page = dashboard.open("exports")
    page.focus("[aria-label='Theme: system']")
    page.keyboard.press("Space")
    assert page.get_attribute("html", "data-theme") == "light"
    assert page.evaluate("document.activeElement.title") == "Theme: light"
    page.focus("button[lang=de]")
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('Exporte')")


def test_the_drawer_holds_the_focus_until_escape(dashboard: Dashboard) -> None:
    page = dashboard.open("", width=390)
    page.focus(".only-small")
    page.keyboard.press("Enter")
    page.wait_for_selector(".side.open a:focus")
    names = [stop["name"] for stop in walk(page)]
    assert names == [*SIDE[2:], *FOOT[:-1]]
    page.focus(".side.open a >> nth=0")
    page.keyboard.press("Escape")
    page.wait_for_selector(".side.open", state="detached")
    assert page.locator(".only-small").evaluate("(one) => one === document.activeElement")


def test_minutes_are_read_and_the_feed_is_stopped(dashboard: Dashboard) -> None:
    page = dashboard.open("realtime")
    page.wait_for_selector(".head .live:has-text('Live')")
    page.focus(".columns")
    page.keyboard.press("End")
    assert page.inner_text(".columns-read [role=status]").endswith("2 page views, 1 visitors")
    page.keyboard.press("ArrowLeft")
    assert page.inner_text(".columns-read [role=status]").endswith("0 page views, 0 visitors")
    dashboard.send({"type": "page_view", "path": "/live"})
    page.wait_for_selector(".line-btn")
    page.focus(".line-btn")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog:has-text('/live')")
    page.keyboard.press("Escape")
    assert page.locator(".line-btn").evaluate("(one) => one === document.activeElement")
    page.focus("[aria-label=Pause]")
    page.keyboard.press("Space")
    page.wait_for_selector("[aria-label=Resume]:focus")


def test_links_are_opened_found_and_left(dashboard: Dashboard) -> None:
    page = dashboard.open("links")
    page.focus("button.cell >> nth=0")
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('spring-sale')")
    page.focus(".back")
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('Short links')")
    page.focus("input[name=code]")
    page.keyboard.type("docs")
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('docs')")


def test_a_file_is_ordered_cancelled_and_deleted(dashboard: Dashboard) -> None:
    page = dashboard.open("exports")
    for summary in ("Columns:", "Tell a server"):
        page.focus(f"summary:has-text('{summary}')")
        page.keyboard.press("Enter")
    page.focus("label:has-text('event_id') input")
    page.keyboard.press("Space")
    page.wait_for_selector("summary:has-text('28 of 29')")
    page.focus("text=All columns")
    page.keyboard.press("Enter")
    page.focus("input[type=url]")
    page.keyboard.press("Enter")
    page.wait_for_selector(".job")
    page.focus(".job .btn:has-text('Cancel')")
    page.keyboard.press("Enter")
    page.wait_for_selector(".state.cancelled")
    page.focus(".job [title=Delete]")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog .btn:has-text('Cancel'):focus")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")
    assert page.locator(".job [title=Delete]").evaluate("(one) => one === document.activeElement")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=No files yet")


def test_ways_to_send_events_are_chosen(dashboard: Dashboard) -> None:
    page = dashboard.open("start")
    page.focus("[role=tab][aria-selected=true]")
    for name in ("npm", "React", "curl", "Python", "Script tag"):
        page.keyboard.press("ArrowRight")
        assert page.inner_text("[role=tab]:focus") == name


def test_the_sign_in_page_is_left_by_enter(
    dashboard: Dashboard, new_context: "Callable[..., BrowserContext]", token: Callable[..., str]
) -> None:
    page = new_context().new_page()
    page.goto(f"{dashboard.url}/login")
    stops = walk(page)
    assert [one["name"] for one in stops] == ["Name", "Password", "Sign in", "Sign in with a token"]
    assert [one["name"] for one in stops if one["outline"] < 2] == []
    page.focus("summary")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.insert_text(token("read"))
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("html[data-drawn=sites]")
    page.focus("a.site-card")
    page.keyboard.press("Enter")
    page.wait_for_selector("html[data-drawn=overview]")
