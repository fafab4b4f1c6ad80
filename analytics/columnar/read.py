"""Reads events and visits in columns: those of files, and beside them the rows that no file holds, in one snapshot.

`open_columns` gives reports a `ColumnReader`, whose `events`, `events_in_visits` and `visits` are relations for the SQL
of DuckDB. engine.py bounds their memory and time. Writes nothing but the local copies of files.
"""

import logging
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
from sqlalchemy import Connection

from analytics import clock
from analytics.clock import utc_midnight
from analytics.columnar.columns import EVENTS, EVENTS_IN_VISITS, VISITS, Kind, read_rows
from analytics.columnar.engine import as_engine_error, open_engine
from analytics.columnar.event_visits import join_visits
from analytics.columnar.limits import NotInColumns, QueryLimits
from analytics.columnar.local_files import LocalFiles
from analytics.rollups.visits.sessionization import GAP_US
from analytics.rollups.visits.store import LONG_US
from analytics.store.columns import event_files, visit_files

log = logging.getLogger(__name__)

ONE_DAY = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What no file holds is read from PostgreSQL, about 2 us a row: more of it is no faster than SQL.
MOST_LOOSE_EVENTS, MOST_LOOSE_VISITS = 200_000, 300_000
BATCH_ROWS = 65_536
# The longest visit that is not marked long, and how long after its last page view an event is in a visit.
LONGEST, GAP = timedelta(microseconds=LONG_US), timedelta(microseconds=GAP_US)
# Served by ix_visits_long.
LONG_VISITS = VISITS._replace(query=VISITS.query + " AND is_long AND ended_at >= %(until)s")
# Those that began so long before a UTC day, and reach into it.
VISITS_OF_DAYS = LONG_VISITS._replace(
    query=LONG_VISITS.query
    + """ AND CAST((started_at + interval '6 hours 30 minutes') AT TIME ZONE 'UTC' AS date)
    < CAST((ended_at + interval '30 minutes') AT TIME ZONE 'UTC' AS date)"""
)
NO_VISITS = VISITS.schema.empty_table()


class ColumnReader:
    """The site's events and visits, as the transaction of `connection` sees them. `zone`: of the rollups' days."""

    def __init__(
        self,
        connection: Connection,
        database: duckdb.DuckDBPyConnection,
        files: LocalFiles,
        site_id: int,
        zone: ZoneInfo,
    ) -> None:
        self.connection, self._database, self._files = connection, database, files
        self._site_id, self._zone, self._tables, self._functions = site_id, zone, 0, 0
        self._relations: dict[Hashable, str] = {}
        self._days: dict[tuple[datetime, datetime], list[_Day]] = {}
        self._kept: dict[Hashable, str] = {}
        # The local files that queries read.
        self.copies: set[Path] = set()

    def execute(self, query: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """The rows of a query of DuckDB, whose parameters are `$name`."""
        return self._database.execute(query, dict(parameters or {})).fetchall()

    def read_table(self, query: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """As `execute`, in columns."""
        table: pa.Table = self._database.sql(query, params=dict(parameters or {})).to_arrow_table()
        return table

    def read_batches(self, query: str, parameters: Mapping[str, Any] | None = None) -> Iterator[pa.RecordBatch]:
        """As `read_table`, for millions of rows: some at a time, while the query goes on."""
        batches: Any = self._database.sql(query, params=dict(parameters or {})).to_arrow_reader(BATCH_ROWS)
        try:
            yield from batches
        except OSError as error:
            raise as_engine_error(error) from error

    def add_table(self, table: pa.Table) -> str:
        """The table under a name for queries."""
        self._tables += 1
        name = f"loose_{self._tables}"
        self._database.register(name, table)
        return name

    def add_function(self, function: Callable[[str], str | None]) -> str:
        """A function of a text under a name for queries. It is called for each row, unless that is NULL: some us."""

        def apply(column: Any) -> pa.Array:
            texts = (None if text is None else function(text) for text in column.to_pylist())
            return pa.array(texts, pa.string())

        self._functions += 1
        name = f"function_{self._functions}"
        database: Any = self._database
        database.create_function(name, apply, ["VARCHAR"], "VARCHAR", type="arrow", null_handling="special")
        return name

    def keep(self, key: Hashable, make: Callable[[], tuple[str, Mapping[str, Any]]]) -> str:
        """The name of a table with the rows of the query that `make` gives with its parameters. It runs for the first
        use of the key only."""
        if key not in self._kept:
            query, parameters = make()
            name = f"kept_{len(self._kept)}"
            self.execute(f"CREATE TEMP TABLE {name} AS {query}", parameters)
            self._kept[key] = name
        return self._kept[key]

    def events(self, start: datetime, end: datetime) -> str:
        """A relation of the events of `[start, end)` with EVENTS' columns. Raises NotInColumns."""

        def make() -> str:
            days = self._find_days(start, end)
            files = [path for day in days for path in (*day.named, *day.others)]
            return self._union(EVENTS, "ts", start, end, files, [table for day in days for table in day.tables])

        return self._once(("events", start, end), make)

    def events_in_visits(self, start: datetime, end: datetime) -> str:
        """As `events`, with EVENTS_IN_VISITS' columns. Where files do not name the visits, they are joined."""

        def make() -> str:
            days = self._find_days(start, end)
            files = [path for day in days for path in day.named]
            joined = [self._join_visits(run, start, end) for run in _split_runs(days)]
            parts = [*(self._read_named(files, start, end) if files or not joined else []), *joined]
            return "(" + " UNION ALL ".join(f"FROM {one}" for one in parts) + ")"

        return self._once(("events in visits", start, end), make)

    def file_in_visits(self, file: event_files.ColumnFile) -> str:
        """A relation of the file's events with EVENTS_IN_VISITS' columns, which are not named where visits of their
        session began long before the day. Raises NotInColumns."""
        start, end = utc_midnight(file.day), utc_midnight(file.day) + ONE_DAY
        events = self._union(EVENTS, "ts", start, end, [self._find_file(file)], [])
        long = f"SELECT user_no, coalesce(session_id, ''), is_bot FROM {self._early_visits(start)}"
        is_named = f"(e.user_no, e.session, e.is_bot) NOT IN ({long})"
        return join_visits(events, self._reaching_visits(start, end), is_named)

    def visits(self, start: datetime, end: datetime) -> str:
        """A relation of the visits that began in `[start, end)` with VISITS' columns. Raises NotInColumns."""
        return self._once(("visits", start, end), lambda: self._make_visits(start, end))

    def _once(self, key: Hashable, make: Callable[[], str]) -> str:
        if key not in self._relations:
            self._relations[key] = make()
        return self._relations[key]

    def _find_days(self, start: datetime, end: datetime) -> list["_Day"]:
        if (start, end) not in self._days:
            self._days[start, end] = list(self._read_days(start, end))
        return self._days[start, end]

    def _read_days(self, start: datetime, end: datetime) -> Iterator["_Day"]:
        first, after = start.astimezone(UTC).date(), (end - timedelta(microseconds=1)).astimezone(UTC).date() + ONE_DAY
        days = event_files.read_coverage(self.connection, self._site_id, first, after)
        refuse_loose(sum(day.loose for day in days if not day.is_complete), MOST_LOOSE_EVENTS, "events")
        files = event_files.read_files(self.connection, self._site_id, first, after)
        for day in days:
            of_day = [file for file in files if file.day == day.day and day.through is not None]
            named = {file.id for file in of_day if file.visits_version == day.visits_version}
            paths = {file.id: self._find_file(file) for file in of_day}
            yield _Day(
                day.day,
                [path for file_id, path in paths.items() if file_id in named],
                [path for file_id, path in paths.items() if file_id not in named],
                [] if day.is_complete else list(map(self.add_table, self._read_loose(day, start, end))),
            )

    def _find_file(self, file: event_files.ColumnFile) -> Path:
        return self._find(file.sha256, lambda: event_files.read_body(self.connection, file.id))

    def _read_loose(self, day: event_files.Coverage, start: datetime, end: datetime) -> Iterator[pa.Table]:
        """The day's rows that no file holds."""
        midnight = utc_midnight(day.day)
        bounds = {"start": max(start, midnight), "end": min(end, midnight + ONE_DAY)}
        given = {"site_id": self._site_id, "after": -1 if day.through is None else day.through, **bounds}
        return read_rows(self.connection, EVENTS, given, MOST_LOOSE_EVENTS)

    def _join_visits(self, days: Sequence["_Day"], start: datetime, end: datetime) -> str:
        """The events of days that follow each other and that no file names the visits of, in their visits."""
        start, end = max(start, utc_midnight(days[0].day)), min(end, utc_midnight(days[-1].day) + ONE_DAY)
        files, tables = [path for day in days for path in day.others], [table for day in days for table in day.tables]
        return join_visits(self._union(EVENTS, "ts", start, end, files, tables), self._reaching_visits(start, end))

    def _read_named(self, files: Sequence[Path], start: datetime, end: datetime) -> list[str]:
        """The events of files that name visits. Those that are not named are joined."""
        named = self._union(EVENTS_IN_VISITS, "ts", start, end, files, [])
        # Files leave out sessions of long visits that reach into their day, also of those that ended before `start`.
        midnight = utc_midnight(start.astimezone(UTC).date())
        given = {"site_id": self._site_id, "start": EPOCH, "end": end, "until": midnight - GAP}
        tables = list(map(self.add_table, read_rows(self.connection, VISITS_OF_DAYS, given, MOST_LOOSE_VISITS)))
        if not tables:
            return [named]
        users = " UNION ALL ".join(f"SELECT user_no FROM {one}" for one in tables)
        visits = f"(SELECT * FROM {self._reaching_visits(start, end)} WHERE user_no IN ({users}))"
        events = f"(SELECT {', '.join(EVENTS.schema.names)} FROM {named} WHERE NOT is_named)"
        return [f"(SELECT * FROM {named} WHERE is_named)", join_visits(events, visits)]

    def _reaching_visits(self, start: datetime, end: datetime) -> str:
        """The visits that events of `[start, end)` can be in."""
        columns, until = ", ".join(VISITS.schema.names), to_microseconds(start - GAP)
        usual = f"SELECT {columns} FROM {self.visits(start - LONGEST - GAP, end)} WHERE ended_at >= {until}"
        return f"({usual} UNION ALL SELECT {columns} FROM {self._early_visits(start)})"

    def _early_visits(self, start: datetime) -> str:
        """The visits that began so long before that only long ones can hold events from then on."""

        def make() -> str:
            given = {"site_id": self._site_id, "start": EPOCH, "end": start - LONGEST - GAP, "until": start - GAP}
            rows = read_rows(self.connection, LONG_VISITS, given, MOST_LOOSE_VISITS)
            return self.add_table(pa.concat_tables([NO_VISITS, *rows]))

        return self._once(("early visits", start), make)

    def _make_visits(self, start: datetime, end: datetime) -> str:
        files = [
            file
            for file in visit_files.read_files(self.connection, self._site_id, start, end)
            if (file.start, file.end) == clock.day_bounds(file.day, self._zone)
        ]
        gaps = list(find_gaps(start, end, [(file.start, file.end) for file in files]))
        loose = visit_files.count_visits(self.connection, self._site_id, gaps, MOST_LOOSE_VISITS + 1)
        refuse_loose(loose, MOST_LOOSE_VISITS, "visits")
        paths = [
            self._find(file.sha256, lambda file=file: visit_files.read_body(self.connection, self._site_id, file))
            for file in files
        ]
        bounds = ({"site_id": self._site_id, "start": gap_start, "end": gap_end} for gap_start, gap_end in gaps)
        rows = (table for one in bounds for table in read_rows(self.connection, VISITS, one, MOST_LOOSE_VISITS))
        return self._union(VISITS, "started_at", start, end, paths, list(map(self.add_table, rows)))

    def _find(self, sha256: bytes, fetch: Any) -> Path:
        try:
            path = self._files.find(sha256, fetch)
        except OSError as error:
            log.warning("a column file cannot be copied", exc_info=error)
            raise NotInColumns("this server has no room for column files (COLUMNS_FOLDER); its log says why") from error
        if path is None:
            raise NotInColumns("a column file is not what was written; `flask columnar rebuild` writes it anew")
        self.copies.add(path)
        return path

    def _union(
        self, kind: Kind, time: str, start: datetime, end: datetime, files: Sequence[Path], tables: Sequence[str]
    ) -> str:
        """The rows of `[start, end)`."""
        columns = ", ".join(kind.schema.names)
        # Names of our own: a checksum in a folder of the operator's.
        listed = ", ".join("'" + str(path).replace("'", "''") + "'" for path in files)
        sources = [*tables, *([f"read_parquet([{listed}])"] if files else [])]
        sources = sources or [self.add_table(kind.schema.empty_table())]
        inside = f"{time} >= {to_microseconds(start)} AND {time} < {to_microseconds(end)}"
        return "(" + " UNION ALL ".join(f"SELECT {columns} FROM {one} WHERE {inside}" for one in sources) + ")"


class _Day(NamedTuple):
    """Where the events of a UTC day are: local files that name visits, files that do not, and tables of other rows."""

    day: date
    named: list[Path]
    others: list[Path]
    tables: list[str]


def _split_runs(days: Iterable[_Day]) -> Iterator[list[_Day]]:
    """The days with events of which no file names the visits, those together that follow each other."""
    run: list[_Day] = []
    for day in days:
        if not (day.others or day.tables):
            continue
        if run and day.day - run[-1].day > ONE_DAY:
            yield run
            run = []
        run.append(day)
    if run:
        yield run


def refuse_loose(rows: int, most: int, what: str) -> None:
    """Raises NotInColumns where more than `most` rows are in no file."""
    if rows > most:
        raise NotInColumns(
            f"over {most:,} {what} of this period are in no column file yet, as after an import or an upgrade; they "
            "are being written (`flask columnar status` shows how far): try again in a minute"
        )


def to_microseconds(instant: datetime) -> int:
    """Since 1970."""
    return (instant - EPOCH) // timedelta(microseconds=1)


def find_gaps(
    start: datetime, end: datetime, spans: Sequence[tuple[datetime, datetime]]
) -> Iterator[tuple[datetime, datetime]]:
    """What of `[start, end)` none of the spans holds; they are in order and do not overlap."""
    for span_start, span_end in spans:
        if start < span_start:
            yield start, span_start
        start = max(start, span_end)
    if start < end:
        yield start, end


@contextmanager
def open_columns(
    connection: Connection, files: LocalFiles, site_id: int, zone: ZoneInfo, limits: QueryLimits
) -> Iterator[ColumnReader]:
    """A reader in the snapshot of the REPEATABLE READ transaction of `connection`.

    Raises as `open_engine`, and NotInColumns.
    """
    with open_engine(files.folder, limits) as database:
        reader = ColumnReader(connection, database, files, site_id, zone)
        try:
            yield reader
        except (duckdb.InterruptException, duckdb.OutOfMemoryException):
            raise
        except duckdb.Error as error:
            if not files.drop_damaged(reader.copies):
                raise
            log.warning("damaged copies of column files are fetched again", exc_info=error)
            raise NotInColumns("the copy of a column file was damaged, and is deleted; try again") from error
