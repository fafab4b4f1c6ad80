"""The bytes of COPY statements on one snapshot, pushed to a function (CopyReader) or iterated (CopyStream).

Exports and raw event reports call it. It holds a few hundred kilobytes for a result of any size: the server
waits while the client is slow. Never writes.
"""

import io
import queue
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg2
from sqlalchemy import Engine, PoolProxiedConnection

from analytics.errors import Unavailable
from analytics.store.connections import duplicate_socket, limit_statements, shut_down
from analytics.store.reading import CLIENT_CHECK_INTERVAL
from analytics.web.server.disconnects import current_cancellation_token

COPY_BUFFER_BYTES = 1 << 16
MAX_QUEUED_CHUNKS = 4
# A client that reads nothing for this long loses its connection and snapshot.
STALL_TIMEOUT_S = 300.0
# Of the statements before and after the COPYs, which do no work.
PREPARE_TIMEOUT_S = 10.0

STREAM_SETTINGS = """
SELECT set_config('client_connection_check_interval', %s, true),
       set_config('TimeZone', %s, true),
       set_config('DateStyle', 'ISO', true)
"""

Statement = tuple[str, Mapping[str, Any]]


class ClientStalled(Exception):
    """The client has stopped reading."""


class CopyReader:
    """The bytes of COPY statements, run one after the other on one snapshot.

    A statement is the whole `COPY (…) TO STDOUT …` with psycopg2 placeholders, and its parameters, run in `zone`.
    `is_serial`: without parallel workers in PostgreSQL, for a caller that runs several readers at a time.
    """

    def __init__(
        self, engine: Engine, statements: Iterable[Statement], zone: str = "UTC", is_serial: bool = False
    ) -> None:
        self._engine, self._statements, self._zone, self._is_serial = engine, statements, zone, is_serial
        # Complete when all statements have run.
        self.rows = 0
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self._is_cancelled = False

    def stream_to(self, write: Callable[[bytes], None], header: bytes = b"") -> None:
        """Passes all bytes to `write` in this thread, the header first and by itself. The server waits for `write`.

        An error of `write` ends the query and is raised; so is an error of the database.
        """
        pooled = self._engine.raw_connection()
        try:
            self._copy_all(pooled, write, header)
        except BaseException:
            # After a broken COPY the protocol is in the middle of a message: the connection cannot be reused.
            pooled.invalidate()
            raise
        if self._is_cancelled:
            pooled.invalidate()
        else:
            pooled.close()

    def cancel(self) -> None:
        """Ends the running query with its connection; `stream_to` then raises. Callable from any thread."""
        with self._lock:
            self._is_cancelled = True
            if self._socket is not None:
                shut_down(self._socket)

    def _copy_all(self, pooled: PoolProxiedConnection, write: Callable[[bytes], None], header: bytes) -> None:
        connection: Any = pooled.driver_connection
        with self._cancellable(connection), connection.cursor() as cursor:
            limit_statements(connection, PREPARE_TIMEOUT_S)
            self._prepare(cursor)
            write(header)
            # A COPY lasts as long as its receiver takes.
            limit_statements(connection, 0)
            sink = _Sink(write)
            try:
                self._run_all(cursor, io.BufferedWriter(sink, COPY_BUFFER_BYTES))
            finally:
                sink.end()
        limit_statements(connection, PREPARE_TIMEOUT_S)
        pooled.rollback()

    @contextmanager
    def _cancellable(self, connection: Any) -> Iterator[None]:
        """Within the block, `cancel` shuts the connection's socket down."""
        with duplicate_socket(connection) as own:
            with self._lock:
                self._socket = own
            try:
                yield
            finally:
                with self._lock:
                    self._socket = None

    def _prepare(self, cursor: Any) -> None:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        # A statement lasts as long as its client takes to read the result, so it has no timeout.
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute(STREAM_SETTINGS, (CLIENT_CHECK_INTERVAL, self._zone))
        if self._is_serial:
            cursor.execute("SET LOCAL max_parallel_workers_per_gather = 0")

    def _run_all(self, cursor: Any, sink: io.BufferedWriter) -> None:
        for statement, parameters in self._statements:
            if self._is_cancelled:
                raise ClientStalled
            cursor.copy_expert(cursor.mogrify(statement, parameters), sink, COPY_BUFFER_BYTES)
            self.rows += cursor.rowcount
        sink.flush()


class CopyStream(Iterator[bytes]):
    """`header`, then the bytes of a CopyReader as an iterator; a separate thread reads them.

    The header is a separate chunk, so that it is sent while the first statement still sorts. The constructor returns
    with a connection or raises Unavailable; a later error is raised by `next`. When the client disconnects during
    `next`, the query ends, and `next` raises Unavailable. `close` (also after exhaustion, also twice) stops the query
    and returns the connection.
    """

    def __init__(self, engine: Engine, header: bytes, statements: Iterable[Statement], zone: str = "UTC") -> None:
        self._reader, self._header = CopyReader(engine, statements, zone), header
        self._chunks: queue.Queue[bytes | None] = queue.Queue(MAX_QUEUED_CHUNKS)
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
        queued = None if self._stop.is_set() else self._next_queued()
        if queued is not None:
            return queued
        self._stop.set()
        if self._error:
            raise self._error
        raise StopIteration

    def cancel(self) -> None:
        """Cancels the running query; `next` then raises. Callable from any thread, also while another is in `next`."""
        self._reader.cancel()

    def close(self) -> None:
        self._stop.set()
        self._reader.cancel()
        while self._thread.is_alive():
            self._discard_chunks()
            self._thread.join(0.05)

    def _next_queued(self) -> bytes | None:
        """Waits for a chunk, or for the end mark. A disconnect ends the query and with it the wait."""
        token = current_cancellation_token()
        if token is None:
            return self._chunks.get()
        with token.cancels_with(self._reader.cancel):
            queued = self._chunks.get()
        token.raise_if_cancelled()
        return queued

    def _put(self, chunk: bytes) -> None:
        """Runs in the reading thread; waits while the client is behind."""
        for _ in range(int(STALL_TIMEOUT_S * 10)):
            if self._stop.is_set():
                break
            try:
                return self._chunks.put(chunk, timeout=0.1)
            except queue.Full:
                continue
        raise ClientStalled

    def _run(self) -> None:
        try:
            self._reader.stream_to(self._put, self._header)
        except Exception as error:  # noqa: BLE001  # raised in the thread that iterates
            self._error = error
        # The consumer waits for the end mark unless it has stopped.
        while not self._stop.is_set():
            try:
                self._chunks.put(None, timeout=0.1)
                break
            except queue.Full:
                continue

    def _discard_chunks(self) -> None:
        try:
            while True:
                self._chunks.get_nowait()
        except queue.Empty:
            return


class _Sink(io.RawIOBase):
    """Receives the full buffers of the buffered writer; single rows never reach Python code."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write, self._is_ended = write, False

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        # After an error the buffered writer flushes its rest once more when it is collected.
        if not self._is_ended:
            self._write(bytes(data))
        return len(data)

    def end(self) -> None:
        self._is_ended = True
