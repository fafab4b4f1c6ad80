"""Read-only transactions and COPY streams: one snapshot; an interrupted export raises an error."""

import gc
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg2
import pytest
from flask import Flask
from sqlalchemy import Engine, text
from sqlalchemy.exc import InternalError, OperationalError

from analytics import clock
from analytics.errors import Unavailable
from analytics.period import Period
from analytics.reports.events.raw_export import CSV_HEADER, RawEventSelection, stored_period, stream_csv
from analytics.sites.sites import Site
from analytics.store.copy.copy_stream import CopyReader, CopyStream
from analytics.store.partitions import list_stored_partitions
from analytics.store.reading import read_transaction
from analytics.web.server.disconnects import CancellationToken
from tests.waiting import wait_until

ANY = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC), clock.zone("UTC"))


@pytest.fixture
def open_stream(engine: Engine, site: Site) -> Iterator[Callable[[], CopyStream]]:
    """`open_stream()`: an unread CSV export of all events."""
    streams = []

    def start() -> CopyStream:
        with read_transaction(engine, 5) as connection:
            stored = list_stored_partitions(connection, "events")
        streams.append(stream_csv(engine, RawEventSelection(site.id, stored_period(stored, ANY)), stored))
        return streams[-1]

    yield start
    for stream in streams:
        stream.close()


def open_connections(engine: Engine) -> int:
    return engine.pool.checkedout()  # type: ignore[attr-defined]


def test_the_first_chunk_is_the_header(open_stream: Any, store: Any) -> None:
    store([{"ts": "2026-03-02T12:00:00Z"}])
    assert next(open_stream()) == CSV_HEADER


def test_rows_stored_after_the_start_are_not_streamed(open_stream: Any, engine: Engine, fill: Any, store: Any) -> None:
    fill(20_000)
    store([{"ts": "2026-05-01T00:00:00Z", "subject": "early"}])
    stream = open_stream()
    store([{"ts": "2026-05-01T00:00:01Z", "subject": "late"}])
    body = b"".join(stream)
    assert (body.count(b"early"), body.count(b"late")) == (1, 0)
    assert body.count(b"\n") == 20_002


def test_closing_returns_the_connection_at_any_point_and_twice(open_stream: Any, engine: Engine, fill: Any) -> None:
    fill(20_000)
    for read in (lambda stream: None, next, list):
        stream = open_stream()
        read(stream)
        stream.close()
        stream.close()
        assert open_connections(engine) == 0


def test_failing_receiver_ends_the_query_and_gets_no_more_rows(engine: Engine) -> None:
    chunks = []

    def receive(chunk: bytes) -> None:
        chunks.append(chunk)
        if len(chunks) == 2:
            raise InterruptedError

    rows = CopyReader(engine, [("COPY (SELECT repeat('x', 100) FROM generate_series(1, 100000)) TO STDOUT", {})])
    with pytest.raises(InterruptedError):
        rows.stream_to(receive, b"header")
    gc.collect()
    assert (chunks[0], len(chunks), open_connections(engine)) == (b"header", 2, 0)


def test_lost_connection_during_a_stream_raises_an_error(open_stream: Any, engine: Engine, fill: Any) -> None:
    fill(40_000)
    stream = open_stream()
    with engine.connect() as connection:
        others = (
            "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active'"
        )
        end = text(f"SELECT pg_terminate_backend(pid) {others} AND query LIKE '%COPY (%'")
        # The query may not have started yet.
        while not connection.execute(end).all():
            connection.rollback()
    with pytest.raises(psycopg2.Error):
        list(stream)
    assert open_connections(engine) == 0
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1


def test_disconnect_ends_a_copy_that_yields_nothing_yet(engine: Engine) -> None:
    stream = CopyStream(engine, b"header", [("COPY (SELECT pg_sleep(30)) TO STDOUT", {})])
    assert next(stream) == b"header"
    token, errors = CancellationToken(), list[Exception]()

    def step() -> None:
        try:
            token.run(next, stream)
        except Exception as error:  # noqa: BLE001
            errors.append(error)
        token.run(stream.close)

    reader = threading.Thread(target=step, daemon=True)
    reader.start()
    wait_until(lambda: running_sleeps(engine) == 1)
    threading.Thread(target=token.cancel, daemon=True).start()
    reader.join(5)
    assert ([type(error) for error in errors], open_connections(engine)) == ([Unavailable], 0)
    wait_until(lambda: running_sleeps(engine) == 0, 5)


def running_sleeps(engine: Engine) -> int:
    running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY (SELECT pg_sleep(30))%'"
    with engine.connect() as connection:
        return int(connection.execute(text(running + " AND state = 'active'")).scalar_one())


def test_a_read_transaction_cannot_write(engine: Engine) -> None:
    with pytest.raises(InternalError, match="read-only transaction"), read_transaction(engine, 5) as connection:
        connection.execute(text("DELETE FROM events"))


def test_a_read_transaction_ends_a_long_statement_and_resets_the_timeout(engine: Engine) -> None:
    with pytest.raises(OperationalError, match="statement timeout"), read_transaction(engine, 0.05) as connection:
        connection.execute(text("SELECT pg_sleep(30)"))
    with engine.connect() as connection:
        assert connection.execute(text("SHOW statement_timeout")).scalar() == "0"


def test_a_report_that_times_out_suggests_fewer_days(
    make_app: Callable[..., Flask], engine: Engine, store: Any, token: Any, auth: Any
) -> None:
    store([{"ts": "2026-03-02T12:00:00Z"}])
    client = make_app(statement_timeout=0.1).test_client()
    with engine.begin() as lock:
        lock.execute(text("LOCK TABLE rollups IN ACCESS EXCLUSIVE MODE"))
        response = client.get("/api/analytics/reports/dau?date=2026-03-02", headers=auth(token("read")))
    assert (response.status_code, "narrow the dates" in response.json["detail"]) == (503, True)


def test_a_connection_with_an_open_transaction_is_not_reused(engine: Engine) -> None:
    """As after a cancelled COMMIT: for psycopg2 the transaction has ended, for PostgreSQL it has not."""
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
