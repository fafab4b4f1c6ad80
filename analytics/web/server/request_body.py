"""The body of a request on the event loop (`wsgi.input`), and the bytes of all bodies that are under way.

`asgi.py` makes one RequestBody a request. Nothing is read before the application reads: headers are checked first.
The memory of all bodies together is bounded, and that of one caller; where it is used up, the oldest body that has not
arrived gives way. Many that arrive side by side must not fill it and wait for each other: a body begins when its whole
length has room in its caller's share, and of those without a length the oldest, the front, has room of its own.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NamedTuple

from werkzeug.exceptions import RequestEntityTooLarge

from analytics.errors import AnalyticsError, BadInput, RequestTimeout, Unavailable
from analytics.web.server.greenlets import Reply, await_future, is_on_event_loop

Receive = Callable[[], Awaitable[dict[str, Any]]]
# The caller whose budget a body counts against; default: the address.
CALLER_KEY = "analytics.caller"
# The methods whose bodies are read.
BODY_METHODS = ("POST", "PUT", "PATCH")
MAX_BODY_BYTES_A_PROCESS = 24_000_000
CALLER_SHARE = 4
# Less than gunicorn waits for a piece (--timeout 60).
BODY_WITHIN_S = 50.0
# A younger body is waited for instead: it may arrive at once.
GIVES_WAY_AFTER_S = 1.0
# So long a body waits for those that have arrived and are being answered.
ROOM_WITHIN_S = 10.0
RETRY_AFTER_S = 5
SWEEP_S = 0.25
# What a client has sent before it closed its side is received by then.
RECEIVED_WITHIN_S = 0.05
GAVE_WAY = f"too many bodies are under way, and this one was late; send it again in {RETRY_AFTER_S} s"
# The loop serves others after so many pieces that were there already.
PIECES_A_TURN = 500
# Each piece costs the loop as much as many bytes: a body may not consist of pieces of a few.
MAX_SMALL_PIECES, SMALL_PIECE_BYTES = 2000, 32
TOO_SMALL_PIECES = "the body comes in chunks of a few bytes; accepted: 32 bytes and more on average, for example 16384"


class Wait(NamedTuple):
    """A body that waits until `take(body, size)` succeeds: BodyBudget.add or reserve."""

    take: Callable[["RequestBody", int], bool]
    size: int
    room: asyncio.Future[None]


class BodyBudget:
    """Counts the bytes of the bodies of one process. Used on its event loop only."""

    def __init__(self, limit: int = MAX_BODY_BYTES_A_PROCESS) -> None:
        self.limit, self.caller_limit = limit, limit // CALLER_SHARE
        # Of both limits, for the front alone: the oldest that has not arrived, of all and of each caller.
        self.front_room = limit // CALLER_SHARE
        self.held = 0
        self._by_caller: dict[str, int] = {}
        # Bodies that have not arrived, the oldest first.
        self._arriving: dict[RequestBody, None] = {}
        # Those of them that wait for room.
        self._waiting: dict[RequestBody, Wait] = {}
        self._is_sweeping = False

    def begin(self, body: "RequestBody") -> None:
        self._arriving[body] = None
        if not self._is_sweeping:
            self._is_sweeping = True
            self._sweep_later()

    def finish(self, body: "RequestBody") -> None:
        """The body has arrived, or never will."""
        self._arriving.pop(body, None)
        # Another one may be at the front.
        self._give_room()

    def add(self, body: "RequestBody", size: int) -> bool:
        """Counts `size` more bytes; False when there is no room."""
        reserved, held = min(body.reserved, size), self.held + size
        if held > self.limit - self.front_room and (held > self.limit or not self._is_front(body, of_all=True)):
            return False
        if not self._take_share(body, size - reserved, lambda: self.front_room if self._is_front(body) else 0):
            return False
        body.reserved -= reserved
        body.held += size
        self.held += size
        return True

    def reserve(self, body: "RequestBody", size: int) -> bool:
        """Sets `size` bytes of the caller's share aside for what `body` adds; False when there is no room."""
        if not self._take_share(body, size):
            return False
        body.reserved = size
        body.began_at = asyncio.get_running_loop().time()
        return True

    async def wait(self, body: "RequestBody", take: Callable[["RequestBody", int], bool], size: int) -> None:
        """Returns once `take(body, size)` has succeeded: others have been answered, or given way."""
        if take(body, size):
            return
        room = asyncio.get_running_loop().create_future()
        self._waiting[body] = Wait(take, size, room)
        try:
            await room
        finally:
            del self._waiting[body]

    def release(self, body: "RequestBody") -> None:
        """Forgets the body. May be called twice."""
        self._arriving.pop(body, None)
        if not body.takes_room:
            return
        self.held -= body.held
        left = self._by_caller[body.caller] - body.held - body.reserved
        body.held = body.reserved = 0
        if left:
            self._by_caller[body.caller] = left
        else:
            del self._by_caller[body.caller]
        self._give_room()

    def _give_room(self) -> None:
        for body, wait in self._waiting.items():
            if not wait.room.done() and wait.take(body, wait.size):
                wait.room.set_result(None)

    def _is_front(self, body: "RequestBody", of_all: bool = False) -> bool:
        """It is the oldest with bytes, of its caller or of all; then its time begins when it goes on before others."""
        others = (other for other in self._arriving if other.takes_room and (of_all or other.caller == body.caller))
        if next(others, None) is not body:
            return False
        if not body.was_front:
            body.was_front, body.began_at = True, asyncio.get_running_loop().time()
        return True

    def _take_share(self, body: "RequestBody", size: int, find_more: Callable[[], int] = int) -> bool:
        of_caller = self._by_caller.get(body.caller, 0) + size
        if of_caller > self.caller_limit and of_caller > self.caller_limit + find_more():
            return False
        self._by_caller[body.caller] = of_caller
        return True

    def _sweep_later(self) -> None:
        asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)

    def _sweep(self) -> None:
        """Ends bodies that are late, and where others wait for room, the oldest that holds some."""
        now = asyncio.get_running_loop().time()
        for body in [body for body in self._arriving if now - body.began_at > BODY_WITHIN_S]:
            body.stop(late_error())
        for body, wait in list(self._waiting.items()):
            oldest = self._oldest_holder(body, wait)
            if now - oldest.began_at > (GIVES_WAY_AFTER_S if oldest.takes_room else ROOM_WITHIN_S):
                oldest.stop(Unavailable(GAVE_WAY, RETRY_AFTER_S))
        self._is_sweeping = bool(self._arriving)
        if self._is_sweeping:
            self._sweep_later()

    def _oldest_holder(self, body: "RequestBody", wait: Wait) -> "RequestBody":
        """Of the caller, where its share is used up; else of all. `body` itself where no other holds anything."""
        is_callers = wait.take == self.reserve or self._by_caller.get(body.caller, 0) + wait.size > self.caller_limit
        for other in self._arriving:
            if other.takes_room and (not is_callers or other.caller == body.caller):
                return other
        return body


def late_error() -> RequestTimeout:
    return RequestTimeout(f"the body did not arrive within {BODY_WITHIN_S:.0f} s; send it again")


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
