"""A file in another encoding or with other line ends, as UTF-8 with LF. sources.py calls `open_text`. No database.

UTF-16 and UTF-32 are recognised by their first bytes: spreadsheets and PowerShell write them. Lines that end in CR
alone are recognised by a beginning that has no LF.
"""

import codecs
import io
from collections.abc import Iterator
from typing import IO, Any

from analytics.errors import BadInput

BLOCK_BYTES = 1 << 16
# First bytes → encoding; the longer ones first. Without a mark, the first character is ASCII.
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class BlockReader(io.RawIOBase):
    """Blocks of bytes as a stream; `source` is closed with it."""

    def __init__(self, blocks: Iterator[bytes], source: IO[bytes]) -> None:
        self._blocks, self._source, self._rest = blocks, source, memoryview(b"")

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._source.close()
        super().close()

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = memoryview(block)
        target = memoryview(buffer)
        size = min(len(target), len(self._rest))
        target[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def open_text(stream: io.BufferedReader) -> io.BufferedReader:
    """The stream as UTF-8 with lines that end in LF. Reading raises BadInput where its encoding is broken."""
    if encoding := _find_encoding(stream.peek()):
        stream = io.BufferedReader(BlockReader(_decode(stream, encoding), stream), BLOCK_BYTES)
    start = stream.peek()
    if b"\r" in start and b"\n" not in start:
        stream = io.BufferedReader(BlockReader(_replace_line_ends(stream), stream), BLOCK_BYTES)
    return stream


def _find_encoding(start: bytes) -> str | None:
    for mark, encoding in MARKS:
        if start.startswith(mark):
            return encoding
    if len(start) < 2 or start[:2].count(0) != 1:
        return None
    return "utf-16-be" if start[0] == 0 else "utf-16-le"


def _replace_line_ends(stream: IO[bytes]) -> Iterator[bytes]:
    while block := stream.read(BLOCK_BYTES):
        yield block.replace(b"\r", b"\n")


def _decode(stream: IO[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    block = b"-"
    try:
        while block:
            block = stream.read(BLOCK_BYTES)
            yield decoder.decode(block, final=not block).encode()
    except UnicodeError as error:
        raise BadInput(
            f"the file begins as {encoding.upper()} and is not throughout; save it as UTF-8, for example:"
            f" iconv -c -f {encoding.upper()} -t UTF-8 FILE"
        ) from error
