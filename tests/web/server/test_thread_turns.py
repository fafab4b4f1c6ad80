"""One caller gets half of the threads of a process; others are served meanwhile, and no turn is lost."""

import asyncio
import json
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from analytics.errors import TooMany, Unavailable
from analytics.web.server import thread_turns
from analytics.web.server.greenlets import GreenletPool, Reply, await_future
from analytics.web.server.thread_turns import ThreadTurns
from tests.web.web_server import WebServer, body_of, read_all, until


class Requests:
    """Requests in greenlets, each of which ends when it is told to."""

    def __init__(self, threads: int, within_s: float = 60) -> None:
        self.turns = ThreadTurns(threads, lambda environ: str(environ["caller"]), within_s)
        self.running: list[tuple[str, Reply[None]]] = []
        self.refused, self.late = 0, list[Unavailable]()
        self._pool = GreenletPool()

    def send(self, caller: str) -> None:
        self._pool.run(self._serve, caller)

    def _serve(self, caller: str) -> None:
        try:
            with self.turns.turn({"caller": caller}):
                done: Reply[None] = Reply()
                self.running.append((caller, done))
                await_future(done)
        except TooMany:
            self.refused += 1
        except Unavailable as error:
            self.late.append(error)

    async def end_first(self) -> None:
        self.running.pop(0)[1].resolve(None)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    @property
    def callers(self) -> str:
        return "".join(caller for caller, _ in self.running)


def on_loop(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    def run() -> None:
        asyncio.run(test())  # type: ignore[arg-type]

    run.__name__ = test.__name__
    return run


@on_loop
async def test_a_caller_waits_for_its_own_requests_and_others_do_not() -> None:
    requests = Requests(threads=4)
    for caller in "aaaaab":
        requests.send(caller)
    assert requests.callers == "aab"
    await requests.end_first()
    assert requests.callers == "aba"


@on_loop
async def test_every_request_gets_its_turn() -> None:
    requests = Requests(threads=4)
    for _ in range(50):
        requests.send("a")
    served = 0
    while requests.running:
        assert len(requests.running) <= 2
        await requests.end_first()
        served += 1
    assert served == 50
    requests.send("a")
    assert requests.callers == "a"


@on_loop
async def test_a_request_gives_up_when_its_turn_does_not_come() -> None:
    requests = Requests(threads=4, within_s=0.01)
    for caller in "aaaab":
        requests.send(caller)
    while len(requests.late) < 2:
        await asyncio.sleep(0.01)
    assert [error.retry_after_s for error in requests.late] == [1, 1]
    assert requests.callers == "aab"
    await requests.end_first()
    await requests.end_first()
    requests.send("a")
    requests.send("a")
    assert requests.callers == "baa"


@on_loop
async def test_a_turn_that_comes_at_the_last_moment_is_taken() -> None:
    requests = Requests(threads=2, within_s=0.01)
    requests.send("a")
    requests.send("a")
    time.sleep(0.02)
    await requests.end_first()
    await asyncio.sleep(0.02)
    assert (requests.callers, requests.late) == ("a", [])


def ask(server: WebServer, path: str, caller: str = "nobody") -> bytes:
    return server.say(f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Caller: {caller}\r\nConnection: close\r\n\r\n".encode())


def started(server: WebServer) -> str:
    return "".join(json.loads(body_of(ask(server, "/started"))))


def send(server: WebServer, caller: str, connections: ExitStack) -> socket.socket:
    """Sends a request that holds its thread; its response is read later."""
    connection = connections.enter_context(server.connect())
    connection.sendall(f"GET /held HTTP/1.1\r\nHost: x\r\nX-Caller: {caller}\r\nConnection: close\r\n\r\n".encode())
    # It is in its queue when the server has answered a later one.
    ask(server, "/livez")
    return connection


def test_a_newcomer_comes_before_the_third_request_of_a_greedy_caller(tmp_path: Path) -> None:
    with WebServer(tmp_path, env={"SAMPLE_TURN_WITHIN_S": "60"}) as server, ExitStack() as connections:
        sent = [send(server, caller, connections) for caller in "abcd"]
        until(lambda: sorted(started(server)) == list("abcd"))
        sent += [send(server, caller, connections) for caller in "gggn"]
        for count in (5, 6, 7):
            ask(server, "/release")
            until(lambda count=count: len(started(server)) == count)  # type: ignore[misc]
        assert sorted(started(server)[4:]) == ["g", "g", "n"]
        for _ in range(5):
            ask(server, "/release")
        assert [read_all(connection)[9:12] for connection in sent] == [b"200"] * 8
        assert started(server)[7:] == "g"


def test_a_request_whose_turn_does_not_come_is_told_to_try_again(tmp_path: Path) -> None:
    with WebServer(tmp_path, env={"SAMPLE_TURN_WITHIN_S": "0.5"}) as server, ExitStack() as connections:
        sent = [send(server, "g", connections) for _ in range(3)]
        response = read_all(sent.pop())
        assert response.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nretry-after: 1\r\n" in response.lower()
        other = send(server, "n", connections)
        until(lambda: started(server) == "ggn")
        for _ in range(3):
            ask(server, "/release")
        assert [read_all(connection)[9:12] for connection in (*sent, other)] == [b"200"] * 3


def test_too_many_waiting_requests_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread_turns, "MAX_WAITING", 3)

    async def run() -> None:
        requests = Requests(threads=4)
        for _ in range(7):
            requests.send("a")
        assert (requests.refused, requests.callers) == (2, "aa")

    asyncio.run(run())
