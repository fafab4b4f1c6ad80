"""The page of funnels, in Chromium before the real service: built, read, changed; numbers are counted by hand."""

import random
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from redis import Redis
from sqlalchemy import Engine

from analytics.sites.sites import Site
from tests.browser.dashboard.signed_in import Dashboard
from tests.browser.dashboard.slow_funnel import event, find_depths, page
from tests.browser.dashboard.visitor import find_violations, scrolls_sideways
from tests.web.web_server import WebServer

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Locator, Page

HOSTILE = "<img src=x onerror=alert(1)>\"'&{{7*7}}"
STEPS = [
    {"type": "page", "name": "Prices", "condition": {"page": "/pricing"}},
    {"type": "event", "condition": {"event": "signup"}},
    {"type": "event", "name": "Bought", "condition": {"event": "purchase"}},
]
SLOW = [page("/pricing"), event("signup"), event("purchase")]


@pytest.fixture
def events(dashboard: Dashboard) -> list[dict[str, Any]]:
    """Sixty people in three weeks, some of whom go from prices to a purchase, in any order; a third of them twice."""
    made, chance = list[dict[str, Any]](), random.Random(3)
    for number in range(80):
        at = datetime.now(UTC) - timedelta(days=chance.uniform(1, 20))
        who = {"user_id": f"u{number % 60:02}", "session_id": f"s{number}", "country": chance.choice(["DE", "FR"])}
        for kind in chance.sample(["/", "/pricing", "signup", "purchase"], chance.randint(1, 4)):
            at += timedelta(minutes=chance.randint(1, 90))
            what = {"type": "page_view", "path": kind} if kind[0] == "/" else {"type": kind, "payload": {"total": 5}}
            made.append({"ts": at.isoformat(), **what, **who})
    dashboard.send(*made)
    return made


def add_funnel(dashboard: Dashboard, name: str = "From prices to purchase", **fields: Any) -> str:
    body = {"name": name, "steps": STEPS, **fields}
    made = dashboard.call("POST", f"/api/v1/funnels/?site={dashboard.site.key}", body)
    return str(made["data"]["id"])


def list_funnels(dashboard: Dashboard) -> list[Any]:
    found: list[Any] = dashboard.call("GET", f"/api/v1/funnels/?site={dashboard.site.key}")["data"]
    return found


def count_reached(events: list[dict[str, Any]], steps: list[Any] = SLOW) -> list[int]:
    depths = find_depths(events, steps).values()
    return [sum(depth > step for depth in depths) for step in range(len(steps))]


def read_reached(box: "Page | Locator") -> list[int]:
    return [int(text) for text in box.locator(".fstep-n b").all_inner_texts()]


def test_a_person_who_never_read_the_docs_builds_a_funnel(dashboard: Dashboard, events: list[dict[str, Any]]) -> None:
    """Only what is on the screen is clicked; nothing is typed."""
    view = dashboard.open("")
    view.click("nav >> text=Funnels")
    view.click("text=Build a funnel")
    view.click(".bstep >> nth=0 >> .pick:text-is('/pricing')")
    second = view.locator(".bstep").nth(1)
    second.get_by_role("button", name="Event").click()
    second.locator(".pick", has_text="signup").click()
    preview = view.locator("section[aria-label=Preview]")
    preview.locator(".fstep").nth(1).wait_for()
    expected = count_reached(events, SLOW[:2])
    assert 0 < expected[1] < expected[0]
    assert read_reached(preview) == expected
    view.click("text=Save the funnel")
    view.wait_for_selector("h1:text-is('/pricing → signup')")
    view.wait_for_selector(".hero .fstep >> nth=1")
    assert read_reached(view) == expected
    [stored] = list_funnels(dashboard)
    assert [one["condition"] for one in stored["steps"]] == [{"page": "/pricing"}, {"event": "signup"}]
    assert f"funnel={stored['id']}" in view.url


def test_the_report_shows_what_the_api_counts(dashboard: Dashboard, events: list[dict[str, Any]]) -> None:
    funnel = add_funnel(dashboard, value="total")
    view = dashboard.open(f"funnels?funnel={funnel}")
    reached = count_reached(events)
    assert read_reached(view) == reached
    rates = [float(text.rstrip("%")) for text in view.locator(".fstep-rate > b").all_inner_texts()]
    assert rates == [round(100 * n / reached[0], 1) for n in reached]
    lost = [int(text.split()[0]) for text in view.locator(".fstep-foot .lost").all_inner_texts()]
    assert lost == [reached[0] - reached[1], reached[1] - reached[2]]
    values = view.locator(".kpi-value").all_inner_texts()
    assert values[1:3] == [str(reached[0]), str(reached[2])]
    # Five for each who bought.
    assert values[4] == f"{5 * reached[2]}.00"
    cohorts = view.locator("section[aria-label='By first day'] tbody tr")
    assert sum(int(one.locator("td").nth(1).inner_text()) for one in cohorts.all()) == reached[0]


def test_the_report_by_country_has_the_starts_of_each(dashboard: Dashboard, events: list[dict[str, Any]]) -> None:
    funnel = add_funnel(dashboard)
    path = f"/api/v1/funnels/{funnel}/analytics/detailed?site={dashboard.site.key}&days=28&breakdown=country"
    view = dashboard.open(f"funnels?funnel={funnel}")
    rows = view.locator("section[aria-label=By] tbody tr").all()
    shown = [[one.inner_text() for one in row.locator("td").all()[:3]] for row in rows]
    names = {"DE": "Germany", "FR": "France"}
    expected = dashboard.call("GET", path)["breakdown"]["rows"]
    assert shown == [[names[row["value"]], str(row["total_starts"]), str(row["total_conversions"])] for row in expected]
    assert sum(row["total_starts"] for row in expected) == count_reached(events)[0]
    view.locator("section[aria-label=By] select").select_option("browser")
    view.wait_for_selector("section[aria-label=By] th:has-text('Browser')")
    assert "by=browser" in view.url


def test_two_periods_and_two_funnels_are_compared(dashboard: Dashboard, events: list[dict[str, Any]]) -> None:
    first, second = add_funnel(dashboard), add_funnel(dashboard, "Only signing up", steps=STEPS[:2])
    view = dashboard.open(f"funnels?funnel={first}&period=7d")
    since = (datetime.now(UTC) - timedelta(days=6)).date()
    before = [one for one in events if 0 < (since - datetime.fromisoformat(one["ts"]).date()).days <= 7]
    running = datetime.now(UTC) - timedelta(days=7)
    starts = count_reached([one for one in before if datetime.fromisoformat(one["ts"]) < running])[0]
    assert f"from {starts}" in view.locator(".kpi", has_text="Started").inner_text()
    view.get_by_role("button", name="Choose funnels").click()
    view.get_by_role("menuitemcheckbox", name="Only signing up").click()
    panel = view.locator("section[aria-label='Beside other funnels'] tbody tr")
    panel.nth(1).wait_for()
    body = {"funnel_ids": [first, second], "date_range": {"days": 7}}
    expected = dashboard.call("POST", f"/api/v1/funnels/compare?site={dashboard.site.key}", body)
    shown = [[int(one.inner_text()) for one in row.locator("td").all()[1:3]] for row in panel.all()]
    assert shown == [[row["total_starts"], row["total_conversions"]] for row in expected]
    assert f"with={second}" in view.url


def test_the_list_has_the_figures_of_each_funnel(dashboard: Dashboard, events: list[dict[str, Any]]) -> None:
    for number in range(5):
        add_funnel(dashboard, f"Funnel {number}")
    view = dashboard.open("funnels")
    reached = count_reached(events)
    rows = [[one.inner_text() for one in row.locator("td").all()[1:3]] for row in view.locator("tbody tr").all()]
    assert rows == [[str(reached[0]), str(reached[2])]] * 5
    view.click("tbody tr >> nth=3 >> a")
    view.wait_for_selector("h1:text-is('Funnel 3')")
    view.wait_for_selector(".fstep")
    view.go_back()
    view.wait_for_selector("h1:text-is('Funnels')")


def names_of_steps(view: "Page") -> list[str]:
    return [one.input_value() for one in view.locator(".bstep > .field input").all()]


def test_steps_are_moved_by_keyboard_and_by_pointer(dashboard: Dashboard) -> None:
    view = dashboard.open(f"funnels?edit={add_funnel(dashboard)}")
    view.get_by_label("Move step 3 up").focus()
    view.keyboard.press("Enter")
    view.keyboard.press("Enter")
    assert names_of_steps(view) == ["purchase", "/pricing", "signup"]
    view.wait_for_selector("[aria-label='Move step 1 down']:focus")
    assert view.inner_text(".builder [role=status].vh") == "Moved: now step 1 of 3"
    grip, last = view.locator(".grip").first.bounding_box(), view.locator(".bstep").last.bounding_box()
    assert grip
    assert last
    view.mouse.move(grip["x"] + 8, grip["y"] + 8)
    view.mouse.down()
    view.mouse.move(grip["x"] + 8, last["y"] + last["height"] - 4, steps=12)
    view.mouse.up()
    assert names_of_steps(view) == ["/pricing", "signup", "purchase"]


def test_a_step_is_added_named_and_removed(dashboard: Dashboard) -> None:
    funnel = add_funnel(dashboard)
    view = dashboard.open(f"funnels?edit={funnel}")
    view.click("text=Add a step")
    view.wait_for_selector(".bstep:last-child input:focus")
    view.keyboard.type("thanks")
    view.get_by_label("Remove step 2").click()
    view.get_by_label("Between steps").select_option("strict")
    view.get_by_label("Count").select_option("visit")
    view.get_by_label("Within").fill("90")
    view.get_by_label("Unit of the time").select_option("60")
    view.get_by_role("button", name="Save", exact=True).click()
    view.wait_for_selector(".toast:has-text('Saved')")
    [stored] = list_funnels(dashboard)
    assert (stored["ordering"], stored["scope"], stored["window_s"]) == ("strict", "visit", 5400)
    steps = [(one["id"], one["condition"]) for one in stored["steps"]]
    assert steps == [("1", {"page": "/pricing"}), ("3", {"event": "purchase"}), ("2", {"event": "thanks"})]


def test_a_step_may_have_conditions(dashboard: Dashboard, events: list[dict[str, Any]]) -> None:
    view = dashboard.open(f"funnels?edit={add_funnel(dashboard, steps=STEPS[:2])}")
    step = view.locator(".bstep").first
    step.get_by_role("button", name="Filter").click()
    view.click("text=Add a filter")
    dialog = view.locator("dialog")
    assert dialog.locator("option[value=entry_path]").count() == 0
    dialog.get_by_label("Field").select_option("country")
    dialog.get_by_label("Value").fill("DE")
    dialog.get_by_role("button", name="Apply").click()
    step.locator(".chip", has_text="Germany").wait_for()
    preview = view.locator("section[aria-label=Preview]")
    germans = [lambda one: SLOW[0](one) and one["country"] == "DE", SLOW[1]]
    expected = count_reached(events, germans)
    preview.locator(".fstep-n b").first.filter(has_text=re.compile(f"^{expected[0]}$")).wait_for()
    assert read_reached(preview) == expected
    view.get_by_role("button", name="Save", exact=True).click()
    view.wait_for_selector(".toast")
    assert list_funnels(dashboard)[0]["steps"][0]["condition"] == {"page": "/pricing", "filter": "country==DE"}


def test_a_draft_outlives_a_reload_and_is_forgotten_when_cancelled(dashboard: Dashboard) -> None:
    view = dashboard.open("funnels?edit=new")
    view.get_by_label("Name", exact=True).fill("Half done")
    view.locator(".bstep > .field input").first.fill("/cart")
    view.reload()
    view.wait_for_selector(".bstep")
    assert (view.get_by_label("Name", exact=True).input_value(), names_of_steps(view)) == ("Half done", ["/cart", ""])
    assert view.get_by_role("button", name="Save the funnel").is_disabled()
    view.get_by_role("button", name="Cancel").click()
    view.click("text=Build a funnel")
    assert names_of_steps(view) == ["", ""]
    assert list_funnels(dashboard) == []


def test_a_funnel_is_duplicated(dashboard: Dashboard) -> None:
    view = dashboard.open(f"funnels?funnel={add_funnel(dashboard)}")
    view.get_by_role("link", name="Duplicate").click()
    view.get_by_role("button", name="Save the funnel").click()
    view.wait_for_selector("h1:text-is('From prices to purchase (copy)')")
    one, other = list_funnels(dashboard)
    assert [step["condition"] for step in one["steps"]] == [step["condition"] for step in other["steps"]]


def test_a_deleted_funnel_comes_back(dashboard: Dashboard) -> None:
    funnel = add_funnel(dashboard)
    view = dashboard.open(f"funnels?funnel={funnel}")
    view.get_by_role("button", name="Delete").click()
    view.wait_for_selector(".toast:has-text('Deleted: From prices to purchase')")
    assert list_funnels(dashboard) == []
    view.get_by_role("button", name="Undo").click()
    view.wait_for_selector("h1:text-is('From prices to purchase')")
    [back] = list_funnels(dashboard)
    assert back["id"] == funnel


def test_a_pattern_that_the_service_refuses_is_explained(dashboard: Dashboard) -> None:
    view = dashboard.open("funnels?edit=new")
    first, second = view.locator(".bstep > .field input").all()
    first.fill("/*a" * 11)
    second.fill("/b")
    view.locator("section[aria-label=Preview] [role=alert]", has_text="at most 10 wildcards").wait_for()
    dashboard.messages.clear()


def test_a_report_that_takes_too_long_offers_a_shorter_period(dashboard: Dashboard) -> None:
    funnel, problem = add_funnel(dashboard), "days: took longer than 5 s and was stopped; for example days=7"
    view = dashboard.open("funnels")
    answer = {"status": 422, "detail": problem, "code": "too_slow"}
    view.route("**/analytics/detailed?*days=28*", lambda route: route.fulfill(status=422, json=answer))
    view.click("tbody a")
    view.click("[role=alert] >> text=Show the last 7 days")
    view.wait_for_selector(".hero .kpi-value:text-is('0')")
    assert f"funnel={funnel}" in view.url
    assert "period=custom" in view.url
    dashboard.messages.clear()


def test_a_funnel_that_was_deleted_says_so(dashboard: Dashboard) -> None:
    view = dashboard.open("funnels?funnel=5b0ff3f4-3a53-4f0e-9a3a-5f1d6f1b6c11")
    assert "This funnel does not exist" in view.inner_text("main")


def test_who_may_only_read_tries_funnels_and_saves_none(
    service: WebServer,
    site: Site,
    new_context: "Callable[..., BrowserContext]",
    token: Any,
    engine: Engine,
    redis: Redis,
) -> None:
    reader = Dashboard(service.port, site, new_context(), token("read"), engine, redis)
    view = reader.open("funnels?edit=new")
    assert view.get_by_text("Saving needs the right write").count() == 1
    assert view.get_by_role("button", name="Save the funnel").count() == 0
    assert reader.messages == []


def open_states(dashboard: Dashboard, funnel: str) -> dict[str, str]:
    other = list_funnels(dashboard)[-1]["id"]
    return {"report": f"?funnel={funnel}&with={other}", "builder": f"?edit={funnel}", "list": ""}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1360])
def test_hostile_names_do_nothing_and_fit(
    service: WebServer, site: Site, new_context: "Callable[..., BrowserContext]", token: Any, engine: Engine,
    redis: Redis, width: int, theme: str,
) -> None:  # fmt: skip
    context = new_context(color_scheme=theme, locale="de-DE" if theme == "dark" else "en-US")
    dashboard = Dashboard(service.port, site, context, token("read write ingest export admin"), engine, redis)
    now = datetime.now(UTC).isoformat()
    who = {"ts": now, "user_id": HOSTILE, "country": "DE"}
    dashboard.send(
        {"type": "page_view", "path": "/" + HOSTILE, **who},
        {"type": HOSTILE[:40], "payload": {HOSTILE: HOSTILE}, **who},
    )
    steps = [
        {"type": "page", "name": HOSTILE, "condition": {"page": "/" + HOSTILE}},
        {"type": "event", "condition": {"event": HOSTILE[:40], "filter": f"user_id=={HOSTILE}"}},
    ]
    funnel = add_funnel(dashboard, HOSTILE * 4, steps=steps, description=HOSTILE)
    add_funnel(dashboard, "Other" + HOSTILE)
    for name, path in open_states(dashboard, funnel).items():
        view = dashboard.open("funnels" + path, width)
        view.wait_for_timeout(500)
        assert view.locator("img").count() == 0
        assert not scrolls_sideways(view), name
        assert find_violations(view) == [], name
    assert dashboard.messages == []
