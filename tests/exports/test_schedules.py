"""Exports by the calendar: the next run through every change of clocks, and increments that miss and repeat nothing."""

import threading
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from sqlalchemy import Engine

from analytics import clock
from analytics.errors import TooMany
from analytics.exports import jobs, schedules
from analytics.exports.run import Runner, run_job
from analytics.sites import Site, create_site
from analytics.store.backlog import STREAM
from analytics.store.partitions import ensure
from tests.exports.conftest import FIRST, file_of

Api = Callable[..., Any]
LIMITS = jobs.Limits(1, 10, 10**9)
# A schedule's file has three rows at the most.
THREE = jobs.Limits(1, 3, 10**9)
PUT = """
INSERT INTO events (event_id, ts, received_at, user_no, site_id, is_bot, type, user_id, payload)
VALUES (CAST(:id AS uuid), :ts, :received_at, 1, :site_id, false, 'click', 'me', '{}') RETURNING 1
"""


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("every", "when", "zone", "after", "expected"),
    [
        pytest.param("day", "06:30", "UTC", "2026-03-02 06:29", "2026-03-02 06:30", id="today"),
        pytest.param("day", "06:30", "UTC", "2026-03-02 06:30", "2026-03-03 06:30", id="tomorrow"),
        pytest.param("day", "00:10", "Asia/Tokyo", "2026-03-02 12:00", "2026-03-02 15:10", id="another-zone"),
        pytest.param("week", "06:00", "UTC", "2026-03-02 06:00", "2026-03-09 06:00", id="monday"),
        pytest.param("month", "06:00", "UTC", "2026-02-01 07:00", "2026-03-01 06:00", id="first-of-month"),
        # Berlin, 29 March: 02:00 becomes 03:00 at 01:00 UTC, and 02:30 is not there.
        pytest.param("day", "02:30", "Europe/Berlin", "2026-03-28 12:00", "2026-03-29 01:00", id="skipped"),
        pytest.param("day", "02:30", "Europe/Berlin", "2026-03-29 01:00", "2026-03-30 00:30", id="after-the-skipped"),
        # Berlin, 25 October: 02:30 is there at 00:30 and at 01:30 UTC.
        pytest.param("day", "02:30", "Europe/Berlin", "2026-10-24 12:00", "2026-10-25 00:30", id="twice"),
        pytest.param("day", "02:30", "Europe/Berlin", "2026-10-25 00:30", "2026-10-26 01:30", id="twice-runs-once"),
        # Beirut, 29 March: midnight is skipped. Samoa: all of 30 December 2011 was, which began at 10:00 UTC.
        pytest.param("day", "00:00", "Asia/Beirut", "2026-03-28 12:00", "2026-03-28 22:00", id="no-midnight"),
        pytest.param("day", "09:00", "Pacific/Apia", "2011-12-29 20:00", "2011-12-30 10:00", id="skipped-day"),
        pytest.param("day", "09:00", "Pacific/Apia", "2011-12-30 10:00", "2011-12-30 19:00", id="day-after-skipped"),
    ],
)
def test_next_run_is_a_local_time(every: str, when: str, zone: str, after: str, expected: str) -> None:
    assert schedules.next_run(every, time.fromisoformat(when), clock.zone(zone), at(after)) == at(expected)


ZONES = st.sampled_from(
    ("UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Gaza")
)
MINUTES = 60 * 24 * 365 * 30


@given(ZONES, st.times(), st.integers(0, MINUTES))
@settings(max_examples=40, deadline=None)
def test_a_run_is_when_the_clock_first_reaches_its_time(zone: str, when: time, minute: int) -> None:
    """Against a walk, minute by minute, that watches the zone's clock."""
    when, tz = when.replace(second=0, microsecond=0), clock.zone(zone)
    start = at("2000-01-01") + timedelta(minutes=minute)
    runs, walked = [start], set[datetime]()
    while runs[-1] < start + timedelta(days=4):
        runs.append(schedules.next_run("day", when, tz, runs[-1]))
    reached = (start - timedelta(days=2)).astimezone(tz).replace(tzinfo=None)
    for number in range(1 - 2 * 1440, 4 * 1440):
        instant = start + timedelta(minutes=number)
        shown = instant.astimezone(tz).replace(tzinfo=None)
        if shown > reached:
            days = {reached.date() + timedelta(days=n) for n in range((shown.date() - reached.date()).days + 1)}
            if instant > start and any(reached < datetime.combine(day, when) <= shown for day in days):
                walked.add(instant)
            reached = shown
    assert [run for run in runs[1:] if run < start + timedelta(days=4)] == sorted(walked)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], datetime]:
    def set_to(instant: datetime) -> datetime:
        monkeypatch.setattr(clock, "now", lambda: instant)
        return instant

    return set_to


@pytest.fixture
def daily(engine: Engine, order: Api) -> Callable[..., schedules.Schedule]:
    """`daily()`: a schedule of everything, each day at 06:00 UTC."""
    return lambda **changes: schedules.create(engine, order(columns=("event_id",), **changes), "day", time(6), "UTC")


@pytest.fixture
def put(sql: Api, site: Site) -> Callable[..., str]:
    """`put(received_at, day)`: an event of that day."""

    def insert(received_at: datetime, day: date = FIRST) -> str:
        event_id = str(uuid.uuid4())
        ts = datetime(day.year, day.month, day.day, 3, tzinfo=UTC)
        sql(PUT, id=event_id, ts=ts, received_at=received_at, site_id=site.id)
        return event_id

    return insert


def ids_of(runner: Runner, job_id: str) -> list[str]:
    return file_of(runner, run_job(runner, job_id)).decode().splitlines()[1:]


STEPS = st.lists(
    st.tuples(
        st.integers(1, 3000), st.integers(0, 3), st.integers(0, 4), st.booleans(), st.booleans(),
        st.sampled_from(("done", "done", "failed", "cancelled")),
    ),
    min_size=1, max_size=7,
)  # fmt: skip


@given(STEPS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_event_is_missed_and_none_is_there_twice(
    engine: Engine, redis: Redis, sql: Api, runner: Runner, now: Api, daily: Api, put: Api, steps: list[Any]
) -> None:
    """Events come at random minutes, of any day, and some wait in the stream while files are made; jobs fail, too."""
    for table in ("events", "export_jobs", "export_schedules"):
        sql(f"DELETE FROM {table} RETURNING 1")
    redis.delete(STREAM)
    ensure(engine, "events", [FIRST + timedelta(days=n) for n in range(5)], FIRST)
    at_now = now(at("2026-03-02 05:00"))
    daily()
    waiting: list[tuple[datetime, int, Any]] = []
    stored: list[str] = []
    files: list[str] = []

    def store_waiting() -> None:
        while waiting:
            received_at, day, entry = waiting.pop()
            stored.append(put(received_at, FIRST + timedelta(days=day)))
            redis.xdel(STREAM, entry)

    def make(outcome: str) -> None:
        for job_id in schedules.plan(engine, redis, THREE, at_now):
            if outcome == "done":
                held = ids_of(runner, job_id)
                assert len(held) <= 3
                files.extend(held)
            else:
                sql("UPDATE export_jobs SET state = :state WHERE id = CAST(:id AS uuid) RETURNING 1",
                    state=outcome, id=job_id)  # fmt: skip

    for minutes, events, day, waits, drains, outcome in steps:
        for _ in range(events):
            at_now = now(at_now + timedelta(seconds=7))
            if waits:
                entry = redis.xadd(STREAM, {"e": "1"}, id=f"{int(at_now.timestamp() * 1000)}-*")
                waiting.append((at_now, day, entry))
            else:
                stored.append(put(at_now, FIRST + timedelta(days=day)))
        at_now = now(at_now + timedelta(minutes=minutes))
        if drains:
            store_waiting()
        make(outcome)
    store_waiting()
    for _ in range(len(stored) + 1):
        at_now = now(at_now + timedelta(days=3))
        make("done")
    assert sorted(files) == sorted(stored)


def test_what_is_too_much_for_a_file_goes_on_in_the_next(
    engine: Engine, redis: Redis, runner: Runner, sql: Api, now: Api, daily: Api, put: Api
) -> None:
    """Seven rows of two hours, three a file; the next file is made as soon as one is done, not at its time."""
    ensure(engine, "events", [FIRST], FIRST)
    now(at("2026-03-02 02:00"))
    daily()
    came_in = ("03:10", "03:10", "03:20", "03:20", "04:00", "04:10", "04:10")
    ids = [put(at(f"2026-03-02 {when}")) for when in came_in]
    held = []
    for minute in ("06:00", "06:01", "06:02", "06:03"):
        for job_id in schedules.plan(engine, redis, THREE, now(at(f"2026-03-02 {minute}"))):
            assert schedules.plan(engine, redis, THREE, at(f"2026-03-02 {minute}")) == []
            held.append(set(ids_of(runner, job_id)))
    # Rows of one instant are in one file: the three would have cut those of 03:20.
    assert held == [set(ids[:2]), set(ids[2:5]), set(ids[5:])]
    assert sql("SELECT next_run_at, last_cutoff FROM export_schedules") == [
        (at("2026-03-03 06:00"), at("2026-03-02 06:01"))
    ]


def test_a_cut_file_that_fails_twice_waits_for_its_time(
    engine: Engine, redis: Redis, sql: Api, now: Api, daily: Api, put: Api
) -> None:
    ensure(engine, "events", [FIRST], FIRST)
    now(at("2026-03-02 02:00"))
    daily()
    for minute in range(5):
        put(at(f"2026-03-02 03:{minute:02}"))
    made = []
    for minute in range(4):
        made.append(len(schedules.plan(engine, redis, THREE, now(at(f"2026-03-02 06:{minute:02}")))))
        sql("UPDATE export_jobs SET state = 'failed' RETURNING 1")
    assert made == [1, 1, 0, 0]
    assert sql("SELECT DISTINCT cutoff FROM export_jobs") == [(at("2026-03-02 03:03"),)]


def test_more_rows_of_one_instant_than_a_file_may_have_are_said_to_be_too_many(
    engine: Engine, redis: Redis, runner: Runner, now: Api, daily: Api, put: Api
) -> None:
    ensure(engine, "events", [FIRST], FIRST)
    now(at("2026-03-02 02:00"))
    daily()
    for _ in range(4):
        put(at("2026-03-02 03:00"))
    [job_id] = schedules.plan(engine, redis, THREE, now(at("2026-03-02 06:00")))
    job = run_job(replace(runner, limits=THREE), job_id)
    assert job is not None
    assert (job.state, "more than 3 rows" in str(job.error)) == ("failed", True)


def test_after_days_away_one_job_holds_all(
    engine: Engine, redis: Redis, sql: Api, runner: Runner, now: Api, daily: Api, put: Api
) -> None:
    ensure(engine, "events", [FIRST], FIRST)
    now(at("2026-03-02 05:00"))
    daily()
    early, late = put(at("2026-03-02 05:30")), put(at("2026-03-02 06:00"))
    assert schedules.plan(engine, redis, LIMITS, at("2026-03-02 05:59")) == []
    [first] = schedules.plan(engine, redis, LIMITS, now(at("2026-03-02 06:00")))
    assert schedules.plan(engine, redis, LIMITS, at("2026-03-03 06:00")) == []
    assert ids_of(runner, first) == [early]
    [second] = schedules.plan(engine, redis, LIMITS, now(at("2026-03-07 09:00")))
    assert ids_of(runner, second) == [late]
    assert sql("SELECT next_run_at, last_cutoff FROM export_schedules") == [
        (at("2026-03-08 06:00"), at("2026-03-07 08:59"))
    ]


def test_two_beats_make_one_job_a_schedule(engine: Engine, redis: Redis, now: Api, daily: Api, sql: Api) -> None:
    now(at("2026-03-02 05:00"))
    for number in range(5):
        daily(owner=f"owner {number}")
    due, made = at("2026-03-02 06:00"), list[str]()
    beats = [threading.Thread(target=lambda: made.extend(schedules.plan(engine, redis, LIMITS, due))) for _ in range(3)]
    for beat in beats:
        beat.start()
    for beat in beats:
        beat.join()
    assert (len(made), len(set(made))) == (5, 5)
    assert sql("SELECT count(*), count(DISTINCT schedule_id) FROM export_jobs") == [(5, 5)]


def test_without_space_a_schedule_says_so_and_goes_on_when_there_is_room(
    engine: Engine, redis: Redis, runner: Runner, now: Api, daily: Api, make_job: Api, put: Api
) -> None:
    ensure(engine, "events", [FIRST], FIRST)
    now(at("2026-03-02 05:00"))
    schedule, large = daily(), make_job()
    run_job(runner, large.id)
    brought = [put(at("2026-03-02 05:30"))]
    due, full = now(at("2026-03-02 06:00")), LIMITS._replace(bytes=1)
    assert schedules.waits_for(engine, schedule, full, due - timedelta(seconds=1)) is None
    for minute in range(3):
        assert schedules.plan(engine, redis, full, due + timedelta(minutes=minute)) == []
    said = schedules.waits_for(engine, schedule, full, due)
    assert said is not None
    assert said.startswith("the space for exports is used up (1 bytes, EXPORT_QUOTA_BYTES); it goes on by itself")
    brought.append(put(at("2026-03-02 06:01")))
    assert jobs.remove(engine, large.id) is not None
    [job_id] = schedules.plan(engine, redis, full, due + timedelta(minutes=5))
    assert sorted(ids_of(runner, job_id)) == sorted(brought)
    assert schedules.waits_for(engine, schedule._replace(enabled=False), full, due) is None


def test_a_schedule_waits_for_its_last_file(engine: Engine, redis: Redis, now: Api, daily: Api) -> None:
    now(at("2026-03-02 05:00"))
    schedule, due = daily(), at("2026-03-02 06:00")
    [job_id] = schedules.plan(engine, redis, LIMITS, due)
    said = schedules.waits_for(engine, schedule, LIMITS, due + timedelta(days=1))
    assert said == f"its last export ({job_id}) has not ended"


def test_a_schedule_that_cannot_be_read_holds_up_no_other(
    engine: Engine, redis: Redis, sql: Api, now: Api, daily: Api
) -> None:
    now(at("2026-03-02 05:00"))
    daily(), daily()
    sql(
        "UPDATE export_schedules SET zone = 'Mars/Phobos' WHERE id = (SELECT min(id::text)::uuid FROM export_schedules) RETURNING 1"
    )
    assert len(schedules.plan(engine, redis, LIMITS, at("2026-03-02 06:00"))) == 1


def test_a_file_is_named_after_what_it_holds(
    engine: Engine, redis: Redis, runner: Runner, now: Api, daily: Api, put: Api
) -> None:
    ensure(engine, "events", [FIRST], FIRST)
    now(at("2026-03-04 05:00"))
    daily()
    put(at("2026-03-04 05:30"))
    names = []
    for day in ("2026-03-04", "2026-03-05"):
        [job_id] = schedules.plan(engine, redis, LIMITS, now(at(f"{day} 06:00")))
        run_job(runner, job_id)
        found = jobs.read_job(engine, job_id)
        assert found is not None
        names.append(jobs.file_name(found))
    assert names == ["events-default-2026-03-02-2026-03-04.csv", "events-default-2026-03-04-2026-03-05.csv"]


def test_a_schedule_over_http(api: Api, site: Site, app: Flask) -> None:
    body = {"every": "week", "at": "06:30", "zone": "Europe/Berlin", "request": {"format": "ndjson"}}
    made = api("post", "/schedules", json=body, status=201)
    found = made.json
    assert made.headers["Location"] == f"/api/analytics/exports/schedules/{found['id']}"
    shown = (found["every"], found["at"], found["zone"], found["enabled"], found["complete_through"])
    assert shown == ("week", "06:30", "Europe/Berlin", True, None)
    assert (found["request"]["format"], found["request"]["zone"]) == ("ndjson", "Europe/Berlin")
    path = f"/schedules/{found['id']}"
    changed = api("patch", path, json={"at": "07:00", "zone": "UTC", "enabled": False}).json
    assert (changed["at"], changed["zone"], changed["enabled"]) == ("07:00", "UTC", False)
    assert changed["next_run_at"].endswith("T07:00:00Z")
    changed = api("patch", path, json={"request": {"format": "xlsx"}}).json
    assert (changed["request"]["format"], changed["at"]) == ("xlsx", "07:00")
    assert api("get", "/schedules").json == {"schedules": [changed]}
    api("delete", path, status=204)
    api("get", path, status=404)


def test_schedules_are_their_owners_and_the_admins(api: Api, site: Site, engine: Engine) -> None:
    with engine.begin() as connection:
        create_site(connection, "shop")
    body = {"every": "day", "at": "06:30"}
    path = f"/schedules/{api('post', '/schedules', json=body, sub='me', status=201).json['id']}"
    for other in ({"sub": "you"}, {"sub": "me", "site": "shop"}, {"scope": "admin", "site": "shop"}):
        for method in ("get", "patch", "delete"):
            api(method, path, status=404, json={"at": "07:00"}, **other)
        assert api("get", "/schedules", **other).json == {"schedules": []}
    api("get", path, scope="read", status=403)
    assert api("get", path, scope="admin", sub="root").json["owner"] == "me"


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        pytest.param({"every": "hour"}, 422, "day", id="every"),
        pytest.param({"at": "25:00"}, 422, "06:30", id="at"),
        pytest.param({"zone": "Mars/Phobos"}, 400, "Mars/Phobos", id="zone"),
        pytest.param({"request": {"from": "2026-03-01"}}, 422, "request", id="period"),
        pytest.param({"request": {"format": "xlsx", "compression": "gzip"}}, 400, "compression", id="request"),
        pytest.param({"request": {"site": "nowhere"}}, 404, "nowhere", id="site"),
        pytest.param({"enabled": True, "every": None}, 422, "every", id="null"),
    ],
)
def test_what_cannot_be_scheduled_is_refused(api: Api, site: Site, change: Any, status: int, words: str) -> None:
    response = api("post", "/schedules", json={"every": "day", "at": "06:30", **change}, status=status)
    assert words in response.text


def test_a_caller_has_so_many_schedules(daily: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedules, "MOST_SCHEDULES", 2)
    daily(), daily()
    daily(owner="somebody")
    with pytest.raises(TooMany, match="2 schedules"):
        daily()
