r"""Columns of the files that we hand out: their types, and the SQL that makes the cells of a COPY from them.

Four ways for rows to travel, one a format of file. csv: as the file has them, what a spreadsheet could run behind an
apostrophe. ndjson: COPY's text format. xlsx: the same, instants as a spreadsheet counts days. parquet: CSV, as it is.
COPY's session is in the zone that the file is in (parquet: UTC). Pure.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

# What a spreadsheet may take for a formula: these first (or after white space), plain or full-width. The code points
# of the first character are looked up before the pattern is run: it costs a tenth and settles almost every cell.
FORMULA = r"^[\s\u00a0\u200b\u3000\ufeff]*[-=+@\t\r\uff0d\uff1d\uff0b\uff20]"
FIRST_POINTS = [9, 10, 11, 12, 13, 32, 43, 45, 61, 64, 133, 160, 5760, *range(8192, 8204), 8232, 8233, 8239, 8287]
FIRST_POINTS += [12288, 65279, 65291, 65293, 65309, 65312]
# What every statement of `copy_statement` wants bound.
BOUND = {"first_points": FIRST_POINTS, "formula": FORMULA}

RFC_3339 = 'YYYY-MM-DD"T"HH24:MI:SS.US'
# 1970-01-01 in the days of a spreadsheet.
DAYS_TO_1970 = 25569
OPTIONS = {"csv": "FORMAT csv", "ndjson": "FORMAT text", "xlsx": "FORMAT text", "parquet": "FORMAT csv"}


class Column(NamedTuple):
    """`type`: text, json, plain (an id, an address), instant, date, number or flag."""

    name: str
    type: str = "text"


def copy_statement(columns: Sequence[Column], form: str, zone: str, source: str) -> str:
    """COPY of `columns` for a file of that format; `source` is the SQL from FROM on, in order. Bind BOUND too."""
    cells = ", ".join(f"{_cell(column, form, zone)} AS {column.name}" for column in columns)
    return f"COPY (SELECT {cells} {source}) TO STDOUT WITH ({OPTIONS[form]})"


def session_zone(form: str, zone: str) -> str:
    """The zone that the COPY's session must be in."""
    return "UTC" if form == "parquet" else zone


def _cell(column: Column, form: str, zone: str) -> str:
    """Built from names that are ours; no value of anybody is in it."""
    name, kind = column
    if form == "xlsx":
        return _day_number(name, kind)
    if kind == "instant" and form != "parquet":
        offset = '"Z"' if zone == "UTC" else "TZH:TZM"
        return f"to_char({name}, '{RFC_3339}{offset}')"
    if kind == "flag" and form != "parquet":
        return f"CAST({name} AS text)"
    if form != "csv":
        return name
    if kind == "json":
        # Only a number can begin like a formula; all else is turned into text once, which is what costs.
        risky = f"jsonb_typeof({name}) = 'number' AND {_is_risky(f'CAST({name} AS text)')}"
        return _behind_apostrophe(risky, f"CAST({name} AS text)")
    return _behind_apostrophe(_is_risky(name), name) if kind == "text" else name


def _day_number(name: str, kind: str) -> str:
    if kind == "instant":
        return f"date_part('epoch', CAST({name} AS timestamp)) / 86400 + {DAYS_TO_1970}"
    if kind == "date":
        return f"{name} - DATE '1970-01-01' + {DAYS_TO_1970}"
    return f"CAST({name} AS int)" if kind == "flag" else name


def _is_risky(value: str) -> str:
    return f"ascii({value}) = ANY(%(first_points)s) AND {value} ~ %(formula)s"


def _behind_apostrophe(risky: str, value: str) -> str:
    return f"CASE WHEN {risky} THEN '''' || {value} ELSE {value} END"


def whole_rows(chunks: Iterable[bytes], tick: Callable[[], None]) -> Iterator[bytes]:
    """Rows in COPY's text format, a line each, some at a time and without the last line's end; `tick` a chunk."""
    rest = b""
    for chunk in chunks:
        tick()
        whole, found, after = chunk.rpartition(b"\n")
        if found:
            yield rest + whole
            rest = after
        else:
            rest += chunk
