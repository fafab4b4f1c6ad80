"""A column file's bytes: zstd Parquet, with the statistics by which a reader skips row groups. Pure."""

import pyarrow as pa
import pyarrow.parquet as pq

from analytics.columnar.columns import SCHEMA

# Rows that a reader skips, or decompresses, together.
ROW_GROUP_ROWS = 131_072
COMPRESSION_LEVEL = 3


def encode(table: pa.Table) -> bytes:
    """The rows as Parquet, in their order."""
    sink = pa.BufferOutputStream()
    pq.write_table(
        table.unify_dictionaries(), sink, row_group_size=ROW_GROUP_ROWS, compression="zstd",
        compression_level=COMPRESSION_LEVEL, store_schema=False,
    )  # fmt: skip
    return sink.getvalue().to_pybytes()


def decode(body: bytes) -> pa.Table:
    """The rows of a file."""
    return pq.read_table(pa.BufferReader(body), schema=SCHEMA, partitioning=None)
