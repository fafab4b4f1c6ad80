"""Keeps one server or process alive: whatever kills it, it is started again within about a second.

Each has a thread of its own, so that a long crash recovery of the database delays nobody else's restart.
"""

import threading
import time
from collections.abc import Callable
from typing import Protocol

from analytics.local.binaries import StartError

POLL_S = 0.1
FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 10.0
# Who lived that long did not die of its start: the next restart is a quick one again.
SETTLED_S = 10.0


class Unit(Protocol):
    """What can be kept alive."""

    @property
    def pid(self) -> int | None:
        """The running process, None when it is dead."""

    def start(self) -> object:
        """Start it again, after cleaning up what the dead one left."""


class Keeper(threading.Thread):
    """Restarts `unit` when it dies, until `release` is called; `tell` gets a line about each restart."""

    def __init__(self, name: str, unit: Unit, tell: Callable[[str], None], changed: Callable[[], None]) -> None:
        super().__init__(name=f"keeper-{name}", daemon=True)
        self.unit = unit
        self.restarts = 0
        self._unit_name = name
        self._tell = tell
        self._changed = changed
        self._released = threading.Event()
        self._delay = FIRST_DELAY_S

    def run(self) -> None:
        """Watch until released."""
        pid, since = self.unit.pid, time.monotonic()
        while not self._released.wait(POLL_S):
            if self.unit.pid is not None:
                continue
            if time.monotonic() - since > SETTLED_S:
                self._delay = FIRST_DELAY_S
            if self._restart(pid):
                pid, since = self.unit.pid, time.monotonic()

    def release(self) -> None:
        """Restart no more; returns when a restart under way is through."""
        self._released.set()
        if self.is_alive():
            self.join()

    def _restart(self, pid: int | None) -> bool:
        ending = getattr(self.unit, "ending", "died")
        if self._released.wait(self._delay):
            return False
        self._delay = min(self._delay * 2, LONGEST_DELAY_S)
        self.restarts += 1
        try:
            self.unit.start()
        except (StartError, OSError) as error:
            self._tell(f"{self._unit_name} (pid {pid}) {ending}; not started: {error}")
            return False
        self._tell(f"{self._unit_name} (pid {pid}) {ending}; started again as pid {self.unit.pid}")
        self._changed()
        return True
