"""A server of events that fails on command, and remembers every event that it has stored.

It answers as the service does. `fault(server, body, handler)` decides about a request before it is handled. Events are kept
by id, with the number of times they arrived, so a test can tell a repeat from a loss.
"""

import gzip
import json
import sys
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Optional


class FaultServer:
    """`faults`: what happens to the next requests, one each; then all are accepted."""

    def __init__(self, port: int = 0) -> None:
        self.arrived: Counter[str] = Counter()
        self.stored: dict[str, dict[str, Any]] = {}
        self.requests: list[dict[str, Any]] = []
        self.faults: list[Callable[[Request], None]] = []
        self.always: Optional[Callable[[Request], None]] = None
        self.lock = threading.Lock()
        handler = type("Handler", (Request,), {"owner": self})
        self._server = _Server(("127.0.0.1", port), handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def store(self, events: list[dict[str, Any]]) -> None:
        with self.lock:
            for event in events:
                self.arrived[event["event_id"]] += 1
                self.stored.setdefault(event["event_id"], event)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of clients that were killed; of a mistake in a test it does."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Request(BaseHTTPRequestHandler):
    """One connection. A fault answers, or closes, or does nothing and lets the request be accepted."""

    protocol_version = "HTTP/1.1"
    owner: FaultServer
    is_done = False

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        is_gzip = self.headers.get("Content-Encoding") == "gzip"
        self.body = json.loads(gzip.decompress(raw) if is_gzip else raw)
        self.events = self.body["events"]
        self.is_done = False
        with self.owner.lock:
            note = {"path": self.path, "headers": dict(self.headers), "body": self.body, "bytes": len(raw)}
            self.owner.requests.append(note)
            fault = self.owner.faults.pop(0) if self.owner.faults else self.owner.always
        if fault is not None:
            fault(self)
        if not self.is_done:
            self.accept()

    def accept(self, rejected: Optional[list[dict[str, Any]]] = None) -> None:
        bad = {problem["index"] for problem in rejected or ()}
        good = [event for index, event in enumerate(self.events) if index not in bad]
        self.owner.store(good)
        fields = {"ingested": len(good), "received": len(self.events), "batch_id": "1-0", "rejected": rejected or []}
        self.answer(202, fields)

    def answer(self, status: int, fields: Any, **headers: str) -> None:
        body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.is_done = True

    def hang_up(self) -> None:
        self.close_connection = True
        self.is_done = True

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


def answering(status: int, **headers: str) -> Callable[[Request], None]:
    """A fault: this status, and nothing is stored."""
    return lambda request: request.answer(
        status, {"status": status, "code": f"code{status}", "detail": "no"}, **headers
    )


def lose_reply(request: Request) -> None:
    """The events are stored, and the connection ends without an answer."""
    request.owner.store(request.events)
    request.hang_up()


def hang_up(request: Request) -> None:
    """The connection ends, and nothing is stored."""
    request.hang_up()


def break_off(request: Request) -> None:
    """The events are stored; the answer ends in its middle."""
    request.owner.store(request.events)
    request.send_response(202)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(b'{"received"')
    request.hang_up()


def only_batches_of(limit: int) -> Callable[[Request], None]:
    """413 for more events."""
    return lambda request: answering(413)(request) if len(request.events) > limit else None
