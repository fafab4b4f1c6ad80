"""Groups of script calls to a Redis that hangs or a client that fails: every call ends, and in time."""

import asyncio
import signal
import time
from collections import Counter
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import RedisError

from analytics.errors import NOT_TAKEN, UNKNOWN
from analytics.ingest.append_failures import explain_failure
from analytics.local.processes import send_signal
from analytics.local.servers.redis import RedisServer
from analytics.web.server import grouped_redis
from analytics.web.server.greenlets import GreenletPool
from analytics.web.server.grouped_redis import GroupedRedis

ECHO = ("return ARGV[1]", 0, "x")


@pytest.fixture
def grouped(own_redis: RedisServer) -> GroupedRedis:
    return GroupedRedis(Redis.from_url(own_redis.url(0)), own_redis.url(0))


def run_calls(grouped: GroupedRedis, batches: list[list[Any]], pause_s: float = 0.0) -> list[Any]:
    """The result or error of each call; `pause_s` between the batches, whose calls are made together."""
    results: list[Any] = []

    def call(arguments: Any) -> None:
        try:
            results.append(grouped.eval(*arguments))
        except RedisError as error:
            results.append(error)

    async def main() -> None:
        pool = GreenletPool()
        for batch in batches:
            for arguments in batch:
                pool.run(call, arguments)
            await asyncio.sleep(pause_s)
        async with asyncio.timeout(10):
            while len(results) < sum(map(len, batches)):
                await asyncio.sleep(0.01)

    asyncio.run(main())
    return results


@pytest.mark.parametrize("pause_s", [0.0, 0.2], ids=["at once", "one after the other"])
def test_calls_behind_a_redis_that_hangs_fail_in_time_and_were_not_sent(
    own_redis: RedisServer, grouped: GroupedRedis, monkeypatch: pytest.MonkeyPatch, pause_s: float
) -> None:
    monkeypatch.setattr(grouped_redis, "ANSWER_WITHIN_S", 1.0)
    send_signal(own_redis.pid, signal.SIGSTOP)
    began = time.monotonic()
    try:
        errors = run_calls(grouped, [[ECHO] * 100] * 3, pause_s)
    finally:
        send_signal(own_redis.pid, signal.SIGCONT)
    assert time.monotonic() - began < 1.8
    assert Counter(explain_failure(error).code for error in errors) == {UNKNOWN: 100, NOT_TAKEN: 200}


def test_calls_behind_a_slow_redis_wait_no_longer_than_an_answer_may_take(
    grouped: GroupedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grouped_redis, "ANSWER_WITHIN_S", 1.0)
    slow = ("local n = redis.call('TIME')[1] + 0 for i = 1, 1e6 do n = n + 1 end return 'x'", 0)
    results = run_calls(grouped, [[slow] * 600])
    assert len(results) == 600
    assert NOT_TAKEN in {explain_failure(result).code for result in results if isinstance(result, RedisError)}


def test_unexpected_error_ends_every_call_of_its_group(grouped: GroupedRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouped, "_exchange", fail)
    errors = run_calls(grouped, [[ECHO] * 3])
    assert [explain_failure(error).code for error in errors] == [UNKNOWN] * 3
    monkeypatch.undo()
    assert run_calls(grouped, [[ECHO] * 3]) == [b"x"] * 3


async def fail(*_: Any) -> None:
    raise ValueError("a bug")
