"""What a client sees of the web process, byte by byte: a real gunicorn with the options of the Procfile."""

import http.client
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from tests.web.web_server import WebServer, body_of, read_all

CLOSE = "Connection: close\r\n"
HEAD_WITHIN_S = 2


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    env = {"ENVIRONMENT": "test", "SAMPLE_HEAD_WITHIN_S": str(HEAD_WITHIN_S)}
    with WebServer(tmp_path_factory.mktemp("web"), env=env) as server:
        yield server


def get(path: str, headers: str = CLOSE, version: str = "1.1", method: str = "GET") -> bytes:
    return f"{method} {path} HTTP/{version}\r\nHost: x\r\n{headers}\r\n".encode()


def post(body: bytes, headers: str = CLOSE, path: str = "/echo/loop") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def chunked(*pieces: bytes, trailers: str = "", headers: str = CLOSE, path: str = "/echo/loop") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n{headers}\r\n".encode()
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return head + chunks + b"0\r\n" + trailers.encode() + b"\r\n"


def said(response: bytes) -> Any:
    """What the application saw of a request to /echo."""
    assert response.startswith(b"HTTP/1.1 200 "), response[:300]
    return json.loads(body_of(response))


def status(response: bytes) -> int:
    return int(response.split(b" ", 2)[1])


@pytest.mark.parametrize(("path", "in_thread"), [("/echo", True), ("/echo/loop", False)])
def test_a_body_reaches_its_view_whole_in_a_thread_or_on_the_loop(
    server: WebServer, path: str, in_thread: bool
) -> None:
    for sent in (post(b"a" * 3_000_000, path=path), chunked(b"a" * 1_000_000, b"a" * 2_000_000, path=path)):
        seen = said(server.say(sent))
        assert (seen["size"], seen["in_thread"]) == (3_000_000, in_thread)


def test_a_path_is_decoded_once_and_its_query_is_not(server: WebServer) -> None:
    response = server.say(get("/echo?q=%C3%BC&x=%2541"))
    assert said(response)["QUERY_STRING"] == "q=%C3%BC&x=%2541"
    assert b"/livez%3F" not in server.say(get("/%6Civez"))
    assert status(server.say(get("/%256Civez"))) == 404


@pytest.mark.parametrize("target", ["http://shop.example:8000/echo?q=1", "HTTPS://shop.example:8000/echo?q=1"])
def test_an_absolute_target_is_its_path_and_names_the_host(server: WebServer, target: str) -> None:
    seen = said(server.say(get(target)))
    assert (seen["QUERY_STRING"], seen["HTTP_HOST"]) == ("q=1", "shop.example:8000")
    assert status(server.say(get("http://shop.example"))) == status(server.say(get("/")))


def test_a_header_that_could_pose_as_another_is_dropped_and_repeated_ones_are_joined(server: WebServer) -> None:
    seen = said(server.say(get("/echo", f"X_Site: evil\r\nX-Many: 1\r\nX-Many: 2\r\n{CLOSE}")))
    assert seen["HTTP_X_MANY"] == "1,2"
    assert "HTTP_X_SITE" not in seen


def test_trailers_are_no_headers(server: WebServer) -> None:
    seen = said(server.say(chunked(b"abc", trailers="X-Forwarded-For: 6.6.6.6\r\n")))
    assert (seen["body"], "HTTP_X_FORWARDED_FOR" in seen) == ("abc", False)
    assert status(server.say(chunked(b"abc", trailers="Authorization: Bearer forged\r\n"))) == 400


def test_endless_trailers_take_no_memory(server: WebServer) -> None:
    before = server.memory_mb()
    with server.connect() as connection:
        connection.sendall(chunked(b"abc")[: -len(b"\r\n")])
        with suppress(OSError):
            for number in range(200_000):
                connection.sendall(f"X-{number}: {'a' * 1000}\r\n".encode())
            pytest.fail("the server reads trailers without end")
    assert server.memory_mb() - before < 20


@pytest.mark.parametrize(
    "offer", ["Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"]
)
def test_an_offer_of_h2c_is_ignored_and_the_body_is_read(server: WebServer, offer: str) -> None:
    with server.connect() as connection:
        for _ in range(2):
            connection.sendall(post(b"abc", offer))
            response = read_response(connection)
            assert json.loads(body_of(response))["body"] == "abc"
        connection.sendall(get("/numbers", offer))
        assert read_until(connection, b"0\r\n\r\n").count(b"\n") > 1000


def test_websockets_are_refused(server: WebServer) -> None:
    offer = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    assert status(server.say(get("/echo", f"{offer}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"))) == 403


def test_head_has_the_length_and_no_body(server: WebServer) -> None:
    response = server.say(get("/livez", method="HEAD"))
    assert (status(response), body_of(response)) == (200, b"")
    assert b"content-length: 19" in response.lower()


def test_a_range_is_answered_with_that_part(server: WebServer) -> None:
    response = server.say(get("/file", f"Range: bytes=3-5\r\n{CLOSE}"))
    assert (status(response), body_of(response)) == (206, b"\x03\x04\x05")


def test_http_1_0_is_closed_unless_it_asks_to_stay(server: WebServer) -> None:
    response = server.say(get("/livez", "", "1.0"))
    assert json.loads(body_of(response)) == {"status": "alive"}
    # A body of unknown length ends with the connection and is not chunked.
    response = server.say(get("/numbers", "", "1.0"))
    assert (b"chunked" in response, body_of(response)) == (False, b"".join(b"%d\n" % n for n in range(1000)))
    with server.connect() as connection:
        for _ in range(2):
            connection.sendall(get("/livez", "Connection: keep-alive\r\n", "1.0"))
            assert status(read_response(connection)) == 200


def test_100_continue_comes_when_the_body_is_wanted(server: WebServer) -> None:
    head = b"POST %b HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    with server.connect() as connection:
        connection.sendall(head % b"/echo/loop")
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"ok")
        assert said(read_response(connection))["body"] == "ok"
        connection.sendall(head % b"/unread")
        assert status(connection.recv(1000)) == 401


def test_requests_sent_ahead_are_answered_in_order(server: WebServer) -> None:
    with server.connect() as connection:
        connection.sendall(b"".join(post(b"%d" % n, "") for n in range(50)) + get("/livez"))
        bodies = read_all(connection).split(b'"body":"')[1:]
    assert [int(body.split(b'"')[0]) for body in bodies] == list(range(50))


def test_requests_whose_responses_are_not_read_take_no_memory(server: WebServer) -> None:
    # What the first streams of a process take stays: threads, and what they import.
    for _ in range(8):
        server.say(get("/megabyte"))
    before = server.memory_mb()
    with server.connect() as connection:
        connection.settimeout(2)
        # The server reads no more at some point, or has closed.
        with suppress(OSError):
            for _ in range(3000):
                connection.sendall(get("/megabyte", "") * 100)
        assert server.memory_mb() - before < 20
    assert status(server.say(get("/livez"))) == 200


def test_a_valid_request_followed_by_garbage_keeps_its_response(server: WebServer) -> None:
    for path in ("/livez", "/slow/200"):
        assert server.say(get(path, "") + b"\x16\x03\x01 nonsense\r\n\r\n").startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n",
        b"GET /echo HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n folded\r\n\r\n",
        b"GET /echo HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET /echo HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
        b"GET /echo HTTP/1.1\r\nHost: x\r\n" + b"X: a\r\n" * 200 + b"\r\n",
        b"GET /echo HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=[
        *("no HTTP", "length no number", "two framings", "two lengths", "signed length", "coding after chunked"),
        *("space before colon", "chunk size no number", "negative chunk", "folded header", "two hosts"),
        *("null byte", "many headers", "long header", "long target"),
    ],
)
def test_what_is_no_request_is_refused_and_nothing_after_it_is_served(server: WebServer, sent: bytes) -> None:
    with server.connect() as connection:
        try:
            connection.sendall(sent + get("/livez"))
            response = read_all(connection)
        except ConnectionResetError:
            return
    assert 400 <= status(response) <= 501
    assert b"alive" not in response


@pytest.mark.parametrize("size", [b"7fffffff", b"10000000000000003"], ids=["2 GB", "2^64 + 3"])
def test_a_chunk_is_read_up_to_the_limit_whatever_its_size(server: WebServer, size: bytes) -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    # What would be the next request if the size were 3.
    with server.connect() as connection:
        connection.sendall(head + size + b"\r\nabc\r\n0\r\n\r\n" + get("/livez"))
        with suppress(OSError):
            connection.sendall(b"a" * 6_000_000)
        response = connection.recv(65536)
    assert (status(response) in (400, 413), b"alive" in response) == (True, False)


def test_a_body_without_a_reader_does_not_become_the_next_request(server: WebServer) -> None:
    with server.connect() as connection:
        connection.sendall(post(get("/livez") + b" " * 400_000, "", "/unread") + get("/echo"))
        response = read_all(connection)
    assert (status(response), response.count(b"HTTP/1.1 "), b"alive" in response) == (401, 2, False)


def test_an_idle_half_request_ends_and_the_process_lives(server: WebServer) -> None:
    [worker] = server.worker_pids()
    with server.connect() as connection:
        connection.settimeout(40)
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n")
        began = time.monotonic()
        assert status(read_all(connection)) == 408
        assert time.monotonic() - began > HEAD_WITHIN_S
    assert (server.worker_pids(), status(server.say(get("/livez")))) == ([worker], 200)


def test_an_application_that_raises_ends_the_connection(server: WebServer) -> None:
    assert status(server.say(get("/raises", ""))) == 500
    response = server.say(get("/stops", ""))
    assert (status(response), response.endswith(b"5\r\nfirst\r\n")) == (200, True)


def test_a_half_closed_client_gets_its_response(server: WebServer) -> None:
    with server.connect() as connection:
        connection.sendall(get("/slow/2500", ""))
        connection.shutdown(socket.SHUT_WR)
        response = read_all(connection)
    early, _, late = response.rpartition(b"HTTP/1.1 200 ")
    assert set(early.split(b"\r\n\r\n")) == {b"HTTP/1.1 100 Continue", b""}
    assert late.endswith(b"\r\n\r\nslow")
    with server.connect() as connection:
        connection.sendall(post(b"abc", ""))
        connection.shutdown(socket.SHUT_WR)
        assert said(read_all(connection))["body"] == "abc"


def test_more_connections_than_threads_are_all_served(server: WebServer) -> None:
    connections = [server.connect() for _ in range(30)]
    for connection in connections:
        connection.sendall(get("/slow/20", ""))
    assert [status(read_response(connection)) for connection in connections] == [200] * 30
    for connection in connections:
        connection.close()


def test_connections_that_come_and_go_leave_no_memory(server: WebServer) -> None:
    def come_and_go(count: int) -> None:
        for _ in range(count):
            assert status(server.say(get("/livez"))) == 200

    come_and_go(400)
    before = server.memory_mb()
    come_and_go(2000)
    assert server.memory_mb() - before < 10


def read_response(connection: socket.socket) -> bytes:
    """One response that has a Content-Length."""
    response = read_until(connection, b"\r\n\r\n")
    head, _, body = response.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def read_until(connection: socket.socket, end: bytes) -> bytes:
    received = b""
    while end not in received:
        piece = connection.recv(65536)
        assert piece, received[-200:]
        received += piece
    return received


def test_large_bodies_over_kept_connections_are_all_answered(server: WebServer) -> None:
    """A parser that drops what arrives before it is reset closes some of these without a response."""
    body = b"x" * 200_000

    def send(_: int) -> list[int]:
        client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        statuses = []
        for _ in range(10):
            client.request("POST", "/echo/loop", body)
            response = client.getresponse()
            response.read()
            statuses.append(response.status)
        client.close()
        return statuses

    with ThreadPoolExecutor(16) as clients:
        assert list(clients.map(send, range(16))) == [[200] * 10] * 16


def test_a_large_request_sent_ahead_is_answered(server: WebServer) -> None:
    """More than a parser keeps arrives while the requests before it are under way."""
    with server.connect() as connection:
        connection.sendall(get("/slow/300", "") + get("/livez", "") * 20 + post(b"x" * 200_000))
        responses = read_all(connection)
    assert responses.count(b"HTTP/1.1 200 ") == 22


@pytest.mark.parametrize("size", [10, 70_000, 3_000_000])
def test_a_client_may_close_its_side_right_after_its_body(server: WebServer, size: int) -> None:
    for _ in range(5):
        with server.connect() as connection:
            connection.sendall(post(b"x" * size)[:-5])
            time.sleep(0.01)
            connection.sendall(b"x" * 5)
            connection.shutdown(socket.SHUT_WR)
            assert status(read_all(connection)) == 200
