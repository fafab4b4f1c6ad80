"""Waiting on the event loop: synchronous code that runs there steps aside for what would block, and is resumed.

A web process takes events on its loop, each request in a greenlet (`LoopCalls.run`, called by ops/connection.py). In
threads, tasks and commands there is no such greenlet, and `aside` is a plain call.
"""

import asyncio
from collections.abc import Callable
from contextvars import Context, copy_context
from functools import partial
from typing import Any, ParamSpec, Protocol, TypeVar

from greenlet import getcurrent, greenlet

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T", covariant=True)
# Greenlets that wait for their next call; each keeps its stack.
MAX_IDLE = 128


class Awaited(Protocol[T]):
    """What a call may wait for: of a Future, this much."""

    def add_done_callback(self, callback: Callable[[Any], None], /) -> object: ...

    def result(self) -> T: ...


class _OnLoop(greenlet):  # type: ignore[misc]
    """A call that the event loop runs, and may put off."""


class LoopCalls:
    """The calls of one loop. Their greenlets are used again: to make one costs much more than to switch to one."""

    def __init__(self) -> None:
        self._idle: list[_OnLoop] = []

    def run(self, call: Callable[..., None], *args: Any) -> None:
        """Starts `call(*args)` here, on the loop's thread, in a context of its own; returns when it first waits, or
        ends. What it raises reaches whoever resumed it, so it should raise nothing.
        """
        work = self._idle.pop() if self._idle else _OnLoop(self._work)
        work.gr_context = Context()
        _await_next(work, work.switch(call, args))

    def _work(self, call: Callable[..., None], args: tuple[Any, ...]) -> None:
        work = getcurrent()
        while True:
            call(*args)
            # Nothing of it is kept alive until the next.
            del call, args
            if len(self._idle) >= MAX_IDLE:
                return
            self._idle.append(work)
            call, args = work.parent.switch(None)


def is_on_loop() -> bool:
    """True inside a call of `LoopCalls`."""
    return isinstance(getcurrent(), _OnLoop)


def wait_for(future: Awaited[R]) -> R:
    """The future's result; meanwhile the loop serves others. Only where `is_on_loop`."""
    parent = getcurrent().parent
    assert parent is not None
    found: R = parent.switch(future)
    return found


def aside(call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """`call(*args)`: on the event loop in a thread, while the loop serves other requests; elsewhere right here.

    Never while holding a lock that another request of the loop may ask for.
    """
    if not is_on_loop():
        return call(*args, **kwargs)
    work = partial(copy_context().run, call, *args, **kwargs)
    return wait_for(asyncio.get_running_loop().run_in_executor(None, work))


def _await_next(work: _OnLoop, future: Awaited[Any] | None) -> None:
    """`future`: what the call waits for; None when it has ended."""
    if future is not None:
        future.add_done_callback(partial(_resume, work))


def _resume(work: _OnLoop, future: Awaited[Any]) -> None:
    try:
        result = future.result()
    except BaseException as error:  # noqa: BLE001  # raised where the call waits
        _await_next(work, work.throw(error))
    else:
        _await_next(work, work.switch(result))
