"""The pages of goals, events and experiments, in Chromium before the real service; numbers are counted here by hand."""

import csv
import io
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from redis import Redis
from sqlalchemy import Engine

from analytics.sites.sites import Site
from tests.browser.dashboard.signed_in import Dashboard
from tests.browser.dashboard.visitor import find_violations, scrolls_sideways
from tests.web.web_server import WebServer

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Locator, Page

HOSTILE = "<img src=x onerror=alert(1)>\"'&{{7*7}};|.=~"
Events = list[dict[str, Any]]
GOALS = [
    {"name": f"Order {HOSTILE}", "type": "order", "value": {"property": "total", "currency_property": "currency"}},
    {"name": "Pricing", "path": "/pri*"},
    {"name": "Pro", "type": "signup", "filter": "payload.plan==pro"},
]


@pytest.fixture(autouse=True)
def settled(dashboard: Dashboard) -> Iterator[None]:
    yield
    dashboard.settle()


@pytest.fixture
def events(dashboard: Dashboard) -> Events:
    """Two hundred people in three weeks: pages, sign-ups with a plan, orders in two currencies, and hostile text."""
    made, chance = list[dict[str, Any]](), random.Random(11)
    for number in range(200):
        at = datetime.now(UTC) - timedelta(days=chance.uniform(1, 20))
        who = {
            "user_id": f"u{number:03}",
            "session_id": f"s{number}",
            "country": chance.choice(["DE", "DE", "FR", "US"]),
        }
        variant = chance.choice(["control", "short"])
        made.append({"type": "seen", "ts": at.isoformat(), "payload": {"variant": variant, HOSTILE: HOSTILE}, **who})
        for path in chance.sample(["/", "/pricing", "/blog"], 2):
            at += timedelta(minutes=1)
            made.append({"type": "page_view", "path": path, "ts": at.isoformat(), **who})
        if chance.random() < (0.3 if variant == "control" else 0.6):
            plan = chance.choice(["pro", "free", HOSTILE])
            made.append(
                {"type": "signup", "ts": (at + timedelta(minutes=2)).isoformat(), "payload": {"plan": plan}, **who}
            )
        if chance.random() < 0.3:
            paid = {"total": chance.choice(["9.90", "19.95"]), "currency": chance.choice(["EUR", "USD"])}
            made.append({"type": "order", "ts": (at + timedelta(minutes=3)).isoformat(), "payload": paid, **who})
    made.append({"type": HOSTILE, "ts": (at + timedelta(minutes=4)).isoformat(), **who})
    dashboard.send(*made)
    return made


@pytest.fixture
def goals(dashboard: Dashboard) -> list[str]:
    site = dashboard.site.key
    return [str(dashboard.call("POST", "/api/analytics/goals", {"site": site, **goal})["id"]) for goal in GOALS]


def of_type(events: Events, name: str) -> Events:
    return [event for event in events if event["type"] == name]


def users(events: Events) -> set[str]:
    return {event["user_id"] for event in events}


def read_cells(row: "Locator") -> list[str]:
    return [text.strip() for text in row.locator("td").all_inner_texts()]


def list_goals(dashboard: Dashboard) -> list[Any]:
    found: list[Any] = dashboard.call("GET", f"/api/analytics/goals?site={dashboard.site.key}")["goals"]
    return found


WIDTHS = {"wide": 1360, "phone": 390, "narrow": 320}
TYPE = f"events?type={quote(HOSTILE, safe='')}"
SEEN = f"events?type=seen&prop={quote('payload.x', safe='')}"
EXPERIMENT = "experiments?exposure_type=seen&variant=payload.variant&goal=signup"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_state_of_the_pages_is_drawn_without_a_fault(
    service: WebServer, site: Site, new_context: "Callable[..., BrowserContext]", token: Callable[..., Any],
    engine: Engine, redis: Redis, events: Events, goals: list[str], width: str, theme: str,
) -> None:  # fmt: skip
    context = new_context(color_scheme=theme)
    dashboard = Dashboard(service.port, site, context, token("read write export"), engine, redis)
    for path in ("events", TYPE, "events?type=seen&prop=variant", f"events?goal={goals[0]}", EXPERIMENT, "experiments"):
        page = dashboard.open(path, WIDTHS[width])
        page.wait_for_timeout(250)
        assert find_violations(page) == [], path
        assert not scrolls_sideways(page), path
        page.close()
    page = dashboard.open("events", WIDTHS[width])
    page.click("text=New goal")
    page.wait_for_selector("dialog form")
    assert find_violations(page) == []
    assert dashboard.messages == []


def test_types_are_listed_with_their_events_and_users(dashboard: Dashboard, events: Events) -> None:
    page = dashboard.open("events?compare=none")
    rows = page.locator("section[aria-label='Event types'] tbody tr")
    names = {event["type"] for event in events}
    found = {cells[0]: cells[-3:-1] for cells in map(read_cells, rows.all())}
    expected = {name: [str(len(of_type(events, name))), str(len(users(of_type(events, name))))] for name in names}
    expected["Page view"] = expected.pop("page_view")
    assert found == {name: [f"{int(n):,}" for n in numbers] for name, numbers in expected.items()}
    assert rows.locator(".spark").count() == len(names)


@pytest.mark.parametrize("query", ["", "?period=7d&compare=year&filter=country%3D%3DDE", "?period=year&compare=none"])
def test_the_first_request_is_made_once(dashboard: Dashboard, query: str) -> None:
    page = dashboard.open("start")
    asked: list[str] = []
    page.on("request", lambda request: "/event-types?" in request.url and asked.append(request.url))
    page.goto(f"{dashboard.url}/sites/{dashboard.site.key}/events{query}")
    page.wait_for_selector("html[data-drawn=events]")
    assert len(asked) == 1, asked


def test_a_type_has_its_properties_values_and_dimensions(dashboard: Dashboard, events: Events) -> None:
    page = dashboard.open("events?compare=none")
    page.click("section[aria-label='Event types'] a:has-text('signup')")
    page.wait_for_selector("h1:has-text('signup')")
    signups = of_type(events, "signup")
    page.wait_for_selector(f".kpi[title='{len(signups)}']")
    page.click("section[aria-label=Properties] a:has-text('plan')")
    panel = page.locator("section[aria-label='Values of plan']")
    panel.locator("tbody tr").first.wait_for()
    plans = [event["payload"]["plan"] for event in signups]
    found = {cells[0]: cells[-1] for cells in map(read_cells, panel.locator("tbody tr").all())}
    assert found == {plan: str(plans.count(plan)) for plan in set(plans)}
    by = page.locator("section[aria-label=By]")
    by.locator("tr:has-text('Germany')").wait_for()
    assert read_cells(by.locator("tr:has-text('Germany')"))[-1] == str(sum(one["country"] == "DE" for one in signups))
    page.select_option("[aria-label='Break down by']", "device")
    page.wait_for_url("**by=device*")
    page.go_back()
    page.wait_for_selector("section[aria-label='Event types']")
    assert dashboard.messages == []


def test_a_hostile_type_and_property_are_text(dashboard: Dashboard, events: Events) -> None:
    page = dashboard.open("events?type=seen")
    page.click("section[aria-label=Properties] a:has-text('img src')")
    row = page.locator("section[aria-label^='Values of <img'] tbody tr")
    row.wait_for()
    assert read_cells(row)[0] == HOSTILE
    row.locator("button").click()
    page.wait_for_selector(".chip")
    assert page.locator("img").count() == 0


def test_goals_have_their_figures_and_revenue(dashboard: Dashboard, events: Events, goals: list[str]) -> None:
    page = dashboard.open("events?compare=none")
    rows = page.locator("section[aria-label=Goals] tbody tr")
    everybody = len(users(events))
    orders = of_type(events, "order")
    met = [
        orders,
        [event for event in events if event.get("path") == "/pricing"],
        [event for event in of_type(events, "signup") if event["payload"]["plan"] == "pro"],
    ]
    for row, conversions in zip(rows.all(), met, strict=True):
        cells = read_cells(row)
        assert cells[1:3] == [str(len(conversions)), str(len(users(conversions)))]
        assert abs(float(cells[3].rstrip("%")) - 100 * len(users(conversions)) / everybody) < 0.06
    sums = {
        currency: sum(
            round(float(one["payload"]["total"]) * 100) for one in orders if one["payload"]["currency"] == currency
        )
        for currency in ("EUR", "USD")
    }
    expected = {f"€{sums['EUR'] / 100:,.2f}", f"${sums['USD'] / 100:,.2f}"}
    assert set(read_cells(rows.first)[-1].split(", ")) == expected


def test_a_goal_is_created_changed_deleted_and_brought_back(dashboard: Dashboard, events: Events) -> None:
    page = dashboard.open("events")
    page.click("text=New goal")
    page.get_by_label("Name").fill("Sign-up")
    page.get_by_role("combobox", name="Event type").fill("signup")
    page.select_option("dialog select >> nth=1", "fixed")
    page.get_by_role("textbox", name="Amount").fill("2.50")
    page.click("dialog >> text=Create the goal")
    page.wait_for_selector("h1:has-text('Sign-up')")
    [stored] = list_goals(dashboard)
    assert (stored["type"], stored["path"], stored["value"]) == ("signup", None, {"amount": "2.50"})
    page.get_by_role("button", name="Change", exact=True).click()
    page.select_option("dialog select >> nth=0", "page")
    page.get_by_role("combobox", name="Path").fill("/pricing")
    page.click("dialog >> text=Save >> nth=-1")
    page.wait_for_selector("text=Page /pricing")
    assert list_goals(dashboard)[0]["type"] == "page_view"
    page.click(".toast >> text=Undo")
    page.wait_for_selector("text=Event signup")
    page.get_by_role("button", name="Delete").click()
    page.wait_for_selector("text=No goals yet")
    assert list_goals(dashboard) == []
    page.click(".toast >> text=Undo")
    page.wait_for_selector("h1:has-text('Sign-up')")
    assert list_goals(dashboard)[0]["id"] == stored["id"]
    page.wait_for_selector(".chart svg")


def test_a_refused_goal_says_why(dashboard: Dashboard, events: Events, goals: list[str]) -> None:
    page = dashboard.open("events")
    page.click("text=New goal")
    page.get_by_label("Name").fill("Pricing")
    page.get_by_role("combobox", name="Event type").fill("x")
    page.click("dialog >> text=Create the goal")
    page.wait_for_selector("dialog [role=alert]:has-text('already')")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.textContent") == "New goal"
    # Chromium names each response of an error status in the console.
    assert all("Failed to load resource" in message for message in dashboard.messages)
    dashboard.messages.clear()


def test_a_goal_report_and_its_files_have_the_same_numbers(
    dashboard: Dashboard, events: Events, goals: list[str]
) -> None:
    page = dashboard.open(f"events?goal={goals[0]}&compare=none")
    orders = of_type(events, "order")
    assert page.locator(".kpi").first.get_attribute("title") == str(len(orders))
    countries = {code: sum(one["country"] == code for one in orders) for code in ("DE", "FR", "US")}
    rows = {
        cells[0].split("\n")[-1]: cells[1]
        for cells in map(read_cells, page.locator("section[aria-label=By] tbody tr").all())
    }
    assert rows == {
        "Germany": str(countries["DE"]),
        "France": str(countries["FR"]),
        "United States": str(countries["US"]),
    }
    address = page.get_attribute("section[aria-label=By] a[download]", "href")
    answer = page.request.get(dashboard.url + str(address))
    assert {row["value"]: int(row["conversions"]) for row in csv.DictReader(io.StringIO(answer.text()))} == countries
    address = page.get_attribute(".plot a[download]", "href")
    by_day = csv.DictReader(io.StringIO(page.request.get(dashboard.url + str(address)).text()))
    assert sum(int(row["conversions"]) for row in by_day) == len(orders)
    page.get_by_role("button", name="Rate").click()
    page.wait_for_url("**measure=rate*")


def test_a_comparison_that_is_refused_is_left_out(dashboard: Dashboard, events: Events, goals: list[str]) -> None:
    page = dashboard.open("events")
    problem = {"status": 400, "detail": "compare: raw events are kept since yesterday", "code": "bad_parameter"}
    page.route("**/report?*compare=*", lambda route: route.fulfill(status=400, json=problem))
    page.click("section[aria-label=Goals] a:has-text('Pricing')")
    page.wait_for_selector("text=Not compared")
    page.wait_for_selector(".chart svg")
    assert page.locator("[role=alert]").count() == 0
    dashboard.messages.clear()


def test_who_may_only_read_changes_nothing(
    service: WebServer, site: Site, new_context: "Callable[..., BrowserContext]", token: Callable[..., Any],
    engine: Engine, redis: Redis, goals: list[str], events: Events,
) -> None:  # fmt: skip
    dashboard = Dashboard(service.port, site, new_context(), token("read"), engine, redis)
    page = dashboard.open(f"events?goal={goals[1]}")
    assert page.get_by_role("button", name="Delete").count() == 0
    page = dashboard.open(EXPERIMENT)
    assert page.locator(".variant").count() == 3
    assert page.locator(".variant a").count() == 0


def test_a_site_without_events_learns_how_to_send_one(dashboard: Dashboard) -> None:
    page = dashboard.open("events")
    assert "No events in this period" in page.inner_text("main")
    assert 'client.track("signup", { plan: "pro" });' in page.inner_text("main")
    page = dashboard.open(EXPERIMENT)
    assert "No user saw a variant in this period" in page.inner_text("main")
    assert '{"type":"seen","user_id":"ann","payload":{"variant":"short"}}' in page.inner_text("main")


def test_a_report_that_fails_says_why_and_tries_again(dashboard: Dashboard, events: Events) -> None:
    problem = {"status": 422, "detail": "days: took longer; for example days=7", "code": "too_slow"}
    page = dashboard.open("events")
    page.route("**/reports/event-types?*", lambda route: route.fulfill(status=422, json=problem))
    page.click(".compare-menu button")
    page.click("text=No comparison")
    page.wait_for_selector("[role=alert] >> text=Show the last 7 days")
    page.unroute("**/reports/event-types?*")
    page.click("[role=alert] >> text=Try again")
    page.wait_for_selector("[role=alert]", state="detached")
    dashboard.messages.clear()


def count_experiment(events: Events) -> dict[str, tuple[int, int]]:
    """Variant → users, and those with a later sign-up. Everybody saw one variant, before anything else."""
    seen = {one["user_id"]: one["payload"]["variant"] for one in of_type(events, "seen")}
    converted = users(of_type(events, "signup"))
    return {
        name: (
            sum(one == name for one in seen.values()),
            sum(one == name and who in converted for who, one in seen.items()),
        )
        for name in set(seen.values())
    }


def read_variants(page: "Page") -> dict[str, tuple[int, int]]:
    rows = [row.locator("[role=cell]").all_inner_texts() for row in page.locator(".variant:not(.heads)").all()]
    return {
        cells[0].split("\n")[0].removesuffix("control") or "control": (
            int(cells[1].split()[-1]),
            int(cells[2].split()[-1]),
        )
        for cells in rows
    }


def test_an_experiment_is_chosen_and_remembered(dashboard: Dashboard, events: Events, goals: list[str]) -> None:
    page = dashboard.open("experiments")
    page.get_by_label("Exposure").fill("seen")
    page.get_by_label("Property with the variant").fill("variant")
    page.select_option("select[name=goal]", "signup")
    page.click("text=Show the result")
    page.wait_for_selector(".variant:not(.heads)")
    assert parse_qs(urlsplit(page.url).query) == {
        "exposure_type": ["seen"],
        "variant": ["payload.variant"],
        "goal": ["signup"],
    }
    assert read_variants(page) == count_experiment(events)
    asked = f"/api/analytics/reports/experiment?site={dashboard.site.key}&days=28&exposure_type=seen&variant=payload.variant&goal=signup"
    [_, short] = dashboard.call("GET", asked)["variants"]
    shown = page.inner_text(".interval-text")
    assert f"{short['difference']['absolute'] * 100:+.1f} points" in shown
    assert f"{short['difference']['low'] * 100:+.1f} to {short['difference']['high'] * 100:+.1f}" in shown
    link = page.get_attribute(".variant:has-text('short') a >> nth=1", "href")
    query = parse_qs(urlsplit(str(link)).query)
    group = {
        "goal": "signup",
        "exposure_type": "seen",
        "variant_property": "payload.variant",
        "variant": "short",
        "converted": "true",
    }
    assert query == {name: [value] for name, value in group.items()}
    listed = dashboard.call(
        "GET", f"/api/analytics/reports/users?site={dashboard.site.key}&days=28&" + urlsplit(str(link)).query
    )
    assert listed["total"] == count_experiment(events)["short"][1]
    page.select_option(".control-pick select", "short")
    page.wait_for_selector(".variant:has-text('short') .tagged")


def test_a_mismatch_and_mixed_users_are_told(dashboard: Dashboard, events: Events) -> None:
    dashboard.send(
        *(
            {"type": "seen", "user_id": f"u00{number}", "payload": {"variant": name}}
            for number in range(3)
            for name in ("control", "short")
        )
    )
    page = dashboard.open(f"{EXPERIMENT}&weight=control:0.9,short:0.1")
    assert "Ignore the other figures" in page.inner_text("[role=alert]")
    mixed = sum(1 for number in range(3))
    assert f"{mixed} users saw several variants" in page.inner_text(".experiment-notes")
