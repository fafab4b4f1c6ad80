"""Import sources: a file or standard input, opened by its content (gzip, zstd, plain), and scanned once. No database.

The commands open a source; run.py scans it, then reads it again to send it.
"""

import gzip
import io
import sys
import tempfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, NamedTuple

import zstandard

from analytics.errors import BadInput
from analytics.ingest.imports.encodings import BlockReader, open_text
from analytics.ingest.imports.formats import ImportFormat
from analytics.ingest.imports.parquet import MAGIC, read_json_lines
from analytics.ingest.imports.record_ids import RepeatCounter
from analytics.ingest.imports.records import BROKEN, LineReader, broken_file

BUFFER_BYTES = 1 << 20
MAX_ZSTD_WINDOW_BYTES = 1 << 27
ZSTD_PIECE_BYTES = 1 << 10
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class Source(NamedTuple):
    """A file that can be read from its start repeatedly."""

    name: str
    path: Path

    @property
    def is_parquet(self) -> bool:
        with self.path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC

    def open(self) -> IO[bytes]:
        """The content as UTF-8 with lines that end in LF, decompressed by its first bytes; of Parquet its rows as JSON.
        Raises BadInput."""
        if self.is_parquet:
            return io.BufferedReader(BlockReader(read_json_lines(self.path), io.BytesIO()), BUFFER_BYTES)
        try:
            return open_text(_decompress(self.path.open("rb")))
        except BROKEN as error:
            raise broken_file(0) from error


def open_source(file: str, folder: str) -> Source:
    """FILE, or standard input for `-`, kept in `folder` during the import. Raises BadInput."""
    if file == "-":
        return Source("(standard input)", spool(sys.stdin.buffer, folder))
    path = Path(file)
    if not path.is_file():
        raise BadInput(f"{file}: no such file")
    return Source(path.name, path)


def spool(stream: IO[bytes], folder: str) -> Path:
    """Standard input as a compressed file: an import reads its source twice. Parquet, which is read in any order, as it
    is."""
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
        start = stream.read(4)
        if start.startswith(_GZIP) or start in (_ZSTD, MAGIC):
            _copy(stream, file, start)
        else:
            with zstandard.ZstdCompressor(level=1).stream_writer(file, closefd=False) as compressed:
                _copy(stream, compressed, start)
        return Path(file.name)


def _decompress(raw: IO[bytes]) -> io.BufferedReader:
    start = raw.read(4)
    raw.seek(0)
    if start.startswith(_GZIP):
        return io.BufferedReader(gzip.GzipFile(fileobj=raw), BUFFER_BYTES)
    if start == _ZSTD:
        return io.BufferedReader(BlockReader(_read_zstd(raw), raw), BUFFER_BYTES)
    return io.BufferedReader(raw, BUFFER_BYTES)  # type: ignore[arg-type]


def _read_zstd(raw: IO[bytes]) -> Iterator[bytes]:
    """The content of all frames. Raises EOFError where the last one breaks off: `stream_reader` ends there silently."""
    codec, frame = zstandard.ZstdDecompressor(max_window_size=MAX_ZSTD_WINDOW_BYTES), None
    # A block of 128 KB may be four bytes, so of this much a hostile file makes 32 MB.
    while piece := raw.read(ZSTD_PIECE_BYTES):
        while piece:
            frame = frame or codec.decompressobj()
            yield frame.decompress(piece)
            piece, frame = (frame.unused_data, None) if frame.eof else (b"", frame)
    if frame is not None:
        raise EOFError


def _copy(stream: IO[bytes], target: IO[bytes], start: bytes) -> None:
    target.write(start)
    while block := stream.read(BUFFER_BYTES):
        target.write(block)


class SourceScan(NamedTuple):
    """The result of the first pass. `latest_ts`: the latest time of a log, if requested."""

    records: int
    bytes: int
    digest: str
    prefix_digests: list[str]
    repeats: RepeatCounter
    latest_ts: datetime | None


def scan_source(
    source: Source, file_format: ImportFormat, prefix_lengths: Iterable[int] = (), with_times: bool = False
) -> SourceScan:
    """Reads the whole source once, so that nothing is sent of a file that breaks off."""
    with source.open() as stream:
        lines, repeats, count, latest = LineReader(stream, prefix_lengths), RepeatCounter(), 0, None
        for record in file_format.read_records(lines):
            count += 1
            repeats.observe(record.text)
            if with_times and (ts := file_format.read_ts(record)) and (latest is None or ts > latest):
                latest = ts
        return SourceScan(count, lines.bytes, lines.digest(), lines.prefix_digests, repeats, latest)
