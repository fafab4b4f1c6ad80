"""Workbooks as openpyxl reads them: sheets, headers, long cells, and bytes that depend on the rows alone."""

import io
import zipfile
from collections.abc import Sequence

import openpyxl
import pytest

from analytics.files import xlsx
from analytics.files.columns import Column

COLUMNS = (Column("n", "number"), Column("name"))


def sheet_of(rows: Sequence[tuple[object, str]]) -> io.BytesIO:
    sink = io.BytesIO()
    chunks = [f"{number}\t{name}\n".encode() for number, name in rows]
    assert xlsx.write_workbook(sink, "Events", COLUMNS, "UTC", chunks) == len(rows)
    return sink


def test_full_sheet_is_followed_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "MAX_SHEET_ROWS", 3)
    book = openpyxl.load_workbook(sheet_of([(n, f"row {n}") for n in range(7)]))
    assert book.sheetnames == ["Events", "Events 2", "Events 3"]
    assert [[row[0].value for row in sheet.iter_rows(min_row=2)] for sheet in book] == [[0, 1, 2], [3, 4, 5], [6]]
    assert all(sheet["B1"].value == "name" for sheet in book)


def test_exactly_full_sheet_is_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "MAX_SHEET_ROWS", 3)
    assert openpyxl.load_workbook(sheet_of([(n, "") for n in range(3)])).sheetnames == ["Events"]


def test_sheet_ends_before_its_xml_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "MAX_SHEET_BYTES", 1200)
    assert len(openpyxl.load_workbook(sheet_of([(n, "x" * 300) for n in range(6)])).sheetnames) > 1


LONG = [
    pytest.param("x" * 32_767, "x" * 32_767, id="just-fits"),
    pytest.param("x" * 32_768, "x" * (32_767 - 7) + "… (cut)", id="one-too-many"),
    pytest.param("😀" * 16_384, "😀" * 16_380 + "… (cut)", id="two-units-each"),
    pytest.param("&" * 32_767, "&" * 32_767, id="longer-only-in-xml"),
]


@pytest.mark.parametrize(("sent", "shown"), LONG)
def test_too_long_cell_is_truncated_with_a_mark(sent: str, shown: str) -> None:
    assert openpyxl.load_workbook(sheet_of([(1, sent)])).active["B2"].value == shown


def test_header_is_bold_and_frozen() -> None:
    sheet = openpyxl.load_workbook(sheet_of([(1.5, "a")])).active
    assert (sheet["A1"].font.b, sheet["A2"].font.b, sheet.freeze_panes) == (True, False, "A2")
    assert sheet.column_dimensions["B"].width == xlsx.COLUMN_WIDTHS["text"]


def test_columns_after_z_have_two_letters() -> None:
    columns, sink = tuple(Column(f"c{n}") for n in range(60)), io.BytesIO()
    xlsx.write_workbook(sink, "Events", columns, "UTC", [("\t".join(map(str, range(60))) + "\n").encode()])
    sheet = openpyxl.load_workbook(sink).active
    assert [sheet[name].value for name in ("A2", "Z2", "AA2", "AZ2", "BA2", "BH2")] == [
        "0",
        "25",
        "26",
        "51",
        "52",
        "59",
    ]


def test_zip_entries_have_a_fixed_date() -> None:
    entries = zipfile.ZipFile(sheet_of([(1, "a")])).infolist()
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}


def test_chunks_may_be_cut_anywhere() -> None:
    whole, sinks = "1\tü&\x01_x0041_\n2\t\\N\n".encode(), [io.BytesIO(), io.BytesIO()]
    for sink, chunks in zip(sinks, ([whole], [bytes([byte]) for byte in whole]), strict=True):
        xlsx.write_workbook(sink, "Events", COLUMNS, "UTC", chunks)
    assert sinks[0].getvalue() == sinks[1].getvalue()
