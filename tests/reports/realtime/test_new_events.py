"""The live tail: every event once, in any order of commits and wherever a stream ends and resumes."""

import json
import signal
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from msgspec import Raw
from redis import Redis
from sqlalchemy import Connection, Engine, text

from analytics import clock
from analytics.auth.tokens import tokens
from analytics.reports.realtime import live_tail, new_events
from analytics.reports.realtime.live_tail import LiveStream, LiveTail, Subscription
from analytics.reports.realtime.new_events import read_page
from analytics.reports.realtime.position import StreamPosition, decode_position, read_current_position
from analytics.sites.sites import Site
from analytics.store.partitions import ensure
from config import Settings
from tests.examples import examples
from tests.reports.brute_force import BOT
from tests.reports.conftest import Store
from tests.reports.events.test_event_list import SUMMARISE
from tests.web.web_server import WebServer, environment, until

LIVE = "/api/analytics/reports/live"
WRITE = text("""
INSERT INTO events (event_id, ts, received_at, position, user_no, site_id, is_bot, type, user_id)
VALUES (:event_id, :at, :at, :position, 1, :site_id, false, 'page_view', 'u');
INSERT INTO ingest_ledger (entry_id, received_at, site_id, received, stored, duplicate, dead_lettered, principal, request_id)
VALUES (:event_id, :at, :site_id, 1, 1, 0, 0, '', '')
""")


@pytest.fixture
def write(engine: Engine, site: Site) -> Callable[..., UUID]:
    """`write(connection, at, position)`: stores an event as a drain does, in the caller's transaction. Without a
    position, as a release before 0021."""
    now = clock.now()
    for table in ("events", "ingest_ledger"):
        ensure(engine, table, [(now - timedelta(days=1)).date(), now.date()], now.date())

    def put(connection: Connection, at: datetime, position: int = -1) -> UUID:
        event_id = uuid4()
        connection.execute(WRITE, {"event_id": event_id, "at": at, "position": position, "site_id": site.id})
        return event_id

    return put


def read_all(
    engine: Engine, site: Site, position: StreamPosition
) -> tuple[list[tuple[str, StreamPosition]], StreamPosition]:
    """(event id, its position) of all new events since the position, on as many pages as needed."""
    events: list[tuple[str, StreamPosition]] = []
    has_more = True
    while has_more:
        with engine.execution_options(isolation_level="REPEATABLE READ").begin() as connection:
            page = read_page(connection, site.id, position, read_current_position(connection))
            events += [(event.data["event_id"], decode_position(str(event.position))) for event in page.events]
        position, has_more = page.position, page.has_more
    return events, position


def id_of(block: bytes) -> str:
    return next(line[4:] for line in block.decode().splitlines() if line.startswith("id: "))


def data_of(block: bytes) -> Any:
    return json.loads(next(line[6:] for line in block.decode().splitlines() if line.startswith("data: ")))


def start(engine: Engine) -> StreamPosition:
    with engine.begin() as connection:
        return read_current_position(connection)


@hypothesis_settings(
    max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    steps=st.lists(st.tuples(st.sampled_from("wwwcl"), st.integers(0, 3)), max_size=25),
    page=st.sampled_from([1, 2, 99]),
)
def test_in_any_order_of_commits_each_event_comes_once_and_a_resume_continues_after_it(
    engine: Engine, site: Site, write: Any, monkeypatch: pytest.MonkeyPatch, steps: list[tuple[str, int]], page: int
) -> None:
    """Four transactions at a time; w: one writes, c: it commits, l: the stream reads."""
    monkeypatch.setattr(new_events, "MAX_PAGE_EVENTS", page)
    position, sent, written = start(engine), list[tuple[str, StreamPosition]](), set[str]()
    base, running = clock.now() - timedelta(minutes=5), dict[int, Connection]()
    for n, (step, who) in enumerate([*steps, *(("c", number) for number in range(4)), ("l", 0)]):
        if step == "w":
            if who not in running:
                running[who] = engine.connect()
            # Several have the same microsecond, and later ones an earlier time.
            at, position_in_batch = base + timedelta(microseconds=n * 7 % 5), n % 3 - 1
            written.add(f"event_{write(running[who], at, position_in_batch)}")
        elif step == "c" and who in running:
            running[who].commit()
            running.pop(who).close()
        elif step == "l":
            events, position = read_all(engine, site, position)
            sent += events
    ids = [event_id for event_id, _ in sent]
    assert sorted(ids) == sorted(written)
    for number, (_, resume_position) in enumerate(sent):
        resumed, _ = read_all(engine, site, resume_position)
        assert sorted(event_id for event_id, _ in resumed) == sorted(ids[number + 1 :])


def test_events_of_one_batch_come_in_the_order_sent_and_resume_there(engine: Engine, site: Site, write: Any) -> None:
    position, at = start(engine), clock.now() - timedelta(minutes=5)
    with engine.begin() as connection:
        ids = {n: f"event_{write(connection, at, n)}" for n in (3, 0, 2, 1)}
    events, _ = read_all(engine, site, position)
    assert [event_id for event_id, _ in events] == [ids[n] for n in range(4)]
    resumed, _ = read_all(engine, site, events[1][1])
    assert [event_id for event_id, _ in resumed] == [ids[2], ids[3]]
    # The id of a release that knew no positions: the batch is sent again from its beginning rather than left out.
    parts = str(events[1][1]).split("_")
    old, _ = read_all(engine, site, decode_position("_".join([*parts[:-2], parts[-1]])))
    assert [event_id for event_id, _ in old] == [ids[n] for n in range(4)]


def test_an_event_that_waited_in_redis_is_new_when_it_is_stored(engine: Engine, site: Site, write: Any) -> None:
    position = start(engine)
    with engine.begin() as connection:
        event_id = write(connection, clock.now() - timedelta(hours=20))
    events, _ = read_all(engine, site, position)
    assert [new_id for new_id, _ in events] == [f"event_{event_id}"]


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
def test_an_invalid_last_event_id_is_refused_by_name(
    client: Any, site: Site, token: Any, auth: Any, hostile: str
) -> None:
    response = client.get(LIVE, headers=auth(token("read")) | {"Last-Event-ID": hostile})
    assert response.status_code == 400
    assert [error["field"] for error in response.json["errors"]] == ["Last-Event-ID"]


MANY = text("""
INSERT INTO ingest_ledger (entry_id, received_at, site_id, received, stored, duplicate, dead_lettered, principal, request_id)
SELECT n, now() - n * interval '1 ms', :site_id, 1, 1, 0, 0, '', '' FROM generate_series(1, 30000) AS n
""")


def test_batches_are_found_by_when_they_were_stored(engine: Engine, site: Site, write: Any) -> None:
    now = clock.now()
    with engine.begin() as connection:
        connection.execute(MANY, {"site_id": site.id})
        connection.execute(SUMMARISE)
        # Autovacuum does this sooner or later; without it, the planner expects a third of the rows in every range.
        connection.execute(text("ANALYZE ingest_ledger"))
    parameters = {
        "site_id": site.id,
        "since": now,
        "received_since": now - timedelta(days=1),
        "top": 10,
        "seen": "3:9:",
    }
    with engine.begin() as connection:
        new_events.force_time_scan(connection)
        explain = text(f"EXPLAIN {new_events.NEW_BATCHES.text}")
        plan = "\n".join(connection.execute(explain, parameters | {"upto": "3:10:"}).scalars())
    assert "stored_at_idx" in plan
    assert "Seq Scan" not in plan


class Listener:
    """The client of a stream over a socket."""

    def __init__(self, server: WebServer, header: str, query: str = "") -> None:
        self.socket = server.connect()
        head = f"GET {LIVE}?{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}\r\n"
        self.socket.sendall(head.encode())
        self._file = self.socket.makefile("rb")
        self.status = int(self._file.readline().split()[1])
        self.head = b"".join(iter(self._file.readline, b"\r\n")).decode().lower()

    def blocks(self) -> Iterator[bytes]:
        """The blocks as they arrive, until the server closes."""
        rest = b""
        while size := int(self._file.readline() or b"0", 16):
            rest += self._file.read(size + 2)[:-2]
            *whole, rest = rest.split(b"\n\n")
            yield from whole

    def events(self, count: int) -> list[Any]:
        events: list[Any] = []
        for block in self.blocks():
            if b"event: event" in block:
                events.append((id_of(block), data_of(block)))
            if len(events) == count:
                break
        return events

    def close(self) -> None:
        self._file.close()
        self.socket.close()


@pytest.fixture(scope="module")
def server(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    with WebServer(tmp_path_factory.mktemp("web"), "wsgi:asgi", environment(settings, WEB_THREADS="4")) as server:
        yield server


@pytest.fixture
def listen(server: WebServer, site: Site, token: Any) -> Iterator[Callable[..., Listener]]:
    """`listen("type=signup", last_event_id)`: a client of a web process with four threads."""
    opened = list[Listener]()

    def connect(
        query: str = "", last_event_id: str = "", server: WebServer = server, sub: str = "listener"
    ) -> Listener:
        header = f"Authorization: Bearer {token('read', sub=sub)}\r\n"
        more = f"Last-Event-ID: {last_event_id}\r\n" if last_event_id else ""
        opened.append(Listener(server, header + more, query))
        return opened[-1]

    yield connect
    for listener in opened:
        listener.close()


def sent(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"user_id": f"u{n}", "ts": datetime.now(UTC).isoformat(), **more} for n in range(count)]


def test_a_stream_sends_stored_events_and_resumes(listen: Any, store: Store) -> None:
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


def test_only_subscribed_events_are_sent(listen: Any, store: Store) -> None:
    some, everything = listen("type=signup&type=click"), listen("include_bots=true")
    store([*sent(1), *sent(1, type="signup", user_agent=BOT), *sent(2, type="click")])
    assert [data["type"] for _, data in some.events(2)] == ["click", "click"]
    assert len(everything.events(4)) == 4


def test_streams_occupy_no_request_thread(listen: Any, server: WebServer, store: Store) -> None:
    """The process has four threads."""
    streams = [listen() for _ in range(20)]
    assert b"200 OK" in server.say(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    store(sent(1))
    assert [len(stream.events(1)) for stream in streams] == [1] * 20


def test_a_process_serves_a_limited_number_of_streams_and_forgets_those_that_left(listen: Any) -> None:
    # One caller may have 20 (LIVE_STREAMS_A_CALLER).
    streams = [listen(sub=f"listener-{n // 20}") for n in range(live_tail.MAX_STREAMS)]
    refused = listen(sub="late")
    assert (refused.status, "retry-after: 10" in refused.head) == (503, True)
    streams[0].socket.shutdown(socket.SHUT_RDWR)
    until(lambda: listen(sub="late").status == 200)


def test_a_stopping_server_closes_its_streams(listen: Any, settings: Settings, tmp_path: Path) -> None:
    with WebServer(tmp_path, "wsgi:asgi", environment(settings)) as stopping:
        listener = listen(server=stopping)
        began = time.monotonic()
        stopping.signal(signal.SIGTERM)
        assert [block for block in listener.blocks() if b"event" in block] == []
        assert time.monotonic() - began < 5


def test_a_late_resume_gets_a_gap(engine: Engine, site: Site, token: Any) -> None:
    tail, now = LiveTail(engine), start(engine)
    stream = tail.open_stream(Subscription(site.id), str(now._replace(at=now.at - timedelta(minutes=61))))
    stream.close()
    assert b"event: gap" in next(stream)
    other = tail.open_stream(Subscription(site.id), str(StreamPosition(now.at, "3:999999999:")))
    other.close()
    assert b"event: gap" in next(other)


def test_a_heartbeat_is_sent_with_a_fresh_position(engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_tail, "HEARTBEAT_INTERVAL_S", 0)
    tail = LiveTail(engine)
    stream = tail.open_stream(Subscription(site.id), None)
    next(stream)
    before = stream.position
    tail.poll()
    heartbeat = next(stream)
    stream.close()
    assert heartbeat.startswith(b": ")
    assert decode_position(id_of(heartbeat)).at >= before.at


def test_the_stream_of_a_revoked_or_expired_credential_ends(engine: Engine, site: Site, monkeypatch: Any) -> None:
    revoked, now = set[str](), clock.now()
    tail = LiveTail(engine, lambda: revoked)
    until_then = (now + timedelta(minutes=5)).timestamp()
    streams = [tail.open_stream(Subscription(site.id, None, False, *ends), None)
               for ends in (("one", until_then), ("two",), ("", until_then), ())]  # fmt: skip
    tail.poll()
    assert [stream.is_closed for stream in streams] == [False, False, False, False]
    revoked.add("two")
    tail.poll()
    assert [stream.is_closed for stream in streams] == [False, True, False, False]
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(minutes=5))
    tail.poll()
    assert [stream.is_closed for stream in streams] == [True, True, True, False]
    streams[3].close()


def test_a_revocation_ends_the_served_stream_of_a_token(
    engine: Engine, redis: Redis, site: Site, server: WebServer, token: Any
) -> None:
    listener = Listener(server, f"Authorization: Bearer {token('read', jti='to-revoke')}\r\n")
    assert listener.status == 200
    tokens.revoke(engine, redis, "to-revoke", None, "", "me")
    # The server closes the stream, which would go on for an hour.
    assert [block for block in listener.blocks() if b"event: event" in block] == []
    listener.close()


def test_a_client_that_does_not_read_is_skipped_and_closed(
    engine: Engine, site: Site, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_tail, "MAX_BUFFERED_BYTES", 10)
    tail = LiveTail(engine)
    stream = tail.open_stream(Subscription(site.id), None)
    position = stream.position
    store(sent(1))
    tail.poll()
    assert (stream.is_full, stream.position) == (True, position)
    next(stream)
    tail.poll()
    assert b"event: event" in next(stream)
    monkeypatch.setattr(live_tail, "STALL_TIMEOUT_S", -1)
    stream.send(b": more\n\n")
    tail.poll()
    next(stream)
    with pytest.raises(StopIteration):
        next(stream)


def take(stream: LiveStream) -> bytes:
    """All that the stream holds."""
    taken = b""
    while stream.buffered_bytes:
        taken += next(stream)
    return taken


def events_in(blocks: bytes) -> list[str]:
    return [data_of(block)["path"] for block in blocks.split(b"\n\n") if b"event: event" in block]


def test_slow_clients_get_each_event_once_and_little_is_held_for_them(
    engine: Engine, site: Site, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One reads three times as often as the other: both are full in the middle of pages, at other events."""
    monkeypatch.setattr(live_tail, "MAX_BUFFERED_BYTES", 5000)
    monkeypatch.setattr(live_tail, "POLL_INTERVAL_S", 0.01)
    monkeypatch.setattr(new_events, "MAX_PAGE_EVENTS", 60)
    tail = LiveTail(engine)
    streams, texts, held = [tail.open_stream(Subscription(site.id), None) for _ in range(2)], [b"", b""], set[int]()
    for n in range(4):
        store({"path": f"/{n}/{user}"} for user in range(50))
    steps = count()

    def read_some() -> bool:
        held.update(stream.buffered_bytes for stream in streams)
        for number in (0, 1) if next(steps) % 3 == 0 else (0,):
            texts[number] += take(streams[number])
        return min(map(len, map(events_in, texts))) >= 200

    until(read_some)
    for text_sent in texts:
        assert sorted(events_in(text_sent)) == sorted(f"/{n}/{user}" for n in range(4) for user in range(50))
    # An event has about 300 bytes.
    assert 5000 <= max(held) < 5500
    for stream in streams:
        stream.close()


def test_numbers_of_a_payload_are_sent_as_they_were_stored(engine: Engine, site: Site, store: Store) -> None:
    tail = LiveTail(engine)
    stream = tail.open_stream(Subscription(site.id), None)
    store(sent(1, payload={"price": Raw(b"1.10"), "text": "é\n"}))
    tail.poll()
    block = take(stream)
    assert b'"price": 1.10' in block
    assert data_of(block)["properties"] == {"price": 1.1, "text": "é\n"}
    stream.close()


def test_streams_that_nobody_reads_take_little_memory(listen: Any, server: WebServer, store: Store) -> None:
    """Seven megabytes of events for each of twenty streams."""
    before = server.memory_mb()
    streams = [listen() for _ in range(20)]
    for _ in range(3):
        store(sent(1000, payload={"text": "a" * 2400}))
    assert len(streams[0].events(3000)) == 3000
    assert server.memory_mb() - before < 30
