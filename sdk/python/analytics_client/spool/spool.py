"""The events of this process that are not delivered yet: on disk, in order, bounded. Memory holds positions only.

client.py appends, sender.py reads and settles. Usually it is one file; while the server is away, files of `file_bytes`
follow one another, and each is removed when its last event is settled. Safe for threads.
"""

import logging
import threading
import time
from collections import deque
from typing import Optional

from analytics_client.spool.file import Records, SpoolFile
from analytics_client.spool.folder import SpoolFolder

log = logging.getLogger("analytics_client")
LARGEST_FILE_BYTES = 8_000_000
SMALLEST_FILE_BYTES = 65_536
# A file that is read to its end is emptied from this size on.
RESET_BYTES = 262_144
# While the folder is full, its size is not asked for at each event.
FULL_S = 0.05


class Spool:
    """The files of one process. `lock` is held for microseconds, never during a request."""

    def __init__(self, folder: SpoolFolder, max_bytes: int, fsync: bool) -> None:
        self.folder, self._max_bytes, self._fsync = folder, max_bytes, fsync
        self._file_bytes = min(max(max_bytes // 8, SMALLEST_FILE_BYTES), LARGEST_FILE_BYTES)
        # How much may be written before the folder's size is asked for again.
        self._step_bytes = min(max(max_bytes // 16, 4_096), 262_144)
        self.lock = threading.RLock()
        self._forget()

    def _forget(self) -> None:
        self._files: deque[SpoolFile] = deque()
        self._budget = 0
        self._full_until = 0.0
        # Events since the start of this process: waiting are those that are appended and not settled.
        self.appended = self.settled = 0
        # Since when: the first event, or the last batch that left others behind.
        self.waiting_since = 0.0
        self.drops: dict[str, int] = {}
        # What `sdk_dropped` has not told yet.
        self.untold: dict[str, int] = {}

    @property
    def waiting(self) -> int:
        """Events of this process that no answer has settled."""
        return self.appended - self.settled

    @property
    def waiting_bytes(self) -> int:
        """Bytes of those events."""
        return sum(file.waiting_bytes for file in list(self._files))

    def append(self, record: bytes, is_notice: bool = False) -> bool:
        """Writes the event; False when it was dropped, and counted. The caller holds the lock."""
        size = len(record) + 8
        if self._budget < size and not self._extend_budget(size) and not is_notice:
            self.count_drop("spool_full")
            return False
        # Counted first: a signal handler may raise at any point here. A count without an event is put right when the
        # spool is empty; an event without a count would wait for the next one.
        if self.appended == self.settled:
            self.waiting_since = time.monotonic()
        self.appended += 1
        try:
            self._writable_file().append(record, self._fsync)
        except OSError as error:
            self.appended -= 1
            if self.count_drop("disk_error") == 1:
                log.warning("the spool in %s cannot be written: %s", self.folder.path, error)
            return False
        self._budget -= size
        return True

    def _extend_budget(self, size: int) -> bool:
        """True when the folder has room for more. Other processes may each write one step more meanwhile."""
        now = time.monotonic()
        if now < self._full_until:
            return False
        step = max(self._step_bytes, size)
        try:
            is_full = self.folder.used_bytes() + step > self._max_bytes
        except OSError:
            # The folder is gone: making a file makes it again, or says what is wrong.
            is_full = False
        if is_full:
            self._full_until = now + FULL_S
            return False
        self._budget = step
        return True

    def _writable_file(self) -> SpoolFile:
        if not self._files or self._files[-1].end >= self._file_bytes:
            self._files.append(self.folder.create(int(time.time() * 1000), self._fsync))
            if len(self._files) == 1:
                self._files[0].store_counts(self.untold)
        return self._files[-1]

    def count_drop(self, reason: str, count: int = 1, is_own: bool = True) -> int:
        """Counts events that are not delivered, also for whoever adopts the file. Returns the count of this process.

        The caller holds the lock.
        """
        if is_own:
            self.drops[reason] = self.drops.get(reason, 0) + count
        self.untold[reason] = self.untold.get(reason, 0) + count
        if self._files:
            try:
                self._files[0].store_count(reason, self.untold[reason])
            except OSError as error:
                # It stays in memory, and in stats().
                log.debug("a counter of dropped events was not written: %s", error)
        return self.drops.get(reason, 0)

    def append_notice(self, record: bytes, told: dict[str, int]) -> None:
        """Writes the event that tells of drops, and takes them off what is to be told. The caller holds the lock."""
        if self.append(record, is_notice=True):
            left = {reason: count - told.get(reason, 0) for reason, count in self.untold.items()}
            self.untold = {reason: count for reason, count in left.items() if count > 0}
            self._files[0].store_counts(self.untold)

    def read(self, max_events: int, max_bytes: int) -> "Optional[tuple[SpoolFile, Records]]":
        """The oldest events that are not settled, and their file; None when there is none. Raises OSError."""
        with self.lock:
            file = next((file for file in self._files if file.waiting_bytes), None)
        return None if file is None else (file, file.read(max_events, max_bytes))

    def settle(self, file: SpoolFile, position: int, count: int) -> None:
        """`count` events of the file before `position` are settled; a file without others is removed or emptied."""
        with self.lock:
            self.settled += count
            self.waiting_since = time.monotonic()
            file.acknowledge(position)
            if file.waiting_bytes:
                return
            if file is not self._files[-1]:
                self._files.remove(file)
                file.remove()
                if self._files:
                    self._files[0].store_counts(self.untold)
            elif file.end >= RESET_BYTES:
                file.reset()
                self._budget = 0

    def settle_all(self) -> None:
        """Nothing is left to read."""
        with self.lock:
            if not any(file.waiting_bytes for file in self._files):
                self.settled = self.appended

    def close(self) -> None:
        """Gives the files up: without events and counts they are removed, others wait for who adopts them."""
        with self.lock:
            for file in self._files:
                if file.waiting_bytes or (self.untold and file is self._files[0]):
                    file.close()
                else:
                    file.remove()
            self._files.clear()

    def abandon(self) -> None:
        """In a forked child: the files are the parent's. Its events are not ours to send."""
        for file in self._files:
            file.close()
        self.lock = threading.RLock()
        self._forget()
