r"""Columns of exported files: their types, and the SQL that turns them into the cells of a COPY. Pure.

The export slice and the raw download of reports call it. Rows travel in one of four ways, one for each file format:
csv: as in the file, with an apostrophe before what a spreadsheet would run. ndjson: COPY's text format. xlsx: the same,
with times as a spreadsheet's day numbers. parquet: plain CSV. The session of the COPY is in the zone of the file
(parquet: UTC).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

# What a spreadsheet may read as a formula: these characters first, or after white space, plain or full-width. The code
# point of the first character is compared before the pattern runs: a tenth of its cost, and it settles most cells. A
# cell that begins with apostrophes gets one more, so that an import knows which one was added.
FORMULA_PATTERN = r"^'*[\s\u00a0\u200b\u3000\ufeff]*[-=+@|%\t\r\uff0d\uff1d\uff0b\uff20\uff5c\uff05]"
# fmt: off
FORMULA_CODE_POINTS = [
    9, 10, 11, 12, 13, 32, 37, 39, 43, 45, 61, 64, 124, 133, 160, 5760, *range(8192, 8204), 8232, 8233, 8239, 8287,
    12288, 65279, 65285, 65291, 65293, 65309, 65312, 65372,
]
# fmt: on
# Parameters to bind to every statement of `copy_statement`.
FORMULA_PARAMETERS = {"first_points": FORMULA_CODE_POINTS, "formula": FORMULA_PATTERN}

RFC_3339 = 'YYYY-MM-DD"T"HH24:MI:SS.US'
# 1970-01-01 as a spreadsheet's day number.
EXCEL_EPOCH_OFFSET_DAYS = 25569
COPY_OPTIONS = {"csv": "FORMAT csv", "ndjson": "FORMAT text", "xlsx": "FORMAT text", "parquet": "FORMAT csv"}


class Column(NamedTuple):
    """`type`: text, json, identifier (an id, an IP address), timestamp, date, number or boolean."""

    name: str
    type: str = "text"


def copy_statement(columns: Sequence[Column], format_name: str, zone: str, from_clause: str) -> str:
    """COPY of `columns` for a file of that format; `from_clause` is the SQL from FROM through ORDER BY.

    Bind FORMULA_PARAMETERS besides the parameters of the clause.
    """
    cells = ", ".join(f"{_cell(column, format_name, zone)} AS {column.name}" for column in columns)
    return f"COPY (SELECT {cells} {from_clause}) TO STDOUT WITH ({COPY_OPTIONS[format_name]})"


def session_zone(format_name: str, zone: str) -> str:
    """The time zone for the session of the COPY."""
    return "UTC" if format_name == "parquet" else zone


def _cell(column: Column, format_name: str, zone: str) -> str:
    """SQL of column names and constants only; it holds no value of a caller."""
    name, kind = column
    if kind == "json":
        # A null is a missing value: some rows hold it as JSON, as it was once stored. Of JSON only a negative number
        # begins like a formula, and it is a number to a spreadsheet too.
        return f"NULLIF(CAST({name} AS text), 'null')"
    if format_name == "xlsx":
        return _day_number(name, kind)
    if kind == "timestamp" and format_name != "parquet":
        offset = '"Z"' if zone == "UTC" else "TZH:TZM"
        return f"to_char({name}, '{RFC_3339}{offset}')"
    if kind == "boolean" and format_name != "parquet":
        return f"CAST({name} AS text)"
    if format_name != "csv":
        return name
    return _behind_apostrophe(_is_risky(name), name) if kind == "text" else name


def _day_number(name: str, kind: str) -> str:
    if kind == "timestamp":
        return f"date_part('epoch', CAST({name} AS timestamp)) / 86400 + {EXCEL_EPOCH_OFFSET_DAYS}"
    if kind == "date":
        return f"{name} - DATE '1970-01-01' + {EXCEL_EPOCH_OFFSET_DAYS}"
    return f"CAST({name} AS int)" if kind == "boolean" else name


def _is_risky(value: str) -> str:
    return f"ascii({value}) = ANY(%(first_points)s) AND {value} ~ %(formula)s"


def _behind_apostrophe(risky: str, value: str) -> str:
    return f"CASE WHEN {risky} THEN '''' || {value} ELSE {value} END"


def split_row_blocks(chunks: Iterable[bytes], on_chunk: Callable[[], None]) -> Iterator[bytes]:
    """Blocks of whole rows in COPY's text format, without the last line end. `on_chunk` is called at each chunk."""
    rest = b""
    for chunk in chunks:
        on_chunk()
        block, line_end, after = chunk.rpartition(b"\n")
        if line_end:
            yield rest + block
            rest = after
        else:
            rest += chunk
