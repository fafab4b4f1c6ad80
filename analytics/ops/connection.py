"""One HTTP/1.1 connection of the web process: bytes in, requests to the application, answers out, in order.

llhttp (through httptools) reads the requests. POSTs of events run on the loop itself: they spend their time in Python
and one wait for Redis, and handing them to a thread and back costs more than their work. Reports, exports and
administration wait for PostgreSQL and run in a pool of threads (docs/decisions/0007).
"""

import asyncio
import http
import logging
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, cast

import httptools

from analytics.aside import LoopCalls
from analytics.leaving import Waiting
from analytics.ops.environ import Answer, Head, Wsgi, call_wsgi

log = logging.getLogger(__name__)

# A request's line and headers together.
MAX_HEAD = 65_536
HEAD_WITHIN_S, BODY_WITHIN_S, LINGER_S = 20.0, 60.0, 2.0
# Bodies under way in one process, together; beyond that the process reads on when others are done.
MAX_BODIES = 64_000_000
MAX_PIPELINED = 16
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
# A question with a body, whose answer changes nothing (analytics/funnels/views.py).
READING_POSTS = ("/api/analytics/reports/", "/api/v1/funnels/compare")
REASONS = {status.value: status.phrase for status in http.HTTPStatus}


@dataclass(eq=False)
class Server:
    """What a process's connections share."""

    wsgi: Wsgi
    # The paths whose POSTs run on the loop.
    on_loop: frozenset[str]
    pool: ThreadPoolExecutor
    max_body: int
    keep_alive_s: float
    note: Callable[[Answer, float], None] | None = None
    connections: set["Connection"] = field(default_factory=set)
    calls: LoopCalls = field(default_factory=LoopCalls)
    bodies: int = 0
    served: int = 0
    stopping: bool = False
    date: bytes = b""
    _paused: list["Connection"] = field(default_factory=list)

    def hold(self, connection: "Connection", size: int) -> None:
        """Counts bytes of a body that is under way; over the limit its connection is not read for a while."""
        self.bodies += size
        if self.bodies > MAX_BODIES:
            connection.transport.pause_reading()
            self._paused.append(connection)

    def release(self, size: int) -> None:
        self.bodies -= size
        if self._paused and self.bodies <= MAX_BODIES:
            paused, self._paused = self._paused, []
            for connection in paused:
                connection.read_on()

    def look_around(self, now: float) -> None:
        """Every second: ends connections that have been idle, or slow to send, for too long."""
        self.date = b"date: %s\r\n" % formatdate(usegmt=True).encode()
        for connection in list(self.connections):
            connection.look(now)

    def stop(self) -> None:
        """Idle connections end now, the others after the answer they wait for."""
        self.stopping = True
        for connection in list(self.connections):
            connection.finish()


@dataclass(eq=False, slots=True)
class Request:
    """A request as read so far."""

    head: Head = field(default_factory=Head)
    body: list[bytes] = field(default_factory=list)
    size: int = 0
    # Nothing more of it is read: it is complete, or too long.
    ready: bool = False
    whole: bool = False
    keep_alive: bool = True


class Connection(asyncio.Protocol):
    """Reads requests, one ahead of the answers; answers in order."""

    def __init__(self, server: Server, loop: asyncio.AbstractEventLoop) -> None:
        self.transport: asyncio.Transport
        self._server, self._loop = server, loop
        self._parser = httptools.HttpRequestParser(self)
        self._request: Request | None = None
        self._head_bytes = 0
        self._in_head = True
        self._since = loop.time()
        self._queue: deque[Request] = deque()
        self._busy = False
        # The request under way is of HTTP/1.1, which has answers before the answer.
        self._is_new = False
        self._began = 0.0
        self._at_end = False
        self._ended = False
        self._writable: asyncio.Future[None] | None = None
        self._quiet: asyncio.Event | None = None
        # For a request that only reads, until its answer begins.
        self._waiting: Waiting | None = None

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._peer = transport.get_extra_info("peername")
        self._here = transport.get_extra_info("sockname")
        self._scheme = "https" if transport.get_extra_info("sslcontext") else "http"
        self._server.connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._server.connections.discard(self)
        if self._request is not None and not self._request.ready:
            self._server.release(self._request.size)
        self._ended = True
        self._stir()
        self.resume_writing()
        if self._waiting is not None:
            self._loop.run_in_executor(None, self._waiting.leave)

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        if self._in_head:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # Nothing is switched to; the request itself was read, and what follows it is no HTTP.
            self._ended = True
        except httptools.HttpParserError as error:
            self._refuse(400, f"not HTTP: {error}")
        else:
            if self._in_head and self._head_bytes > MAX_HEAD:
                self._refuse(431, f"a request's line and headers may have {MAX_HEAD} bytes")

    def eof_received(self) -> bool:
        """A client may send its last request and close its side; it still gets its answer. Of one that has left
        altogether no more is seen: `look` finds out."""
        self._at_end = True
        self._stir()
        return self._busy

    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    # What the parser calls.

    def on_message_begin(self) -> None:
        self._request = Request()
        self._since = self._loop.time()
        self._in_head = True

    def on_url(self, url: bytes) -> None:
        assert self._request is not None
        self._request.head.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        assert self._request is not None
        self._request.head.headers.append((name, value))

    def on_headers_complete(self) -> None:
        request = self._request
        assert request is not None
        self._in_head, self._head_bytes = False, 0
        head = request.head
        head.method, head.version = self._parser.get_method().decode(), self._parser.get_http_version()
        head.peer, head.here, head.scheme = self._peer, self._here, self._scheme
        request.keep_alive = self._parser.should_keep_alive()
        for name, value in head.headers:
            if name.lower() == b"expect" and value.lower() == b"100-continue" and not self._busy:
                self.transport.write(CONTINUE)

    def on_body(self, data: bytes) -> None:
        request = self._request
        assert request is not None
        if request.ready:
            return
        request.body.append(data)
        request.size += len(data)
        self._server.hold(self, len(data))
        if request.size > self._server.max_body:
            # What was not read cannot be told from a next request, so this one is the last.
            request.keep_alive = False
            self._take(request)

    def on_message_complete(self) -> None:
        request = self._request
        assert request is not None
        self._request, self._in_head, self._since = None, True, self._loop.time()
        if not request.ready:
            request.whole = True
            self._take(request)

    # Requests and answers.

    def _take(self, request: Request) -> None:
        request.ready = True
        self._queue.append(request)
        if not self._busy:
            self._next()
        elif len(self._queue) >= MAX_PIPELINED:
            self.transport.pause_reading()

    def _next(self) -> None:
        request = self._queue.popleft()
        self._busy, self._began = True, self._loop.time()
        self._is_new = request.head.version != "1.0"
        body = b"".join(request.body)
        request.body.clear()
        try:
            environ = request.head.environ(body)
        except httptools.HttpParserInvalidURLError:
            self._server.release(request.size)
            self._refuse(400, "the request's target cannot be read")
            return
        if environ["REQUEST_METHOD"] == "POST" and environ["PATH_INFO"] in self._server.on_loop:
            self._server.calls.run(self._serve_on_loop, request, environ)
        else:
            # What changes something goes on to its end, whoever waits.
            waiting = Waiting()
            self._waiting = waiting if _only_reads(environ) else None
            calling = self._loop.run_in_executor(self._server.pool, waiting.run, call_wsgi, self._server.wsgi, environ)
            calling.add_done_callback(lambda done: self._answer(request, done.result()))

    def _serve_on_loop(self, request: Request, environ: dict[str, Any]) -> None:
        self._answer(request, call_wsgi(self._server.wsgi, environ))

    def _answer(self, request: Request, answer: Answer) -> None:
        self._waiting = None
        self._server.release(request.size)
        close = not request.keep_alive or self._server.stopping or answer.closes
        if isinstance(answer.body, bytes):
            self.transport.write(self._head(answer, close) + answer.body)
            self._done(request, answer, close)
        else:
            chunked = request.head.version == "1.1" and not answer.has_length
            close = close or not (chunked or answer.has_length)
            self._loop.create_task(self._stream(request, answer, answer.body, chunked, close))

    def _head(self, answer: Answer, close: bool, chunked: bool = False) -> bytes:
        status = answer.status
        lines = [b"HTTP/1.1 %d %s\r\n" % (status, REASONS.get(status, "").encode()), self._server.date, answer.head]
        if chunked:
            lines.append(b"transfer-encoding: chunked\r\n")
        lines.append(b"connection: close\r\n\r\n" if close else b"\r\n")
        return b"".join(lines)

    async def _stream(
        self, request: Request, answer: Answer, pieces: Iterable[bytes], chunked: bool, close: bool
    ) -> None:
        """Piece by piece, as fast as the client takes them; ends at once when it leaves."""
        pool, iterator = self._server.pool, iter(pieces)
        try:
            self.transport.write(self._head(answer, close, chunked))
            while not self._ended and await self._is_due(pieces):
                piece = await self._loop.run_in_executor(pool, next, iterator, None)
                if piece is None:
                    break
                if piece:
                    self.transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                if self._writable is not None:
                    await self._writable
            if chunked:
                self.transport.write(b"0\r\n\r\n")
        except Exception:
            # The status is out; a body that stops short is all that can still be said.
            log.exception("an answer broke off")
            self.transport.abort()
        finally:
            if closing := getattr(pieces, "close", None):
                await self._loop.run_in_executor(pool, closing)
        self._done(request, answer, close or self._server.stopping)

    async def _is_due(self, pieces: Iterable[bytes]) -> bool:
        """A body that says when it has more is waited for here, and by no thread. It has no end of its own, so it ends
        with the server, and when the client closes its side. False: now."""
        when_ready = getattr(pieces, "when_ready", None)
        if when_ready is None:
            return True
        self._quiet = asyncio.Event()
        when_ready(lambda: self._loop.call_soon_threadsafe(self._stir))
        # What ended it while a thread fetched the last piece stirs nobody any more.
        if not self._is_left():
            await self._quiet.wait()
        return not self._is_left()

    def _is_left(self) -> bool:
        return self._ended or self._at_end or self._server.stopping

    def _stir(self) -> None:
        """Something has happened for which a quiet body may wait."""
        if self._quiet is not None:
            self._quiet.set()

    def _done(self, request: Request, answer: Answer, close: bool) -> None:
        self._busy = False
        self._server.served += 1
        if self._server.note is not None:
            self._server.note(answer, self._loop.time() - self._began)
        if close or self._ended:
            self._end(linger=not request.whole)
        elif self._at_end and not self._queue:
            self.transport.close()
        elif self._queue:
            # On the loop's next round: a client that sends ahead does not pile up calls here.
            self._loop.call_soon(self._next)
            self.read_on()
        else:
            self._since = self._loop.time()

    def _refuse(self, status: int, detail: str) -> None:
        """For what never became a request. After it nothing of the connection can be trusted."""
        if not self._busy:
            body = detail.encode("ascii", "replace")
            head = b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n" % len(body)
            self.transport.write(self._head(Answer(status, head, body), True) + body)
        self._end(linger=True)

    def _end(self, linger: bool) -> None:
        """Nothing more is served. `linger`: a client in the middle of sending gets a moment to read why, since a socket
        that closes on unread bytes takes the answer with it."""
        self._ended = True
        if linger and not self.transport.is_closing() and self.transport.can_write_eof():
            self.read_on()
            self.transport.write_eof()
            self._loop.call_later(LINGER_S, self.transport.close)
        else:
            self.transport.close()

    # What the server calls.

    def read_on(self) -> None:
        """Reads again, where reading had been put off."""
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def finish(self) -> None:
        """Ends the connection, after the answers that are under way."""
        self._stir()
        if not self._busy and self._request is None:
            self._end(linger=False)

    def look(self, now: float) -> None:
        """Ends the connection when its time is over."""
        if self._busy:
            if self._at_end and self._waiting is not None and self._is_new:
                # Who closed one side only takes it for what it is; of who has left, the second one hears that.
                self.transport.write(CONTINUE)
            return
        waited = now - self._since
        if self._request is None:
            if waited > self._server.keep_alive_s:
                self.finish()
        elif waited > (HEAD_WITHIN_S if self._in_head else BODY_WITHIN_S):
            self._refuse(408, "the request did not arrive in time")


def _only_reads(environ: dict[str, Any]) -> bool:
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    return method in ("GET", "HEAD") or (method == "POST" and path.startswith(READING_POSTS))
