"""Reads of raw rows: a report's bounded transaction, which partitions hold any, an export's COPY stream. Never writes.

The stream holds a few hundred kilobytes whatever the size of the result: the server waits while the client is slow.
"""

import io
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import psycopg2
from sqlalchemy import Connection, Engine, PoolProxiedConnection, text

from analytics.errors import Unavailable
from analytics.leaving import who_waits
from analytics.store.partitions import list_partitions

CHUNK_BYTES = 1 << 16
CHUNKS_AHEAD = 4
# A client that takes nothing for this long no longer holds a connection and a snapshot.
STALLED_AFTER_S = 300.0
CHECK_CLIENT = "5s"

READ_ONLY = text("""
SELECT set_config('transaction_read_only', 'on', true),
       set_config('statement_timeout', :timeout_ms, true),
       set_config('client_connection_check_interval', :check_client, true)
""")


@contextmanager
def reading(engine: Engine, timeout_s: float) -> Iterator[Connection]:
    """A read-only transaction whose statements end after `timeout_s` (0: never), and when nobody waits any more."""
    with engine.begin() as connection, _while_awaited(connection):
        connection.execute(READ_ONLY, {"timeout_ms": str(int(timeout_s * 1000)), "check_client": CHECK_CLIENT})
        yield connection


@contextmanager
def _while_awaited(connection: Connection) -> Iterator[None]:
    """Raises Unavailable, which nobody hears, when whoever asked has left."""
    waiting, driver = who_waits(), connection.connection.driver_connection
    if waiting is None or driver is None:
        yield
        return
    try:
        with waiting.cancelling(driver.cancel):
            yield
    finally:
        if waiting.has_left:
            # A cancel may still be on its way to this connection; its next user must not get it.
            connection.invalidate()
            raise Unavailable("whoever asked has left")


class Stored(NamedTuple):
    """A partition that holds rows: its `[start, end)`, and its bytes without indexes."""

    start: datetime
    end: datetime
    bytes: int


# Sizes of files, no rows. A partition that was dropped a moment ago has none.
SIZES = text("""
SELECT name, coalesce(pg_relation_size(to_regclass(name)), 0)
FROM unnest(CAST(:names AS text[])) AS name
""")


def stored_partitions(connection: Connection, table: str) -> list[Stored]:
    """The partitions of `table` that hold anything, in order of time. Two queries on the catalogue."""
    ranges = list_partitions(connection, table)
    sizes = connection.execute(SIZES, {"names": list(ranges)}).all()
    return sorted(Stored(_utc(ranges[name].start), _utc(ranges[name].end), size) for name, size in sizes if size)


def _utc(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


STREAM_SETTINGS = """
SELECT set_config('client_connection_check_interval', %s, true),
       set_config('TimeZone', %s, true),
       set_config('DateStyle', 'ISO', true)
"""


class Stalled(Exception):
    """Nobody takes the rows any more."""


Statement = tuple[str, Mapping[str, Any]]


class CopyRows:
    """The bytes of COPY statements, run one after the other on one snapshot, for one who takes them as they come.

    A statement is the whole `COPY (…) TO STDOUT …` with psycopg2 placeholders, and its parameters; they run in `zone`.
    `is_alone`: in one process of PostgreSQL, for who runs several at a time.
    """

    def __init__(
        self, engine: Engine, statements: Iterable[Statement], zone: str = "UTC", is_alone: bool = False
    ) -> None:
        self._engine, self._statements, self._zone, self._is_alone = engine, statements, zone, is_alone
        # How many there were; known when all have been taken.
        self.rows = 0
        self._connection: Any = None
        self._lock = threading.Lock()
        self._is_cancelled = False

    def pour(self, take: Callable[[bytes], None], header: bytes = b"") -> None:
        """Hands all to `take`, the header first and by itself, in this thread: while it works, the server waits.

        What `take` raises ends the query, and is raised; so is an error of the database.
        """
        pooled = self._engine.raw_connection()
        try:
            self._copy_all(pooled, take, header)
        except BaseException:
            # After a broken COPY the protocol is in the middle of a message; such a connection is not reused.
            with self._lock:
                self._connection = None
            pooled.invalidate()
            raise
        if self._is_cancelled:
            # A cancel may still be on its way to this connection; its next user must not get it.
            pooled.invalidate()
        else:
            pooled.close()

    def cancel(self) -> None:
        """Ends the query that runs just now; `pour` then raises. From any thread."""
        with self._lock:
            self._is_cancelled = True
            # The server may be in the middle of a sort that has not sent a byte: only a cancel reaches it.
            if self._connection is not None:
                self._connection.cancel()

    def _copy_all(self, pooled: PoolProxiedConnection, take: Callable[[bytes], None], header: bytes) -> None:
        with self._lock:
            self._connection = pooled.driver_connection
        sink = _Sink(take)
        with self._connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            # A statement lasts as long as its client takes to read it, so no timeout.
            cursor.execute("SET LOCAL statement_timeout = 0")
            cursor.execute(STREAM_SETTINGS, (CHECK_CLIENT, self._zone))
            if self._is_alone:
                cursor.execute("SET LOCAL max_parallel_workers_per_gather = 0")
            take(header)
            try:
                self._run_all(cursor, io.BufferedWriter(sink, CHUNK_BYTES))
            finally:
                sink.end()
        with self._lock:
            self._connection = None
        pooled.rollback()

    def _run_all(self, cursor: Any, sink: io.BufferedWriter) -> None:
        for statement, parameters in self._statements:
            if self._is_cancelled:
                raise Stalled
            cursor.copy_expert(cursor.mogrify(statement, parameters), sink, CHUNK_BYTES)
            self.rows += cursor.rowcount
        sink.flush()


class CopyStream(Iterator[bytes]):
    """`header`, then CopyRows as an iterator, read by a thread of its own.

    The header is a chunk of its own, so that it leaves while the first statement still sorts. A connection is there
    when the constructor returns (else it raises Unavailable); a later error is raised by `next`. `close` (also after
    exhaustion, also twice) stops the query and gives the connection back.
    """

    def __init__(self, engine: Engine, header: bytes, statements: Iterable[Statement], zone: str = "UTC") -> None:
        self._copy, self._header = CopyRows(engine, statements, zone), header
        self._chunks: queue.Queue[bytes | None] = queue.Queue(CHUNKS_AHEAD)
        self._stop = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="copy-stream", daemon=True)
        self._thread.start()
        self._first: bytes | None = None
        try:
            self._first = next(self, b"")
        except psycopg2.OperationalError as error:
            self.close()
            raise Unavailable("the database is away; try again shortly") from error
        except BaseException:
            self.close()
            raise

    def __next__(self) -> bytes:
        if self._first is not None:
            chunk, self._first = self._first, None
            return chunk
        found = None if self._stop.is_set() else self._chunks.get()
        if found is not None:
            return found
        self._stop.set()
        if self._error:
            raise self._error
        raise StopIteration

    def cancel(self) -> None:
        """Ends the query that runs just now; `next` then raises. From any thread, for one that waits in `next`."""
        self._copy.cancel()

    def close(self) -> None:
        self._stop.set()
        self._copy.cancel()
        while self._thread.is_alive():
            self._empty()
            self._thread.join(0.05)

    def put(self, chunk: bytes) -> None:
        """Called by the thread that reads; waits while the client is behind."""
        for _ in range(int(STALLED_AFTER_S * 10)):
            if self._stop.is_set():
                break
            try:
                return self._chunks.put(chunk, timeout=0.1)
            except queue.Full:
                continue
        raise Stalled

    def _run(self) -> None:
        try:
            self._copy.pour(self.put, self._header)
        except Exception as error:  # noqa: BLE001  # handed to the thread that iterates
            self._error = error
        # The consumer waits for the end mark: it gets it, or it has stopped and nobody waits.
        while not self._stop.is_set():
            try:
                self._chunks.put(None, timeout=0.1)
                break
            except queue.Full:
                continue

    def _empty(self) -> None:
        try:
            while True:
                self._chunks.get_nowait()
        except queue.Empty:
            return


class _Sink(io.RawIOBase):
    """Where the buffered writer puts its full buffers; rows themselves never reach Python code."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take, self._is_over = take, False

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        # After an error the buffer brings its rest once more, when it is collected.
        if not self._is_over:
            self._take(bytes(data))
        return len(data)

    def end(self) -> None:
        self._is_over = True
