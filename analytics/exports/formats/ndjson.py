r"""The NDJSON writer: rows in COPY's text format become JSON objects, one a line. writers.py calls it.

COPY escapes the characters that JSON escapes, in the same way, except for quotes, \v and other control characters. So
rows are split at their tabs and joined with the keys: half the time of JSON made by PostgreSQL, and on another core.
"""

import json
import re
from collections.abc import Sequence, Set

from analytics.files.columns import Column

# Cells of these types are written as they are; all others are quoted.
UNQUOTED_TYPES = ("json", "number", "boolean")
CONTROL_CHARS = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f]")
CONTROL_BYTES = bytes([*range(1, 9), 11, 12, *range(14, 32)])
COPY_ESCAPE = re.compile(r"\\(.)")


class NdjsonEncoder:
    """Rows as objects with the columns as keys, in their order; a missing value is null."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._keys = _keys(columns)
        self._unquoted = {n for n, column in enumerate(columns) if column.type in UNQUOTED_TYPES}
        self._end = self._keys[0].partition("{")[0]
        self._rest = b""

    def feed(self, chunk: bytes) -> bytes:
        """The objects of the rows that end in this chunk; the rest of it is kept for the next one."""
        block, line_end, rest = chunk.rpartition(b"\n")
        if not line_end:
            self._rest += rest
            return b""
        block, self._rest = self._rest + block, rest
        cells = _cells(_escaped(block), len(self._keys), self._unquoted)
        pieces = [""] * (2 * len(cells))
        pieces[::2], pieces[1::2] = self._keys * (len(cells) // len(self._keys)), cells
        # COPY doubles a backslash of the data, so these are NULLs and nothing else.
        return ("".join(pieces)[len(self._end) :] + self._end).replace('"\\N"', "null").encode()


def _keys(columns: Sequence[Column]) -> list[str]:
    """The text before each cell; before the first one, with the end of the previous row."""
    quotes = ["" if column.type in UNQUOTED_TYPES else '"' for column in columns]
    before = [quotes[-1] + "}\n{", *(f"{quote}," for quote in quotes[:-1])]
    return [
        f"{text}{json.dumps(column.name)}:{quote}" for text, column, quote in zip(before, columns, quotes, strict=True)
    ]


def _escaped(block: bytes) -> str:
    text = block.decode()
    if b"\\v" in block:
        text = COPY_ESCAPE.sub(lambda match: "\\u000b" if match[1] == "v" else match[0], text)
    if len(block.translate(None, CONTROL_BYTES)) != len(block):
        text = CONTROL_CHARS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    return text


def _cells(text: str, width: int, unquoted: Set[int]) -> list[str]:
    """The cells of all rows, one after the other. Works on whole columns: a loop over rows would double the time."""
    cells, quotes = text.replace("\n", "\t").split("\t"), 0
    for n in unquoted:
        column = cells[n::width]
        joined = "".join(column)
        quotes += joined.count('"')
        if "\\" in joined:
            cells[n::width] = ["null" if cell == "\\N" else cell.replace("\\\\", "\\") for cell in column]
    if text.count('"') == quotes:
        return cells
    return [cell if n % width in unquoted else cell.replace('"', '\\"') for n, cell in enumerate(cells)]
