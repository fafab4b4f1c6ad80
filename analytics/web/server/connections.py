"""Deadlines and the number of the connections of one process, around the server's own protocol.

worker.py puts each connection into one of these. HTTP is the server's: here are counted only bytes, seconds and, as
asgi.py tells, requests. gunicorn waits without end for a first request, for a client that does not read, and for idle
connections of a process that stops. What is refused before it is a request has its line of the access log from here.
"""

import asyncio
import gc
import http
import logging
import time
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import Protocol, cast

from analytics import memory

# A request's line and headers: time from the first byte, and bytes.
HEAD_WITHIN_S, MAX_HEAD_BYTES = 20.0, 32_768
# A client that takes nothing of its response, or a connection that is being closed, for so long is cut off.
STALL_TIMEOUT_S, CLOSE_TIMEOUT_S = 120.0, 20.0
# Clients of a process that stops have so long to send a next request, and learn from its response that it was the last
# (asgi.py), and less where requests under way have less than ten times of it to end (gunicorn's --graceful-timeout). It
# takes new connections until then: one that has said "keep-alive" may not close at once.
DRAIN_S, DRAIN_SHARE = 3.0, 0.1
SWEEP_S, SETTLE_S = 1.0, 0.5
# The server's protocol and its parser hold each other, and 10 KB; the collector itself would come much later.
COLLECT_AFTER_CLOSED = 200
# Large bodies leave free pages between small objects.
TRIM_INTERVAL_S = 2.0
# Parsed at once. Others get a turn between two such pieces, however much work each of their bytes makes.
READ_BYTES = 16_384
# Chunks of one byte make 16 KB of a body take 20 ms, others make them take 0.05 ms, and a head takes 0.1 ms. After a
# piece that took the processor longer than this, all are read in small ones until a second has passed without; who
# sends two in a row pauses, so that such connections together take a quarter of the time.
COSTLY_BODY_S, COSTLY_HEAD_S, SMALL_READ_BYTES = 0.00025, 0.002, 1024
REST_FACTOR, MAX_REST_S = 3, 1.0
# The route of a request that no route serves.
NO_ROUTE = "(none)"
# ACCESS_LOG sets its level (ops/access_log.py).
refusal_log = logging.getLogger("analytics.access.connections")
current_connection: ContextVar["Connection | None"] = ContextVar("connection", default=None)


class Request(Protocol):
    """A request under way."""

    @property
    def is_arriving(self) -> bool:
        """Its body is waited for."""

    @property
    def has_arrived(self) -> bool:
        """It has no body, or all of it is here."""

    @property
    def is_receiving(self) -> bool:
        """It waits for the server's next message."""

    def end_input(self) -> None:
        """The client has closed its side."""


class Connections:
    """All connections of one event loop."""

    def __init__(self, limit: int, keep_alive_s: float, drain_s: float = DRAIN_S) -> None:
        self.limit, self.keep_alive_s, self._drain_s = limit, keep_alive_s, drain_s
        self.is_stopping = False
        # The oldest first.
        self.open: dict[Connection, None] = {}
        self._whole_buffer = memoryview(bytearray(READ_BYTES))
        # Where the next piece is read to, of any connection: it is parsed before anything else is read.
        self.buffer = self._whole_buffer
        self._is_costly, self._rest_until = False, 0.0
        self._closed = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    def add(self, connection: "Connection") -> None:
        """Where there are too many, one gives way that is idle, or whose request has not arrived."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._sweep()
            self._trim()
        if len(self.open) >= self.limit and (dispensable := self._most_dispensable()):
            dispensable.transport.abort()
            self.open.pop(dispensable, None)
        self.open[connection] = None

    def remove(self, connection: "Connection") -> None:
        self.open.pop(connection, None)
        self._closed += 1

    @property
    def is_full(self) -> bool:
        return len(self.open) > self.limit

    @property
    def is_reading_small(self) -> bool:
        return self.buffer is not self._whole_buffer

    def read_small(self) -> None:
        """A piece took long to parse."""
        self._is_costly, self.buffer = True, self._whole_buffer[:SMALL_READ_BYTES]

    def take_rest_s(self, parse_s: float) -> float:
        """How long a connection pauses after a piece that took so long: the pauses of all of them follow each other."""
        now = time.monotonic()
        self._rest_until = min(max(now, self._rest_until) + parse_s * REST_FACTOR, now + MAX_REST_S)
        return self._rest_until - now

    def stop(self, then: Callable[[], None]) -> None:
        """`then()` after the drain, at once where nobody is connected. Connections end with their response, or
        when they have been idle for as long."""
        self.is_stopping = True
        asyncio.get_running_loop().call_later(self._drain_s if self.open else 0, self._end_drain, then)

    def _end_drain(self, then: Callable[[], None]) -> None:
        self.keep_alive_s = min(self.keep_alive_s, self._drain_s)
        then()

    def _most_dispensable(self) -> "Connection | None":
        """The longest idle; else that of the oldest head; else the oldest of the address that sends most bodies."""
        for group in (
            [one for one in self.open if one.is_idle],
            [one for one in self.open if one.is_sending_head],
            self._most_bodies_of_an_address(),
        ):
            if group:
                return min(group, key=lambda one: one.since)
        return None

    def _most_bodies_of_an_address(self) -> "list[Connection]":
        by_address: dict[str, list[Connection]] = {}
        for one in self.open:
            if one.is_sending_body:
                by_address.setdefault(one.address, []).append(one)
        return max(by_address.values(), key=len, default=[])

    def _sweep(self) -> None:
        assert self._loop is not None
        self._loop.call_later(SWEEP_S, self._sweep)
        now = self._loop.time()
        for connection in list(self.open):
            connection.check_deadlines(now)
        if not self._is_costly:
            self.buffer = self._whole_buffer
        self._is_costly = False
        if self._closed >= COLLECT_AFTER_CLOSED:
            self._closed = 0
            gc.collect()

    def _trim(self) -> None:
        assert self._loop is not None
        self._loop.call_later(TRIM_INTERVAL_S, self._trim)
        self._loop.run_in_executor(None, memory.trim)


class Connection(asyncio.BufferedProtocol):
    """One connection: passes everything on to `inner`, the server's protocol."""

    def __init__(self, inner: asyncio.Protocol, connections: Connections) -> None:
        self.transport: asyncio.Transport
        self._inner, self._all = inner, connections
        self._loop = asyncio.get_running_loop()
        self._requests: list[Request] = []
        self._head_bytes, self._has_long_head = 0, False
        # When it became idle, or when the head that is arriving began.
        self.since = self._loop.time()
        self._stalled_since: float | None = None
        # Not set while the client does not take what has been written.
        self._writable = asyncio.Event()
        self._writable.set()
        self._closing_since: float | None = None
        # Reading pauses for a round of the loop, until the request under way has been answered, or until it asks for
        # more of its body.
        self._is_resting = self._is_ahead = self._is_unasked = self._is_refusing = False
        # The piece before took long to parse; when the pause that it costs is over.
        self._was_costly, self._rested_at = False, 0.0
        # Set when the client has closed its side: it sends no more, and may still read.
        self.has_ended = False

    @property
    def is_idle(self) -> bool:
        """No request is under way, whole or in part."""
        return not self._requests and not self._head_bytes

    @property
    def is_last_response(self) -> bool:
        """The process stops: the response that is made now has to say that its connection ends."""
        return self._all.is_stopping

    @property
    def is_sending_head(self) -> bool:
        return bool(self._head_bytes) and not self._requests

    @property
    def is_sending_body(self) -> bool:
        return any(request.is_arriving for request in self._requests)

    @property
    def address(self) -> str:
        peer = self.transport.get_extra_info("peername")
        return str(peer[0]) if isinstance(peer, tuple) else ""

    def begin_request(self, request: Request) -> None:
        self._requests.append(request)
        self._head_bytes, self._has_long_head = 0, False

    def ask_for_input(self) -> None:
        """A request waits for more of its body."""
        if self._is_unasked:
            self._is_unasked, self._is_resting = False, True
            if (rest_s := self._rested_at - self._loop.time()) > 0:
                self._loop.call_later(rest_s, self._read_on)
            else:
                self._read_on()

    def end_request(self, request: Request) -> None:
        self._requests.remove(request)
        self.since = self._loop.time()
        if self._is_ahead or self._is_unasked:
            # gunicorn needs a turn to begin the request that it holds.
            self._is_ahead, self._is_unasked, self._is_resting = False, False, True
            self._loop.call_later(0, self._loop.call_soon, self._read_on)
        if self.has_ended:
            # Unless it has sent another request ahead.
            self._loop.call_later(SETTLE_S, self._close_ended)

    async def drain(self) -> None:
        """Waits until the client has taken most of what was written, or has left. The server itself waits only after
        bytes of a body."""
        await self._writable.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._all.add(self)
        # The server's tasks for this connection inherit the context.
        context = copy_context()
        context.run(current_connection.set, self)
        context.run(self._inner.connection_made, transport)
        if self._all.is_full:
            self._refuse(http.HTTPStatus.SERVICE_UNAVAILABLE)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._all.buffer

    def buffer_updated(self, nbytes: int) -> None:
        if not self._requests:
            if not self._head_bytes:
                self.since = self._loop.time()
            self._head_bytes += nbytes
        # Of a request after the one under way; a parser may keep only a part of it.
        is_ahead = bool(self._requests) and all(request.has_arrived for request in self._requests)
        is_body, is_full = bool(self._requests) and not is_ahead, nbytes == len(self._all.buffer)
        # The clock costs 2 us: so little is not measured while all are cheap.
        is_measured = nbytes >= SMALL_READ_BYTES or self._all.is_reading_small
        began_s = time.thread_time() if is_measured else 0.0
        self._pass_on(nbytes)
        rest_s = self._find_rest_s(time.thread_time() - began_s, is_body) if is_measured else 0.0
        # Where it is not reading, the server has enough.
        if self.transport.is_closing() or not self.transport.is_reading():
            return
        if is_ahead:
            self.transport.pause_reading()
            self._is_ahead = True
        elif self._requests and not any(request.is_receiving for request in self._requests):
            # gunicorn would keep 256 KB of it.
            self.transport.pause_reading()
            self._is_unasked, self._rested_at = True, self._loop.time() + rest_s
        elif rest_s or is_full:
            self.transport.pause_reading()
            self._is_resting = True
            self._loop.call_later(rest_s, self._read_on)

    def _pass_on(self, nbytes: int) -> None:
        self._inner.data_received(bytes(self._all.buffer[:nbytes]))
        if self.transport.is_closing() and self.is_sending_head:
            # The server has refused it, with 400, 414, 431 or 501: which one it tells only the client.
            self._log_refusal(http.HTTPStatus.BAD_REQUEST)

    def _find_rest_s(self, parse_s: float, is_body: bool) -> float:
        """How long reading pauses after a piece that took so long to parse."""
        is_costly, was_costly = parse_s > (COSTLY_BODY_S if is_body else COSTLY_HEAD_S), self._was_costly
        self._was_costly = is_costly
        if not is_costly:
            return 0.0
        self._all.read_small()
        # Once it may have been the garbage collector.
        return self._all.take_rest_s(parse_s) if was_costly else 0.0

    def refuse_input(self) -> None:
        """Reads no more: what the client sends is not worth the work."""
        self._is_refusing = True
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def eof_received(self) -> bool:
        """A client may close its side after its last request; it still gets the response."""
        self.has_ended = True
        for request in self._requests:
            request.end_input()
        return bool(self._requests or self._head_bytes)

    def connection_lost(self, error: Exception | None) -> None:
        self._all.remove(self)
        self._writable.set()
        self._inner.connection_lost(error)

    def pause_writing(self) -> None:
        self._stalled_since = self._loop.time()
        self._writable.clear()
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._stalled_since = None
        self._writable.set()
        self._inner.resume_writing()
        self._read_on()

    def check_deadlines(self, now: float) -> None:
        """Ends the connection when its time is over."""
        if self.transport.is_closing():
            self._closing_since = self._closing_since or now
            if now - self._closing_since > CLOSE_TIMEOUT_S:
                self.transport.abort()
        elif self._stalled_since is not None and now - self._stalled_since > STALL_TIMEOUT_S:
            self.transport.abort()
        elif self.is_sending_head:
            self._check_head(now - self.since)
        elif self.is_idle and now - self.since > self._all.keep_alive_s:
            self.transport.close()

    def _read_on(self) -> None:
        """Ends the rest, unless the client does not read either: then the server has stopped reading too."""
        if self._is_resting and self._stalled_since is None:
            self._is_resting = False
            if not self._is_refusing and not self.transport.is_closing():
                self.transport.resume_reading()

    def _check_head(self, age_s: float) -> None:
        if age_s > HEAD_WITHIN_S:
            self._refuse(http.HTTPStatus.REQUEST_TIMEOUT)
        elif self._head_bytes > MAX_HEAD_BYTES:
            # A body may have come with its head: then the request has begun by the next time.
            if self._has_long_head:
                self._refuse(http.HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            self._has_long_head = True

    def _close_ended(self) -> None:
        if not self._requests:
            self.transport.close()

    def _refuse(self, status: http.HTTPStatus) -> None:
        if not self.transport.is_closing():
            head = f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            self.transport.write(head.encode())
            self.transport.close()
            self._log_refusal(status)

    def _log_refusal(self, status: http.HTTPStatus) -> None:
        ms = round((self._loop.time() - self.since) * 1000, 1)
        fields = {"method": None, "route": NO_ROUTE, "status": status.value, "ms": ms, "bytes": 0}
        refusal_log.log(logging.WARNING if status >= 500 else logging.INFO, "request", extra=fields)
