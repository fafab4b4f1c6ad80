"""The export over a real socket: a client that disconnects, the first byte, and memory over a whole download."""

import mmap
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, Engine, text
from werkzeug.serving import make_server

from analytics.extensions import db

ROUTE = "/api/analytics/reports/events"


@pytest.fixture
def served(make_app: Callable[..., Flask]) -> Iterator[tuple[Flask, int]]:
    """A threaded server on a real socket, and its port."""
    app = make_app(db_pool_size=2, db_max_overflow=0)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield app, server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def request_export(port: int, bearer: str, buffer_bytes: int = 4096) -> socket.socket:
    """A connection that has requested the export and read nothing."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
    connection.connect(("127.0.0.1", port))
    connection.sendall(f"GET {ROUTE} HTTP/1.0\r\nAuthorization: Bearer {bearer}\r\n\r\n".encode())
    return connection


# Parallel workers of a COPY show its text too.
COPYING = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND ltrim(query) LIKE '%COPY (%' AND state = 'active' AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)


def running_copies(engine: Engine) -> int:
    """The number of COPY statements that run now."""
    with engine.connect() as connection:
        return connection.execute(COPYING).scalar_one()


def wait_until(claim: Callable[[], bool], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while not claim() and time.monotonic() < end:
        threading.Event().wait(0.02)
    return claim()


def checked_out(app: Flask) -> int:
    with app.app_context():
        return db.engine.pool.checkedout()  # type: ignore[attr-defined]


def test_a_disconnect_stops_the_query_and_frees_its_connection(
    served: tuple[Flask, int], engine: Engine, fill: Any, token: Any
) -> None:
    app, port = served
    fill(40_000)
    with request_export(port, token("export")) as client:
        assert client.recv(15).startswith(b"HTTP/1.")
        assert wait_until(lambda: running_copies(engine) == 1)
        assert checked_out(app) == 1
    assert wait_until(lambda: running_copies(engine) == 0 and checked_out(app) == 0)


def test_the_header_arrives_while_the_first_statement_waits(
    served: tuple[Flask, int], engine: Engine, store: Any, token: Any
) -> None:
    store([{"ts": "2026-03-02T12:00:00Z", "subject": "the row"}])
    with engine.begin() as lock:
        lock.execute(text("LOCK TABLE ONLY events IN ACCESS EXCLUSIVE MODE"))
        reader = request_export(served[1], token("export")).makefile("rb")
        while not (line := reader.readline()).startswith(b"event_id,"):
            assert line
        assert wait_until(lambda: waiting(lock) == 1)
    with reader:
        assert b"the row" in reader.read()


WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = CAST('events' AS regclass)")


def waiting(connection: Connection) -> int:
    """The number of statements that wait for a lock on events."""
    return int(connection.execute(WAITING).scalar_one())


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE


def test_an_export_of_100_megabytes_needs_less_than_half_of_that(
    served: tuple[Flask, int], fill: Any, token: Any
) -> None:
    fill(200_000)
    with request_export(served[1], token("export"), 1 << 20) as client:
        received, peak, before = 0, 0, resident_bytes()
        while chunk := client.recv(1 << 18):
            received += len(chunk)
            peak = max(peak, resident_bytes())
    assert received > 200_000 * 450
    assert peak - before < 40 * 2**20
