"""A client's disconnect cancels its query, ends its stream, and gives back its body. A real gunicorn, a real query."""

import socket
from collections.abc import Callable
from typing import Any

import pytest

from tests.web.web_server import WebServer, reset, until

RUNNING = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%nobody_waits%' AND pid <> pg_backend_pid()"
RUNNING += " AND state = 'active'"
TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%nobody_waits%'"
TERMINATE += " AND pid <> pg_backend_pid()"
CLOSED = b"GET /closed HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
Sql = Callable[..., list[tuple[Any, ...]]]


def begin(server: WebServer, request: str) -> socket.socket:
    connection = server.connect()
    connection.sendall(f"{request} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
    return connection


@pytest.mark.parametrize("request_line", ["GET /query", "POST /api/analytics/reports/query"])
@pytest.mark.parametrize("leave", [reset, socket.socket.close], ids=["reset", "closed"])
def test_a_query_is_cancelled_when_its_client_leaves(
    server: WebServer, sql: Sql, leave: Callable[[socket.socket], None], request_line: str
) -> None:
    connection = begin(server, request_line)
    until(lambda: sql(RUNNING) == [(1,)])
    leave(connection)
    until(lambda: sql(RUNNING) == [(0,)])


def test_a_write_is_not_cancelled(server: WebServer, sql: Sql) -> None:
    connection = begin(server, "DELETE /query")
    until(lambda: sql(RUNNING) == [(1,)])
    reset(connection)
    # gunicorn gives a request up three seconds after its client has left.
    with pytest.raises(AssertionError):
        until(lambda: sql(RUNNING) == [(0,)], 4)
    sql(TERMINATE)
    until(lambda: not sql(RUNNING)[0][0])


@pytest.mark.parametrize("path", ["/endless", "/quiet"])
@pytest.mark.parametrize("leave", [reset, socket.socket.close], ids=["reset", "closed"])
def test_a_stream_is_closed_when_its_client_leaves(
    server: WebServer, path: str, leave: Callable[[socket.socket], None]
) -> None:
    connection = begin(server, f"GET {path}")
    assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert server.say(CLOSED).endswith(b"false\n")
    leave(connection)
    until(lambda: server.say(CLOSED).endswith(b"true\n"))


def test_a_client_that_does_not_read_stops_its_stream(server: WebServer) -> None:
    before = server.memory_mb()
    connections = [begin(server, "GET /endless") for _ in range(5)]
    until(lambda: read_all_of(connections, 1))
    assert server.say(CLOSED).endswith(b"false\n")
    assert server.memory_mb() - before < 20
    for connection in connections:
        reset(connection)


def read_all_of(connections: list[socket.socket], size: int) -> bool:
    return all(len(connection.recv(size)) == size for connection in connections)
