"""The jobs of schedules: increments that miss and repeat nothing, limits, and what a schedule waits for."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from sqlalchemy import Engine

from analytics import clock
from analytics.auth.keys import keys
from analytics.auth.tokens import tokens
from analytics.errors import TooMany
from analytics.exports.jobs import creation, serialization
from analytics.exports.jobs.job import Viewer, delete_job, read_job
from analytics.exports.jobs.run import run_job
from analytics.exports.jobs.runner import Runner
from analytics.exports.schedules import due_jobs
from analytics.exports.schedules import schedule as schedules
from analytics.sites.sites import Site
from analytics.store.backlog import STREAM
from analytics.store.partitions import ensure
from tests.examples import examples
from tests.exports.conftest import FIRST_DAY, file_of, make_day

Api = Callable[..., Any]
LIMITS = creation.Limits(1, 10, 10**9)
# A file of the schedule has at most three rows.
THREE = creation.Limits(1, 3, 10**9)
PUT = """
INSERT INTO events (event_id, ts, received_at, user_no, site_id, is_bot, type, user_id, payload)
VALUES (CAST(:id AS uuid), :ts, :received_at, 1, :site_id, false, 'click', 'me', '{}') RETURNING 1
"""


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], datetime]:
    def set_to(instant: datetime) -> datetime:
        monkeypatch.setattr(clock, "now", lambda: instant)
        return instant

    return set_to


@pytest.fixture
def daily(engine: Engine, new_job: Api) -> Callable[..., schedules.Schedule]:
    """`daily()`: a schedule for all events, each day at 06:00 UTC."""
    return lambda **changes: schedules.create(engine, new_job(columns=("event_id",), **changes), "day", time(6), "UTC")


@pytest.fixture
def start(engine: Engine, now: Api, daily: Api) -> Callable[[str], schedules.Schedule]:
    """`start("2026-03-02 05:00")`: it is that time, FIRST_DAY has a partition, and there is a daily schedule."""

    def create(text: str) -> schedules.Schedule:
        make_day(engine, "events", FIRST_DAY)
        now(at(text))
        schedule: schedules.Schedule = daily()
        return schedule

    return create


@pytest.fixture
def put(sql: Api, site: Site) -> Callable[..., str]:
    """`put(received_at, day)`: inserts an event of that day; returns its id."""

    def insert(received_at: datetime, day: date = FIRST_DAY) -> str:
        event_id = str(uuid.uuid4())
        ts = datetime(day.year, day.month, day.day, 3, tzinfo=UTC)
        sql(PUT, id=event_id, ts=ts, received_at=received_at, site_id=site.id)
        return event_id

    return insert


def ids_of(runner: Runner, job_id: str) -> list[str]:
    return file_of(runner, run_job(runner, job_id)).decode().splitlines()[1:]


def test_revoked_key_pauses_its_schedules(
    engine: Engine, redis: Redis, sql: Api, make_key: Api, now: Api, daily: Api
) -> None:
    now(at("2026-03-02 05:00"))
    with engine.begin() as connection:
        old = keys.find_key(connection, make_key("secret", ["export"]))
        assert old is not None
        schedule = daily(owner=old.subject)
        _, new = keys.rotate_key(connection, old, timedelta(), None, "me")
    keys.revoke_key(engine, redis, old, "me")
    # The new key has the same subject.
    first = now(at("2026-03-03 06:01"))
    assert len(due_jobs.create_due_jobs(engine, redis, LIMITS, first)) == 1
    sql("UPDATE export_jobs SET state = 'done' RETURNING 1")
    keys.revoke_key(engine, redis, new, "me")
    assert due_jobs.create_due_jobs(engine, redis, LIMITS, now(first + timedelta(days=1))) == []
    [paused] = schedules.list_schedules(engine, Viewer())
    assert (paused.id, paused.enabled) == (schedule.id, False)
    assert "revoked" in str(due_jobs.find_blocker(engine, paused, LIMITS, first))


def test_revoked_token_pauses_its_schedules_before_they_are_due(
    engine: Engine, redis: Redis, sql: Api, now: Api, daily: Api
) -> None:
    instant = now(at("2026-03-02 05:00"))
    schedule, other = daily(token_id="token-1"), daily(token_id="token-2")
    tokens.revoke(engine, redis, "token-1", instant + timedelta(hours=1), "lost", "me")
    due_jobs.create_due_jobs(engine, redis, LIMITS, instant)
    # The revocation may go with the token's end, before the schedule is due.
    sql("DELETE FROM revoked_tokens RETURNING 1")
    assert len(due_jobs.create_due_jobs(engine, redis, LIMITS, now(at("2026-03-03 06:01")))) == 1
    enabled = {found.id: found.enabled for found in schedules.list_schedules(engine, Viewer())}
    assert enabled == {schedule.id: False, other.id: True}


STEPS = st.lists(
    st.tuples(
        st.integers(1, 3000), st.integers(0, 3), st.integers(0, 4), st.booleans(), st.booleans(),
        st.sampled_from(("done", "done", "failed", "cancelled")),
    ),
    min_size=1, max_size=7,
)  # fmt: skip


@given(STEPS)
@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_event_is_missed_or_repeated(
    engine: Engine, redis: Redis, sql: Api, runner: Runner, now: Api, daily: Api, put: Api, steps: list[Any]
) -> None:
    """Events of any day arrive at random minutes, some wait in the stream while files are written, and jobs fail."""
    for table in ("events", "export_jobs", "export_schedules"):
        sql(f"DELETE FROM {table} RETURNING 1")
    redis.delete(STREAM)
    ensure(engine, "events", [FIRST_DAY + timedelta(days=n) for n in range(5)], FIRST_DAY)
    at_now = now(at("2026-03-02 05:00"))
    daily()
    waiting: list[tuple[datetime, int, Any]] = []
    stored: list[str] = []
    files: list[str] = []

    def store_waiting() -> None:
        while waiting:
            received_at, day, entry = waiting.pop()
            stored.append(put(received_at, FIRST_DAY + timedelta(days=day)))
            redis.xdel(STREAM, entry)

    def make(outcome: str) -> None:
        for job_id in due_jobs.create_due_jobs(engine, redis, THREE, at_now):
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
                stored.append(put(at_now, FIRST_DAY + timedelta(days=day)))
        at_now = now(at_now + timedelta(minutes=minutes))
        if drains:
            store_waiting()
        make(outcome)
    store_waiting()
    for _ in range(len(stored) + 1):
        at_now = now(at_now + timedelta(days=3))
        make("done")
    assert sorted(files) == sorted(stored)


def test_rows_over_the_limit_go_into_the_next_file(
    engine: Engine, redis: Redis, runner: Runner, sql: Api, now: Api, start: Api, put: Api
) -> None:
    """Seven rows of two hours, three in a file; the next file follows as soon as one is done, not at its time."""
    start("2026-03-02 02:00")
    receipts = ("03:10", "03:10", "03:20", "03:20", "04:00", "04:10", "04:10")
    ids = [put(at(f"2026-03-02 {when}")) for when in receipts]
    held = []
    for minute in ("06:00", "06:01", "06:02", "06:03"):
        for job_id in due_jobs.create_due_jobs(engine, redis, THREE, now(at(f"2026-03-02 {minute}"))):
            assert due_jobs.create_due_jobs(engine, redis, THREE, at(f"2026-03-02 {minute}")) == []
            held.append(set(ids_of(runner, job_id)))
    # Rows of one instant are in one file: three rows would have split those of 03:20.
    assert held == [set(ids[:2]), set(ids[2:5]), set(ids[5:])]
    assert sql("SELECT next_run_at, last_cutoff FROM export_schedules") == [
        (at("2026-03-03 06:00"), at("2026-03-02 06:01"))
    ]


def test_limited_increment_that_failed_twice_waits_for_the_next_run(
    engine: Engine, redis: Redis, sql: Api, now: Api, start: Api, put: Api
) -> None:
    start("2026-03-02 02:00")
    for minute in range(5):
        put(at(f"2026-03-02 03:{minute:02}"))
    created = []
    for minute in range(4):
        created.append(len(due_jobs.create_due_jobs(engine, redis, THREE, now(at(f"2026-03-02 06:{minute:02}")))))
        sql("UPDATE export_jobs SET state = 'failed' RETURNING 1")
    assert created == [1, 1, 0, 0]
    assert sql("SELECT DISTINCT cutoff FROM export_jobs") == [(at("2026-03-02 03:03"),)]


def test_too_many_rows_of_one_instant_fail_the_job(
    engine: Engine, redis: Redis, runner: Runner, now: Api, start: Api, put: Api
) -> None:
    start("2026-03-02 02:00")
    for _ in range(4):
        put(at("2026-03-02 03:00"))
    [job_id] = due_jobs.create_due_jobs(engine, redis, THREE, now(at("2026-03-02 06:00")))
    job = run_job(replace(runner, limits=THREE), job_id)
    assert job is not None
    assert (job.state, "more than 3 rows" in str(job.error)) == ("failed", True)


def test_missed_runs_become_one_job(
    engine: Engine, redis: Redis, sql: Api, runner: Runner, now: Api, start: Api, put: Api
) -> None:
    start("2026-03-02 05:00")
    early, late = put(at("2026-03-02 05:30")), put(at("2026-03-02 06:00"))
    assert due_jobs.create_due_jobs(engine, redis, LIMITS, at("2026-03-02 05:59")) == []
    [first] = due_jobs.create_due_jobs(engine, redis, LIMITS, now(at("2026-03-02 06:00")))
    assert due_jobs.create_due_jobs(engine, redis, LIMITS, at("2026-03-03 06:00")) == []
    assert ids_of(runner, first) == [early]
    [second] = due_jobs.create_due_jobs(engine, redis, LIMITS, now(at("2026-03-07 09:00")))
    assert ids_of(runner, second) == [late]
    assert sql("SELECT next_run_at, last_cutoff FROM export_schedules") == [
        (at("2026-03-08 06:00"), at("2026-03-07 08:59"))
    ]


def test_concurrent_beats_create_one_job_a_schedule(
    engine: Engine, redis: Redis, now: Api, daily: Api, sql: Api
) -> None:
    now(at("2026-03-02 05:00"))
    for number in range(5):
        daily(owner=f"owner {number}")
    due = at("2026-03-02 06:00")
    with ThreadPoolExecutor(3) as pool:
        beats = pool.map(lambda _: due_jobs.create_due_jobs(engine, redis, LIMITS, due), range(3))
        created = [job_id for job_ids in beats for job_id in job_ids]
    assert (len(created), len(set(created))) == (5, 5)
    assert sql("SELECT count(*), count(DISTINCT schedule_id) FROM export_jobs") == [(5, 5)]


def test_schedule_waits_for_quota_and_continues(
    engine: Engine, redis: Redis, runner: Runner, now: Api, start: Api, make_job: Api, put: Api
) -> None:
    schedule, large = start("2026-03-02 05:00"), make_job()
    run_job(runner, large.id)
    expected = [put(at("2026-03-02 05:30"))]
    due, full = now(at("2026-03-02 06:00")), LIMITS._replace(max_bytes=1)
    assert due_jobs.find_blocker(engine, schedule, full, due - timedelta(seconds=1)) is None
    for minute in range(3):
        assert due_jobs.create_due_jobs(engine, redis, full, due + timedelta(minutes=minute)) == []
    blocker = due_jobs.find_blocker(engine, schedule, full, due)
    assert blocker is not None
    assert blocker.startswith(
        "the storage quota of exports is used up (1 bytes, EXPORT_QUOTA_BYTES); the schedule continues"
    )
    expected.append(put(at("2026-03-02 06:01")))
    assert delete_job(engine, large.id) is not None
    [job_id] = due_jobs.create_due_jobs(engine, redis, full, due + timedelta(minutes=5))
    assert sorted(ids_of(runner, job_id)) == sorted(expected)
    assert due_jobs.find_blocker(engine, schedule._replace(enabled=False), full, due) is None


def test_schedule_waits_for_its_last_job(engine: Engine, redis: Redis, now: Api, daily: Api) -> None:
    now(at("2026-03-02 05:00"))
    schedule, due = daily(), at("2026-03-02 06:00")
    [job_id] = due_jobs.create_due_jobs(engine, redis, LIMITS, due)
    blocker = due_jobs.find_blocker(engine, schedule, LIMITS, due + timedelta(days=1))
    assert blocker == f"the last export of the schedule ({job_id}) has not ended"


def test_broken_schedule_blocks_no_other(engine: Engine, redis: Redis, sql: Api, now: Api, daily: Api) -> None:
    now(at("2026-03-02 05:00"))
    daily(), daily()
    sql(
        "UPDATE export_schedules SET zone = 'Mars/Phobos' WHERE id = (SELECT min(id::text)::uuid FROM export_schedules) RETURNING 1"
    )
    assert len(due_jobs.create_due_jobs(engine, redis, LIMITS, at("2026-03-02 06:00"))) == 1


def test_file_name_has_the_days_of_receipt(
    engine: Engine, redis: Redis, runner: Runner, now: Api, start: Api, put: Api
) -> None:
    start("2026-03-04 05:00")
    put(at("2026-03-04 05:30"))
    names = []
    for day in ("2026-03-04", "2026-03-05"):
        [job_id] = due_jobs.create_due_jobs(engine, redis, LIMITS, now(at(f"{day} 06:00")))
        run_job(runner, job_id)
        job = read_job(engine, job_id)
        assert job is not None
        names.append(serialization.file_name(job))
    assert names == ["events-default-2026-03-02-2026-03-04.csv", "events-default-2026-03-04-2026-03-05.csv"]


def test_schedules_of_a_caller_are_limited(daily: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedules, "MAX_SCHEDULES", 2)
    daily(), daily()
    daily(owner="somebody")
    with pytest.raises(TooMany, match="2 schedules"):
        daily()
