"""A time limit for the transactions of a request: then none begins any more, and PostgreSQL ends a long query."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import psycopg2
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError

from analytics.errors import Unavailable
from analytics.store.sql_errors import read_sqlstate

QUERY_CANCELED = "57014"


class Limited(NamedTuple):
    """Transactions of `engine` end in time. `check` raises once it is up; it takes what a progress callback gets."""

    engine: Engine
    check: Callable[[str], None]


@contextmanager
def limit_time(engine: Engine, seconds: float, time_is_up: Exception) -> Iterator[Limited]:
    """Raises `time_is_up` about then, and Unavailable for a database that is away."""
    end = time.monotonic() + seconds

    def check(subject: str = "") -> None:
        if time.monotonic() >= end:
            raise time_is_up

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
        yield Limited(limited, check)
    except (DBAPIError, psycopg2.Error) as error:
        if read_sqlstate(error) == QUERY_CANCELED:
            raise time_is_up from error
        if isinstance(error, psycopg2.OperationalError):
            # Of COPY, which is not SQLAlchemy's.
            raise Unavailable("the database is unavailable; try again shortly") from error
        raise
