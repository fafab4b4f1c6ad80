"""The Parquet writer: rows in COPY's CSV become typed columns, a row group at a time. formats.py calls it.

Row groups are cut by what is in them, never by how the bytes came in, so the same rows give the same file.
"""

from collections.abc import Sequence
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


class TableWriter:
    """A Parquet file, zstd, of CSV that comes in chunks: without a header, in UTC."""

    def __init__(self, sink: BinaryIO, columns: Sequence[Column]) -> None:
        self._schema = pa.schema([pa.field(column.name, TYPES.get(column.type, pa.string())) for column in columns])
        # A dictionary of what hardly repeats makes the file a fifth larger.
        words = [column.name for column in columns if column.type == "text"]
        self._writer = pa.parquet.ParquetWriter(sink, self._schema, compression="zstd", use_dictionary=words or False)
        self._came, self._rest, self._group, self._rows = bytearray(), b"", list[pa.Table](), 0

    def feed(self, chunk: bytes) -> None:
        """Takes the next bytes, wherever they end."""
        self._came += chunk
        while len(self._came) >= BLOCK_BYTES:
            self._take_block(bytes(self._came[:BLOCK_BYTES]))
            del self._came[:BLOCK_BYTES]

    def close(self) -> None:
        """Writes no more: else it would, when it is collected, to whatever the sink is by then."""
        self._writer.is_open = False

    def finish(self) -> int:
        """Writes what is left; how many rows there are."""
        self._take_block(bytes(self._came))
        self._write_group()
        self._writer.close()
        return self._rows

    def _take_block(self, block: bytes) -> None:
        """Whole rows, as many as end in each BLOCK_BYTES of the stream; a row may be of any size."""
        block = self._rest + block
        end = _end_of_rows(block)
        self._rest = block[end:]
        if end:
            self._group.append(_read(self._schema, block[:end]))
        if sum(table.nbytes for table in self._group) >= GROUP_BYTES:
            self._write_group()

    def _write_group(self) -> None:
        if not self._group:
            return
        group, self._group = pa.concat_tables(self._group), []
        self._writer.write_table(group, row_group_size=group.num_rows)
        self._rows += group.num_rows
        # The allocator would keep twice of what is in use.
        pa.default_memory_pool().release_unused()


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
