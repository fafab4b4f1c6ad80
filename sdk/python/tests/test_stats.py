"""`stats()`: every event that was passed to `track` is in exactly one place."""

import os
from pathlib import Path
from typing import Any

from analytics_client import Rejection, Stats
from fault_server import answering

PROBLEM = {"field": "type", "code": "unknown_type", "detail": "no such type"}


def read_balanced(client: Any) -> Stats:
    """The stats, whose sum is right."""
    stats: Stats = client.stats()
    assert stats.tracked == stats.sent + stats.rejected + sum(stats.dropped.values()) + stats.waiting
    return stats


def test_each_event_is_in_one_place(server, make_client):
    server.faults = [lambda request: request.accept([{"index": 1, **PROBLEM}])]
    client = make_client(flush_s=60)
    for number in range(5):
        client.track("order", {"n": number})
    client.track("")
    client.track("order", {"text": "x" * 70_000})
    assert read_balanced(client).waiting == 5
    assert client.flush(5)
    stats = read_balanced(client)
    assert (stats.tracked, stats.sent, stats.rejected, stats.waiting) == (7, 4, 1, 0)
    assert stats.dropped == {"invalid": 1, "too_large": 1}
    client.close(5)
    client.track("order")
    assert (read_balanced(client).tracked, client.stats().dropped["closed"]) == (8, 1)


def test_the_sum_is_right_at_any_moment(server, make_client):
    """Also between a response that refuses a part of a batch, and the settlement of the batch."""
    server.always = lambda request: (
        request.answer(422, {"code": "invalid", "errors": [{"index": 0, **PROBLEM}]})
        if len(request.events) % 2 and len(request.events) > 1
        else None
    )
    client = make_client(flush_at=1, on_reject=lambda _: read_balanced(client))
    for _ in range(2000):
        client.track("order")
        read_balanced(client)
    assert client.flush(10)
    stats = read_balanced(client)
    assert (stats.tracked, stats.sent) == (2000, len(server.stored))
    assert stats.rejected == 2000 - len(server.stored)


def test_notices_of_drops_are_counted_apart(server, make_client):
    client = make_client(flush_s=60)
    client.track("")
    assert client.close(5)
    [notice] = server.stored.values()
    assert (notice["type"], notice["payload"], notice["src"]) == ("sdk_dropped", {"invalid": 1}, "python/0.1.0")
    stats = read_balanced(client)
    assert (stats.tracked, stats.sent, stats.notices) == (1, 0, 1)


def test_a_notice_that_waits_is_no_event_that_waits(server, make_client):
    server.always = answering(503)
    client = make_client(flush_s=60)
    client.track("")
    client.close(0)
    stats = read_balanced(client)
    assert (stats.tracked, stats.waiting, stats.notices) == (1, 0, 1)


def test_a_notice_that_a_strict_site_refuses_is_no_rejection(server, make_client):
    told: list[Rejection] = []
    server.always = lambda request: request.accept(
        [{"index": index, **PROBLEM} for index, event in enumerate(request.events) if event["type"] == "sdk_dropped"]
    )
    client = make_client(flush_s=60, on_reject=told.append)
    client.track("")
    client.track("order")
    assert client.close(5)
    stats = read_balanced(client)
    assert (stats.tracked, stats.sent, stats.rejected, stats.notices, told) == (2, 1, 0, 1, [])


def test_an_application_cannot_write_a_notice(server, make_client):
    client = make_client(flush_s=60)
    assert client.track("sdk_dropped", {"n": 1}) is None
    mimicry = client.track("order", event_id='01234567-0123-7123-8123-01234567890","type":"sdk_dropped",')
    assert client.flush(5)
    assert mimicry in server.stored
    assert (read_balanced(client).sent, client.stats().dropped) == (1, {"invalid": 1})


def test_events_that_a_full_folder_drops_balance(server, make_client):
    server.always = answering(503)
    client = make_client(max_spool_bytes=200_000, flush_at=10_000, max_backoff_s=0.01)
    kept = sum(client.track("order", {"text": "x" * 500}) is not None for _ in range(1000))
    assert (read_balanced(client).waiting, client.stats().dropped) == (kept, {"spool_full": 1000 - kept})
    server.always = None
    while not client.flush(10):
        pass
    client.close(5)
    assert read_balanced(client).sent == kept


def test_events_damaged_on_the_disk_are_counted_exactly(server, make_client, tmp_path):
    client = make_client(flush_s=60)
    for number in range(20):
        client.track("order", {"n": number})
    [path] = (tmp_path / "spool").iterdir()
    data = path.read_bytes()
    # The pieces of three events: the sixth, the seventh and the last.
    for number in (5, 6, 19):
        at = data.index(b'{"n":%d}' % number)
        write_at(path, at, b"\xff\xff")
    assert client.flush(5)
    stats = read_balanced(client)
    assert (stats.tracked, stats.sent, stats.dropped) == (20, 17, {"damaged": 3})
    assert client.close(5)
    told = [event["payload"] for event in server.stored.values() if event["type"] == "sdk_dropped"]
    assert told == [{"damaged": 3}]


def write_at(path: Path, position: int, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY)
    os.pwrite(fd, data, position)
    os.close(fd)


def test_drops_of_an_ended_process_are_not_those_of_the_next(server, make_client, tmp_path):
    server.always = answering(401)
    old = make_client()
    old.track("order")
    assert not old.flush(5)
    old.track("")
    old.close(0)
    old._delivery.thread.join()
    server.always = None
    client = make_client()
    while client.has_left():
        client.flush(0.1)
    assert client.close(5)
    stats = read_balanced(client)
    assert (stats.tracked, stats.dropped, stats.adopted_sent, stats.adopted_dropped) == (0, {}, 1, {"invalid": 1})


def test_an_event_that_a_signal_broke_off_is_not_counted(server, make_client, monkeypatch):
    client = make_client(flush_s=60)
    client.track("order")
    real = os.pwrite

    def interrupt(*arguments: Any) -> int:
        monkeypatch.setattr(os, "pwrite", real)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "pwrite", interrupt)
    try:
        client.track("order")
    except KeyboardInterrupt:
        client.track("order")
    assert client.flush(5)
    assert client.flush(5)
    assert (read_balanced(client).tracked, client.stats().sent) == (2, 2)
