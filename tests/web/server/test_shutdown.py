"""SIGTERM and SIGHUP while clients post: nothing acknowledged is lost, and connections are drained, not reset."""

import http.client
import json
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from analytics.sites.sites import Site
from config import Settings
from tests.web.web_server import WebServer, environment, read_all, until

INGEST = "/api/analytics/ingest"


@pytest.fixture
def serving(settings: Settings, tmp_path: Path) -> Iterator[WebServer]:
    with WebServer(tmp_path, "wsgi:asgi", environment(settings)) as server:
        yield server


class Poster(threading.Thread):
    """A client with one keep-alive connection, which it renews where the server says so."""

    def __init__(self, port: int, token: str, name: str) -> None:
        super().__init__()
        self.acknowledged: list[str] = []
        self.resets = self.sent = 0
        self.is_stopped = False
        self._port, self._token, self._user = port, token, name
        self.start()

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        while not self.is_stopped:
            self.sent += 1
            try:
                self._post(connection)
            except ConnectionRefusedError:
                time.sleep(0.01)
            except (http.client.HTTPException, OSError):
                self.resets += 1
                connection.close()
            time.sleep(0.005)

    def _post(self, connection: http.client.HTTPConnection) -> None:
        body = json.dumps([{"type": "a", "user_id": self._user}])
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        connection.request("POST", INGEST, body, headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
        if response.status == 202:
            self.acknowledged.append(answer["batch_id"])


def stop(posters: list[Poster]) -> None:
    for poster in posters:
        poster.is_stopped = True
    for poster in posters:
        poster.join()


def acknowledged(posters: list[Poster]) -> set[str]:
    return {batch_id for poster in posters for batch_id in poster.acknowledged}


def in_stream(redis: Redis) -> set[str]:
    entries: Any = redis.xrange("analytics:ingest")
    return {entry_id.decode() for entry_id, _ in entries}


def test_a_reload_loses_and_resets_nothing(serving: WebServer, site: Site, token: Any, redis: Redis) -> None:
    posters = [Poster(serving.port, token(), f"u{number}") for number in range(8)]
    for _ in range(2):
        before = serving.worker_pids()
        serving.signal(signal.SIGHUP)
        until(lambda before=before: not set(before) & set(serving.worker_pids()), 40)
    stop(posters)
    assert acknowledged(posters) == in_stream(redis)
    assert sum(poster.resets for poster in posters) <= sum(poster.sent for poster in posters) / 1000


def test_a_worker_that_is_replaced_while_it_starts_ends_too(settings: Settings, tmp_path: Path) -> None:
    with WebServer(tmp_path, env=environment(settings, SAMPLE_STARTS_IN_S="3")) as server:
        for _ in range(2):
            [before] = server.worker_pids()
            server.signal(signal.SIGHUP)
            until(lambda before=before: before not in server.worker_pids(), 15)


def test_a_stop_loses_nothing_and_says_that_it_closes(serving: WebServer, site: Site, token: Any, redis: Redis) -> None:
    posters = [Poster(serving.port, token(), f"u{number}") for number in range(8)]
    until(lambda: len(acknowledged(posters)) > 50)
    idle, began = serving.connect(), time.monotonic()
    serving.signal(signal.SIGTERM)
    assert read_all(idle) == b""
    stop(posters)
    serving.stop()
    assert time.monotonic() - began < 15
    assert acknowledged(posters) == in_stream(redis)


def test_a_request_under_way_is_answered(settings: Settings, tmp_path: Path) -> None:
    with WebServer(tmp_path, env=environment(settings)) as server, server.connect() as connection:
        connection.sendall(b"GET /slow/2000 HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.3)
        server.signal(signal.SIGTERM)
        response = read_all(connection)
    assert response.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in response.lower()
