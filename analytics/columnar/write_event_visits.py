"""Writes into column files of days that are over which visit each event is in, so that reports need not look it up.

A worker's task and `flask columnar` call it. What is written is what read.py joins otherwise, and is believed as long
as no visit of these days has changed.
"""

import logging
import time
from datetime import date, datetime, timedelta

import pyarrow as pa
from psycopg2.errors import SerializationFailure
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from analytics import clock
from analytics.columnar import parquet
from analytics.columnar.columns import EVENTS_IN_VISITS
from analytics.columnar.limits import NotInColumns, QueryLimits, QueryTimeout, QueryTooLarge
from analytics.columnar.local_files import LocalFiles
from analytics.columnar.read import ColumnReader, open_columns
from analytics.rollups.calendar import read_rollups_zone
from analytics.store.columns import event_files as store
from analytics.store.columns import event_visits
from analytics.store.columns.event_files import ColumnFile, NewFile

log = logging.getLogger(__name__)

# Late page views change visits: a day that they come to is written again an hour later, and an hour more for each day
# that has passed since, or clients that were offline would have each day of a month written all day long.
REST, AGAIN = timedelta(minutes=1), timedelta(hours=1)
DAYS_AT_A_TIME = 20
ONE_DAY = timedelta(days=1)


class VisitNamer:
    """Writes the files of any site. `files` and `limits`: of its queries."""

    def __init__(self, engine: Engine, files: LocalFiles, limits: QueryLimits) -> None:
        self._engine, self._files, self._limits = engine, files, limits

    def run(self, now: datetime, seconds: float, rest: timedelta = REST) -> int:
        """Names the visits of the days that are due, the latest first, for about `seconds`; of how many. One query
        where none is. Raises OSError without a folder for copies."""
        self._files.make_folder()
        end, named = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            with self._engine.begin() as connection:
                due = event_visits.list_unnamed(connection, now, now - rest, now - AGAIN, DAYS_AT_A_TIME)
            done = [self.name_visits(day.site_id, day.day, now) for day in due if time.monotonic() < end]
            named += sum(map(bool, done))
            # What changed meanwhile is due again at the next call.
            if not any(done):
                break
        return named

    def name_visits(self, site_id: int, day: date, now: datetime) -> int:
        """Of how many events of the UTC day files name the visits that did not. 0 also where another writer, or a
        change of rows, was faster, and where it cannot be done now: it is tried again as if it had been. O(events of
        the day)."""
        try:
            repeatable = self._engine.execution_options(isolation_level="REPEATABLE READ")
            with repeatable.begin() as connection:
                return self._name(connection, site_id, day, now)
        except OperationalError as error:
            if not isinstance(error.orig, SerializationFailure):
                raise
        except (NotInColumns, QueryTimeout, QueryTooLarge) as error:
            # Its visits are in no file yet, or it is too large. The days after it have their turn.
            given = {"site_id": site_id, "day": str(day), "why": repr(error)}
            log.warning("visits of events cannot be named", extra=given)
            with self._engine.begin() as connection:
                store.note_named(connection, site_id, day, now)
        return 0

    def _name(self, connection: Connection, site_id: int, day: date, now: datetime) -> int:
        coverage = store.read_coverage(connection, site_id, day, day + ONE_DAY)
        zone, files = read_rollups_zone(connection, site_id), store.read_files(connection, site_id, day, day + ONE_DAY)
        unnamed = [file for file in files if file.visits_version != coverage[0].visits_version] if coverage else []
        if not unnamed or zone is None:
            return 0
        with open_columns(connection, self._files, site_id, clock.zone(zone), self._limits) as reader:
            # All before the day's row is locked, which retention would wait for.
            named = [(file, _with_visits(reader, file)) for file in unnamed]
        store.name_visits(connection, coverage[0], named, now)
        return sum(file.rows for file in unnamed)


def _with_visits(reader: ColumnReader, file: ColumnFile) -> NewFile:
    batches = reader.read_batches(f"FROM {reader.file_in_visits(file)}")
    table = pa.Table.from_batches(map(_encode_texts, batches)).cast(EVENTS_IN_VISITS.schema)
    return parquet.encode(table, EVENTS_IN_VISITS)


def _encode_texts(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Repeated texts as numbers, of which millions fit into memory."""
    columns = [
        column.dictionary_encode() if pa.types.is_dictionary(field.type) else column
        for column, field in zip(batch.columns, EVENTS_IN_VISITS.schema, strict=True)
    ]
    return pa.record_batch(columns, names=batch.schema.names)
