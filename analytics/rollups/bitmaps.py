"""Sets of people as 64-bit roaring bitmaps of `user_no`, and a binary way to read rows that hold them.

psycopg2 hands out bytea as hex text, which doubles the bytes and then decodes them one by one; COPY in its binary
format carries them as they are. Every slice that reads bitmaps reads them here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from struct import Struct, unpack_from
from typing import Any

import psycopg2
from pyroaring import BitMap, BitMap64
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


# How a stored set begins whose numbers all fit 32 bits: one part, and the upper half of its numbers.
# https://github.com/RoaringBitmap/RoaringFormatSpec#extension-for-64-bit-implementations
_SMALL, _two = Struct("<QI").pack(1, 0), Struct("<II")


# Of a stored set, enough to count 30 million people by: one piece of TOAST.
HEAD_BYTES = 1_996
_RUNS, _NO_RUNS = 12_347, 12_346


def count_by_head(head: bytes) -> int | None:
    """How many are in a stored set, by its first HEAD_BYTES; None when these do not tell.

    https://github.com/RoaringBitmap/RoaringFormatSpec: a cookie, then key and size less one of each container.
    """
    at = len(_SMALL)
    if not head.startswith(_SMALL):
        return None
    cookie, containers = _two.unpack_from(head, at)
    if cookie == _NO_RUNS:
        at += 8
    elif cookie & 0xFFFF == _RUNS:
        containers = (cookie >> 16) + 1
        at += 4 + (containers + 7) // 8
    else:
        return None
    if at + 4 * containers > len(head):
        return None
    found: int = containers + sum(unpack_from(f"<{2 * containers}H", head, at)[1::2])
    return found


class Unions:
    """How many are in any of the stored sets of each place from 0 to `places` - 1.

    Sets of 32-bit numbers, which all are of a site with fewer than four billion people, are united many at once: that
    takes half the time of one after another. So those of a place had better come together; else it only takes longer.
    """

    def __init__(self, places: int) -> None:
        self._small = [BitMap() for _ in range(places)]
        self._large: dict[int, BitMap64] = {}
        self._place, self._waiting = 0, list[BitMap]()

    def add(self, place: int, stored: bytes) -> None:
        if not stored.startswith(_SMALL):
            self._large[place] = self._large.get(place, BitMap64()) | unpack(stored)
            return
        if place != self._place:
            self._unite()
            self._place = place
        part = memoryview(stored)[len(_SMALL) :]
        self._waiting.append(BitMap.deserialize(part))  # type: ignore[arg-type]  # Any buffer will do.

    def counts(self) -> list[int]:
        """One number a place."""
        self._unite()
        found = [len(small) for small in self._small]
        for place, large in self._large.items():
            found[place] = len(large | BitMap64(self._small[place]))
        return found

    def _unite(self) -> None:
        if self._waiting:
            self._small[self._place] = BitMap.union(self._small[self._place], *self._waiting)
            self._waiting = []


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
