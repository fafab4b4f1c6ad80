"""The events of one user: by hand, and against the rows."""

import re
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from analytics.ingest.drain.drain import Drain
from analytics.privacy.pseudonym import identity_salt
from analytics.sites.sites import Site
from analytics.store.planner import force_time_scan
from analytics.users.timeline import PAGE
from tests.examples import examples
from tests.factories import append_events, make_site
from tests.insights.brute_force import GAP, IN_ORDER, START, event_payloads
from tests.users.conftest import Get

DAY = timedelta(days=1)


@pytest.fixture
def timeline(get: Get) -> Get:
    """`timeline({"user_id": …})`: the JSON of the response."""
    return lambda query, status=200: get(query, status=status, what="timeline")


def test_events_are_in_order_of_time_and_have_their_visit(
    store: Any, engine: Engine, site: Site, timeline: Get, write_files: Any
) -> None:
    event_id = "0193a2f0-7c1e-7000-8000-000000000000"
    store([
        {"user_id": "ann", "ts": "2026-03-02T10:20:00Z", "type": "order", "payload": {"total": 5}, "event_id": event_id},
        {"user_id": "ann", "ts": "2026-03-02T10:00:00Z", "path": "/a"},
        {"user_id": "ann", "ts": "2026-03-02T11:00:00Z", "path": "/b"},
        {"user_id": "ann", "ts": "2026-03-02T12:00:00Z", "type": "order"},
        {"user_id": "ann", "ts": "2026-03-02T10:05:00Z", "type": "order", "session_id": "other"},
        {"user_id": "bob", "ts": "2026-03-02T10:01:00Z", "path": "/c"},
    ])  # fmt: skip
    write_files(site.id, datetime(2026, 3, 2), 1)
    found = timeline("user_id=ann&date=2026-03-02")
    rows = [
        (event["timestamp"][11:16], event["visit_started_at"] and event["visit_started_at"][11:16])
        for event in found["events"]
    ]
    assert rows == [("10:00", "10:00"), ("10:05", None), ("10:20", "10:00"), ("11:00", "11:00"), ("12:00", None)]
    assert found["events"][2] == {
        "id": f"event_{event_id}", "event_name": "order", "user_id": "ann", "properties": {"total": 5},
        "timestamp": "2026-03-02T10:20:00Z", "path": None, "visit_started_at": "2026-03-02T10:00:00Z",
    }  # fmt: skip
    assert (found["count"], found["total"], found["next_cursor"], found["meta"]["source"]) == (5, 5, None, "raw")


@pytest.mark.parametrize("user_id", ["a/b", "/", "#1", "a#b?c=d&e", "ann@example.com", "á b%2F", "../x", "~k", "+1 2"])
def test_an_id_may_have_any_characters(store: Any, site: Site, timeline: Get, get: Get, user_id: str) -> None:
    store([{"user_id": user_id, "ts": "2026-03-02T10:00:00Z"}])
    [event] = timeline({"user_id": user_id, "date": "2026-03-02"})["events"]
    assert event["user_id"] == get("date=2026-03-02")["users"][0]["user_id"] == user_id


def test_an_unknown_user_is_not_found(store: Any, site: Site, timeline: Get, engine: Engine) -> None:
    store([{"user_id": "ann", "ts": "2026-03-02T10:00:00Z"}])
    assert timeline("user_id=bob", 404)["detail"] == "the site 'default' has no user 'bob'"
    timeline(f"user_id=ann&site={make_site(engine, 'UTC').key}", 404)
    assert timeline("user_id=ann&date=2026-03-03")["events"] == []
    assert timeline("date=2026-03-03", 400)["errors"][0]["field"] == "user_id"


def test_a_user_is_found_by_the_id_that_was_sent_and_by_the_pseudonym(
    redis: Any, engine: Engine, site: Site, make_app: Any, token: Any, auth: Any
) -> None:
    """Also the events of before ANONYMIZE_USER_IDS was turned on."""
    app, headers = make_app(anonymize_user_ids=True), auth(token("export"))
    salt = identity_salt(app.extensions["settings"])
    for minute, anonymize in ((0, False), (1, True)):
        append_events(redis, site, [{"type": "order", "user_id": "ann", "ts": f"2026-03-02T10:0{minute}:00Z"}])
        Drain(engine, redis, salt, linger_s=0.0, consumer=f"c{minute}", anonymize_user_ids=anonymize).run()

    def read(user_id: str) -> list[str]:
        query = {"user_id": user_id, "date": "2026-03-02"}
        response = app.test_client().get("/api/analytics/reports/users/timeline", query_string=query, headers=headers)
        return [event["user_id"] for event in response.json["events"]]

    plain, pseudonym = read("ann")
    assert (plain, pseudonym[0]) == ("ann", "#")
    assert read(pseudonym) == [pseudonym]


@settings(max_examples=examples(10), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    payloads=event_payloads(days=2, step_s=1800), late=event_payloads(max_events=8, days=1), bots=st.booleans(),
    files=st.integers(0, 2), limit=st.integers(1, 4),
)  # fmt: skip
def test_pages_hold_every_event_once(
    engine: Engine, store: Any, sql: Any, get_all: Get, site: Site, write_files: Any, payloads: Any, late: Any, bots: bool,
    files: int, limit: int,
) -> None:  # fmt: skip
    shop = make_site(engine, "UTC")
    fields = {"site_id": shop.id, "site_key": shop.key}
    # One with events at one instant of several batches.
    store([*payloads, {"user_id": "a", "ts": START.isoformat()}], **fields)
    write_files(shop.id, START, files)
    store([*late, {"user_id": "a", "ts": START.isoformat()}], **fields)
    write_files(shop.id, START, 0)
    query = f"site={shop.key}&user_id=a&include_bots={bots}&from={START.date()}&to={START.date() + DAY}"
    found, total = get_all(query, limit, "timeline", "events")
    columns = "event_id, ts, type, coalesce(session_id, ''), is_bot"
    rows = sql(f"SELECT {columns} FROM events WHERE site_id = :id AND user_id = 'a' {IN_ORDER}", id=shop.id)
    visits = slow_visits(rows)
    expected = [
        (f"event_{event_id}", visits(ts, session, is_bot))
        for event_id, ts, _, session, is_bot in rows
        if START <= ts < START + 2 * DAY and (bots or not is_bot)
    ]
    shown = [
        (event["id"], event["visit_started_at"] and datetime.fromisoformat(event["visit_started_at"]))
        for event in found
    ]
    assert (shown, total) == (expected, len(expected))


def test_events_are_found_by_their_time(fill: Any, engine: Engine, site: Site) -> None:
    """Without statistics, as on a day that is minutes old."""
    fill(20_000)
    given = {"site_id": site.id, "users": [1], "instants": [START], "bots": True, "limit": 3}
    given |= dict.fromkeys(("cursor_ts", "cursor_received_at", "cursor_position", "cursor_id"))
    with engine.begin() as connection:
        force_time_scan(connection)
        plan = "\n".join(connection.execute(text(f"EXPLAIN {PAGE.text}"), given).scalars())
    assert re.search(r"Bitmap Index Scan on events_m202603_ts\w*_idx", plan)
    assert "events_m202603_site_id_event_id" not in plan
    assert "Seq Scan" not in plan


def slow_visits(rows: list[Any]) -> Any:
    """When the visit of an event began: the first view of the run of views that ends at most 30 minutes before it."""
    views = defaultdict(list)
    for _, ts, kind, session, is_bot in rows:
        if kind == "page_view":
            views[session, is_bot].append(ts)

    def find(ts: datetime, session: str, is_bot: bool) -> datetime | None:
        start, last = None, None
        for view in views[session, is_bot]:
            if view > ts:
                break
            start, last = (view if last is None or view - last > GAP else start), view
        return start if last is not None and ts - last <= GAP else None

    return find
