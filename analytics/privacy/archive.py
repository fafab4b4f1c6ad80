"""Archives a partition of events or samples as a zstd Parquet file, and verifies that the file holds the same rows.

The file is written in row groups, gets its name when it is complete, is read back, compared with the table by a count
and a checksum over every row's id and ts, and recorded in `archives`. drops.py calls it before a drop. An error of any
file system becomes ArchiveFailed, and nothing is dropped. pyarrow and fsspec are imported when needed.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    Engine,
    Integer,
    Numeric,
    Table,
    Text,
    case,
    cast,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import BIT, INET, JSONB, TIMESTAMP, UUID, insert

from analytics.files.folders import is_bucket, open_atomic, open_folder
from analytics.privacy.ip_masks import mask_ip
from analytics.privacy.steps import StepUnfinished, partition_table
from analytics.store.models import archives
from analytics.store.reading import read_transaction

if TYPE_CHECKING:
    import pyarrow

# Rows in memory at a time.
ROW_GROUP_ROWS = 10_000
READ_BUFFER_BYTES = 1 << 20


class ArchiveFailed(StepUnfinished):
    """There is no verified archive; the partition stays."""


class PartitionChecksum(NamedTuple):
    """The number of rows and the sum of a hash of each row's id and ts: equal for the same rows in any order."""

    rows: int
    checksum: int


class _ArchiveContent(NamedTuple):
    """What a file holds when read back."""

    checksum: PartitionChecksum
    bytes: int
    sha256: str


def archive_partition(engine: Engine, name: str, url: str, masked_before: datetime) -> PartitionChecksum:
    """The checksum of the partition's verified archive under `url`. Writes the file unless it exists.

    IPs of rows before `masked_before` are masked in the file. Raises ArchiveFailed.
    """
    with read_transaction(engine, 0) as connection:
        expected = compute_checksum(connection, name)
    if not expected.rows:
        return expected
    # Named by its content: rows that are stored after a drop get another file.
    file = f"{name}-{expected.checksum % 2**64:016x}-{expected.rows}"
    try:
        files, folder = open_folder(url)
        path = f"{folder}/{file}.parquet"
        content = _read_if_exists(files, path)
        if content is None or content.checksum != expected:
            _write(engine, name, files, path, masked_before)
            content = _read_back(files, path)
        address = files.unstrip_protocol(path)
    except ArchiveFailed:
        raise
    except Exception as error:  # each file system has its own errors
        raise ArchiveFailed(f"not archived, so not dropped: {type(error).__name__}: {error}") from error
    if content.checksum != expected:
        rows = content.checksum.rows
        raise ArchiveFailed(f"not dropped: the archive ({rows} rows) differs from the table ({expected.rows} rows)")
    sizes = {"rows": expected.rows, "bytes": content.bytes, "sha256": content.sha256}
    _record(engine, {"name": file, "url": address, **sizes})
    return expected


def _record(engine: Engine, row: dict[str, Any]) -> None:
    statement = insert(archives).values(row)
    with engine.begin() as connection:
        connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=row))


def _micros(ts: ColumnElement[Any]) -> ColumnElement[int]:
    return cast(func.extract("epoch", ts) * 1_000_000, BigInteger)


def compute_checksum(connection: Connection, name: str) -> PartitionChecksum:
    """The checksum of the partition's rows. Reads all of them."""
    rows = _partition(name)
    identity = cast(rows.c[0], Text).concat(" ").concat(cast(_micros(rows.c.ts), Text))
    digest = func.encode(func.sha256(func.convert_to(identity, "UTF8")), "hex")
    number = cast(cast(literal("x").concat(func.substr(digest, 1, 16)), BIT(64)), BigInteger)
    count, checksum = connection.execute(
        select(func.count(), func.coalesce(func.sum(number), 0)).select_from(rows)
    ).one()
    return PartitionChecksum(count, int(checksum))


def _partition(name: str) -> Table:
    """The partition as a table; its first column is the id."""
    return partition_table(name.rpartition("_")[0], name)


def _hash_row(row_id: str, micros: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{row_id} {micros}".encode()).digest()[:8], "big", signed=True)


def _schema(rows: Table) -> "pyarrow.Schema":
    # Loaded by the first archive: pyarrow takes 40 MB.
    import pyarrow as pa

    types = {TIMESTAMP: pa.timestamp("us", "UTC"), BigInteger: pa.int64(), UUID: pa.string(), Text: pa.string()}
    types |= {Integer: pa.int32(), Boolean: pa.bool_(), INET: pa.string(), JSONB: pa.string(), Numeric: pa.string()}
    return pa.schema([pa.field(c.name, types[type(c.type)], nullable=bool(c.nullable)) for c in rows.c])


def _as_plain(column: ColumnElement[Any], rows: Table, masked_before: datetime) -> ColumnElement[Any]:
    """The column as pyarrow reads it: text, and instants as microseconds."""
    if isinstance(column.type, TIMESTAMP):
        return _micros(column)
    if isinstance(column.type, INET):
        return func.host(case((rows.c.ts < masked_before, mask_ip(column)), else_=column))
    return cast(column, Text) if isinstance(column.type, (UUID, JSONB, Numeric)) else column


def _write(engine: Engine, name: str, files: Any, path: str, masked_before: datetime) -> None:
    # Loaded by the first archive: pyarrow takes 40 MB.
    import pyarrow.parquet as pq

    partition = _partition(name)
    schema = _schema(partition)
    query = select(*(_as_plain(column, partition, masked_before).label(column.name) for column in partition.c))
    target = open_atomic(files, path) if is_bucket(files) else _renamed_at_end(files, path)
    with (
        read_transaction(engine, 0) as connection,
        target as file,
        pq.ParquetWriter(file, schema, compression="zstd") as writer,
    ):
        rows = connection.execution_options(stream_results=True, yield_per=ROW_GROUP_ROWS).execute(query)
        for group in rows.partitions():
            writer.write_batch(make_batch(group, schema))


@contextmanager
def _renamed_at_end(files: Any, path: str) -> Iterator[Any]:
    """A file to write; it gets its name when the block has succeeded."""
    files.makedirs(path.rpartition("/")[0], exist_ok=True)
    part = f"{path}.part"
    with files.open(part, "wb") as file:
        yield file
        file.flush()
        # The file must be on disk before the drop. Only a local one can be synced.
        with suppress(AttributeError, OSError):
            os.fsync(file.fileno())
    files.mv(part, path)


def make_batch(rows: Any, schema: "pyarrow.Schema") -> "pyarrow.RecordBatch":
    """The rows as columns of the schema's types."""
    # Loaded by the first archive: pyarrow takes 40 MB.
    import pyarrow as pa

    columns = []
    for values, field in zip(zip(*rows, strict=True), schema, strict=True):
        # A timestamp column is stored as microseconds since 1970.
        raw = pa.int64() if pa.types.is_timestamp(field.type) else field.type
        columns.append(pa.array(values, raw).cast(field.type))
    return pa.record_batch(columns, schema=schema)


def _read_if_exists(files: Any, path: str) -> _ArchiveContent | None:
    # Loaded by the first archive: pyarrow takes 40 MB.
    import pyarrow as pa

    try:
        return _read_back(files, path)
    except (FileNotFoundError, pa.ArrowInvalid, OSError):
        return None


def _read_back(files: Any, path: str) -> _ArchiveContent:
    """Reads the whole file twice: bytes, then rows."""
    # Loaded by the first archive: pyarrow takes 40 MB.
    import pyarrow as pa
    import pyarrow.parquet as pq

    sha, size, rows, checksum = hashlib.sha256(), 0, 0, 0
    with files.open(path, "rb") as file:
        while piece := file.read(READ_BUFFER_BYTES):
            sha.update(piece)
            size += len(piece)
        file.seek(0)
        parquet = pq.ParquetFile(file)
        row_id = parquet.schema_arrow.names[0]
        for batch in parquet.iter_batches(ROW_GROUP_ROWS, columns=[row_id, "ts"]):
            ids, times = batch.column(row_id).to_pylist(), batch.column("ts").cast(pa.int64()).to_pylist()
            rows += len(ids)
            checksum += sum(map(_hash_row, ids, times))
        if parquet.metadata.num_rows != rows:
            raise ArchiveFailed(f"not dropped: the archive declares {parquet.metadata.num_rows} rows and holds {rows}")
    return _ArchiveContent(PartitionChecksum(rows, checksum), size, sha.hexdigest())
