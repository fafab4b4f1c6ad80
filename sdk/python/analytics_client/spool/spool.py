"""The events of this process that are not delivered yet: on disk, in order, bounded. Memory holds positions only.

client.py appends, sender.py reads and settles. Usually it is one file; while the server is away, files of `file_bytes`
follow one another, and each is removed when its last event is settled. Safe for threads.
"""

import threading
import time
from collections import deque
from contextlib import suppress
from typing import Optional

from analytics_client.events import is_notice
from analytics_client.spool.file import Records, SpoolFile
from analytics_client.spool.folder import SpoolFolder

LARGEST_FILE_BYTES = 8_000_000
SMALLEST_FILE_BYTES = 65_536
# A file that is read to its end is emptied from this size on.
RESET_BYTES = 262_144
# While the folder is full, its size is not asked for at each event.
FULL_S = 0.05


class Spool:
    """The files of one process. `lock` is held for microseconds, never during a request.

    Nothing is logged under it: a handler of the application may track what it logs, and wait for the lock.
    """

    def __init__(self, folder: SpoolFolder, max_bytes: int, fsync: bool) -> None:
        self.folder, self._max_bytes, self._fsync = folder, max_bytes, fsync
        self._file_bytes = min(max(max_bytes // 8, SMALLEST_FILE_BYTES), LARGEST_FILE_BYTES)
        # How much may be written before the folder's size is asked for again.
        self._step_bytes = min(max(max_bytes // 16, 4_096), 262_144)
        self.lock = threading.RLock()
        self.is_closed = False
        self._forget()

    def _forget(self) -> None:
        self._files: deque[SpoolFile] = deque()
        self._budget = 0
        self._full_until = 0.0
        # Records since the start of this process: waiting are those that are appended and not settled.
        self.appended = self.settled = 0
        # Of those, the client's own.
        self.notices = self._settled_notices = 0
        # Events that the application passed, also those that were dropped.
        self.tracked = 0
        self._has_damage = False
        # Since when: the first event, or the last batch that left others behind.
        self.waiting_since = 0.0
        # The reason of the last one, and more about it: for the caller's log.
        self.refusal = ("", "")
        self.drops: dict[str, int] = {}
        self.adopted_drops: dict[str, int] = {}
        # What `sdk_dropped` has not told yet.
        self.untold: dict[str, int] = {}

    @property
    def waiting(self) -> int:
        """Records of this process that no response has settled."""
        return self.appended - self.settled

    @property
    def waiting_notices(self) -> int:
        """Those of them that are no events of the application."""
        return self.notices - self._settled_notices

    @property
    def waiting_bytes(self) -> int:
        """Bytes of those events."""
        return sum(file.waiting_bytes for file in list(self._files))

    def append(self, record: bytes) -> bool:
        """Writes the event; False when it was dropped, and counted. The caller holds the lock."""
        if self.is_closed:
            return self.refuse("closed", "the client is closed")
        size = len(record) + 8
        if self._budget < size and not self._extend_budget(size):
            return self.refuse("spool_full", f"the folder {self.folder.path} holds max_spool_bytes")
        try:
            self._write(record)
        except OSError as error:
            return self.refuse("disk_error", f"the spool in {self.folder.path} cannot be written: {error}")
        return True

    def _write(self, record: bytes, notices: int = 0) -> None:
        # Counted first: a signal handler may raise at any point here. A count without an event is put right when the
        # spool is empty; an event without a count would wait for the next one.
        if self.appended == self.settled:
            self.waiting_since = time.monotonic()
        self._count(1, notices)
        try:
            self._writable_file().append(record, self._fsync)
        except OSError:
            self._count(-1, -notices)
            raise
        self._budget -= len(record) + 8

    def _count(self, records: int, notices: int) -> None:
        self.appended += records
        self.notices += notices
        self.tracked += records - notices

    def refuse(self, reason: str, detail: str) -> bool:
        """Counts an event of the application that is not spooled; False. The caller holds the lock."""
        self.refusal = (reason, detail)
        self.tracked += 1
        self.count_drop(reason)
        return False

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

    def count_drop(self, reason: str, count: int = 1, is_own: bool = True) -> None:
        """Counts events that are not delivered, also for whoever adopts the file. The caller holds the lock."""
        drops = self.drops if is_own else self.adopted_drops
        drops[reason] = drops.get(reason, 0) + count
        self.untold[reason] = self.untold.get(reason, 0) + count
        if self._files:
            self._files[0].store_count(reason, self.untold[reason])

    def append_notice(self, record: bytes) -> None:
        """Writes the event that tells of all drops, also where the folder is full. The caller holds the lock."""
        # Where it cannot be written, they stay untold.
        with suppress(OSError):
            self._write(record, notices=1)
            self.untold = {}
            self._files[0].store_counts({})

    def read(self, max_events: int, max_bytes: int) -> "Optional[tuple[SpoolFile, Records]]":
        """The oldest events that are not settled, and their file; None when there is none. Raises OSError."""
        with self.lock:
            file = next((file for file in self._files if file.waiting_bytes), None)
        return None if file is None else (file, file.read(max_events, max_bytes))

    def settle(self, file: SpoolFile, records: Records) -> None:
        """These records of the file are settled; a file without others is removed or emptied."""
        with self.lock:
            self.settled += len(records.records)
            self._settled_notices += sum(map(is_notice, records.records))
            self.waiting_since = time.monotonic()
            self._advance(file, records.end)

    def skip_damage(self, file: SpoolFile, position: int) -> None:
        """What is before `position` cannot be read. How many events that are, `settle_missing` finds out."""
        with self.lock:
            self._has_damage = True
            self._advance(file, position)

    def _advance(self, file: SpoolFile, position: int) -> None:
        file.acknowledge(position)
        if file.waiting_bytes:
            return
        if file is not self._files[-1]:
            self._files.remove(file)
            file.remove()
            self._files[0].store_counts(self.untold)
        elif file.end >= RESET_BYTES:
            file.reset()
            self._budget = 0

    def settle_missing(self) -> None:
        """Nothing is left to read: what waits by count was damaged, or a signal broke `append` off."""
        with self.lock:
            if any(file.waiting_bytes for file in self._files):
                return
            missing = self.waiting - self.waiting_notices
            self.settled, self._settled_notices = self.appended, self.notices
            if not self._has_damage:
                self.tracked -= missing
            elif missing:
                self.count_drop("damaged", missing)
            self._has_damage = False

    def end(self) -> None:
        """Takes no more events."""
        with self.lock:
            self.is_closed = True

    def close(self) -> None:
        """Gives the files up, after `end`: without events and counts they are removed, others wait to be adopted."""
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
        self.folder.forget()
        self._forget()
