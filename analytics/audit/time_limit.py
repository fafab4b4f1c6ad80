"""The time limit of an audit by HTTP: it ends between two comparisons, and PostgreSQL ends a long query."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import psycopg2
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError

from analytics.audit.balance_sheet import ProgressCallback
from analytics.errors import Unavailable
from analytics.store.sql_errors import read_sqlstate

QUERY_CANCELED = "57014"
RETRY_AFTER_S = 60


class LimitedAudit(NamedTuple):
    """What an audit is called with: transactions of `engine` end in time, and so does a call of `progress`."""

    engine: Engine
    progress: ProgressCallback


@contextmanager
def limit_audit(engine: Engine, seconds: float) -> Iterator[LimitedAudit]:
    """Raises Unavailable about when the time is up, and for a database that is away."""
    end = time.monotonic() + seconds

    def check(subject: str = "") -> None:
        if time.monotonic() >= end:
            raise _took_too_long(seconds)

    limited = engine.execution_options()

    @event.listens_for(limited, "begin")
    def set_timeout(connection: Connection) -> None:
        # Through the driver: a statement of this connection would begin a transaction inside the one that begins.
        check()
        timeout_ms = int((end - time.monotonic()) * 1000)
        cursor = connection.connection.cursor()
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", (str(max(1, timeout_ms)),))
        cursor.close()

    try:
        yield LimitedAudit(limited, check)
    except (DBAPIError, psycopg2.Error) as error:
        if read_sqlstate(error) == QUERY_CANCELED:
            raise _took_too_long(seconds) from error
        if isinstance(error, psycopg2.OperationalError):
            # Of COPY, which is not SQLAlchemy's.
            raise Unavailable("the database is unavailable; try again shortly") from error
        raise


def _took_too_long(seconds: float) -> Unavailable:
    detail = (
        f"the audit took longer than {seconds:g} s; name a site or fewer days, for example site=shop&from=2026-11-23"
    )
    return Unavailable(f"{detail}&to=2026-11-23; flask audit has no limit", RETRY_AFTER_S)
