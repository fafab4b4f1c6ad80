"""The bytes of all bodies that are under way in a process: bounded together and for each caller.

request_body.py counts every piece here. Where the memory is used up, the oldest body that has not arrived gives way.
Many that arrive side by side must not fill it and wait for each other: a body begins when its whole length has room in
its caller's share, and of those without a length the oldest, the front, has room of its own.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple, Protocol

from analytics.errors import AnalyticsError, RequestTimeout, Unavailable

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
GAVE_WAY = f"too many bodies are under way, and this one was late; send it again in {RETRY_AFTER_S} s"


class CountedBody(Protocol):
    """What the budget knows of a body. `began_at`: loop time; `was_front`: it has had the room of the front."""

    held: int
    reserved: int
    began_at: float
    was_front: bool

    @property
    def caller(self) -> str: ...

    @property
    def takes_room(self) -> bool: ...

    def stop(self, error: AnalyticsError) -> None: ...


class Wait(NamedTuple):
    """A body that waits until `take(body, size)` succeeds: BodyBudget.add or reserve."""

    take: Callable[[CountedBody, int], bool]
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
        self._arriving: dict[CountedBody, None] = {}
        # Those of them that wait for room.
        self._waiting: dict[CountedBody, Wait] = {}
        self._is_sweeping = False

    def begin(self, body: CountedBody) -> None:
        self._arriving[body] = None
        if not self._is_sweeping:
            self._is_sweeping = True
            self._sweep_later()

    def finish(self, body: CountedBody) -> None:
        """The body has arrived, or never will."""
        self._arriving.pop(body, None)
        # Another one may be at the front.
        self._give_room()

    def add(self, body: CountedBody, size: int) -> bool:
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

    def reserve(self, body: CountedBody, size: int) -> bool:
        """Sets `size` bytes of the caller's share aside for what `body` adds; False when there is no room."""
        if not self._take_share(body, size):
            return False
        body.reserved = size
        body.began_at = asyncio.get_running_loop().time()
        return True

    async def wait(self, body: CountedBody, take: Callable[[CountedBody, int], bool], size: int) -> None:
        """Returns once `take(body, size)` has succeeded: others have been answered, or given way."""
        if take(body, size):
            return
        room = asyncio.get_running_loop().create_future()
        self._waiting[body] = Wait(take, size, room)
        try:
            await room
        finally:
            del self._waiting[body]

    def release(self, body: CountedBody) -> None:
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

    def _is_front(self, body: CountedBody, of_all: bool = False) -> bool:
        """It is the oldest with bytes, of its caller or of all; then its time begins when it goes on before others."""
        others = (other for other in self._arriving if other.takes_room and (of_all or other.caller == body.caller))
        if next(others, None) is not body:
            return False
        if not body.was_front:
            body.was_front, body.began_at = True, asyncio.get_running_loop().time()
        return True

    def _take_share(self, body: CountedBody, size: int, find_more: Callable[[], int] = int) -> bool:
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

    def _oldest_holder(self, body: CountedBody, wait: Wait) -> CountedBody:
        """Of the caller, where its share is used up; else of all. `body` itself where no other holds anything."""
        is_callers = wait.take == self.reserve or self._by_caller.get(body.caller, 0) + wait.size > self.caller_limit
        for other in self._arriving:
            if other.takes_room and (not is_callers or other.caller == body.caller):
                return other
        return body


def late_error() -> RequestTimeout:
    return RequestTimeout(f"the body did not arrive within {BODY_WITHIN_S:.0f} s; send it again")
