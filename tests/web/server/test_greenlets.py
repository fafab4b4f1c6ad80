"""Calls on the event loop: suspension, errors, and reuse of greenlets without leftover state."""

import asyncio
import gc
import weakref
from collections.abc import Callable, Iterator
from contextvars import ContextVar

import pytest
from greenlet import getcurrent

from analytics.web.server.greenlets import GreenletPool, Reply, await_future, is_on_event_loop, offload

seen: ContextVar[str] = ContextVar("seen", default="nothing")


def run(calls: GreenletPool, *wanted: object) -> list[object]:
    """The result of each call, all started in one iteration of the loop."""
    told: list[object] = []

    async def start() -> None:
        for call in wanted:
            calls.run(call, told)  # type: ignore[arg-type]
        while len(told) < len(wanted):
            await asyncio.sleep(0.001)

    asyncio.run(start())
    return told


def test_greenlet_is_reused_without_the_context_of_the_last_call() -> None:
    def remember(told: list[object]) -> None:
        told.append((seen.get(), id(getcurrent())))
        seen.set("the call before")

    (first, where), (second, there) = run(GreenletPool(), remember, remember)
    assert (first, second, where == there) == ("nothing", "nothing", True)


def test_suspended_calls_keep_their_context() -> None:
    def wait(told: list[object]) -> None:
        seen.set(mine := str(len(told)) + str(id(getcurrent())))
        offload(lambda: None)
        told.append(seen.get() == mine and is_on_event_loop())

    assert run(GreenletPool(), wait, wait, wait) == [True, True, True]


def test_exception_of_a_future_is_raised_at_the_wait() -> None:
    def fail(told: list[object]) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_exception(LookupError("nobody"))
        with pytest.raises(LookupError, match="nobody"):
            await_future(future)
        told.append("told")

    assert run(GreenletPool(), fail, fail) == ["told", "told"]


class Large:
    """What a frame holds."""


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def fail() -> None:
    raise LookupError("nobody")


def fail_in_thread() -> None:
    offload(fail)


def fail_by_reply() -> None:
    reply: Reply[None] = Reply()
    asyncio.get_running_loop().call_soon(reply.fail, LookupError("nobody"))
    await_future(reply)


@pytest.mark.parametrize("wait", [fail_in_thread, fail_by_reply])
@pytest.mark.usefixtures("without_collector")
def test_a_handled_error_leaves_nothing_to_the_collector(wait: Callable[[], None]) -> None:
    """Its traceback holds all frames of the call, and the body of a request with them."""
    held: list[weakref.ref[Large]] = []

    def hold(large: Large) -> None:
        held.append(weakref.ref(large))
        wait()

    def handle(told: list[object]) -> None:
        # Not pytest.raises, which clears the frames.
        try:
            hold(Large())
        except LookupError:
            told.append("told")

    assert run(GreenletPool(), handle) == ["told"]
    assert [reference() for reference in held] == [None]
