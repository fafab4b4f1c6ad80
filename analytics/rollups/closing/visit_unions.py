"""Unites the rows of visit_rollups of a closed week or month in visit_unions. unions.py calls it when one is due.

visits/rollups.py adds later changes to existing unions, and deletes those of recounted days. Sums and sets of users are
added up, so a union stays exact whatever visits come and go.
"""

from collections.abc import Iterable
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from sqlalchemy import Connection, text

from analytics.rollups.closing.due_spans import select_due_spans
from analytics.rollups.spans import Span
from analytics.rollups.visits.sums import LIST_DIMENSIONS, VisitSums
from analytics.rollups.visits.visitors import Visitors
from analytics.store.copy.binary_copy import (
    COPY_HEADER,
    COPY_TRAILER,
    BinaryRow,
    as_int,
    encode_copy_row,
    from_date,
    from_int4,
    from_int8,
    stream_binary,
)

# A span's rows up to this size are held in memory, larger ones in a file.
IN_MEMORY_BYTES = 16 << 20
# Served by pk_visit_rollups and pk_visit_unions. A week without visits is never due; one of days whose users are not
# known waits for their recount.
SELECT_DUE_SPANS = select_due_spans(
    "SELECT min(day) AS first FROM visit_rollups WHERE site_id = s.id AND dimension = 'total'",
    """NOT EXISTS (
        SELECT FROM visit_unions
        WHERE site_id = s.id AND span = k.span AND dimension = 'entry_path' AND day = CAST(d.day AS date)
        OFFSET 0
    )
    AND EXISTS (
        SELECT FROM visit_rollups
        WHERE site_id = s.id AND dimension = 'entry_path' AND day >= CAST(d.day AS date)
            AND day < CAST(d.day + k.length AS date) AND visits > 0
        OFFSET 0
    )
    AND NOT EXISTS (
        SELECT FROM visit_rollups
        WHERE site_id = s.id AND dimension = 'entry_path' AND day >= CAST(d.day AS date)
            AND day < CAST(d.day + k.length AS date) AND users IS NULL AND visits > 0
        OFFSET 0
    )""",
)
# Ranges of pk_visit_rollups.
READ_DAY_ROWS = """
SELECT r.dimension, r.is_bot, r.value, r.visits, r.bounces, r.views, r.duration_us, r.users, r.repeats
FROM unnest(%(dimensions)s::text[]) AS d (dimension)
CROSS JOIN LATERAL (
    SELECT *
    FROM visit_rollups
    WHERE site_id = %(site_id)s AND dimension = d.dimension AND day >= %(first)s AND day < %(after)s AND visits > 0
    OFFSET 0
) AS r
ORDER BY r.dimension COLLATE "C", r.is_bot, r.value COLLATE "C"
"""
CLEAR = text("""
DELETE FROM visit_unions
WHERE site_id = :site_id AND span = :span AND dimension = ANY(:dimensions) AND day = :day
""")
COPY = """
COPY visit_unions (
    site_id, span, day, dimension, is_bot, value, visits, bounces, views, duration_us, users, repeats
) FROM STDIN (FORMAT binary)
"""


def unite_visits(connection: Connection, site_id: int, span: Span) -> int:
    """Writes the unions of the span's days; how many rows. Holds one row at a time."""
    own = {"site_id": site_id, "dimensions": list(LIST_DIMENSIONS)}
    with SpooledTemporaryFile(max_size=IN_MEMORY_BYTES) as file:
        writer = _UnionWriter(file, site_id, span)
        stream_binary(connection, READ_DAY_ROWS, {**own, "first": span.day, "after": span.end_day}, writer.add_row)
        writer.finish()
        file.seek(0)
        connection.execute(CLEAR, {**own, "span": span.kind, "day": span.day})
        cursor: Any = connection.connection.cursor()
        with cursor:
            cursor.copy_expert(COPY, file, size=1 << 18)
    return writer.rows


class _UnionWriter:
    """Reads rows of READ_DAY_ROWS, those of one key adjacent, and writes their sums as a binary COPY."""

    def __init__(self, file: IO[bytes], site_id: int, span: Span) -> None:
        self._write = file.write
        self._own = from_int4(site_id), span.kind.encode(), from_date(span.day)
        self._key: tuple[bytes, ...] | None = None
        self._sums = VisitSums()
        # None: of a day they are not known.
        self._visitors: Visitors | None = Visitors()
        self.rows = 0
        self._write(COPY_HEADER)

    def add_row(self, row: BinaryRow) -> None:
        *columns, users, repeats = row
        key, sums = tuple(columns[:3]), VisitSums(*map(as_int, columns[3:]))
        if key != self._key:
            self._write_union()
            self._key, self._sums, self._visitors = key, VisitSums(), Visitors()
        self._sums = VisitSums.total([self._sums, sums])
        if self._visitors is not None:
            if users:
                self._visitors.add(Visitors.decode(users, repeats))
            else:
                self._visitors = None

    def finish(self) -> None:
        self._write_union()
        self._write(COPY_TRAILER)

    def _write_union(self) -> None:
        if self._key is not None:
            sums: Iterable[bytes] = map(from_int8, self._sums)
            users = self._visitors.encode() if self._visitors is not None else (b"", b"")
            self._write(encode_copy_row((*self._own, *self._key, *sums, *users)))
            self.rows += 1
