"""The engine that queries columns: DuckDB within the process, one query at a time, with bounded memory and time.

read.py opens it. A query ends at its time limit and when the client disconnects; queries of others wait, a few of them.
"""

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from analytics import memory
from analytics.columnar.limits import EngineBusy, QueryLimits, QueryTimeout, QueryTooLarge
from analytics.columnar.local_files import SPILL
from analytics.web.server.disconnects import current_cancellation_token

INTERRUPT_AGAIN_S = 0.5
# How often whoever waits looks whether the client is still there.
LOOK_AGAIN_S = 0.25


@contextmanager
def open_engine(folder: Path, limits: QueryLimits) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory, in this process's turn; it spills into `folder`.

    Raises QueryTimeout and QueryTooLarge in the block; EngineBusy when others' queries take too long, Unavailable on a
    disconnect.
    """
    with (
        _queue.turn(limits),
        memory.reuse_arrays(),
        _open_database(folder, limits) as database,
        _ended(database, limits.timeout_s),
    ):
        yield database


def as_engine_error(error: OSError) -> Exception:
    """The engine's error, of which Arrow has kept the text."""
    kinds = {"INTERRUPT": duckdb.InterruptException, "Out of Memory": duckdb.OutOfMemoryException}
    found = (kind(str(error)) for name, kind in kinds.items() if name in str(error))
    return next(found, duckdb.Error(str(error)))


class _Queue:
    """One query at a time, behind which a few wait: each holds a thread that could answer something else."""

    def __init__(self) -> None:
        self._changed, self._is_taken, self._waiting = threading.Condition(), False, 0

    @contextmanager
    def turn(self, limits: QueryLimits) -> Iterator[None]:
        """Raises EngineBusy where too many wait and after `wait_s`, Unavailable on a disconnect."""
        with self._changed:
            if self._waiting >= limits.most_waiting or not self._wait(limits.wait_s):
                raise EngineBusy
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
        # A report reads the same files several times.
        database.execute("SET parquet_metadata_cache = true")
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
