"""Calls on the event loop: greenlets that are used again keep nothing of the call before."""

import asyncio
from contextvars import ContextVar

import pytest
from greenlet import getcurrent

from analytics.aside import LoopCalls, aside, is_on_loop, wait_for

seen: ContextVar[str] = ContextVar("seen", default="nothing")


def run(calls: LoopCalls, *wanted: object) -> list[object]:
    """What each call tells, all started in one round of a loop."""
    told: list[object] = []

    async def start() -> None:
        for call in wanted:
            calls.run(call, told)  # type: ignore[arg-type]
        while len(told) < len(wanted):
            await asyncio.sleep(0.001)

    asyncio.run(start())
    return told


def test_a_greenlet_is_used_again_and_tells_the_next_call_nothing() -> None:
    def remember(told: list[object]) -> None:
        told.append((seen.get(), id(getcurrent())))
        seen.set("the call before")

    (first, where), (second, there) = run(LoopCalls(), remember, remember)
    assert (first, second, where == there) == ("nothing", "nothing", True)


def test_calls_that_wait_keep_what_they_know_while_others_run() -> None:
    def wait(told: list[object]) -> None:
        seen.set(mine := str(len(told)) + str(id(getcurrent())))
        aside(lambda: None)
        told.append(seen.get() == mine and is_on_loop())

    assert run(LoopCalls(), wait, wait, wait) == [True, True, True]


def test_what_is_waited_for_may_fail_where_it_is_waited_for() -> None:
    def fail(told: list[object]) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_exception(LookupError("nobody"))
        with pytest.raises(LookupError, match="nobody"):
            wait_for(future)
        told.append("told")

    assert run(LoopCalls(), fail, fail) == ["told", "told"]
