"""The application that the tests of the web process serve: views of every kind, on the loop and in threads."""

import io
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from flask import Response, jsonify, request, send_file
from sqlalchemy import create_engine, text

from analytics import errors, memory
from analytics.store.reading import read_transaction
from analytics.web.app import App, runs_on_event_loop
from analytics.web.server import connections
from analytics.web.server.asgi import AsgiApp
from analytics.web.server.request_body import CALLER_KEY
from analytics.web.server.thread_turns import ThreadTurns

MAX_BODY = 5_000_000
# For tests of a process that is stopped while it starts, and of the deadline for a head.
time.sleep(float(os.environ.get("SAMPLE_STARTS_IN_S", "0")))
connections.HEAD_WITHIN_S = float(os.environ.get("SAMPLE_HEAD_WITHIN_S", connections.HEAD_WITHIN_S))
app = App(__name__)
app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
errors.register(app)
closed = threading.Event()
started: list[str] = []
released = threading.Semaphore(0)
THREADS = 4


@app.get("/livez")
@runs_on_event_loop
def livez() -> Response:
    return jsonify({"status": "alive"})


@app.route("/echo", methods=["GET", "POST", "PUT"])
def echo() -> Response:
    return _echo()


@app.post("/echo/loop")
@runs_on_event_loop
def echo_on_loop() -> Response:
    return _echo()


def _echo() -> Response:
    body = request.get_data()
    headers = {name: value for name, value in request.environ.items() if isinstance(value, str)}
    in_thread = threading.current_thread() is not threading.main_thread()
    return jsonify({**headers, "body": body[:100].decode("latin-1"), "size": len(body), "in_thread": in_thread})


@app.post("/unread")
@runs_on_event_loop
def refuse_unread() -> tuple[str, int]:
    return "refused", 401


@app.get("/numbers")
def stream_numbers() -> Response:
    return Response(str(n).encode() + b"\n" for n in range(1000))


class Endless:
    """Pieces without end."""

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return b"x" * 65536

    def close(self) -> None:
        closed.set()


@app.get("/endless")
def stream_endless() -> Response:
    closed.clear()
    return Response(Endless(), direct_passthrough=True)


@app.get("/megabyte")
def stream_megabyte() -> Response:
    return Response((b"x" * 65536 for _ in range(16)), direct_passthrough=True)


@app.get("/closed")
@runs_on_event_loop
def was_closed() -> Response:
    return jsonify(closed.is_set())


@app.get("/stops")
def stream_stops() -> Response:
    def pieces() -> Iterator[bytes]:
        yield b"first"
        raise RuntimeError("the iterator fails")

    return Response(pieces())


class Quiet:
    """A stream like that of live events: one piece, and then nothing."""

    def __init__(self) -> None:
        self._pieces = [b"data: 1\n\n"]

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return self._pieces.pop()

    def when_ready(self, call: Callable[[], None]) -> None:
        if self._pieces:
            call()

    def close(self) -> None:
        closed.set()


@app.get("/quiet")
def stream_quiet() -> Response:
    closed.clear()
    return Response(Quiet(), content_type="text/event-stream", direct_passthrough=True)


@app.get("/file")
def get_file() -> Response:
    return send_file(io.BytesIO(bytes(range(200))), "application/octet-stream", conditional=True)


@app.get("/slow/<int:ms>")
def answer_slowly(ms: int) -> str:
    time.sleep(ms / 1000)
    return "slow"


@app.get("/held")
def hold() -> str:
    """Holds its thread until it is released."""
    started.append(request.headers["X-Caller"])
    released.acquire(timeout=60)
    return "held"


@app.get("/started")
@runs_on_event_loop
def list_started() -> Response:
    return jsonify(started)


@app.get("/release")
@runs_on_event_loop
def release() -> str:
    released.release()
    return "released"


@app.route("/query", methods=["GET", "DELETE"])
@app.post("/api/analytics/reports/query")
def run_query() -> str:
    engine = create_engine(os.environ["DATABASE_URL"])
    with read_transaction(engine, 60.0) as connection:
        connection.execute(text("SELECT pg_sleep(60) AS nobody_waits"))
    return "done"


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/raises":
        raise RuntimeError("the application fails")
    return app.wsgi_app(environ, start_response)


if turn_within_s := os.environ.get("SAMPLE_TURN_WITHIN_S"):
    app.thread_turns = ThreadTurns(THREADS, lambda environ: str(environ.get("HTTP_X_CALLER")), float(turn_within_s))
asgi = AsgiApp(wsgi, THREADS, MAX_BODY)


def name_caller(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    environ[CALLER_KEY] = environ.get("HTTP_X_CALLER", "nobody")
    return app.wsgi_app(environ, start_response)


by_caller = AsgiApp(name_caller, THREADS, MAX_BODY)
memory.tune()
