r"""The NDJSON writer: rows in COPY's text format become JSON objects, a line each. formats.py calls it.

COPY escapes what JSON escapes and the same way, but for quotes, \v and the control characters that it leaves alone. So
rows are split at their tabs and joined with the keys: half of the time that PostgreSQL takes to make JSON of them,
and on another core.
"""

import json
import re
from collections.abc import Sequence, Set

from analytics.columns import Column

# Written as they are; the cells of all other types stand between quotes.
BARE = ("json", "number", "flag")
CONTROLS = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f]")
NO_CONTROLS = bytes([*range(1, 9), 11, 12, *range(14, 32)])
ESCAPED = re.compile(r"\\(.)")


class JsonLines:
    """Rows as objects, keys in the order of the columns; an absent value is null."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._marks, self._bare = _marks(columns), {n for n, column in enumerate(columns) if column.type in BARE}
        self._end = self._marks[0].partition("{")[0]
        self._rest = b""

    def feed(self, chunk: bytes) -> bytes:
        """The rows that end in this chunk; what is left of it is kept for the next."""
        whole, found, rest = chunk.rpartition(b"\n")
        if not found:
            self._rest += rest
            return b""
        block, self._rest = self._rest + whole, rest
        cells = _cells(_escaped(block), len(self._marks), self._bare)
        pieces = [""] * (2 * len(cells))
        pieces[::2], pieces[1::2] = self._marks * (len(cells) // len(self._marks)), cells
        # A backslash of the data's own is doubled, so these are NULLs and nothing else.
        return ("".join(pieces)[len(self._end) :] + self._end).replace('"\\N"', "null").encode()


def _marks(columns: Sequence[Column]) -> list[str]:
    """What stands before each cell; before the first, the end of the row above too."""
    quotes = ["" if column.type in BARE else '"' for column in columns]
    before = [quotes[-1] + "}\n{", *(f"{quote}," for quote in quotes[:-1])]
    return [
        f"{mark}{json.dumps(column.name)}:{quote}" for mark, column, quote in zip(before, columns, quotes, strict=True)
    ]


def _escaped(block: bytes) -> str:
    text = block.decode()
    if b"\\v" in block:
        text = ESCAPED.sub(lambda found: "\\u000b" if found[1] == "v" else found[0], text)
    if len(block.translate(None, NO_CONTROLS)) != len(block):
        text = CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return text


def _cells(text: str, width: int, bare: Set[int]) -> list[str]:
    """The cells of all rows, one after the other; a loop over rows would cost as much again."""
    cells, quotes = text.replace("\n", "\t").split("\t"), 0
    for n in bare:
        found = cells[n::width]
        whole = "".join(found)
        quotes += whole.count('"')
        if "\\" in whole:
            cells[n::width] = ["null" if cell == "\\N" else cell.replace("\\\\", "\\") for cell in found]
    if text.count('"') == quotes:
        return cells
    return [cell if n % width in bare else cell.replace('"', '\\"') for n, cell in enumerate(cells)]
