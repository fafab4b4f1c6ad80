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

# An event is 64 KB at the most, also where CSV doubles each quote of it: a row always fits a block.
BLOCK_BYTES = 2 << 20
GROUP_BYTES = 16 << 20
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
    batches: list[pa.RecordBatch] = []
    for batch in _batches(schema, chunks):
        batches.append(batch)
        if sum(held.nbytes for held in batches) >= GROUP_BYTES:
            yield pa.Table.from_batches(batches, schema)
            batches = []
    if batches:
        yield pa.Table.from_batches(batches, schema)


def _batches(schema: pa.Schema, chunks: Iterable[bytes]) -> Iterator[pa.RecordBatch]:
    """An absent value is an empty cell; an empty text has quotes."""
    source = io.BufferedReader(_Chunks(chunks), BLOCK_BYTES)
    if not source.peek(1):
        return
    yield from pa.csv.open_csv(
        source,
        pa.csv.ReadOptions(column_names=schema.names, block_size=BLOCK_BYTES),
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
