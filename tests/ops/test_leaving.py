"""Who closes a browser's tab ends the query that ran for it. Real sockets, a real query."""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, text

from analytics.errors import Unavailable
from analytics.store.reading import reading
from tests.ops.test_connection import Served

SLEEP = text("SELECT pg_sleep(60) AS nobody_waits")
RUNNING = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%nobody_waits%' AND pid <> pg_backend_pid()"
RUNNING += " AND state = 'active'"
Sql = Callable[..., list[tuple[Any, ...]]]


class Reader:
    """An application whose every answer takes a minute of PostgreSQL's."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.ended = engine, threading.Event()
        self.error: BaseException | None = None

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        try:
            with reading(self.engine, 60.0) as connection:
                connection.execute(SLEEP)
        except Unavailable as error:
            self.error = error
        self.ended.set()
        start_response("200 OK", [("Content-Length", "0")])
        return []


@pytest.fixture
def reader(engine: Engine) -> Reader:
    return Reader(engine)


@pytest.fixture
def served(reader: Reader) -> Iterator[Served]:
    served = Served(reader)
    yield served
    served.close()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def leave_by_reset(talking: socket.socket) -> None:
    talking.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    talking.close()


@pytest.mark.parametrize("asked", ["GET /", "POST /api/analytics/reports/funnel"])
@pytest.mark.parametrize("leave", [leave_by_reset, socket.socket.close], ids=["reset", "closed"])
def test_query_ends_when_the_one_who_asked_has_left(
    served: Served, reader: Reader, sql: Sql, leave: Callable[[socket.socket], None], asked: str
) -> None:
    talking = served.connect()
    talking.sendall(f"{asked} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
    until(lambda: sql(RUNNING) == [(1,)])
    leave(talking)

    def look() -> bool:
        served.look_around(1.0)
        return reader.ended.is_set()

    until(look)
    assert isinstance(reader.error, Unavailable)
    until(lambda: sql(RUNNING) == [(0,)])
    until(lambda: not served.server.connections)


def test_what_changes_something_goes_on(served: Served, reader: Reader, sql: Sql) -> None:
    talking = served.connect()
    talking.sendall(b"DELETE / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    until(lambda: sql(RUNNING) == [(1,)])
    leave_by_reset(talking)
    until(lambda: not served.server.connections)
    assert not reader.ended.is_set()
    assert sql(RUNNING) == [(1,)]
    sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%nobody_waits%' AND pid <> pg_backend_pid()"
    )
    until(lambda: not sql(RUNNING)[0][0])


def test_who_closes_one_side_only_gets_the_answer() -> None:
    go, begun = threading.Event(), threading.Event()

    def app(environ: Any, start_response: Any) -> list[bytes]:
        begun.set()
        assert go.wait(10)
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]

    served = Served(app)
    with served.connect() as talking:
        talking.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        talking.shutdown(socket.SHUT_WR)
        assert begun.wait(10)
        until(lambda: all(one._at_end for one in served.server.connections))
        for _ in range(3):
            served.look_around(1.0)
        go.set()
        told = b"".join(iter(lambda: talking.recv(65536), b""))
    served.close()
    early, _, late = told.rpartition(b"HTTP/1.1 200 ")
    assert early == b"HTTP/1.1 100 Continue\r\n\r\n" * 3
    assert late.endswith(b"\r\n\r\nok")


def test_connection_that_was_cancelled_is_not_used_again(
    served: Served, reader: Reader, engine: Engine, sql: Sql
) -> None:
    engine.dispose()
    talking = served.connect()
    talking.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    until(lambda: sql(RUNNING) == [(1,)])
    [(pid,)] = sql("SELECT pid FROM pg_stat_activity WHERE query LIKE '%nobody_waits%' AND pid <> pg_backend_pid()")
    leave_by_reset(talking)
    assert reader.ended.wait(20)
    until(lambda: sql("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid", pid=pid) == [(0,)])
