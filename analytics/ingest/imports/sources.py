"""Files as imports see them: opened (gzip, zstd, plain), read into records, each with an id of its own. No database.

The id of a record is a hash of the site, the shift in time, the record's own text and how many times that text came
before in the file. So it does not depend on the file's name, its compression, or what follows: the same file again, the
same log grown, a rotated or cut piece that starts with whole groups of equal lines: the same ids, and the drain
recognises them. Two equal lines of one file are two events. (A piece cut between two equal lines of the same second
counts them from one again, so at a seam equal lines are taken for one another.)
"""

import csv
import gzip
import io
import re
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, NamedTuple

import msgspec
import zstandard

from analytics.errors import BadInput
from analytics.ingest import access_log
from analytics.ingest.dialects import ALIASES, BATCH

MAX_LINE_BYTES = 1 << 20
_BLOCK = 1 << 20
_GZIP, _ZSTD, _BOM = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xef\xbb\xbf"
# What the drain works out itself; our own export has these columns, and only of ours are they left out.
DERIVED = frozenset(("received_at", "is_bot", "browser", "os", "device", "source", "user_no"))
OWN_EXPORT = frozenset(("event_id", "received_at"))
# A cell of ours that begins with an apostrophe only to keep spreadsheets from running it (reports/events.py, FORMULA).
NEUTRALISED = re.compile("'[\\s\u00a0\u200b\u3000\ufeff]*[-=+@\\t\\r\uff0d\uff1d\uff0b\uff20]")
CANONICAL = frozenset(
    (
        *("type", "ts", "user_id", "src", "payload", "event_id", "session_id", "site_id", "path", "referrer"),
        *("user_agent", "ip", "subject", "country", "region", "city"),
        *("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"),
    )
)
_PAYLOAD_NAMES = frozenset(("payload", *(name for name, field_ in ALIASES.items() if field_ == "payload")))
_ID_NAMES = frozenset(("event_id", *(name for name, field_ in ALIASES.items() if field_ == "event_id")))


class Record(NamedTuple):
    """One line of a log, one row of a table. `text` is what makes it itself; `cells` are a table's."""

    line: int
    text: bytes
    cells: dict[str, str] | None = None
    problem: str = ""


class Source(NamedTuple):
    """Something that can be read from its start as often as needed."""

    name: str
    path: Path

    def open(self) -> IO[bytes]:
        """The content, decompressed by its first bytes."""
        raw = self.path.open("rb")
        start = raw.read(4)
        raw.seek(0)
        if start.startswith(_GZIP):
            return io.BufferedReader(gzip.GzipFile(fileobj=raw), _BLOCK)
        if start == _ZSTD:
            reader = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(raw, read_across_frames=True)
            return io.BufferedReader(reader, _BLOCK)
        return io.BufferedReader(raw, _BLOCK)


def spool(stream: IO[bytes], folder: str) -> Path:
    """Standard input as a file, since an import reads its source twice: once to know it, once to send it."""
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
        start = stream.read(4)
        if start.startswith(_GZIP) or start == _ZSTD:
            file.write(start)
            while block := stream.read(_BLOCK):
                file.write(block)
        else:
            with zstandard.ZstdCompressor(level=1).stream_writer(file, closefd=False) as packed:
                packed.write(start)
                while block := stream.read(_BLOCK):
                    packed.write(block)
        return Path(file.name)


class Lines:
    """The lines of a stream, counted and hashed as they pass. Raises BadInput where a compressed file breaks off.

    `marks` are lengths at which an earlier import of the same site ended: `grown_from` collects the digests there, so
    that a log that has grown is known for what it is.
    """

    def __init__(self, stream: IO[bytes], marks: Iterable[int] = ()) -> None:
        self.count = self.bytes = 0
        self.prefixes: list[str] = []
        self._stream, self._digest = stream, sha256()
        self._marks = sorted(set(marks), reverse=True)

    def __iter__(self) -> Iterator[bytes]:
        while line := self._next():
            self.count += 1
            yield line

    def digest(self) -> str:
        return self._digest.hexdigest()

    def _next(self) -> bytes:
        try:
            line = self._stream.readline(MAX_LINE_BYTES)
            self._take(line)
            if len(line) == MAX_LINE_BYTES and line[-1:] != b"\n":
                # The rest of an endless line is read past, so that memory stays flat.
                while (more := self._stream.readline(MAX_LINE_BYTES)) and self._take(more) and more[-1:] != b"\n":
                    pass
        except (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
            raise BadInput(
                f"the compressed file breaks off after line {self.count} ({error}); nothing was imported."
                " What can be read of it: zcat FILE | flask import … -"
            ) from error
        return line

    def _take(self, line: bytes) -> bool:
        while self._marks and self._marks[-1] <= self.bytes + len(line):
            part = self._digest.copy()
            part.update(line[: self._marks.pop() - self.bytes])
            self.prefixes.append(part.hexdigest())
        self._digest.update(line)
        self.bytes += len(line)
        return True


def read_text_records(lines: Lines) -> Iterator[Record]:
    """Logs and NDJSON: a line is a record."""
    for line in lines:
        text = line.rstrip(b"\r\n")
        if lines.count == 1:
            text = text.removeprefix(_BOM)
        too_long = f"longer than {MAX_LINE_BYTES} bytes" if len(line) >= MAX_LINE_BYTES else ""
        yield Record(lines.count, text, None, too_long)


def read_rows_of(lines: Lines, names: dict[str, str]) -> Iterator[Record]:
    """CSV: a row is a record, which may go over several lines; `names` renames columns. Raises BadInput without a
    header that can be used."""
    texts = (line.decode("utf-8", "backslashreplace") for line in lines)
    first = next(texts, "").removeprefix("\ufeff")
    if not first.strip():
        raise BadInput("the first line must be the header: the columns' names")
    delimiter = max(",;\t", key=lambda mark: len(next(csv.reader([first], delimiter=mark))))
    header = [name.strip() for name in next(csv.reader([first], delimiter=delimiter))]
    if missing := names.keys() - set(header):
        raise BadInput(f"no column {sorted(missing)[0]!r}; the header has {', '.join(header)}")
    columns = [names.get(name, name) for name in header]
    if len(set(columns)) < len(columns):
        twice = sorted({name for name in columns if columns.count(name) > 1})
        raise BadInput(f"two columns are {twice[0]!r}")
    left_out = ignored_columns(columns)
    reader = csv.reader(texts, delimiter=delimiter)
    while True:
        line, problem, row = lines.count + 1, "", []
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problem = str(error)
        if row and len(row) != len(columns):
            problem = f"{len(row)} cells under {len(columns)} columns"
        kept = {name: _restored(cell) for name, cell in zip(columns, row, strict=False) if name not in left_out}
        yield Record(line, msgspec.json.encode(kept) if any(kept.values()) else b"", kept, problem)


def ignored_columns(columns: Iterable[str]) -> frozenset[str]:
    """The columns of our own export that the drain works out anew."""
    found = frozenset(columns)
    return found & DERIVED if found >= OWN_EXPORT else frozenset()


def _restored(cell: str) -> str:
    """The cell before an export kept spreadsheets from taking it for a formula."""
    return cell[1:] if NEUTRALISED.match(cell) else cell


def log_event(record: Record, make_id: Callable[[], str], shift: Any) -> bytes:
    """An access log's line as canonical JSON. Raises ValueError."""
    event = access_log.read_line(record.text)
    event["ts"] += shift
    event["event_id"] = make_id()
    return _encode(event)


def row_event(record: Record, make_id: Callable[[], str], _: Any) -> bytes:
    """A table's row as canonical JSON. Raises ValueError."""
    source: dict[str, Any] = {name: cell for name, cell in (record.cells or {}).items() if cell != ""}
    for name in _PAYLOAD_NAMES & source.keys():
        source[name] = _object(source[name])
    event, _ = BATCH.rename(source)
    event["ts"] = _aware(event.get("ts"))
    event.setdefault("event_id", make_id())
    try:
        return _encode(event)
    except OverflowError as error:
        raise ValueError("payload holds an integer beyond 64 bits") from error


def json_event(record: Record, make_id: Callable[[], str], _: Any) -> bytes:
    """A line of NDJSON as it is, with an id where it has none. Raises ValueError."""
    source = _object(record.text)
    if BATCH.rename(source)[0].get("ts") in (None, ""):
        raise ValueError("ts is missing; an event of a file must say when it happened")
    text = record.text.strip()
    if any(source.get(name) is not None for name in _ID_NAMES):
        return text
    if "event_id" in source:
        return _encode({**source, "event_id": make_id()})
    return b'{"event_id":"' + make_id().encode() + b'",' + text[1:]


_encode = msgspec.json.Encoder().encode


def _object(text: str | bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.ValidationError as error:
        raise ValueError("an event (and its payload) must be a JSON object") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error


def _aware(text: object) -> datetime:
    if not text:
        raise ValueError("ts is missing; an event of a file must say when it happened")
    try:
        instant = datetime.fromisoformat(str(text).strip())
    except ValueError:
        raise ValueError(f"ts {str(text)[:40]!r} is not a time such as 2026-01-31T12:00:00Z") from None
    if instant.tzinfo is None:
        raise ValueError(f"ts {text!r} has no zone; write 2026-01-31T12:00:00Z or +02:00")
    return instant


@dataclass
class Repeats:
    """Counts equal records, exactly, in flat memory: a first pass (`note`) finds those that may come twice."""

    size: int = 1 << 26
    _seen: bytearray = field(init=False)
    _maybe: set[int] = field(default_factory=set)
    _counts: dict[bytes, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # A bit a slot: at ten million records one in fifty is counted for nothing, and none is missed.
        self._seen = bytearray(self.size >> 3)

    def note(self, text: bytes) -> None:
        slot = hash(text) % self.size
        if self._seen[slot >> 3] >> (slot & 7) & 1:
            self._maybe.add(slot)
        else:
            self._seen[slot >> 3] |= 1 << (slot & 7)

    def earlier(self, text: bytes) -> int:
        """How many records equal to this one have been asked about before it."""
        if hash(text) % self.size not in self._maybe:
            return 0
        key = sha256(text).digest()
        before = self._counts.get(key, 0)
        self._counts[key] = before + 1
        return before


def record_id(site_key: str, shift_s: int, text: bytes, earlier: int) -> str:
    """A UUIDv8. A shifted record is another event than the same one at its own time, so the shift is part of it."""
    digest = bytearray(sha256(b"%s\0%d\0%d\0%s" % (site_key.encode(), shift_s, earlier, text)).digest()[:16])
    digest[6], digest[8] = digest[6] & 0x0F | 0x80, digest[8] & 0x3F | 0x80
    text_form = digest.hex()
    return f"{text_form[:8]}-{text_form[8:12]}-{text_form[12:16]}-{text_form[16:20]}-{text_form[20:]}"


class Format(NamedTuple):
    """How a kind of file is read: lines → records, and a record → an event's JSON."""

    name: str
    records: Callable[[Lines], Iterator[Record]]
    event: Callable[[Record, Callable[[], str], Any], bytes]


def csv_format(names: dict[str, str]) -> Format:
    return Format("csv", lambda lines: read_rows_of(lines, names), row_event)


ACCESS_LOG = Format("access-log", read_text_records, log_event)
NDJSON = Format("ndjson", read_text_records, json_event)


class Scan(NamedTuple):
    """What the first pass learnt. `grown_from`: digests of the content at the marks. `latest`: of a log's times."""

    records: int
    bytes: int
    digest: str
    grown_from: list[str]
    repeats: Repeats
    latest: datetime | None


def scan(source: Source, form: Format, marks: Iterable[int] = (), with_times: bool = False) -> Scan:
    """Reads all of the source once, so that nothing is sent of a file that cannot be read to its end."""
    with source.open() as stream:
        lines, repeats, count, latest = Lines(stream, marks), Repeats(), 0, None
        for record in form.records(lines):
            count += 1
            repeats.note(record.text)
            if with_times and (ts := _time_of(record)) and (latest is None or ts > latest):
                latest = ts
        return Scan(count, lines.bytes, lines.digest(), lines.prefixes, repeats, latest)


def _time_of(record: Record) -> datetime | None:
    try:
        ts: datetime = access_log.read_line(record.text)["ts"]
    except ValueError:
        return None
    return ts


def open_source(file: str, folder: str) -> Source:
    """FILE, or standard input for `-`, kept in `folder` while the import runs. Raises BadInput."""
    if file == "-":
        return Source("(standard input)", spool(sys.stdin.buffer, folder))
    path = Path(file)
    if not path.is_file():
        raise BadInput(f"{file}: no such file")
    return Source(path.name, path)
