"""The bytes of a column file: sorted rows as zstd Parquet, with the statistics by which a reader skips parts. Pure."""

import hashlib

import pyarrow as pa
import pyarrow.parquet as pq

from analytics.columnar.columns import Kind
from analytics.store.column_files import NewFile

# Rows that a reader skips, or decompresses, together.
ROW_GROUP_ROWS = 131_072
COMPRESSION_LEVEL = 3


def encode(table: pa.Table, kind: Kind) -> NewFile:
    """The rows in the kind's order."""
    sink = pa.BufferOutputStream()
    pq.write_table(
        table.sort_by(kind.order).unify_dictionaries(), sink, row_group_size=ROW_GROUP_ROWS, compression="zstd",
        compression_level=COMPRESSION_LEVEL, store_schema=False,
    )  # fmt: skip
    body = sink.getvalue().to_pybytes()
    return NewFile(len(table), hashlib.sha256(body).digest(), body)


def decode(body: bytes, kind: Kind) -> pa.Table:
    """The rows of a file."""
    return pq.read_table(pa.BufferReader(body), schema=kind.schema, partitioning=None)
