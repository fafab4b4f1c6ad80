"""What a probe is told, with both servers well, away, silent, or not ready yet."""

import logging
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine

import analytics
from analytics import clock
from analytics.extensions import db
from analytics.ingest import buffer
from analytics.local.postgres import Postgres
from analytics.local.processes import send_signal
from analytics.local.redis import Redis as RedisServer
from analytics.ops.health import known_revisions
from analytics.reports.cache import COUNTS
from analytics.store import backlog
from analytics.store.partitions import ensure

MakeApp = Callable[..., Flask]
HEALTH = ["/health", "/health-check", "/healthz", "/api/analytics/healthz"]
SEED_KEYS = [
    pytest.param("/health", set(), id="seed-0"),
    pytest.param("/api/analytics/healthz", {"status"}, id="seed-1"),
    pytest.param("/health", {"ok", "service", "python_version"}, id="seed-3"),
    pytest.param("/health", {"status", "database", "postgres", "partitions", "timestamp", "version"}, id="seed-4"),
]


@pytest.mark.parametrize(("route", "keys"), SEED_KEYS)
def test_health_tells_what_its_seed_told(make_app: MakeApp, route: str, keys: set[str]) -> None:
    response = make_app().test_client().get(route)
    assert response.status_code == 200
    assert keys <= response.json.keys()


@pytest.mark.parametrize("route", HEALTH)
def test_every_health_route_answers_anybody_and_is_not_cached(make_app: MakeApp, route: str) -> None:
    response = make_app().test_client().get(route)
    assert (response.status_code, response.headers["Cache-Control"]) == (200, "no-store")
    found = response.json
    assert (found["ok"], found["status"], found["service"]) == (True, "healthy", "analytics-service")
    assert (found["database"], found["postgres"], found["redis"]) == ("connected", "connected", "connected")
    assert abs(datetime.fromisoformat(found["timestamp"]) - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_look_is_shared_by_probes_that_come_together(make_app: MakeApp) -> None:
    prober = make_app().extensions["prober"]
    assert prober.look() is prober.look()


def test_partitions_tells_whether_today_has_one(
    make_app: MakeApp, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime(1971, 6, 30, 23, 59, 59, 999999, UTC))
    assert make_app().test_client().get("/health").json["partitions"] is False
    ensure(engine, "events", [date(1971, 7, 1)], date(1971, 7, 1))
    assert make_app().test_client().get("/health").json["partitions"] is False
    ensure(engine, "events", [date(1971, 6, 30)], date(1971, 6, 30))
    assert make_app().test_client().get("/health").json["partitions"] is True


def test_the_queue_shows_what_waits(make_app: MakeApp, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = buffer.Entry(b"[]", False, 3, 1, "default", 0, 0, "", "", "", "")
    began = clock.now()
    buffer.append(redis, entry, buffer.Limits(10**6, 10**9))
    buffer.append(redis, entry, buffer.Limits(10**6, 10**9))
    waiting = sum(len(fields[b"e"]) for _, fields in redis.xrange(buffer.STREAM))
    monkeypatch.setattr(clock, "now", lambda: began + timedelta(seconds=90))
    queue = make_app().test_client().get("/health").json["queue"]
    assert (queue["backlog_events"], queue["backlog_bytes"]) == (6, waiting)
    assert queue["oldest_waiting_s"] == pytest.approx(90, abs=5)


def test_an_empty_queue_is_zero(make_app: MakeApp, redis: Redis) -> None:
    queue = make_app().test_client().get("/health").json["queue"]
    assert queue == {"backlog_events": 0, "backlog_bytes": 0, "oldest_waiting_s": 0.0}


def test_the_cache_shows_what_was_found_and_computed(make_app: MakeApp) -> None:
    app = make_app()
    app.extensions["cache_redis"].hset(COUNTS, mapping={"hits": 3, "misses": 1})
    assert app.test_client().get("/health").json["cache"] == {"hits": 3, "misses": 1}


def test_a_cache_that_is_away_is_unknown_and_no_sickness(make_app: MakeApp, tmp_path: Path) -> None:
    response = make_app(redis_url=f"unix://{tmp_path}/none.sock?db=1").test_client().get("/health")
    assert (response.status_code, response.json["cache"]) == (200, {"hits": None, "misses": None})


def test_redis_tells_its_memory(make_app: MakeApp, redis: Redis) -> None:
    memory = make_app().test_client().get("/health").json["redis_memory"]
    assert memory["used_bytes"] > 100_000
    assert memory["limit_bytes"] == int(redis.config_get("maxmemory")["maxmemory"])


def test_the_pool_shows_what_is_in_use(make_app: MakeApp) -> None:
    app = make_app(db_pool_size=2, db_max_overflow=1)
    with app.app_context(), db.engine.connect():
        assert app.test_client().get("/health").json["pool"] == {"checked_out": 1, "size": 3}


def test_who_finds_every_connection_in_use_is_told_to_come_again(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, token: Any, auth: Any
) -> None:
    monkeypatch.setattr(analytics, "POOL_WAIT_S", 0.05)
    app = make_app(db_pool_size=1, db_max_overflow=0)
    with app.app_context(), db.engine.connect():
        response = app.test_client().get("/api/analytics/exports", headers=auth(token()))
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert response.json["detail"] == "every connection to the database is in use; try again shortly"


def test_nobody_on_the_way_keeps_an_answer(client: FlaskClient, token: Any, auth: Any) -> None:
    for route in ("/livez", "/api/analytics/sites"):
        assert client.get(route, headers=auth(token("admin"))).headers["Cache-Control"] == "no-store"


def test_the_backlog_is_read_under_the_names_it_is_written_under() -> None:
    assert (backlog.STREAM, backlog.BACKLOG) == (buffer.STREAM, buffer.BACKLOG)


def test_every_response_tells_its_process_time(client: FlaskClient) -> None:
    for route in ("/livez", "/nothing-here", "/api/analytics/reports/dau"):
        assert 0 <= float(client.get(route).headers["X-Analytics-Process-Time"]) < 60


def test_a_slow_request_is_logged_without_its_query(make_app: MakeApp, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        make_app(slow_request=0.0).test_client().get("/livez?user_id=ann")
    [line] = [record.getMessage() for record in caplog.records if record.name == "analytics.ops.views"]
    assert line.startswith("Slow analytics request: /livez took ")
    assert "ann" not in line.replace("analytics", "")


@dataclass
class Own:
    """Servers that a test may kill, and an application on them."""

    postgres: Postgres
    redis: RedisServer
    make_app: MakeApp
    database: str = "postgres"

    def get(self, route: str) -> Any:
        url = self.postgres.url(self.database).replace("postgresql:", "postgresql+psycopg2:")
        return self.make_app(database_url=url, celery_broker_url=self.redis.url(0)).test_client().get(route)

    def run(self, statement: str) -> None:
        connection = psycopg2.connect(self.postgres.url(self.database))
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
        connection.close()


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Postgres, RedisServer]]:
    folder = Path(tempfile.mkdtemp(prefix="analytics-health-"))
    folder.chmod(0o711)
    postgres, redis = Postgres(folder / "pg", ephemeral=True), RedisServer(folder / "redis", ephemeral=True)
    yield postgres, redis
    postgres.stop()
    redis.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def own(servers: tuple[Postgres, RedisServer], make_app: MakeApp) -> Own:
    for server in servers:
        server.start()
    return Own(*servers, make_app)


def test_redis_that_is_away_is_told_and_the_queue_is_unknown(own: Own) -> None:
    own.redis.kill()
    response = own.get("/health")
    found = response.json
    assert (response.status_code, found["ok"], found["status"]) == (503, False, "unhealthy")
    assert (found["redis"], found["database"]) == ("cannot be reached", "connected")
    assert set(found["queue"].values()) == {None}
    assert own.get("/readyz").json["missing"]["redis"] == "cannot be reached"


def test_postgres_that_is_away_is_told_and_the_queue_is_shown(own: Own) -> None:
    own.postgres.kill()
    response = own.get("/health")
    found = response.json
    assert (response.status_code, found["ok"], found["partitions"]) == (503, False, False)
    assert (found["postgres"], found["redis"]) == ("cannot be reached", "connected")
    assert found["queue"]["backlog_events"] == 0
    assert own.get("/readyz").json["missing"] == {"postgres": "cannot be reached"}


@pytest.mark.parametrize(("which", "word"), [("postgres", "does not answer in time"), ("redis", "cannot be reached")])
def test_a_server_that_hears_and_never_answers_does_not_hold_a_probe(own: Own, which: str, word: str) -> None:
    pid = getattr(own, which).pid
    send_signal(pid, signal.SIGSTOP)
    began = time.monotonic()
    try:
        response = own.get("/health")
    finally:
        send_signal(pid, signal.SIGCONT)
    assert (response.status_code, response.json[which]) == (503, word)
    assert time.monotonic() - began < 4


def test_the_process_lives_without_either_server(own: Own) -> None:
    own.postgres.kill()
    own.redis.kill()
    response = own.get("/livez")
    assert (response.status_code, response.json) == (200, {"status": "alive"})
    assert own.get("/readyz").status_code == 503


def test_what_is_wrong_is_told_without_a_place_or_a_version(own: Own) -> None:
    own.postgres.kill()
    text = own.get("/health").text
    assert "/tmp" not in text
    assert ".sock" not in text
    assert "psycopg2" not in text


REVISIONS = [
    pytest.param([], 503, id="none"),
    pytest.param([*known_revisions()[0]], 200, id="ours"),
    pytest.param(["of-the-next-release"], 200, id="ahead-of-us"),
]


@pytest.mark.parametrize(("revisions", "status"), REVISIONS)
def test_it_is_ready_once_the_database_is_migrated(own: Own, revisions: list[str], status: int) -> None:
    own.run("CREATE TABLE IF NOT EXISTS alembic_version (version_num text); TRUNCATE alembic_version")
    for revision in revisions:
        own.run(f"INSERT INTO alembic_version VALUES ('{revision}')")
    response = own.get("/readyz")
    assert response.status_code == status
    assert response.json["status"] == ("ready" if status == 200 else "not ready")
    health = own.get("/health").json
    assert (response.json["queue"], response.json["rollups"]) == (health["queue"], health["rollups"])


def test_a_database_without_our_tables_is_healthy_and_not_ready(own: Own) -> None:
    own.run("DROP TABLE IF EXISTS alembic_version")
    assert (own.get("/health").status_code, own.get("/readyz").status_code) == (200, 503)
    assert own.get("/readyz").json["missing"] == {"schema": "the database is not migrated: run flask db upgrade"}
