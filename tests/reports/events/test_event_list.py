"""The list of events against a slow count of the same rows in Python; its pages and their query plan."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from analytics import clock
from analytics.reports.events import event_list
from analytics.rollups.merge import merge_all
from analytics.sites.sites import Site, clear_site_cache
from analytics.store.planner import force_time_scan
from tests.empty_tables import delete_all
from tests.examples import examples
from tests.reports.brute_force import STARTS, ZONES, as_payloads, event_drafts
from tests.reports.conftest import Store

START = STARTS[2]
NOW = (START + timedelta(days=2, hours=13)).replace(tzinfo=UTC)
Get = Callable[..., Any]


@pytest.fixture
def get(client: FlaskClient, token: Any, auth: Any, monkeypatch: pytest.MonkeyPatch) -> Get:
    """`get("limit=3", 200)`: the JSON of the response, at NOW."""
    monkeypatch.setattr(clock, "now", lambda: NOW)

    def read(query: str = "", status: int = 200) -> Any:
        response = client.get(f"/events?{query}", headers=auth(token("read")))
        assert response.status_code == status, response.json
        return response.json

    return read


def all_pages(get: Get, query: str, limit: int) -> tuple[list[dict[str, Any]], set[int]]:
    """The events of all pages, and the totals of the pages."""
    events, totals, cursor = [], set(), ""
    while True:
        page = get(f"{query}&limit={limit}{cursor}")
        assert page["count"] == len(page["events"]) <= limit
        events += page["events"]
        totals.add(page["total"])
        if page["next_cursor"] is None:
            return events, totals
        cursor = f"&cursor={page['next_cursor']}"


def reset_site(engine: Engine, zone: str) -> None:
    """Between two examples: deletes all events and sets the zone of the site."""
    with engine.begin() as connection:
        connection.execute(delete_all("events, rollups, rollup_deltas, visits, visit_rollups, open_days"))
        connection.execute(text("UPDATE sites SET zone = :zone, rollups_zone = NULL"), {"zone": zone})
    clear_site_cache(engine)


def slow_list(sql: Any, kind: str | None, bots: bool, start: datetime, end: datetime) -> list[str]:
    rows = sql("SELECT ts, received_at, position, event_id::text, type, is_bot FROM events")
    events = [key for *key, type_, is_bot in rows if kind in (None, type_) and (bots or not is_bot)]
    return [f"event_{event_id}" for ts, *_, event_id in sorted(events, reverse=True) if start <= ts < end]


@settings(max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    drafts=event_drafts(3),
    kind=st.sampled_from([None, "page_view", "click", "never_sent"]),
    bots=st.booleans(),
    limit=st.integers(1, 7),
    zone=st.sampled_from(ZONES),
    hours=st.sampled_from([None, 1, 30, 50]),
    is_merged=st.booleans(),
)
def test_pages_hold_every_event_once_and_the_total(
    get: Get, store: Store, sql: Any, engine: Engine, drafts: Any, kind: str | None, bots: bool, limit: int, zone: str,
    hours: int | None, is_merged: bool,
) -> None:  # fmt: skip
    reset_site(engine, zone)
    store(as_payloads(drafts, START))
    if is_merged:
        merge_all(engine, 10)
    start, end = (NOW - timedelta(hours=hours), NOW) if hours else (NOW - timedelta(days=9), NOW + timedelta(days=9))
    query = f"include_bots={bots}" + (f"&hours={hours}" if hours else "") + (f"&event_name={kind}" if kind else "")
    events, totals = all_pages(get, query, limit)
    expected = slow_list(sql, kind, bots, start, end)
    assert [event["id"] for event in events] == expected
    assert totals == {len(expected)}


def test_an_event_is_shown_as_it_was_sent(get: Get, store: Store) -> None:
    event_id = "0193a2f0-7c1e-7000-8000-000000000000"
    sent = {"event_id": event_id, "type": "user_login", "user_id": "user123", "payload": {"method": "google"}}
    store([sent | {"ts": "2026-03-28T10:00:00.5Z"}])
    [event] = get()["events"]
    expected = {"id": f"event_{event_id}", "event_name": "user_login", "user_id": "user123"}
    assert event == expected | {"properties": {"method": "google"}, "timestamp": "2026-03-28T10:00:00.500000Z"}


def test_events_of_one_instant_are_in_the_order_of_receipt(get: Get, store: Store) -> None:
    ids = [f"0193a2f0-7c1e-7000-8000-00000000000{n}" for n in (3, 1, 4, 0, 2)]
    received_us = int(NOW.timestamp()) * 1_000_000
    for number, batch in enumerate((ids[:3], ids[3:])):
        events = [{"event_id": event_id, "ts": "2026-03-28T10:00:00Z"} for event_id in batch]
        store(events, received_us=received_us + number)
    events, _ = all_pages(get, "", 2)
    assert [event["id"] for event in events] == [f"event_{event_id}" for event_id in reversed(ids)]


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "1-2", "1764000000000000", "-1-" + "0" * 32, "9" * 18 + "-" + "0" * 32, "1%00-" + "0" * 32, "'" * 5000],
)
def test_an_invalid_cursor_is_refused_by_name(get: Get, site: Site, cursor: str) -> None:
    problem = get(f"cursor={cursor}", 400)
    assert [error["field"] for error in problem["errors"]] == ["cursor"]


def test_types_that_rollups_count_as_other_are_listed_and_counted(get: Get, store: Store, engine: Engine) -> None:
    store([{"type": f"t{n}", "ts": f"2026-03-28T10:00:{n % 60:02}Z"} for n in range(230)])
    merge_all(engine, 10)
    page = get("event_name=t229")
    assert (page["count"], page["total"], get()["total"]) == (1, 1, 230)


SUMMARISE = text("""
SELECT brin_summarize_new_values(i.oid)
FROM pg_class i JOIN pg_am a ON a.oid = i.relam
WHERE a.amname = 'brin' AND i.relkind = 'i'
""")


def test_pages_are_read_by_time(engine: Engine, fill: Any, site: Site) -> None:
    """By ix_events_ts and a few ranges of its pages; never a whole partition, nor uq_events."""
    fill(20_000)
    start = datetime(2026, 3, 2, 1, tzinfo=UTC)
    parameters = {"site_id": site.id, "start": start, "end": start + timedelta(seconds=16), "type": None, "bots": False}
    parameters |= {"cursor_ts": None, "cursor_received_at": None, "cursor_position": None, "cursor_id": None}
    parameters |= {"limit": 11}
    with engine.begin() as connection:
        connection.execute(SUMMARISE)
        force_time_scan(connection)
        explain = text(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT TEXT) {event_list.PAGE.text}")
        plan = "\n".join(connection.execute(explain, parameters).scalars())
    assert re.search(r"Bitmap Index Scan on events_\w+_ts\w*_idx", plan)
    assert "Seq Scan" not in plan
    assert "event_id_ts" not in plan
