"""A disk that is full, read-only or broken: what was accepted is sent once, and one file holds up no other."""

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fault_server import answering

PROBLEM = {"field": "type", "code": "unknown_type", "detail": "no such type"}


@pytest.fixture
def fail(monkeypatch) -> Callable[..., None]:
    """`fail("pwrite", condition)`: this call of the system fails where its arguments meet the condition."""

    def patch(name: str, condition: Callable[..., bool], number: int = errno.EIO) -> None:
        real = getattr(os, name)

        def call(*arguments: Any) -> Any:
            if condition(*arguments):
                raise OSError(number, os.strerror(number))
            return real(*arguments)

        monkeypatch.setattr(os, name, call)

    return patch


def leave(server: Any, make_client: Callable[..., Any], count: int) -> set[str]:
    """Ids of events that ended clients left, each in a file."""
    server.always = answering(503)
    ids = set()
    for _ in range(count):
        client = make_client(adopt_s=600, max_backoff_s=600)
        ids.add(client.track("order"))
        client.close(0)
        client._delivery.thread.join()
    server.always = None
    return ids


def await_stored(server: Any, count: int) -> None:
    deadline = time.monotonic() + 10
    while len(server.stored) < count and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(server.stored) >= count


def test_on_a_full_disk_no_empty_files_are_left(make_client, fail, monkeypatch, tmp_path):
    client = make_client(url="http://127.0.0.1:9")
    fail("pwrite", lambda *_: True, errno.ENOSPC)
    assert [client.track("order") for _ in range(10)] == [None] * 10
    assert not list((tmp_path / "spool").iterdir())
    monkeypatch.undo()
    assert client.track("order")


def test_a_header_that_cannot_be_written_makes_no_repeat(server, make_client, fail):
    client = make_client(flush_at=1)
    ids = [client.track("order")]
    assert client.flush(5)
    # Its header is in the first 160 bytes.
    fail("pwrite", lambda fd, data, position: position < 160)
    for _ in range(5):
        ids.append(client.track("order"))
        assert client.flush(5)
    client.track("")
    stats = client.stats()
    assert (stats.sent, stats.waiting, stats.state, set(server.stored)) == (6, 0, "sending", set(ids))
    assert max(server.arrived.values()) == 1


def test_a_file_that_cannot_be_read_holds_up_no_other(server, make_client, fail, monkeypatch, tmp_path):
    leave(server, make_client, 3)
    first = min((tmp_path / "spool").iterdir())
    fail("pread", lambda fd, size, position: is_of(fd, first) and position >= 160)
    client = make_client(adopt_s=0.05)
    client.track("order")
    await_stored(server, 3)
    assert client.flush(5)
    assert [path.name for path in (tmp_path / "spool").glob("*.spool") if is_left(client, path)] == [first.name]
    client.close(5)
    monkeypatch.undo()
    make_client()
    await_stored(server, 4)


def test_a_file_whose_header_cannot_be_read_holds_up_no_other(server, make_client, fail, tmp_path):
    leave(server, make_client, 3)
    first = min((tmp_path / "spool").iterdir())
    fail("pread", lambda fd, size, position: is_of(fd, first))
    make_client(adopt_s=0.05)
    await_stored(server, 2)


def is_of(fd: int, path: Path) -> bool:
    return path.exists() and os.path.samestat(os.fstat(fd), path.stat())


def is_left(client: Any, path: Path) -> bool:
    return (path.name, path.stat().st_size - 160, False) in client._spool.folder.list_files()


def test_a_file_that_cannot_be_removed_is_not_sent_again_and_again(server, make_client, fail, tmp_path):
    leave(server, make_client, 2)
    first = min((tmp_path / "spool").iterdir())
    fail("unlink", lambda path: path == str(first), errno.EACCES)
    client = make_client(adopt_s=0.05)
    await_stored(server, 2)
    time.sleep(0.3)
    assert (max(server.arrived.values()), client.stats().state) == (1, "sending")
    assert client.close(5)


def test_events_refused_in_a_batch_are_told_once_while_two_files_are_delivered(server, make_client):
    """Between the two requests of this process's file, one is made of an ended process's."""
    leave(server, make_client, 5)
    told: list[Any] = []

    def refuse_first(request: Any) -> None:
        errors = [
            {"index": index, **PROBLEM}
            for index, event in enumerate(request.events)
            if "bad" in event.get("payload", {})
        ]
        if errors:
            request.answer(422, {"code": "invalid", "errors": errors})

    server.always = refuse_first
    client = make_client(flush_at=2, on_reject=told.append, adopt_s=0.01)
    bad = [client.track("order", {"bad": number % 2} if number % 2 else {"n": 1}) for number in range(20)][1::2]
    assert client.flush(10)
    assert sorted(rejection.event_id for rejection in told) == sorted(bad)
    assert (client.stats().rejected, client.stats().sent) == (10, 10)
