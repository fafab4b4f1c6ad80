"""Bodies that are under way: how much memory they take together, and who gives way."""

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from analytics.web.server import body_budget
from config import Settings
from tests.web.web_server import WebServer, environment, read_all, reset, until

SIZE = 4_900_000
PROXIED = "tests.web.sample_app:by_caller"


@pytest.fixture(scope="module")
def server(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    with WebServer(tmp_path_factory.mktemp("web"), PROXIED, environment(settings)) as server:
        yield server


def begin(server: WebServer, caller: str, length: int = SIZE, sent: int = SIZE - 1) -> socket.socket:
    """A body of which the last byte never comes."""
    connection = server.connect()
    head = f"POST /echo HTTP/1.1\r\nHost: x\r\nX-Caller: {caller}\r\nContent-Length: {length}\r\n\r\n"
    connection.sendall(head.encode() + b"a" * sent)
    return connection


def post(server: WebServer, caller: str, size: int = SIZE) -> int:
    with begin(server, caller, size, size) as connection:
        return status(connection)


def status(connection: socket.socket) -> int:
    return int(connection.recv(65536).split(b" ")[1])


def test_the_oldest_of_too_many_bodies_gives_way(server: WebServer) -> None:
    before = server.memory_mb()
    unfinished = [begin(server, f"caller {number}") for number in range(14)]
    began = time.monotonic()
    assert post(server, "somebody else") == 200
    assert time.monotonic() - began < 5
    until(lambda: server.memory_mb() - before < 60)
    first = read_all(unfinished[0])
    assert first.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 5" in first.lower()
    assert json.loads(first.partition(b"\r\n\r\n")[2])["code"] == "unavailable"
    for connection in unfinished:
        reset(connection)


def test_one_caller_takes_only_its_share(server: WebServer) -> None:
    # Of another caller, and older: it would be the first to go.
    other = begin(server, "other")
    mine = [begin(server, "mine") for _ in range(3)]
    assert post(server, "mine") == 200
    other.sendall(b"a")
    assert status(other) == 200
    for connection in mine:
        reset(connection)


def test_many_bodies_that_arrive_side_by_side_are_all_accepted(server: WebServer) -> None:
    """Together they are several times the share of their caller."""
    connections = [begin(server, "many", 250_000, 0) for _ in range(100)]
    for _ in range(10):
        for connection in connections:
            connection.sendall(b"a" * 25_000)
    assert [status(connection) for connection in connections] == [200] * 100


@pytest.mark.parametrize("sent", [0, 10, SIZE - 1])
@pytest.mark.parametrize("leave", [reset, socket.socket.close], ids=["reset", "closed"])
def test_bodies_of_lost_connections_are_given_back(server: WebServer, leave, sent: int) -> None:
    for _ in range(3):
        for connection in [begin(server, f"new {number}", SIZE, sent) for number in range(4)]:
            leave(connection)
    began = time.monotonic()
    assert [post(server, f"new {number}") for number in range(4)] == [200] * 4
    assert time.monotonic() - began < body_budget.GIVES_WAY_AFTER_S + 1


def test_a_client_that_leaves_before_its_body_gives_its_connection_back(server: WebServer) -> None:
    connection = begin(server, "gone", 10, 0)
    connection.shutdown(socket.SHUT_WR)
    connection.settimeout(5)
    assert status(connection) == 400


def test_bodies_that_wait_for_room_stay_in_their_sockets(server: WebServer) -> None:
    before = server.memory_mb()
    connections = [begin(server, "waits", SIZE, 250_000) for _ in range(200)]
    time.sleep(0.5)
    # One body has room. The others would take 50 MB.
    assert server.memory_mb() - before < 25
    for connection in connections:
        reset(connection)


def test_many_small_chunks_are_refused_and_take_little_memory(server: WebServer) -> None:
    before = server.memory_mb()
    with server.connect() as connection:
        head = b"POST /echo/loop HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        with suppress(OSError):
            # It may be refused before all of it was sent.
            connection.sendall(head + b"2\r\nab\r\n" * 500_000)
        assert status(connection) == 400
    assert server.memory_mb() - before < 60


def post_chunked(server: WebServer, caller: str) -> int:
    """A body of 2.7 MB whose length only its end tells."""
    with server.connect() as connection:
        head = f"POST /echo HTTP/1.1\r\nHost: x\r\nX-Caller: {caller}\r\nTransfer-Encoding: chunked\r\n\r\n"
        with suppress(OSError):
            connection.sendall(head.encode() + (b"afc8\r\n" + b"a" * 45_000 + b"\r\n") * 60 + b"0\r\n\r\n")
        return status(connection)


@pytest.mark.parametrize("callers", [1, 12])
def test_bodies_without_a_length_that_arrive_side_by_side_are_all_accepted(server: WebServer, callers: int) -> None:
    """Together they are several times the share of their caller, and more than a process holds."""
    before = server.memory_mb()
    with ThreadPoolExecutor(12) as threads:
        found = threads.map(lambda number: post_chunked(server, f"chunked {number % callers}"), range(12))
        assert list(found) == [200] * 12
    assert server.memory_mb() - before < 60
