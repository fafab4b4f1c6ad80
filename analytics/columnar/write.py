"""Writes column files: of the rows that none holds yet, day by day. A worker's task and `flask columnar` call it.

A new file takes in the files before it that are not much larger than itself, so that a day has few of them and each row
is written a dozen times at most. Rows come from raw events, those of earlier files from the files. Never changes a raw
event.
"""

import itertools
import logging
import time
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

import pyarrow as pa
from psycopg2.errors import SerializationFailure
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from analytics.clock import utc_midnight
from analytics.columnar import parquet
from analytics.columnar.columns import EVENTS, read_rows
from analytics.store.columns import event_files as store
from analytics.store.columns.event_files import ColumnFile, Coverage

log = logging.getLogger(__name__)

# Rows that no file holds are read as they are: so many take a reader about 20 ms.
ENOUGH_ROWS = 5_000
# Fewer rows wait so long after the day's last file.
LONGEST_WAIT = timedelta(minutes=10)
# A file takes in the one before that has at most so many times its rows: of a day that is over few late ones are left
# beside a file of many.
ABSORBED_RATIO, OVER_RATIO = 2, 64
# In memory at a time, about 500 bytes each.
MOST_FILE_ROWS = 1_000_000
DAYS_AT_A_TIME = 20
ONE_DAY = timedelta(days=1)


class Written(NamedTuple):
    """Files written, and the rows in them that no file held before."""

    files: int = 0
    rows: int = 0


def write_due(engine: Engine, now: datetime, seconds: float) -> Written:
    """Writes the files that are due, the latest days first, for about `seconds`; the next call goes on. One query where
    none is due."""
    end, total = time.monotonic() + seconds, Written()
    while time.monotonic() < end:
        with engine.begin() as connection:
            due = store.list_due(connection, ENOUGH_ROWS, now - LONGEST_WAIT, DAYS_AT_A_TIME)
        written = [_write_due_day(engine, day.site_id, day.day, now, end) for day in due]
        total = Written(total.files + sum(map(bool, written)), total.rows + sum(written))
        # What could not be written now, because rows changed meanwhile, is due again at the next call.
        if not any(written):
            break
    return total


def _write_due_day(engine: Engine, site_id: int, day: date, now: datetime, end: float) -> int:
    return write_day(engine, site_id, day, now) if time.monotonic() < end else 0


def write_day(engine: Engine, site_id: int, day: date, now: datetime) -> int:
    """Writes a file of the day's rows that none holds yet; how many these are. 0 also where another writer, or a change
    of rows, was faster. O(new rows), and the files that it takes in."""
    with engine.begin() as connection:
        store.claim(connection, site_id, day)
    try:
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection, connection.begin():
            coverage = store.read_coverage(connection, site_id, day, day + ONE_DAY)
            return _write(connection, coverage[0], now) if coverage and not coverage[0].is_complete else 0
    except OperationalError as error:
        if not isinstance(error.orig, SerializationFailure):
            raise
        log.info("rows changed while their file was written", extra={"site_id": site_id, "day": str(day)})
        return 0


def _write(connection: Connection, known: Coverage, now: datetime) -> int:
    start = utc_midnight(known.day)
    # Rows of an earlier release have the number 0.
    after = -1 if known.through is None else known.through
    bounds = {"site_id": known.site_id, "start": start, "end": start + ONE_DAY, "after": after}
    tables = read_rows(connection, EVENTS, bounds, MOST_FILE_ROWS)
    first = next(tables, EVENTS.schema.empty_table())
    files = store.read_files(connection, known.site_id, known.day, known.day + ONE_DAY)
    absorbed = choose_absorbed(files, len(first), is_over=start + ONE_DAY <= now)
    bodies = [store.read_body(connection, file.id) for file in absorbed]
    first = pa.concat_tables([*(parquet.decode(body, EVENTS) for body in bodies if body), first])
    # The day's row is locked from here on: an invalidation waits, or this fails.
    if not store.cover(connection, known, now):
        return 0
    store.remove(connection, absorbed)
    rows = -sum(file.rows for file in absorbed)
    for table in itertools.chain([first], tables):
        rows += len(table)
        if len(table):
            store.add(connection, known, parquet.encode(table, EVENTS))
    return rows


def choose_absorbed(files: Sequence[ColumnFile], new_rows: int, is_over: bool) -> list[ColumnFile]:
    """Those of the day's files, the latest ones, that a new one of `new_rows` takes in: while they are not much larger
    than what follows them."""
    ratio, rows, chosen = OVER_RATIO if is_over else ABSORBED_RATIO, new_rows, 0
    for file in reversed(files):
        if file.rows > max(rows, 1) * ratio or rows + file.rows > MOST_FILE_ROWS:
            break
        rows += file.rows
        chosen += 1
    return list(files[len(files) - chosen :])
