"""Restarts one server or process within about a second after it exits.

Each has its own thread, so that a long crash recovery of the database does not delay other restarts.
"""

import threading
import time
from collections.abc import Callable
from typing import Protocol

from analytics.local.servers.binaries import StartError

POLL_INTERVAL_S = 0.1
MIN_BACKOFF_S = 0.2
MAX_BACKOFF_S = 10.0
# A process that ran this long did not fail at its start: the backoff begins again.
BACKOFF_RESET_AFTER_S = 10.0


class Restartable(Protocol):
    """A server or process that can be started again."""

    @property
    def pid(self) -> int | None:
        """The pid of the running process; None when it is dead."""

    @property
    def ending(self) -> str:
        """How the last process ended, for the log."""

    def start(self) -> object:
        """Starts it again, after ending the children of the old process. Raises StartError."""


class Supervisor(threading.Thread):
    """Restarts `unit` when it exits, and reloads it on request, until `stop_restarting` is called.

    `log_line` gets a line about each restart.
    """

    def __init__(
        self, name: str, unit: Restartable, log_line: Callable[[str], None], on_restart: Callable[[], None]
    ) -> None:
        super().__init__(name=f"supervisor-{name}", daemon=True)
        self.unit = unit
        self.restarts = 0
        self._unit_name = name
        self._log_line = log_line
        self._on_restart = on_restart
        self._is_stopping = False
        self._reload: Callable[[], None] | None = None
        self._reload_at = 0.0
        # Cuts a wait short.
        self._woken = threading.Event()
        self._delay = MIN_BACKOFF_S

    def run(self) -> None:
        """Watches until `stop_restarting`."""
        pid, since = self.unit.pid, time.monotonic()
        while not self._is_stopping:
            self._wait(POLL_INTERVAL_S)
            reload_unit = self._reload
            if reload_unit is not None and self.unit.pid is not None and time.monotonic() >= self._reload_at:
                self._reload = None
                reload_unit()
                if self.unit.pid not in (None, pid):
                    self._log_line(f"{self._unit_name} (pid {pid}) was replaced by pid {self.unit.pid}")
                    pid, since = self.unit.pid, time.monotonic()
                    self._on_restart()
            if self.unit.pid is not None:
                continue
            if self._reload is not None or time.monotonic() - since > BACKOFF_RESET_AFTER_S:
                self._delay = MIN_BACKOFF_S
            if self._restart(pid):
                pid, since = self.unit.pid, time.monotonic()

    def reload(self, reload_unit: Callable[[], None], delay_s: float = 0.0) -> None:
        """Has the unit run changed code after `delay_s`: by `reload_unit`, which may end it. A dead one is started."""
        self._reload_at = time.monotonic() + delay_s
        self._reload = reload_unit
        self._woken.set()

    def cancel_reload(self) -> bool:
        """Whether there was a reload that had not begun, and now will not."""
        cancelled, self._reload = self._reload, None
        return cancelled is not None

    def stop_restarting(self) -> None:
        """Stops restarting; returns when a running restart has finished."""
        self._is_stopping = True
        self._woken.set()
        if self.is_alive():
            self.join()

    def _wait(self, timeout_s: float) -> None:
        self._woken.wait(timeout_s)
        self._woken.clear()

    def _restart(self, pid: int | None) -> bool:
        ending = self.unit.ending
        self._wait(self._delay)
        if self._is_stopping:
            return False
        self._delay = min(self._delay * 2, MAX_BACKOFF_S)
        self.restarts += 1
        self._reload = None
        try:
            self.unit.start()
        except (StartError, OSError) as error:
            self._log_line(f"{self._unit_name} (pid {pid}) {ending}; restart failed: {error}")
            return False
        self._log_line(f"{self._unit_name} (pid {pid}) {ending}; restarted as pid {self.unit.pid}")
        self._on_restart()
        return True
