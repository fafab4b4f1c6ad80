"""COPY's text format: escapes values, and sends lines to the server. Knows no table.

The writers of raw rows and the drain call it; rollups read the escaped columns back. Format:
https://www.postgresql.org/docs/current/sql-copy.html (Text Format).
"""

import re
from collections.abc import Iterable
from io import BytesIO
from typing import Any

from sqlalchemy import Connection

NULL = "\\N"
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_CONTROLS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def copy_lines(connection: Connection, statement: str, lines: Iterable[str]) -> None:
    """Runs `COPY … FROM STDIN` with the lines; each ends in a newline."""
    copy_bytes(connection, statement, "".join(lines).encode())


def copy_bytes(connection: Connection, statement: str, data: bytes) -> None:
    """Runs `COPY … FROM STDIN`; `data` is in the format that the statement names."""
    cursor: Any = connection.connection.cursor()
    with cursor:
        cursor.copy_expert(statement, BytesIO(data), size=1 << 18)


def escape_copy(text: str) -> str:
    """`text` as a column."""
    return text.translate(_ESCAPES)


def unescape_copy(column: str) -> str:
    """The text of a column; '' for NULL."""
    if "\\" not in column:
        return column
    return "" if column == NULL else _ESCAPED.sub(lambda match: _CONTROLS.get(match[1], match[1]), column)
