"""The journeys page in Chromium, before the real service: its columns are those of a slow walk through what was sent."""

import random
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.browser.dashboard.signed_in import Dashboard
from tests.browser.dashboard.test_overview import HOSTILE
from tests.browser.dashboard.visitor import find_violations, scrolls_sideways

if TYPE_CHECKING:
    from playwright.sync_api import Page

PAGES = ["/", "/", "/pricing", "/blog/why-we-left", "/docs", f"/{HOSTILE}"]
SIGNUP = "signup"
Walks = list[list[str]]


@pytest.fixture
def walks(dashboard: Dashboard) -> Walks:
    """The steps of each visit: pages, and one event."""
    chance, now = random.Random(5), datetime.now(UTC)
    walked, events = Walks(), []
    for number in range(220):
        at = now - timedelta(days=chance.uniform(0.2, 20))
        steps = [chance.choice(PAGES)]
        for _ in range(chance.choice([0, 1, 2, 2, 3, 5])):
            steps.append(chance.choice([one for one in PAGES if one != steps[-1]]))
        if number % 7 == 0:
            steps.insert(1, SIGNUP)
        walked.append(steps)
        for minute, step in enumerate(steps):
            kind = {"type": SIGNUP} if step == SIGNUP else {"type": "page_view", "path": step}
            ts = (at + timedelta(minutes=minute)).isoformat()
            events.append({"ts": ts, "user_id": f"u{number}", "country": "DE" if number % 2 else "FR", **kind})
    for start in range(0, len(events), 200):
        dashboard.send(*events[start : start + 200])
    return walked


def slow_columns(walks: Walks, anchor: str, places: int, is_to: bool = False) -> list[tuple[dict[str, int], int]]:
    """Of each place beside the anchor: the visits of each step, and of how many the path ends before it."""
    paths = []
    for walk in walks:
        if anchor in walk:
            at = walk.index(anchor)
            paths.append(walk[: at + 1][::-1] if is_to else walk[at:])
    columns = []
    for place in range(1, places + 1):
        steps = Counter(path[place] for path in paths if len(path) > place)
        columns.append((dict(steps), sum(len(path) == place for path in paths)))
    return columns


def pages_alone(walks: Walks) -> Walks:
    """Without the event; pages that are then beside each other are one step."""
    walked = [[step for step in walk if step != SIGNUP] for walk in walks]
    return [[one for n, one in enumerate(walk) if n == 0 or walk[n - 1] != one] for walk in walked]


def read_columns(page: "Page") -> list[tuple[dict[str, int], int]]:
    """In the order of the page, without the anchor."""
    found = []
    for column in page.query_selector_all("section.path-col"):
        steps, ended = {}, 0
        for row in column.query_selector_all("li"):
            name, visits = row.query_selector(".lbl").inner_text().strip(), int(row.query_selector("b").inner_text())
            if row.query_selector("button"):
                steps[name] = visits
            else:
                ended += visits
        found.append((steps, ended))
    return found


def test_columns_are_those_of_a_slow_walk(dashboard: Dashboard, walks: Walks) -> None:
    page = dashboard.open("journeys?page=/pricing&steps=5")
    expected = slow_columns(pages_alone(walks), "/pricing", 4)
    assert read_columns(page) == expected
    total = sum("/pricing" in walk for walk in walks)
    assert page.inner_text(".path-head >> nth=0").split("\n")[-1] == f"{total} visits"
    page.click("text=To a page")
    page.wait_for_selector(".path-col:last-child:has-text('Goal')")
    page.wait_for_selector("html[data-drawn]")
    assert read_columns(page)[::-1] == slow_columns(pages_alone(walks), "/pricing", 4, is_to=True)
    page.go_back()
    page.wait_for_selector(".path-col:first-child:has-text('Start')")
    page.wait_for_selector("html[data-drawn]")
    assert read_columns(page) == expected


def test_a_chosen_row_narrows_what_is_behind_it(dashboard: Dashboard, walks: Walks) -> None:
    page = dashboard.open("journeys?page=/pricing")
    first = page.locator("section.path-col").nth(0)
    first.get_by_role("button", name="/docs").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("button.path-step[aria-pressed=true]")
    page.wait_for_selector(".path-note:has-text('of visits with /docs')")
    page.wait_for_selector("html[data-drawn]")
    paths = [walk[walk.index("/pricing") :] for walk in pages_alone(walks) if "/pricing" in walk]
    chosen = [path for path in paths if path[1:2] == ["/docs"]]
    [_, (steps, ended), _] = read_columns(page)
    assert steps == Counter(path[2] for path in chosen if len(path) > 2)
    assert ended == sum(len(path) == 2 for path in chosen)
    with page.expect_response("**/reports/journeys?*"):
        first.get_by_role("button", name="/docs").click()
    page.wait_for_selector("button.path-step[aria-pressed=true]", state="detached")


def test_events_are_steps_where_they_are_wanted(dashboard: Dashboard, walks: Walks) -> None:
    page = dashboard.open("journeys?page=/&events=1&steps=3&filter=country%3D%3DDE")
    # Every second one is a German's.
    assert read_columns(page) == slow_columns(walks[1::2], "/", 2)


def test_without_a_page_the_ways_of_the_commonest_are_shown(dashboard: Dashboard, walks: Walks) -> None:
    page = dashboard.open("journeys")
    visitors = defaultdict(set)
    for number, walk in enumerate(walks):
        for step in walk:
            visitors[step].add(number)
    assert page.inner_text(".path-step.anchor") == "/"
    assert page.input_value(".path-search input") == "/"
    page.fill(".path-search input", "pric")
    page.wait_for_selector("#journey-pages option[value='/pricing']", state="attached")
    page.fill(".path-search input", "/pricing")
    page.keyboard.press("Enter")
    page.wait_for_selector(".path-step.anchor:has-text('/pricing')")
    assert "page=%2Fpricing" in page.url


def test_a_way_opens_to_its_steps(dashboard: Dashboard, walks: Walks) -> None:
    page = dashboard.open("journeys?page=/pricing&steps=3")
    paths = Counter(tuple(walk[walk.index("/pricing") :][:3]) for walk in pages_alone(walks) if "/pricing" in walk)
    rows = page.locator(".ways-list tbody tr")
    path = tuple(rows.nth(0).locator(".lbl").all_inner_texts())
    assert rows.nth(0).locator("td.v").first.inner_text() == str(paths[path]) == str(max(paths.values()))
    rows.nth(0).get_by_role("button").click()
    assert tuple(page.locator(".way-steps .lbl").all_inner_texts()) == path


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1360])
def test_the_page_is_clean(dashboard: Dashboard, walks: Walks, width: int, theme: str) -> None:
    page = dashboard.open("journeys?page=/&events=1", width)
    page.emulate_media(color_scheme=theme)
    page.wait_for_timeout(300)
    page.locator(".ways-list tbody button").first.click()
    assert find_violations(page) == []
    assert not scrolls_sideways(page)


def test_an_empty_and_a_failing_report_say_so(dashboard: Dashboard, walks: Walks) -> None:
    page = dashboard.open("journeys?page=/nowhere")
    assert "No visit has this page" in page.inner_text(".panel .empty")
    problem = {"status": 503, "detail": "most events are in no file yet", "code": "not_in_columns"}
    page.route("**/reports/journeys?*", lambda route: route.fulfill(status=503, json=problem))
    page.click("text=To a page")
    page.wait_for_selector("[role=alert]:has-text('in no file yet')")
    page.unroute("**/reports/journeys?*")
    page.click("[role=alert] >> text=Try again")
    page.wait_for_selector("[role=alert]", state="detached")
    dashboard.messages[:] = [one for one in dashboard.messages if "Failed to load" not in one]
