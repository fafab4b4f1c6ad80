"""Script calls to Redis from the event loop, in groups: those of requests that arrive together travel together.

`append_redis()` returns one. A group is written at once to a connection of redis.asyncio: one system call each way, and
one fsync in Redis for all its appends. redis.asyncio's own pipelines do the same at three times the CPU
(docs/decisions/0017). A call is never repeated: when the connection is lost, all calls of the group are told so. A call
waits for its group no longer than ANSWER_WITHIN_S; one that was never sent fails with MaxConnectionsError.
"""

import asyncio
import logging
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from redis import Redis
from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import MaxConnectionsError, RedisError, ResponseError, TimeoutError

from analytics.web.server.greenlets import Reply, await_future, is_on_event_loop

# Groups on their way at the same time; the calls that come meanwhile make up the next one.
MAX_GROUPS = 2
MAX_CALLS_A_GROUP = 64
ANSWER_WITHIN_S = 5.0
builtin_timeout = asyncio.TimeoutError
log = logging.getLogger(__name__)


class Call(NamedTuple):
    arguments: tuple[Any, ...]
    reply: Reply[Any]
    # By the loop's clock.
    asked_at: float


class GroupedRedis:
    """The script commands of `redis`: on the event loop in groups over connections of its own to `url`."""

    def __init__(self, redis: Redis, url: str) -> None:
        self._redis: Any = redis
        self._pool: Any = ConnectionPool.from_url(url, retry=Retry(NoBackoff(), 0), socket_timeout=None)
        self._free: list[Any] = []
        self._waiting: list[Call] = []
        self._groups: set[asyncio.Task[None]] = set()

    def evalsha(self, *arguments: Any) -> Any:
        return self._call("EVALSHA", *arguments)

    def eval(self, *arguments: Any) -> Any:
        return self._call("EVAL", *arguments)

    def _call(self, *arguments: Any) -> Any:
        if not is_on_event_loop():
            return self._redis.execute_command(*arguments)
        reply: Reply[Any] = Reply()
        loop = asyncio.get_running_loop()
        if not self._waiting:
            # Whatever else the loop starts in this round goes out with it.
            loop.call_soon(self._start_group)
        self._waiting.append(Call(arguments, reply, loop.time()))
        return await_future(reply)

    def _start_group(self) -> None:
        self._refuse_until(asyncio.get_running_loop().time() - ANSWER_WITHIN_S)
        if self._waiting and len(self._groups) < MAX_GROUPS:
            calls, self._waiting = self._waiting[:MAX_CALLS_A_GROUP], self._waiting[MAX_CALLS_A_GROUP:]
            group = asyncio.get_running_loop().create_task(self._run(calls))
            self._groups.add(group)
            group.add_done_callback(self._finish_group)
            self._start_group()

    def _finish_group(self, group: asyncio.Task[None]) -> None:
        self._groups.discard(group)
        self._start_group()

    def _refuse_until(self, asked_at: float) -> None:
        """Fails the waiting calls of that time and before. They are in the order of time."""
        count = next((n for n, call in enumerate(self._waiting) if call.asked_at > asked_at), len(self._waiting))
        # A call that fails may make the next one.
        refused, self._waiting = self._waiting[:count], self._waiting[count:]
        for call in refused:
            _answer(call, MaxConnectionsError("Redis does not answer; the command was not sent"))

    async def _run(self, calls: list[Call]) -> None:
        results: list[Any] = []
        try:
            async with self._borrow_connection() as connection, asyncio.timeout(ANSWER_WITHIN_S):
                await self._exchange(connection, calls, results)
        except Exception as error:  # raised where the calls wait
            if not isinstance(error, (RedisError, OSError)):
                log.exception("group of redis commands failed")
            results += [_lost(error) for _ in calls[len(results) :]]
            if type(error) is builtin_timeout:
                # A Redis that has hung for so long would keep those that wait behind it for as long again.
                self._refuse_until(math.inf)
        for call, result in zip(calls, results, strict=True):
            _answer(call, result)

    @asynccontextmanager
    async def _borrow_connection(self) -> AsyncIterator[Any]:
        """A free connection or a new one. After an error it is closed: replies may be on their way to it."""
        connection = self._free.pop() if self._free else self._pool.make_connection()
        try:
            yield connection
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        self._free.append(connection)

    async def _exchange(self, connection: Any, calls: list[Call], results: list[Any]) -> None:
        """Appends the reply to each call, or its error, to `results`."""
        if connection.is_connected and await connection.can_read():
            # Redis has closed it, or it holds a reply that nobody waits for.
            await connection.disconnect(nowait=True)
        packed = connection.pack_commands(call.arguments for call in calls)
        await connection.send_packed_command(packed, check_health=False)
        for _ in calls:
            try:
                results.append(await connection.read_response(timeout=math.inf))
            except ResponseError as error:
                results.append(error)


def _answer(call: Call, result: Any) -> None:
    """Resumes the call with the result, or the error. What it raises then stops no other call."""
    try:
        if isinstance(result, RedisError):
            call.reply.fail(result)
        else:
            call.reply.resolve(result)
    except Exception:
        log.exception("call of a redis command failed")


def _lost(error: Exception) -> RedisError:
    """One for each call: raising an error changes it. Its cause tells whether there was a connection at all."""
    kind = type(error) if isinstance(error, RedisError) else TimeoutError
    lost = kind("the connection to Redis was lost")
    lost.__cause__ = error
    return lost
