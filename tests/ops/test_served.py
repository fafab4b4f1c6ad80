"""Probes and access lines of a real web process, whose hooks run on an event loop and whose views run in threads."""

import json
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from analytics.local.processes import send_signal
from analytics.local.servers.redis import RedisServer
from config import Settings
from tests.web.web_server import WebServer, body_of, environment, read_all, reset, until

BATCH = b'[{"type": "a", "user_id": "ann"}]'


@pytest.fixture
def served(settings: Settings, own_redis: RedisServer, tmp_path: Path) -> Iterator[WebServer]:
    more = {
        "ENVIRONMENT": "development",
        "ACCESS_LOG": "all",
        "CELERY_BROKER_URL": own_redis.url(0),
        "SLOW_REQUEST": "60s",
    }
    with WebServer(tmp_path, "wsgi:asgi", environment(settings, **more)) as server:
        yield server


def ask(server: WebServer, target: str, token: str = "", body: bytes = b"", request_id: str = "") -> bytes:
    method = "POST" if body else "GET"
    head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-ID: {request_id or 'none-1'}\r\n"
    head += f"Authorization: Bearer {token}\r\n" if token else ""
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
    return server.say(head.encode() + b"\r\n" + body)


def access_lines(server: WebServer, request_id: str) -> list[dict[str, Any]]:
    return [line for line in log_lines(server, "analytics.access") if line["request_id"] == request_id]


def refusals(server: WebServer) -> list[dict[str, Any]]:
    return log_lines(server, "analytics.access.connections")


def log_lines(server: WebServer, logger: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith('{"at"')]
    return [line for line in lines if line["logger"] == logger]


def test_a_report_in_a_thread_names_its_site_and_caller(
    served: WebServer, site: Any, token: Callable[..., str]
) -> None:
    ask(served, "/api/analytics/reports/dau", token(sub="job"), request_id="report-1")
    ask(served, "/livez", request_id="probe-1")
    [line], [probe] = access_lines(served, "report-1"), access_lines(served, "probe-1")
    assert (line["route"], line["site"], line["subject"], line["status"]) == (
        *("/api/analytics/reports/dau", "default", "job", 200),
    )
    assert (probe["site"], probe["subject"]) == (None, None)


def test_a_live_stream_is_logged_when_its_client_leaves(
    served: WebServer, site: Any, token: Callable[..., str]
) -> None:
    with served.connect() as connection:
        head = "GET /api/analytics/reports/live HTTP/1.1\r\nHost: x\r\nX-Request-ID: live-1\r\n"
        connection.sendall(f"{head}Authorization: Bearer {token()}\r\n\r\n".encode())
        assert connection.recv(10_000).startswith(b"HTTP/1.1 200 ")
        assert access_lines(served, "live-1") == []
        reset(connection)
    until(lambda: access_lines(served, "live-1"))
    [line] = access_lines(served, "live-1")
    assert (line["route"], line["ended"], line["site"]) == ("/api/analytics/reports/live", "client_left", "default")


def test_a_live_stream_that_ends_with_the_server_says_so(
    served: WebServer, site: Any, token: Callable[..., str]
) -> None:
    with served.connect() as connection:
        head = "GET /api/analytics/reports/live HTTP/1.1\r\nHost: x\r\nX-Request-ID: live-2\r\n"
        connection.sendall(f"{head}Authorization: Bearer {token()}\r\n\r\n".encode())
        assert connection.recv(10_000).startswith(b"HTTP/1.1 200 ")
        served.signal(signal.SIGTERM)
        read_all(connection)
    until(lambda: access_lines(served, "live-2"))
    [line] = access_lines(served, "live-2")
    assert line["ended"] == "server_stopped"


def test_what_is_refused_before_it_is_a_request_has_a_line(served: WebServer) -> None:
    assert served.say(b"what is this\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    endless_head = b"".join(b"X-%d: %s\r\n" % (number, b"a" * 4_000) for number in range(10))
    # Waits for the end of the headers, until there is too much of them.
    assert served.say(b"GET / HTTP/1.1\r\nHost: x\r\n" + endless_head).startswith(b"HTTP/1.1 431 ")
    until(lambda: len(refusals(served)) == 2)
    assert [(line["route"], line["status"], line["bytes"]) for line in refusals(served)] == [
        ("(none)", 400, 0),
        ("(none)", 431, 0),
    ]
    assert "127.0.0.1" not in str(refusals(served))


def test_an_export_of_events_is_logged_with_the_bytes_that_were_sent(
    served: WebServer, site: Any, token: Callable[..., str]
) -> None:
    response = ask(served, "/api/analytics/reports/events?format=csv", token(), request_id="csv-1")
    until(lambda: access_lines(served, "csv-1"))
    [line] = access_lines(served, "csv-1")
    assert (line["ended"], response.startswith(b"HTTP/1.1 200 ")) == ("complete", True)
    assert 0 < line["bytes"] <= len(body_of(response))


def test_a_batch_on_the_event_loop_says_whether_it_was_taken(
    served: WebServer, own_redis: RedisServer, site: Any, token: Callable[..., str]
) -> None:
    key = token()
    codes: list[Any] = []
    for break_redis in (lambda: None, lambda: send_signal(own_redis.pid, signal.SIGSTOP), own_redis.kill):
        break_redis()
        response = ask(served, "/api/analytics/ingest", key, BATCH)
        codes.append(json.loads(body_of(response)).get("code"))
    assert codes == [None, "unknown", "not_taken"]


def test_probes_answer_while_all_threads_and_both_servers_hang(
    served: WebServer, own_redis: RedisServer, engine: Engine, site: Any, token: Callable[..., str]
) -> None:
    key = token()
    ask(served, "/readyz")
    until(lambda: ask(served, "/readyz").startswith(b"HTTP/1.1 200 "))
    # Reports that wait for a lock hold every thread.
    with engine.begin() as connection, ThreadPoolExecutor(12) as pool:
        connection.execute(text("LOCK TABLE rollups, rollup_deltas, sites IN ACCESS EXCLUSIVE MODE"))
        waiting = [pool.submit(ask, served, "/api/analytics/reports/summary", key) for _ in range(12)]
        send_signal(own_redis.pid, signal.SIGSTOP)
        try:
            until(lambda: b"cannot be reached" in ask(served, "/readyz"), 5)
            took_s = sorted(time_of(served, target) for target in ("/livez", "/readyz", "/readyz?role=reports") * 10)
        finally:
            send_signal(own_redis.pid, signal.SIGCONT)
        assert sum(future.done() for future in waiting) < 8
        connection.rollback()
    # A machine that is busy with other tests may stop this one for a moment.
    assert took_s[-4] < 0.1


def time_of(server: WebServer, target: str) -> float:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        began = time.monotonic()
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        read_all(connection)
        return time.monotonic() - began
