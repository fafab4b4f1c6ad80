"""COPYs in their order, the next one under way while the rows of this one are taken. run.py reads an export with it.

A sort sends nothing until it is done: alone, PostgreSQL and who takes the rows would wait for each other in turn. The
server holds what came too soon, since its socket is full then; nothing is read ahead but the first chunk.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice

from analytics.store.reading import CopyRows, Stalled

Take = Callable[[bytes], None]


class Ahead:
    """The COPYs of `copies`, each on a connection of its own; two at a time where `has_room` says so when one begins.
    Close it, finished or not."""

    def __init__(self, copies: Iterator[CopyRows], has_room: Callable[[], bool]) -> None:
        self._copies, self._has_room, self._begun = copies, has_room, deque[_Begun]()
        self._pool = ThreadPoolExecutor(2, "export-copy")

    def pour(self, take: Take) -> int:
        """All of the next COPY to `take`, in a thread of ours; how many rows. Raises what `pour` of CopyRows does."""
        most = max(len(self._begun), 2 if self._has_room() else 1)
        self._begun += [_Begun(self._pool, copy) for copy in islice(self._copies, most - len(self._begun))]
        rows = self._begun[0].pour(take)
        self._begun.popleft()
        return rows

    def cancel(self) -> None:
        """Ends the queries that run just now; `pour` then raises. From any thread."""
        for begun in tuple(self._begun):
            begun.copy.cancel()

    def close(self) -> None:
        for begun in self._begun:
            begun.close()
        self._pool.shutdown()


class PartRows:
    """The rows of a part, which are the next so many COPYs."""

    def __init__(self, ahead: Ahead, copies: int) -> None:
        self._ahead, self._copies, self.rows = ahead, copies, 0

    def pour(self, take: Take) -> None:
        for _ in range(self._copies):
            self.rows += self._ahead.pour(take)


class _Begun:
    """A COPY that runs, up to its first chunk until somebody takes it."""

    def __init__(self, pool: ThreadPoolExecutor, copy: CopyRows) -> None:
        self.copy, self._turn = copy, threading.Event()
        self._take: Take = _refuse
        self._end = pool.submit(copy.pour, self._wait)

    def _wait(self, chunk: bytes) -> None:
        # There is no header, which is empty then and comes before the query.
        if chunk:
            self._turn.wait()
            self._take(chunk)

    def pour(self, take: Take) -> int:
        self._take = take
        self._turn.set()
        self._end.result()
        return self.copy.rows

    def close(self) -> None:
        self._take = _refuse
        self._turn.set()
        with suppress(Exception):
            self.copy.cancel()


def _refuse(_chunk: bytes) -> None:
    raise Stalled
