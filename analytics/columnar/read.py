"""Reads events and visits in columns: those of files, and beside them the rows that no file holds, in one snapshot.

`open_columns` gives reports a `ColumnReader`, whose `events` and `visits` are relations for the SQL of DuckDB. A query
has bounded memory and time, and ends when the client disconnects. One query runs at a time in a process. Writes nothing
but the local copies of files.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
from sqlalchemy import Connection

from analytics import clock
from analytics.clock import utc_midnight
from analytics.columnar.columns import EVENTS, VISITS, Kind, read_rows
from analytics.columnar.limits import NotInColumns, QueryLimits, QueryTimeout, QueryTooLarge
from analytics.columnar.local_files import SPILL, LocalFiles
from analytics.errors import Unavailable
from analytics.store import column_files, visit_files
from analytics.web.server.disconnects import current_cancellation_token

log = logging.getLogger(__name__)

ONE_DAY = timedelta(days=1)
# What no file holds is read from PostgreSQL, about 1.5 us a column and row: more of it is no faster than SQL.
MOST_LOOSE_EVENTS, MOST_LOOSE_VISITS = 200_000, 300_000
INTERRUPT_AGAIN_S = 0.5
BATCH_ROWS = 65_536
# How often whoever waits looks whether the client is still there.
LOOK_AGAIN_S = 0.25


class ColumnReader:
    """The site's events and visits, as the transaction of `connection` sees them. `zone`: of the rollups' days."""

    def __init__(
        self,
        connection: Connection,
        database: duckdb.DuckDBPyConnection,
        files: LocalFiles,
        site_id: int,
        zone: ZoneInfo,
    ) -> None:
        self.connection, self._database, self._files = connection, database, files
        self._site_id, self._zone, self._tables, self._functions = site_id, zone, 0, 0
        self._relations: dict[tuple[str, datetime, datetime], str] = {}
        self._kept: dict[Hashable, str] = {}
        # The local files that queries read.
        self.copies: set[Path] = set()

    def execute(self, query: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """The rows of a query of DuckDB, whose parameters are `$name`."""
        return self._database.execute(query, dict(parameters or {})).fetchall()

    def read_batches(self, query: str, parameters: Mapping[str, Any] | None = None) -> Iterator[pa.RecordBatch]:
        """As `execute`, for millions of rows: in columns, and some rows at a time, while the query goes on."""
        batches: Any = self._database.sql(query, params=dict(parameters or {})).to_arrow_reader(BATCH_ROWS)
        try:
            yield from batches
        except OSError as error:
            raise _engine_error(error) from error

    def add_table(self, table: pa.Table) -> str:
        """The table under a name for queries."""
        self._tables += 1
        name = f"loose_{self._tables}"
        self._database.register(name, table)
        return name

    def add_function(self, function: Callable[[str], str | None]) -> str:
        """A function of a text under a name for queries. It is called for each row, unless that is NULL: some us."""

        def apply(column: Any) -> pa.Array:
            texts = (None if text is None else function(text) for text in column.to_pylist())
            return pa.array(texts, pa.string())

        self._functions += 1
        name = f"function_{self._functions}"
        database: Any = self._database
        database.create_function(name, apply, ["VARCHAR"], "VARCHAR", type="arrow", null_handling="special")
        return name

    def keep(self, key: Hashable, make: Callable[[], tuple[str, Mapping[str, Any]]]) -> str:
        """The name of a table with the rows of the query that `make` gives with its parameters. It runs for the first
        use of the key only."""
        if key not in self._kept:
            query, parameters = make()
            name = f"kept_{len(self._kept)}"
            self.execute(f"CREATE TEMP TABLE {name} AS {query}", parameters)
            self._kept[key] = name
        return self._kept[key]

    def events(self, start: datetime, end: datetime) -> str:
        """A relation of the events of `[start, end)` with EVENTS' columns. Raises NotInColumns."""
        key = ("events", start, end)
        if key not in self._relations:
            self._relations[key] = self._make_events(start, end)
        return self._relations[key]

    def visits(self, start: datetime, end: datetime) -> str:
        """A relation of the visits that began in `[start, end)` with VISITS' columns. Raises NotInColumns."""
        key = ("visits", start, end)
        if key not in self._relations:
            self._relations[key] = self._make_visits(start, end)
        return self._relations[key]

    def _make_events(self, start: datetime, end: datetime) -> str:
        first, after = start.astimezone(UTC).date(), (end - timedelta(microseconds=1)).astimezone(UTC).date() + ONE_DAY
        days = column_files.read_coverage(self.connection, self._site_id, first, after)
        loose = [day for day in days if not day.is_complete]
        refuse_loose(sum(day.loose for day in loose), MOST_LOOSE_EVENTS, "events")
        covered = {day.day for day in days if day.through is not None}
        paths = [
            self._find(file.sha256, lambda file=file: column_files.read_body(self.connection, file.id))
            for file in column_files.read_files(self.connection, self._site_id, first, after)
            if file.day in covered
        ]
        tables = [table for day in loose for table in self._read_loose(day, start, end)]
        return self._join(EVENTS, "ts", start, end, paths, tables)

    def _read_loose(self, day: column_files.Coverage, start: datetime, end: datetime) -> Iterator[pa.Table]:
        """The day's rows that no file holds."""
        midnight = utc_midnight(day.day)
        bounds = {"start": max(start, midnight), "end": min(end, midnight + ONE_DAY)}
        given = {"site_id": self._site_id, "after": -1 if day.through is None else day.through, **bounds}
        return read_rows(self.connection, EVENTS, given, MOST_LOOSE_EVENTS)

    def _make_visits(self, start: datetime, end: datetime) -> str:
        files = [
            file
            for file in visit_files.read_files(self.connection, self._site_id, start, end)
            if (file.start, file.end) == clock.day_bounds(file.day, self._zone)
        ]
        gaps = list(find_gaps(start, end, [(file.start, file.end) for file in files]))
        loose = visit_files.count_visits(self.connection, self._site_id, gaps, MOST_LOOSE_VISITS + 1)
        refuse_loose(loose, MOST_LOOSE_VISITS, "visits")
        paths = [
            self._find(file.sha256, lambda file=file: visit_files.read_body(self.connection, self._site_id, file))
            for file in files
        ]
        tables = [
            table
            for gap_start, gap_end in gaps
            for table in read_rows(
                self.connection,
                VISITS,
                {"site_id": self._site_id, "start": gap_start, "end": gap_end},
                MOST_LOOSE_VISITS,
            )
        ]
        return self._join(VISITS, "started_at", start, end, paths, tables)

    def _find(self, sha256: bytes, fetch: Any) -> Path:
        try:
            path = self._files.find(sha256, fetch)
        except OSError as error:
            log.warning("a column file cannot be copied", exc_info=error)
            raise NotInColumns("this server has no room for column files (COLUMNS_FOLDER); its log says why") from error
        if path is None:
            raise NotInColumns("a column file is not what was written; `flask columnar rebuild` writes it anew")
        self.copies.add(path)
        return path

    def _join(
        self, kind: Kind, time: str, start: datetime, end: datetime, paths: Sequence[Path], tables: Sequence[pa.Table]
    ) -> str:
        columns = ", ".join(kind.schema.names)
        parts = [f"SELECT {columns} FROM {self.add_table(table)}" for table in tables]
        if paths:
            # Names of our own: a checksum in a folder of the operator's.
            listed = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)
            parts.append(f"SELECT {columns} FROM read_parquet([{listed}])")
        parts = parts or [f"SELECT {columns} FROM {self.add_table(kind.schema.empty_table())}"]
        inside = f"{time} >= {to_microseconds(start)} AND {time} < {to_microseconds(end)}"
        return "(" + " UNION ALL ".join(f"{part} WHERE {inside}" for part in parts) + ")"


def _engine_error(error: OSError) -> Exception:
    """The engine's error, of which Arrow has kept the text."""
    kinds = {"INTERRUPT": duckdb.InterruptException, "Out of Memory": duckdb.OutOfMemoryException}
    found = (kind(str(error)) for name, kind in kinds.items() if name in str(error))
    return next(found, duckdb.Error(str(error)))


def refuse_loose(rows: int, most: int, what: str) -> None:
    """Raises NotInColumns where more than `most` rows are in no file."""
    if rows > most:
        raise NotInColumns(
            f"over {most:,} {what} of this period are in no column file yet, as after an import or an upgrade; they "
            "are being written (`flask columnar status` shows how far): try again in a minute"
        )


def to_microseconds(instant: datetime) -> int:
    """Since 1970."""
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def find_gaps(
    start: datetime, end: datetime, spans: Sequence[tuple[datetime, datetime]]
) -> Iterator[tuple[datetime, datetime]]:
    """What of `[start, end)` none of the spans holds; they are in order and do not overlap."""
    for span_start, span_end in spans:
        if start < span_start:
            yield start, span_start
        start = max(start, span_end)
    if start < end:
        yield start, end


@contextmanager
def open_columns(
    connection: Connection, files: LocalFiles, site_id: int, zone: ZoneInfo, limits: QueryLimits
) -> Iterator[ColumnReader]:
    """A reader in the snapshot of the REPEATABLE READ transaction of `connection`.

    Raises QueryTimeout and QueryTooLarge in the block; Unavailable when others' queries take too long, and on a
    disconnect.
    """
    with _queue.turn(limits), _open_database(files.folder, limits) as database, _ended(database, limits.timeout_s):
        reader = ColumnReader(connection, database, files, site_id, zone)
        try:
            yield reader
        except (duckdb.InterruptException, duckdb.OutOfMemoryException):
            raise
        except duckdb.Error as error:
            if not files.drop_damaged(reader.copies):
                raise
            log.warning("damaged copies of column files are fetched again", exc_info=error)
            raise NotInColumns("the copy of a column file was damaged, and is deleted; try again") from error


class _Queue:
    """One query at a time, behind which a few wait: each holds a thread that could answer something else."""

    def __init__(self) -> None:
        self._changed, self._is_taken, self._waiting = threading.Condition(), False, 0

    @contextmanager
    def turn(self, limits: QueryLimits) -> Iterator[None]:
        """Raises Unavailable where too many wait, after `wait_s`, and on a disconnect."""
        with self._changed:
            if self._waiting >= limits.most_waiting or not self._wait(limits.wait_s):
                raise Unavailable("other reports with filters are running in this process; try again in a few seconds")
            self._is_taken = True
        try:
            yield
        finally:
            with self._changed:
                self._is_taken = False
                self._changed.notify()

    def _wait(self, seconds: float) -> bool:
        token, end = current_cancellation_token(), time.monotonic() + seconds
        self._waiting += 1
        try:
            while self._is_taken and (left := end - time.monotonic()) > 0:
                self._changed.wait(min(left, LOOK_AGAIN_S))
                if token is not None:
                    token.raise_if_cancelled()
        finally:
            self._waiting -= 1
        return not self._is_taken


_queue = _Queue()


@contextmanager
def _open_database(folder: Path, limits: QueryLimits) -> Iterator[duckdb.DuckDBPyConnection]:
    """In memory, spilling into a folder of this process."""
    spill = folder / f"{SPILL}-{os.getpid()}"
    settings: Mapping[str, Any] = {
        "memory_limit": f"{limits.memory_mb}MB",
        "temp_directory": str(spill),
        "max_temp_directory_size": f"{limits.spill_mb}MB",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        # Rows come back in the order that a query asks for, and otherwise in any.
        "preserve_insertion_order": "false",
    }
    database = duckdb.connect(":memory:", config=dict(settings))
    try:
        yield database
    finally:
        database.close()


@contextmanager
def _ended(database: duckdb.DuckDBPyConnection, timeout_s: float) -> Iterator[None]:
    """Within the block, queries end after `timeout_s` in all (0: never) and when the client disconnects."""
    done, token = threading.Event(), current_cancellation_token()
    watch = threading.Thread(target=_interrupt_after, args=(database, timeout_s, done), daemon=True)
    if timeout_s:
        watch.start()
    try:
        if token is None:
            yield
        else:
            with token.cancels_with(database.interrupt):
                yield
    except duckdb.InterruptException as error:
        if token is not None:
            token.raise_if_cancelled()
        raise QueryTimeout from error
    except duckdb.OutOfMemoryException as error:
        raise QueryTooLarge from error
    finally:
        done.set()
        if timeout_s:
            watch.join()


def _interrupt_after(database: duckdb.DuckDBPyConnection, timeout_s: float, done: threading.Event) -> None:
    """Again and again: between two queries it has no effect."""
    if not done.wait(timeout_s):
        database.interrupt()
        while not done.wait(INTERRUPT_AGAIN_S):
            database.interrupt()
