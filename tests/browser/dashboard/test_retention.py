"""The retention page in Chromium, before the real service: its grid is that of a slow count of the events that were sent."""

import random
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.browser.dashboard.signed_in import Dashboard
from tests.browser.dashboard.test_overview import HOSTILE
from tests.browser.dashboard.visitor import find_violations, scrolls_sideways

if TYPE_CHECKING:
    from playwright.sync_api import Page

DAY = timedelta(days=1)
WEEKS = 10


def make_events(chance: random.Random) -> list[dict[str, Any]]:
    """Of ten weeks, this one among them: each week new people, of whom fewer and fewer come back."""
    now, events = datetime.now(UTC), []
    for week in range(WEEKS):
        for number in range(20 + 2 * week):
            user = {"user_id": f"w{week}-{number}", "country": chance.choice(["DE", "FR"])}
            for later in range(WEEKS - week):
                if later == 0 or chance.random() < 0.5 / later:
                    at = now - timedelta(days=7 * (WEEKS - 1 - week - later), hours=chance.uniform(0.1, 20))
                    events.append({"type": "page_view", "path": f"/{HOSTILE}", "ts": at.isoformat(), **user})
                    if number % 3 == 0:
                        events.append({"type": HOSTILE[:40], "ts": at.isoformat(), **user})
    return events


@pytest.fixture
def events(dashboard: Dashboard) -> list[dict[str, Any]]:
    made = make_events(random.Random(3))
    for start in range(0, len(made), 200):
        dashboard.send(*made[start : start + 200])
    return made


def monday(day: date) -> date:
    return day - day.weekday() * DAY


def slow_grid(events: Iterable[dict[str, Any]]) -> dict[date, dict[int, int]]:
    """Of each week, how many of its new people came so many weeks later."""
    weeks = defaultdict(set)
    for event in events:
        weeks[event["user_id"]].add(monday(datetime.fromisoformat(event["ts"]).date()))
    grid: dict[date, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for active in weeks.values():
        for week in active:
            grid[min(active)][(week - min(active)).days // 7] += 1
    return grid


def read_grid(page: "Page") -> list[list[str]]:
    """The numbers of each row of people, without those of the average."""
    rows = page.query_selector_all(".cohorts tbody tr:not(.average)")
    return [[one.inner_text().strip() for one in row.query_selector_all(".cohort-cell")] for row in rows]


def expected_rows(events: Iterable[dict[str, Any]]) -> list[list[str]]:
    grid, today = slow_grid(events), datetime.now(UTC).date()
    weeks = [monday(today - 90 * DAY) + n * 7 * DAY for n in range(14)]
    weeks = [week for week in weeks if week <= today]
    rows = []
    for number, week in enumerate(weeks):
        row, size = grid[week], grid[week][0]
        if not size and not rows:
            # Nobody has come so far.
            continue
        later = [str(row[n]) if size else "" for n in range(1, len(weeks) - number)]
        rows.append([str(size), *later])
    return rows


def test_the_grid_is_that_of_a_slow_count(dashboard: Dashboard, events: list[dict[str, Any]]) -> None:
    page = dashboard.open("retention?numbers=1")
    assert read_grid(page) == expected_rows(events)
    with page.expect_response(lambda response: "type=%3Cimg" in response.url and "retention" in response.url):
        page.get_by_label("Event", exact=True).select_option(HOSTILE[:40])
    page.wait_for_selector("html[data-drawn]")
    page.wait_for_timeout(100)
    assert read_grid(page) == expected_rows(one for one in events if one["type"] == HOSTILE[:40])
    page.go_back()
    page.wait_for_timeout(300)
    assert read_grid(page) == expected_rows(events)


def test_percentages_and_their_average_are_those_of_the_api(dashboard: Dashboard, events: list[dict[str, Any]]) -> None:
    page = dashboard.open("retention")
    found = dashboard.call("GET", f"/api/analytics/reports/retention?site={dashboard.site.key}&days=91&unit=week")
    grid, over = slow_grid(events), found["units_over"]
    # By hand: of all people of weeks whose next week is over, those who came in it.
    reached = sorted(grid)[: over - 1 - next(n for n, one in enumerate(found["cohorts"]) if one["size"])]
    next_week = sum(grid[week][1] for week in reached) / sum(grid[week][0] for week in reached)
    shown = page.inner_text(".cohorts .average .cohort-cell[data-at='0,1']")
    assert shown == f"{100 * next_week:.1f}%"
    assert page.locator(".cohorts td.hatched").count() == len(expected_rows(events))
    assert page.locator(".cohorts [title]", has_text="%").count() > 10


def test_arrow_keys_go_through_the_grid_and_enter_opens_its_people(
    dashboard: Dashboard, events: list[dict[str, Any]]
) -> None:
    page = dashboard.open("retention?period=28d&unit=week")
    page.focus(".cohorts [tabindex='0']")
    for key in ("ArrowUp", "ArrowDown", "ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
    focused = page.evaluate("document.activeElement.dataset.at")
    assert (focused, page.locator(".cohorts [tabindex='0']").count()) == ("1,1", 1)
    link = urlsplit(page.evaluate("document.activeElement.href"))
    start = monday(datetime.now(UTC).date() - 27 * DAY)
    assert link.path == f"/sites/{dashboard.site.key}/users"
    assert parse_qs(link.query) == {"cohort": [str(start)], "unit": ["week"], "offset": ["1"]}
    size = slow_grid(events)[start][0]
    assert f"Week 1: {slow_grid(events)[start][1]} of {size} people" in page.inner_text(".panel-foot [role=status]")
    page.keyboard.press("Control+End")
    assert page.evaluate("document.activeElement.dataset.at").endswith(",0")
    # The people behind the number are as many as it says.
    people = dashboard.call("GET", f"/api/analytics/reports/users?site={dashboard.site.key}&{link.query}")
    assert people["total"] == slow_grid(events)[start][1]


def test_the_charts_read_what_the_api_answers(dashboard: Dashboard, events: list[dict[str, Any]]) -> None:
    page = dashboard.open("retention")
    page.focus("section[aria-label=Lifecycle] svg")
    page.keyboard.press("End")
    today = monday(datetime.now(UTC).date())
    weeks = defaultdict(set)
    for event in events:
        weeks[monday(datetime.fromisoformat(event["ts"]).date())].add(event["user_id"])
    now, last = weeks[today], weeks[today - 7 * DAY]
    earlier = set[str]().union(*(users for week, users in weeks.items() if week < today))
    read = page.inner_text("section[aria-label=Lifecycle] .tip").split("\n")
    counts = dict(zip(read[1::2], read[2::2], strict=True))
    assert counts == {
        "Active": str(len(now)), "New": str(len(now - earlier)), "Returning": str(len(now & last)),
        "Resurrected": str(len(now & earlier - last)), "Dormant": str(len(last - now)),
    }  # fmt: skip
    page.focus("section[aria-label=Stickiness] svg")
    page.keyboard.press("End")
    days = defaultdict(set)
    for event in events:
        days[datetime.fromisoformat(event["ts"]).date()].add(event["user_id"])
    day = datetime.now(UTC).date()
    month = set[str]().union(*(users for one, users in days.items() if day - 29 * DAY <= one <= day))
    shown = page.inner_text("section[aria-label=Stickiness] .tip")
    assert f"30 days\n{len(month)}" in shown
    assert f"That day\n{len(days[day])}" in shown


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1360])
def test_the_page_is_clean(dashboard: Dashboard, events: list[dict[str, Any]], width: int, theme: str) -> None:
    page = dashboard.open("retention", width)
    page.emulate_media(color_scheme=theme)
    page.wait_for_timeout(300)
    assert find_violations(page) == []
    assert not scrolls_sideways(page)
    # On a phone the grid scrolls within itself, under its first column.
    page.evaluate("document.querySelector('.cohorts').scrollLeft = 400")
    box, first = page.locator(".cohorts").bounding_box(), page.locator(".cohorts tbody th").first.bounding_box()
    assert box is not None
    assert first is not None
    assert abs(first["x"] - box["x"]) < 8


def test_a_filter_narrows_who_comes_back(dashboard: Dashboard, events: list[dict[str, Any]]) -> None:
    page = dashboard.open("retention?numbers=1&filter=country%3D%3DDE")
    assert read_grid(page) == expected_rows(one for one in events if one["country"] == "DE")
    page.click(".chips button[aria-label^=Remove]")
    page.wait_for_selector(".chips", state="detached")
    page.wait_for_timeout(500)
    assert read_grid(page) == expected_rows(events)


def test_an_empty_and_a_failing_grid_say_so(dashboard: Dashboard) -> None:
    page = dashboard.open("retention")
    assert "Nobody came for the first time" in page.inner_text(".panel .empty")
    problem = {"status": 422, "detail": "took longer than 5 s; for example days=7", "code": "too_slow"}
    page.route("**/reports/retention?*", lambda route: route.fulfill(status=422, json=problem))
    page.click("text=Numbers")
    page.keyboard.press("w")
    page.wait_for_selector("[role=alert]:has-text('took longer')")
    page.unroute("**/reports/retention?*")
    page.click("[role=alert] >> text=Show the last 7 days")
    page.wait_for_selector("[role=alert]", state="detached")
    assert "period=custom" in page.url
    dashboard.messages[:] = [one for one in dashboard.messages if "Failed to load" not in one]
