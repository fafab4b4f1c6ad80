r"""The XLSX writer: rows in COPY's text format become a workbook, a few hundred kilobytes at a time.

It writes the sheets' XML itself, which takes a tenth of the time that a cell object each would. What it writes depends
on the rows alone: no clock, no name. Text is in text cells, so nothing is ever a formula. A sheet that is full is
followed by another. Called by exports and by the direct download; it knows neither SQL nor HTTP.
"""

import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from html import unescape
from typing import IO, NamedTuple
from xml.sax.saxutils import escape

from analytics.columns import Column, whole_rows

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# What a sheet holds below its header.
SHEET_ROWS = 1_048_575
# A sheet is over before its XML needs ZIP64, which not every reader knows.
SHEET_BYTES = zipfile.ZIP64_LIMIT - (1 << 26)
CELL_CHARS = 32_767
CUT_MARK = "… (cut)"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# zlib's: a higher one costs half the speed for a tenth of the bytes.
LEVEL = 3
WIDTHS = {"instant": 24, "plain": 38, "json": 60, "flag": 8, "date": 12, "number": 14, "text": 18}
STYLES = {"instant": 1, "date": 2}

ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
# In a cell, this would be read as the character of that number.
ESCAPE_LIKE = re.compile("_(?=x[0-9a-fA-F]{4}_)")
ESCAPED = re.compile(r"\\(.)", re.DOTALL)
CONTROLS = {"n": "\n", "r": "&#13;", "t": "\t", "b": REPLACEMENT, "f": REPLACEMENT, "v": REPLACEMENT}
NO_CONTROLS = bytes([*range(9), 11, 12, *range(14, 32)])

SPREADSHEETML = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
STYLES_XML = (
    f'{DECLARATION}<styleSheet xmlns="{SPREADSHEETML}">'
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
WORKBOOK_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
ROOT_RELATIONS = (
    f'{DECLARATION}<Relationships xmlns="{PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
)


class _Place(NamedTuple):
    """The XML around a column's cells: before the row's number, between it and the value, after the value."""

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
    tick: Callable[[], None] = lambda: None,
) -> int:
    """Writes the workbook; how many rows it has. `chunks` are COPY's text format; `tick` is called at each of them.

    Sheets are `name`, `name 2` …; headers of instants name the zone. The sink must be able to seek.
    """
    blocks, sheets, rows = _Blocks(_lines(chunks, tick)), 0, 0
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:
        while not sheets or blocks.more():
            sheets += 1
            with archive.open(_entry(f"xl/worksheets/sheet{sheets}.xml"), "w") as sheet:
                rows += _write_sheet(sheet, columns, zone, blocks)
        for path, content in _frame(name, sheets):
            archive.writestr(_entry(path), content, compresslevel=LEVEL)
    return rows


def _entry(path: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(path)
    entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, 0o600 << 16
    # What archive.open takes from here and not from the archive.
    entry._compresslevel = LEVEL  # type: ignore[attr-defined]
    return entry


def _lines(chunks: Iterable[bytes], tick: Callable[[], None]) -> Iterator[list[str]]:
    """Whole rows, their text as it stands in XML but for COPY's own escapes."""
    for block in whole_rows(chunks, tick):
        yield _as_xml(block).split("\n")


def _as_xml(block: bytes) -> str:
    block = block.replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b">", b"&gt;")
    text = block.decode()
    if len(block.translate(None, NO_CONTROLS)) != len(block) or b"\xef\xbf" in block:
        text = ILLEGAL.sub(REPLACEMENT, text)
    return ESCAPE_LIKE.sub("_x005F_", text) if b"_x" in block else text


class _Blocks:
    """Blocks of rows, of which a sheet takes what it has room for."""

    def __init__(self, blocks: Iterator[list[str]]) -> None:
        self._blocks, self._next = blocks, list[str]()

    def more(self) -> bool:
        while not self._next:
            found = next(self._blocks, None)
            if found is None:
                return False
            self._next = found
        return True

    def take(self, most: int) -> list[str]:
        taken, self._next = self._next[:most], self._next[most:]
        return taken


def _write_sheet(sheet: IO[bytes], columns: Sequence[Column], zone: str, blocks: _Blocks) -> int:
    head = _head(columns, zone).encode()
    sheet.write(head)
    places, rows, size = [_place(n, column) for n, column in enumerate(columns)], 0, len(head)
    while rows < SHEET_ROWS and size < SHEET_BYTES and blocks.more():
        lines = blocks.take(SHEET_ROWS - rows)
        xml = "".join([_row(n, line, places) for n, line in enumerate(lines, rows + 2)]).encode()
        sheet.write(xml)
        rows, size = rows + len(lines), size + len(xml)
    sheet.write(b"</sheetData></worksheet>")
    return rows


def _row(number: int, line: str, places: list[_Place]) -> str:
    n, parts = str(number), [f'<row r="{number}">']
    for place, cell in zip(places, line.split("\t"), strict=True):
        if not cell or cell == "\\N":
            continue
        if place.is_text and ("\\" in cell or len(cell) > CELL_CHARS // 2 or cell[0] <= " " or cell[-1] <= " "):
            parts.append(f'{place.before}{n}" t="inlineStr"><is><t xml:space="preserve">{_text(cell)}{place.after}')
        else:
            parts.append(f"{place.before}{n}{place.between}{cell}{place.after}")
    parts.append("</row>")
    return "".join(parts)


def _text(cell: str) -> str:
    """The cell without COPY's escapes, and no longer than a cell may be (in UTF-16, as Excel counts)."""
    if "\\" in cell:
        cell = ESCAPED.sub(lambda found: CONTROLS.get(found[1], found[1]), cell)
    if len(cell) <= CELL_CHARS // 2:
        return cell
    plain = unescape(cell)
    units = plain.encode("utf-16-le")
    if len(units) <= 2 * CELL_CHARS:
        return cell
    kept = units[: 2 * (CELL_CHARS - len(CUT_MARK))].decode("utf-16-le", "ignore")
    return escape(kept + CUT_MARK, {"\r": "&#13;"})


def _head(columns: Sequence[Column], zone: str) -> str:
    titles = [f"{column.name} ({zone})" if column.type == "instant" else column.name for column in columns]
    widths = "".join(
        f'<col min="{n}" max="{n}" width="{WIDTHS[column.type]}" customWidth="1"/>'
        for n, column in enumerate(columns, 1)
    )
    cells = "".join(
        f'<c r="{_letters(n)}1" s="3" t="inlineStr"><is><t>{escape(title)}</t></is></c>'
        for n, title in enumerate(titles)
    )
    return (
        f'{DECLARATION}<worksheet xmlns="{SPREADSHEETML}"><sheetViews><sheetView workbookViewId="0">'
        '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
        f'<cols>{widths}</cols><sheetData><row r="1">{cells}</row>'
    )


def _place(number: int, column: Column) -> _Place:
    before = f'<c r="{_letters(number)}'
    if column.type in ("instant", "date", "number"):
        return _Place(before, f'" s="{STYLES.get(column.type, 0)}"><v>', "</v></c>", is_text=False)
    if column.type == "flag":
        return _Place(before, '" t="b"><v>', "</v></c>", is_text=False)
    return _Place(before, '" t="inlineStr"><is><t>', "</t></is></c>", is_text=True)


def _letters(number: int) -> str:
    """A, B … Z, AA …"""
    high, low = divmod(number, 26)
    return (_letters(high - 1) if high else "") + chr(65 + low)


def _frame(name: str, sheets: int) -> Iterator[tuple[str, str]]:
    """What a workbook has beside its sheets: path and content."""
    numbers = range(1, sheets + 1)
    titles = [name if n == 1 else f"{name} {n}" for n in numbers]
    listed = "".join(
        f'<sheet name="{escape(title)}" sheetId="{n}" r:id="rId{n}"/>' for n, title in zip(numbers, titles, strict=True)
    )
    yield (
        "xl/workbook.xml",
        f'{DECLARATION}<workbook xmlns="{SPREADSHEETML}" xmlns:r="{RELATIONS}"><sheets>{listed}</sheets></workbook>',
    )
    targets = [("worksheet", f"worksheets/sheet{n}.xml") for n in numbers] + [("styles", "styles.xml")]
    related = "".join(
        f'<Relationship Id="rId{n}" Type="{RELATIONS}/{kind}" Target="{target}"/>'
        for n, (kind, target) in enumerate(targets, 1)
    )
    yield (
        "xl/_rels/workbook.xml.rels",
        f'{DECLARATION}<Relationships xmlns="{PACKAGE}/relationships">{related}</Relationships>',
    )
    yield "xl/styles.xml", STYLES_XML
    yield "_rels/.rels", ROOT_RELATIONS
    parts = [("worksheet", f"worksheets/sheet{n}") for n in numbers] + [("styles", "styles")]
    types = "".join(
        f'<Override PartName="/xl/{path}.xml" ContentType="{WORKBOOK_TYPE}.{kind}+xml"/>' for kind, path in parts
    )
    yield (
        "[Content_Types].xml",
        f'{DECLARATION}<Types xmlns="{PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{WORKBOOK_TYPE}.sheet.main+xml"/>{types}</Types>',
    )
