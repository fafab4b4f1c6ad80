"""A check that a thread of this process repeats, so that a request reads its last result and never waits for a server.

ops/health.py has one for each server. The thread starts with the first reader, also in a forked process, and ends when
nobody has asked for a while: an idle process costs nothing.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")
# From the end of a check to the next one.
INTERVAL_S = 0.5
# An older result is none: the check takes at most CHECK_TIMEOUT_S of ops/health.py.
MAX_AGE_S = 2.0
# Longer than the period of a probe.
IDLE_AFTER_S = 60.0


class _Run(Generic[T]):
    """One thread's state."""

    def __init__(self) -> None:
        self.pid, self.asked_at = os.getpid(), time.monotonic()
        self.thread: threading.Thread | None = None
        # When the check began, and what it found.
        self.last: tuple[float, T] | None = None
        self.has_ended_once = False

    @property
    def is_alive(self) -> bool:
        """False in a process forked since: it has no thread."""
        return self.pid == os.getpid() and self.thread is not None and self.thread.is_alive()


class BackgroundCheck(Generic[T]):
    """The result of `check`, at most MAX_AGE_S old. `check` reports an unavailable server in its result."""

    def __init__(self, check: Callable[[], T], name: str) -> None:
        self._check, self._name = check, name
        self._run: _Run[T] | None = None

    def start(self) -> None:
        """Starts the thread, unless it runs. Two readers at once may start two; the one that lost ends itself."""
        run = self._run
        if run is not None and run.is_alive:
            run.asked_at = time.monotonic()
            return
        run = self._run = _Run()
        run.thread = threading.Thread(target=self._repeat, args=(run,), name=f"check-{self._name}", daemon=True)
        run.thread.start()

    def stop(self) -> None:
        """Ends the thread after its current check."""
        self._run = None

    @property
    def has_begun(self) -> bool:
        """True after the thread's first check, whatever became of it."""
        return self._run is not None and self._run.has_ended_once

    def latest(self) -> T | None:
        """The newest result; None: the last check is overdue. Never waits."""
        self.start()
        last = self._run.last if self._run is not None else None
        return last[1] if last is not None and time.monotonic() - last[0] <= MAX_AGE_S else None

    def _repeat(self, run: _Run[T]) -> None:
        while self._run is run and time.monotonic() - run.asked_at < IDLE_AFTER_S:
            began = time.monotonic()
            try:
                run.last = began, self._check()
            except Exception:
                # The result then is overdue, which the readers report.
                log.exception("health check failed unexpectedly", extra={"check": self._name})
            run.has_ended_once = True
            time.sleep(INTERVAL_S)
