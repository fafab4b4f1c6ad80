"""The spool file of an ended process that this one is delivering: one at a time, so that others may take the next.

sender.py asks `find` before each attempt and settles what was delivered. The folder is looked through at the start,
after each file, and once a minute.
"""

import logging
import random
from typing import Optional

from analytics_client.spool.file import SpoolFile
from analytics_client.spool.spool import Spool

log = logging.getLogger("analytics_client")


class AdoptedFile:
    """At most one file. Used by the sending thread."""

    def __init__(self, spool: Spool, every_s: float) -> None:
        self._spool, self._every_s = spool, every_s
        self.file: Optional[SpoolFile] = None
        # Whether a file may be locked already and not be `file` yet.
        self.is_looking = False
        self.look_at = 0.0

    def find(self, now: float) -> bool:
        """Whether there is a file with events; looks for one when it is time."""
        while self.file is None and now >= self.look_at:
            self.is_looking = True
            try:
                self.file = self._spool.folder.adopt()
            except OSError as error:
                log.warning("the spool folder %s cannot be read: %s", self._spool.folder.path, error)
            finally:
                self.is_looking = False
            if self.file is None:
                self.look_at = now + self._every_s * random.uniform(0.75, 1.25)
            else:
                self._take_counts(self.file)
                log.info("adopted %s with %d bytes of events", self.file.path, self.file.waiting_bytes)
                self._remove_if_empty()
        return self.file is not None

    def _take_counts(self, file: SpoolFile) -> None:
        """What that process dropped and did not tell is told by this one."""
        if file.counts:
            with self._spool.lock:
                for reason, count in file.counts.items():
                    self._spool.count_drop(reason, count, is_own=False)
            file.store_counts({})

    def settle(self, position: int) -> None:
        """Everything before `position` is delivered or refused."""
        if self.file is not None:
            self.file.acknowledge(position)
            self._remove_if_empty()

    def _remove_if_empty(self) -> None:
        if self.file is not None and not self.file.waiting_bytes:
            # Not after it: the child of a fork in between would close it again.
            file, self.file, self.look_at = self.file, None, 0.0
            file.remove()

    def give_up(self) -> None:
        """Leaves the rest to whoever adopts it next."""
        if self.file is not None:
            file, self.file = self.file, None
            file.close()
