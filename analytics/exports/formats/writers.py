"""How rows become a file: parts in the format of the file, or parts that an assembler puts together.

The parts of csv and ndjson are pieces of the file itself. The parts of xlsx and parquet hold the rows as COPY gave
them, under zstd, and are read once more for the file. jobs/attempt.py calls it; nothing here opens, syncs or names a
file.
"""

import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol

import zstandard

from analytics.exports.formats.file_types import FileSpec
from analytics.exports.formats.ndjson import NdjsonEncoder
from analytics.files import xlsx
from analytics.files.checksums import READ_CHUNK_BYTES, ChecksumWriter, compute_checksum, no_op

GZIP_LEVEL = 4
ZSTD_LEVEL = 3
# For parts that are read once and then deleted: level 1 takes half the time of level 3, for the same size.
PART_ZSTD_LEVEL = 1


class WriteResult(NamedTuple):
    """What was written. Of a part: its rows, its bytes, and the SHA-256 of all bytes of its sink so far."""

    rows: int
    bytes: int
    sha256: str


class RowStream(Protocol):
    """Rows as COPY gives them; `rows` is their number, once all of them are streamed."""

    rows: int

    def stream_to(self, write: Callable[[bytes], None], /) -> None: ...


def write_header(spec: FileSpec, sink: ChecksumWriter) -> None:
    """Writes what precedes the first part, in formats whose parts are the file."""
    if spec.format == "csv":
        compressor = _compressor(spec.compression)
        header = ",".join(column.name for column in spec.columns) + "\n"
        sink.write(compressor.compress(header.encode()) + compressor.flush())


def write_part(
    spec: FileSpec, rows: RowStream, sink: ChecksumWriter, on_chunk: Callable[[], None] = no_op
) -> WriteResult:
    """Writes one part. `on_chunk` is called at each chunk; it may raise to end the work."""
    before = sink.bytes
    compressor = _compressor(spec.compression) if spec.is_concatenable else _zstd(PART_ZSTD_LEVEL)
    encoder = NdjsonEncoder(spec.columns) if spec.format == "ndjson" else None

    def write(chunk: bytes) -> None:
        on_chunk()
        sink.write(compressor.compress(encoder.feed(chunk) if encoder else chunk))

    rows.stream_to(write)
    sink.write(compressor.flush())
    return WriteResult(rows.rows, sink.bytes - before, sink.sha256)


class FileAssembler(Protocol):
    """A file that is made of its stored parts, in their order.

    `finish` returns what the file holds. Close it before its sink, whether it is finished or not.
    """

    def add(self, part: Path) -> None: ...

    def finish(self) -> WriteResult: ...

    def close(self) -> None: ...


def open_assembler(spec: FileSpec, sink: BinaryIO, on_chunk: Callable[[], None] = no_op) -> FileAssembler:
    """The assembler of the format. The sink must be seekable and readable; `on_chunk` is as for `write_part`."""
    return (_ParquetAssembler if spec.format == "parquet" else _WorkbookAssembler)(spec, sink, on_chunk)


class _ParquetAssembler:
    """Writes each row group as soon as it is full."""

    def __init__(self, spec: FileSpec, sink: BinaryIO, on_chunk: Callable[[], None]) -> None:
        # pyarrow takes 40 MB, which only a worker that writes Parquet needs.
        from analytics.exports.formats.parquet import ParquetFileWriter

        self._writer, self._sink, self._on_chunk = ParquetFileWriter(sink, spec.columns), sink, on_chunk

    def add(self, part: Path) -> None:
        for chunk in _decompress([part]):
            self._on_chunk()
            self._writer.feed(chunk)

    def finish(self) -> WriteResult:
        return _checksum(self._sink, self._writer.finish(), self._on_chunk)

    def close(self) -> None:
        self._writer.close()


class _WorkbookAssembler:
    """Writes the whole file at the end: the pure Python of the XLSX writer would slow down the reading of parts."""

    def __init__(self, spec: FileSpec, sink: BinaryIO, on_chunk: Callable[[], None]) -> None:
        self._spec, self._sink, self._on_chunk, self._parts = spec, sink, on_chunk, list[Path]()

    def add(self, part: Path) -> None:
        self._parts.append(part)

    def finish(self) -> WriteResult:
        spec, chunks = self._spec, _decompress(self._parts)
        rows = xlsx.write_workbook(self._sink, spec.title, spec.columns, spec.zone, chunks, self._on_chunk)
        return _checksum(self._sink, rows, self._on_chunk)

    def close(self) -> None:
        """Holds no resource."""


def _decompress(parts: Sequence[Path]) -> Iterator[bytes]:
    for part in parts:
        with part.open("rb") as file:
            yield from zstandard.ZstdDecompressor().read_to_iter(file, READ_CHUNK_BYTES, READ_CHUNK_BYTES // 4)


def _checksum(sink: BinaryIO, rows: int, on_chunk: Callable[[], None]) -> WriteResult:
    """Reads the finished file: a writer that seeks back to fill in a length cannot be hashed while it writes."""
    sink.seek(0)
    return WriteResult(rows, *compute_checksum(sink, on_chunk))


class _NoCompressor:
    def compress(self, data: bytes) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


def _compressor(compression: str) -> Any:
    """Of one gzip member (without a time or a name) or of one zstd frame (with its checksum)."""
    if compression == "gzip":
        return zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, 31)
    if compression == "zstd":
        return _zstd(ZSTD_LEVEL)
    return _NoCompressor()


def _zstd(level: int) -> Any:
    return zstandard.ZstdCompressor(level=level, write_checksum=True).compressobj()
