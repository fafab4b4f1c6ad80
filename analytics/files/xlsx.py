r"""The XLSX writer: rows in COPY's text format become a workbook, in a few hundred kilobytes of memory.

Export jobs and the direct download call it; it knows neither SQL nor HTTP. It writes the XML of the sheets itself, in a
tenth of the time of one cell object each (docs/decisions/0010). The output depends on the rows alone: no clock, no file
name. Text is in text cells, so nothing is ever a formula. A full sheet is followed by another one.
"""

import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from html import unescape
from typing import IO, NamedTuple
from xml.sax.saxutils import escape

from analytics.files.columns import Column, split_row_blocks

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# Rows of a sheet below its header.
MAX_SHEET_ROWS = 1_048_575
# A sheet ends before its XML needs ZIP64, which not every reader supports.
MAX_SHEET_BYTES = zipfile.ZIP64_LIMIT - (1 << 26)
MAX_CELL_CHARS = 32_767
TRUNCATION_MARK = "… (cut)"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# Of zlib. A higher level halves the speed and saves a tenth of the bytes.
COMPRESSION_LEVEL = 3
COLUMN_WIDTHS = {"timestamp": 24, "identifier": 38, "json": 60, "boolean": 8, "date": 12, "number": 14, "text": 18}
CELL_STYLES = {"timestamp": 1, "date": 2}

ILLEGAL_XML_CHARS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
# Excel reads `_x0041_` in a cell as the character with that code.
XLSX_ESCAPE_PREFIX = re.compile("_(?=x[0-9a-fA-F]{4}_)")
COPY_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
COPY_ESCAPE_VALUES = {"n": "\n", "r": "&#13;", "t": "\t", "b": REPLACEMENT, "f": REPLACEMENT, "v": REPLACEMENT}
CONTROL_BYTES = bytes([*range(9), 11, 12, *range(14, 32)])

SPREADSHEETML_NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONSHIPS_NAMESPACE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE_NAMESPACE = "http://schemas.openxmlformats.org/package/2006"
XML_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
STYLES_XML = (
    f'{XML_DECLARATION}<styleSheet xmlns="{SPREADSHEETML_NAMESPACE}">'
    '<numFmts count="2"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss.000"/>'
    '<numFmt numFmtId="165" formatCode="yyyy\\-mm\\-dd"/></numFmts>'
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    "<borders><border><left/><right/><top/><bottom/><diagonal/></border></borders>"
    '<cellStyleXfs><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="4">'
    '<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="165" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)
CONTENT_TYPE_PREFIX = "application/vnd.openxmlformats-officedocument.spreadsheetml"
ROOT_RELATIONSHIPS_XML = (
    f'{XML_DECLARATION}<Relationships xmlns="{PACKAGE_NAMESPACE}/relationships">'
    f'<Relationship Id="rId1" Type="{RELATIONSHIPS_NAMESPACE}/officeDocument" Target="xl/workbook.xml"/>'
    "</Relationships>"
)


class _CellTemplate(NamedTuple):
    """The XML around the cells of a column: before the row number, between it and the value, after the value."""

    before: str
    between: str
    after: str
    is_text: bool


def write_workbook(
    sink: IO[bytes],
    name: str,
    columns: Sequence[Column],
    zone: str,
    chunks: Iterable[bytes],
    on_chunk: Callable[[], None] = lambda: None,
) -> int:
    """Writes the workbook and returns its number of rows. `chunks` are rows in COPY's text format, cut anywhere.

    Sheets are called `name`, `name 2` …; headers of timestamps name the zone. The sink must be seekable. `on_chunk` is
    called at each chunk; it may raise to end the work.
    """
    blocks, sheets, rows = _RowBlocks(_split_lines(chunks, on_chunk)), 0, 0
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION_LEVEL) as archive:
        while not sheets or blocks.has_rows():
            sheets += 1
            with archive.open(f"xl/worksheets/sheet{sheets}.xml", "w") as sheet:
                rows += _write_sheet(sheet, columns, zone, blocks)
        for path, content in _package_parts(name, sheets):
            # Not writestr, which stores the time of day.
            with archive.open(path, "w") as entry:
                entry.write(content.encode())
    return rows


def _split_lines(chunks: Iterable[bytes], on_chunk: Callable[[], None]) -> Iterator[list[str]]:
    """Blocks of rows, each row as XML text in which only COPY's own escapes are left."""
    for block in split_row_blocks(chunks, on_chunk):
        yield _as_xml(block).split("\n")


def _as_xml(block: bytes) -> str:
    return decode_block(block.replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b">", b"&gt;"))


def decode_block(block: bytes) -> str:
    """The block's text as a sheet may hold it: U+FFFD for characters that XML cannot hold, `_x0041_` escaped."""
    text = block.decode()
    if len(block.translate(None, CONTROL_BYTES)) != len(block) or b"\xef\xbf" in block:
        text = ILLEGAL_XML_CHARS.sub(REPLACEMENT, text)
    return XLSX_ESCAPE_PREFIX.sub("_x005F_", text) if b"_x" in block else text


class _RowBlocks:
    """Blocks of rows, from which a sheet takes as many rows as it has room for."""

    def __init__(self, blocks: Iterator[list[str]]) -> None:
        self._blocks, self._next = blocks, list[str]()

    def has_rows(self) -> bool:
        while not self._next:
            block = next(self._blocks, None)
            if block is None:
                return False
            self._next = block
        return True

    def take(self, max_rows: int) -> list[str]:
        """The rest of the current block, at most `max_rows` of it."""
        rows, self._next = self._next[:max_rows], self._next[max_rows:]
        return rows


def _write_sheet(sheet: IO[bytes], columns: Sequence[Column], zone: str, blocks: _RowBlocks) -> int:
    head = _sheet_head(columns, zone).encode()
    sheet.write(head)
    templates, rows, size = [_cell_template(n, column) for n, column in enumerate(columns)], 0, len(head)
    while rows < MAX_SHEET_ROWS and size < MAX_SHEET_BYTES and blocks.has_rows():
        lines = blocks.take(MAX_SHEET_ROWS - rows)
        xml = "".join([_row(n, line, templates) for n, line in enumerate(lines, rows + 2)]).encode()
        sheet.write(xml)
        rows, size = rows + len(lines), size + len(xml)
    sheet.write(b"</sheetData></worksheet>")
    return rows


def _row(number: int, line: str, templates: list[_CellTemplate]) -> str:
    n, parts = str(number), [f'<row r="{number}">']
    for cell_of, cell in zip(templates, line.split("\t"), strict=True):
        if not cell or cell == "\\N":
            continue
        if cell_of.is_text and ("\\" in cell or len(cell) > MAX_CELL_CHARS // 2 or cell[0] <= " " or cell[-1] <= " "):
            parts.append(f'{cell_of.before}{n}" t="inlineStr"><is><t xml:space="preserve">{_text(cell)}{cell_of.after}')
        else:
            parts.append(f"{cell_of.before}{n}{cell_of.between}{cell}{cell_of.after}")
    parts.append("</row>")
    return "".join(parts)


def _text(cell: str) -> str:
    """The cell without COPY's escapes, cut to the length that Excel allows (it counts UTF-16 units)."""
    if "\\" in cell:
        cell = COPY_ESCAPE.sub(lambda match: COPY_ESCAPE_VALUES.get(match[1], match[1]), cell)
    if len(cell) <= MAX_CELL_CHARS // 2:
        return cell
    plain = unescape(cell)
    shown = truncate_text(plain)
    return cell if shown is plain else escape(shown, {"\r": "&#13;"})


def truncate_text(text: str) -> str:
    """At most MAX_CELL_CHARS UTF-16 units, with a mark where it was cut."""
    units = text.encode("utf-16-le")
    if len(units) <= 2 * MAX_CELL_CHARS:
        return text
    return units[: 2 * (MAX_CELL_CHARS - len(TRUNCATION_MARK))].decode("utf-16-le", "ignore") + TRUNCATION_MARK


def column_titles(columns: Sequence[Column], zone: str) -> list[str]:
    """The header's cells; an instant's column names the zone."""
    return [f"{column.name} ({zone})" if column.type == "timestamp" else column.name for column in columns]


def _sheet_head(columns: Sequence[Column], zone: str) -> str:
    titles = [f"{column.name} ({zone})" if column.type == "timestamp" else column.name for column in columns]
    widths = "".join(
        f'<col min="{n}" max="{n}" width="{COLUMN_WIDTHS[column.type]}" customWidth="1"/>'
        for n, column in enumerate(columns, 1)
    )
    cells = "".join(
        f'<c r="{_letters(n)}1" s="3" t="inlineStr"><is><t>{escape(title)}</t></is></c>'
        for n, title in enumerate(titles)
    )
    return (
        f'{XML_DECLARATION}<worksheet xmlns="{SPREADSHEETML_NAMESPACE}"><sheetViews><sheetView workbookViewId="0">'
        '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
        f'<cols>{widths}</cols><sheetData><row r="1">{cells}</row>'
    )


def _cell_template(number: int, column: Column) -> _CellTemplate:
    before = f'<c r="{_letters(number)}'
    if column.type in ("timestamp", "date", "number"):
        return _CellTemplate(before, f'" s="{CELL_STYLES.get(column.type, 0)}"><v>', "</v></c>", is_text=False)
    if column.type == "boolean":
        return _CellTemplate(before, '" t="b"><v>', "</v></c>", is_text=False)
    return _CellTemplate(before, '" t="inlineStr"><is><t>', "</t></is></c>", is_text=True)


def _letters(number: int) -> str:
    """The name of a column: A, B … Z, AA …"""
    high, low = divmod(number, 26)
    return (_letters(high - 1) if high else "") + chr(65 + low)


def _package_parts(name: str, sheets: int) -> Iterator[tuple[str, str]]:
    """The files of a workbook beside its sheets: path and content."""
    numbers = range(1, sheets + 1)
    titles = [name if n == 1 else f"{name} {n}" for n in numbers]
    listed = "".join(
        f'<sheet name="{escape(title)}" sheetId="{n}" r:id="rId{n}"/>' for n, title in zip(numbers, titles, strict=True)
    )
    yield (
        "xl/workbook.xml",
        f'{XML_DECLARATION}<workbook xmlns="{SPREADSHEETML_NAMESPACE}" xmlns:r="{RELATIONSHIPS_NAMESPACE}">'
        f"<sheets>{listed}</sheets></workbook>",
    )
    targets = [("worksheet", f"worksheets/sheet{n}.xml") for n in numbers] + [("styles", "styles.xml")]
    related = "".join(
        f'<Relationship Id="rId{n}" Type="{RELATIONSHIPS_NAMESPACE}/{kind}" Target="{target}"/>'
        for n, (kind, target) in enumerate(targets, 1)
    )
    yield (
        "xl/_rels/workbook.xml.rels",
        f'{XML_DECLARATION}<Relationships xmlns="{PACKAGE_NAMESPACE}/relationships">{related}</Relationships>',
    )
    yield "xl/styles.xml", STYLES_XML
    yield "_rels/.rels", ROOT_RELATIONSHIPS_XML
    parts = [("worksheet", f"worksheets/sheet{n}") for n in numbers] + [("styles", "styles")]
    types = "".join(
        f'<Override PartName="/xl/{path}.xml" ContentType="{CONTENT_TYPE_PREFIX}.{kind}+xml"/>' for kind, path in parts
    )
    yield (
        "[Content_Types].xml",
        f'{XML_DECLARATION}<Types xmlns="{PACKAGE_NAMESPACE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{CONTENT_TYPE_PREFIX}.sheet.main+xml"/>{types}</Types>',
    )
