"""A partition of events or samples as a zstd Parquet file, and the proof that the file holds what the table holds.

The file is written in pieces, appears whole, is read back, compared with the table by a count and a checksum over
every row's id and ts, and entered in `archives`. `drops.py` calls it before a drop. What a file system of whatever
make raises becomes NotArchived, and then nothing is dropped. pyarrow and fsspec are loaded when needed.
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

from analytics.folders import is_bucket, open_folder, uploaded
from analytics.privacy.ip_masks import masked
from analytics.privacy.steps import Unfinished, partition
from analytics.store.models import archives
from analytics.store.reading import reading

if TYPE_CHECKING:
    import pyarrow

# Rows of a row group: what is in memory at a time.
ROWS_A_GROUP = 10_000
READ_BYTES = 1 << 20


class NotArchived(Unfinished):
    """There is no archive that can be relied on; the partition stays."""


class Seal(NamedTuple):
    """How many rows, and the sum over each row's digest of id and ts: the same for the same rows in any order."""

    rows: int
    checksum: int


class _Proof(NamedTuple):
    """What a file was found to hold."""

    seal: Seal
    bytes: int
    sha256: str


def archive_partition(engine: Engine, name: str, url: str, masked_before: datetime) -> Seal:
    """What the partition's checked archive under `url` holds. Writes it unless it is there, so a second call is cheap.

    IPs of rows before `masked_before` are masked in the file. Raises NotArchived.
    """
    with reading(engine, 0) as connection:
        wanted = seal_of(connection, name)
    if not wanted.rows:
        return wanted
    # Named by its content: rows that come in late, after a drop, make a file of their own.
    file = f"{name}-{wanted.checksum % 2**64:016x}-{wanted.rows}"
    try:
        files, folder = open_folder(url)
        path = f"{folder}/{file}.parquet"
        proof = _proof_if_there(files, path)
        if proof is None or proof.seal != wanted:
            _write(engine, name, files, path, masked_before)
            proof = _read_back(files, path)
        address = files.unstrip_protocol(path)
    except NotArchived:
        raise
    except Exception as error:  # each file system has errors of its own
        raise NotArchived(f"not archived, so not dropped: {type(error).__name__}: {error}") from error
    if proof.seal != wanted:
        raise NotArchived(f"not dropped: the archive holds {proof.seal.rows} rows, not the {wanted.rows} of the table")
    _enter(engine, {"name": file, "url": address, "rows": wanted.rows, "bytes": proof.bytes, "sha256": proof.sha256})
    return wanted


def _enter(engine: Engine, row: dict[str, Any]) -> None:
    adding = insert(archives).values(row)
    with engine.begin() as connection:
        connection.execute(adding.on_conflict_do_update(index_elements=["name"], set_=row))


def _micros(ts: ColumnElement[Any]) -> ColumnElement[int]:
    return cast(func.extract("epoch", ts) * 1_000_000, BigInteger)


def seal_of(connection: Connection, name: str) -> Seal:
    """What the partition holds now. Reads all of it."""
    rows = _partition(name)
    line = cast(rows.c[0], Text).concat(" ").concat(cast(_micros(rows.c.ts), Text))
    digest = func.encode(func.sha256(func.convert_to(line, "UTF8")), "hex")
    number = cast(cast(literal("x").concat(func.substr(digest, 1, 16)), BIT(64)), BigInteger)
    count, checksum = connection.execute(
        select(func.count(), func.coalesce(func.sum(number), 0)).select_from(rows)
    ).one()
    return Seal(count, int(checksum))


def _partition(name: str) -> Table:
    """Its first column is the id."""
    return partition(name.rpartition("_")[0], name)


def _number(row_id: str, micros: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{row_id} {micros}".encode()).digest()[:8], "big", signed=True)


def _schema(rows: Table) -> "pyarrow.Schema":
    import pyarrow as pa

    types = {TIMESTAMP: pa.timestamp("us", "UTC"), BigInteger: pa.int64(), UUID: pa.string(), Text: pa.string()}
    types |= {Integer: pa.int32(), Boolean: pa.bool_(), INET: pa.string(), JSONB: pa.string(), Numeric: pa.string()}
    return pa.schema([pa.field(c.name, types[type(c.type)], nullable=bool(c.nullable)) for c in rows.c])


def _plain(column: ColumnElement[Any], rows: Table, masked_before: datetime) -> ColumnElement[Any]:
    """The column as pyarrow takes it: text, and instants as microseconds."""
    if isinstance(column.type, TIMESTAMP):
        return _micros(column)
    if isinstance(column.type, INET):
        return func.host(case((rows.c.ts < masked_before, masked(column)), else_=column))
    return cast(column, Text) if isinstance(column.type, (UUID, JSONB, Numeric)) else column


def _write(engine: Engine, name: str, files: Any, path: str, masked_before: datetime) -> None:
    import pyarrow.parquet as pq

    rows = _partition(name)
    schema = _schema(rows)
    wanted = select(*(_plain(column, rows, masked_before).label(column.name) for column in rows.c))
    appearing = uploaded(files, path) if is_bucket(files) else _renamed(files, path)
    with (
        reading(engine, 0) as connection,
        appearing as file,
        pq.ParquetWriter(file, schema, compression="zstd") as writer,
    ):
        found = connection.execution_options(stream_results=True, yield_per=ROWS_A_GROUP).execute(wanted)
        for group in found.partitions():
            writer.write_batch(_batch(group, schema))


@contextmanager
def _renamed(files: Any, path: str) -> Iterator[Any]:
    """A file to write; it has its name at the end."""
    files.makedirs(path.rpartition("/")[0], exist_ok=True)
    part = f"{path}.part"
    with files.open(part, "wb") as file:
        yield file
        file.flush()
        # The drop that follows must not outlive the file. Only a local one can be synced.
        with suppress(AttributeError, OSError):
            os.fsync(file.fileno())
    files.mv(part, path)


def _batch(rows: Any, schema: "pyarrow.Schema") -> "pyarrow.RecordBatch":
    import pyarrow as pa

    columns = []
    for values, field in zip(zip(*rows, strict=True), schema, strict=True):
        # Microseconds since 1970 are what such a timestamp is.
        raw = pa.int64() if pa.types.is_timestamp(field.type) else field.type
        columns.append(pa.array(values, raw).cast(field.type))
    return pa.record_batch(columns, schema=schema)


def _proof_if_there(files: Any, path: str) -> _Proof | None:
    import pyarrow as pa

    try:
        return _read_back(files, path)
    except (FileNotFoundError, pa.ArrowInvalid, OSError):
        return None


def _read_back(files: Any, path: str) -> _Proof:
    """Reads the whole file twice: its bytes, and its rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sha, size, rows, checksum = hashlib.sha256(), 0, 0, 0
    with files.open(path, "rb") as file:
        while piece := file.read(READ_BYTES):
            sha.update(piece)
            size += len(piece)
        file.seek(0)
        parquet = pq.ParquetFile(file)
        row_id = parquet.schema_arrow.names[0]
        for batch in parquet.iter_batches(ROWS_A_GROUP, columns=[row_id, "ts"]):
            ids, times = batch.column(row_id).to_pylist(), batch.column("ts").cast(pa.int64()).to_pylist()
            rows += len(ids)
            checksum += sum(map(_number, ids, times))
        if parquet.metadata.num_rows != rows:
            raise NotArchived(f"not dropped: the archive says {parquet.metadata.num_rows} rows and has {rows}")
    return _Proof(Seal(rows, checksum), size, sha.hexdigest())
