"""A PostgreSQL that hangs (its processes are stopped): whoever waits for it gets an error in time."""

import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError

from analytics.errors import Unavailable
from analytics.extensions import db
from analytics.local.processes import pids_working_in, send_signal
from analytics.local.servers.postgres import PostgresServer
from analytics.store import connections, reading
from analytics.store.connections import CONNECT_ARGS, install_limits
from analytics.store.copy.copy_stream import CopyReader
from analytics.store.reading import read_transaction
from analytics.web.server.disconnects import CancellationToken
from benchmarks.stack import free_port
from tests.waiting import wait_until


class Hanging:
    """A server of its own."""

    def __init__(self, server: PostgresServer) -> None:
        self.server, self._stopped = server, set[int]()

    def hang(self) -> None:
        # Again until there is no new one: autovacuum's workers come and go.
        while new := set(pids_working_in(self.server.data)) - self._stopped:
            for pid in new:
                send_signal(pid, signal.SIGSTOP)
            self._stopped |= new

    def go_on(self) -> None:
        for pid in self._stopped:
            send_signal(pid, signal.SIGCONT)
        self._stopped = set()


@pytest.fixture(scope="module", params=["socket", "tcp"])
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    # As in tests/conftest.py: PostgreSQL may run as another user, which must reach its folder inside this one.
    folder = Path(tempfile.mkdtemp(prefix="analytics-hanging-"))
    folder.chmod(0o711)
    server = PostgresServer(folder / "pg", free_port() if request.param == "tcp" else 0, ephemeral=True)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def hanging(server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hanging]:
    monkeypatch.setattr(connections, "PING_TIMEOUT_S", 0.5)
    monkeypatch.setattr(reading, "HUNG_SERVER_MARGIN_S", 0.5)
    hanging = Hanging(server)
    yield hanging
    hanging.go_on()


@pytest.fixture
def engine_of(hanging: Hanging, server: PostgresServer) -> Iterator[Engine]:
    url = f"postgresql+psycopg2://postgres@127.0.0.1:{server.port}/postgres"
    if server.port == 5432:
        url = server.url().replace("postgresql:", "postgresql+psycopg2:")
    engine = create_engine(url, pool_pre_ping=True, connect_args=CONNECT_ARGS | {"connect_timeout": 2})
    install_limits(engine, lambda: 1.0)
    yield engine
    hanging.go_on()
    engine.dispose()


def sleep(engine: Engine, timeout_s: float) -> None:
    with read_transaction(engine, timeout_s) as connection:
        connection.execute(text("SELECT pg_sleep(20)"))


def in_thread(call: Callable[[], Any]) -> tuple[threading.Thread, list[Exception]]:
    errors: list[Exception] = []

    def run() -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, errors


def test_report_ends_shortly_after_its_timeout(engine_of: Engine, hanging: Hanging) -> None:
    began = time.monotonic()
    thread, errors = in_thread(lambda: sleep(engine_of, 1))
    time.sleep(0.5)
    hanging.hang()
    thread.join(10)
    assert 1 <= time.monotonic() - began < 3
    assert isinstance(errors[0], OperationalError)


@pytest.mark.parametrize("fetch", ["fetchmany", "fetchall"])
def test_rows_of_a_cursor_of_the_server_come_or_fail_in_time(engine_of: Engine, hanging: Hanging, fetch: str) -> None:
    query = text("SELECT n FROM generate_series(1, 1000) AS n")
    with engine_of.connect() as connection:
        rows = connection.execute(query, execution_options={"yield_per": 10})
        assert [row.n for row in rows.fetchmany(10)] == list(range(1, 11))
        hanging.hang()
        began = time.monotonic()
        with pytest.raises(OperationalError):
            getattr(rows, fetch)()
        assert 0.5 <= time.monotonic() - began < 3


def test_pooled_connection_and_a_new_one_fail_in_time(engine_of: Engine, hanging: Hanging) -> None:
    with engine_of.connect() as connection:
        connection.execute(text("SELECT 1"))
    hanging.hang()
    for _ in range(2):
        began = time.monotonic()
        with pytest.raises(OperationalError):
            engine_of.connect()
        assert time.monotonic() - began < 4


def test_commit_fails_in_time(engine_of: Engine, hanging: Hanging) -> None:
    connection = engine_of.connect()
    connection.execute(text("CREATE TEMPORARY TABLE some_rows (n int)"))
    hanging.hang()
    began = time.monotonic()
    with pytest.raises(OperationalError):
        connection.commit()
    assert time.monotonic() - began < 3


def test_disconnect_ends_the_wait_and_stops_no_other_thread(engine_of: Engine, hanging: Hanging) -> None:
    token = CancellationToken()
    thread, errors = in_thread(lambda: token.run(sleep, engine_of, 60))
    time.sleep(0.5)
    hanging.hang()
    began = time.monotonic()
    canceller, _ = in_thread(token.cancel)
    thread.join(5)
    canceller.join(5)
    assert time.monotonic() - began < 2
    assert isinstance(errors[0], Unavailable)


def test_cancelled_export_ends_at_once(engine_of: Engine, hanging: Hanging) -> None:
    reader = CopyReader(engine_of, [("COPY (SELECT pg_sleep(20)) TO STDOUT", {})])
    thread, errors = in_thread(lambda: reader.stream_to(lambda _chunk: None))
    time.sleep(0.5)
    hanging.hang()
    reader.cancel()
    thread.join(5)
    assert len(errors) == 1


def test_server_that_goes_on_is_used_again(engine_of: Engine, hanging: Hanging) -> None:
    thread, errors = in_thread(lambda: sleep(engine_of, 1))
    time.sleep(0.5)
    hanging.hang()
    thread.join(10)
    hanging.go_on()
    with read_transaction(engine_of, 5) as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
    assert errors


def test_statement_that_takes_its_time_is_not_ended_without_a_limit(engine_of: Engine) -> None:
    with read_transaction(engine_of, 0) as connection:
        connection.execute(text("SELECT pg_sleep(1.5)"))


def test_query_of_a_lost_client_ends_on_the_server(engine_of: Engine, hanging: Hanging) -> None:
    token = CancellationToken()
    thread, _ = in_thread(lambda: token.run(sleep, engine_of, 60))
    time.sleep(0.3)
    token.cancel()
    thread.join(5)
    running = text(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(20)%' AND pid <> pg_backend_pid()"
    )

    def has_ended() -> bool:
        with engine_of.connect() as connection:
            return not connection.execute(running).scalar_one()

    wait_until(has_ended, 5)


def test_requests_have_a_limit_and_tasks_have_none(app: Flask) -> None:
    limits = []
    for context in (app.app_context(), app.test_request_context()):
        with context, db.engine.connect() as connection:
            limits.append(connection.connection.driver_connection.limit_s)
    assert limits == [0.0, 120.0]


def test_every_connection_notices_a_lost_network(engine: Engine) -> None:
    with engine.connect() as connection:
        used = connection.connection.driver_connection.info.dsn_parameters
    wanted = {name: str(value) for name, value in connections.LIBPQ_OPTIONS.items()}
    assert {name: used.get(name) for name in wanted} == wanted
