"""Statements of an export that overlap: in their order all the same, and none is left behind."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from redis import Redis
from sqlalchemy import Engine, text

from analytics.exports.ahead import Ahead, PartRows
from analytics.exports.run import has_room
from analytics.store.backlog import STREAM
from analytics.store.reading import CopyRows

ROWS = "COPY (SELECT {n} || repeat('x', 99) FROM generate_series(1, {rows})) TO STDOUT"
RUNNING = text("""
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND state = 'active' AND query LIKE 'COPY (SELECT %'
""")
Open = Callable[..., Ahead]


@pytest.fixture
def of(engine: Engine) -> Iterator[Open]:
    """`of(sql, sql)`: those statements."""
    opened: list[Ahead] = []

    def start(*statements: str, has_room: bool = True) -> Ahead:
        copies = (CopyRows(engine, [(statement, {})]) for statement in statements)
        opened.append(Ahead(copies, lambda: has_room))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def rows(n: int, rows: int = 3_000) -> str:
    return ROWS.format(n=n, rows=rows)


def held(engine: Engine) -> int:
    return engine.pool.checkedout()  # type: ignore[attr-defined]


def test_rows_come_in_the_order_of_the_statements(of: Open, engine: Engine) -> None:
    counts = [3_000, 0, 1, 5_000, 0, 2]
    ahead, chunks = of(*(rows(n, count) for n, count in enumerate(counts))), list[bytes]()
    parts = [PartRows(ahead, copies) for copies in (2, 0, 3, 1)]
    for part in parts:
        part.pour(chunks.append)
    assert [part.rows for part in parts] == [3_000, 0, 5_001, 2]
    expected = [f"{n}{'x' * 99}" for n, count in enumerate(counts) for _ in range(count)]
    assert b"".join(chunks).decode().splitlines() == expected
    assert held(engine) == 0


def await_running(engine: Engine, count: int) -> None:
    deadline = time.monotonic() + 10
    found = 0
    while found != count:
        assert time.monotonic() < deadline, found
        with engine.connect() as connection:
            found = connection.execute(RUNNING).scalar_one()


def test_the_next_statement_runs_while_one_is_taken(of: Open, engine: Engine) -> None:
    # Each is more than a socket holds, so that it cannot be over at the first chunk.
    ahead, chunks = of(*(rows(n, 30_000) for n in range(3))), list[bytes]()

    def take(chunk: bytes) -> None:
        if not chunks:
            await_running(engine, 2)
        chunks.append(chunk)

    assert ahead.pour(take) == 30_000
    assert [ahead.pour(lambda _chunk: None) for _ in range(2)] == [30_000, 30_000]


def test_one_statement_runs_at_a_time_where_there_is_no_room(engine: Engine) -> None:
    begun = list[int]()

    def copies() -> Iterator[CopyRows]:
        for n in range(3):
            begun.append(n)
            yield CopyRows(engine, [(rows(n), {})])

    with closing(Ahead(copies(), lambda: False)) as ahead:
        for n in range(3):
            assert ahead.pour(lambda _chunk: None) == 3_000
            assert begun == list(range(n + 1))


def test_there_is_room_while_nothing_waits_to_be_stored(redis: Redis) -> None:
    assert has_room(redis)
    redis.xadd(STREAM, {"body": b""})
    assert not has_room(redis)


def test_a_redis_that_is_away_has_no_room(tmp_path: Path) -> None:
    assert not has_room(Redis(unix_socket_path=str(tmp_path / "none.sock")))


def test_what_is_wrong_with_a_statement_is_told_at_its_turn(of: Open, engine: Engine) -> None:
    ahead, chunks = of(rows(1), "COPY (SELECT 1 / 0) TO STDOUT", rows(2)), list[bytes]()
    assert ahead.pour(chunks.append) == 3_000
    with pytest.raises(psycopg2.errors.DivisionByZero):
        ahead.pour(chunks.append)
    ahead.close()
    assert (b"".join(chunks).count(b"\n"), held(engine)) == (3_000, 0)


def test_who_cannot_take_the_rows_is_asked_no_more(of: Open, engine: Engine) -> None:
    def take(_chunk: bytes) -> None:
        taken.append(1)
        raise InterruptedError

    ahead, taken = of(rows(1), rows(2)), list[int]()
    with pytest.raises(InterruptedError):
        ahead.pour(take)
    ahead.close()
    assert (taken, held(engine)) == ([1], 0)


def test_a_cancel_ends_both_statements(of: Open, engine: Engine) -> None:
    ahead, began = of(*["COPY (SELECT pg_sleep(60)) TO STDOUT"] * 3), time.monotonic()

    def cancel() -> None:
        await_running(engine, 2)
        ahead.cancel()

    other = threading.Thread(target=cancel)
    other.start()
    with pytest.raises(psycopg2.errors.QueryCanceled):
        ahead.pour(lambda _chunk: None)
    other.join()
    ahead.close()
    assert (time.monotonic() - began < 30, held(engine)) == (True, 0)
