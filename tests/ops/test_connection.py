"""The web process's connections, over real sockets: what is no proper HTTP, what is slow, what leaves, what streams."""

import asyncio
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvloop
from flask import Flask
from redis import Redis

from analytics.ops import connection
from analytics.ops.connection import Connection, Server
from analytics.ops.web_worker import serve
from analytics.sites import Site

INGEST = "/api/analytics/ingest"


class Served:
    """An application behind real connections, on a loop in a thread of its own."""

    def __init__(self, app: Any, keep_alive_s: float = 60.0) -> None:
        self.loop = uvloop.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.server: Server = serve(app, 4, keep_alive_s)
        self.listening = self.call(self._listen())
        self.port: int = self.listening.sockets[0].getsockname()[1]

    async def _listen(self) -> asyncio.Server:
        self.server.look_around(self.loop.time())
        return await self.loop.create_server(lambda: Connection(self.server, self.loop), "127.0.0.1", 0)

    def call(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)

    def look_around(self, later_s: float) -> None:
        async def look() -> None:
            self.server.look_around(self.loop.time() + later_s)

        self.call(look())

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def say(self, sent: bytes) -> bytes:
        """Everything that comes back for `sent`, until the server closes."""
        with self.connect() as talking:
            talking.sendall(sent)
            talking.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: talking.recv(65536), b""))

    def close(self) -> None:
        async def end() -> None:
            self.listening.close()
            self.server.stop()

        self.call(end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)


def echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    body = environ["wsgi.input"].read()
    said = {name: value for name, value in environ.items() if isinstance(value, str)}
    answer = json.dumps({"body": body.decode("latin-1"), **said}).encode()
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]


@pytest.fixture
def echoing() -> Iterator[Served]:
    served = Served(echo)
    yield served
    served.close()


@pytest.fixture
def serving(app: Flask) -> Iterator[Served]:
    served = Served(app)
    yield served
    served.close()
    app.extensions["append_redis"] = app.extensions["buffer_redis"]


def body_of(answer: bytes) -> Any:
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def test_chunked_body_arrives_whole_and_with_its_length(echoing: Served) -> None:
    sent = b"POST /a%20b?q=%C3%BC HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    found = body_of(echoing.say(sent + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"))
    assert (found["body"], found["CONTENT_LENGTH"], found["PATH_INFO"]) == ("abcde", "5", "/a b")
    assert found["QUERY_STRING"] == "q=%C3%BC"
    assert "HTTP_TRANSFER_ENCODING" not in found


def test_header_that_could_pose_as_another_is_dropped_and_repeated_ones_are_joined(echoing: Served) -> None:
    sent = b"GET / HTTP/1.1\r\nHost: x\r\nX_Site: evil\r\nX-Many: 1\r\nX-Many: 2\r\nConnection: close\r\n\r\n"
    found = body_of(echoing.say(sent))
    assert found["HTTP_X_MANY"] == "1,2"
    assert "HTTP_X_SITE" not in found


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 200_000, 431),
        (b"GET /" + b"a" * 200_000, 431),
        (b"GET target HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ],
    ids=[
        "no HTTP",
        "length no number",
        "two framings",
        "two lengths",
        "endless header",
        "endless target",
        "target without slash",
    ],
)
def test_what_is_no_request_is_refused_and_the_connection_ends(echoing: Served, sent: bytes, status: int) -> None:
    assert echoing.say(sent).startswith(b"HTTP/1.1 %d " % status)


def test_continue_is_said_before_the_body_is_sent(echoing: Served) -> None:
    with echoing.connect() as talking:
        talking.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert talking.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        talking.sendall(b"ok")
        assert talking.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_upgrade_is_not_taken_and_the_request_is_answered(echoing: Served) -> None:
    sent = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    assert echoing.say(sent).startswith(b"HTTP/1.1 200 ")


def test_old_client_gets_its_answer_and_the_end(echoing: Served) -> None:
    with echoing.connect() as talking:
        talking.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = b"".join(iter(lambda: talking.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in answer


def test_head_has_a_length_and_no_body(serving: Served) -> None:
    talking = http.client.HTTPConnection("127.0.0.1", serving.port, timeout=10)
    talking.request("HEAD", "/livez")
    answer = talking.getresponse()
    assert (answer.status, answer.read()) == (200, b"")
    talking.request("GET", "/livez")
    assert json.loads(talking.getresponse().read()) == {"status": "alive"}


@pytest.mark.parametrize(
    ("sent", "later_s", "answer"),
    [
        (b"", 61.0, b""),
        (b"GET / HT", connection.HEAD_WITHIN_S + 1, b"HTTP/1.1 408 "),
        (b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc", connection.BODY_WITHIN_S + 1, b"HTTP/1.1 408 "),
    ],
    ids=["idle", "slow head", "slow body"],
)
def test_slow_connection_is_ended(echoing: Served, sent: bytes, later_s: float, answer: bytes) -> None:
    with echoing.connect() as talking:
        talking.sendall(sent)
        while not echoing.server.connections or (
            sent and not any(c._head_bytes or c._request for c in echoing.server.connections)
        ):
            time.sleep(0.01)
        echoing.look_around(1.0)
        talking.setblocking(False)
        with pytest.raises(BlockingIOError):
            talking.recv(1)
        talking.settimeout(10)
        echoing.look_around(later_s)
        assert talking.recv(65536).startswith(answer)


def test_body_over_the_limit_is_refused_before_it_is_read(serving: Served, token: Any) -> None:
    head = f"POST {INGEST} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token()}\r\nTransfer-Encoding: chunked\r\n\r\n"
    with serving.connect() as talking:
        talking.sendall(head.encode())
        answer = b""
        try:
            for _ in range(200):
                talking.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")
        except OSError:
            pass
        while piece := talking.recv(65536):
            answer += piece
            if b"MAX_BODY_BYTES" in answer:
                break
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer


def post(port: int, bearer: str, events: list[Any]) -> tuple[int, Any]:
    talking = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
    talking.request("POST", INGEST, json.dumps(events), headers)
    answer = talking.getresponse()
    return answer.status, json.loads(answer.read())


def test_many_batches_at_once_are_all_in_the_stream(serving: Served, site: Site, token: Any, redis: Redis) -> None:
    bearer, found = token(), []

    def send(n: int) -> None:
        found.extend(post(serving.port, bearer, [{"type": "a", "user_id": str(n)}]) for _ in range(10))

    threads = [threading.Thread(target=send, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {status for status, _ in found} == {202}
    entries: Any = redis.xrange("analytics:ingest")
    assert {entry_id.decode() for entry_id, _ in entries} == {body["batch_id"] for _, body in found}
    assert len(entries) == 80


def test_lost_redis_is_a_503_and_found_again(
    make_app: Callable[..., Flask], settings: Any, site: Site, token: Any, tmp_path: Any
) -> None:
    from analytics.local.redis import Redis as RedisServer

    server = RedisServer(tmp_path / "redis", ephemeral=True)
    server.start()
    served = Served(make_app(celery_broker_url=server.url(0)))
    try:
        bearer = token()
        assert post(served.port, bearer, [{"type": "a"}])[0] == 202
        server.kill()
        status, problem = post(served.port, bearer, [{"type": "a"}])
        assert (status, problem["code"]) == (503, "unavailable")
        server.start()
        assert post(served.port, bearer, [{"type": "a"}])[0] == 202
    finally:
        served.close()
        server.stop()


def test_reader_that_leaves_ends_the_stream() -> None:
    closed = threading.Event()

    class Endless:
        def __iter__(self) -> "Endless":
            return self

        def __next__(self) -> bytes:
            return b"x" * 65536

        def close(self) -> None:
            closed.set()

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return Endless()

    served = Served(app)
    with served.connect() as talking:
        talking.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"transfer-encoding: chunked" in talking.recv(65536)
    assert closed.wait(10)
    served.close()


def test_stop_lets_the_answer_out_and_ends_the_rest() -> None:
    go, begun = threading.Event(), threading.Event()

    def app(environ: Any, start_response: Any) -> Any:
        begun.set()
        assert go.wait(10)
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]

    served = Served(app)
    busy, idle = served.connect(), served.connect()
    busy.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert begun.wait(10)
    served.loop.call_soon_threadsafe(served.server.stop)
    assert idle.recv(1) == b""
    go.set()
    assert b"connection: close" in b"".join(iter(lambda: busy.recv(65536), b""))
    busy.close()
    idle.close()
    served.close()
