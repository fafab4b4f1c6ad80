"""PostgreSQL's binary COPY: reads the rows of a query, encodes rows to write. rollups/, funnels/ and audit/ call it.

psycopg2 returns bytea as hex text, which doubles the bytes and then decodes them one by one; binary COPY carries them
as they are. Never names a table. Format: https://www.postgresql.org/docs/current/sql-copy.html (File Formats).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from struct import Struct
from typing import Any

import psycopg2
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

_SIGNATURE = b"PGCOPY\n\xff\r\n\x00"
_int16, _int32, _int64 = Struct("!h"), Struct("!i"), Struct("!q")
_read_count, _read_length = _int16.unpack_from, _int32.unpack_from
_POSTGRES_EPOCH = date(2000, 1, 1).toordinal()
# Timestamps count microseconds from 2000-01-01, here in microseconds since 1970.
POSTGRES_EPOCH_US = 946_684_800_000_000

# How a binary COPY begins (signature, flags, no extension) and ends.
COPY_HEADER, COPY_TRAILER = _SIGNATURE + bytes(8), _int16.pack(-1)

# Columns in binary form. NULL reads as b"".
BinaryRow = tuple[bytes, ...]


def read_binary(connection: Connection, query: str, parameters: Mapping[str, Any] | None = None) -> Iterator[BinaryRow]:
    """The rows of `query` (psycopg2 placeholders); the functions below decode their columns.

    The whole result is held in memory. One statement, COPY (query) TO STDOUT.
    """
    rows: list[BinaryRow] = []
    stream_binary(connection, query, parameters, rows.append)
    return iter(rows)


def stream_binary(
    connection: Connection, query: str, parameters: Mapping[str, Any] | None, on_row: Callable[[BinaryRow], None]
) -> None:
    """Passes each row of `query` to `on_row` as it arrives, while the server works on the next ones."""
    cursor: Any = connection.connection.cursor()
    with cursor:
        bound: bytes = cursor.mogrify(query, parameters)
        try:
            cursor.copy_expert(b"COPY (" + bound + b") TO STDOUT (FORMAT binary)", _RowReader(on_row))
        except psycopg2.OperationalError as error:
            # As SQLAlchemy raises it: callers handle a statement timeout in one way.
            raise OperationalError(query, None, error) from error


class _RowReader:
    """The file that COPY writes to. The server sends a message a row, and the header with the first of them.

    https://www.postgresql.org/docs/current/protocol-flow.html (COPY Operations)
    """

    def __init__(self, on_row: Callable[[BinaryRow], None]) -> None:
        self._on_row = on_row

    def write(self, data: bytes) -> None:
        at = len(COPY_HEADER) if data.startswith(_SIGNATURE) else 0
        (columns,) = _read_count(data, at)
        at += 2
        row: list[bytes] = []
        for _ in range(columns):
            (length,) = _read_length(data, at)
            at += 4
            if length < 0:
                row.append(b"")
            else:
                row.append(data[at : at + length])
                at += length
        # The trailer has a count of -1.
        if row:
            self._on_row(tuple(row))


def as_int(column: bytes) -> int:
    """int2, int4 or int8."""
    return int.from_bytes(column, "big", signed=True)


def as_text(column: bytes) -> str:
    return column.decode()


def as_date(column: bytes) -> date:
    return date.fromordinal(_POSTGRES_EPOCH + as_int(column))


def as_bool(column: bytes) -> bool:
    return column == b"\x01"


def encode_copy(rows: Iterable[BinaryRow]) -> Iterator[bytes]:
    """`rows` as a binary COPY, row by row: what `COPY … FROM STDIN (FORMAT binary)` reads."""
    yield COPY_HEADER
    yield from map(encode_copy_row, rows)
    yield COPY_TRAILER


def encode_copy_row(row: BinaryRow) -> bytes:
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
