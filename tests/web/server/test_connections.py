"""Connections that send little at great cost: the others are served meanwhile."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from config import Settings
from tests.web.web_server import WebServer, environment, read_all, reset

CHUNKED = b"POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
LIVEZ = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
SENDERS = 8


@pytest.fixture(scope="module")
def server(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    with WebServer(tmp_path_factory.mktemp("web"), env=environment(settings)) as server:
        yield server


@pytest.fixture
def senders(server: WebServer) -> Iterator[None]:
    """Eight clients whose bodies are chunks of one byte, as many as the server takes, again when it ends them."""
    has_ended = threading.Event()

    def send() -> None:
        while not has_ended.is_set():
            with suppress(OSError), server.connect() as connection:
                connection.sendall(CHUNKED % b"/unread")
                while not has_ended.is_set():
                    connection.sendall(b"1\r\na\r\n" * 2000)

    threads = [threading.Thread(target=send, daemon=True) for _ in range(SENDERS)]
    for thread in threads:
        thread.start()
    yield
    has_ended.set()
    for thread in threads:
        thread.join()


def time_livez(server: WebServer) -> float:
    """The seconds of one request on a connection of its own."""
    began = time.monotonic()
    response = server.say(LIVEZ.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert response.startswith(b"HTTP/1.1 200 ")
    return time.monotonic() - began


def test_chunks_of_one_byte_leave_time_for_others(server: WebServer, senders: None) -> None:
    """The median was 0.5 s on an idle machine, and is 0.02 s; 0.9 s and 0.06 s on a busy one."""
    assert sorted(time_livez(server) for _ in range(30))[15] < 0.25


def test_a_slow_client_gets_its_body_through_beside_them(server: WebServer, senders: None) -> None:
    with server.connect() as connection:
        connection.sendall(CHUNKED % b"/echo/loop")
        for _ in range(20):
            connection.sendall(b"32\r\n" + b"a" * 50 + b"\r\n")
            # It sends as fast as others are answered.
            time_livez(server)
        connection.sendall(b"0\r\n\r\n")
        assert b'"size":1000' in connection.recv(65536)


def test_a_large_body_gets_through_beside_them(server: WebServer, senders: None) -> None:
    head = b"POST /echo/loop HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\nConnection: close\r\n\r\n"
    assert b'"size":2000000' in server.say(head + b"a" * 2_000_000)


def test_a_body_in_pieces_of_one_byte_gets_through(server: WebServer) -> None:
    """As from a client that writes each character: the chunks cost, and there are few."""
    with server.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(CHUNKED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") % b"/echo/loop")
        for _ in range(500):
            connection.sendall(b"1\r\na\r\n")
        connection.sendall(b"0\r\n\r\n")
        assert b'"size":500' in read_all(connection)
    with server.connect() as connection:
        connection.sendall(CHUNKED % b"/echo/loop" + b"1\r\na\r\n" * 1900 + b"0\r\n\r\n")
        assert b'"size":1900' in connection.recv(65536)
        reset(connection)
