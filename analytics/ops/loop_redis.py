"""Script calls to Redis from requests on the event loop: one connection, and any number of them under way on it.

Commands leave as they come and replies return in their order, so requests that arrive together share system calls here
and one fsync in Redis. A call is never repeated: when the connection is lost, all that wait on it are told so.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import hiredis
from redis import Redis
from redis.connection import SSLConnection
from redis.exceptions import (
    BusyLoadingError,
    ConnectionError,
    NoScriptError,
    OutOfMemoryError,
    RedisError,
    ResponseError,
    TimeoutError,
)

from analytics.aside import aside, is_on_loop, wait_for

ANSWER_WITHIN_S = 5.0
ERRORS: dict[str, type[RedisError]] = {
    "NOSCRIPT": NoScriptError,
    "OOM": OutOfMemoryError,
    "LOADING": BusyLoadingError,
}


class LoopRedis:
    """The script commands of `redis`; on the event loop over a pipelined connection, in threads over its pool."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._line: Line | None = None
        self._options = redis.connection_pool.connection_kwargs
        # A TLS socket cannot be shared so simply: those calls go through the pool, in a thread.
        self._encrypted = issubclass(redis.connection_pool.connection_class, SSLConnection)

    def evalsha(self, *arguments: Any) -> Any:
        return self._call("EVALSHA", *arguments)

    def eval(self, *arguments: Any) -> Any:
        return self._call("EVAL", *arguments)

    def _call(self, *arguments: Any) -> Any:
        if not is_on_loop() or self._encrypted:
            return aside(self._redis.execute_command, *arguments)
        line = self._line
        if line is None or line.lost:
            line = wait_for(asyncio.ensure_future(self._connect()))
        return wait_for(line.call(arguments))

    async def _connect(self) -> "Line":
        """A new line, logged in and on its database. Raises ConnectionError and TimeoutError of the Redis client."""
        loop, options = asyncio.get_running_loop(), self._options
        try:
            async with asyncio.timeout(options.get("socket_connect_timeout") or ANSWER_WITHIN_S):
                if path := options.get("path"):
                    _, line = await loop.create_unix_connection(lambda: Line(loop), path)
                else:
                    host, port = options.get("host", "localhost"), options.get("port", 6379)
                    _, line = await loop.create_connection(lambda: Line(loop), host, port)
        except builtin_timeout as error:
            raise TimeoutError("Redis does not take the connection") from error
        except OSError as error:
            raise ConnectionError(f"Redis is away: {error}") from error
        if password := options.get("password"):
            await line.say("AUTH", options.get("username") or "default", password)
        if database := options.get("db"):
            await line.say("SELECT", database)
        # Requests that found none at the same moment made one each; the last is kept, the others end with their call.
        self._line = line
        return line


builtin_timeout = asyncio.TimeoutError


class Reply:
    """A reply to come, for the one call that waits for it. It goes on as the reply arrives, where a Future would have
    the loop make another round."""

    __slots__ = ("_found", "_then")
    _found: Any
    _then: "Callable[[Reply], object]"

    def add_done_callback(self, callback: "Callable[[Reply], object]", /) -> None:
        self._then = callback

    def result(self) -> Any:
        if isinstance(self._found, RedisError):
            raise self._found
        return self._found

    def come(self, found: Any) -> None:
        """`found`: the reply, or the error that is raised where it is waited for."""
        self._found = found
        self._then(self)


class Line(asyncio.Protocol):
    """One connection: calls in, replies out, in order."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.lost = False
        self._loop = loop
        self._reader = hiredis.Reader(replyError=_error)
        self._outgoing: list[bytes] = []
        self._waiting: deque[tuple[float, Reply]] = deque()
        self._transport: asyncio.Transport | None = None
        self._watch: asyncio.TimerHandle | None = None

    async def say(self, *arguments: Any) -> Any:
        """The reply of a command that makes the connection."""
        reply: asyncio.Future[Reply] = self._loop.create_future()
        self.call(arguments).add_done_callback(reply.set_result)
        return (await reply).result()

    def call(self, arguments: tuple[Any, ...]) -> Reply:
        """The reply to come; an error reply and a lost connection are raised from it. Raises ConnectionError."""
        if self.lost or self._transport is None:
            raise ConnectionError("the connection to Redis was lost")
        reply = Reply()
        if not self._outgoing:
            # Whatever else the loop starts in this round goes out with it.
            self._loop.call_soon(self._flush)
        self._outgoing.append(hiredis.pack_command(arguments))
        self._waiting.append((self._loop.time(), reply))
        if self._watch is None:
            self._watch = self._loop.call_later(ANSWER_WITHIN_S, self._look)
        return reply

    def _flush(self) -> None:
        if self._transport is not None and not self.lost:
            self._transport.write(b"".join(self._outgoing))
        self._outgoing.clear()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while (found := self._reader.gets()) is not False:
            self._tell(found)

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        if self._watch is not None:
            self._watch.cancel()
        while self._waiting:
            self._tell(ConnectionError(f"the connection to Redis was lost: {error}"))

    def _tell(self, found: Any) -> None:
        """The first that waits goes on with it. Its failure is its own, and not the connection's."""
        _, reply = self._waiting.popleft()
        try:
            reply.come(found)
        except Exception as failure:  # noqa: BLE001
            self._loop.call_exception_handler({"message": "a request failed", "exception": failure})

    def _look(self) -> None:
        """Every few seconds while calls are made: a Redis that does not answer loses its connection."""
        self._watch = None
        if not self._waiting:
            return
        since = self._waiting[0][0]
        if self._loop.time() - since >= ANSWER_WITHIN_S and self._transport is not None:
            self._transport.abort()
        else:
            self._watch = self._loop.call_later(1.0, self._look)


def _error(text: str) -> RedisError:
    code = text.split(" ", 1)[0]
    return ERRORS.get(code, ResponseError)(text)
