"""Health routes, with both servers working, unavailable, silent, or not migrated."""

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
from analytics.local.processes import send_signal
from analytics.local.servers.postgres import PostgresServer
from analytics.local.servers.redis import RedisServer as RedisServer
from analytics.ops.server_checks import migration_revisions
from analytics.reports.responses.cache import COUNTS_KEY
from analytics.store import backlog
from analytics.store.partitions import ensure
from tests.flow.test_flow import wait_for

MakeApp = Callable[..., Flask]
HEALTH = ["/health", "/health-check", "/healthz", "/api/analytics/healthz"]
SEED_KEYS = [
    pytest.param("/health", set(), id="seed-0"),
    pytest.param("/api/analytics/healthz", {"status"}, id="seed-1"),
    pytest.param("/health", {"ok", "service", "python_version"}, id="seed-3"),
    pytest.param("/health", {"status", "database", "postgres", "partitions", "timestamp", "version"}, id="seed-4"),
]


@pytest.mark.parametrize(("route", "keys"), SEED_KEYS)
def test_health_has_the_fields_of_each_seed(make_app: MakeApp, route: str, keys: set[str]) -> None:
    response = make_app().test_client().get(route)
    assert response.status_code == 200
    assert keys <= response.json.keys()


@pytest.mark.parametrize("route", HEALTH)
def test_every_health_route_is_public_and_not_cached(make_app: MakeApp, route: str) -> None:
    response = make_app().test_client().get(route)
    assert (response.status_code, response.headers["Cache-Control"]) == (200, "no-store")
    found = response.json
    assert (found["ok"], found["status"], found["service"]) == (True, "healthy", "analytics-service")
    assert (found["database"], found["postgres"], found["redis"]) == ("connected", "connected", "connected")
    assert abs(datetime.fromisoformat(found["timestamp"]) - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.fixture
def read_details(make_app: MakeApp, token: Any, auth: Any) -> Callable[..., dict[str, Any]]:
    """`read_details(db_pool_size=2)`: /health of a new application, as an admin sees it."""
    return lambda **changes: make_app(**changes).test_client().get("/health", headers=auth(token("admin"))).json


DETAILS = {
    "rate_limit_uncounted",
    "queue",
    "rollups",
    "cache",
    "pool",
    "redis_memory",
    "heartbeats",
    "tasks",
    "audit",
    "checks",
}


@pytest.mark.parametrize("sent", [None, "Bearer x.y.z", "read"])
def test_counts_latencies_memory_and_tasks_are_for_admins_only(
    make_app: MakeApp, token: Any, auth: Any, read_details: Any, sent: str | None
) -> None:
    headers = auth(token("ingest read export")) if sent == "read" else {"Authorization": sent} if sent else {}
    public = make_app().test_client().get("/health", headers=headers).json
    details = read_details()
    assert (details.keys() - public.keys(), public.keys() & DETAILS) == (DETAILS, set())


def test_uncounted_requests_are_shown(make_app: MakeApp, token: Any, auth: Any) -> None:
    app = make_app()
    app.extensions["limit_outage"].uncounted = 7
    assert app.test_client().get("/health", headers=auth(token("admin"))).json["rate_limit_uncounted"] == 7


def test_admin_key_sees_the_details_once_it_is_known(make_app: MakeApp, make_key: Any, auth: Any) -> None:
    client, headers = make_app().test_client(), auth(make_key("secret", ["admin"]))
    wait_for(lambda: "queue" in client.get("/health", headers=headers).json, 5)


def test_a_session_of_an_admin_sees_the_details(make_app: MakeApp, token: Any) -> None:
    client = make_app().test_client()
    client.post("/login", data={"token": token("read")})
    assert "queue" not in client.get("/health").json
    client.post("/login", data={"token": token("read admin")})
    wait_for(lambda: "queue" in client.get("/health").json, 5)
    client.post("/logout", headers={"X-CSRF-Token": "1"})
    assert "queue" not in client.get("/health").json


def test_unknown_key_does_not_delay_health_while_the_database_hangs(
    make_app: MakeApp, engine: Engine, auth: Any
) -> None:
    client = make_app().test_client()
    client.get("/health")
    with engine.connect() as connection, connection.begin():
        connection.exec_driver_sql("LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        assert "queue" not in client.get("/health", headers=auth("sk_" + 43 * "a")).json
        assert time.monotonic() - began < 1


def test_partitions_reports_whether_today_has_one(
    make_app: MakeApp, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime(1971, 6, 30, 23, 59, 59, 999999, UTC))
    assert make_app().test_client().get("/health").json["partitions"] is False
    ensure(engine, "events", [date(1971, 7, 1)], date(1971, 7, 1))
    assert make_app().test_client().get("/health").json["partitions"] is False
    ensure(engine, "events", [date(1971, 6, 30)], date(1971, 6, 30))
    assert make_app().test_client().get("/health").json["partitions"] is True


def test_queue_shows_the_backlog(read_details: Any, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = buffer.Entry(b"[]", False, 3, 1, "default", 0, 0, "", "", "", "")
    began = clock.now()
    buffer.append(redis, entry, buffer.BacklogLimits(10**6, 10**9))
    buffer.append(redis, entry, buffer.BacklogLimits(10**6, 10**9))
    waiting = sum(len(fields[b"e"]) for _, fields in redis.xrange(buffer.STREAM))
    monkeypatch.setattr(clock, "now", lambda: began + timedelta(seconds=90))
    queue = read_details()["queue"]
    assert (queue["backlog_events"], queue["backlog_bytes"]) == (6, waiting)
    assert queue["oldest_waiting_s"] == pytest.approx(90, abs=5)


def test_an_empty_queue_is_zero(read_details: Any, redis: Redis) -> None:
    queue = read_details()["queue"]
    assert queue == {"backlog_events": 0, "backlog_bytes": 0, "oldest_waiting_s": 0.0}


def test_cache_shows_hits_and_misses(app: Flask, read_details: Any) -> None:
    app.extensions["cache_redis"].hset(COUNTS_KEY, mapping={"hits": 3, "misses": 1})
    assert read_details()["cache"] == {"hits": 3, "misses": 1}


def test_unavailable_cache_is_unknown_and_healthy(read_details: Any, tmp_path: Path) -> None:
    found = read_details(redis_url=f"unix://{tmp_path}/none.sock?db=1")
    assert (found["ok"], found["cache"]) == (True, {"hits": None, "misses": None})


def test_redis_memory_is_shown(read_details: Any, redis: Redis) -> None:
    memory = read_details()["redis_memory"]
    assert memory["used_bytes"] > 100_000
    assert memory["limit_bytes"] == int(redis.config_get("maxmemory")["maxmemory"])


def test_pool_shows_connections_in_use(make_app: MakeApp, token: Any, auth: Any) -> None:
    app = make_app(db_pool_size=2, db_max_overflow=1)
    with app.app_context(), db.engine.connect():
        found = app.test_client().get("/health", headers=auth(token("admin"))).json
    assert found["pool"] == {"checked_out": 1, "size": 3}


def test_exhausted_pool_is_a_503_with_retry_after(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, token: Any, auth: Any
) -> None:
    monkeypatch.setattr(analytics, "POOL_TIMEOUT_S", 0.05)
    app = make_app(db_pool_size=1, db_max_overflow=0)
    with app.app_context(), db.engine.connect():
        response = app.test_client().get("/api/analytics/exports", headers=auth(token()))
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert response.json["detail"] == "every connection to the database is in use; try again shortly"


def test_responses_are_not_stored_by_caches(client: FlaskClient, token: Any, auth: Any) -> None:
    for route in ("/livez", "/api/analytics/sites"):
        assert client.get(route, headers=auth(token("admin"))).headers["Cache-Control"] == "no-store"


def test_the_backlog_is_read_under_the_names_it_is_written_under() -> None:
    assert (backlog.STREAM, backlog.BACKLOG) == (buffer.STREAM, buffer.BACKLOG)


def test_every_response_has_its_process_time(client: FlaskClient) -> None:
    for route in ("/livez", "/nothing-here", "/api/analytics/reports/dau"):
        assert 0 <= float(client.get(route).headers["X-Analytics-Process-Time"]) < 60


def test_a_slow_request_is_logged_without_its_query(make_app: MakeApp, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        make_app(slow_request=0.0).test_client().get("/livez?user_id=ann")
    [line] = [record.getMessage() for record in caplog.records if record.name == "analytics.access"]
    assert line.startswith("Slow analytics request: /livez took ")
    assert "ann" not in line.replace("analytics", "")


@dataclass
class Own:
    """Servers that a test may stop, and an application on them."""

    postgres: PostgresServer
    redis: RedisServer
    make_app: MakeApp
    database: str = "postgres"

    def client(self) -> FlaskClient:
        url = self.postgres.url(self.database).replace("postgresql:", "postgresql+psycopg2:")
        client = self.make_app(
            database_url=url, celery_broker_url=self.redis.url(0), anonymous_scopes=("admin",)
        ).test_client()
        # The first result may come after the time that a probe waits.
        client.get("/health")
        return client

    def get(self, route: str) -> Any:
        return self.client().get(route)

    def run(self, statement: str) -> None:
        connection = psycopg2.connect(self.postgres.url(self.database))
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
        connection.close()


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[PostgresServer, RedisServer]]:
    folder = Path(tempfile.mkdtemp(prefix="analytics-health-"))
    folder.chmod(0o711)
    postgres, redis = PostgresServer(folder / "pg", ephemeral=True), RedisServer(folder / "redis", ephemeral=True)
    yield postgres, redis
    postgres.stop()
    redis.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def own(servers: tuple[PostgresServer, RedisServer], make_app: MakeApp) -> Own:
    for server in servers:
        server.start()
    return Own(*servers, make_app)


def test_unavailable_redis_is_reported_and_the_queue_is_unknown(own: Own) -> None:
    own.redis.kill()
    response = own.get("/health")
    found = response.json
    assert (response.status_code, found["ok"], found["status"]) == (503, False, "unhealthy")
    assert (found["redis"], found["database"]) == ("cannot be reached", "connected")
    assert set(found["queue"].values()) == {None}


def test_unavailable_postgres_is_reported_and_the_queue_is_shown(own: Own) -> None:
    own.postgres.kill()
    response = own.get("/health")
    found = response.json
    assert (response.status_code, found["ok"], found["partitions"]) == (503, False, False)
    assert (found["postgres"], found["redis"]) == ("cannot be reached", "connected")
    assert found["queue"]["backlog_events"] == 0


ROLES = [
    pytest.param("postgres", {"": 200, "?role=ingest": 200, "?role=reports": 503}, id="postgres"),
    pytest.param("redis", {"": 503, "?role=ingest": 503, "?role=reports": 503}, id="redis"),
]


@pytest.mark.parametrize(("which", "statuses"), ROLES)
def test_ingest_is_ready_without_postgres_and_the_body_names_what_is_missing(
    own: Own, which: str, statuses: dict[str, int]
) -> None:
    own.run(f"CREATE TABLE IF NOT EXISTS alembic_version (version_num text); {REVISED}")
    getattr(own, which).kill()
    client = own.client()
    found = {query: client.get(f"/readyz{query}") for query in statuses}
    assert {query: response.status_code for query, response in found.items()} == statuses
    assert {str(response.json["missing"]) for response in found.values()} == {str({which: "cannot be reached"})}
    assert [response.json["role"] for response in found.values()] == ["ingest", "ingest", "reports"]


def test_an_unknown_role_is_refused_with_the_accepted_ones(make_app: MakeApp) -> None:
    response = make_app().test_client().get("/readyz?role=web")
    assert (response.status_code, response.mimetype) == (400, "application/problem+json")
    assert "accepted: ingest, reports, for example" in response.json["detail"]


@pytest.mark.parametrize("which", ["postgres", "redis"])
def test_probes_answer_at_once_and_say_so_while_a_server_hangs(own: Own, which: str) -> None:
    word = {"postgres": "does not answer in time", "redis": "cannot be reached"}[which]
    client, pid = own.client(), getattr(own, which).pid
    send_signal(pid, signal.SIGSTOP)
    try:
        wait_for(lambda: client.get("/readyz?role=reports").json["missing"].get(which) == word, 2.5)
        took_s = [time_of(client, route) for route in ("/livez", "/readyz", "/health") * 20]
    finally:
        send_signal(pid, signal.SIGCONT)
    # A machine that is busy with other tests may stop this one for a moment.
    assert sorted(took_s)[-6] < 0.1
    wait_for(lambda: which not in client.get("/readyz?role=reports").json["missing"], 5)


def time_of(client: FlaskClient, route: str) -> float:
    began = time.monotonic()
    client.get(route)
    return time.monotonic() - began


def test_the_first_probe_waits_less_than_a_tenth_of_a_second(own: Own) -> None:
    send_signal(own.redis.pid, signal.SIGSTOP)
    try:
        url = own.postgres.url("postgres").replace("postgresql:", "postgresql+psycopg2:")
        client = own.make_app(database_url=url, celery_broker_url=own.redis.url(0)).test_client()
        began = time.monotonic()
        response = client.get("/readyz")
        took_s = time.monotonic() - began
    finally:
        send_signal(own.redis.pid, signal.SIGCONT)
    assert (response.status_code, response.json["missing"]["redis"]) == (503, "not checked in the last 2 seconds")
    assert took_s < 0.15


def test_polling_makes_no_connections_of_its_own(own: Own) -> None:
    client, redis = own.client(), Redis.from_url(own.redis.url(0))
    before = redis.info("stats")["total_connections_received"]
    for _ in range(200):
        client.get("/health")
        client.get("/readyz")
    assert redis.info("stats")["total_connections_received"] - before < 40


def test_process_is_alive_without_either_server(own: Own) -> None:
    own.postgres.kill()
    own.redis.kill()
    client = own.client()
    response = client.get("/livez")
    assert (response.status_code, response.json) == (200, {"status": "alive"})
    assert client.get("/readyz").status_code == 503


def test_problems_name_no_host_and_no_version(own: Own) -> None:
    own.postgres.kill()
    text = own.get("/health").text
    assert "/tmp" not in text
    assert ".sock" not in text
    assert "psycopg2" not in text


REVISED = f"TRUNCATE alembic_version; INSERT INTO alembic_version VALUES ('{next(iter(migration_revisions()[0]))}')"
REVISIONS = [
    pytest.param([], 503, id="none"),
    pytest.param([*migration_revisions()[0]], 200, id="ours"),
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
    assert ("migration_pending" in response.json["degraded"]) is (status == 503)


def test_a_database_without_our_tables_is_healthy_and_not_ready(own: Own) -> None:
    own.run("DROP TABLE IF EXISTS alembic_version")
    client = own.client()
    assert (client.get("/health").status_code, client.get("/readyz").status_code) == (200, 503)
    assert client.get("/readyz").json["missing"] == {"schema": "the database is not migrated: run flask db upgrade"}
