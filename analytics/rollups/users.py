"""Sets of people as 64-bit roaring bitmaps of `user_no`, and a binary way to read rows that hold them.

psycopg2 hands out bytea as hex text, which doubles the bytes and then decodes them one by one; COPY in its binary
format carries them as they are. Every slice that reads bitmaps reads them here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from struct import Struct
from typing import Any

import psycopg2
from pyroaring import BitMap64
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

HEADER = b"PGCOPY\n\xff\r\n\x00"
_POSTGRES_EPOCH = date(2000, 1, 1).toordinal()
_int16, _int32, _int64 = Struct("!h"), Struct("!i"), Struct("!q")
_read_count, _read_length = _int16.unpack_from, _int32.unpack_from
# pyroaring stores no runs unless asked; small sets gain nothing from them.
_WORTH_RUNS = 1000


# Columns as they are; None: NULL.
Row = tuple[bytes | None, ...]


def pack(users: BitMap64) -> bytes:
    """The set as stored."""
    if len(users) >= _WORTH_RUNS:
        users.run_optimize()
    return users.serialize()


def unpack(stored: bytes) -> BitMap64:
    """The set that `pack` made these bytes of."""
    return BitMap64.deserialize(stored)


def union(sets: Iterable[BitMap64]) -> BitMap64:
    """Everybody who is in any of `sets`: a new set."""
    everybody = BitMap64()
    for one in sets:
        everybody |= one
    return everybody


def read_binary(connection: Connection, query: str, parameters: Mapping[str, Any] | None = None) -> Iterator[Row]:
    """The rows of `query` (psycopg2 placeholders), each column in its binary form; the functions below decode them.

    The whole result is held in memory. One statement, COPY (query) TO STDOUT.
    """
    found: list[Row] = []
    stream_binary(connection, query, parameters, found.append)
    return iter(found)


def stream_binary(
    connection: Connection, query: str, parameters: Mapping[str, Any] | None, take: Callable[[Row], None]
) -> None:
    """Hands each row of `query` to `take` as it comes, while the server works on the next ones. As `read_binary`."""
    cursor: Any = connection.connection.cursor()
    with cursor:
        bound: bytes = cursor.mogrify(query, parameters)
        try:
            cursor.copy_expert(b"COPY (" + bound + b") TO STDOUT (FORMAT binary)", _Rows(take))
        except psycopg2.OperationalError as error:
            # As SQLAlchemy's own statements raise it: a query that ran too long is no unexpected error.
            raise OperationalError(query, None, error) from error


class _Rows:
    """The file that COPY writes to: https://www.postgresql.org/docs/current/sql-copy.html (File Formats).

    Each message of the server is a row: https://www.postgresql.org/docs/current/protocol-flow.html (COPY Operations).
    The header comes with the first of them.
    """

    def __init__(self, take: Callable[[Row], None]) -> None:
        self._take = take

    def write(self, data: bytes) -> None:
        at = len(HEADER) + 8 if data.startswith(HEADER) else 0
        (columns,) = _read_count(data, at)
        at += 2
        row: list[bytes | None] = []
        for _ in range(columns):
            (length,) = _read_length(data, at)
            at += 4
            if length < 0:
                row.append(None)
            else:
                row.append(data[at : at + length])
                at += length
        # What ends the COPY has a count of -1.
        if row:
            self._take(tuple(row))


def as_int(column: bytes) -> int:
    """int2, int4 or int8."""
    return int.from_bytes(column, "big", signed=True)


def as_text(column: bytes) -> str:
    return column.decode()


def as_date(column: bytes) -> date:
    return date.fromordinal(_POSTGRES_EPOCH + as_int(column))


def as_bool(column: bytes) -> bool:
    return column == b"\x01"


# What a binary COPY begins and ends with.
START, END = HEADER + bytes(8), _int16.pack(-1)


def binary_rows(rows: Iterable[tuple[bytes, ...]]) -> Iterator[bytes]:
    """`rows` of binary columns as a binary COPY, row by row; the other direction of `read_binary`."""
    yield START
    yield from map(binary_row, rows)
    yield END


def binary_row(row: tuple[bytes, ...]) -> bytes:
    pieces, length = [_int16.pack(len(row))], _int32.pack
    for column in row:
        pieces += (length(len(column)), column)
    return b"".join(pieces)


def from_int4(value: int) -> bytes:
    return _int32.pack(value)


def from_int8(value: int) -> bytes:
    return _int64.pack(value)


def from_date(day: date) -> bytes:
    return _int32.pack(day.toordinal() - _POSTGRES_EPOCH)


def from_bool(value: bool) -> bytes:
    return b"\x01" if value else b"\x00"
