"""Waiting on the event loop: synchronous code that runs there steps aside for what would block, and is resumed.

A web process takes events on its loop, each request in a greenlet (`run_on_loop`, called by ops/connection.py). In
threads, tasks and commands there is no such greenlet, and `aside` is a plain call.
"""

import asyncio
from collections.abc import Callable
from contextvars import Context, copy_context
from functools import partial
from typing import Any, ParamSpec, TypeVar

from greenlet import getcurrent, greenlet

P = ParamSpec("P")
R = TypeVar("R")


class _OnLoop(greenlet):  # type: ignore[misc]
    """A call that the event loop runs, and may put off."""


def run_on_loop(call: Callable[..., None], *args: Any) -> None:
    """Starts `call(*args)` here, on the loop's thread, in a context of its own; returns when it first waits, or ends.

    What it raises reaches whoever resumed it, so it should raise nothing.
    """
    work = _OnLoop(call)
    work.gr_context = Context()
    _await_next(work, work.switch(*args))


def is_on_loop() -> bool:
    """True inside `run_on_loop`."""
    return isinstance(getcurrent(), _OnLoop)


def wait_for(future: "asyncio.Future[R]") -> R:
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


def _await_next(work: _OnLoop, future: Any) -> None:
    if not work.dead:
        future.add_done_callback(partial(_resume, work))


def _resume(work: _OnLoop, future: "asyncio.Future[Any]") -> None:
    try:
        result = future.result()
    except BaseException as error:  # noqa: BLE001  # raised where the call waits
        _await_next(work, work.throw(error))
    else:
        _await_next(work, work.switch(result))
