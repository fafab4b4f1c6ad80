"""A server of the ingest protocol that fails as it is told: answers late, with an error, with none, or is away.

It counts what a real server would store: events by id, however often they arrive.
"""

import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    """What to do with one request. Without a status the connection is closed unanswered."""

    status: int | None = 202
    store: bool = True
    headers: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)
    delay_s: float = 0


@dataclass
class Received:
    headers: dict[str, str]
    body: dict[str, Any]
    size: int

    @property
    def events(self) -> list[dict[str, Any]]:
        return self.body["events"]


Plan = Callable[[int, Received], Reply]


def accept(_number: int, _request: Received) -> Reply:
    return Reply()


class FaultServer:
    """`plan(number, request)` chooses the reply of each request, counted from 0. It may be replaced at any time."""

    def __init__(self) -> None:
        self.plan: Plan = accept
        self.requests: list[Received] = []
        self.stored: dict[str, dict[str, Any]] = {}
        self.repeated = 0
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._server: ThreadingHTTPServer | None = None
        self._port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listens, after stop() on the same port."""
        self._server = _Server(("127.0.0.1", self._port), _make_handler(self))
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """As killed: refuses connections, and cuts those it has."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.shutdown()
        server.server_close()
        for connection in list(self._connections):
            _cut(connection)

    def take(self, request: Received) -> Reply:
        with self._lock:
            reply = self.plan(len(self.requests), request)
            self.requests.append(request)
            if reply.store and (reply.status is None or reply.status < 300):
                self._store(request, reply)
        time.sleep(reply.delay_s)
        return reply

    def _store(self, request: Received, reply: Reply) -> None:
        rejected = {problem["index"] for problem in reply.body.get("rejected", [])}
        for index, event in enumerate(request.events):
            if index in rejected:
                continue
            self.repeated += event["event_id"] in self.stored
            self.stored[event["event_id"]] = event


class _Server(ThreadingHTTPServer):
    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that is killed resets its connections; that is no error here."""


def _cut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        # The other side was faster.
        return


def _make_handler(owner: FaultServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            owner._connections.add(self.connection)

        def finish(self) -> None:
            owner._connections.discard(self.connection)
            super().finish()

        def do_OPTIONS(self) -> None:
            self._answer(204, {"Access-Control-Allow-Headers": "Authorization, Content-Type"}, b"")

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Received(headers, json.loads(raw), len(raw))
            reply = owner.take(request)
            if reply.status is None:
                self.close_connection = True
                _cut(self.connection)
                return
            body = {"received": len(request.events), "rejected": [], **reply.body}
            self._answer(reply.status, reply.headers, json.dumps(body).encode())

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            shared = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After"}
            for name, value in {**shared, **headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """The tests print nothing."""

    return Handler
