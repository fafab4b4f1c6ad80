"""The body of a request on the event loop (`wsgi.input`).

`asgi.py` makes one RequestBody a request. Nothing is read before the application reads: headers are checked first.
body_budget.py bounds the memory of all bodies together.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from werkzeug.exceptions import RequestEntityTooLarge

from analytics.errors import AnalyticsError, BadInput
from analytics.web.server.body_budget import BODY_WITHIN_S, BodyBudget, late_error
from analytics.web.server.greenlets import Reply, await_future, is_on_event_loop

Receive = Callable[[], Awaitable[dict[str, Any]]]
# The caller whose budget a body counts against; default: the address.
CALLER_KEY = "analytics.caller"
# The methods whose bodies are read.
BODY_METHODS = ("POST", "PUT", "PATCH")
# What a client has sent before it closed its side is received by then.
RECEIVED_WITHIN_S = 0.05
# The loop serves others after so many pieces that were there already.
PIECES_A_TURN = 500
# Each piece costs the loop as much as many bytes: a body may not consist of pieces of a few.
MAX_SMALL_PIECES, SMALL_PIECE_BYTES = 2000, 32
TOO_SMALL_PIECES = "the body comes in chunks of a few bytes; accepted: 32 bytes and more on average, for example 16384"


def charge_body(environ: dict[str, Any], size: int) -> None:
    """Counts bytes that were made of the request's body; under another server nothing is counted."""
    if isinstance(body := environ["wsgi.input"], RequestBody):
        body.charge(size)


class RequestBody:
    """wsgi.input: `read` suspends its greenlet until so many bytes have arrived, while the loop serves others."""

    def __init__(self, receive: Receive, budget: BodyBudget, tell_wanted: Callable[[], None]) -> None:
        self.environ: dict[str, Any] = {}
        # Bytes, and those of the caller's share that are set aside for the rest.
        self.held = self.reserved = 0
        self.began_at = 0.0
        # It has had room that others have not.
        self.was_front = False
        self.is_complete = False
        # The rest is not even looked at.
        self.is_refused = False
        # What a reader waits for: more bytes, or room; None: nobody waits.
        self.wanted: Callable[[], Awaitable[None]] | None = None
        self._receive, self._budget, self._tell_wanted = receive, budget, tell_wanted
        self._data: bytes | bytearray = b""
        self._position = 0
        self._reply: Reply[None] | None = None
        self._task: asyncio.Task[Any] | None = None
        # Why the wait ends (`stop`), until it is raised: its traceback holds this object.
        self._error: AnalyticsError | None = None
        self._is_stopped = self._has_ended = False
        # Waits for the server's next message; and how many it had.
        self._is_receiving = False
        self._messages = 0

    @property
    def caller(self) -> str:
        caller: str = self.environ.get(CALLER_KEY) or self.environ["REMOTE_ADDR"]
        return caller

    @property
    def takes_room(self) -> bool:
        return self.held + self.reserved > 0

    @property
    def is_arriving(self) -> bool:
        """A reader waits for it."""
        return self._task is not None and not self.is_complete

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, fewer only at the end. Raises RequestTimeout, Unavailable and BadInput."""
        self.load(size)
        end = len(self._data) if size < 0 else self._position + size
        piece = bytes(memoryview(self._data)[self._position : end])
        self._position += len(piece)
        if self.is_complete and self._position >= len(self._data):
            # Whoever reads it has it.
            self._data, self._position = b"", 0
        return piece

    def readline(self, size: int = -1) -> bytes:
        self.load()
        end = self._data.find(b"\n", self._position) + 1 or len(self._data)
        return self.read(end - self._position if size < 0 else min(size, end - self._position))

    def readlines(self, hint: int = -1) -> list[bytes]:
        return list(self)

    def __iter__(self) -> "RequestBody":
        return self

    def __next__(self) -> bytes:
        if line := self.readline():
            return line
        raise StopIteration

    def load(self, size: int = -1) -> None:
        """Returns once `size` more bytes have arrived, or all of them. In a thread all that is needed has arrived."""
        end = self._position + size if size >= 0 else 1 << 62
        if self.is_complete or len(self._data) >= end or not is_on_event_loop():
            return
        self._await(partial(self._fill, end))

    def load_all(self, limit: int | None) -> None:
        """Returns once all bytes have arrived. Raises RequestEntityTooLarge for more than `limit`."""
        self.load(-1 if limit is None else limit + 1)
        if limit is not None and len(self._data) - self._position > limit:
            raise RequestEntityTooLarge

    async def fill(self) -> None:
        """Does what the reader waits for and resumes it. Called where `wanted` is set."""
        work, reply, self.wanted = self.wanted, self._reply, None
        assert work is not None
        assert reply is not None
        try:
            await self._run(work)
        except AnalyticsError as error:
            reply.fail(error)
        except BaseException:
            # The server has given the request up, or this is a fault of ours: the reader must not wait for ever.
            reply.fail(BadInput("the body was not received"))
            raise
        else:
            reply.resolve(None)

    def charge(self, size: int) -> None:
        """Counts `size` bytes that were made of this body, once there is room. Raises Unavailable if there is none. In
        a thread nothing is counted."""
        if size > 0 and is_on_event_loop() and not self._budget.add(self, size):
            self._await(partial(self._wait_for_room, size))

    async def _wait_for_room(self, size: int) -> None:
        # Among those that may give way, or two might wait for each other.
        self._budget.begin(self)
        await self._budget.wait(self, self._budget.add, size)

    def _await(self, work: Callable[[], Awaitable[None]]) -> None:
        """Suspends the reader until the coroutine of the request has done `work`."""
        self.wanted, self._reply = work, Reply()
        self._tell_wanted()
        await_future(self._reply)

    def end_input(self) -> None:
        """Nothing more will come than what is here, which is still received."""
        self._has_ended = True
        if self.is_arriving:
            asyncio.get_running_loop().call_later(RECEIVED_WITHIN_S, self._end_if_idle, self._messages)

    def _end_if_idle(self, messages: int) -> None:
        """Ends the wait for a body of which nothing has come since it had so many messages."""
        if self._is_receiving and messages == self._messages:
            self.stop(BadInput("the body ends too early; send it whole"))
        else:
            self.end_input()

    def stop(self, error: AnalyticsError) -> None:
        """Ends the wait for this body: `error` is raised where it is read."""
        if self._task is not None and not self._is_stopped:
            self._error, self._is_stopped = error, True
            self._task.cancel()

    def release(self) -> None:
        """Gives the memory back. Called when the application has returned."""
        self._data = b""
        self._tell_wanted, self._receive = _ignore, _receive_nothing
        self._budget.release(self)

    async def _fill(self, end: int) -> None:
        first = await self._receive_message()
        piece = first.get("body", b"")
        if piece and not first.get("more_body") and not self._data and self._budget.add(self, len(piece)):
            # Most bodies arrive in one piece.
            self._data, self.is_complete = piece, True
            return
        self._budget.begin(self)
        if not self._data and not self.reserved:
            await self._budget.wait(self, self._budget.reserve, min(self._declared_length(), self._budget.caller_limit))
        await self._receive_until(end, first)

    def _declared_length(self) -> int:
        length: str = self.environ.get("CONTENT_LENGTH", "")
        return int(length) if length.isdigit() else 0

    async def _run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Waits for `work`, which `stop` may end."""
        loop = asyncio.get_running_loop()
        self.began_at, self._task = loop.time(), asyncio.current_task()
        if self._has_ended:
            self.end_input()
        try:
            await work()
        except asyncio.CancelledError as cancellation:
            if self._error is None:
                raise
            raise self._take_error() from cancellation
        finally:
            if self._is_stopped and self._task is not None:
                self._task.uncancel()
            self._task, self._error, self._is_stopped = None, None, False
            self._budget.finish(self)

    def _take_error(self) -> AnalyticsError:
        assert self._error is not None
        error, self._error = self._error, None
        return error

    async def _receive_until(self, end: int, message: dict[str, Any]) -> None:
        pieces = 0
        while True:
            if self._error is not None:
                # asyncio.wait_for, by which the server waits, may lose a cancellation.
                raise self._take_error()
            if piece := message.get("body"):
                await self._append(piece)
            self.is_complete = not message.get("more_body")
            if self.is_complete or len(self._data) >= end:
                return
            pieces += 1
            if pieces > MAX_SMALL_PIECES and len(self._data) < pieces * SMALL_PIECE_BYTES:
                self.is_refused = True
                raise BadInput(TOO_SMALL_PIECES)
            if pieces % PIECES_A_TURN == 0:
                await asyncio.sleep(0)
            message = await self._receive_message()

    async def _receive_message(self) -> dict[str, Any]:
        """The next piece of the body. Raises BadInput and RequestTimeout when the server has given the body up."""
        self._is_receiving = True
        message = await self._receive()
        self._is_receiving = False
        self._messages += 1
        if message["type"] != "http.request":
            raise self._not_whole()
        return message

    def _not_whole(self) -> AnalyticsError:
        """The server has given the body up: the client has left, or was late."""
        if asyncio.get_running_loop().time() - self.began_at >= BODY_WITHIN_S:
            return late_error()
        return BadInput("the body ends too early; send it whole")

    async def _append(self, piece: bytes) -> None:
        await self._budget.wait(self, self._budget.add, len(piece))
        if not self._data:
            # Most bodies arrive in one piece, which need not be copied.
            self._data = piece
            return
        if isinstance(self._data, bytes):
            self._data = bytearray(self._data)
        self._data += piece


def _ignore() -> None:
    """Nobody reads the body any more."""


async def _receive_nothing() -> dict[str, Any]:
    """The body was given back."""
    return {"type": "http.disconnect"}
