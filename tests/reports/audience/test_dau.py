"""Daily active users over HTTP, against counts by hand and a slow count over the same events."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from sqlalchemy import Engine, select
from sqlalchemy.dialects import postgresql

from analytics import clock
from analytics.ingest import buffer
from analytics.period import day_period
from analytics.reports.audience.active import AudienceFilter, count_active_raw
from analytics.rollups.merge import merge_site
from analytics.sites.sites import Site, create_site
from analytics.store import event_queries
from tests.empty_tables import delete_all
from tests.examples import examples
from tests.reports.brute_force import BOT, STARTS, ZONES, local_day

ROUTE = "/api/analytics/reports/dau"
Ask = Callable[[str], Any]


@pytest.fixture
def ask(client: FlaskClient, token: Any, auth: Any) -> Ask:
    """`ask("date=2026-11-23")` returns the response's JSON."""

    def get(query: str = "") -> Any:
        response = client.get(f"{ROUTE}?{query}", headers=auth(token("read")))
        assert response.status_code == 200, response.json
        return response.json

    return get


def test_three_events_of_two_users_are_two_active_users(store: Any, ask: Ask) -> None:
    store([{"user_id": user, "ts": "2026-03-02T12:00:00Z"} for user in ("ann", "bob", "ann")])
    found = ask("date=2026-03-02")
    assert (found["dau"], found["date"], found["period"]) == (2, "2026-03-02", "24h")
    assert (found["from"], found["to"]) == ("2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z")
    assert (found["meta"]["site"], found["meta"]["zone"], found["meta"]["source"]) == ("default", "UTC", "rollup")


# The zone, a day in it, and its first and last microsecond in UTC.
EDGES = [
    pytest.param("Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00", "2026-03-29T21:59:59.999999", id="23-hours"),
    pytest.param("Europe/Berlin", "2026-10-25", "2026-10-24T22:00:00", "2026-10-25T22:59:59.999999", id="25-hours"),
    pytest.param("Asia/Kathmandu", "2026-01-05", "2026-01-04T18:15:00", "2026-01-05T18:14:59.999999", id="offset-5:45"),
    pytest.param(
        "America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00", "2018-11-05T01:59:59.999999", id="no-midnight"
    ),
    pytest.param(
        "America/St_Johns", "2010-11-07", "2010-11-07T02:30:00", "2010-11-08T03:29:59.999999", id="midnight-twice"
    ),
    pytest.param(
        "Pacific/Kiritimati", "2026-01-01", "2025-12-31T10:00:00", "2026-01-01T09:59:59.999999", id="offset-14"
    ),
]


@pytest.mark.parametrize(("zone", "day", "first", "last"), EDGES)
def test_a_local_day_counts_from_its_first_to_its_last_microsecond(
    store: Any, ask: Ask, zone: str, day: str, first: str, last: str
) -> None:
    tick = timedelta(microseconds=1)
    start, end = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (first, last))
    store([{"user_id": f"u{n}", "ts": at.isoformat()} for n, at in enumerate([start - tick, start, end, end + tick])])
    found = ask(f"date={day}&zone={zone}")
    assert (found["dau"], found["date"], found["meta"]["zone"]) == (2, day, zone)
    assert (found["meta"]["source"], found["new"], found["returning"]) == ("raw", None, None)


@pytest.mark.parametrize(("zone", "day", "first", "last"), EDGES)
def test_a_day_of_the_site_has_the_same_count_from_rollups(
    engine: Engine, store: Any, ask: Ask, zone: str, day: str, first: str, last: str
) -> None:
    with engine.begin() as connection:
        there = create_site(connection, "there", zone=zone)
    tick = timedelta(microseconds=1)
    start, end = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (first, last))
    instants = [start - tick, start, end, end + tick]
    store(
        [{"user_id": f"u{n}", "ts": instant.isoformat()} for n, instant in enumerate(instants)],
        site_id=there.id,
        site_key="there",
    )
    found = ask(f"site=there&date={day}")
    assert (found["dau"], found["date"], found["meta"]["zone"]) == (2, day, zone)
    assert (found["meta"]["source"], found["new"], found["returning"]) == ("rollup", 2, 0)
    merge_site(engine, there.id)
    assert {**ask(f"site=there&date={day}"), "meta": None} == {**found, "meta": None}


def test_a_day_that_the_zone_skipped_has_no_users(store: Any, ask: Ask) -> None:
    store([{"user_id": "ann", "ts": f"2011-12-30T{hour:02}:00:00Z"} for hour in range(24)])
    counts = [ask(f"date=2011-12-{day}&zone=Pacific/Apia")["dau"] for day in (29, 30, 31)]
    assert counts == [1, 0, 1]
    assert ask("date=2011-12-30&zone=Pacific/Apia")["date"] == "2011-12-30"


def test_a_day_of_another_zone_is_refused_when_its_raw_events_may_be_purged(
    client: FlaskClient, store: Any, sql: Any, token: Any, auth: Any, ask: Ask
) -> None:
    store([{"ts": "2026-03-02T12:00:00Z"}])
    with_zone = f"{ROUTE}?date=2026-03-02&zone=Asia/Tokyo"
    # The day begins nine hours earlier in Tokyo.
    sql("UPDATE sites SET raw_since = '2026-03-01T15:00:00Z' RETURNING 1")
    assert client.get(with_zone, headers=auth(token("read"))).json["dau"] == 1
    sql("UPDATE sites SET raw_since = '2026-03-01T15:00:01Z' RETURNING 1")
    refused = client.get(with_zone, headers=auth(token("read")))
    assert (refused.status_code, refused.json["errors"][0]["field"]) == (400, "zone")
    assert "may be purged" in refused.json["detail"]
    assert ask("date=2026-03-02")["dau"] == 1


def test_the_sites_own_zone_is_the_default(engine: Engine, store: Any, ask: Ask) -> None:
    with engine.begin() as connection:
        site = create_site(connection, "tokyo", "Tokyo", zone="Asia/Tokyo")
    store([{"ts": "2026-03-02T15:00:00Z"}], site_id=site.id, site_key="tokyo")
    assert [ask(f"site=tokyo&date=2026-03-0{day}")["dau"] for day in (2, 3)] == [0, 1]


@pytest.mark.parametrize(("query", "count"), [("", 1), ("&include_bots=false", 1), ("&include_bots=true", 2)])
def test_bots_count_only_with_include_bots(store: Any, ask: Ask, query: str, count: int) -> None:
    events = [{"user_id": "ann"}, {"user_id": "crawler", "user_agent": BOT}, {"user_id": "ann", "user_agent": BOT}]
    store([{**event, "ts": "2026-03-02T12:00:00Z"} for event in events])
    assert ask(f"date=2026-03-02{query}")["dau"] == count


def test_without_a_date_the_day_is_today(store: Any, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: now)
    store([{"ts": now.isoformat()}])
    assert (ask("")["date"], ask("")["dau"]) == ("2026-03-02", 1)
    assert (ask("zone=Asia/Tokyo")["date"], ask("days=1")["dau"]) == ("2026-03-03", 1)


PERIODS = [
    ("days=2", ("2026-03-03", "2d", 3, 3)),
    ("hours=24", ("2026-03-03", "24h", 2, 1)),
    ("hours=5", ("2026-03-03", "5h", 2, 1)),
    ("from=2026-03-02&to=2026-03-03", ("2026-03-03", "2d", 3, 3)),
    ("from=2026-03-02T12:00:00Z&to=2026-03-03T11:00:00Z", ("2026-03-03", "23h", 3, 2)),
    ("from=2026-03-02T11:59:59Z&to=2026-03-02T12:00:00Z", ("2026-03-02", "1h", 1, 1)),
    ("days=1", ("2026-03-03", "24h", 2, 1)),
]


@pytest.mark.parametrize(("query", "expected"), PERIODS, ids=[query for query, _ in PERIODS])
@pytest.mark.parametrize("is_merged", [True, False])
def test_a_user_of_several_days_counts_once(
    engine: Engine, store: Any, site: Site, ask: Ask, monkeypatch: pytest.MonkeyPatch, query: str, expected: Any,
    is_merged: bool,
) -> None:  # fmt: skip
    store([
        {"user_id": user, "ts": f"2026-03-{at}Z"}
        for user, at in (
            ("ann", "02T11:59:59.5"), ("bob", "02T12:00:00"), ("ann", "03T10:59:59.999999"), ("cid", "03T07:30:00"),
        )
    ])  # fmt: skip
    if is_merged:
        merge_site(engine, site.id)
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 3, 3, 12, 15, tzinfo=UTC))
    found = ask(query)
    assert (found["date"], found["period"], found["dau"], found["new"]) == expected
    assert found["returning"] == expected[2] - expected[3]
    assert ask(f"{query}&zone=Etc/UTC")["dau"] == expected[2]


def test_complete_through_is_now_or_the_oldest_waiting_entry(site: Site, redis: Redis, ask: Ask) -> None:
    meta = ask("date=2026-03-02")["meta"]
    assert meta["complete_through"] == meta["computed_at"]
    redis.xadd(buffer.STREAM, {"e": b"x", "n": 1}, id="1772452800000-0")
    assert ask("date=2026-03-02")["meta"]["complete_through"] == "2026-03-02T12:00:00Z"


@pytest.mark.parametrize(("scope", "status"), [("read", 200), ("admin", 200), ("export", 403), ("ingest", 403)])
def test_the_scope_read_is_needed(
    client: FlaskClient, site: Site, token: Any, auth: Any, scope: str, status: int
) -> None:
    assert client.get(ROUTE, headers=auth(token(scope))).status_code == status


EVENTS = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.integers(0, 4 * 86_400 - 1), st.booleans()), min_size=1, max_size=40
)


@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=EVENTS, first=st.sampled_from(STARTS), name=st.sampled_from(ZONES), include_bots=st.booleans())
def test_the_count_equals_a_set_in_python(
    engine: Engine, store: Any, site: Site, events: Any, first: datetime, name: str, include_bots: bool
) -> None:
    with engine.begin() as connection:
        connection.execute(delete_all("events, users, ingest_ledger"))
    zone, first = ZoneInfo(name), first.replace(tzinfo=UTC)
    at = [(user, first + timedelta(seconds=after_s), is_bot) for user, after_s, is_bot in events]
    store(
        [{"user_id": user, "ts": ts.isoformat()} | ({"user_agent": BOT} if is_bot else {}) for user, ts, is_bot in at]
    )
    counted = [(user, local_day(ts, zone)) for user, ts, is_bot in at if include_bots or not is_bot]
    with engine.connect() as connection:
        for day in [first.date() + timedelta(days=n) for n in range(-1, 6)]:
            expected = len({user for user, local in counted if local == day})
            period = day_period(day, zone)
            assert count_active_raw(connection, site.id, period, None, AudienceFilter(None, include_bots)) == expected


def test_a_day_reads_only_the_partitions_that_it_touches(engine: Engine, store: Any, site: Site) -> None:
    store([{"ts": f"2026-{month:02}-02T12:00:00Z"} for month in range(1, 7)])
    period = day_period(date(2026, 3, 1), clock.zone("Asia/Tokyo"))
    query = select(event_queries.active_users()).where(event_queries.is_counted(site.id, period, False))
    compiled = query.compile(dialect=postgresql.dialect())
    with engine.connect() as connection:
        plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {compiled}", compiled.params).scalars())
    assert "events_m202602" in plan
    assert "events_m202603" in plan
    assert not any(f"events_m2026{month}" in plan for month in ("01", "04", "05", "06"))
