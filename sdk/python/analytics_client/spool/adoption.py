"""The spool file of an ended process that this one is delivering: one at a time, so that others may take the next.

sender.py asks `find` before each attempt and settles what was delivered. The folder is looked through at the start,
after each file, and once a minute.
"""

import logging
import random
import threading
from collections.abc import Mapping
from typing import Optional

from analytics_client.spool.file import SpoolFile
from analytics_client.spool.spool import Spool

log = logging.getLogger("analytics_client")


class AdoptedFile:
    """At most one file. Used by the sending thread."""

    def __init__(self, spool: Spool, every_s: float) -> None:
        self._spool, self._every_s = spool, every_s
        self.file: Optional[SpoolFile] = None
        self.look_at = 0.0
        # Paths of files that cannot be read or removed: they are left to a process that can.
        self._aside: set[str] = set()
        # Held over a fork: a file that is opened and not `file` yet would stay open, and locked, in the child.
        self.lock = threading.Lock()

    @property
    def is_busy(self) -> bool:
        """Whether there is a file, or one is being looked for."""
        # In this order: when the search has ended, `file` is what it found.
        return self.lock.locked() or self.file is not None

    def find(self, now: float) -> bool:
        """Whether there is a file with events; looks for one when it is time."""
        while self.file is None and now >= self.look_at:
            with self.lock:
                self._adopt(now)
        return self.file is not None

    def _adopt(self, now: float) -> None:
        try:
            self.file = self._spool.folder.adopt(self._aside)
        except OSError as error:
            log.warning("the spool folder %s cannot be read: %s", self._spool.folder.path, error)
        if self.file is None:
            self.look_at = now + self._every_s * random.uniform(0.75, 1.25)
            return
        log.info("adopted %s with %d bytes of events", self.file.path, self.file.waiting_bytes)
        # What that process dropped and did not tell is told by this one.
        self.count_drops(self.file.counts)
        self.file.store_counts({})
        self._remove_if_empty()

    def count_drops(self, counts: Mapping[str, int]) -> None:
        """Drops that are not of this process's events."""
        with self._spool.lock:
            for reason, count in counts.items():
                self._spool.count_drop(reason, count, is_own=False)

    def settle(self, position: int) -> None:
        """Everything before `position` is delivered or refused."""
        with self.lock:
            if self.file is not None:
                self.file.acknowledge(position)
                self._remove_if_empty()

    def _remove_if_empty(self) -> None:
        if self.file is not None and not self.file.waiting_bytes:
            file, self.file, self.look_at = self.file, None, 0.0
            if not file.remove():
                self._aside.add(file.path)

    def set_aside(self, error: OSError) -> None:
        """Goes on with the next file; this one stays on the disk, and this process tries it no more."""
        with self.lock:
            if self.file is not None:
                log.warning("the spool file %s cannot be read, it is left alone: %s", self.file.path, error)
                self._aside.add(self.file.path)
                self.look_at = 0.0
        self.give_up()

    def give_up(self) -> None:
        """Leaves the rest to whoever adopts it next."""
        with self.lock:
            self.abandon()

    def abandon(self) -> None:
        """In a forked child: closes the copy of the parent's file. The lock is the parent's too, and not taken."""
        if self.file is not None:
            file, self.file = self.file, None
            file.close()
