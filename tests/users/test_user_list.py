"""The users behind a filter: by hand, and against a slow count over the stored events."""

import re
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from analytics.auth.keys import share_links
from analytics.ingest.drain.drain import Drain
from analytics.privacy.pseudonym import make_pseudonym
from analytics.sites.sites import Site
from analytics.store.planner import index_lookups_only
from analytics.users import user_list
from analytics.users.user_list import READ_PROFILES
from tests.examples import examples
from tests.factories import append_events, make_site
from tests.insights.brute_force import GAP, START, event_payloads
from tests.reports.columns.slow_selection import SlowSelection, read_events, read_visits
from tests.users.conftest import ROUTE, Get

Report = Callable[..., Any]
DAY = timedelta(days=1)
FILTERS = [
    "",
    "utm_source==news",
    "type==order",
    "path=^/a;utm_source==",
    "payload.plan==free",
    "entry_path==/a;type!=seen",
]


def view(user: str, ts: str, **fields: Any) -> dict[str, Any]:
    return {"user_id": user, "ts": ts, "path": "/", **fields}


@pytest.fixture
def three_users(store: Any, engine: Engine, site: Site, write_files: Any, at_noon: None) -> None:
    """ann in Germany on two days and once a day later, bob in France, cid in Germany without a page view."""
    store([
        view("ann", "2026-03-17T08:00:00Z", country="DE"), view("ann", "2026-03-18T09:00:00Z", country="DE"),
        view("ann", "2026-03-18T09:10:00Z", country="DE"), view("ann", "2026-03-18T11:00:00Z", country="FR"),
        view("bob", "2026-03-18T12:00:00Z", country="FR"), view("ann", "2026-03-19T07:00:00Z", country="DE"),
        {"user_id": "cid", "ts": "2026-03-18T10:00:00Z", "type": "order", "country": "DE"},
    ])  # fmt: skip
    write_files(site.id, datetime(2026, 3, 17), 2)


def test_the_users_with_an_event_that_meets_the_filter(three_users: None, get: Get) -> None:
    found = get("date=2026-03-18&filter=country==DE")
    assert found["users"] == [
        {"user_id": "ann", "first_seen_at": "2026-03-17T08:00:00Z", "last_seen_at": "2026-03-19T07:00:00Z",
         "events": 3, "page_views": 3, "visits": 2},
        {"user_id": "cid", "first_seen_at": "2026-03-18T10:00:00Z", "last_seen_at": "2026-03-18T10:00:00Z",
         "events": 1, "page_views": 0, "visits": 0},
    ]  # fmt: skip
    assert (found["count"], found["total"], found["next_cursor"]) == (2, 2, None)
    assert (found["meta"]["source"], found["meta"]["filter"]) == ("raw", "country==DE")


def test_who_was_seen_last_in_the_period_comes_first(three_users: None, get: Get) -> None:
    assert [user["user_id"] for user in get("date=2026-03-18")["users"]] == ["bob", "ann", "cid"]
    assert [user["user_id"] for user in get("days=3")["users"]] == ["ann", "bob", "cid"]


def test_users_seen_at_one_instant_are_in_the_order_of_their_arrival(store: Any, get_all: Get, at_noon: None) -> None:
    store([view(user, "2026-03-18T09:00:00Z") for user in "cab"])
    assert [user["user_id"] for user in get_all("date=2026-03-18", 1)[0]] == ["c", "a", "b"]


def test_a_late_event_is_the_first_of_its_user(three_users: None, store: Any, get: Get) -> None:
    store([view("bob", "2026-03-18T01:00:00Z")])
    assert get("date=2026-03-18&filter=country==FR")["users"][0]["first_seen_at"] == "2026-03-18T01:00:00Z"


def test_users_have_the_ids_that_are_stored(redis: Any, engine: Engine, site: Site, get: Get, at_noon: None) -> None:
    """A pseudonym, and the visitor key of who sent no id."""
    append_events(
        redis,
        site,
        [view("ann", "2026-03-18T10:00:00Z", type="page_view"), {"type": "order", "ts": "2026-03-18T09:00:00Z"}],
    )
    Drain(engine, redis, b"s" * 32, linger_s=0.0, consumer="c", anonymize_user_ids=True).run()
    pseudonym, visitor_key = (user["user_id"] for user in get("date=2026-03-18")["users"])
    assert (pseudonym, visitor_key[0]) == (make_pseudonym(b"s" * 32, site.key, "ann"), "~")


def test_there_is_no_user_without_events(site: Site, get: Get) -> None:
    found = get("days=7")
    assert (found["users"], found["total"], found["next_cursor"]) == ([], 0, None)


@settings(max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    payloads=event_payloads(days=3), late=event_payloads(max_events=8, days=2), bots=st.booleans(),
    zone=st.sampled_from(["UTC", "Asia/Kathmandu"]), kind=st.sampled_from([None, "order", "page_view"]),
    filter_text=st.sampled_from(FILTERS), scope=st.sampled_from([None, "event", "visit"]), files=st.integers(0, 3),
    limit=st.integers(1, 6), hour=st.sampled_from([0, 5]), most_met=st.sampled_from([2, user_list.MOST_MET]),
)  # fmt: skip
def test_the_list_equals_a_slow_count(
    engine: Engine, store: Any, sql: Any, get_all: Get, report: Report, site: Site, write_files: Any,
    payloads: Any, late: Any, bots: bool, zone: str, kind: str | None, filter_text: str, scope: str | None, files: int,
    limit: int, hour: int, most_met: int, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    # Few events of the group, whose users alone are read, or many.
    monkeypatch.setattr(user_list, "MOST_MET", most_met)
    shop = make_site(engine, zone)
    fields = {"site_id": shop.id, "site_key": shop.key}
    store(payloads, **fields)
    write_files(shop.id, START, files)
    store(late, **fields)
    write_files(shop.id, START, 0)
    start, end = START + timedelta(hours=hour), START + DAY + timedelta(hours=hour)
    query = f"site={shop.key}&include_bots={bots}&from={start:%Y-%m-%dT%H:%M:%SZ}&to={end:%Y-%m-%dT%H:%M:%SZ}"
    query += (f"&type={kind}" if kind else "") + (f"&filter={filter_text}" if filter_text else "")
    if filter_text in ("", "entry_path==/a;type!=seen"):
        scope = None
    query += f"&scope={scope}" if scope else ""
    with engine.connect() as connection:
        rows = read_events(connection, shop.id), read_visits(connection, shop.id)
    selected = SlowSelection(*rows, filter_text, scope, bots).events(start, end)
    members = {event.user_no for event in selected if kind in (None, event.values["type"])}
    found, total = get_all(query, limit)
    expected = slow_list(sql, shop, start, end, bots, members)
    assert ([tuple(user.values()) for user in found], total) == (expected, len(expected))
    if kind:
        assert report("summary", query)["visitors"] == total


def slow_list(
    sql: Any, site: Site, start: datetime, end: datetime, bots: bool, members: set[int]
) -> list[tuple[Any, ...]]:
    columns = "user_no, user_id, ts, type, is_bot, coalesce(session_id, '')"
    rows = sql(f"SELECT {columns} FROM events WHERE site_id = :site_id ORDER BY ts", site_id=site.id)
    stored_first = dict(sql("SELECT user_no, first_seen_at FROM users WHERE site_id = :site_id", site_id=site.id))
    users = []
    for number, user_id in {row[:2] for row in rows if row[0] in members}:
        events = [row[2:] for row in rows if row[0] == number and (bots or not row[4])]
        inside = [event for event in events if start <= event[0] < end]
        views = [event for event in inside if event[1] == "page_view"]
        # What came late moves it: page views, and events of the period. What is stored may be of a bot, and does not
        # count where the user has a bot's visit that does not.
        known = [event[0] for event in events if event[1] == "page_view"]
        has_bot_view = any(row[0] == number and row[3] == "page_view" and row[4] for row in rows)
        stored = [stored_first[number]] if bots or not has_bot_view else []
        first = min([*stored, *known, *(event[0] for event in inside)])
        began = sum(start <= ts < end for ts in starts_of_visits(events))
        last = max(event[0] for event in inside)
        users.append((-last.timestamp(), number, user_id, first, events[-1][0], len(inside), len(views), began))
    return [(id_, iso(first), iso(last), *figures) for _, _, id_, first, last, *figures in sorted(users)]


def starts_of_visits(events: list[Any]) -> list[datetime]:
    runs: dict[Any, list[datetime]] = defaultdict(list)
    for ts, kind, is_bot, session in events:
        if kind == "page_view":
            runs[session, is_bot].append(ts)
    return [ts for run in runs.values() for n, ts in enumerate(run) if n == 0 or ts - run[n - 1] > GAP]


def iso(at: datetime) -> str:
    return at.astimezone(ZoneInfo("UTC")).isoformat().replace("+00:00", "Z")


def test_users_of_a_day_are_its_active_users(three_users: None, get: Get, report: Report) -> None:
    for day in ("2026-03-17", "2026-03-18", "2026-03-19"):
        assert get(f"date={day}")["total"] == report("dau", f"date={day}")["dau"]


def test_names_and_visits_are_looked_up_by_index(three_users: None, engine: Engine, sql: Any) -> None:
    """With statistics, which autovacuum takes of a table that has grown."""
    columns = ", ".join(
        sql(
            "SELECT string_agg(column_name, ', ') FROM information_schema.columns WHERE table_name = 'visits' AND column_name <> 'session_id'"
        )[0]
    )
    sql(
        f"INSERT INTO visits (session_id, {columns}) SELECT 's' || n, {columns} FROM visits, generate_series(1, 2000) AS n RETURNING 1"
    )
    with engine.begin() as connection:
        connection.execute(text("ANALYZE visits, users"))
    given = {"site_id": 1, "numbers": [1, 2], "start": START, "end": START + DAY, "bots": False}
    with engine.begin() as connection, index_lookups_only(connection):
        plan = "\n".join(connection.execute(text(f"EXPLAIN {READ_PROFILES.text}"), given).scalars())
    assert re.findall(r"Index (?:Only )?Scan using (\w+)", plan) == ["ix_users_site_id_user_no", "pk_visits"]
    assert "Seq Scan" not in plan


@pytest.mark.parametrize("what", ["", "/timeline"])
def test_only_the_scope_export_sees_users(
    site: Site, client: Any, token: Any, auth: Any, make_key: Any, engine: Engine, what: str
) -> None:
    query = "?site=default" + ("&user_id=ann" if what else "")
    for credentials, status in (
        ({}, 401), (auth(token("read write ingest")), 403), (auth(make_key("publishable", ["ingest"], site)), 403),
        (auth(make_key("secret", ["read"], site)), 403), (auth(token("export", site="other")), 403),
        (auth(token("export")), 404 if what else 200), (auth(token("admin")), 404 if what else 200),
    ):  # fmt: skip
        assert client.get(f"{ROUTE}{what}{query}", headers=credentials).status_code == status


def test_a_public_site_shows_no_users(engine: Engine, client: Any, site: Site) -> None:
    with engine.begin() as connection:
        share, _ = share_links.create_link(connection, site.id, "", None, "me")
    assert client.get(f"{ROUTE}?share={share}").status_code == 403
    assert client.get(f"{ROUTE}/timeline?user_id=ann&share={share}").status_code == 403


REFUSED = {
    "funnel=x": "funnel", "funnel=5f0c1d2e-8a53-4c0e-9d3c-0e8d8a1f2b34": "step", "step=1": "step", "unit=day": "unit",
    "goal=order&exposure_type=seen&variant=a": "variant_property", "cohort=2026-03-03&unit=week": "cohort",
    "cohort=2026-03-03&goal=order&exposure_type=a&variant_property=payload.v&variant=a": "goal",
    "cohort=2026-03-03&days=3": "days", "cohort=2026-03-03&offset=-1": "offset", "limit=1001": "limit", "cohort=9999-12-31": "cohort",
    "cursor=x": "cursor", "peek=1": "peek", "filter=colour==red": "filter", "days=0": "days",
    "goal=order&exposure_type=a&variant_property=payload.v&variant=a&type=b": "type",
}  # fmt: skip


@pytest.mark.parametrize("query", REFUSED)
def test_a_refusal_names_the_parameter(site: Site, get: Get, query: str) -> None:
    assert get(query, status=400)["errors"][0]["field"] == REFUSED[query]


def test_users_of_purged_days_are_refused(three_users: None, get: Get, sql: Any) -> None:
    sql("UPDATE sites SET raw_since = '2026-03-18T00:00:00Z' RETURNING 1")
    assert get("date=2026-03-17", status=400)["errors"][0]["field"] == "date"
    assert get("cohort=2026-03-17", status=400)["errors"][0]["field"] == "cohort"
    assert get("date=2026-03-18")["total"] == 3
