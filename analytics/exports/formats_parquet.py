"""The Parquet writer: rows in COPY's CSV become typed columns, a row group at a time. formats.py calls it.

Row groups are cut by what is in them, never by how the bytes came in, so the same rows give the same file.
"""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from analytics.columns import Column

# What is read, and then held, at a time.
BLOCK_BYTES = 512 << 10
GROUP_BYTES = 8 << 20
TYPES = {
    "instant": pa.timestamp("us", "UTC"),
    "date": pa.date32(),
    "number": pa.float64(),
    "flag": pa.bool_(),
}


def write_table(sink: BinaryIO, columns: Sequence[Column], chunks: Iterable[bytes], tick: Callable[[], None]) -> int:
    """Writes the table, zstd; how many rows it has. `chunks` are CSV without a header, in UTC; `tick` a row group."""
    schema = pa.schema([pa.field(column.name, TYPES.get(column.type, pa.string())) for column in columns])
    rows = 0
    with pa.parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        for group in _groups(schema, chunks):
            tick()
            writer.write_table(group, row_group_size=group.num_rows)
            rows += group.num_rows
    return rows


def _groups(schema: pa.Schema, chunks: Iterable[bytes]) -> Iterator[pa.Table]:
    tables: list[pa.Table] = []
    for block in _blocks(chunks):
        tables.append(_read(schema, block))
        if sum(table.nbytes for table in tables) >= GROUP_BYTES:
            yield pa.concat_tables(tables)
            tables = []
            # The allocator would keep twice of what is in use.
            pa.default_memory_pool().release_unused()
    if tables:
        yield pa.concat_tables(tables)


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Whole rows, as many as end in each BLOCK_BYTES of the stream; a row may be of any size."""
    source, rest = io.BufferedReader(_Chunks(chunks)), b""
    while block := source.read(BLOCK_BYTES):
        block = rest + block
        end = _end_of_rows(block)
        if end:
            yield block[:end]
        rest = block[end:]


def _end_of_rows(block: bytes) -> int:
    """After the last line end that is in no cell: one with an even number of quotes before it."""
    end = block.rfind(b"\n") + 1
    quotes = block.count(b'"', 0, end)
    while end and quotes % 2:
        before = block.rfind(b"\n", 0, end - 1) + 1
        quotes -= block.count(b'"', before, end)
        end = before
    return end


def _read(schema: pa.Schema, block: bytes) -> pa.Table:
    """An absent value is an empty cell; an empty text has quotes."""
    return pa.csv.read_csv(
        pa.BufferReader(block),
        pa.csv.ReadOptions(column_names=schema.names, block_size=len(block) + 1, use_threads=False),
        pa.csv.ParseOptions(newlines_in_values=True),
        pa.csv.ConvertOptions(
            column_types=schema,
            null_values=[""],
            true_values=["t"],
            false_values=["f"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


class _Chunks(io.RawIOBase):
    """Chunks as a file; the buffered reader on top of it gives blocks of the size that was asked for."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks, self._rest = iter(chunks), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            found = next(self._chunks, None)
            if found is None:
                return 0
            self._rest = found
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size
