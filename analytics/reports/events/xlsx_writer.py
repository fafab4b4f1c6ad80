"""Writes raw events into an XLSX workbook with openpyxl, row by row: about 2,500 rows a second, in flat memory.

Called by workbook.py for the direct download. Cells have the types and rules of files/xlsx.py, the writer of export
jobs; text is never a formula. It reads no database.
"""

import zipfile
from collections.abc import Callable, Iterable
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet
from openpyxl.writer.excel import ExcelWriter

from analytics.files.columns import Column, split_row_blocks
from analytics.files.xlsx import (
    COLUMN_WIDTHS,
    COMPRESSION_LEVEL,
    COPY_ESCAPE,
    MAX_CELL_CHARS,
    REPLACEMENT,
    column_titles,
    decode_block,
    truncate_text,
)
from analytics.reports.events.raw_export import EVENT_COLUMNS

INSTANT_FORMAT = r"yyyy\-mm\-dd\ hh:mm:ss.000"
NULL = "\\N"
# A raw carriage return in XML is read as a line feed; this is how a workbook spells one (ECMA-376, ST_Xstring).
COPY_ESCAPE_VALUES = {"n": "\n", "r": "_x000D_", "t": "\t", "b": REPLACEMENT, "f": REPLACEMENT, "v": REPLACEMENT}
# openpyxl takes text that begins with one of these for a formula or an error value.
FORMULA_OR_ERROR = "=#"


def write_workbook(file: IO[bytes], zone: str, chunks: Iterable[bytes]) -> None:
    """One sheet, `Events`. `chunks`: EVENT_COLUMNS in COPY's text format, instants in `zone`. The file must be able to
    seek. openpyxl keeps the sheet's XML in a temporary file of its own, about 2 KB a row."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Events")
    _write_header(sheet, zone)
    try:
        _write_rows(sheet, chunks)
    finally:
        # openpyxl deletes the sheet's own temporary file when the workbook is saved, so also after an error.
        archive = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION_LEVEL)
        ExcelWriter(book, archive).save()


def _write_header(sheet: Worksheet, zone: str) -> None:
    sheet.freeze_panes = "A2"
    cells = []
    for number, (column, title) in enumerate(zip(EVENT_COLUMNS, column_titles(EVENT_COLUMNS, zone), strict=True), 1):
        sheet.column_dimensions[get_column_letter(number)].width = COLUMN_WIDTHS[column.type]
        cells.append(WriteOnlyCell(sheet, title))
        cells[-1].font = Font(bold=True)
    sheet.append(cells)


def _write_rows(sheet: Worksheet, chunks: Iterable[bytes]) -> None:
    converters = [_converter(sheet, column) for column in EVENT_COLUMNS]
    for block in split_row_blocks(chunks, lambda: None):
        for row in decode_block(block).split("\n"):
            cells = zip(converters, row.split("\t"), strict=True)
            sheet.append([convert(cell) if cell and cell != NULL else None for convert, cell in cells])


def _converter(sheet: Worksheet, column: Column) -> Callable[[str], Any]:
    """From a cell of the column in COPY's text format to what openpyxl appends."""
    if column.type == "boolean":
        return lambda cell: cell == "1"
    if column.type != "timestamp":
        return lambda cell: _text_cell(sheet, _unescape(cell))
    # openpyxl writes a row as it is appended, so one object serves all rows of its column.
    instant = WriteOnlyCell(sheet)
    instant.number_format = INSTANT_FORMAT

    def convert(days: str) -> Cell:
        instant.value = float(days)
        return instant

    return convert


def _text_cell(sheet: Worksheet, text: str) -> str | Cell:
    if text[0] not in FORMULA_OR_ERROR:
        return text
    cell = WriteOnlyCell(sheet, text)
    cell.data_type = "s"
    return cell


def _unescape(cell: str) -> str:
    """COPY's text format as text, no longer than a cell may be."""
    if "\\" in cell:
        cell = COPY_ESCAPE.sub(lambda match: COPY_ESCAPE_VALUES.get(match[1], match[1]), cell)
    return cell if len(cell) <= MAX_CELL_CHARS // 2 else truncate_text(cell)
