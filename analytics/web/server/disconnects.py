"""Cancels the running query when the client disconnects.

The web process makes a CancellationToken for each request that only reads, and cancels it when the connection is lost
(asgi.py); `store.reading` and `store.copy_stream` register the query with it. A request whose client has left while it
waited for a thread does not begin. Tasks and commands have no token.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

from analytics.errors import Unavailable

P = ParamSpec("P")
R = TypeVar("R")
CANCEL_RETRY_S = 0.5


class CancellationToken:
    """Cancels the work of one request, which runs in a thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._cancel: Callable[[], None] | None = None
        self._has_begun = False
        self.is_cancelled = False
        # The response is ended because the server stops, though its client is still there.
        self.has_server_stopped = False

    def run(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """`call(*args)` in this thread, with this as the current token.

        Raises Unavailable in place of the first call if the client has left before it. Later calls run all the same:
        they close what the first has opened, and their queries do not begin.
        """
        is_first, self._has_begun = not self._has_begun, True
        if is_first:
            self.raise_if_cancelled()
        reset_token = _current.set(self)
        try:
            return call(*args, **kwargs)
        finally:
            _current.reset(reset_token)

    def cancel(self) -> None:
        """Cancels the running call and returns when it has ended. Blocks its thread."""
        with self._changed:
            self.is_cancelled = True
            # A cancel between two statements has no effect, so it is repeated.
            while self._cancel is not None:
                self._cancel()
                self._changed.wait(CANCEL_RETRY_S)

    def raise_if_cancelled(self) -> None:
        """Raises Unavailable, which reaches no client, after a disconnect."""
        if self.is_cancelled:
            raise Unavailable("the client disconnected")

    @contextmanager
    def cancels_with(self, cancel: Callable[[], None]) -> Iterator[None]:
        """Within the block, `cancel` ends the work; it is never called after the block.

        Raises Unavailable in place of the block if the client has left before it.
        """
        with self._changed:
            self.raise_if_cancelled()
            previous, self._cancel = self._cancel, cancel
        try:
            yield
        finally:
            with self._changed:
                self._cancel = previous
                self._changed.notify_all()


_current: ContextVar[CancellationToken | None] = ContextVar("cancellation_token", default=None)


def current_cancellation_token() -> CancellationToken | None:
    """The token of the request that this thread works for, if any."""
    return _current.get()
