"""Whose request gets a thread of the web process: one caller holds at most half of them, and waits for its turn beyond.

App (app.py) asks before it hands a view to a thread. The wait costs no thread, so the requests of others, probes among
them, are served meanwhile, and it has an end. Used on the event loop only.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from analytics.errors import TooMany, Unavailable
from analytics.web.server.greenlets import Reply, await_future

MAX_WAITING = 100
RETRY_AFTER_S = 1


class _Caller:
    __slots__ = ("running", "waiting")

    def __init__(self) -> None:
        self.running = 0
        self.waiting: deque[Reply[None]] = deque()


class ThreadTurns:
    """The turns of one process. `caller_of` says of a request's environ whose it is; one waits at most `within_s`."""

    def __init__(self, threads: int, caller_of: Callable[[Mapping[str, Any]], str], within_s: float) -> None:
        self._limit, self._caller_of, self._within_s = max(1, threads // 2), caller_of, within_s
        self._callers: dict[str, _Caller] = {}

    @contextmanager
    def turn(self, environ: Mapping[str, Any]) -> Iterator[None]:
        """Waits until the caller may have one more thread, for the block. Raises TooMany when many wait already, and
        Unavailable when its own requests do not end in time."""
        name = self._caller_of(environ)
        caller = self._callers.setdefault(name, _Caller())
        if caller.running >= self._limit:
            self._wait(caller)
        else:
            caller.running += 1
        try:
            yield
        finally:
            self._pass_on(name, caller)

    def _wait(self, caller: _Caller) -> None:
        if len(caller.waiting) >= MAX_WAITING:
            detail = f"{MAX_WAITING} of your requests wait for their turn in this process; send fewer at a time"
            raise TooMany(f"{detail}, or try again in {RETRY_AFTER_S} s", retry_after_s=RETRY_AFTER_S)
        turn: Reply[None] = Reply()
        caller.waiting.append(turn)
        timer = asyncio.get_running_loop().call_later(self._within_s, self._give_up, caller, turn)
        try:
            await_future(turn)
        finally:
            timer.cancel()

    def _give_up(self, caller: _Caller, turn: Reply[None]) -> None:
        # One whose turn has come is no longer among them, although its request may not have gone on yet.
        if turn in caller.waiting:
            caller.waiting.remove(turn)
            detail = f"{self._limit} of your requests still run in this process; try again in {RETRY_AFTER_S} s"
            turn.fail(Unavailable(detail, RETRY_AFTER_S))

    def _pass_on(self, name: str, caller: _Caller) -> None:
        if caller.waiting:
            # Not at once: this is the greenlet of another request.
            asyncio.get_running_loop().call_soon(caller.waiting.popleft().resolve, None)
            return
        caller.running -= 1
        if not caller.running:
            del self._callers[name]
