"""Operations in Chromium: the state, where an event is, the balance, and dead letters.

Actions of the page: find an event, check the balance (of days, in full), show, put back and discard a dead letter or
all of a reason, show more of them.
"""

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from redis import Redis
from sqlalchemy import Engine

from analytics.ops.task_runs import TASK_NAMES_KEY, task_key
from tests.browser.dashboard.signed_in import Dashboard
from tests.browser.dashboard.visitor import find_violations, scrolls_sideways
from tests.ingest.drain.letters import poisoned, retry_all, run

if TYPE_CHECKING:
    from playwright.sync_api import Page

HOSTILE = "<img src=x onerror=alert(1)>"
POISON = {"type": "page_view", "path": "/poison", "payload": {HOSTILE: HOSTILE}, "user_id": HOSTILE}


@pytest.fixture
def mend(engine: Engine) -> Iterator[Callable[[], None]]:
    with poisoned(engine) as mend:
        run(engine, "DELETE FROM dead_letters")
        yield mend


def find_event(page: "Page", event_id: str, answer: str) -> None:
    """Returns when the page says so."""
    page.get_by_label("Event id").fill(event_id)
    page.get_by_role("button", name="Find it").click()
    page.locator(".trace", has_text=answer).wait_for()


@pytest.mark.parametrize("width", [320, 390, 1360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.usefixtures("mend")
def test_the_page_is_accessible_and_fits(dashboard: Dashboard, width: int, scheme: Any) -> None:
    dashboard.send({"type": "page_view"}, POISON)
    page = dashboard.open("operations", width)
    page.emulate_media(color_scheme=scheme)
    page.get_by_role("button", name="Check now").click()
    page.wait_for_selector(".trace table")
    page.wait_for_selector(".letters li")
    assert (find_violations(page), scrolls_sideways(page)) == ([], False)


def test_a_person_finds_why_an_event_is_missing(dashboard: Dashboard, mend: Callable[[], None]) -> None:
    stored, lost = str(uuid.uuid4()), str(uuid.uuid4())
    dashboard.send({"type": "signup", "event_id": stored, "user_id": "ann"}, {**POISON, "event_id": lost})
    page = dashboard.open("operations")
    find_event(page, str(uuid.uuid4()), "Either it never arrived")
    # Chromium names each response of an error status in the console.
    assert [one.startswith("Failed to load resource") for one in dashboard.messages] == [True]
    dashboard.messages.clear()
    find_event(page, stored, "The event is stored once")
    find_event(page, lost, "under dead letters")
    dashboard.call("POST", f"/api/analytics/ingest?site={dashboard.site.key}", [{"type": "a", "event_id": "waits"}])
    find_event(page, "waits", "waits for a worker")


def test_the_balance_is_that_of_the_events(dashboard: Dashboard) -> None:
    sent = [{"type": "page_view", "event_id": str(uuid.uuid4())} for _ in range(3)]
    dashboard.send(*sent)
    dashboard.send(sent[0])
    page = dashboard.open("operations")
    page.get_by_label("Also recount every row").check()
    page.get_by_role("button", name="Check now").click()
    row = page.locator("table", has_text="By hour of receipt").locator("tbody tr").first
    row.wait_for()
    assert row.locator("td").all_inner_texts()[1:] == ["4", "3", "1", "0", "0", "0"]
    assert "Balanced" in page.inner_text("section[aria-label='Is every event accounted for?'] .trace")


@pytest.mark.parametrize(
    ("gap", "shown"), [(None, "Balanced"), ("shop 2026-01-01T10: stored: 4 expected, 3 found", "There are gaps")]
)
def test_the_last_audit_is_told_with_its_place(dashboard: Dashboard, redis: Redis, gap: str | None, shown: str) -> None:
    result = json.dumps({"gap": gap, "checked_at": "2026-01-01T12:00:00Z"})
    redis.hset(task_key("maintenance.audit"), mapping={"ended_at": "2026-01-01T12:00:00Z", "result": result})
    redis.sadd(TASK_NAMES_KEY, "maintenance.audit")
    page = dashboard.open("operations")
    tile = page.locator(".kpi", has_text="Audit")
    assert (tile.locator(".kpi-value").inner_text(), tile.get_attribute("title")) == (shown, gap)
    assert "checked" in tile.inner_text()
    assert page.get_by_text(f"found a gap: {gap}").count() == (0 if gap is None else 1)


def test_a_person_puts_a_dead_letter_back(dashboard: Dashboard, mend: Callable[[], None], engine: Engine) -> None:
    event_id = str(uuid.uuid4())
    dashboard.send({**POISON, "event_id": event_id})
    page = dashboard.open("operations")
    letters = page.locator("section[aria-label='Dead letters']")
    letters.get_by_role("button", name="Show", exact=True).click()
    assert HOSTILE in page.inner_text("dialog pre")
    page.keyboard.press("Escape")
    mend()
    letters.get_by_role("button", name="Put back", exact=True).click()
    letters.get_by_text("A worker tries 1 letter again.").wait_for()
    letters.get_by_text("Retry requested").wait_for()
    retry_all(engine)
    letters.get_by_text("No dead letters").wait_for(timeout=10_000)
    find_event(page, event_id, "The event is stored once")


def test_discarding_asks_first(dashboard: Dashboard, mend: Callable[[], None]) -> None:
    dashboard.send(POISON, POISON)
    page = dashboard.open("operations")
    letters = page.locator("section[aria-label='Dead letters']")
    letters.get_by_role("button", name="Discard all").click()
    page.locator("dialog").get_by_role("button", name="Cancel").click()
    assert letters.locator(".letters li").count() == 2
    letters.get_by_role("button", name="Discard all").click()
    page.locator("dialog").get_by_role("button", name="Discard for ever").click()
    letters.get_by_text("2 letters discarded.").wait_for()
    assert dashboard.call("GET", f"/api/analytics/dead-letters?site={dashboard.site.key}")["dead_letters"] == []


def test_what_retention_deletes_next_is_shown(dashboard: Dashboard) -> None:
    site = dashboard.site.key
    old = (datetime.now(UTC) - timedelta(days=20)).isoformat()
    dashboard.send({"type": "page_view", "ts": old}, {"type": "page_view", "ts": old}, {"type": "page_view"})
    dashboard.call("PATCH", f"/api/analytics/sites/{site}", {"event_retention_days": 10})
    page = dashboard.open("operations")
    row = page.locator("section[aria-label='What is stored'] tr", has_text="deleted")
    assert row.locator("td").nth(2).inner_text() == "2"


def test_figures_of_the_service_are_those_of_its_health(dashboard: Dashboard) -> None:
    page = dashboard.open("operations")
    health = dashboard.call("GET", "/health")
    assert page.inner_text(".service-state .state") in ("Healthy", "Needs attention")
    memory = page.locator(".kpi", has_text="Memory of Redis").locator(".kpi-value").inner_text()
    used = health["redis_memory"]["used_bytes"] / 1e6
    assert abs(float(memory.split()[0]) - used) < 0.5
