"""Replies of one connection to Redis, each to the call that waits for it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from redis.exceptions import ConnectionError, NoScriptError

from analytics.ops.loop_redis import Line


class Wire(asyncio.Transport):
    """Where a Line writes to; what came in is in `sent`."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""

    def write(self, data: Any) -> None:
        self.sent += bytes(data)


def talk(talking: Callable[[Line, Wire, list[Any]], None]) -> tuple[list[Any], bytes]:
    """What `talking` noted, and what it sent."""
    noted: list[Any] = []

    async def start() -> Wire:
        loop, wire = asyncio.get_running_loop(), Wire()
        loop.set_exception_handler(lambda _, context: noted.append(str(context["exception"])))
        line = Line(loop)
        line.connection_made(wire)
        talking(line, wire, noted)
        await asyncio.sleep(0)
        line.connection_lost(None)
        return wire

    return noted, asyncio.run(start()).sent


def test_replies_come_in_order_and_errors_where_they_are_waited_for() -> None:
    def talking(line: Line, wire: Wire, noted: list[Any]) -> None:
        line.call(("PING", 1)).add_done_callback(lambda reply: noted.append(reply.result()))
        refused = line.call(("EVALSHA", b"x", -2))
        refused.add_done_callback(lambda reply: noted.append("refused"))
        line.data_received(b"$1\r\n1\r\n-NOSCRIPT no such")
        line.data_received(b" script\r\n")
        with pytest.raises(NoScriptError):
            refused.result()

    noted, sent = talk(talking)
    assert noted == [b"1", "refused"]
    assert sent == b"*2\r\n$4\r\nPING\r\n$1\r\n1\r\n*3\r\n$7\r\nEVALSHA\r\n$1\r\nx\r\n$2\r\n-2\r\n"


def test_a_call_that_fails_with_its_reply_does_not_take_the_others_along() -> None:
    def talking(line: Line, wire: Wire, noted: list[Any]) -> None:
        line.call(("PING",)).add_done_callback(lambda reply: noted[5])
        line.call(("PING",)).add_done_callback(lambda reply: noted.append(reply.result()))
        line.data_received(b"+PONG\r\n+PONG\r\n")

    assert talk(talking)[0] == ["list index out of range", b"PONG"]


def test_a_lost_connection_is_told_to_all_that_wait_and_to_the_next() -> None:
    def talking(line: Line, wire: Wire, noted: list[Any]) -> None:
        replies = [line.call(("PING",)) for _ in range(2)]
        for reply in replies:
            reply.add_done_callback(lambda reply: noted.append("lost"))
        line.connection_lost(OSError("reset"))
        for reply in replies:
            with pytest.raises(ConnectionError, match="reset"):
                reply.result()
        with pytest.raises(ConnectionError):
            line.call(("PING",))

    assert talk(talking)[0] == ["lost", "lost"]
