"""The raw rows of an export, events or samples: which of them match, the SQL that reads them, and how they are cut.

export.py calls it; schedules/increments.py counts with the same SQL. A filter is by type, user, name and tags, or in
the language of the reports (reports/filtering/filters.py), so that a file holds what a report counts. SELECT only.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Engine
from sqlalchemy.dialects.postgresql import psycopg2
from sqlalchemy.dialects.postgresql.base import PGDialect

from analytics import clock
from analytics.errors import BadInput
from analytics.exports.sources.estimates import RowDensity, count_users, read_density
from analytics.exports.sources.request import ExportRequest, check_no_sample_filter
from analytics.files.columns import FORMULA_PARAMETERS, Column, copy_statement
from analytics.period import Period
from analytics.reports.day_range import bad_parameter
from analytics.reports.events import raw_export
from analytics.reports.filtering.filters import build_filter_clause, parse_terms
from analytics.reports.filtering.scope import parse_event_filter
from analytics.reports.segments.expansion import expand, may_name_segments
from analytics.store.event_queries import ORDER_COLUMNS
from analytics.store.models import events
from analytics.store.partitions import StoredPartition, list_stored_partitions
from analytics.store.reading import read_transaction

# About the rows of a part: a worker that is killed repeats two parts at most.
PART_ROWS = 200_000
# One user has few rows; then a part is cut by the rows that are read for it.
MAX_SCANNED_ROWS = 2_000_000
PLAN_TIMEOUT_S = 60.0
WHERE_EXAMPLE = "filter.where=country==DE;payload.plan!=free"


class SourceTable(NamedTuple):
    """A table of raw rows; the rows are in the order of the columns `order`."""

    name: str
    order: tuple[str, ...]
    columns: tuple[Column, ...]


SAMPLE_COLUMNS = (
    *(Column("sample_id", "identifier"), Column("ts", "timestamp"), Column("received_at", "timestamp"), Column("name")),
    *(Column("value", "number"), Column("kind"), Column("tags", "json")),
)
EVENTS = SourceTable("events", ORDER_COLUMNS, raw_export.EVENT_COLUMNS)
SAMPLES = SourceTable("samples", ("ts", "received_at", "sample_id"), SAMPLE_COLUMNS)


def find_table(what: str) -> SourceTable:
    """The table of an export of events, samples or one user."""
    return SAMPLES if what == "samples" else EVENTS


class Selection(NamedTuple):
    """SQL from FROM through WHERE with psycopg2 placeholders, and their values except `start` and `end`."""

    from_clause: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RawRows:
    """The rows of one request; a `Source` of export.py."""

    request: ExportRequest
    can_overlap = True

    @property
    def table(self) -> SourceTable:
        return find_table(self.request.what)

    @property
    def title(self) -> str:
        return self.table.name

    @property
    def columns(self) -> tuple[Column, ...]:
        return self.table.columns

    @property
    def is_countable(self) -> bool:
        return self.request.filter.is_countable

    def check(self) -> None:
        row_filter = self.request.filter
        if self.request.what == "samples":
            if row_filter.types or row_filter.user_id or row_filter.where or not row_filter.include_bots:
                raise bad_parameter("filter", "samples are filtered by name and tags only", "filter.name=load")
            return
        check_no_sample_filter(self.request.what, row_filter)
        if row_filter.where is not None:
            with _names_where():
                parse_event_filter(row_filter.where)

    def split_period(self, connection: Connection) -> list[tuple[datetime, datetime]]:
        partitions = list_stored_partitions(connection, self.table.name)
        max_rows = PART_ROWS if self.request.filter.user_id is None else MAX_SCANNED_ROWS
        ranges = list(raw_export.split_by_partition(self.request.period, partitions))
        return _join_and_cut(ranges, read_density(connection, self.request, partitions), max_rows)

    def estimate_max_rows(self, connection: Connection) -> int:
        partitions = list_stored_partitions(connection, self.table.name)
        rows = read_density(connection, self.request, partitions).count(self.request.start, self.request.end)
        if self.request.filter.user_id is not None:
            rows /= count_users(connection, self.request.site_id)
        return ceil(rows)

    def statements(
        self, engine: Engine, columns: Sequence[Column], start: datetime, end: datetime, cutoff: datetime
    ) -> Iterator[raw_export.BoundStatement]:
        request = self.request
        with read_transaction(engine, PLAN_TIMEOUT_S) as connection:
            partitions = list_stored_partitions(connection, self.table.name)
        period = Period(start, end, clock.zone(request.zone))
        return self._bind(columns, period, partitions, self.select(cutoff))

    def _bind(
        self, columns: Sequence[Column], period: Period, partitions: Sequence[StoredPartition], selection: Selection
    ) -> Iterator[raw_export.BoundStatement]:
        file_format, zone = self.request.format, self.request.zone
        from_clause = _ordered(self.table, selection.from_clause, columns, file_format)
        statement = copy_statement(columns, file_format, zone, from_clause)
        for start, end in raw_export.split_by_partition(period, partitions):
            yield statement, {**selection.parameters, **FORMULA_PARAMETERS, "start": start, "end": end}

    def select(self, cutoff: datetime) -> Selection:
        """The rows that the filter matches, received in `[received_from, cutoff)`."""
        return _select_samples(self.request, cutoff) if self.table is SAMPLES else _select_events(self.request, cutoff)


def expand_where(connection: Connection, request: ExportRequest) -> ExportRequest:
    """The request with the conditions of the segments that its text filter names. Raises BadInput."""
    where = request.filter.where
    if where is None or not may_name_segments(where):
        return request
    with _names_where():
        parse_terms(where)
    text = expand(connection, request.site_id, where, "filter.where").text
    return replace(request, filter=request.filter.expanded(text))


@contextmanager
def _names_where() -> Iterator[None]:
    """Raises BadInput with the `position` of the error in the text filter, and with the field's own name."""
    try:
        yield
    except BadInput as error:
        detail = error.detail.removeprefix("filter: ").partition("; for example")[0]
        refusal = bad_parameter("filter.where", detail, WHERE_EXAMPLE)
        refusal.extra = error.extra
        raise refusal from error


def _join_and_cut(
    ranges: Sequence[tuple[datetime, datetime]], density: RowDensity, max_rows: int
) -> list[tuple[datetime, datetime]]:
    """Ranges of about `max_rows` each: small neighbours are joined, large ones are cut evenly."""
    parts: list[tuple[datetime, datetime]] = []
    part_rows = 0.0
    for start, end in ranges:
        rows = density.count(start, end)
        if parts and part_rows + rows <= max_rows:
            parts[-1], part_rows = (parts[-1][0], end), part_rows + rows
        else:
            parts += _cut(start, end, ceil(rows / max_rows))
            part_rows = min(rows, max_rows)
    return parts


def _cut(start: datetime, end: datetime, pieces: int) -> list[tuple[datetime, datetime]]:
    pieces = max(1, min(pieces, (end - start) // timedelta(microseconds=1)))
    edges = [start + (end - start) * n / pieces for n in range(pieces)] + [end]
    return list(pairwise(edges))


# Served by partition pruning on ts; inside a partition by ix_samples_site_id_name_ts where names are given.
SAMPLES_FROM_CLAUSE = """
    FROM samples
    WHERE site_id = %(site_id)s
      AND samples.ts >= %(start)s
      AND samples.ts < %(end)s
      AND (%(names)s::text[] IS NULL OR name = ANY(%(names)s::text[]))
      AND (%(tags)s::jsonb IS NULL OR tags @> %(tags)s::jsonb)
      AND (%(received_from)s::timestamptz IS NULL OR samples.received_at >= %(received_from)s)
      AND (%(received_before)s::timestamptz IS NULL OR samples.received_at < %(received_before)s)
"""


def _select_samples(request: ExportRequest, cutoff: datetime) -> Selection:
    tags = msgspec.json.encode(dict(request.filter.tags)).decode() if request.filter.tags else None
    parameters = {
        "site_id": request.site_id,
        "names": list(request.filter.names) or None,
        "tags": tags,
        "received_from": request.received_from,
        "received_before": cutoff,
    }
    return Selection(SAMPLES_FROM_CLAUSE, parameters)


EVENTS_FROM_CLAUSE = raw_export.EVENT_CONDITIONS
POSTGRES_DIALECT: PGDialect = psycopg2.dialect()  # type: ignore[no-untyped-call]


def _select_events(request: ExportRequest, cutoff: datetime) -> Selection:
    row_filter = request.filter
    user_ids = [name for name in (row_filter.user_id, row_filter.other_user_id) if name is not None]
    selection = raw_export.RawEventSelection(
        request.site_id,
        request.period,
        row_filter.types,
        user_ids,
        row_filter.include_bots,
        request.received_from,
        cutoff,
    )
    from_clause, parameters = EVENTS_FROM_CLAUSE, raw_export.bind_parameters(selection)
    if row_filter.where is not None:
        condition, values = _compile_where(row_filter.where)
        from_clause, parameters = f"{from_clause}  AND {condition}\n", parameters | values
    return Selection(from_clause, parameters)


def _compile_where(where: str) -> tuple[str, dict[str, Any]]:
    """The text filter as SQL, and its values, each of which is bound."""
    clause = build_filter_clause(parse_event_filter(where), events.c)
    compiled = clause.compile(dialect=POSTGRES_DIALECT, compile_kwargs={"render_postcompile": True})
    return str(compiled), dict(compiled.params)


def _ordered(table: SourceTable, from_clause: str, columns: Sequence[Column], file_format: str) -> str:
    """The clause with its ORDER BY.

    For csv, PostgreSQL makes the cells before the sort, so while the previous statement is sent: it is slower than the
    worker. For the other formats the worker is slower; the cells are made after the sort, so that rows arrive sooner.
    The outer ORDER BY repeats the inner one and costs no second sort.
    """
    order = f"ORDER BY {', '.join(f'{table.name}.{name}' for name in table.order)}"
    if file_format == "csv":
        return f"{from_clause} {order}"
    names = dict.fromkeys([*(column.name for column in columns), *table.order])
    return f"FROM (SELECT {', '.join(names)} {from_clause} {order}) AS {table.name} {order}"
