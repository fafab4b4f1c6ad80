"""The formats of export files: parts that are written one by one, and the file that is made of them.

csv and ndjson: the file is its header and its parts, each written behind the one before. xlsx and parquet: parts keep
the rows as they came, compressed, and the file is made of them in one pass. The same rows give the same bytes: no
clock, no name, and blocks that are cut by what is in them. joined.py and run.py call this; it holds a few megabytes
whatever the size.
"""

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol

import zstandard

from analytics import spreadsheet
from analytics.columns import Column
from analytics.exports.formats_ndjson import JsonLines

READ_BYTES = 1 << 20
GZIP_LEVEL = 4
ZSTD_LEVEL = 3
# Of parts that are read once more and then go: 1 takes half the time of 3, for the same size.
KEPT_LEVEL = 1


class Format(NamedTuple):
    """`compressions`: what it may be packed in besides; `joins`: its parts one after the other are the file."""

    name: str
    media_type: str
    suffix: str
    compressions: tuple[str, ...]
    joins: bool


PACKINGS = ("none", "gzip", "zstd")
FORMATS = {
    "csv": Format("csv", "text/csv; charset=utf-8", ".csv", PACKINGS, joins=True),
    "ndjson": Format("ndjson", "application/x-ndjson", ".ndjson", PACKINGS, joins=True),
    "xlsx": Format("xlsx", spreadsheet.MEDIA_TYPE, ".xlsx", ("none",), joins=False),
    "parquet": Format("parquet", "application/vnd.apache.parquet", ".parquet", ("none",), joins=False),
}
PACKED_TYPES = {"gzip": "application/gzip", "zstd": "application/zstd"}
PACKED_SUFFIXES = {"gzip": ".gz", "zstd": ".zst"}


class Shape(NamedTuple):
    """What a file looks like; `zone` is the one that instants are in, `title` what the rows are."""

    format: str
    compression: str
    columns: tuple[Column, ...]
    zone: str = "UTC"
    title: str = "Events"


class PartSum(NamedTuple):
    """What was written; of a part: its rows and bytes, and the SHA-256 of all that its sink was given until then."""

    rows: int
    bytes: int
    sha256: str


class Rows(Protocol):
    """Rows as COPY gave them; `rows` is how many, once all have been poured."""

    rows: int

    def pour(self, take: Callable[[bytes], None]) -> None: ...


def media_type(format_name: str, compression: str) -> str:
    return PACKED_TYPES.get(compression) or FORMATS[format_name].media_type


def file_suffix(format_name: str, compression: str) -> str:
    return FORMATS[format_name].suffix + PACKED_SUFFIXES.get(compression, "")


def nothing() -> None:
    """A tick that nobody waits for."""


class Summed:
    """A sink's bytes, counted and summed as they pass."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink, self._digest, self.bytes = sink, hashlib.sha256(), 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def write(self, data: bytes) -> None:
        if data:
            self._sink.write(data)
            self._digest.update(data)
            self.bytes += len(data)

    def copy_from(self, source: BinaryIO, size: int, tick: Callable[[], None]) -> None:
        """The source's next bytes; fewer where it ends."""
        while size and (chunk := source.read(min(size, READ_BYTES))):
            tick()
            self.write(chunk)
            size -= len(chunk)

    def copy_parts(self, source: BinaryIO, parts: Iterable[Mapping[str, Any]], tick: Callable[[], None]) -> int:
        """Those parts from where the source stands, up to the first that has not its sum; how many."""
        copied = 0
        for part in parts:
            before = self.bytes, self._digest.copy()
            self.copy_from(source, part["bytes"], tick)
            if self.sha256 != part["sha256"]:
                self.bytes, self._digest = before
                self._sink.truncate(self._sink.seek(self.bytes))
                break
            copied += 1
        return copied


def write_header(shape: Shape, sink: Summed) -> None:
    """What a file has before the first of its parts, where these are the file."""
    if shape.format == "csv":
        pack = _packing(shape.compression)
        header = ",".join(column.name for column in shape.columns) + "\n"
        sink.write(pack.compress(header.encode()) + pack.flush())


def write_part(shape: Shape, rows: Rows, sink: Summed, tick: Callable[[], None] = nothing) -> PartSum:
    """Writes one part; closes and syncs nothing. `tick` is called at each chunk, and may raise to end it."""
    before = sink.bytes
    pack = _packing(shape.compression) if FORMATS[shape.format].joins else _zstd(KEPT_LEVEL)
    lines = JsonLines(shape.columns) if shape.format == "ndjson" else None

    def take(chunk: bytes) -> None:
        tick()
        sink.write(pack.compress(lines.feed(chunk) if lines else chunk))

    rows.pour(take)
    sink.write(pack.flush())
    return PartSum(rows.rows, sink.bytes - before, sink.sha256)


class Assembly(Protocol):
    """A file that grows by the parts that were kept for it, in their order.

    `finish` is what it holds. Close it before its sink, finished or not.
    """

    def add(self, part: Path) -> None: ...

    def finish(self) -> PartSum: ...

    def close(self) -> None: ...


def assembly(shape: Shape, sink: BinaryIO, tick: Callable[[], None] = nothing) -> Assembly:
    """The file in the making. The sink must be able to seek, and to be read; `tick` is as for `write_part`."""
    return (_Table if shape.format == "parquet" else _Workbook)(shape, sink, tick)


class _Table:
    """Parquet: row groups are written as they are full."""

    def __init__(self, shape: Shape, sink: BinaryIO, tick: Callable[[], None]) -> None:
        from analytics.exports.formats_parquet import TableWriter

        self._writer, self._sink, self._tick = TableWriter(sink, shape.columns), sink, tick

    def add(self, part: Path) -> None:
        for chunk in _unpacked([part]):
            self._tick()
            self._writer.feed(chunk)

    def finish(self) -> PartSum:
        return _sum_of(self._sink, self._writer.finish(), self._tick)

    def close(self) -> None:
        self._writer.close()


class _Workbook:
    """XLSX: all of it at the end. It is Python from end to end, and would only hold up who reads the next part."""

    def __init__(self, shape: Shape, sink: BinaryIO, tick: Callable[[], None]) -> None:
        self._shape, self._sink, self._tick, self._parts = shape, sink, tick, list[Path]()

    def add(self, part: Path) -> None:
        self._parts.append(part)

    def finish(self) -> PartSum:
        shape, chunks = self._shape, _unpacked(self._parts)
        rows = spreadsheet.write_workbook(self._sink, shape.title, shape.columns, shape.zone, chunks, self._tick)
        return _sum_of(self._sink, rows, self._tick)

    def close(self) -> None:
        """Nothing is held."""


def _unpacked(parts: Sequence[Path]) -> Iterator[bytes]:
    for part in parts:
        with part.open("rb") as file:
            yield from zstandard.ZstdDecompressor().read_to_iter(file, READ_BYTES, READ_BYTES // 4)


def _sum_of(sink: BinaryIO, rows: int, tick: Callable[[], None]) -> PartSum:
    """Of what is in the file: a writer that goes back to fill in a length cannot be summed on its way."""
    digest, size = hashlib.sha256(), 0
    sink.seek(0)
    while chunk := sink.read(READ_BYTES):
        tick()
        digest.update(chunk)
        size += len(chunk)
    return PartSum(rows, size, digest.hexdigest())


class _Plain:
    def compress(self, data: bytes) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


def _packing(compression: str) -> Any:
    """One gzip member (without a time or a name) or one zstd frame (with its checksum)."""
    if compression == "gzip":
        return zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, 31)
    if compression == "zstd":
        return _zstd(ZSTD_LEVEL)
    return _Plain()


def _zstd(level: int) -> Any:
    return zstandard.ZstdCompressor(level=level, write_checksum=True).compressobj()
