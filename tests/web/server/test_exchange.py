"""One request of the ASGI application on a loop of the test: what it waits for, and what it closes."""

import asyncio
import gc
import threading
import weakref
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import pytest

from analytics.errors import RequestTimeout, Unavailable
from analytics.web.server import body_budget
from analytics.web.server.asgi import EXCHANGE_KEY, AsgiApp
from analytics.web.server.body_budget import BodyBudget
from analytics.web.server.connections import Connection, Connections, current_connection
from analytics.web.server.greenlets import GreenletPool, Reply, await_future
from analytics.web.server.request_body import CALLER_KEY, RequestBody

SCOPE = {
    "type": "http",
    "method": "HEAD",
    "raw_path": b"/",
    "query_string": b"",
    "http_version": "1.1",
    "scheme": "http",
    "server": ("x", 80),
    "client": ("127.0.0.1", 1),
    "headers": [],
}


class Body:
    """A body that says whether it was closed."""

    def __init__(self) -> None:
        self.is_closed = False

    def __iter__(self) -> Iterable[bytes]:
        return iter((b"piece",))

    def close(self) -> None:
        self.is_closed = True


async def receive() -> dict[str, Any]:
    await asyncio.Event().wait()
    return {}


def serve(body: Any, sent: list[dict[str, Any]], header: str = "text") -> Awaitable[None]:
    def wsgi(environ: Any, start_response: Callable[..., Any]) -> Any:
        start_response("200 OK", [("X-Header", header)])
        return body

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    return AsgiApp(wsgi)(SCOPE, receive, send)


async def wait_until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


def test_a_response_waits_until_the_client_has_taken_those_before_it() -> None:
    async def run() -> None:
        sent: list[dict[str, Any]] = []
        connection = Connection(asyncio.Protocol(), Connections(10, 5))
        current_connection.set(connection)
        connection.pause_writing()
        request = asyncio.ensure_future(serve(Body(), sent))
        await asyncio.sleep(0.05)
        assert (sent, connection.is_idle) == ([], False)
        connection.resume_writing()
        await request
        assert sent

    asyncio.run(run())


def test_a_body_is_closed_when_its_headers_cannot_be_sent() -> None:
    async def run() -> None:
        body = Body()
        with pytest.raises(UnicodeEncodeError):
            await serve(body, [], "\N{SNOWMAN}")
        await wait_until(lambda: body.is_closed)

    asyncio.run(run())


def test_a_response_that_is_made_after_its_request_was_given_up_is_closed_in_a_thread() -> None:
    threads = []

    class Noted(Body):
        def close(self) -> None:
            threads.append(threading.current_thread())

    async def run() -> None:
        resume: Reply[None] = Reply()

        def wsgi(environ: Any, start_response: Callable[..., Any]) -> Any:
            await_future(resume)
            return Noted()

        request = asyncio.ensure_future(AsgiApp(wsgi)(SCOPE, receive, receive))
        await asyncio.sleep(0.05)
        request.cancel()
        await asyncio.sleep(0.05)
        resume.resolve(None)
        await wait_until(lambda: bool(threads))

    asyncio.run(run())
    assert threads[0] is not threading.main_thread()


class Fixed(asyncio.Transport):
    """A transport of a fixed address."""

    def __init__(self, address: str) -> None:
        super().__init__({"peername": (address, 1)})
        self.is_aborted = False

    def abort(self) -> None:
        self.is_aborted = True

    def is_closing(self) -> bool:
        return self.is_aborted

    def is_reading(self) -> bool:
        return True


class Arriving:
    is_arriving, has_arrived = True, False

    def end_input(self) -> None:
        return


def test_an_unfinished_request_gives_way_when_there_are_too_many_connections() -> None:
    async def run() -> None:
        connections = Connections(4, 5)

        def connect(address: str) -> Connection:
            connection = Connection(asyncio.Protocol(), connections)
            connection.connection_made(Fixed(address))
            return connection

        mine, *others = [connect(address) for address in ("mine", "other", "other", "other")]
        for connection in (mine, *others[:2]):
            connection.begin_request(Arriving())
        others[2].get_buffer(0)[:5] = b"GET /"
        others[2].buffer_updated(5)
        connect("new").begin_request(Arriving())
        assert others[2].transport.is_aborted
        connect("new").begin_request(Arriving())
        assert [one.transport.is_aborted for one in (mine, *others[:2])] == [False, True, False]

    asyncio.run(run())


def test_a_stopping_process_drains_as_long_as_it_is_told_to() -> None:
    async def run() -> None:
        ended: list[float] = []
        patient, hasty = Connections(4, 75, drain_s=60.0), Connections(4, 75, drain_s=0.0)
        for connections in (patient, hasty):
            Connection(asyncio.Protocol(), connections).connection_made(Fixed("client"))
            connections.stop(lambda kept=connections: ended.append(kept.keep_alive_s))  # type: ignore[misc]
        await wait_until(lambda: bool(ended))
        assert ended == [0.0]

    asyncio.run(run())


def test_a_view_waits_for_no_thread_without_end() -> None:
    async def run() -> None:
        busy, caught = threading.Event(), []

        def wsgi(environ: Any, start_response: Callable[..., Any]) -> Any:
            try:
                environ[EXCHANGE_KEY].run_in_thread(lambda: None, None)
            except Unavailable as error:
                caught.append(error)
            start_response("503 Service Unavailable", [])
            return ()

        server = AsgiApp(wsgi, 1, 0, 0.05)
        server.threads.submit(busy.wait, 5)

        async def send(message: Any) -> None:
            return

        await server(SCOPE, receive, send)
        busy.set()
        assert caught[0].retry_after_s == 5

    asyncio.run(run())


def test_bytes_made_of_a_body_are_counted_and_refused_where_there_is_no_room() -> None:
    async def run() -> None:
        budget, caught = BodyBudget(100), []
        body = RequestBody(receive, budget, lambda: None)
        body.environ = {CALLER_KEY: "me"}

        def charge() -> None:
            body.charge(20)
            try:
                # A caller's share is 25, and the oldest body has 25 more.
                body.charge(31)
            except Unavailable as error:
                caught.append(error)

        GreenletPool().run(charge)
        assert budget.held == 20
        await body.fill()
        assert caught[0].retry_after_s == 5
        body.release()
        assert budget.held == 0

    asyncio.run(run())


def make_bodies(budget: BodyBudget, *callers: str) -> list[RequestBody]:
    """Bodies that have begun, in this order."""
    bodies = [RequestBody(receive, budget, lambda: None) for _ in callers]
    for body, caller in zip(bodies, callers, strict=True):
        body.environ = {CALLER_KEY: caller}
        budget.begin(body)
    return bodies


def test_the_oldest_body_of_a_caller_goes_on_where_its_share_is_used_up() -> None:
    async def run() -> None:
        budget = BodyBudget(100)
        first, second = make_bodies(budget, "me", "me")
        assert [budget.add(first, 12), budget.add(second, 13)] == [True, True]
        assert [budget.add(second, 1), budget.add(first, 25), budget.add(first, 1)] == [False, True, False]
        waiting = asyncio.ensure_future(budget.wait(second, budget.add, 1))
        await asyncio.sleep(0)
        assert not waiting.done()
        budget.release(first)
        await waiting
        assert budget.held == 14

    asyncio.run(run())


def test_the_oldest_body_of_all_goes_on_where_the_process_is_full() -> None:
    async def run() -> None:
        budget = BodyBudget(100)
        callers = make_bodies(budget, "a", "b", "c", "d")
        # 25 of 100 are left for the first.
        assert [budget.add(body, 20) for body in callers] == [True, True, True, False]
        assert [budget.add(body, 16) for body in callers] == [True, False, False, False]
        budget.release(callers[0])
        assert [budget.add(body, 16) for body in callers[1:]] == [True, True, False]

    asyncio.run(run())


def test_a_body_that_does_not_arrive_ends_with_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_budget, "BODY_WITHIN_S", 0.1)

    async def run() -> None:
        messages, caught = iter([{"type": "http.request", "body": b"123456789", "more_body": True}]), []

        async def receive_one() -> dict[str, Any]:
            return next(messages, None) or await receive()

        body = RequestBody(receive_one, BodyBudget(), lambda: None)
        body.environ = {CALLER_KEY: "me", "CONTENT_LENGTH": "10"}

        def read() -> None:
            try:
                body.read()
            except RequestTimeout as error:
                caught.append(error)

        GreenletPool().run(read)
        await body.fill()
        assert caught[0].status == 408

    asyncio.run(run())


def test_a_request_that_ends_with_an_error_leaves_nothing_to_the_collector() -> None:
    """The error's traceback holds the request, which must not hold the error."""
    kept: list[weakref.ref[RequestBody]] = []

    async def receive_part() -> dict[str, Any]:
        if not kept:
            return {"type": "http.request", "body": b"1", "more_body": True}
        return await receive()

    def wsgi(environ: Any, start_response: Callable[..., Any]) -> Any:
        body: RequestBody = environ["wsgi.input"]
        asyncio.get_running_loop().call_later(0.05, body.stop, Unavailable("too many"))
        kept.append(weakref.ref(body))
        try:
            body.read()
        except Unavailable as error:
            start_response(f"{error.status} X", [])
        environ[EXCHANGE_KEY].is_buffered = True
        return [b""]

    async def run() -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        length = (b"content-length", b"10")
        await AsgiApp(wsgi)({**SCOPE, "method": "POST", "headers": [length]}, receive_part, send)
        return sent

    gc.collect()
    gc.disable()
    try:
        [start, _] = asyncio.run(run())
        assert start["status"] == 503
        assert [reference() for reference in kept] == [None]
    finally:
        gc.enable()
