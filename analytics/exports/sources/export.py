"""An export, resolved once from its request: checked, with its columns, its file and the source of its rows.

jobs/ takes the estimate from it, the worker the parts and their rows, a schedule its increments. A job holds the rows
received before its cutoff, in the order (ts, id). Parts are ranges of time, so they hold the same rows whenever they
are read. SELECT only.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from analytics import clock
from analytics.exports.formats.file_types import FORMATS, FileSpec
from analytics.exports.sources import raw_rows, reports, users
from analytics.exports.sources.raw_rows import RawRows
from analytics.exports.sources.reports import ReportRows
from analytics.exports.sources.request import SOURCES, ExportRequest, ReportSpec, check_one_of, unknown_value
from analytics.exports.sources.users import UserRows
from analytics.files.columns import Column, session_zone
from analytics.period import Period, day_period
from analytics.reports.day_range import bad_parameter
from analytics.reports.events.raw_export import BoundStatement, stored_period
from analytics.store.copy.copy_stream import CopyReader
from analytics.store.partitions import list_stored_partitions

# Rows that are computed.
DERIVED_SOURCES: dict[str, Callable[[ExportRequest], "Source"]] = {"report": ReportRows, "users": UserRows}


class Part(NamedTuple):
    """A range `[start, end)` of the export's period; `n` counts from 0."""

    n: int
    start: datetime
    end: datetime


class Source(Protocol):
    """The rows of one request."""

    @property
    def title(self) -> str:
        """What its rows are called."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """All that a file may have."""

    @property
    def is_countable(self) -> bool:
        """Whether the number of rows is known without reading them."""

    @property
    def can_overlap(self) -> bool:
        """Whether its statements may run at the same time, each with its own snapshot."""

    def check(self) -> None:
        """Raises BadInput for a filter or a report that does not exist."""

    def split_period(self, connection: Connection) -> list[tuple[datetime, datetime]]:
        """The period in ranges, in order of time; none where nothing is stored."""

    def estimate_max_rows(self, connection: Connection) -> int:
        """About how many rows there are at most."""

    def statements(
        self, engine: Engine, columns: Sequence[Column], start: datetime, end: datetime, cutoff: datetime
    ) -> Iterator[BoundStatement]:
        """COPYs of the rows in `[start, end)` that were received before the cutoff, in order."""


@dataclass(frozen=True, slots=True)
class Export:
    """What an export is made of. Holds no connection."""

    request: ExportRequest
    source: Source
    file_spec: FileSpec

    def estimate_rows(self, connection: Connection) -> int | None:
        """About how many rows; None: the filter is one that rollups know nothing of."""
        return self.source.estimate_max_rows(connection) if self.source.is_countable else None

    def plan_parts(self, connection: Connection) -> list[Part]:
        """The parts, in order of time; a job stores them, and they are not planned again."""
        return [Part(n, *times) for n, times in enumerate(self.source.split_period(connection))]

    def open_rows(self, engine: Engine, part: Part, cutoff: datetime) -> CopyReader:
        """The rows of the part in one snapshot, as the format needs them."""
        return CopyReader(engine, self._statements(engine, part, cutoff), self._session_zone)

    def open_copies(self, engine: Engine, part: Part, cutoff: datetime) -> list[CopyReader]:
        """The same rows, with one reader for each statement, for a caller that runs two at a time."""
        if not self.source.can_overlap:
            return [self.open_rows(engine, part, cutoff)]
        statements = self._statements(engine, part, cutoff)
        return [CopyReader(engine, [statement], self._session_zone, is_serial=True) for statement in statements]

    def _statements(self, engine: Engine, part: Part, cutoff: datetime) -> Iterator[BoundStatement]:
        return self.source.statements(engine, self.file_spec.columns, part.start, part.end, cutoff)

    @property
    def _session_zone(self) -> str:
        return session_zone(self.request.format, self.request.zone)


def resolve(request: ExportRequest) -> Export:
    """The export of the request. Pure. Raises BadInput, which names the accepted values."""
    check_one_of("what", request.what, SOURCES)
    check_one_of("format", request.format, tuple(FORMATS))
    check_one_of("compression", request.compression, FORMATS[request.format].compressions)
    if request.what == "subject" and not request.filter.user_id:
        raise bad_parameter("user_id", "a subject export is of one user; name the user", "filter.user_id=ann")
    if request.what != "report" and request.report != ReportSpec():
        raise bad_parameter("report", f"is accepted with what=report, not with what={request.what}", "what=report")
    if request.what != "users" and request.users:
        raise bad_parameter("users", f"is accepted with what=users, not with what={request.what}", "what=users")
    source: Source = DERIVED_SOURCES.get(request.what, RawRows)(request)
    source.check()
    columns = _select_columns(source.columns, request.columns)
    return Export(
        request, source, FileSpec(request.format, request.compression, columns, request.zone, source.title.capitalize())
    )


def default_period(connection: Connection, what: str, site_id: int, zone: ZoneInfo, now: datetime) -> Period:
    """Everything that is stored or, of a report, known; today where there is nothing."""
    if what == "report":
        return reports.read_full_period(connection, site_id, now)
    if what == "users":
        return users.default_period(now, zone)
    partitions = list_stored_partitions(connection, raw_rows.find_table(what).name)
    return stored_period(partitions, day_period(clock.day_of(now, zone), zone))


def _select_columns(columns: Sequence[Column], names: Sequence[str]) -> tuple[Column, ...]:
    """The named columns in that order; all of them without names. Raises BadInput for an unknown or repeated name."""
    by_name = {column.name: column for column in columns}
    for number, name in enumerate(names):
        if name not in by_name:
            raise unknown_value("columns", name, tuple(by_name))
        if name in names[:number]:
            raise bad_parameter("columns", f"{name[:80]!r} is named twice; name it once", f"columns={names[0]}")
    return tuple(by_name[name] for name in names) or tuple(columns)
