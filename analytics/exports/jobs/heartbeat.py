"""The heartbeat of a worker that makes an export, and how it hears that the job is no longer its own.

run.py holds one for as long as it works on a job. Nothing here decides what becomes of the job.
"""

import logging
import threading
from typing import Protocol

from sqlalchemy import Engine

from analytics.exports import states
from analytics.exports.states import AWAY, Claim, Lost

log = logging.getLogger(__name__)

BEAT_S = 1.0
# How long the end of an attempt waits for a heartbeat that is under way.
LATE_S = 10.0


class Query(Protocol):
    """What runs in the database, and may be ended from any thread."""

    def cancel(self) -> None: ...


class Pulse:
    """Writes the heartbeat each second, from a thread of its own, whatever the worker waits for. When the job is no
    longer the worker's, it ends the query, and `tick` raises Lost."""

    def __init__(self, engine: Engine, held: Claim) -> None:
        self._engine, self._held = engine, held
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="export-pulse", daemon=True)
        self._query: Query | None = None
        self.rows_done, self.is_lost = 0, False

    def __enter__(self) -> "Pulse":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        # A database that does not answer must not hold the worker; what comes late touches no row.
        self._thread.join(LATE_S)

    def tick(self) -> None:
        if self.is_lost:
            raise Lost

    def watch(self, query: Query | None) -> None:
        """The query to end when the job is lost: a sort may run for minutes before it sends a byte."""
        self._query = query

    def _run(self) -> None:
        while not self._over.wait(BEAT_S):
            try:
                states.beat(self._engine, self._held, self.rows_done)
            except Lost:
                self.is_lost = True
                if (query := self._query) is not None:
                    query.cancel()
            except AWAY as error:
                log.info("heartbeat missed", extra={"job": self._held.job_id, "error": type(error).__name__})
