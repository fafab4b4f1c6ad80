"""The web worker, in a real gunicorn: one connection, many requests, and other connections that wait."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

SLOW_S = 0.05
APP = f"""
import threading

def app(environ, start_response):
    body = environ["wsgi.input"].read()
    if environ["PATH_INFO"] == "/slow":
        threading.Event().wait({SLOW_S})
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("echo")


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    (folder / "echo.py").write_text(APP)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "echo:app", "--bind", f"127.0.0.1:{number}", "--no-control-socket"]
    command += ["--worker-class", "analytics.ops.web_worker.WebWorker", "--threads", "2", "--keep-alive", "5"]
    command += ["--access-logfile", "access.log", "--access-logformat", "%(U)s %(s)s %(D)s"]
    env = os.environ | {"PYTHONPATH": f"{folder}:{Path(__file__).resolve().parents[2]}"}
    process = subprocess.Popen(command, cwd=folder, env=env)
    while True:
        try:
            socket.create_connection(("127.0.0.1", number)).close()
            break
        except OSError:
            assert process.poll() is None
            time.sleep(0.05)
    yield number
    process.terminate()
    assert process.wait(20) == 0


def echo(connection: http.client.HTTPConnection, body: bytes) -> bytes:
    connection.request("POST", "/", body)
    return connection.getresponse().read()


def test_one_connection_is_served_again_and_again(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    bodies = [str(n).encode() * (n % 50) for n in range(300)]
    assert [echo(connection, body) for body in bodies] == bodies


def test_more_busy_connections_than_threads_all_get_their_turn(port: int) -> None:
    def serve(n: int) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        return all(echo(connection, b"%d" % (n * m)) == b"%d" % (n * m) for m in range(60))

    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(serve, range(12)))


def test_requests_sent_before_the_first_answer_are_answered_in_order(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"".join(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n%d" % n for n in range(9)))
        received = b""
        while received.count(b"HTTP/1.1 200") < 9 or not received.endswith(b"8"):
            received += connection.recv(65536)
    assert [part[-1:] for part in received.split(b"HTTP/1.1 200 OK")[1:]] == [b"%d" % n for n in range(9)]


def test_a_quiet_connection_does_not_keep_others_waiting(port: int) -> None:
    quiet = [http.client.HTTPConnection("127.0.0.1", port, timeout=10) for _ in range(6)]
    assert [echo(connection, b"x") for connection in quiet] == [b"x"] * 6
    assert echo(http.client.HTTPConnection("127.0.0.1", port, timeout=10), b"y") == b"y"
    assert [echo(connection, b"z") for connection in quiet] == [b"z"] * 6


def test_the_access_log_says_how_long_an_answer_took_in_microseconds(port: int, folder: Path) -> None:
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/slow")
    assert connection.getresponse().read() == b""
    most_s = time.monotonic() - began
    # Its line is written before the connection's next request is served.
    assert echo(connection, b"next") == b"next"
    lines = [line.split() for line in (folder / "access.log").read_text().splitlines()]
    ((status, took),) = [(status, int(took)) for path, status, took in lines if path == "/slow"]
    # The loop's own clock counts milliseconds.
    assert (status, (SLOW_S - 0.002) * 1e6 <= took <= (most_s + 0.002) * 1e6) == ("200", True), took
