"""Compaction: closed weeks and months as union rows, so that reports of any range read a few bitmaps a value.

Celery's beat calls `compact`. rollups/rows.py adds what comes late to the unions that are there and drops those that a
rebuild touches; reading.py covers ranges with them. Why all dimensions, and why exact: docs/decisions/0008.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from tempfile import SpooledTemporaryFile
from typing import IO, NamedTuple

from sqlalchemy import Connection, Engine, text

from analytics.rollups import reading, rows, taking, users
from analytics.rollups.delta import Count
from analytics.rollups.spans import Span, cover, whole

log = logging.getLogger(__name__)

# Of a span's rows, as many are held in memory; the others in a file.
IN_MEMORY_BYTES = 16 << 20


class Compacted(NamedTuple):
    """Weeks and months that got union rows, and how many rows those are."""

    spans: int = 0
    rows: int = 0

    def plus(self, other: "Compacted") -> "Compacted":
        return Compacted(self.spans + other.spans, self.rows + other.rows)


# Served by pk_rollups, uq_metrics and pk_open_days: a few look-ups for each week and month of a site.
DUE = text("""
SELECT s.id, k.span, CAST(d.day AS date)
FROM sites s
CROSS JOIN LATERAL (
    SELECT min(day) AS first FROM rollups WHERE site_id = s.id AND span = 'day' AND dimension = 'total'
) AS known
CROSS JOIN LATERAL (SELECT max(date) AS last FROM metrics WHERE site_id = s.id) AS closed
CROSS JOIN (VALUES ('week', interval '1 week'), ('month', interval '1 month')) AS k (span, length)
CROSS JOIN LATERAL generate_series(
    date_trunc(k.span, CAST(known.first AS timestamp)), closed.last + interval '1 day' - k.length, k.length
) AS d (day)
WHERE (CAST(:site_id AS int) IS NULL OR s.id = :site_id)
    AND NOT EXISTS (
        SELECT FROM open_days WHERE site_id = s.id AND day >= d.day AND day < d.day + k.length
    )
    AND NOT EXISTS (
        SELECT FROM rollups
        WHERE site_id = s.id AND span = k.span AND dimension = 'total' AND day = CAST(d.day AS date)
        OFFSET 0
    )
    AND EXISTS (
        SELECT FROM rollups
        WHERE site_id = s.id AND span = 'day' AND dimension = 'total' AND day >= CAST(d.day AS date)
            AND day < CAST(d.day + k.length AS date)
        OFFSET 0
    )
ORDER BY s.id, k.span DESC, d.day
""")


def compact(engine: Engine) -> Compacted:
    """Makes the unions that lack of all weeks and months whose days are closed. One query where none is due."""
    with engine.connect() as connection:
        connection.execute(rows.BY_INDEX)
        found = sorted({site_id for site_id, _, _ in connection.execute(DUE, {"site_id": None})})
    total = Compacted()
    for site_id in found:
        total = total.plus(compact_site(engine, site_id))
    return total


def compact_site(engine: Engine, site_id: int) -> Compacted:
    """The same of one site, weeks before the months that are made of them. A transaction each."""
    total = Compacted()
    while (made := _compact_next(engine, site_id)) is not None:
        total = total.plus(made)
    return total


def _compact_next(engine: Engine, site_id: int) -> Compacted | None:
    """Makes the first span that is due, beside merges; None: none is.

    What changes a day meanwhile opens it, and MAKING_LOCK keeps away the closing that would take the mark back: so a
    span that is due still, once the lock of merge is held, has not changed since the snapshot. What comes later finds
    the union and is added to it. One that has changed is thrown away.
    """
    with taking.alone(engine, site_id, taking.MAKING_LOCK) as connection:
        span = next(_due_spans(connection, site_id), None)
        if span is None:
            return None
        made = _unite(connection, site_id, span)
        taking.hold_rollups(connection, site_id)
        with engine.connect() as other:
            is_due = span in _due_spans(other, site_id)
        if not is_due:
            log.info("a span changed while its union was made", extra={"site_id": site_id, "first": str(span.day)})
            connection.rollback()
            return Compacted()
        return Compacted(1, made)


def _due_spans(connection: Connection, site_id: int) -> Iterator[Span]:
    connection.execute(rows.BY_INDEX)
    return (Span(*columns) for _, *columns in connection.execute(DUE, {"site_id": site_id}))


# Ranges of pk_rollups. Sorted by bytes, which is all that putting equal keys together asks for; bitmaps of more than
# 2 kB are not moved by that.
PARTS = """
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


def read_parts(connection: Connection, site_id: int, spans: Sequence[Span], take: Callable[[users.Row], None]) -> None:
    """Hands `take` (kind of span, dimension, type, subject, is_bot, value, events, users) of each row of the spans.

    Rows of one key come after each other; nothing is held in memory.
    """
    given = {"site_id": site_id, "dimensions": list(rows.UNITED), **reading.columns(spans)}
    users.stream_binary(connection, PARTS, given, take)


def _unite(connection: Connection, site_id: int, span: Span) -> int:
    weeks = list(whole("week", span.day, span.after)) if span.kind == "month" else []
    parts = cover(span.day, span.after, rows.known_unions(connection, site_id, weeks))
    with SpooledTemporaryFile(max_size=IN_MEMORY_BYTES) as file:
        uniter = _Uniter(file, site_id, span)
        read_parts(connection, site_id, parts, uniter.take)
        uniter.finish()
        file.seek(0)
        rows.put_unions(connection, site_id, span, file)
    return uniter.rows


class _Uniter:
    """Takes rows, those of one key after each other, and writes their unions as a binary COPY."""

    def __init__(self, file: IO[bytes], site_id: int, span: Span) -> None:
        self._write = file.write
        self._site_id, self._kind, self._day = users.from_int4(site_id), span.kind.encode(), users.from_date(span.day)
        self._key: users.Row | None = None
        self._count = Count()
        self.rows = 0
        self._write(users.START)

    def take(self, row: users.Row) -> None:
        _, *columns, events, stored = row
        key = tuple(columns)
        if key != self._key:
            self._put()
            self._key, self._count = key, Count()
        self._count.add(Count(users.as_int(events or b""), users.unpack(stored or b"")))

    def finish(self) -> None:
        self._put()
        self._write(users.END)

    def _put(self) -> None:
        if self._key is not None:
            dimension, *rest = (column or b"" for column in self._key)
            place = (self._site_id, self._kind, dimension, self._day, *rest)
            count = users.from_int8(self._count.events), users.pack(self._count.users)
            self._write(users.binary_row((*place, *count)))
            self.rows += 1
