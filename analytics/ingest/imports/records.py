"""Records of a file: counts and hashes its lines, and groups them into records (a log line, a CSV row). No database.

formats.py says which reader a format uses; sources.py opens the file.
"""

import csv
import gzip
import re
import zlib
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import IO, NamedTuple

import msgspec
import zstandard

from analytics.errors import BadInput

# An event of 64 KB may hold eleven thousand numbers as 1e300, which are stored and exported with all their digits.
MAX_LINE_BYTES, MAX_CELL_CHARACTERS = 4 << 20, 3_900_000
# What reading a damaged or cut compressed file raises.
BROKEN = (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError)
_BOM = b"\xef\xbb\xbf"
# Columns of our own CSV export that the drain derives; ignored in a file that has OWN_EXPORT_COLUMNS.
DERIVED_COLUMNS = frozenset(("received_at", "is_bot", "browser", "os", "device", "source", "channel", "user_no"))
OWN_EXPORT_COLUMNS = frozenset(("event_id", "received_at"))
# A cell to which our own export added an apostrophe, so that spreadsheets do not run it (files/columns.py).
ESCAPED_FORMULA = re.compile("''*[\\s\u00a0\u200b\u3000\ufeff]*[-=+@|%\\t\\r\uff0d\uff1d\uff0b\uff20\uff5c\uff05]")
_NOT_UTF_8 = re.compile("[\udc80-\udcff]")
CONVERT = "save the file as UTF-8, or convert it, for example: iconv -f WINDOWS-1252 -t UTF-8 FILE | flask import csv -"


class UnreadableRecord(ValueError):
    """A record that cannot become an event; the message is the service's own text."""


class Record(NamedTuple):
    """One log line or CSV row; `line` is the number of its first line. `text` identifies it, `cells` are a row's."""

    line: int
    text: bytes
    cells: dict[str, str] | None = None
    problem: str = ""


def broken_file(lines: int) -> BadInput:
    """The error of a compressed file of which so many lines can be read."""
    return BadInput(
        f"the compressed file breaks off after line {lines}; nothing was imported. Import what can be"
        " read of it, for example: zcat FILE | flask import access-log -"
    )


class LineReader:
    """The lines of a stream, counted and hashed. Raises BadInput where a compressed file breaks off.

    `prefix_lengths` are the lengths of earlier imports of the same site: `prefix_digests` gets the digest of each
    prefix, by which a log that has grown is recognised.
    """

    def __init__(self, stream: IO[bytes], prefix_lengths: Iterable[int] = ()) -> None:
        self.count = self.bytes = 0
        self.prefix_digests: list[str] = []
        self._stream, self._digest = stream, sha256()
        self._prefix_lengths = sorted(set(prefix_lengths), reverse=True)

    def __iter__(self) -> Iterator[bytes]:
        while line := self._next():
            self.count += 1
            yield line

    def digest(self) -> str:
        return self._digest.hexdigest()

    def _next(self) -> bytes:
        try:
            line = self._read()
            if _is_cut(line):
                # Skips the rest of an endless line, so that memory stays flat.
                while _is_cut(self._read()):
                    pass
        except BROKEN as error:
            raise broken_file(self.count) from error
        return line

    def _read(self) -> bytes:
        line = self._stream.readline(MAX_LINE_BYTES)
        while self._prefix_lengths and self._prefix_lengths[-1] <= self.bytes + len(line):
            prefix = self._digest.copy()
            prefix.update(line[: self._prefix_lengths.pop() - self.bytes])
            self.prefix_digests.append(prefix.hexdigest())
        self._digest.update(line)
        self.bytes += len(line)
        return line


def _is_cut(line: bytes) -> bool:
    return len(line) == MAX_LINE_BYTES and line[-1:] != b"\n"


def read_line_records(lines: LineReader) -> Iterator[Record]:
    """Logs and NDJSON: each line is a record."""
    for line in lines:
        text = line.rstrip(b"\r\n")
        if lines.count == 1:
            text = text.removeprefix(_BOM)
        is_long = len(line) >= MAX_LINE_BYTES
        problem = f"the line is too long; accepted: less than {MAX_LINE_BYTES:,} bytes" if is_long else ""
        yield Record(lines.count, text, None, problem)


def read_csv_columns(lines: LineReader, renames: dict[str, str]) -> list[str]:
    """The columns of a CSV under their new names. Raises BadInput where the header cannot be used."""
    return _read_header(next(_decode_lines(lines), "").removeprefix("\ufeff"), renames)[1]


def read_csv_records(lines: LineReader, renames: dict[str, str], keep_derived: bool = False) -> Iterator[Record]:
    """CSV: each row is a record and may span several lines; `renames` maps columns to fields, `keep_derived`: with what
    an export has derived. Raises BadInput where the header cannot be used."""
    csv.field_size_limit(MAX_CELL_CHARACTERS)
    texts = _decode_lines(lines)
    delimiter, columns = _read_header(next(texts, "").removeprefix("\ufeff"), renames)
    ignored = frozenset() if keep_derived else ignored_columns(columns)
    reader = csv.reader(texts, delimiter=delimiter, strict=True)
    while True:
        line, problem, row = lines.count + 1, "", list[str]()
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problem = _explain_row(str(error), line, lines.count)
        if row and len(row) != len(columns):
            problem = f"the row has {len(row)} cells; accepted: {len(columns)}, one for each column"
        cells = {name: _unescape(cell) for name, cell in zip(columns, row, strict=False) if name not in ignored}
        try:
            text = msgspec.json.encode(cells) if any(cells.values()) else b""
        except UnicodeEncodeError:
            text, problem = b"", f"the row is not UTF-8; {CONVERT}"
        yield Record(line, text, cells, problem)


def _decode_lines(lines: LineReader) -> Iterator[str]:
    """Bytes that are not UTF-8 become surrogates, which no cell can be encoded with."""
    return (line.decode("utf-8", "surrogateescape") for line in lines)


def _explain_row(error: str, first: int, last: int) -> str:
    """What is wrong with a row, by the message of the csv module; `first` to `last`: the lines that it took."""
    span = f"; the row would take the lines {first:,} to {last:,}, none of which is imported" if last > first else ""
    if "end of data" in error or "expected after" in error:
        return f'a quote is not closed, or text follows it{span}; accepted, for example: "a ""word"" in quotes"'
    if "field limit" in error:
        return f"a cell is longer than {csv.field_size_limit():,} characters; is a quote not closed?{span}"
    return f"a cell has a bare carriage return; put the cell into quotes{span}"


def _read_header(first: str, renames: dict[str, str]) -> tuple[str, list[str]]:
    """`(delimiter, columns)`, with the columns renamed. The delimiter is the one that gives the most columns."""
    if not first.strip():
        raise BadInput("the header is missing; accepted: a first line of column names, for example type,ts,user_id")
    if _NOT_UTF_8.search(first):
        raise BadInput(f"the header is not UTF-8; {CONVERT}")
    try:
        delimiter = max(",;\t", key=lambda mark: len(next(csv.reader([first], delimiter=mark))))
        header = [name.strip() for name in next(csv.reader([first], delimiter=delimiter, strict=True))]
    except csv.Error as error:
        raise BadInput(f"the header is not CSV: {_explain_row(str(error), 1, 1)}") from error
    if missing := renames.keys() - set(header):
        raise BadInput(f"no column {sorted(missing)[0]!r}; the header has {', '.join(header)}")
    columns = [renames.get(name, name) for name in header]
    if repeated := sorted({name for name in columns if columns.count(name) > 1}):
        raise BadInput(f"two columns are {repeated[0]!r}; accepted: one column a field")
    return delimiter, columns


def ignored_columns(columns: Iterable[str]) -> frozenset[str]:
    """The columns of our own export that the drain derives again."""
    names = frozenset(columns)
    return names & DERIVED_COLUMNS if names >= OWN_EXPORT_COLUMNS else frozenset()


def _unescape(cell: str) -> str:
    """The cell without the apostrophe that an export adds to a formula."""
    return cell[1:] if ESCAPED_FORMULA.match(cell) else cell
