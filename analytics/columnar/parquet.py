"""The bytes of a column file: sorted rows as zstd Parquet, with the statistics by which a reader skips parts. Pure."""

import hashlib

import pyarrow as pa
import pyarrow.parquet as pq

from analytics.columnar.columns import Kind
from analytics.store.columns.event_files import NewFile

# Rows that a reader skips, or decompresses, together.
ROW_GROUP_ROWS = 131_072
COMPRESSION_LEVEL = 3
# Of a text, in a dictionary of the whole file.
MOST_VALUES = 4_096


def encode(table: pa.Table, kind: Kind) -> NewFile:
    """The rows in the kind's order."""
    sink = pa.BufferOutputStream()
    integers = [field.name for field in kind.schema if pa.types.is_integer(field.type)]
    pq.write_table(
        _with_small_dictionaries(table.sort_by(kind.order).unify_dictionaries()), sink, row_group_size=ROW_GROUP_ROWS,
        compression="zstd", compression_level=COMPRESSION_LEVEL, store_schema=False,
        use_dictionary=[name for name in kind.schema.names if name not in integers],
        # Nearly each time is another: with dictionaries of them files were 1.4 times as large, and twice as slow.
        column_encoding=dict.fromkeys(integers, "DELTA_BINARY_PACKED"),
    )  # fmt: skip
    body = sink.getvalue().to_pybytes()
    return NewFile(len(table), hashlib.sha256(body).digest(), body)


def _with_small_dictionaries(table: pa.Table) -> pa.Table:
    """A dictionary is written whole for each part of the rows: large ones, as of sessions, the writer makes anew."""
    for number, field in enumerate(table.schema):
        column = table.column(number)
        if pa.types.is_dictionary(field.type) and len(column) and len(column.chunk(0).dictionary) > MOST_VALUES:
            table = table.set_column(number, field.name, column.cast(pa.string()))
    return table


def decode(body: bytes, kind: Kind) -> pa.Table:
    """The rows of a file."""
    return pq.read_table(pa.BufferReader(body), schema=kind.schema, partitioning=None)
