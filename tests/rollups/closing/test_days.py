"""close_day against a slow count of raw events: every figure of every day, on time, once, and again when events are late."""

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
from analytics.rollups import days
from analytics.rollups.days import Closed, close_days
from analytics.rollups.merge import merge_all, merge_site
from analytics.rollups.rebuild import rebuild
from analytics.rollups.schedule import AT_ONCE, Schedule
from analytics.sites import Site, update_site
from tasks import rollups as tasks
from tests.rollups.test_rebuild import drain, make_site

NIGHTLY = Schedule()
# Clocks go forward in Berlin on the 29th.
START = datetime(2026, 3, 26, 12, tzinfo=UTC)
BOT = "Googlebot/2.1 (+http://www.google.com/bot.html)"
DAY = timedelta(days=1)

Figures = dict[tuple[date, str, str], Decimal]


def view(at: datetime, user: str = "ann", **changes: Any) -> dict[str, Any]:
    return {"type": "page_view", "ts": at.isoformat().replace("+00:00", "Z"), "user_id": user, "path": "/"} | changes


def figures(engine: Engine, site: Site) -> Figures:
    query = text("SELECT date, metric_name, dimensions->>'type', metric_value FROM metrics WHERE site_id = :id")
    with engine.connect() as connection:
        return {(day, name, kind or ""): value for day, name, kind, value in connection.execute(query, {"id": site.id})}


def count_slowly(engine: Engine, site: Site, last: date) -> Figures:
    """One figure at a time, from `SELECT * FROM events`."""
    with engine.connect() as connection:
        zone = clock.zone(connection.execute(text("SELECT zone FROM sites WHERE id = :id"), {"id": site.id}).scalar())
        raw = connection.execute(text("SELECT * FROM events WHERE site_id = :id ORDER BY ts"), {"id": site.id}).all()
    if not raw:
        return {}
    people: dict[date, set[int]] = defaultdict(set)
    events: dict[date, Counter[str]] = defaultdict(Counter)
    for event in raw:
        if not event.is_bot:
            people[clock.day_of(event.ts, zone)].add(event.user_no)
            events[clock.day_of(event.ts, zone)][event.type] += 1
    visits = visits_slowly([event for event in raw if not event.is_bot and event.type == "page_view"])
    found: Figures = {}
    day = clock.day_of(raw[0].ts, zone)
    while day <= last:
        began = [one for one in visits if clock.day_of(one[0].ts, zone) == day]
        named: dict[str, Any] = {
            "dau": len(people[day]),
            "wau": len({one for past in range(7) for one in people[day - past * DAY]}),
            "mau": len({one for past in range(30) for one in people[day - past * DAY]}),
            "new_users": len(people[day] - {one for past in list(people) if past < day for one in people[past]}),
            "events": events[day].total(),
            "page_views": events[day]["page_view"],
            "visits": len(began),
        }
        if began:
            named["bounce_rate"] = round(Decimal(sum(len(one) == 1 for one in began)) / len(began), 6)
            spent = sum((one[-1].ts - one[0].ts for one in began), timedelta()) / timedelta(microseconds=1)
            named["avg_visit_duration_s"] = round(Decimal(spent) / 1_000_000 / len(began), 6)
        found |= {(day, name, ""): Decimal(value) for name, value in named.items()}
        found |= {(day, "events", kind): Decimal(count) for kind, count in events[day].items() if count}
        day += DAY
    return found


def visits_slowly(views: list[Any]) -> list[list[Any]]:
    """Views in order of time → those of each visit."""
    found: dict[Any, list[list[Any]]] = defaultdict(list)
    for event in views:
        mine = found[event.user_no, event.session_id]
        if mine and event.ts - mine[-1][-1].ts <= timedelta(minutes=30):
            mine[-1].append(event)
        else:
            mine.append([event])
    return [visit for mine in found.values() for visit in mine]


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
    left = {name: value for name, value in event.items() if name != "minutes" and value is not None}
    return {**left, "ts": (START + timedelta(minutes=event["minutes"])).isoformat().replace("+00:00", "Z")}


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(EVENTS, min_size=1, max_size=3), st.lists(st.integers(0, 50 * 24), min_size=3, max_size=3),
    st.sampled_from(ZONES), st.booleans(), st.booleans(),
)  # fmt: skip
def test_the_figures_are_the_slow_count_whatever_comes_late(
    engine: Engine, redis: Redis, chunks: list[Any], hours: list[int], zone: str, merged: bool, at_once: bool
) -> None:
    """Chunks arrive in any order, in between passes of which each is later than the one before."""
    site = make_site(engine, zone)
    schedule = AT_ONCE if at_once else NIGHTLY
    now = START
    for chunk, later in zip(chunks, sorted(hours), strict=False):
        drain(engine, redis, site, [as_sent(event) for event in chunk])
        if merged:
            merge_site(engine, site.id)
        now = max(now, START + timedelta(hours=later))
        close_days(engine, now, schedule)
    merge_site(engine, site.id)
    # Two nights, so that each late event has had its pass.
    for now in (START + 51 * DAY, START + 52 * DAY):
        close_days(engine, now, schedule)
    assert figures(engine, site) == count_slowly(engine, site, schedule.last_day(now, clock.zone(zone)))
    assert close_days(engine, now, NIGHTLY) == Closed()


def store(engine: Engine, redis: Redis, site: Site, events: list[dict[str, Any]]) -> None:
    drain(engine, redis, site, events)
    merge_site(engine, site.id)


def close_at(engine: Engine, at: datetime, schedule: Schedule = NIGHTLY) -> Closed:
    return close_days(engine, at, schedule)


def test_a_late_event_rewrites_its_day_and_what_it_changes_later(engine: Engine, redis: Redis, sql: Any) -> None:
    """ann comes on the 26th and again 32 days later; bob a day after that. Then it turns out that bob came first."""
    site = make_site(engine, "UTC")
    store(engine, redis, site, [view(START), view(START + 32 * DAY), view(START + 33 * DAY, "bob")])
    first_night, second_night = START + 35 * DAY, START + 36 * DAY
    assert close_at(engine, first_night) == Closed(1, 35)
    before = figures(engine, site)
    store(engine, redis, site, [view(START + 2 * DAY, "bob")])
    assert close_at(engine, first_night + timedelta(hours=1)) == Closed()
    assert close_at(engine, second_night) == Closed(1, 2)
    after = figures(engine, site)
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
    assert close_at(engine, datetime(2026, 3, 29, 22, 4, tzinfo=UTC)) == Closed(1, 1)
    assert close_at(engine, datetime(2026, 3, 29, 22, 5, tzinfo=UTC)) == Closed(1, 1)
    found = figures(engine, site)
    assert {day.day: value for (day, name, _), value in found.items() if name == "dau"} == {28: 1, 29: 2}
    assert found == count_slowly(engine, site, date(2026, 3, 29))


def test_silent_days_have_figures_and_no_rates(engine: Engine, redis: Redis, sql: Any) -> None:
    site = make_site(engine, "UTC")
    store(engine, redis, site, [view(START)])
    for night in range(1, 10):
        assert close_at(engine, START + night * DAY) == Closed(1, 1)
    found = {name: value for (day, name, _), value in figures(engine, site).items() if day == date(2026, 4, 2)}
    assert found == {"dau": 0, "wau": 0, "mau": 1, "new_users": 0, "events": 0, "page_views": 0, "visits": 0}
    assert figures(engine, site) == count_slowly(engine, site, date(2026, 4, 3))


def test_what_a_rebuild_takes_away_goes(engine: Engine, redis: Redis, sql: Any) -> None:
    """The first day's only event, and a type and the visits of another, are no longer there."""
    site = make_site(engine, "UTC")
    store(engine, redis, site, [view(START), view(START + DAY), view(START + 2 * DAY), view(START + 2 * DAY, type="x")])
    close_at(engine, START + 4 * DAY)
    assert (date(2026, 3, 28), "bounce_rate", "") in figures(engine, site)
    sql("DELETE FROM events WHERE ts < :end OR type = 'page_view' AND ts > :end RETURNING 1", end=START + 1.5 * DAY)
    rebuild(engine, site, date(2026, 3, 26), date(2026, 3, 29))
    close_at(engine, START + 5 * DAY)
    assert figures(engine, site) == count_slowly(engine, site, date(2026, 3, 30))
    assert min(figures(engine, site))[0] == date(2026, 3, 28)


def test_a_site_that_moved_is_closed_in_its_new_zone(engine: Engine, redis: Redis) -> None:
    site = make_site(engine, "America/New_York")
    store(engine, redis, site, [view(START + n * timedelta(hours=7), f"user {n}") for n in range(9)])
    close_at(engine, START + 5 * DAY)
    with engine.begin() as connection:
        update_site(connection, site.key, zone="Asia/Tokyo")
    # Until merge has moved its days there is nothing to close.
    assert close_at(engine, START + 6 * DAY) == Closed()
    merge_all(engine, 10)
    close_at(engine, START + 6 * DAY)
    assert figures(engine, site) == count_slowly(engine, site, date(2026, 3, 31))


def test_a_kill_between_days_leaves_all_to_the_next_pass(
    engine: Engine, redis: Redis, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make_site(engine, "UTC")
    store(engine, redis, site, [view(START + n * DAY, f"user {n}") for n in range(50)])
    monkeypatch.setattr(days, "DAYS_AT_A_TIME", 7)
    write, calls = days._write, iter(range(3))

    def die(*given: Any) -> int:
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return write(*given)

    monkeypatch.setattr(days, "_write", die)
    with pytest.raises(KeyboardInterrupt):
        close_at(engine, START + 60 * DAY)
    assert (figures(engine, site), sql("SELECT count(*) FROM open_days")) == ({}, [(50,)])
    monkeypatch.setattr(days, "_write", write)
    assert close_at(engine, START + 60 * DAY) == Closed(1, 60)
    assert figures(engine, site) == count_slowly(engine, site, date(2026, 5, 24))
    assert sql("SELECT count(*) FROM open_days") == [(0,)]


def test_passes_at_once_write_each_day_once(engine: Engine, redis: Redis, sql: Any) -> None:
    sites = [make_site(engine, zone) for zone in ("UTC", "Asia/Kathmandu")]
    for site in sites:
        store(engine, redis, site, [view(START + n * DAY, f"user {n % 5}") for n in range(20)])
    now = START + 25 * DAY
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: close_at(engine, now), range(4)))
    assert sum(one.sites for one in done) == 2
    assert sum(one.days for one in done) == 50
    for site in sites:
        assert figures(engine, site) == count_slowly(engine, site, date(2026, 4, 19))


def test_a_merge_that_waits_for_a_pass_opens_the_day_again(
    engine: Engine, redis: Redis, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event is stored while a pass runs, which does not know of it: its day stays marked."""
    site = make_site(engine, "UTC")
    store(engine, redis, site, [view(START)])
    write = days._write

    def drain_meanwhile(*given: Any) -> int:
        drain(engine, redis, site, [view(START, "bob")])
        assert merge_site(engine, site.id).deltas == 0
        return write(*given)

    monkeypatch.setattr(days, "_write", drain_meanwhile)
    close_at(engine, START + DAY)
    monkeypatch.setattr(days, "_write", write)
    assert figures(engine, site)[START.date(), "dau", ""] == 1
    merge_site(engine, site.id)
    assert sql("SELECT day FROM open_days") == [(START.date(),)]
    assert close_at(engine, START + 2 * DAY) == Closed(1, 2)
    assert figures(engine, site) == count_slowly(engine, site, date(2026, 3, 27))


def test_what_comes_before_the_lock_is_in_the_figures(
    engine: Engine, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stored after the merge that precedes a pass: events and visits are counted all the same."""
    site = make_site(engine, "UTC")
    store(engine, redis, site, [view(START)])

    def merge_and_drain(engine: Engine, site_id: int) -> Any:
        merged = merge_site(engine, site_id)
        drain(engine, redis, site, [view(START + timedelta(hours=2), "bob")])
        return merged

    monkeypatch.setattr(days, "merge_site", merge_and_drain)
    assert close_at(engine, START + DAY) == Closed(1, 1)
    assert figures(engine, site)[START.date(), "visits", ""] == 2
    assert figures(engine, site) == count_slowly(engine, site, START.date())


NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "zone", "last", "since"),
    [
        (NIGHTLY, "UTC", 28, "2026-03-29T00:05"),
        (NIGHTLY, "Europe/Berlin", 28, "2026-03-28T23:05"),
        (NIGHTLY, "Pacific/Kiritimati", 29, "2026-03-29T10:05"),
        # Half past two does not exist there on that day: half past three does.
        (Schedule(time(2, 30)), "Europe/Berlin", 28, "2026-03-29T01:35"),
        (Schedule(time(14, 0)), "Europe/Berlin", 27, "2026-03-28T13:05"),
        (Schedule(interval=timedelta(hours=1)), "UTC", 28, "2026-03-29T11:05"),
        (Schedule(interval=timedelta(days=3)), "UTC", 28, "2026-03-27T00:05"),
        (AT_ONCE, "UTC", 28, "2026-03-29T12:00"),
    ],
)
def test_when_days_are_closed_and_written_again(schedule: Schedule, zone: str, last: int, since: str) -> None:
    tz = clock.zone(zone)
    assert schedule.last_day(NOON, tz) == date(2026, 3, last)
    assert schedule.rests_since(NOON, tz) == datetime.fromisoformat(since).replace(tzinfo=UTC)


def test_the_task_goes_by_the_settings_and_may_run_twice(
    make_app: Any, engine: Engine, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make_site(engine, "UTC")
    store(engine, redis, site, [view(START)])
    with make_app(aggregation_time=time(6), aggregation_interval=3600.0).app_context():
        for hour, written in ((5, 0), (7, 9), (7, 9)):
            monkeypatch.setattr(clock, "now", lambda hour=hour: datetime(2026, 3, 27, hour, tzinfo=UTC))
            tasks.close_days()
            assert len({name for _, name, _ in figures(engine, site)}) == written
    assert figures(engine, site) == count_slowly(engine, site, START.date())


def test_the_command_closes_what_is_over_and_changed(app: Flask, engine: Engine, redis: Redis) -> None:
    site = make_site(engine, "UTC")
    yesterday = clock.now() - DAY
    command = app.test_cli_runner()
    for user in ("ann", "bob"):
        store(engine, redis, site, [view(yesterday, user)])
        assert command.invoke(args=["rollups", "close"]).stdout == "1 days of 1 sites closed\n"
    assert command.invoke(args=["rollups", "close"]).stdout == "0 days of 0 sites closed\n"
