"""Blocking calls of synchronous code on the event loop: its greenlet is suspended, and resumed with the result.

A web process starts each request in a greenlet of its loop (`GreenletPool.run`, called by asgi.py).
In threads, tasks and commands there is no such greenlet, and `offload` is a plain call.
"""

import asyncio
import time
from collections.abc import Callable
from contextvars import Context, copy_context
from functools import partial
from typing import Any, Generic, ParamSpec, Protocol, TypeVar

from greenlet import getcurrent, greenlet

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T", covariant=True)
# Each idle greenlet keeps its stack.
MAX_IDLE_GREENLETS = 128


class FutureLike(Protocol[T]):
    """The part of a Future that `await_future` needs."""

    def add_done_callback(self, callback: Callable[[Any], None], /) -> object: ...

    def result(self) -> T: ...


class Reply(Generic[R]):
    """A result for the one call that waits for it. The call goes on at once, where a Future would have the loop make
    another round."""

    __slots__ = ("_error", "_result", "_resume")
    _result: R
    _resume: Callable[[Any], object]

    def __init__(self) -> None:
        self._error: BaseException | None = None

    def add_done_callback(self, callback: Callable[[Any], object], /) -> None:
        self._resume = callback

    def result(self) -> R:
        """Raises the error once, and forgets it: its traceback holds whoever waits."""
        if self._error is not None:
            error, self._error = self._error, None
            try:
                raise error
            finally:
                del error
        return self._result

    def resolve(self, result: R) -> None:
        self._result = result
        self._resume(self)

    def fail(self, error: BaseException) -> None:
        """`error` is raised where the call waits."""
        self._error = error
        self._resume(self)


class _OnLoop(greenlet):  # type: ignore[misc]
    """A call that runs on the event loop and can be suspended."""


class GreenletPool:
    """Runs the calls of one loop. Greenlets are reused: creating one costs much more than switching to one."""

    def __init__(self) -> None:
        self._idle: list[_OnLoop] = []

    def run(self, call: Callable[..., None], *args: Any) -> None:
        """Starts `call(*args)` on the loop's thread, in its own context; returns when it first waits, or ends. It must
        not raise: an exception reaches the code that resumed it.
        """
        work = self._idle.pop() if self._idle else self._start()
        work.gr_context = Context()
        _await_next(work, work.switch(call, args))

    def _start(self) -> _OnLoop:
        work = _OnLoop(self._work)
        # A greenlet holds what it is started with as long as it lives, so it is started without a call.
        work.switch()
        return work

    def _work(self) -> None:
        work = getcurrent()
        is_kept = True
        while is_kept:
            call, args = work.parent.switch(None)
            call(*args)
            # Keep no reference to the finished call.
            del call, args
            is_kept = len(self._idle) < MAX_IDLE_GREENLETS
            if is_kept:
                self._idle.append(work)


def is_on_event_loop() -> bool:
    """True inside a call of `GreenletPool`."""
    return isinstance(getcurrent(), _OnLoop)


def await_future(future: FutureLike[R]) -> R:
    """The future's result; the loop serves other requests until then. Only when `is_on_event_loop`."""
    parent = getcurrent().parent
    assert parent is not None
    try:
        result: R = parent.switch(future)
    finally:
        # The future holds its error, whose traceback holds this frame: such a circle holds the whole request.
        del future
    return result


def offload(call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """`call(*args)`: on the event loop in a thread, while the loop serves other requests; elsewhere a plain call.

    Never call it while holding a lock that another request of the loop may acquire.
    """
    if not is_on_event_loop():
        return call(*args, **kwargs)
    work = partial(copy_context().run, call, *args, **kwargs)
    return await_future(asyncio.get_running_loop().run_in_executor(None, work))


def pause(seconds: float) -> None:
    """Waits; on the event loop others are served meanwhile, and no thread is needed."""
    if not is_on_event_loop():
        time.sleep(seconds)
        return
    reply: Reply[None] = Reply()
    asyncio.get_running_loop().call_later(seconds, reply.resolve, None)
    await_future(reply)


def _await_next(work: _OnLoop, future: FutureLike[Any] | None) -> None:
    """Resumes the call when the future is done. None: the call has ended."""
    if future is not None:
        future.add_done_callback(partial(_resume, work))


def _resume(work: _OnLoop, future: FutureLike[Any]) -> None:
    try:
        result = future.result()
    except BaseException as error:  # noqa: BLE001  # raised where the call waits
        # As in await_future.
        del future
        _await_next(work, work.throw(error))
    else:
        _await_next(work, work.switch(result))
