"""Files as independent readers see them, for any content of the rows and any division into parts."""

import csv
import gzip
import hashlib
import io
import json
import random
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

from analytics import clock
from analytics.exports.formats import writers
from analytics.exports.formats.file_types import FORMATS, FileSpec
from analytics.exports.formats.writers import WriteResult
from analytics.exports.sources.export import Part, resolve
from analytics.exports.sources.request import ExportRequest, Filter
from analytics.files import xlsx
from analytics.files.checksums import ChecksumWriter
from analytics.files.columns import Column
from analytics.sites.sites import Site
from analytics.store.partitions import ensure
from tests.examples import examples

START, END = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
CUTOFF = datetime(2026, 5, 1, tzinfo=UTC)
SUMMER_STARTS = datetime(2026, 3, 29, 1, tzinfo=UTC)
InsertRows = Callable[[list[dict[str, Any]]], None]
Make = Callable[..., bytes]

INSERT = text("""
INSERT INTO events (event_id, ts, received_at, user_no, site_id, is_bot, type, user_id, subject, path, ip, payload)
VALUES (CAST(:event_id AS uuid), :ts, :received_at, 1, :site_id, :is_bot, :type, :user_id, :subject, :path,
        CAST(:ip AS inet), CAST(:payload AS jsonb))
""")
NAMES = ("event_id", "ts", "is_bot", "type", "user_id", "subject", "path", "ip", "payload")


@pytest.fixture
def insert_rows(engine: Engine, site: Site) -> InsertRows:
    """Inserts rows directly: the drain would refuse or replace some values that a table may hold."""
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
    """`make("csv", "gzip", zone="Asia/Tokyo")`: the bytes of the file, written in `pieces` parts."""

    def write_file(file_format: str, compression: str = "none", pieces: int = 1, **more: Any) -> bytes:
        request = ExportRequest("events", file_format, compression, site.id, START, END, **{"columns": NAMES, **more})
        resolve(request)
        step = (END - START) / max(pieces, 1)
        parts = [Part(n, START + step * n, START + step * (n + 1)) for n in range(pieces)]
        if FORMATS[file_format].is_concatenable:
            return joined(engine, request, parts)
        paths = [tmp_path / f"{file_format}-{pieces}-{part.n}" for part in parts]
        for part, path in zip(parts, paths, strict=True):
            write(engine, request, part, path)
        return assembled(request, paths)

    return write_file


def joined(engine: Engine, request: ExportRequest, parts: Sequence[Part]) -> bytes:
    spec, sink = resolve(request).file_spec, io.BytesIO()
    writer = ChecksumWriter(sink)
    writers.write_header(spec, writer)
    for part in parts:
        before = len(sink.getvalue())
        found = writers.write_part(spec, resolve(request).open_rows(engine, part, CUTOFF), writer)
        assert found.bytes == len(sink.getvalue()) - before
        assert found.sha256 == hashlib.sha256(sink.getvalue()).hexdigest()
    return sink.getvalue()


def write(engine: Engine, request: ExportRequest, part: Part, path: Path) -> WriteResult:
    with path.open("wb") as file:
        rows = resolve(request).open_rows(engine, part, CUTOFF)
        found = writers.write_part(resolve(request).file_spec, rows, ChecksumWriter(file))
    assert (found.bytes, found.sha256) == (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
    return found


def assembled(request: ExportRequest, paths: Sequence[Path]) -> bytes:
    sink = io.BytesIO()
    with closing(writers.open_assembler(resolve(request).file_spec, sink)) as assembler:
        for path in paths:
            assembler.add(path)
        found = assembler.finish()
    assert (found.bytes, found.sha256) == (len(sink.getvalue()), hashlib.sha256(sink.getvalue()).hexdigest())
    return sink.getvalue()


# Text that PostgreSQL can store: no NUL, no lone surrogate.
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
TRICKY_TEXT = st.sampled_from(
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
CELL = TEXT | TRICKY_TEXT
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
    max_examples=examples(80),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def json_of(row: dict[str, Any]) -> Any:
    return None if row["payload"] is None else json.loads(row["payload"])


def is_cell_of(cell: str, value: str | None) -> bool:
    """Whether the cell is the value: after an apostrophe if it begins like a formula, never after one if like a word."""
    expected = value or ""
    if expected[:1] in tuple("=+-@"):
        return cell == "'" + expected
    return cell == expected or (cell == "'" + expected and not expected[0].isalnum())


@PROPERTY
@given(rows=ROWS)
def test_csv_reads_back_as_the_rows(insert_rows: InsertRows, make: Make, rows: list[dict[str, Any]]) -> None:
    insert_rows(rows)
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
def test_ndjson_reads_back_as_the_rows(insert_rows: InsertRows, make: Make, rows: list[dict[str, Any]]) -> None:
    insert_rows(rows)
    text_of = make("ndjson").decode()
    assert text_of.count("\n") == len(rows)
    found = [json.loads(line) for line in text_of.split("\n")[:-1]]
    assert all(tuple(row) == NAMES for row in found)
    assert [row | {"ts": datetime.fromisoformat(row["ts"])} for row in found] == [
        {name: row[name] for name in NAMES} | {"payload": json_of(row)} for row in rows
    ]


@PROPERTY
@given(rows=ROWS)
def test_parquet_reads_back_as_the_rows(insert_rows: InsertRows, make: Make, rows: list[dict[str, Any]]) -> None:
    insert_rows(rows)
    found = pyarrow.parquet.read_table(io.BytesIO(make("parquet")))
    assert [str(kind) for kind in found.schema.types] == [
        *("string", "timestamp[us, tz=UTC]", "bool", "string", "string", "string", "string", "string", "string"),
    ]
    assert [row | {"payload": row["payload"] and json.loads(row["payload"])} for row in found.to_pylist()] == [
        {name: row[name] for name in NAMES} | {"payload": json_of(row)} for row in rows
    ]


def in_a_sheet(value: str | None) -> str | None:
    """The value in a sheet: illegal XML characters are replaced, and text that reads as an escape is escaped."""
    if not value:
        return None
    legal = xlsx.ILLEGAL_XML_CHARS.sub("\ufffd", value)
    return xlsx.XLSX_ESCAPE_PREFIX.sub("_x005F_", legal)


@PROPERTY
@given(rows=ROWS)
def test_xlsx_reads_back_as_the_rows(insert_rows: InsertRows, make: Make, rows: list[dict[str, Any]]) -> None:
    insert_rows(rows)
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
        assert all(cell.data_type != "f" for cell in cells)


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
@pytest.mark.parametrize("file_format", ["csv", "ndjson"])
def test_text_is_independent_of_compression_and_parts(
    insert_rows: InsertRows, make: Make, file_format: str, compression: str
) -> None:
    insert_rows(some_rows(200))
    assert unpack(make(file_format, compression, pieces=7), compression) == make(file_format)
    assert make(file_format, compression, pieces=7) == make(file_format, compression, pieces=7)


@pytest.mark.parametrize("file_format", ["xlsx", "parquet"])
def test_file_is_independent_of_the_number_of_parts(insert_rows: InsertRows, make: Make, file_format: str) -> None:
    insert_rows(some_rows(500))
    assert make(file_format, pieces=1) == make(file_format, pieces=9)


@pytest.mark.parametrize("file_format", list(FORMATS))
def test_export_without_rows_is_a_valid_file(insert_rows: InsertRows, make: Make, file_format: str) -> None:
    insert_rows([])
    data = make(file_format, pieces=1)
    assert data == make(file_format, pieces=0)
    if file_format == "csv":
        assert data == (",".join(NAMES) + "\n").encode()
    elif file_format == "ndjson":
        assert data == b""
    elif file_format == "parquet":
        assert pyarrow.parquet.read_table(io.BytesIO(data)).column_names == list(NAMES)
    else:
        assert openpyxl.load_workbook(io.BytesIO(data)).active.max_row == 1


def test_timestamps_are_in_the_zone_with_its_offset(insert_rows: InsertRows, make: Make) -> None:
    winter, summer = some_rows(2)
    insert_rows([winter | {"ts": SUMMER_STARTS - timedelta(microseconds=1)}, summer | {"ts": SUMMER_STARTS}])
    expected = ["2026-03-29T01:59:59.999999+01:00", "2026-03-29T03:00:00.000000+02:00"]
    more: dict[str, Any] = {"zone": "Europe/Berlin", "columns": ("ts", "ip")}
    assert [line.split(",")[0] for line in make("csv", **more).decode().split()[1:]] == expected
    assert [json.loads(line)["ts"] for line in make("ndjson", **more).split()] == expected
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


def test_parquet_row_groups_depend_on_the_rows_only(
    insert_rows: InsertRows, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from analytics.exports.formats import parquet

    monkeypatch.setattr(parquet, "ROW_GROUP_BYTES", 10_000)
    monkeypatch.setattr(parquet, "BLOCK_BYTES", 70_000)
    insert_rows(some_rows(2_000))
    data = make("parquet", pieces=5)
    assert pyarrow.parquet.ParquetFile(io.BytesIO(data)).num_row_groups > 3
    assert data == make("parquet")


class CountingRows:
    """Rows that count how many were read."""

    rows = 0

    def stream_to(self, write: Callable[[bytes], None]) -> None:
        for _ in range(10):
            self.rows += 1
            write(b"a\n")


def test_on_chunk_can_end_the_work() -> None:
    def stop() -> None:
        raise InterruptedError

    spec, rows = FileSpec("csv", "none", (Column("n", "number"),)), CountingRows()
    with pytest.raises(InterruptedError):
        writers.write_part(spec, rows, ChecksumWriter(io.BytesIO()), stop)
    assert rows.rows == 1


def test_filter_limits_the_rows(insert_rows: InsertRows, make: Make) -> None:
    ann, bob = some_rows(2)
    insert_rows([ann | {"user_id": "ann"}, bob | {"user_id": "bob", "type": "click"}])
    more: dict[str, Any] = {"columns": ("user_id",)}
    assert make("csv", filter=Filter(types=("click",)), **more) == b"user_id\nbob\n"
    assert make("csv", filter=Filter(include_bots=False), **more) == b"user_id\nbob\n"
    assert make("csv", filter=Filter(user_id="ann"), **more) == b"user_id\nann\n"


def test_a_payload_of_null_is_nothing_in_every_format(insert_rows: InsertRows, make: Make) -> None:
    event = dict.fromkeys(NAMES) | {"received_at": START, "ts": START, "is_bot": False, "type": "a", "user_id": "u"}
    ids = [f"00000000-0000-8000-8000-00000000000{n}" for n in range(3)]
    insert_rows(
        [event | {"event_id": id, "payload": payload} for id, payload in zip(ids, (None, "null", "{}"), strict=True)]
    )
    columns: dict[str, Any] = {"columns": ("event_id", "payload")}
    assert make("csv", **columns).decode().split() == ["event_id,payload", f"{ids[0]},", f"{ids[1]},", f"{ids[2]},{{}}"]
    assert [json.loads(line)["payload"] for line in make("ndjson", **columns).splitlines()] == [None, None, {}]
    table = pyarrow.parquet.read_table(io.BytesIO(make("parquet", **columns)))
    assert table["payload"].to_pylist() == [None, None, "{}"]
    sheet = openpyxl.load_workbook(io.BytesIO(make("xlsx", **columns))).active
    assert [cell.value for cell in sheet["B"]] == ["payload", None, None, "{}"]
