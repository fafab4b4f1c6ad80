"""COPY statements in their order, where the next one starts while the rows of the current one are read.

attempt.py reads an export with it. A sort sends nothing until it is done: one at a time, PostgreSQL and the worker
would wait for each other in turn. The server holds rows that are early, since its socket is full; only the first chunk
is buffered here.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice

from analytics.store.copy.copy_stream import ClientStalled, CopyReader

Write = Callable[[bytes], None]


class CopyPrefetcher:
    """Runs the COPYs of `copies`, each on its own connection, two at a time if `is_second_allowed` when one starts.

    Close it, whether all COPYs were read or not.
    """

    def __init__(self, copies: Iterator[CopyReader], is_second_allowed: Callable[[], bool]) -> None:
        self._copies, self._is_second_allowed = copies, is_second_allowed
        self._running = deque[_RunningCopy]()
        self._pool = ThreadPoolExecutor(2, "export-copy")

    def stream_to(self, write: Write) -> int:
        """Streams the next COPY to `write`, called in a thread of the pool; returns its number of rows.

        Raises what CopyReader.stream_to raises.
        """
        target = max(len(self._running), 2 if self._is_second_allowed() else 1)
        copies = islice(self._copies, target - len(self._running))
        self._running += [_RunningCopy(self._pool, copy) for copy in copies]
        rows = self._running[0].stream_to(write)
        self._running.popleft()
        return rows

    def cancel(self) -> None:
        """Cancels the running queries; `stream_to` then raises. May be called from any thread."""
        for running in tuple(self._running):
            running.copy.cancel()

    def close(self) -> None:
        for running in self._running:
            running.close()
        self._pool.shutdown()


class PartRows:
    """The rows of a part: those of the next `copies` COPYs."""

    def __init__(self, prefetcher: CopyPrefetcher, copies: int) -> None:
        self._prefetcher, self._copies, self.rows = prefetcher, copies, 0

    def stream_to(self, write: Write) -> None:
        for _ in range(self._copies):
            self.rows += self._prefetcher.stream_to(write)


class _RunningCopy:
    """A COPY that runs up to its first chunk, and continues once it is read."""

    def __init__(self, pool: ThreadPoolExecutor, copy: CopyReader) -> None:
        self.copy, self._is_read = copy, threading.Event()
        self._write: Write = _refuse
        self._future = pool.submit(copy.stream_to, self._write_when_read)

    def _write_when_read(self, chunk: bytes) -> None:
        # The empty header comes before the query starts.
        if chunk:
            self._is_read.wait()
            self._write(chunk)

    def stream_to(self, write: Write) -> int:
        self._write = write
        self._is_read.set()
        self._future.result()
        return self.copy.rows

    def close(self) -> None:
        self._write = _refuse
        self._is_read.set()
        with suppress(Exception):
            self.copy.cancel()


def _refuse(_chunk: bytes) -> None:
    raise ClientStalled
