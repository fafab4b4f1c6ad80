"""Overlapping COPY statements: their order, errors, cancellation, and that no connection is left behind."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from redis import Redis
from sqlalchemy import Engine, text

from analytics.exports.jobs.attempt import is_backlog_empty
from analytics.exports.jobs.prefetch import CopyPrefetcher, PartRows
from analytics.store.backlog import STREAM
from analytics.store.copy.copy_stream import CopyReader

ROWS = "COPY (SELECT {n} || repeat('x', 99) FROM generate_series(1, {rows})) TO STDOUT"
RUNNING = text("""
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND state = 'active' AND query LIKE 'COPY (SELECT %'
""")
Open = Callable[..., CopyPrefetcher]


@pytest.fixture
def prefetch(engine: Engine) -> Iterator[Open]:
    """`prefetch(sql, sql)`: a prefetcher of those statements."""
    opened: list[CopyPrefetcher] = []

    def start(*statements: str) -> CopyPrefetcher:
        copies = (CopyReader(engine, [(statement, {})]) for statement in statements)
        opened.append(CopyPrefetcher(copies, lambda: True))
        return opened[-1]

    yield start
    for prefetcher in opened:
        prefetcher.close()


def rows(n: int, rows: int = 3_000) -> str:
    return ROWS.format(n=n, rows=rows)


def checked_out(engine: Engine) -> int:
    return engine.pool.checkedout()  # type: ignore[attr-defined]


def test_rows_come_in_the_order_of_the_statements(prefetch: Open, engine: Engine) -> None:
    counts = [3_000, 0, 1, 5_000, 0, 2]
    prefetcher, chunks = prefetch(*(rows(n, count) for n, count in enumerate(counts))), list[bytes]()
    parts = [PartRows(prefetcher, copies) for copies in (2, 0, 3, 1)]
    for part in parts:
        part.stream_to(chunks.append)
    assert [part.rows for part in parts] == [3_000, 0, 5_001, 2]
    expected = [f"{n}{'x' * 99}" for n, count in enumerate(counts) for _ in range(count)]
    assert b"".join(chunks).decode().splitlines() == expected
    assert checked_out(engine) == 0


def await_running(engine: Engine, count: int) -> None:
    deadline = time.monotonic() + 10
    running = 0
    while running != count:
        assert time.monotonic() < deadline, running
        with engine.connect() as connection:
            running = connection.execute(RUNNING).scalar_one()


def test_next_statement_runs_while_one_is_read(prefetch: Open, engine: Engine) -> None:
    # Each is larger than a socket buffer, so it cannot end with its first chunk.
    prefetcher, chunks = prefetch(*(rows(n, 30_000) for n in range(3))), list[bytes]()

    def write(chunk: bytes) -> None:
        if not chunks:
            await_running(engine, 2)
        chunks.append(chunk)

    assert prefetcher.stream_to(write) == 30_000
    assert [prefetcher.stream_to(lambda _chunk: None) for _ in range(2)] == [30_000, 30_000]


def test_one_statement_at_a_time_when_no_second_is_allowed(engine: Engine) -> None:
    started = list[int]()

    def copies() -> Iterator[CopyReader]:
        for n in range(3):
            started.append(n)
            yield CopyReader(engine, [(rows(n), {})])

    with closing(CopyPrefetcher(copies(), lambda: False)) as prefetcher:
        for n in range(3):
            assert prefetcher.stream_to(lambda _chunk: None) == 3_000
            assert started == list(range(n + 1))


def test_backlog_is_empty_until_an_entry_arrives(redis: Redis) -> None:
    assert is_backlog_empty(redis)
    redis.xadd(STREAM, {"body": b""})
    assert not is_backlog_empty(redis)


def test_backlog_is_not_empty_while_redis_is_unavailable(tmp_path: Path) -> None:
    assert not is_backlog_empty(Redis(unix_socket_path=str(tmp_path / "none.sock")))


def test_error_of_a_statement_is_raised_when_it_is_read(prefetch: Open, engine: Engine) -> None:
    prefetcher, chunks = prefetch(rows(1), "COPY (SELECT 1 / 0) TO STDOUT", rows(2)), list[bytes]()
    assert prefetcher.stream_to(chunks.append) == 3_000
    with pytest.raises(psycopg2.errors.DivisionByZero):
        prefetcher.stream_to(chunks.append)
    prefetcher.close()
    assert (b"".join(chunks).count(b"\n"), checked_out(engine)) == (3_000, 0)


def test_error_of_the_consumer_ends_the_stream(prefetch: Open, engine: Engine) -> None:
    def write(_chunk: bytes) -> None:
        chunks.append(1)
        raise InterruptedError

    prefetcher, chunks = prefetch(rows(1), rows(2)), list[int]()
    with pytest.raises(InterruptedError):
        prefetcher.stream_to(write)
    prefetcher.close()
    assert (chunks, checked_out(engine)) == ([1], 0)


def test_cancel_ends_both_statements(prefetch: Open, engine: Engine) -> None:
    prefetcher, began = prefetch(*["COPY (SELECT pg_sleep(60)) TO STDOUT"] * 3), time.monotonic()

    def cancel() -> None:
        await_running(engine, 2)
        prefetcher.cancel()

    other = threading.Thread(target=cancel)
    other.start()
    with pytest.raises(psycopg2.OperationalError):
        prefetcher.stream_to(lambda _chunk: None)
    other.join()
    prefetcher.close()
    assert (time.monotonic() - began < 30, checked_out(engine)) == (True, 0)
