"""Builds the unions of closed weeks and months, so that reports of any range read a few bitmaps a value.

Celery's beat calls `build_unions`. rows.py adds late counts to existing unions and deletes those of rebuilt days;
snapshot/ covers ranges with them. Why all dimensions, and why they are exact: docs/decisions/0008.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from tempfile import SpooledTemporaryFile
from typing import IO, NamedTuple

from sqlalchemy import Connection, Engine, TextClause

from analytics.rollups import bitmaps, locks, rows
from analytics.rollups.closing import visit_unions
from analytics.rollups.closing.due_spans import select_due_spans
from analytics.rollups.deltas.counts import Count, decode_count
from analytics.rollups.snapshot.type_lookup import span_parameters
from analytics.rollups.spans import Span, cover_days, whole_spans
from analytics.store.copy.binary_copy import (
    COPY_HEADER,
    COPY_TRAILER,
    BinaryRow,
    encode_copy_row,
    from_date,
    from_int4,
    from_int8,
    stream_binary,
)
from analytics.store.planner import force_index_lookups

log = logging.getLogger(__name__)

# A span's rows up to this size are held in memory, larger ones in a file.
IN_MEMORY_BYTES = 16 << 20


class UnionResult(NamedTuple):
    """Weeks and months that got union rows, the number of these rows, and that of rows of visits (visit_unions)."""

    spans: int = 0
    rows: int = 0
    visit_rows: int = 0

    def plus(self, other: "UnionResult") -> "UnionResult":
        return UnionResult(*map(sum, zip(self, other, strict=True)))


# Served by pk_rollups.
SELECT_DUE_SPANS = select_due_spans(
    "SELECT min(day) AS first FROM rollups WHERE site_id = s.id AND span = 'day' AND dimension = 'total'",
    """NOT EXISTS (
        SELECT FROM rollups
        WHERE site_id = s.id AND span = k.span AND dimension = 'total' AND day = CAST(d.day AS date)
        OFFSET 0
    )
    AND EXISTS (
        SELECT FROM rollups
        WHERE site_id = s.id AND span = 'day' AND dimension = 'total' AND day >= CAST(d.day AS date)
            AND day < CAST(d.day + k.length AS date)
        OFFSET 0
    )""",
)


def build_unions(engine: Engine) -> UnionResult:
    """Builds the missing unions of all weeks and months whose days are closed. One query when none is due."""
    with engine.connect() as connection:
        force_index_lookups(connection)
        due = [row for one in UNIONS for row in connection.execute(one.due_spans, {"site_id": None})]
        site_ids = sorted({site_id for site_id, _, _ in due})
    total = UnionResult()
    for site_id in site_ids:
        total = total.plus(build_site_unions(engine, site_id))
    return total


def build_site_unions(engine: Engine, site_id: int) -> UnionResult:
    """`build_unions` of one site, weeks before the months that consist of them. A transaction each."""
    total = UnionResult()
    for unions in UNIONS:
        while (result := _build_next(engine, site_id, unions)) is not None:
            total = total.plus(result)
    return total


class Unions(NamedTuple):
    """A kind of rows that are united: the query for the spans that are due, and what writes the rows of one."""

    due_spans: TextClause
    unite: Callable[[Connection, int, Span], UnionResult]


def _build_next(engine: Engine, site_id: int, unions: Unions) -> UnionResult | None:
    """Builds the first due span, concurrently with merges; None: none is due.

    A change of a day during the build marks it open, and BUILD_LOCK excludes the closing that would delete the mark: so
    a span that is still due under MERGE_LOCK has not changed since the snapshot. Later counts are added to the union. A
    span that has changed is discarded.
    """
    with locks.locked_transaction(engine, site_id, locks.BUILD_LOCK) as connection:
        span = next(_due_spans(connection, site_id, unions), None)
        if span is None:
            return None
        written = unions.unite(connection, site_id, span)
        locks.lock_rollups(connection, site_id)
        with engine.connect() as other:
            is_due = span in _due_spans(other, site_id, unions)
        if not is_due:
            log.info("union discarded: its days changed", extra={"site_id": site_id, "first": str(span.day)})
            connection.rollback()
            return UnionResult()
        return written


def _due_spans(connection: Connection, site_id: int, unions: Unions) -> Iterator[Span]:
    force_index_lookups(connection)
    return (Span(*columns) for _, *columns in connection.execute(unions.due_spans, {"site_id": site_id}))


# Ranges of pk_rollups. Sorted by bytes, which suffices to group equal keys; bitmaps of more than 2 kB are not moved.
READ_SPAN_ROWS = """
SELECT s.span, r.dimension, r.type, r.subject, r.is_bot, r.value, r.events, r.users
FROM unnest(%(dimensions)s::text[]) AS d (dimension)
CROSS JOIN unnest(%(spans)s::text[], %(days)s::date[]) AS s (span, first)
CROSS JOIN LATERAL (
    SELECT dimension, type, subject, is_bot, value, events, users
    FROM rollups
    WHERE site_id = %(site_id)s AND span = s.span AND dimension = d.dimension AND day = s.first
    OFFSET 0
) AS r
ORDER BY r.dimension COLLATE "C", r.type COLLATE "C", r.subject COLLATE "C", r.is_bot, r.value COLLATE "C"
"""


def read_span_rows(
    connection: Connection, site_id: int, spans: Sequence[Span], on_row: Callable[[BinaryRow], None]
) -> None:
    """Passes each row of the spans to `on_row`: span, dimension, type, subject, is_bot, value, events, users.

    Rows of one key are adjacent; none is held in memory.
    """
    parameters = {"site_id": site_id, "dimensions": list(rows.UNION_DIMENSIONS), **span_parameters(spans)}
    stream_binary(connection, READ_SPAN_ROWS, parameters, on_row)


def _unite_visits(connection: Connection, site_id: int, span: Span) -> UnionResult:
    return UnionResult(visit_rows=visit_unions.unite_visits(connection, site_id, span))


def _unite(connection: Connection, site_id: int, span: Span) -> UnionResult:
    """Writes the union of the span's weeks and days."""
    weeks = list(whole_spans("week", span.day, span.end_day)) if span.kind == "month" else []
    parts = cover_days(span.day, span.end_day, rows.existing_unions(connection, site_id, weeks))
    with SpooledTemporaryFile(max_size=IN_MEMORY_BYTES) as file:
        writer = _UnionWriter(file, site_id, span)
        read_span_rows(connection, site_id, parts, writer.add_row)
        writer.finish()
        file.seek(0)
        rows.replace_unions(connection, site_id, span, file)
    return UnionResult(1, writer.rows)


UNIONS = (Unions(SELECT_DUE_SPANS, _unite), Unions(visit_unions.SELECT_DUE_SPANS, _unite_visits))


class _UnionWriter:
    """Reads rows, those of one key adjacent, and writes their unions as a binary COPY."""

    def __init__(self, file: IO[bytes], site_id: int, span: Span) -> None:
        self._write = file.write
        self._site_id, self._kind, self._day = from_int4(site_id), span.kind.encode(), from_date(span.day)
        self._key: BinaryRow | None = None
        self._count = Count()
        self.rows = 0
        self._write(COPY_HEADER)

    def add_row(self, row: BinaryRow) -> None:
        _, *columns, events, users = row
        key = tuple(columns)
        if key != self._key:
            self._write_union()
            self._key, self._count = key, Count()
        self._count.add(decode_count(events, users))

    def finish(self) -> None:
        self._write_union()
        self._write(COPY_TRAILER)

    def _write_union(self) -> None:
        if self._key is not None:
            dimension, *other_columns = self._key
            count = from_int8(self._count.events), bitmaps.encode(self._count.users)
            row = (self._site_id, self._kind, dimension, self._day, *other_columns, *count)
            self._write(encode_copy_row(row))
            self.rows += 1
