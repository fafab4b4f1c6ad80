"""The read-only transaction and the stream under the reports: one snapshot, no clean end to a broken export."""

import gc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg2
import pytest
from flask import Flask
from sqlalchemy import Engine, text
from sqlalchemy.exc import InternalError, OperationalError

from analytics import clock
from analytics.period import Period
from analytics.reports.events import HEADER, Wanted, everything, stream_csv
from analytics.sites import Site
from analytics.store.reading import CopyRows, CopyStream, reading, stored_partitions

ANY = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC), clock.zone("UTC"))


@pytest.fixture
def open_stream(engine: Engine, site: Site) -> Iterator[Callable[[], CopyStream]]:
    """`open_stream()`: an export of everything, of which nothing has been read."""
    streams = []

    def start() -> CopyStream:
        with reading(engine, 5) as connection:
            stored = stored_partitions(connection, "events")
        streams.append(stream_csv(engine, Wanted(site.id, everything(stored, ANY)), stored))
        return streams[-1]

    yield start
    for stream in streams:
        stream.close()


def held(engine: Engine) -> int:
    return engine.pool.checkedout()  # type: ignore[attr-defined]


def test_the_header_comes_first_and_by_itself(open_stream: Any, store: Any) -> None:
    store([{"ts": "2026-03-02T12:00:00Z"}])
    assert next(open_stream()) == HEADER


def test_rows_stored_after_the_beginning_are_not_in_it(open_stream: Any, engine: Engine, fill: Any, store: Any) -> None:
    fill(20_000)
    store([{"ts": "2026-05-01T00:00:00Z", "subject": "early"}])
    stream = open_stream()
    store([{"ts": "2026-05-01T00:00:01Z", "subject": "late"}])
    body = b"".join(stream)
    assert (body.count(b"early"), body.count(b"late")) == (1, 0)
    assert body.count(b"\n") == 20_002


def test_closing_gives_the_connection_back_read_or_not_and_twice(open_stream: Any, engine: Engine, fill: Any) -> None:
    fill(20_000)
    for read in (lambda stream: None, next, list):
        stream = open_stream()
        read(stream)
        stream.close()
        stream.close()
        assert held(engine) == 0


def test_who_cannot_take_the_rows_ends_the_query_and_gets_no_more(engine: Engine) -> None:
    taken = []

    def take(chunk: bytes) -> None:
        taken.append(chunk)
        if len(taken) == 2:
            raise InterruptedError

    rows = CopyRows(engine, [("COPY (SELECT repeat('x', 100) FROM generate_series(1, 100000)) TO STDOUT", {})])
    with pytest.raises(InterruptedError):
        rows.pour(take, b"header")
    gc.collect()
    assert (taken[0], len(taken), held(engine)) == (b"header", 2, 0)


def test_a_server_that_dies_in_the_middle_is_an_error_and_not_an_end(
    open_stream: Any, engine: Engine, fill: Any
) -> None:
    fill(40_000)
    stream = open_stream()
    with engine.connect() as connection:
        others = (
            "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active'"
        )
        end = text(f"SELECT pg_terminate_backend(pid) {others} AND query LIKE '%COPY (%'")
        # The server may take a moment to begin.
        while not connection.execute(end).all():
            connection.rollback()
    with pytest.raises(psycopg2.Error):
        list(stream)
    assert held(engine) == 0
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1


def test_a_reading_transaction_cannot_write(engine: Engine) -> None:
    with pytest.raises(InternalError, match="read-only transaction"), reading(engine, 5) as connection:
        connection.execute(text("DELETE FROM events"))


def test_a_reading_transaction_ends_a_long_statement_and_leaves_no_limit_behind(engine: Engine) -> None:
    with pytest.raises(OperationalError, match="statement timeout"), reading(engine, 0.05) as connection:
        connection.execute(text("SELECT pg_sleep(30)"))
    with engine.connect() as connection:
        assert connection.execute(text("SHOW statement_timeout")).scalar() == "0"


def test_a_report_that_takes_too_long_says_to_narrow_it(
    make_app: Callable[..., Flask], engine: Engine, store: Any, token: Any, auth: Any
) -> None:
    store([{"ts": "2026-03-02T12:00:00Z"}])
    client = make_app(statement_timeout=0.1).test_client()
    with engine.begin() as lock:
        lock.execute(text("LOCK TABLE rollups IN ACCESS EXCLUSIVE MODE"))
        response = client.get("/api/analytics/reports/dau?date=2026-03-02", headers=auth(token("read")))
    assert (response.status_code, "narrow the dates" in response.json["detail"]) == (503, True)


def test_a_transaction_that_the_driver_lost_track_of_is_not_handed_on(engine: Engine) -> None:
    """As after a COMMIT that was cancelled: psycopg2 takes it for the end of the transaction, PostgreSQL does not."""
    engine.dispose()
    raw = engine.raw_connection()
    driver: Any = raw.driver_connection
    driver.autocommit = True
    cursor = driver.cursor()
    cursor.execute("BEGIN")
    with pytest.raises(psycopg2.errors.DivisionByZero):
        cursor.execute("SELECT 1 / 0")
    raw.close()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
    assert driver.closed
