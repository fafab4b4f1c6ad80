"""`flush`, `close` and `track` of several threads: one of them delivers at a time, and each gets a true answer."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fault_server import Request, answering


class Gate:
    """Requests wait until it is opened."""

    def __init__(self) -> None:
        self.entered, self.opened = threading.Semaphore(0), threading.Event()

    def __call__(self, request: Request) -> None:
        self.entered.release()
        self.opened.wait(20)


class Call(threading.Thread):
    """A call in a thread of its own."""

    def __init__(self, function: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._function, self._result = function, None
        self.start()

    def run(self) -> None:
        self._result = self._function()

    def get(self) -> Any:
        self.join(10)
        assert not self.is_alive(), "it hangs"
        return self._result


@pytest.fixture
def gate(server) -> Iterator[Gate]:
    server.always = Gate()
    yield server.always
    server.always.opened.set()


@pytest.fixture
def no_thread(monkeypatch) -> None:
    """The client can start no thread, as at the end of the interpreter."""
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "analytics-client":
            raise RuntimeError("can't create new thread at interpreter shutdown")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)


def elapsed(begin: float) -> float:
    return time.monotonic() - begin


def test_callers_that_deliver_themselves_do_so_one_after_the_other(server, gate, no_thread, make_client):
    client = make_client(flush_s=60)
    ids = {client.track("order") for _ in range(3)}
    calls = [Call(lambda: client.flush(10)) for _ in range(3)]
    assert gate.entered.acquire(timeout=5)
    assert not gate.entered.acquire(timeout=0.3), "two threads are in the sender"
    gate.opened.set()
    assert [call.get() for call in calls] == [True] * 3
    assert (set(server.stored), max(server.arrived.values()), client.stats().sent) == (ids, 1, 3)


def test_a_close_beside_a_caller_that_delivers_keeps_its_timeout(server, gate, no_thread, make_client, tmp_path):
    client = make_client(flush_s=60)
    client.track("order")
    flush = Call(lambda: client.flush(10))
    assert gate.entered.acquire(timeout=5)
    begin = time.monotonic()
    assert not client.close(0.2)
    assert elapsed(begin) < 2
    assert len(list((tmp_path / "spool").iterdir())) == 1, "the files were taken from the thread that sends them"
    gate.opened.set()
    assert flush.get() is True
    assert not list((tmp_path / "spool").iterdir()), "nobody gave the files up"


def test_a_flush_beside_a_close_does_not_deliver_beside_the_thread(server, gate, make_client):
    client = make_client(flush_s=60)
    event_id = client.track("order")
    flushes = [Call(lambda: client.flush(10))]
    assert gate.entered.acquire(timeout=5)
    begin = time.monotonic()
    assert not client.close(0.1)
    flushes += [Call(lambda: client.flush(10)), Call(lambda: client.close(10))]
    assert not client.flush(0.1)
    assert client.track("order") is None, "after close"
    assert elapsed(begin) < 2
    assert not gate.entered.acquire(timeout=0.2), "two threads are in the sender"
    gate.opened.set()
    assert [flush.get() for flush in flushes] == [True] * 3
    assert server.arrived == {event_id: 1}


def test_a_flush_ends_when_nobody_delivers_any_more(server, make_client):
    server.always = answering(503, Retry_After="0")
    client = make_client(flush_s=60)
    client.track("order")
    flush = Call(lambda: client.flush(60))
    while not server.requests:
        time.sleep(0.005)
    client.close(0)
    assert flush.get() is False
    assert (client.flush(60), client.close(60), client.stats().waiting) == (False, False, 1)


def test_flush_and_close_in_on_reject_do_not_wait_for_themselves(server, make_client, tmp_path):
    answers: list[bool] = []
    server.faults = [lambda request: request.accept([{"index": 0, "field": "", "code": "x", "detail": ""}])]
    client = make_client(flush_s=60, on_reject=lambda _: answers.extend((client.flush(60), client.close(60))))
    client.track("order")
    begin = time.monotonic()
    assert client.flush(10)
    client._delivery.thread.join(10)
    assert (answers, elapsed(begin) < 5) == ([False, False], True)
    assert not list((tmp_path / "spool").iterdir())


def test_every_event_tracked_beside_a_close_is_sent_or_left_for_the_next(server, make_client, tmp_path):
    for _ in range(20):
        client, ids, stop = make_client(flush_at=1), [], threading.Event()

        def track(client: Any = client, ids: list = ids, stop: threading.Event = stop) -> int:
            while not stop.is_set():
                ids.append(client.track("order"))
            return 0

        tracking = [Call(track) for _ in range(2)]
        while len(ids) < 50:
            time.sleep(0.001)
        client.close(10)
        stop.set()
        assert [call.get() for call in tracking] == [0, 0]
        stats = client.stats()
        assert stats.tracked == len(ids) == stats.sent + sum(stats.dropped.values()) + stats.waiting
        assert stats.dropped.get("closed", 0) == ids.count(None)
        successor = make_client()
        deadline = time.monotonic() + 10
        while successor.has_left() and time.monotonic() < deadline:
            time.sleep(0.01)
        successor.close(10)
        assert {event_id for event_id in ids if event_id} <= set(server.stored)
        assert not list((tmp_path / "spool").iterdir()), "a file is locked that nobody delivers"


def test_a_wait_of_a_million_years_does_not_end_the_thread(server, make_client):
    client = make_client(adopt_s=1e14, flush_s=1e14)
    client.track("order")
    time.sleep(0.1)
    assert client._delivery.thread.is_alive()
    assert client.flush(5)
