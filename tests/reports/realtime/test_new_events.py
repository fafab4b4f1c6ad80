"""The live tail: every event once, whatever order transactions commit in and wherever a stream breaks off."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text

from analytics import clock
from analytics.reports import live, live_streams
from analytics.reports.live import Mark, mark_now, read_mark, read_page
from analytics.reports.live_streams import Asked, Tail
from analytics.sites import Site
from analytics.store.partitions import ensure
from tests.ops.test_connection import Served
from tests.reports.conftest import Store
from tests.reports.slow import BOT
from tests.reports.test_event_list import SUMMARISE

LIVE = "/api/analytics/reports/live"
WRITE = text("""
INSERT INTO events (event_id, ts, received_at, user_no, site_id, is_bot, type, user_id)
VALUES (:event_id, :at, :at, 1, :site_id, false, 'page_view', 'u');
INSERT INTO ingest_ledger (entry_id, received_at, site_id, received, stored, duplicate, dead, principal, request_id)
VALUES (:event_id, :at, :site_id, 1, 1, 0, 0, '', '')
""")


@pytest.fixture
def write(engine: Engine, site: Site) -> Callable[..., UUID]:
    """`write(connection, at)`: stores an event as a drain does, in the caller's transaction."""
    now = clock.now()
    for table in ("events", "ingest_ledger"):
        ensure(engine, table, [(now - timedelta(days=1)).date(), now.date()], now.date())

    def put(connection: Connection, at: datetime) -> UUID:
        event_id = uuid4()
        connection.execute(WRITE, {"event_id": event_id, "at": at, "site_id": site.id})
        return event_id

    return put


def look(engine: Engine, site: Site, mark: Mark) -> tuple[list[tuple[str, Mark]], Mark]:
    """(event id, mark of its block) of all that is new since the mark, by as many pages as that takes."""
    found: list[tuple[str, Mark]] = []
    more = True
    while more:
        with engine.execution_options(isolation_level="REPEATABLE READ").begin() as connection:
            page = read_page(connection, site.id, mark, mark_now(connection))
        found += [(data_of(one.block)["event_id"], read_mark(id_of(one.block))) for one in page.events]
        mark, more = page.mark, page.more
    return found, mark


def id_of(block: bytes) -> str:
    return next(line[4:] for line in block.decode().splitlines() if line.startswith("id: "))


def data_of(block: bytes) -> Any:
    return json.loads(next(line[6:] for line in block.decode().splitlines() if line.startswith("data: ")))


def start(engine: Engine) -> Mark:
    with engine.begin() as connection:
        return mark_now(connection)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.tuples(st.sampled_from("wwwcl"), st.integers(0, 3)), max_size=25),
    page=st.sampled_from([1, 2, 99]),
)
def test_whatever_order_they_commit_in_each_comes_once_and_a_resume_goes_on_behind_it(
    engine: Engine, site: Site, write: Any, monkeypatch: pytest.MonkeyPatch, steps: list[tuple[str, int]], page: int
) -> None:
    """Four transactions at a time write; w: one writes, c: it commits, l: the stream looks."""
    monkeypatch.setattr(live, "PAGE_EVENTS", page)
    mark, seen, written = start(engine), list[tuple[str, Mark]](), set[str]()
    base, running = clock.now() - timedelta(minutes=5), dict[int, Connection]()
    for n, (step, who) in enumerate([*steps, *(("c", one) for one in range(4)), ("l", 0)]):
        if step == "w":
            if who not in running:
                running[who] = engine.connect()
            # Several of one microsecond, and later ones of an earlier time.
            written.add(f"event_{write(running[who], base + timedelta(microseconds=n * 7 % 5))}")
        elif step == "c" and who in running:
            running[who].commit()
            running.pop(who).close()
        elif step == "l":
            found, mark = look(engine, site, mark)
            seen += found
    ids = [event_id for event_id, _ in seen]
    assert sorted(ids) == sorted(written)
    for place, (_, reached) in enumerate(seen):
        again, _ = look(engine, site, reached)
        assert sorted(one for one, _ in again) == sorted(ids[place + 1 :])


def test_an_event_that_waited_in_redis_is_new_when_it_is_stored(engine: Engine, site: Site, write: Any) -> None:
    mark = start(engine)
    with engine.begin() as connection:
        event_id = write(connection, clock.now() - timedelta(hours=20))
    found, _ = look(engine, site, mark)
    assert [one for one, _ in found] == [f"event_{event_id}"]


@pytest.mark.parametrize(
    "hostile",
    [
        "1",
        "1_1:1",
        "1_5:3:",
        "1_0:3:",
        "1_3:9:8,4",
        "1_3:9:9",
        "1_3:9:_4:9",
        "1_3:9:_3:9:_1_zz",
        "x" * 9000,
        "99999999999999999_1:1:",
        "1_1:1:'",
    ],
)
def test_an_id_that_never_was_one_is_refused_by_name(
    client: Any, site: Site, token: Any, auth: Any, hostile: str
) -> None:
    answer = client.get(LIVE, headers=auth(token("read")) | {"Last-Event-ID": hostile})
    assert answer.status_code == 400
    assert [one["field"] for one in answer.json["errors"]] == ["Last-Event-ID"]


MANY = text("""
INSERT INTO ingest_ledger (entry_id, received_at, site_id, received, stored, duplicate, dead, principal, request_id)
SELECT n, now() - n * interval '1 ms', :site_id, 1, 1, 0, 0, '', '' FROM generate_series(1, 30000) AS n
""")


def test_batches_are_found_by_when_they_were_stored(engine: Engine, site: Site, write: Any) -> None:
    now = clock.now()
    with engine.begin() as connection:
        connection.execute(MANY, {"site_id": site.id})
        connection.execute(SUMMARISE)
        # As autovacuum does at a moment of its own: without, the planner takes every range for a third of the rows.
        connection.execute(text("ANALYZE ingest_ledger"))
    given = {"site_id": site.id, "since": now, "received_since": now - timedelta(days=1), "top": 10, "seen": "3:9:"}
    with engine.begin() as connection:
        live.plan_by_time(connection)
        explain = text(f"EXPLAIN {live.BATCHES.text}")
        plan = "\n".join(connection.execute(explain, given | {"upto": "3:10:"}).scalars())
    assert "stored_at_idx" in plan
    assert "Seq Scan" not in plan


class Listener:
    """A client's end of a stream, over a socket."""

    def __init__(self, served: Served, header: str, query: str = "") -> None:
        self.socket = served.connect()
        head = f"GET {LIVE}?{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}\r\n"
        self.socket.sendall(head.encode())
        self._file = self.socket.makefile("rb")
        self.status = int(self._file.readline().split()[1])
        self.head = b"".join(iter(self._file.readline, b"\r\n")).decode().lower()

    def blocks(self) -> Iterator[bytes]:
        """As they come, until the server ends."""
        rest = b""
        while size := int(self._file.readline() or b"0", 16):
            rest += self._file.read(size + 2)[:-2]
            *whole, rest = rest.split(b"\n\n")
            yield from whole

    def events(self, count: int) -> list[Any]:
        found: list[Any] = []
        for block in self.blocks():
            if b"event: event" in block:
                found.append((id_of(block), data_of(block)))
            if len(found) == count:
                break
        return found

    def close(self) -> None:
        self._file.close()
        self.socket.close()


@pytest.fixture
def listen(app: Flask, site: Site, token: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Listener]]:
    """`listen("type=signup", last_event_id)`: a client of a web process with four threads, that looks often."""
    monkeypatch.setattr(live_streams, "LOOK_EVERY_S", 0.02)
    served, opened = Served(app), list[Listener]()
    header = f"Authorization: Bearer {token('read')}\r\n"

    def connect(query: str = "", last_event_id: str = "") -> Listener:
        more = f"Last-Event-ID: {last_event_id}\r\n" if last_event_id else ""
        opened.append(Listener(served, header + more, query))
        return opened[-1]

    connect.served = served  # type: ignore[attr-defined]
    yield connect
    for one in opened:
        one.close()
    served.close()
    wait_for(lambda: not app.extensions["live_tail"]._streams)
    app.extensions["append_redis"] = app.extensions["buffer_redis"]


def wait_for(is_so: Callable[[], bool]) -> None:
    """Until another thread has got there."""
    end = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < end


def sent(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"user_id": f"u{n}", "ts": datetime.now(UTC).isoformat(), **more} for n in range(count)]


def test_a_stream_tells_what_is_stored_and_resumes(listen: Any, store: Store) -> None:
    first = listen()
    assert (first.status, "content-type: text/event-stream" in first.head) == (200, True)
    store(sent(3, payload={"plan": "pro"}, path="/a"))
    events = first.events(3)
    assert [data["user_id"] for _, data in events] == ["u0", "u1", "u2"]
    assert events[0][1] | {"type": "page_view", "path": "/a", "properties": {"plan": "pro"}} == events[0][1]
    first.close()
    store(sent(2))
    resumed = listen(last_event_id=events[1][0])
    assert [data["user_id"] for _, data in resumed.events(3)] == ["u2", "u0", "u1"]


def test_only_what_was_asked_for_comes(listen: Any, store: Store) -> None:
    some, everything = listen("type=signup&type=click"), listen("include_bots=true")
    store([*sent(1), *sent(1, type="signup", user_agent=BOT), *sent(2, type="click")])
    assert [data["type"] for _, data in some.events(2)] == ["click", "click"]
    assert len(everything.events(4)) == 4


def test_streams_take_no_thread_from_requests(listen: Any, store: Store) -> None:
    """The process has four threads."""
    streams = [listen() for _ in range(20)]
    assert b"200 OK" in listen.served.say(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    store(sent(1))
    assert [len(stream.events(1)) for stream in streams] == [1] * 20


def test_a_client_that_leaves_leaves_nothing_behind(listen: Any, app: Flask) -> None:
    listener = listen()
    tail = app.extensions["live_tail"]
    wait_for(lambda: len(tail._streams) == 1)
    listener.socket.shutdown(socket.SHUT_RDWR)
    wait_for(lambda: not tail._streams and tail._thread is None)


def test_a_server_that_stops_ends_its_streams(listen: Any) -> None:
    listener = listen()

    async def stop() -> None:
        listen.served.server.stop()

    listen.served.call(stop())
    assert [block for block in listener.blocks() if b"event" in block] == []


def test_a_process_has_room_for_so_many(listen: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_streams, "MOST_STREAMS", 1)
    first, second = listen(), listen()
    assert (first.status, second.status, "retry-after: 10" in second.head) == (200, 503, True)


def test_a_stream_that_comes_back_too_late_hears_what_it_missed(engine: Engine, site: Site, token: Any) -> None:
    tail, now = Tail(engine), start(engine)
    stream = tail.join(Asked(site.id), str(now._replace(at=now.at - timedelta(minutes=61))))
    stream.close()
    assert b"event: gap" in next(stream)
    other = tail.join(Asked(site.id), str(Mark(now.at, "3:999999999:")))
    other.close()
    assert b"event: gap" in next(other)


def test_silence_is_broken_and_keeps_the_mark_young(
    engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_streams, "HEARTBEAT_S", 0)
    tail = Tail(engine)
    stream = tail.join(Asked(site.id), None)
    next(stream)
    before = stream.mark
    tail.look()
    beat = next(stream)
    stream.close()
    assert beat.startswith(b": ")
    assert read_mark(id_of(beat)).at >= before.at


def test_who_does_not_read_is_skipped_and_ends(
    engine: Engine, site: Site, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_streams, "MOST_BYTES", 10)
    tail = Tail(engine)
    stream = tail.join(Asked(site.id), None)
    mark = stream.mark
    store(sent(1))
    tail.look()
    assert (stream.is_full, stream.mark) == (True, mark)
    next(stream)
    tail.look()
    assert b"event: event" in next(stream)
    monkeypatch.setattr(live_streams, "STALLED_AFTER_S", -1)
    stream.say(b": more\n\n")
    tail.look()
    next(stream)
    with pytest.raises(StopIteration):
        next(stream)
