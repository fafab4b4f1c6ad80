"""close_days compared with a slow count of raw events: each metric of each day, on time, once, and again when events
are late."""

from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from sqlalchemy import Engine, text

from analytics import clock
from analytics.rollups.closing import days
from analytics.rollups.closing.days import CloseResult, close_days
from analytics.rollups.closing.schedule import IMMEDIATE, ClosingSchedule
from analytics.rollups.merge import merge_all, merge_site
from analytics.rollups.rebuild import rebuild_days
from analytics.sites.sites import Site, update_site
from tasks import rollups as tasks
from tests.examples import examples
from tests.factories import make_site
from tests.rollups.factories import before_statement
from tests.rollups.test_rebuild import drain

NIGHTLY = ClosingSchedule()
# Clocks go forward in Berlin on the 29th.
START = datetime(2026, 3, 26, 12, tzinfo=UTC)
BOT = "Googlebot/2.1 (+http://www.google.com/bot.html)"
DAY = timedelta(days=1)
WRITE_METRICS = "INSERT INTO metrics"

Metrics = dict[tuple[date, str, str], Decimal]


def view(at: datetime, user: str = "ann", **changes: Any) -> dict[str, Any]:
    return {"type": "page_view", "ts": at.isoformat().replace("+00:00", "Z"), "user_id": user, "path": "/"} | changes


def read_metrics(engine: Engine, site: Site) -> Metrics:
    query = text("SELECT date, metric_name, dimensions->>'type', metric_value FROM metrics WHERE site_id = :id")
    with engine.connect() as connection:
        return {(day, name, kind or ""): value for day, name, kind, value in connection.execute(query, {"id": site.id})}


def count_slowly(engine: Engine, site: Site, last: date) -> Metrics:
    """One metric at a time, from `SELECT * FROM events`."""
    with engine.connect() as connection:
        zone = clock.zone(connection.execute(text("SELECT zone FROM sites WHERE id = :id"), {"id": site.id}).scalar())
        raw = connection.execute(text("SELECT * FROM events WHERE site_id = :id ORDER BY ts"), {"id": site.id}).all()
    if not raw:
        return {}
    users: dict[date, set[int]] = defaultdict(set)
    events: dict[date, Counter[str]] = defaultdict(Counter)
    for event in raw:
        if not event.is_bot:
            users[clock.day_of(event.ts, zone)].add(event.user_no)
            events[clock.day_of(event.ts, zone)][event.type] += 1
    visits = visits_slowly([event for event in raw if not event.is_bot and event.type == "page_view"])
    metrics: Metrics = {}
    day = clock.day_of(raw[0].ts, zone)
    while day <= last:
        began = [visit for visit in visits if clock.day_of(visit[0].ts, zone) == day]
        named: dict[str, Any] = {
            "dau": len(users[day]),
            "wau": len({user for past in range(7) for user in users[day - past * DAY]}),
            "mau": len({user for past in range(30) for user in users[day - past * DAY]}),
            "new_users": len(users[day] - {user for past in list(users) if past < day for user in users[past]}),
            "events": events[day].total(),
            "page_views": events[day]["page_view"],
            "visits": len(began),
        }
        if began:
            named["bounce_rate"] = round(Decimal(sum(len(visit) == 1 for visit in began)) / len(began), 6)
            spent = sum((visit[-1].ts - visit[0].ts for visit in began), timedelta()) / timedelta(microseconds=1)
            named["avg_visit_duration_s"] = round(Decimal(spent) / 1_000_000 / len(began), 6)
        metrics |= {(day, name, ""): Decimal(value) for name, value in named.items()}
        metrics |= {(day, "events", kind): Decimal(count) for kind, count in events[day].items() if count}
        day += DAY
    return metrics


def visits_slowly(views: list[Any]) -> list[list[Any]]:
    """Views in order of time → the views of each visit."""
    by_key: dict[Any, list[list[Any]]] = defaultdict(list)
    for event in views:
        visits = by_key[event.user_no, event.session_id]
        if visits and event.ts - visits[-1][-1].ts <= timedelta(minutes=30):
            visits[-1].append(event)
        else:
            visits.append([event])
    return [visit for visits in by_key.values() for visit in visits]


EVENTS = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["page_view", "page_view", "click", 'sign"up\\']),
            "minutes": st.integers(0, 45 * 24 * 60) | st.integers(0, 3 * 24 * 60),
            "user_id": st.sampled_from(["ann", "bob", "cid", "dan"]),
            "user_agent": st.sampled_from([BOT, "", "", ""]),
            "session_id": st.sampled_from([None, "s1"]),
        }
    ),
    min_size=1,
    max_size=10,
)
ZONES = ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"]


def as_sent(event: dict[str, Any]) -> dict[str, Any]:
    fields = {name: value for name, value in event.items() if name != "minutes" and value is not None}
    return {**fields, "ts": (START + timedelta(minutes=event["minutes"])).isoformat().replace("+00:00", "Z")}


@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(EVENTS, min_size=1, max_size=3), st.lists(st.integers(0, 50 * 24), min_size=3, max_size=3),
    st.sampled_from(ZONES), st.booleans(), st.booleans(),
)  # fmt: skip
def test_metrics_equal_a_slow_count_after_late_events(
    engine: Engine, redis: Redis, chunks: list[Any], hours: list[int], zone: str, merged: bool, at_once: bool
) -> None:
    """Chunks in any order of time, with a pass after each, later than the one before."""
    site = make_site(engine, zone)
    schedule = IMMEDIATE if at_once else NIGHTLY
    now = START
    for chunk, later in zip(chunks, sorted(hours), strict=False):
        drain(engine, redis, site, [as_sent(event) for event in chunk])
        if merged:
            merge_site(engine, site.id)
        now = max(now, START + timedelta(hours=later))
        close_days(engine, now, schedule)
    merge_site(engine, site.id)
    # Two nights, so that each late event gets its pass.
    for now in (START + 51 * DAY, START + 52 * DAY):
        close_days(engine, now, schedule)
    assert read_metrics(engine, site) == count_slowly(engine, site, schedule.last_closable_day(now, clock.zone(zone)))
    assert close_days(engine, now, NIGHTLY) == CloseResult()


def store(engine: Engine, redis: Redis, site: Site, events: list[dict[str, Any]]) -> None:
    drain(engine, redis, site, events)
    merge_site(engine, site.id)


def close_at(engine: Engine, at: datetime, schedule: ClosingSchedule = NIGHTLY) -> CloseResult:
    return close_days(engine, at, schedule)


def test_a_late_event_rewrites_its_day_and_the_later_metrics_it_changes(engine: Engine, redis: Redis, sql: Any) -> None:
    """ann comes on the 26th and 32 days later, bob a day after that. Then an earlier event of bob arrives."""
    site = make_site(engine, "UTC")
    store(engine, redis, site, [view(START), view(START + 32 * DAY), view(START + 33 * DAY, "bob")])
    first_night, second_night = START + 35 * DAY, START + 36 * DAY
    assert close_at(engine, first_night) == CloseResult(1, 35)
    before = read_metrics(engine, site)
    store(engine, redis, site, [view(START + 2 * DAY, "bob")])
    assert close_at(engine, first_night + timedelta(hours=1)) == CloseResult()
    assert close_at(engine, second_night) == CloseResult(1, 2)
    after = read_metrics(engine, site)
    assert after == count_slowly(engine, site, date(2026, 4, 30))
    changed = {(day, name) for (day, name, _), value in after.items() if before.get((day, name, "")) != value}
    late, bobs = date(2026, 3, 28), date(2026, 4, 28)
    assert {day for day, name in changed if name == "wau"} - {date(2026, 4, 30)} == {late + n * DAY for n in range(7)}
    assert {day for day, name in changed if name == "mau"} - {date(2026, 4, 30)} == {late + n * DAY for n in range(30)}
    assert {day for day, name in changed if name == "new_users"} == {late, bobs, date(2026, 4, 30)}
    rewritten = sql("SELECT DISTINCT date FROM metrics WHERE updated_at = :now ORDER BY date", now=second_night)
    assert {day for (day,) in rewritten} == {day for day, _ in changed}


def test_days_end_with_the_sites_own_midnight(engine: Engine, redis: Redis) -> None:
    """23 hours on the 29th in Berlin: from 23:00 UTC of the 28th to 22:00 UTC."""
    site = make_site(engine, "Europe/Berlin")
    edges = [datetime(2026, 3, day, hour, tzinfo=UTC) for day, hour in ((28, 22), (28, 23), (29, 21), (29, 22))]
    store(engine, redis, site, [view(at, f"user {n}") for n, at in enumerate(edges)])
    assert close_at(engine, datetime(2026, 3, 29, 22, 4, tzinfo=UTC)) == CloseResult(1, 1)
    assert close_at(engine, datetime(2026, 3, 29, 22, 5, tzinfo=UTC)) == CloseResult(1, 1)
    metrics = read_metrics(engine, site)
    assert {day.day: value for (day, name, _), value in metrics.items() if name == "dau"} == {28: 1, 29: 2}
    assert metrics == count_slowly(engine, site, date(2026, 3, 29))


def test_days_without_events_have_counts_and_no_rates(engine: Engine, redis: Redis, sql: Any) -> None:
    site = make_site(engine, "UTC")
    store(engine, redis, site, [view(START)])
    for night in range(1, 10):
        assert close_at(engine, START + night * DAY) == CloseResult(1, 1)
    metrics = {name: value for (day, name, _), value in read_metrics(engine, site).items() if day == date(2026, 4, 2)}
    assert metrics == {"dau": 0, "wau": 0, "mau": 1, "new_users": 0, "events": 0, "page_views": 0, "visits": 0}
    assert read_metrics(engine, site) == count_slowly(engine, site, date(2026, 4, 3))


def test_metrics_of_events_that_a_rebuild_drops_are_deleted(engine: Engine, redis: Redis, sql: Any) -> None:
    """The only event of the first day, and a type and the visits of another day, are gone."""
    site = make_site(engine, "UTC")
    store(engine, redis, site, [view(START), view(START + DAY), view(START + 2 * DAY), view(START + 2 * DAY, type="x")])
    close_at(engine, START + 4 * DAY)
    assert (date(2026, 3, 28), "bounce_rate", "") in read_metrics(engine, site)
    sql("DELETE FROM events WHERE ts < :end OR type = 'page_view' AND ts > :end RETURNING 1", end=START + 1.5 * DAY)
    rebuild_days(engine, site, date(2026, 3, 26), date(2026, 3, 29))
    close_at(engine, START + 5 * DAY)
    assert read_metrics(engine, site) == count_slowly(engine, site, date(2026, 3, 30))
    assert min(read_metrics(engine, site))[0] == date(2026, 3, 28)


def test_a_moved_site_is_closed_in_its_new_zone(engine: Engine, redis: Redis) -> None:
    site = make_site(engine, "America/New_York")
    store(engine, redis, site, [view(START + n * timedelta(hours=7), f"user {n}") for n in range(9)])
    close_at(engine, START + 5 * DAY)
    with engine.begin() as connection:
        update_site(connection, site.key, zone="Asia/Tokyo")
    # Nothing to close before merge has moved its days.
    assert close_at(engine, START + 6 * DAY) == CloseResult()
    merge_all(engine, 10)
    close_at(engine, START + 6 * DAY)
    assert read_metrics(engine, site) == count_slowly(engine, site, date(2026, 3, 31))


def test_an_interrupted_pass_is_repeated_by_the_next(
    engine: Engine, redis: Redis, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make_site(engine, "UTC")
    store(engine, redis, site, [view(START + n * DAY, f"user {n}") for n in range(50)])
    monkeypatch.setattr(days, "DAYS_AT_A_TIME", 7)

    def interrupt(_: Any) -> None:
        raise KeyboardInterrupt

    with before_statement(engine, WRITE_METRICS, interrupt, occurrence=4), pytest.raises(KeyboardInterrupt):
        close_at(engine, START + 60 * DAY)
    assert (read_metrics(engine, site), sql("SELECT count(*) FROM open_days")) == ({}, [(50,)])
    assert close_at(engine, START + 60 * DAY) == CloseResult(1, 60)
    assert read_metrics(engine, site) == count_slowly(engine, site, date(2026, 5, 24))
    assert sql("SELECT count(*) FROM open_days") == [(0,)]


def test_concurrent_passes_write_each_day_once(engine: Engine, redis: Redis, sql: Any) -> None:
    sites = [make_site(engine, zone) for zone in ("UTC", "Asia/Kathmandu")]
    for site in sites:
        store(engine, redis, site, [view(START + n * DAY, f"user {n % 5}") for n in range(20)])
    now = START + 25 * DAY
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: close_at(engine, now), range(4)))
    assert sum(result.sites for result in results) == 2
    assert sum(result.days for result in results) == 50
    for site in sites:
        assert read_metrics(engine, site) == count_slowly(engine, site, date(2026, 4, 19))


def test_a_merge_after_a_pass_marks_the_day_open_again(engine: Engine, redis: Redis, sql: Any) -> None:
    """An event is stored while a pass runs, which does not see it; its merge has to wait."""
    site = make_site(engine, "UTC")
    store(engine, redis, site, [view(START)])

    def drain_meanwhile(_: Any) -> None:
        drain(engine, redis, site, [view(START, "bob")])
        assert merge_site(engine, site.id).deltas == 0

    with before_statement(engine, WRITE_METRICS, drain_meanwhile):
        close_at(engine, START + DAY)
    assert read_metrics(engine, site)[START.date(), "dau", ""] == 1
    merge_site(engine, site.id)
    assert sql("SELECT day FROM open_days") == [(START.date(),)]
    assert close_at(engine, START + 2 * DAY) == CloseResult(1, 2)
    assert read_metrics(engine, site) == count_slowly(engine, site, date(2026, 3, 27))


def test_events_stored_before_the_lock_are_in_the_metrics(engine: Engine, redis: Redis) -> None:
    """Events and visits stored after the merge that precedes a pass are counted too."""
    site = make_site(engine, "UTC")
    store(engine, redis, site, [view(START)])
    late = [view(START + timedelta(hours=2), "bob")]
    with before_statement(engine, "pg_advisory_lock", lambda _: drain(engine, redis, site, late)):
        assert close_at(engine, START + DAY) == CloseResult(1, 1)
    assert read_metrics(engine, site)[START.date(), "visits", ""] == 2
    assert read_metrics(engine, site) == count_slowly(engine, site, START.date())


NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "zone", "last", "since"),
    [
        (NIGHTLY, "UTC", 28, "2026-03-29T00:05"),
        (NIGHTLY, "Europe/Berlin", 28, "2026-03-28T23:05"),
        (NIGHTLY, "Pacific/Kiritimati", 29, "2026-03-29T10:05"),
        # 02:30 does not exist there on that day; 03:30 does.
        (ClosingSchedule(time(2, 30)), "Europe/Berlin", 28, "2026-03-29T01:35"),
        (ClosingSchedule(time(14, 0)), "Europe/Berlin", 27, "2026-03-28T13:05"),
        (ClosingSchedule(interval=timedelta(hours=1)), "UTC", 28, "2026-03-29T11:05"),
        (ClosingSchedule(interval=timedelta(days=3)), "UTC", 28, "2026-03-27T00:05"),
        (IMMEDIATE, "UTC", 28, "2026-03-29T12:00"),
    ],
)
def test_last_closable_day_and_rewrite_cutoff(schedule: ClosingSchedule, zone: str, last: int, since: str) -> None:
    tz = clock.zone(zone)
    assert schedule.last_closable_day(NOON, tz) == date(2026, 3, last)
    assert schedule.rewrite_cutoff(NOON, tz) == datetime.fromisoformat(since).replace(tzinfo=UTC)


def test_the_task_uses_the_settings_and_may_run_twice(
    make_app: Any, engine: Engine, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make_site(engine, "UTC")
    store(engine, redis, site, [view(START)])
    with make_app(aggregation_time=time(6), aggregation_interval=3600.0).app_context():
        for hour, written in ((5, 0), (7, 9), (7, 9)):
            monkeypatch.setattr(clock, "now", lambda hour=hour: datetime(2026, 3, 27, hour, tzinfo=UTC))
            tasks.close_days()
            assert len({name for _, name, _ in read_metrics(engine, site)}) == written
    assert read_metrics(engine, site) == count_slowly(engine, site, START.date())


def test_the_command_closes_ended_and_changed_days(app: Flask, engine: Engine, redis: Redis) -> None:
    site = make_site(engine, "UTC")
    yesterday = clock.now() - DAY
    command = app.test_cli_runner()
    for user in ("ann", "bob"):
        store(engine, redis, site, [view(yesterday, user)])
        assert command.invoke(args=["rollups", "close"]).stdout == "1 days of 1 sites closed\n"
    assert command.invoke(args=["rollups", "close"]).stdout == "0 days of 0 sites closed\n"
