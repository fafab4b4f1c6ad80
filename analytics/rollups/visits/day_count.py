"""Counts the visits that begin on a day, by one query over `visits`, as rows of visit_rollups. rollups.py calls it.

The values with most visits get a row; the visits of the others are summed under OTHER.
"""

from datetime import date, datetime
from io import BytesIO
from struct import Struct

from sqlalchemy import Connection

from analytics.rollups.cardinality import EXEMPT_DIMENSIONS, EXEMPT_VALUES, OTHER
from analytics.rollups.visits.sums import LIST_DIMENSIONS, VisitSums
from analytics.rollups.visits.visitors import Visitors, net_visits
from analytics.store.copy.binary_copy import (
    COPY_HEADER,
    COPY_TRAILER,
    BinaryRow,
    as_int,
    as_text,
    encode_copy_row,
    from_date,
    from_int4,
    from_int8,
    stream_binary,
)
from analytics.store.copy.copy_text import copy_bytes

# Column of LIST_DIMENSIONS → SQL of its value; of the others it is the column.
PLACES = {
    "region": "CASE WHEN v.region <> '' THEN v.country || '/' || v.region ELSE '' END",
    "city": "CASE WHEN v.city <> '' THEN v.country || '/' || v.region || '/' || v.city ELSE '' END",
}
LISTS = ", ".join(f"('{name}', {PLACES.get(name, f'v.{name}')})" for name in LIST_DIMENSIONS)
# Served by ix_visits_site_id_started_at.
COUNT_VISITS = f"""
SELECT dimension, is_bot, value, count(*), count(*) FILTER (WHERE views = 1), sum(views)::bigint,
    sum(duration_us)::bigint, array_agg(user_no) FILTER (WHERE dimension NOT IN ('total', 'hour'))
FROM (
    SELECT d.dimension, v.is_bot, v.views, v.user_no,
        CASE WHEN octet_length(d.value) > %(max_bytes)s THEN %(other)s ELSE d.value END AS value,
        (EXTRACT(epoch FROM v.ended_at - v.started_at) * 1000000)::bigint AS duration_us
    FROM visits v
    CROSS JOIN LATERAL (VALUES
        ('total', ''),
        ('hour', lpad(floor(EXTRACT(epoch FROM v.started_at - %(start)s) / 3600)::text, 2, '0')), {LISTS}
    ) AS d (dimension, value)
    WHERE v.site_id = %(site_id)s AND v.started_at >= %(start)s AND v.started_at < %(end)s
) AS visit
GROUP BY dimension, is_bot, value
ORDER BY dimension, is_bot, count(*) DESC, value COLLATE "C"
"""  # noqa: S608  # of constants
COPY = """
COPY visit_rollups (site_id, day, dimension, is_bot, value, visits, bounces, views, duration_us, users, repeats)
FROM STDIN (FORMAT binary)
"""
COPY_SUMS = COPY.replace(", users, repeats", "")
# int8[] in binary: a header of five integers, then the length and the value of each element.
_HEADER, _ELEMENT = 20, Struct("!iq")


def count_day(
    connection: Connection, site_id: int, day: date, start: datetime, end: datetime, max_values: int, max_bytes: int
) -> None:
    """Writes the rows of the day `[start, end)`, which has none. `max_bytes`: of a value; a longer one is OTHER."""
    writer = _RowWriter(from_int4(site_id), from_date(day), max_values)
    bounds = {"site_id": site_id, "start": start, "end": end, "max_bytes": max_bytes, "other": OTHER}
    stream_binary(connection, COUNT_VISITS, bounds, writer.add)
    writer.write(connection)


class _RowWriter:
    """Takes the rows of COUNT_VISITS, a group's together and in its order."""

    def __init__(self, site_id: bytes, day: bytes, max_values: int) -> None:
        self._own, self._max_values = (site_id, day), max_values
        self._rows, self._rows_of_sums = BytesIO(), BytesIO()
        self._group: tuple[bytes, bytes] | None = None
        self._listed = 0
        self._other: tuple[VisitSums, Visitors | None] | None = None

    def add(self, row: BinaryRow) -> None:
        dimension, is_bot, value, *amounts, users = row
        if (dimension, is_bot) != self._group:
            self._finish_group()
            self._group, self._listed = (dimension, is_bot), 0
        sums = VisitSums(*map(as_int, amounts))
        is_exempt = as_text(value) in EXEMPT_VALUES or as_text(dimension) in EXEMPT_DIMENSIONS
        self._listed += not is_exempt
        visitors = _visitors(users) if users else None
        if value == OTHER.encode() or (not is_exempt and self._listed > self._max_values):
            self._add_to_other(sums, visitors)
        else:
            self._write_row(value, sums, visitors)

    def _add_to_other(self, sums: VisitSums, visitors: Visitors | None) -> None:
        if self._other is None:
            self._other = sums, visitors
            return
        total, users = self._other
        if users and visitors:
            users.add(visitors)
        self._other = VisitSums.total([total, sums]), users

    def _finish_group(self) -> None:
        if self._other is not None:
            self._write_row(OTHER.encode(), *self._other)
            self._other = None

    def _write_row(self, value: bytes, sums: VisitSums, visitors: Visitors | None) -> None:
        dimension, is_bot = self._group or (b"", b"")
        row = (*self._own, dimension, is_bot, value, *map(from_int8, sums))
        if visitors is None:
            self._rows_of_sums.write(encode_copy_row(row))
        else:
            self._rows.write(encode_copy_row((*row, *visitors.encode())))

    def write(self, connection: Connection) -> None:
        self._finish_group()
        for statement, rows in ((COPY_SUMS, self._rows_of_sums), (COPY, self._rows)):
            if rows.tell():
                copy_bytes(connection, statement, COPY_HEADER + rows.getvalue() + COPY_TRAILER)


def _visitors(array: bytes) -> Visitors:
    visitors = Visitors()
    visitors.change(net_visits([user_no for _, user_no in _ELEMENT.iter_unpack(array[_HEADER:])]))
    return visitors
