"""The heartbeat of a worker on its export, which also tells the worker that its claim on the job is lost.

run.py holds one while it works on a job. It never decides what becomes of the job.
"""

import logging
import threading
from contextvars import copy_context
from typing import Protocol

from sqlalchemy import Engine

from analytics.exports.jobs import states
from analytics.exports.jobs.states import DATABASE_ERRORS, Claim, ClaimLost

log = logging.getLogger(__name__)

HEARTBEAT_INTERVAL_S = 1.0
# How long the end of an attempt waits for a heartbeat that is being written.
STOP_TIMEOUT_S = 10.0


class CancellableQuery(Protocol):
    """A query in the database that any thread may cancel."""

    def cancel(self) -> None: ...


class Heartbeat:
    """Writes a heartbeat each second from its own thread, even while the worker waits for the database.

    When the claim is lost, it cancels the worker's query, and `raise_if_lost` raises ClaimLost.
    """

    def __init__(self, engine: Engine, claim: Claim) -> None:
        self._engine, self._claim = engine, claim
        self._stop = threading.Event()
        # In the context of the job, whose request its log lines name.
        context = copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._run,), name="export-heartbeat", daemon=True)
        self._query: CancellableQuery | None = None
        self.rows_done, self.is_lost = 0, False

    def __enter__(self) -> "Heartbeat":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        # A database that does not answer must not block the worker; a late heartbeat updates no row.
        self._thread.join(STOP_TIMEOUT_S)

    def raise_if_lost(self) -> None:
        if self.is_lost:
            raise ClaimLost

    def set_query(self, query: CancellableQuery | None) -> None:
        """The query to cancel when the claim is lost: a sort may run for minutes before it sends a byte."""
        self._query = query

    def _run(self) -> None:
        while not self._stop.wait(HEARTBEAT_INTERVAL_S):
            try:
                states.write_heartbeat(self._engine, self._claim, self.rows_done)
            except ClaimLost:
                self.is_lost = True
                if (query := self._query) is not None:
                    query.cancel()
            except DATABASE_ERRORS as error:
                log.info("heartbeat missed", extra={"job": self._claim.job_id, "error": type(error).__name__})
