"""Writes the visit files of days that are over and have rested. A worker's task and `flask columnar` call it."""

import time
from datetime import datetime, timedelta

from psycopg2.errors import SerializationFailure
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from analytics import clock
from analytics.columnar import parquet
from analytics.columnar.columns import VISITS, read_rows
from analytics.store.columns import visit_files as store
from analytics.store.columns.visit_files import DueDay

# A day that still changes, as while history is imported, is read from PostgreSQL until it has rested.
REST = timedelta(minutes=1)
DAYS_AT_A_TIME = 20
# One file holds all visits of a day: more are read from PostgreSQL.
MOST_VISITS = 2_000_000


def write_due_visits(engine: Engine, now: datetime, seconds: float, rest: timedelta = REST) -> int:
    """Writes the files that are due, the latest days first, for about `seconds`; how many. One query where none is."""
    end, written = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        with engine.begin() as connection:
            due = store.list_due(connection, now, now - rest, DAYS_AT_A_TIME)
        done = [write_visits(engine, day) for day in due if time.monotonic() < end]
        written += sum(done)
        # What changed meanwhile, or is too large, is due again at the next call.
        if not any(done):
            break
    return written


def write_visits(engine: Engine, due: DueDay) -> bool:
    """Writes the day's file. False: it has changed meanwhile, or has too many visits. O(visits of the day)."""
    start, end = bounds = clock.day_bounds(due.day, clock.zone(due.zone))
    try:
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection, connection.begin():
            version = store.read_version(connection, due)
            given = {"site_id": due.site_id, "start": start, "end": end}
            tables = list(read_rows(connection, VISITS, given, MOST_VISITS))
            if version is None or len(tables) > 1:
                return False
            table = tables[0] if tables else VISITS.schema.empty_table()
            store.publish(connection, due.site_id, due.day, bounds, version, parquet.encode(table, VISITS))
            return True
    except OperationalError as error:
        if not isinstance(error.orig, SerializationFailure):
            raise
        return False
