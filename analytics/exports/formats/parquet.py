"""The Parquet writer: rows in COPY's CSV become typed columns, one row group at a time. writers.py calls it.

Row groups are cut by their content, never by how the bytes arrive, so the same rows give the same file.
"""

import io
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from analytics.files.columns import Column

# Bytes that are parsed at a time, and then held.
BLOCK_BYTES = 512 << 10
ROW_GROUP_BYTES = 8 << 20
ARROW_TYPES = {
    "timestamp": pa.timestamp("us", "UTC"),
    "date": pa.date32(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
}


class ParquetFileWriter:
    """A Parquet file under zstd, from CSV in chunks: without a header, in UTC."""

    def __init__(self, sink: BinaryIO, columns: Sequence[Column]) -> None:
        self._schema = pa.schema(
            [pa.field(column.name, ARROW_TYPES.get(column.type, pa.string())) for column in columns]
        )
        # Dictionaries of values that hardly repeat make the file a fifth larger.
        words = [column.name for column in columns if column.type == "text"]
        self._sink = _DetachableSink(sink)
        self._writer = pa.parquet.ParquetWriter(
            self._sink, self._schema, compression="zstd", use_dictionary=words or False
        )
        self._buffer, self._rest, self._group, self._rows = bytearray(), b"", list[pa.Table](), 0

    def feed(self, chunk: bytes) -> None:
        """Takes the next bytes, wherever they end."""
        self._buffer += chunk
        while len(self._buffer) >= BLOCK_BYTES:
            self._read_block(bytes(self._buffer[:BLOCK_BYTES]))
            del self._buffer[:BLOCK_BYTES]

    def finish(self) -> int:
        """Writes the remaining rows and the footer; returns the number of rows."""
        self._read_block(bytes(self._buffer))
        self._write_group()
        self._writer.close()
        return self._rows

    def close(self) -> None:
        """Leaves the sink as it is: pyarrow writes a footer when an unfinished writer is closed or collected."""
        self._sink.detach_target()
        # After an error the writer may be in the middle of a row group.
        with suppress(OSError, pa.ArrowException):
            self._writer.close()

    def _read_block(self, block: bytes) -> None:
        """Parses the rows that end in this block of the stream; a row may be of any size."""
        block = self._rest + block
        end = _end_of_rows(block)
        self._rest = block[end:]
        if end:
            self._group.append(_read(self._schema, block[:end]))
        if sum(table.nbytes for table in self._group) >= ROW_GROUP_BYTES:
            self._write_group()

    def _write_group(self) -> None:
        if not self._group:
            return
        group, self._group = pa.concat_tables(self._group), []
        self._writer.write_table(group, row_group_size=group.num_rows)
        self._rows += group.num_rows
        # The allocator would keep twice the memory in use.
        pa.default_memory_pool().release_unused()


class _DetachableSink(io.RawIOBase):
    """Writes to the target until it is detached, then nowhere."""

    def __init__(self, target: BinaryIO) -> None:
        self._target: BinaryIO | None = target

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return len(data) if self._target is None else self._target.write(data)

    def detach_target(self) -> None:
        self._target = None


def _end_of_rows(block: bytes) -> int:
    """The position after the last line end outside a cell: an even number of quotes precedes it."""
    end = block.rfind(b"\n") + 1
    quotes = block.count(b'"', 0, end)
    while end and quotes % 2:
        before = block.rfind(b"\n", 0, end - 1) + 1
        quotes -= block.count(b'"', before, end)
        end = before
    return end


def _read(schema: pa.Schema, block: bytes) -> pa.Table:
    """COPY writes a missing value as an empty cell, and an empty text in quotes."""
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
