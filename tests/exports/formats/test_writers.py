"""Files as independent readers see them: whatever the rows hold, and however the work was cut."""

import csv
import gzip
import hashlib
import io
import json
import random
import zipfile
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from analytics import clock, spreadsheet
from analytics.columns import Column
from analytics.exports import formats, sources
from analytics.exports.formats import PartSum
from analytics.exports.selections import Filter
from analytics.exports.sources import Part, Request
from analytics.sites import Site
from analytics.store.partitions import ensure

START, END = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
CUTOFF = datetime(2026, 5, 1, tzinfo=UTC)
SUMMER_STARTS = datetime(2026, 3, 29, 1, tzinfo=UTC)
Put = Callable[[list[dict[str, Any]]], None]
Make = Callable[..., bytes]

INSERT = text("""
INSERT INTO events (event_id, ts, received_at, user_no, site_id, is_bot, type, user_id, subject, path, ip, payload)
VALUES (CAST(:event_id AS uuid), :ts, :received_at, 1, :site_id, :is_bot, :type, :user_id, :subject, :path,
        CAST(:ip AS inet), CAST(:payload AS jsonb))
""")
NAMES = ("event_id", "ts", "is_bot", "type", "user_id", "subject", "path", "ip", "payload")


@pytest.fixture
def put(engine: Engine, site: Site) -> Put:
    """Rows as they are: the drain would refuse or replace some of what a table may hold."""
    days = [START.date() + timedelta(days=n) for n in range((END - START).days + 1)]
    ensure(engine, "events", days, clock.now().date())

    def insert(rows: list[dict[str, Any]]) -> None:
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM events"))
            if rows:
                connection.execute(INSERT, [row | {"site_id": site.id} for row in rows])

    return insert


@pytest.fixture
def make(engine: Engine, site: Site, tmp_path: Path) -> Make:
    """`make("csv", "gzip", zone="Asia/Tokyo")`: the bytes of the file, made in `pieces` parts."""

    def made(form: str, compression: str = "none", pieces: int = 1, **more: Any) -> bytes:
        request = Request("events", form, compression, site.id, START, END, **{"columns": NAMES, **more})
        sources.check(request)
        step = (END - START) / max(pieces, 1)
        parts = [Part(n, START + step * n, START + step * (n + 1)) for n in range(pieces)]
        if formats.FORMATS[form].joins:
            return joined(engine, request, parts)
        paths = [tmp_path / f"{form}-{pieces}-{part.n}" for part in parts]
        for part, path in zip(parts, paths, strict=True):
            write(engine, request, part, path)
        return assembled(request, paths)

    return made


def joined(engine: Engine, request: Request, parts: Sequence[Part]) -> bytes:
    shape, sink = sources.shape_of(request), io.BytesIO()
    summed = formats.Summed(sink)
    formats.write_header(shape, summed)
    for part in parts:
        before = len(sink.getvalue())
        found = formats.write_part(shape, sources.rows_of(engine, request, part, CUTOFF), summed)
        assert found.bytes == len(sink.getvalue()) - before
        assert found.sha256 == hashlib.sha256(sink.getvalue()).hexdigest()
    return sink.getvalue()


def write(engine: Engine, request: Request, part: Part, path: Path) -> PartSum:
    with path.open("wb") as file:
        rows = sources.rows_of(engine, request, part, CUTOFF)
        found = formats.write_part(sources.shape_of(request), rows, formats.Summed(file))
    assert (found.bytes, found.sha256) == (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
    return found


def assembled(request: Request, paths: Sequence[Path]) -> bytes:
    sink = io.BytesIO()
    with closing(formats.assembly(sources.shape_of(request), sink)) as growing:
        for path in paths:
            growing.add(path)
        found = growing.finish()
    assert (found.bytes, found.sha256) == (len(sink.getvalue()), hashlib.sha256(sink.getvalue()).hexdigest())
    return sink.getvalue()


# What PostgreSQL can hold: no NUL, no lone surrogate.
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
HARD = st.sampled_from(
    [
        *('"', '""', "a\nb", "\r\n", "\r", ",", "\\N", "\\", "\\n", "\\.", "\t", "NULL", "null", "1e5", "true", ""),
        *(
            "=1+1",
            "-1",
            "  =1",
            "'=1",
            "\x01",
            "\x02",
            "\x1f",
            "\x0b\x0c\x08",
            "\x7f\x85",
            "\u2028",
            "\ufffe",
            "\uffff",
        ),
        *("ü😀", "_x0041_", "&amp;<b>", "]]>", " spaced ", "é" * 3000, "😀" * 300, "2026-01-01"),
    ]
)
CELL = TEXT | HARD
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | CELL,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(CELL, inner, max_size=3),
    max_leaves=6,
)
INSTANT = st.datetimes(START.replace(tzinfo=None), END.replace(tzinfo=None) - timedelta(microseconds=1))
ROW = st.fixed_dictionaries(
    {
        "event_id": st.uuids().map(str),
        "ts": INSTANT.map(lambda at: at.replace(tzinfo=UTC)),
        "received_at": st.just(START),
        "is_bot": st.booleans(),
        "type": CELL.filter(bool),
        "user_id": CELL.filter(bool),
        "subject": st.none() | CELL,
        "path": st.none() | CELL,
        "ip": st.none() | st.ip_addresses(v=4).map(str) | st.just("2001:db8::1"),
        "payload": st.none() | VALUE.map(json.dumps),
    }
)
ROWS = st.lists(ROW, max_size=8, unique_by=lambda row: row["event_id"]).map(
    lambda rows: sorted(rows, key=lambda row: (row["ts"], row["event_id"]))
)
PROPERTY = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def json_of(row: dict[str, Any]) -> Any:
    return None if row["payload"] is None else json.loads(row["payload"])


def is_cell_of(cell: str, sent: str | None) -> bool:
    """What was sent, behind an apostrophe where it begins like a formula, and nowhere where it begins like a word."""
    wanted = sent or ""
    if wanted[:1] in tuple("=+-@"):
        return cell == "'" + wanted
    return cell == wanted or (cell == "'" + wanted and not wanted[0].isalnum())


@PROPERTY
@given(rows=ROWS)
def test_csv_reads_back_as_the_rows(put: Put, make: Make, rows: list[dict[str, Any]]) -> None:
    put(rows)
    found = list(csv.DictReader(io.StringIO(make("csv").decode(), newline="")))
    assert [(row["event_id"], datetime.fromisoformat(row["ts"]), row["is_bot"], row["ip"]) for row in found] == [
        (row["event_id"], row["ts"], str(row["is_bot"]).lower(), row["ip"] or "") for row in rows
    ]
    for cells, row in zip(found, rows, strict=True):
        assert all(is_cell_of(cells[name], row[name]) for name in ("type", "user_id", "subject", "path"))
        payload = cells["payload"]
        assert (json.loads(payload.removeprefix("'")) if payload else None) == json_of(row)


@PROPERTY
@given(rows=ROWS)
def test_ndjson_reads_back_as_the_rows(put: Put, make: Make, rows: list[dict[str, Any]]) -> None:
    put(rows)
    text_of = make("ndjson").decode()
    assert text_of.count("\n") == len(rows)
    found = [json.loads(line) for line in text_of.split("\n")[:-1]]
    assert all(tuple(row) == NAMES for row in found)
    assert [row | {"ts": datetime.fromisoformat(row["ts"])} for row in found] == [
        {name: row[name] for name in NAMES} | {"payload": json_of(row)} for row in rows
    ]


@PROPERTY
@given(rows=ROWS)
def test_parquet_reads_back_as_the_rows(put: Put, make: Make, rows: list[dict[str, Any]]) -> None:
    put(rows)
    found = pyarrow.parquet.read_table(io.BytesIO(make("parquet")))
    assert [str(kind) for kind in found.schema.types] == [
        *("string", "timestamp[us, tz=UTC]", "bool", "string", "string", "string", "string", "string", "string"),
    ]
    assert [row | {"payload": row["payload"] and json.loads(row["payload"])} for row in found.to_pylist()] == [
        {name: row[name] for name in NAMES} | {"payload": json_of(row)} for row in rows
    ]


def in_a_sheet(sent: str | None) -> str | None:
    """What XML cannot hold is replaced; what a spreadsheet would take for an escape is escaped."""
    if not sent:
        return None
    legal = spreadsheet.ILLEGAL.sub("\ufffd", sent)
    return spreadsheet.ESCAPE_LIKE.sub("_x005F_", legal)


@PROPERTY
@given(rows=ROWS)
def test_xlsx_reads_back_as_the_rows(put: Put, make: Make, rows: list[dict[str, Any]]) -> None:
    put(rows)
    book = openpyxl.load_workbook(io.BytesIO(make("xlsx")))
    header, *found = book.active.iter_rows()
    assert [cell.value for cell in header] == ["event_id", "ts (UTC)", *NAMES[2:]]
    for cells, row in zip(found, rows, strict=True):
        cell = dict(zip(NAMES, cells, strict=True))
        assert abs(cell["ts"].value - row["ts"].replace(tzinfo=None)) <= timedelta(milliseconds=1)
        assert (cell["is_bot"].value, cell["event_id"].value) == (row["is_bot"], row["event_id"])
        assert [cell[name].value for name in ("type", "user_id", "subject", "path")] == [
            in_a_sheet(row[name]) for name in ("type", "user_id", "subject", "path")
        ]
        assert all(one.data_type != "f" for one in cells)


def some_rows(count: int) -> list[dict[str, Any]]:
    rng, step = random.Random(3), (END - START) / (count + 1)
    return [
        {
            "event_id": f"00000000-0000-4000-8000-{n:012}",
            "ts": START + step * n,
            "received_at": START,
            "is_bot": n % 2 == 0,
            "type": "=cmd()",
            "user_id": f"user-{n}",
            "subject": None,
            "path": "/a,b\n" + "é" * rng.randrange(50),
            "ip": "203.0.113.9",
            "payload": json.dumps({"n": n, "text": 'quoted "text"\n'}),
        }
        for n in range(count)
    ]


def unpack(data: bytes, compression: str) -> bytes:
    if compression == "gzip":
        return gzip.decompress(data)
    if compression == "zstd":
        return zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True).read()
    return data


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_packed_or_not_and_in_how_many_parts_the_text_is_the_same(
    put: Put, make: Make, form: str, compression: str
) -> None:
    put(some_rows(200))
    assert unpack(make(form, compression, pieces=7), compression) == make(form)
    assert make(form, compression, pieces=7) == make(form, compression, pieces=7)


@pytest.mark.parametrize("form", ["xlsx", "parquet"])
def test_the_same_rows_are_the_same_file_in_any_number_of_parts(put: Put, make: Make, form: str) -> None:
    put(some_rows(500))
    assert make(form, pieces=1) == make(form, pieces=9)


@pytest.mark.parametrize("form", list(formats.FORMATS))
def test_no_rows_are_a_file_all_the_same(put: Put, make: Make, form: str) -> None:
    put([])
    data = make(form, pieces=1)
    assert data == make(form, pieces=0)
    if form == "csv":
        assert data == (",".join(NAMES) + "\n").encode()
    elif form == "ndjson":
        assert data == b""
    elif form == "parquet":
        assert pyarrow.parquet.read_table(io.BytesIO(data)).column_names == list(NAMES)
    else:
        assert openpyxl.load_workbook(io.BytesIO(data)).active.max_row == 1


def test_instants_are_in_the_zone_with_its_offset(put: Put, make: Make) -> None:
    winter, summer = some_rows(2)
    put([winter | {"ts": SUMMER_STARTS - timedelta(microseconds=1)}, summer | {"ts": SUMMER_STARTS}])
    wanted = ["2026-03-29T01:59:59.999999+01:00", "2026-03-29T03:00:00.000000+02:00"]
    more: dict[str, Any] = {"zone": "Europe/Berlin", "columns": ("ts", "ip")}
    assert [line.split(",")[0] for line in make("csv", **more).decode().split()[1:]] == wanted
    assert [json.loads(line)["ts"] for line in make("ndjson", **more).split()] == wanted
    assert [row["ts"] for row in pyarrow.parquet.read_table(io.BytesIO(make("parquet", **more))).to_pylist()] == [
        SUMMER_STARTS - timedelta(microseconds=1),
        SUMMER_STARTS,
    ]
    sheet = openpyxl.load_workbook(io.BytesIO(make("xlsx", **more))).active
    assert [row[0].value for row in sheet.iter_rows()] == [
        "ts (Europe/Berlin)",
        datetime(2026, 3, 29, 2),
        datetime(2026, 3, 29, 3),
    ]


COLUMNS = (Column("n", "number"), Column("name"))


def sheet_of(rows: Sequence[tuple[object, str]]) -> io.BytesIO:
    sink = io.BytesIO()
    chunks = [f"{number}\t{name}\n".encode() for number, name in rows]
    assert spreadsheet.write_workbook(sink, "Events", COLUMNS, "UTC", chunks) == len(rows)
    return sink


def test_a_full_sheet_is_followed_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheet, "SHEET_ROWS", 3)
    book = openpyxl.load_workbook(sheet_of([(n, f"row {n}") for n in range(7)]))
    assert book.sheetnames == ["Events", "Events 2", "Events 3"]
    assert [[row[0].value for row in sheet.iter_rows(min_row=2)] for sheet in book] == [[0, 1, 2], [3, 4, 5], [6]]
    assert all(sheet["B1"].value == "name" for sheet in book)


def test_a_sheet_that_is_just_full_is_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheet, "SHEET_ROWS", 3)
    assert openpyxl.load_workbook(sheet_of([(n, "") for n in range(3)])).sheetnames == ["Events"]


def test_a_sheet_ends_before_its_xml_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheet, "SHEET_BYTES", 1200)
    assert len(openpyxl.load_workbook(sheet_of([(n, "x" * 300) for n in range(6)])).sheetnames) > 1


LONG = [
    pytest.param("x" * 32_767, "x" * 32_767, id="just-fits"),
    pytest.param("x" * 32_768, "x" * (32_767 - 7) + "… (cut)", id="one-too-many"),
    pytest.param("😀" * 16_384, "😀" * 16_380 + "… (cut)", id="two-units-each"),
    pytest.param("&" * 32_767, "&" * 32_767, id="longer-only-in-xml"),
]


@pytest.mark.parametrize(("sent", "shown"), LONG)
def test_a_cell_too_long_for_a_sheet_is_cut_with_a_mark(sent: str, shown: str) -> None:
    assert openpyxl.load_workbook(sheet_of([(1, sent)])).active["B2"].value == shown


def test_the_header_is_bold_and_stays_in_view() -> None:
    sheet = openpyxl.load_workbook(sheet_of([(1.5, "a")])).active
    assert (sheet["A1"].font.b, sheet["A2"].font.b, sheet.freeze_panes) == (True, False, "A2")
    assert sheet.column_dimensions["B"].width == spreadsheet.WIDTHS["text"]


def test_columns_past_z_have_two_letters() -> None:
    columns, sink = tuple(Column(f"c{n}") for n in range(60)), io.BytesIO()
    spreadsheet.write_workbook(sink, "Events", columns, "UTC", [("\t".join(map(str, range(60))) + "\n").encode()])
    sheet = openpyxl.load_workbook(sink).active
    assert [sheet[name].value for name in ("A2", "Z2", "AA2", "AZ2", "BA2", "BH2")] == [
        "0",
        "25",
        "26",
        "51",
        "52",
        "59",
    ]


def test_nothing_in_the_zip_is_of_today() -> None:
    entries = zipfile.ZipFile(sheet_of([(1, "a")])).infolist()
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}


def test_rows_may_be_cut_anywhere_in_their_chunks() -> None:
    whole, sinks = "1\tü&\x01_x0041_\n2\t\\N\n".encode(), [io.BytesIO(), io.BytesIO()]
    for sink, chunks in zip(sinks, ([whole], [bytes([byte]) for byte in whole]), strict=True):
        spreadsheet.write_workbook(sink, "Events", COLUMNS, "UTC", chunks)
    assert sinks[0].getvalue() == sinks[1].getvalue()


def test_parquet_is_cut_into_row_groups_by_what_is_in_them(
    put: Put, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from analytics.exports import formats_parquet

    monkeypatch.setattr(formats_parquet, "GROUP_BYTES", 10_000)
    monkeypatch.setattr(formats_parquet, "BLOCK_BYTES", 70_000)
    put(some_rows(2_000))
    data = make("parquet", pieces=5)
    assert pyarrow.parquet.ParquetFile(io.BytesIO(data)).num_row_groups > 3
    assert data == make("parquet")


class Counted:
    """Rows that tell how many were asked for."""

    rows = 0

    def pour(self, take: Callable[[bytes], None]) -> None:
        for _ in range(10):
            self.rows += 1
            take(b"a\n")


def test_parts_are_copied_up_to_the_first_that_is_not_as_it_was_entered() -> None:
    parts = [
        {"bytes": 3, "sha256": hashlib.sha256(b"name\na,b").hexdigest()},
        {"bytes": 2, "sha256": hashlib.sha256(b"name\na,bcd").hexdigest()},
        {"bytes": 4, "sha256": hashlib.sha256(b"name\na,bcdefgh").hexdigest()},
    ]
    for source, copied, held in [
        (b"a,bcdefgh and more", 3, b"name\na,bcdefgh"),
        (b"a,bcdef", 2, b"name\na,bcd"),
        (b"a,bcXefgh", 1, b"name\na,b"),
        (b"", 0, b"name\n"),
    ]:
        sink = io.BytesIO()
        summed = formats.Summed(sink)
        summed.write(b"name\n")
        assert summed.copy_parts(io.BytesIO(source), parts, formats.nothing) == copied
        summed.write(b"!")
        assert (sink.getvalue(), summed.bytes) == (held + b"!", len(held) + 1)
        assert summed.sha256 == hashlib.sha256(held + b"!").hexdigest()


def test_a_tick_may_end_the_work() -> None:
    def stop() -> None:
        raise InterruptedError

    shape, rows = formats.Shape("csv", "none", COLUMNS), Counted()
    with pytest.raises(InterruptedError):
        formats.write_part(shape, rows, formats.Summed(io.BytesIO()), stop)
    assert rows.rows == 1


def test_a_filter_narrows_the_rows(put: Put, make: Make) -> None:
    ann, bob = some_rows(2)
    put([ann | {"user_id": "ann"}, bob | {"user_id": "bob", "type": "click"}])
    more: dict[str, Any] = {"columns": ("user_id",)}
    assert make("csv", filter=Filter(types=("click",)), **more) == b"user_id\nbob\n"
    assert make("csv", filter=Filter(include_bots=False), **more) == b"user_id\nbob\n"
    assert make("csv", filter=Filter(user_id="ann"), **more) == b"user_id\nann\n"
