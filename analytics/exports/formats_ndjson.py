r"""The NDJSON writer: rows in COPY's text format become JSON objects, a line each. formats.py calls it.

COPY escapes what JSON escapes and the same way, but for quotes, \v and the control characters that it leaves alone. So
rows are split at their tabs and filled into a template: half of the time that PostgreSQL takes to make JSON of them,
and on another core.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from analytics.columns import Column, whole_rows

# Written as they are; the cells of all other types stand between quotes.
BARE = ("json", "number", "flag")
CONTROLS = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f]")
NO_CONTROLS = bytes([*range(1, 9), 11, 12, *range(14, 32)])
ESCAPED = re.compile(r"\\(.)")


def as_ndjson(columns: Sequence[Column], chunks: Iterable[bytes], tick: Callable[[], None]) -> Iterator[bytes]:
    """The rows as objects, keys in the order of the columns; an absent value is null. `tick` at each chunk."""
    members = [f"{json.dumps(column.name)}:{'%s' if column.type in BARE else _quoted('%s')}" for column in columns]
    template = "{" + ",".join(members) + "}\n"
    embedded = [n for n, column in enumerate(columns) if column.type == "json"]
    for block in whole_rows(chunks, tick):
        filled = _filled(_escaped(block), template, len(columns), embedded)
        # A backslash of the data's own is doubled, so these are NULLs and nothing else.
        yield filled.replace('"\\N"', "null").replace(":\\N", ":null").encode()


def _quoted(text: str) -> str:
    return f'"{text}"'


def _escaped(block: bytes) -> str:
    text = block.decode()
    if b"\\v" in block:
        text = ESCAPED.sub(lambda found: "\\u000b" if found[1] == "v" else found[0], text)
    if len(block.translate(None, NO_CONTROLS)) != len(block):
        text = CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return text


def _filled(text: str, template: str, width: int, embedded: Sequence[int]) -> str:
    """All rows at once: a call a row would cost as much again."""
    cells = text.replace("\n", "\t").split("\t")
    quotes = 0
    for n in embedded:
        found = cells[n::width]
        quotes += "".join(found).count('"')
        if "\\\\" in text:
            cells[n::width] = [cell.replace("\\\\", "\\") for cell in found]
    if text.count('"') != quotes:
        cells = [cell if n % width in embedded else cell.replace('"', '\\"') for n, cell in enumerate(cells)]
    return template * (len(cells) // width) % tuple(cells)
