"""The ASGI application of the web process: each request calls the WSGI application in a greenlet of the event loop.

wsgi.py makes one for gunicorn's `asgi` worker, which parses and frames HTTP. Where the application waits (`offload`, a
body, an append), the loop serves others. App (app.py) hands views that are not marked to threads; bodies that are made
while they are sent are read in threads (docs/decisions/0017).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from functools import lru_cache, partial
from typing import Any, TypeVar

from analytics.errors import Unavailable
from analytics.web.server.body_budget import BodyBudget
from analytics.web.server.connections import current_connection
from analytics.web.server.disconnects import CancellationToken
from analytics.web.server.environ import Scope, build_environ
from analytics.web.server.greenlets import GreenletPool, await_future
from analytics.web.server.request_body import BODY_METHODS, Receive, RequestBody

T = TypeVar("T")
Send = Callable[[dict[str, Any]], Awaitable[None]]
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
EXCHANGE_KEY = "analytics.exchange"
# Requests with a body whose responses change nothing (funnels/views.py).
READING_POSTS = ("/api/analytics/reports/", "/api/v1/funnels/compare")
# A client that sends a body which nobody reads gets so long to read why, before its connection is closed.
LINGER_S = 2.0
# Between two interim responses to a client that has closed its side.
PROBE_S = 1.0
RETRY_AFTER_S = 5
NO_THREAD = f"all threads of this process are busy; try again in {RETRY_AFTER_S} s"
log = logging.getLogger(__name__)


class AsgiApp:
    """What the requests of one process share."""

    def __init__(self, wsgi: Wsgi, threads: int = 8, max_body_bytes: int = 0, thread_within_s: float = 30.0) -> None:
        self.wsgi, self.thread_within_s = wsgi, thread_within_s
        self.threads = ThreadPoolExecutor(threads, "request")
        # Apart, so that no view waits for a thread that a stream of a stopped server holds.
        self.stream_threads = ThreadPoolExecutor(threads, "stream")
        self.greenlets = GreenletPool()
        self.bodies = BodyBudget()
        # One body may always have its allowed length.
        self.bodies.caller_limit = max(self.bodies.caller_limit, max_body_bytes + 1)
        self.bodies.limit = max(self.bodies.limit, self.bodies.caller_limit)
        self.is_stopping = False
        self.exchanges: set[Exchange] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await Exchange(self, scope, receive, send).run()
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})

    def stop(self) -> None:
        """Ends streams that have no end of their own. Called on the loop."""
        self.is_stopping = True
        for exchange in self.exchanges:
            exchange.wake()

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.stop()
        for executor in (self.threads, self.stream_threads):
            executor.shutdown(wait=False, cancel_futures=True)
        await send({"type": "lifespan.shutdown.complete"})


class Exchange:
    """One request and its response."""

    def __init__(self, server: AsgiApp, scope: Scope, receive: Receive, send: Send) -> None:
        self.is_buffered = False
        self.is_receiving = False
        self._server, self._receive_next, self._send = server, receive, send
        self._loop, self._connection = asyncio.get_running_loop(), current_connection.get()
        self.body = RequestBody(self._receive, server.bodies, self.wake)
        if self._connection is not None and self._connection.has_ended:
            self.body.end_input()
        self._environ = build_environ(scope, self.body)
        self.body.environ = self._environ
        self._environ[EXCHANGE_KEY] = self
        has_length = self._environ.get("CONTENT_LENGTH", "0") != "0"
        self._has_body = has_length or "HTTP_TRANSFER_ENCODING" in self._environ
        self._expects_100 = "HTTP_EXPECT" in self._environ
        self._token: CancellationToken | None = None
        self._context: Context | None = None
        self._watch: asyncio.Task[None] | None = None
        self._started: tuple[str, list[tuple[str, str]]] | None = None
        self._pieces: Iterable[bytes] = ()
        self._error: BaseException | None = None
        self._has_ended = False
        self._is_responding = False
        # Nobody receives the response any more.
        self._is_lost = False
        # `run` has ended: what the application still makes is closed, and not sent.
        self._is_over = False
        # A thread makes a piece of the body; nobody will take it.
        self._is_stepping = self._is_left = False
        self._changed: asyncio.Future[None] | None = None

    async def run(self) -> None:
        """Calls the application and sends its response."""
        self._server.exchanges.add(self)
        if self._connection is not None:
            self._connection.begin_request(self)
        try:
            await self._call()
            self.body.release()
            await self._respond()
            if self.body.is_refused and self._connection is not None:
                self._connection.refuse_input()
                await asyncio.sleep(LINGER_S)
            elif self._has_body and not self.body.is_complete and not self._expects_100 and self._watch is None:
                await self._linger()
        finally:
            self._is_over = True
            if self._watch is not None:
                self._watch.cancel()
                # Its traceback holds this object.
                self._watch = None
            self._server.exchanges.discard(self)
            if self._connection is not None:
                self._connection.end_request(self)
            if self._has_ended and not self._is_stepping:
                self.body.release()
                if self.is_buffered:
                    # A stream is still being closed, in a thread.
                    self._forget()

    def run_in_thread(self, call: Callable[[], T], max_body_bytes: int | None) -> T:
        """`call()` in a thread, once the body has arrived. Only in the request's greenlet."""
        # Admission (auth/admission.py) has checked these; the body of another method is not read.
        if self._has_body and self._environ["REQUEST_METHOD"] in BODY_METHODS:
            self.body.load_all(max_body_bytes)
        if self._only_reads():
            self._watch = self._loop.create_task(self._watch_disconnect())
        self._context = copy_context()
        work = self._server.threads.submit(self._bind(call))
        # A call that has begun is not cancelled by this.
        timer = self._loop.call_later(self._server.thread_within_s, work.cancel)
        try:
            return await_future(asyncio.wrap_future(work))
        except asyncio.CancelledError as error:
            raise Unavailable(NO_THREAD, RETRY_AFTER_S) from error
        finally:
            timer.cancel()
            # It holds its error, whose traceback holds this frame.
            del work

    def wake(self) -> None:
        """Something has changed for which the coroutine may wait."""
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)

    @property
    def is_arriving(self) -> bool:
        """Its body is waited for."""
        return self.body.is_arriving

    @property
    def has_arrived(self) -> bool:
        """It has no body, or all of it is here."""
        return not self._has_body or self.body.is_complete

    async def _receive(self) -> dict[str, Any]:
        """The server's next message. Only while one is waited for, more is read from the connection."""
        self.is_receiving = True
        if self._connection is not None:
            self._connection.ask_for_input()
        try:
            return await self._receive_next()
        finally:
            self.is_receiving = False

    def end_input(self) -> None:
        """The client has closed its side."""
        self.body.end_input()
        if self._is_responding:
            self.wake()

    async def _call(self) -> None:
        """Runs the application's greenlet, and receives the body when it asks for it."""
        self._server.greenlets.run(self._call_wsgi)
        while not self._has_ended:
            if self.body.wanted:
                await self.body.fill()
            else:
                await self._wait()
        if self._error is not None:
            error, self._error = self._error, None
            try:
                raise error
            finally:
                # Its traceback holds this frame.
                del error

    def _call_wsgi(self) -> None:
        try:
            self._pieces = self._server.wsgi(self._environ, self._start_response)
        except BaseException as error:  # noqa: BLE001  # raised where the coroutine waits
            self._error = error
        self._has_ended = True
        if self._is_over:
            self._discard()
        self.wake()

    def _discard(self) -> None:
        """The server has given the request up; what it changed has been changed."""
        try:
            self.body.release()
            self._close_in_thread()
        except Exception:
            # Raised further it would end a call of somebody else, who has resumed this greenlet.
            log.exception("a response that nobody receives was not closed")

    def _start_response(self, status: str, headers: list[tuple[str, str]], error: Any = None) -> None:
        self._started = status, headers

    async def _respond(self) -> None:
        self._is_responding = True
        try:
            if self._connection is not None:
                await self._connection.drain()
            start = self._encode_start()
        except BaseException:
            self._close_in_thread()
            raise
        if self.is_buffered:
            try:
                body = b"".join(self._pieces)
            finally:
                self._close(self._pieces)
            await self._send(start)
            await self._send({"type": "http.response.body", "body": body})
        else:
            await self._stream(start)

    def _encode_start(self) -> dict[str, Any]:
        assert self._started is not None
        status, headers = self._started
        encoded = [(_encode_name(name), value.encode("latin-1")) for name, value in headers]
        if self._connection is not None and self._connection.is_last_response:
            encoded.append((b"connection", b"close"))
        return {"type": "http.response.start", "status": int(status[:3]), "headers": encoded}

    async def _stream(self, start: dict[str, Any]) -> None:
        """Piece by piece, each made in a thread once the client has taken the one before."""
        if self._watch is None:
            self._watch = self._loop.create_task(self._watch_disconnect())
        pieces = iter(self._pieces)
        try:
            await self._send(start)
            while await self._is_due():
                piece = await self._make_piece(pieces)
                if piece is None:
                    break
                if piece:
                    await self._send({"type": "http.response.body", "body": piece, "more_body": True})
                # The wait for the next one may last.
                del piece
            if not self._is_lost:
                await self._send({"type": "http.response.body", "body": b""})
        finally:
            if self._server.is_stopping and not self._has_client_left:
                self._token = self._token or CancellationToken()
                self._token.has_server_stopped = True
            # A piece that is still being made has to be done before its iterator can be closed.
            self._is_left = True
            if not self._is_stepping:
                self._close_in_thread()

    async def _make_piece(self, pieces: Iterator[bytes]) -> bytes | None:
        """The next piece, from a thread; None at the end."""
        self._is_stepping = True
        step = self._in_thread(next, pieces, None)
        step.add_done_callback(self._end_step)
        piece: bytes | None = await asyncio.shield(step)
        return piece

    def _end_step(self, step: "asyncio.Future[Any]") -> None:
        self._is_stepping = False
        if self._is_left:
            self._close_in_thread()

    async def _is_due(self) -> bool:
        """False when the stream is over. A body with `when_ready` is waited for here, and by no thread; it has no end
        of its own, so it ends with the server."""
        when_ready = getattr(self._pieces, "when_ready", None)
        if when_ready is None:
            return not self._is_lost
        if self._is_stream_over():
            return False
        ready: asyncio.Future[None] = self._loop.create_future()
        self._changed = ready
        when_ready(lambda: self._loop.call_soon_threadsafe(self.wake))
        await ready
        return not self._is_stream_over()

    def _is_stream_over(self) -> bool:
        """For a body without end: nobody reads it any more, or the server stops."""
        return self._has_client_left or self._server.is_stopping

    @property
    def _has_client_left(self) -> bool:
        """It is gone, or has closed its side."""
        return self._is_lost or (self._connection is not None and self._connection.has_ended)

    def _in_thread(self, call: Callable[..., Any], *args: Any) -> "asyncio.Future[Any]":
        """`call(*args)` in a thread for streams."""
        return self._loop.run_in_executor(self._server.stream_threads, self._bind(call, *args))

    def _bind(self, call: Callable[..., T], *args: Any) -> Callable[[], T]:
        """`call(*args)` in the context of the view, to be cancelled when the client leaves."""
        context = self._context or copy_context()
        self._token = self._token or CancellationToken()
        return partial(context.run, self._token.run, call, *args)

    def _close_in_thread(self) -> None:
        self._in_thread(self._close, self._pieces).add_done_callback(self._forget)

    def _forget(self, _: object = None) -> None:
        """Breaks the circles through the environ: left to the garbage collector, they hold megabytes."""
        self._environ.clear()
        self._pieces, self._context = (), None

    def _close(self, pieces: Iterable[bytes]) -> None:
        if close := getattr(pieces, "close", None):
            close()

    async def _watch_disconnect(self) -> None:
        """Cancels the running query when the client leaves."""
        probe = self._loop.create_task(self._probe())
        try:
            while (await self._receive())["type"] != "http.disconnect":
                continue
        finally:
            probe.cancel()
        self._is_lost = True
        self.wake()
        if self._token is not None:
            await self._loop.run_in_executor(None, self._token.cancel)

    async def _probe(self) -> None:
        """A client that has left looks like one that has closed its side only. Interim responses tell: who has left
        answers them with a reset."""
        while self._connection is not None and not self._is_responding:
            if self._connection.has_ended:
                await self._send({"type": "http.response.informational", "status": 100, "headers": []})
            await asyncio.sleep(PROBE_S)

    async def _linger(self) -> None:
        """Receives the rest of a body that was not read: a socket that is closed on unread bytes takes the response
        with it."""
        try:
            async with asyncio.timeout(LINGER_S):
                while (message := await self._receive())["type"] == "http.request" and message.get("more_body"):
                    await asyncio.sleep(0)
        except TimeoutError:
            return

    async def _wait(self) -> None:
        self._changed = self._loop.create_future()
        await self._changed

    def _only_reads(self) -> bool:
        method, path = self._environ["REQUEST_METHOD"], self._environ["PATH_INFO"]
        return method in ("GET", "HEAD") or (method == "POST" and path.startswith(READING_POSTS))


@lru_cache(maxsize=256)
def _encode_name(name: str) -> bytes:
    return name.lower().encode("latin-1")
