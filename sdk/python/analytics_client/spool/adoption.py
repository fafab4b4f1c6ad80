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
        # Paths of files that cannot be read or removed, and why: they are left to a process that can.
        self._aside: dict[str, str] = {}
        self._logged: set[str] = set()
        # Held over a fork: a file that is opened and not `file` yet would stay open, and locked, in the child. Nothing
        # is logged under it, since a handler of the application may wait for the fork.
        self.lock = threading.Lock()

    @property
    def is_busy(self) -> bool:
        """Whether there is a file, or one is being looked for."""
        # In this order: when the search has ended, `file` is what it found.
        return self.lock.locked() or self.file is not None

    def find(self, now: float) -> bool:
        """Whether there is a file with events; looks for one when it is time."""
        while self.file is None and now >= self.look_at:
            try:
                with self.lock:
                    self.file = self._spool.folder.adopt(self._aside)
            except OSError as error:
                log.warning("the spool folder %s cannot be read: %s", self._spool.folder.path, error)
            if self.file is None:
                self.look_at = now + self._every_s * random.uniform(0.75, 1.25)
            else:
                self._begin(self.file)
            self._log_aside()
        return self.file is not None

    def _begin(self, file: SpoolFile) -> None:
        log.info("adopted %s with %d bytes of events", file.path, file.waiting_bytes)
        # What that process dropped and did not tell is told by this one.
        self.count_drops(file.counts)
        file.store_counts({})
        self.settle(file.acked)

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
                self._remove_if_empty(self.file)

    def _remove_if_empty(self, file: SpoolFile) -> None:
        if not file.waiting_bytes:
            self.file, self.look_at = None, 0.0
            if not file.remove():
                self._aside[file.path] = "it cannot be removed"

    def set_aside(self, error: OSError) -> None:
        """Goes on with the next file; this one stays on the disk, and this process tries it no more."""
        with self.lock:
            if self.file is not None:
                self._aside[self.file.path] = str(error)
                self.look_at = 0.0
                self.abandon()

    def _log_aside(self) -> None:
        for path in self._aside.keys() - self._logged:
            log.warning("the spool file %s is left alone: %s", path, self._aside[path])
            self._logged.add(path)

    def give_up(self) -> None:
        """Leaves the rest to whoever adopts it next."""
        with self.lock:
            self.abandon()

    def abandon(self) -> None:
        """In a forked child: closes the copy of the parent's file. The lock is the parent's too, and not taken."""
        if self.file is not None:
            file, self.file = self.file, None
            file.close()
