"""Last runs of scheduled tasks: recorded by Celery's signals, shown by /health."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import Celery, signals
from flask import Flask
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from analytics import clock
from analytics.audit.run import run_audit
from analytics.ingest import buffer
from analytics.ops import task_runs
from analytics.rollups.merge import merge_all
from analytics.store.models import rollup_deltas
from tasks import columnar, exclusive, exports, ingest, maintenance, rollups
from tests.audit.test_audit import EVENTS, append, drain
from tests.conftest import ROOT

NOW = datetime(2026, 3, 27, 20, 30, tzinfo=UTC)


@pytest.fixture
def celery() -> Celery:
    """An app whose one scheduled task is `shown`; tasks run in this process, through Celery's own tracing."""
    app = Celery("tests", set_as_current=False)
    app.conf.update(task_always_eager=True, beat_schedule={"shown": {"task": "shown", "schedule": 5.0}})
    return app


@pytest.fixture
def recorded(celery: Celery, redis: Redis) -> Iterator[None]:
    before = [(signal, list(signal.receivers or ())) for signal in (signals.task_prerun, signals.task_postrun)]
    task_runs.install(celery, redis)
    yield
    for signal, receivers in before:
        signal.receivers = receivers
        signal.sender_receivers_cache.clear()


def run(celery: Celery, name: str, body: Callable[[], Any]) -> None:
    celery.tasks.pop(name, None)
    celery.task(name=name, shared=False)(body).apply()


def tell() -> dict[str, None]:
    return {"gap": None}


def fail() -> None:
    raise KeyError("gone")


def leave() -> None:
    task_runs.record_failure("2 steps left undone")


def give_up() -> None:
    task_runs.record_interruption(OperationalError("SELECT 1", {}, Exception("away")))


@task_runs.resumable
def lose_postgres() -> None:
    raise OperationalError("SELECT 1", {}, Exception("away"))


@task_runs.resumable
def lose_redis() -> None:
    raise RedisError("away")


@task_runs.resumable
def fail_although_resumed() -> None:
    raise KeyError("gone")


@pytest.mark.usefixtures("recorded")
def test_the_last_run_and_the_last_success_are_kept(
    celery: Celery, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    run(celery, "shown", tell)
    first = task_runs.read_task_runs(redis)["shown"]
    assert first[:2] == ("2026-03-27T20:30:00.000Z", "2026-03-27T20:30:00.000Z")
    assert (first.outcome, first.last_success_at, first.result) == ("ok", "2026-03-27T20:30:00.000Z", {"gap": None})
    assert 0 <= (first.duration_ms or -1) < 60_000
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(minutes=1))
    outcomes = (
        (fail, "error: KeyError"),
        (fail_although_resumed, "error: KeyError"),
        (give_up, "error: OperationalError"),
        (lose_postgres, "error: OperationalError"),
        (lose_redis, "error: RedisError"),
        (leave, "error: 2 steps left undone"),
    )
    for body, outcome in outcomes:
        run(celery, "shown", body)
        found = task_runs.read_task_runs(redis)["shown"]
        assert (found.started_at, found.outcome) == ("2026-03-27T20:31:00.000Z", outcome)
        assert found.last_success_at == "2026-03-27T20:30:00.000Z"


@pytest.mark.usefixtures("recorded")
def test_tasks_that_are_not_on_the_schedule_cost_nothing(celery: Celery, redis: Redis) -> None:
    run(celery, "ingest.drain", tell)
    assert (redis.keys("*"), task_runs.read_task_runs(redis)) == ([], {})


def test_unavailable_redis_does_not_fail_a_task() -> None:
    class Named:
        name, request = "shown", object()

    away = task_runs.TaskRunRecorder(Redis(port=1), {"shown"})
    away.record_start("1", Named())
    away.record_end("1", Named(), None, "SUCCESS")


def test_a_result_that_is_too_long_is_not_kept(redis: Redis) -> None:
    class Named:
        name, request = "shown", object()

    task_runs.TaskRunRecorder(redis, {"shown"}).record_end("1", Named(), {"long": "x" * 5000}, "SUCCESS")
    assert task_runs.read_task_runs(redis)["shown"].result is None


@pytest.fixture(scope="module")
def beat() -> list[tuple[str, float, float]]:
    """(task, seconds between two turns, seconds until a message expires) of the schedule. Read in another process:
    celery_app creates its own application, which would replace this one's."""
    asked = (
        "import celery_app, json; print(json.dumps(list(celery_app.BEAT_SCHEDULE.values()), default=lambda _: 3600.0))"
    )
    told = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [(one["task"], one["schedule"], one["options"]["expires"]) for one in json.loads(told)]


def test_what_beat_sends_expires_soon(beat: list[tuple[str, float, float]]) -> None:
    """Two beats send everything twice, and workers may be away for days: what nobody took within a few
    turns is dropped, so no queue grows."""
    assert {task for task, every_s, expires_s in beat if not 0 < expires_s <= max(every_s, 10)} == set()


def test_two_beats_at_once_are_harmless(
    app: Flask, engine: Engine, redis: Redis, site: Any, sql: Any, beat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs every scheduled task twice at the same time; every number is the same as with one beat."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    # Exclusive tasks run one at a time on a machine; these are two machines.
    monkeypatch.setattr(exclusive, "machine_name", lambda: threading.current_thread().name)
    append(redis, site, EVENTS)
    drain(engine, redis)
    append(redis, site, EVENTS)
    ingest.get_process_drain.cache_clear()
    bodies = {task.name: task for module in (columnar, exports, maintenance, rollups, ingest) for task in vars(module).values()
              if hasattr(task, "apply_async")}  # fmt: skip
    failures: list[BaseException] = []

    def send_all() -> None:
        try:
            with app.app_context():
                for task, _, _ in beat:
                    bodies[task]()
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=send_all) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    ingest.get_process_drain.cache_clear()
    assert not failures
    assert run_audit(engine, redis, full=True).gaps == []
    merge_all(engine, 10)
    total = "SELECT sum(events) FROM rollups WHERE span = 'day' AND dimension = 'total' AND subject = ''"
    assert sql("SELECT count(*), (" + total + ") FROM events") == [(160, 160)]


def test_health_shows_tasks_merge_lag_and_the_audit(
    make_app: Any, engine: Engine, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine.begin() as connection:
        old = {"site_id": 1, "zone": "UTC", "events": 7, "body": b"", "created_at": NOW}
        connection.execute(rollup_deltas.insert().values(old))
        connection.execute(rollup_deltas.insert().values({**old, "created_at": NOW + timedelta(seconds=5)}))

    class Named:
        name, request = "maintenance.audit", object()

    class Closing(Named):
        name = "rollups.close_days"

    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(seconds=8))
    told = {"gap": "shop 2026-03-27T20:00:00Z: …", "checked_at": "2026-03-27T20:30:00Z"}
    recorder = task_runs.TaskRunRecorder(redis, {"maintenance.audit", "rollups.close_days"})
    recorder.record_end("1", Named(), told, "SUCCESS")
    recorder.record_end("2", Closing(), None, "SUCCESS")
    found: Any = make_app(anonymous_scopes=("admin",)).test_client().get("/health").json
    assert found["audit"] == told
    assert found["rollups"] == {
        "waiting_deltas": 2, "waiting_events": 14, "merge_lag_s": 8.0, "last_close_day": "2026-03-27T20:30:08.000Z",
    }  # fmt: skip
    assert (found["tasks"]["maintenance.audit"]["outcome"], found["ok"]) == ("ok", True)


def test_health_without_any_run_reports_it(make_app: Any, redis: Redis) -> None:
    found: Any = make_app(anonymous_scopes=("admin",)).test_client().get("/health").json
    assert (found["tasks"], found["audit"]) == ({}, {"gap": None, "checked_at": None})
    assert found["rollups"]["merge_lag_s"] == 0.0
    assert buffer.count_entries(redis) == 0
