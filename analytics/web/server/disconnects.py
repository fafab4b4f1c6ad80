"""Whoever waits for an answer may leave; the query that runs for it then ends.

The web process makes a Waiting for each request that only reads, and says when its connection is lost
(ops/connection.py); `store.reading` listens. In tasks and commands nobody waits, and nothing is different.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
AGAIN_S = 0.5


class Waiting:
    """One who waits for what a thread does."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._cancel: Callable[[], None] | None = None
        self.has_left = False

    def run(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """`call(*args)` in this thread, for the one who waits."""
        token = _waiting.set(self)
        try:
            return call(*args, **kwargs)
        finally:
            _waiting.reset(token)

    def leave(self) -> None:
        """Cancels what runs just now, and returns when that has ended. From a thread that may be kept."""
        with self._changed:
            self.has_left = True
            # A cancel that comes between two statements ends none, so it is sent again.
            while self._cancel is not None:
                self._cancel()
                self._changed.wait(AGAIN_S)

    @contextmanager
    def cancelling(self, cancel: Callable[[], None]) -> Iterator[None]:
        """What runs in the block ends by `cancel`, which is not called any more once the block is left."""
        with self._changed:
            before, self._cancel = self._cancel, cancel
        try:
            yield
        finally:
            with self._changed:
                self._cancel = before
                self._changed.notify_all()


_waiting: ContextVar[Waiting | None] = ContextVar("waiting", default=None)


def who_waits() -> Waiting | None:
    """The one whom this thread works for."""
    return _waiting.get()
