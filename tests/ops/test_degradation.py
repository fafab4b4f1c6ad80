"""The codes of /health: each appears when its cause does, the most severe first, and none names a site."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis import Redis

from analytics import clock
from analytics.ops.degradation import DEGRADATIONS, find_degradations
from analytics.ops.health import Health
from analytics.ops.heartbeats import BEAT, HEARTBEATS_KEY, Heartbeats, read_heartbeats, worker_field, write_heartbeat
from analytics.ops.server_checks import CheckResult, PostgresState, RedisState, SideState
from analytics.ops.task_runs import TaskRun
from analytics.store.backlog import Backlog
from config import Settings

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
WELL = CheckResult("", 1.0)
GAP = {"gap": "shop 2026-11-30T11:00:00Z: 2 events are missing"}


def run_that_ended(seconds_ago: float, result: dict[str, Any] | None = None) -> TaskRun:
    ended_at = (NOW - timedelta(seconds=seconds_ago)).isoformat().replace("+00:00", "Z")
    return TaskRun(ended_at, ended_at, 1.0, "ok", ended_at, result)


REDIS = RedisState(WELL, Backlog(0, 0, None), {"rollups.merge": run_that_ended(2)}, None, Heartbeats({"w": 1.0}, 1.0))
FINE = Health(
    PostgresState(WELL, is_migrated=True, has_partition=True), REDIS, SideState(None, (50 << 30, 100 << 30)), NOW
)


def with_redis(**changes: Any) -> Health:
    return replace(FINE, redis=replace(REDIS, **changes))


def with_postgres(**changes: Any) -> Health:
    return replace(FINE, postgres=replace(FINE.postgres, **changes))


CASES = {
    "all is well": (FINE, []),
    "no worker": (with_redis(heartbeats=Heartbeats({}, 1.0)), ["worker_silent"]),
    "one of two workers stopped": (with_redis(heartbeats=Heartbeats({"a": 1.0, "b": 30.0}, 1.0)), ["worker_silent"]),
    "a worker was replaced long ago": (with_redis(heartbeats=Heartbeats({"a": 1.0, "b": 700.0}, 1.0)), []),
    "the only worker is long gone": (with_redis(heartbeats=Heartbeats({"b": 700.0}, 1.0)), ["worker_silent"]),
    "no task ends": (with_redis(task_runs={"rollups.merge": run_that_ended(40)}), ["worker_silent"]),
    "one task of many is rare": (with_redis(task_runs={"a": run_that_ended(4000), "b": run_that_ended(3)}), []),
    "beat stopped": (with_redis(heartbeats=Heartbeats({"a": 1.0}, 30.0)), ["beat_silent"]),
    "beat never was, so no task ends": (
        with_redis(heartbeats=Heartbeats({"a": 1.0}, None), task_runs={"a": run_that_ended(90)}),
        ["beat_silent"],
    ),
    "an audit found a gap": (with_redis(task_runs={"maintenance.audit": run_that_ended(2, GAP)}), ["audit_gap"]),
    "a new dead letter": (with_postgres(dead_letter_at=NOW - timedelta(hours=23)), ["dead_letters"]),
    "an old dead letter": (with_postgres(dead_letter_at=NOW - timedelta(hours=25)), []),
    "half of the backlog's events": (with_redis(backlog=Backlog(1_000_001, 10, NOW)), ["backlog"]),
    "half of the backlog's bytes": (with_redis(backlog=Backlog(10, 128_000_001, NOW)), ["backlog"]),
    "an event waits for a minute": (with_redis(backlog=Backlog(1, 10, NOW - timedelta(seconds=61))), ["backlog"]),
    "an event waits for some seconds": (with_redis(backlog=Backlog(1, 10, NOW - timedelta(seconds=9))), []),
    "a full disk": (replace(FINE, side=SideState(None, (4 << 30, 100 << 30))), ["disk"]),
    "a large disk with room": (replace(FINE, side=SideState(None, (40 << 30, 1000 << 30))), []),
    "exports in a bucket": (replace(FINE, side=SideState(None, None)), []),
    "Redis cannot write": (with_redis(can_write=False), ["disk"]),
    "not migrated": (with_postgres(is_migrated=False), ["migration_pending"]),
    "Redis is away": (replace(FINE, redis=RedisState(CheckResult("cannot be reached", 1.0))), []),
    "several at once": (
        replace(
            with_redis(heartbeats=Heartbeats({}, None), backlog=Backlog(1_500_000, 10, NOW)),
            postgres=PostgresState(WELL, dead_letter_at=NOW),
        ),
        ["worker_silent", "beat_silent", "dead_letters", "backlog", "migration_pending"],
    ),
}


@pytest.mark.parametrize(("health", "codes"), CASES.values(), ids=CASES)
def test_each_cause_has_its_code(health: Health, codes: list[str]) -> None:
    assert find_degradations(health, Settings()) == codes


def test_every_code_has_a_case() -> None:
    assert {code for _, codes in CASES.values() for code in codes} == DEGRADATIONS.keys()


def test_health_and_readiness_show_the_codes_to_everybody(
    make_app: Callable[..., Any], redis: Redis, sql: Callable[..., Any], site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_heartbeat(redis, worker_field("celery@host"))
    letter = "INSERT INTO dead_letters (entry_id, position, site_id, received_at, reason, detail, body)"
    sql(f"{letter} VALUES ('1-0', -1, {site.id}, now(), 'unreadable', 'of default', '') RETURNING id")
    monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC))
    client = make_app().test_client()
    found = client.get("/health")
    assert (found.status_code, found.json["ok"], found.json["degraded"]) == (200, True, ["beat_silent", "dead_letters"])
    assert client.get("/readyz").json["degraded"] == ["beat_silent", "dead_letters"]
    assert "default" not in found.text


def test_ages_are_by_the_clock_of_redis(redis: Redis) -> None:
    write_heartbeat(redis, BEAT)
    redis.hset(HEARTBEATS_KEY, worker_field("celery@far-ahead"), redis.time()[0] + 500)
    redis.hset(HEARTBEATS_KEY, worker_field("celery@silent"), redis.time()[0] - 20)
    found = read_heartbeats(redis)
    assert 0 <= (found.beat or 0) < 2
    assert sorted(found.workers.values()) == [0.0, pytest.approx(20, abs=1.5)]
