"""Rows of CSV as events, lines as records; ids of equal records."""

import gzip
import io
import random
import re
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
import zstandard

from analytics.errors import BadInput
from analytics.files.columns import FORMULA_PATTERN
from analytics.ingest.decoding.events import Event
from analytics.ingest.imports.formats import CANONICAL_FIELDS, access_log_format, csv_format
from analytics.ingest.imports.record_ids import RepeatCounter, make_record_id
from analytics.ingest.imports.records import ESCAPED_FORMULA, MAX_LINE_BYTES, LineReader, Record, read_line_records
from analytics.ingest.imports.sources import Source, scan_source


def test_the_importer_maps_every_field_of_an_event() -> None:
    assert set(Event.__struct_fields__) == CANONICAL_FIELDS


def test_equal_texts_are_counted_exactly_with_a_small_filter() -> None:
    texts = [b"%d" % (n % 7) for n in range(20)] + [b"once"]
    repeats = RepeatCounter(size=8)
    for record in texts:
        repeats.observe(record)
    earlier = [texts[:n].count(record) for n, record in enumerate(texts)]
    assert [repeats.count_earlier(record) for record in texts] == earlier


def test_an_id_depends_on_site_shift_text_and_occurrence() -> None:
    ids = {
        make_record_id(*parts) for parts in (("a", 0, b"x", 0), ("b", 0, b"x", 0), ("a", 1, b"x", 0), ("a", 0, b"x", 1))
    }
    assert len(ids) == 4
    assert make_record_id("a", 0, b"x", 0) in ids


def test_a_prefix_digest_equals_that_of_the_shorter_file() -> None:
    content = b"one\ntwo\nthree"
    lines = LineReader(io.BytesIO(content), prefix_lengths=[5, 3, 99, len(content)])
    assert list(lines) == [b"one\n", b"two\n", b"three"]
    assert lines.prefix_digests == [sha256(content[:n]).hexdigest() for n in (3, 5, len(content))]


def test_an_overlong_line_is_one_refused_record() -> None:
    stream = io.BytesIO(b"a\n" + b"x" * (3 * MAX_LINE_BYTES) + b"\nb\n")
    found = list(read_line_records(LineReader(stream)))
    assert [(record.line, bool(record.problem)) for record in found] == [(1, False), (2, True), (3, False)]


def rows_of(content: bytes, **names: str) -> list[Record]:
    return list(csv_format(names).read_records(LineReader(io.BytesIO(content))))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_read_from_the_header(delimiter: str) -> None:
    header = delimiter.join(("type", "a,b" if delimiter != "," else "ab", "ts"))
    found = rows_of(header.encode() + b"\nx" + delimiter.encode() * 2 + b"y\n")
    assert list((found[0].cells or {}).values()) == ["x", "", "y"]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("'=1", "=1"),
        ("'-1", "-1"),
        ("'@a", "@a"),
        ("'+1", "+1"),
        ("' =1", " =1"),
        ("'a", "'a"),
        ("'", "'"),
        ("=1", "=1"),
    ],
)
def test_only_the_apostrophe_of_an_export_is_removed(cell: str, text: str) -> None:
    assert rows_of(f"type,ts\n{cell},x\n".encode())[0].cells == {"type": text, "ts": "x"}


def test_every_cell_that_the_export_escapes_is_restored() -> None:
    export, firsts = re.compile(FORMULA_PATTERN), [*range(1, 0x3100), *range(0xFE00, 0xFFF0)]
    for cell in (chr(point) + tail for point in firsts for tail in ("", "=1", "a")):
        assert bool(ESCAPED_FORMULA.match("'" + cell)) == bool(export.match(cell)), ascii(cell)


def test_derived_columns_are_ignored_in_our_exports_only() -> None:
    ours = rows_of(b"event_id,received_at,type,source,is_bot\n1,2,3,4,5\n")[0].cells
    assert ours == {"event_id": "1", "type": "3"}
    assert rows_of(b"event_id,type,source\n1,3,4\n")[0].cells == {"event_id": "1", "type": "3", "source": "4"}


def test_a_row_of_several_lines_has_the_number_of_the_first() -> None:
    found = rows_of(b'type,ts\n"a\nb",x\nc,y\n\nd,z\n')
    assert [record.line for record in found] == [2, 4, 5, 6]
    assert found[2].text == b""


@pytest.mark.parametrize("content", [b"", b"\n1,2\n", b"type,type\n1,2\n", b"type,event_name\n"])
def test_an_unusable_header_is_refused(content: bytes) -> None:
    if content == b"type,event_name\n":
        assert rows_of(content) == []
        return
    with pytest.raises(BadInput):
        rows_of(content)


def test_a_mapped_column_must_exist() -> None:
    with pytest.raises(BadInput, match="no column 'who'"):
        rows_of(b"type,ts\n", who="user_id")


def test_the_first_pass_finds_the_latest_time_and_repeats(tmp_path: Path) -> None:
    path = tmp_path / "log"
    line = '192.0.2.7 - - [10/Oct/2000:13:55:{:02d} +0000] "GET / HTTP/1.1" 200 1\n'
    path.write_text(line.format(5) + line.format(9) + line.format(5) + "junk\n")
    found = scan_source(Source("log", path), access_log_format("common"), with_times=True)
    assert (found.records, found.latest_ts) == (4, datetime(2000, 10, 10, 13, 55, 9, tzinfo=UTC))
    assert [found.repeats.count_earlier(line.format(5).strip().encode()) for _ in range(2)] == [0, 1]


@pytest.mark.parametrize(
    ("rows", "problems"),
    [
        pytest.param('a,"never\n1,2\n3,4\n', [(2, "lines 2 to 4")], id="never closed"),
        pytest.param('a,"never\n1,2\n3,"x"\n5,6\n', [(2, "lines 2 to 4"), (5, "")], id="closed by a later row"),
        pytest.param('1,2\na,"x"y\n3,4\n', [(2, ""), (3, "a quote is not closed"), (4, "")], id="text behind"),
        pytest.param('1,"a\n""b"""\n3,a"b\n', [(2, ""), (4, "")], id="well formed"),
        pytest.param('1,"' + "x" * 3_900_001 + '"\n3,4\n', [(2, "longer than 3,900,000"), (3, "")], id="long cell"),
        pytest.param("1,a\rb\n3,4\n", [(2, "bare carriage return"), (3, "")], id="carriage return"),
    ],
)
def test_a_row_that_is_not_csv_is_refused_with_its_lines(rows: str, problems: list[tuple[int, str]]) -> None:
    found = rows_of(b"type,note\n" + rows.encode())
    assert [record.line for record in found] == [line for line, _ in problems]
    for record, (_, problem) in zip(found, problems, strict=True):
        assert problem in record.problem
        assert bool(problem) == bool(record.problem)


def test_a_row_of_another_encoding_is_refused_with_a_way_out() -> None:
    first, second = rows_of("type,city\na,Köln\n".encode("cp1252") + b"a,Bonn\n")
    assert "not UTF-8" in first.problem
    assert "iconv" in first.problem
    assert (second.problem, second.cells) == ("", {"type": "a", "city": "Bonn"})


@pytest.mark.parametrize("header", [b'type,"ts\n', "type,Größe\n".encode("cp1252"), b"type\rts\n"])
def test_a_header_that_cannot_be_read_is_refused(header: bytes) -> None:
    with pytest.raises(BadInput, match="the header is not"):
        rows_of(header + b"a,b\n")


TABLE = 'type,city\na,"Köln\nDeutz"\nb,東京\n'


def lines_of(path: Path, content: bytes) -> bytes:
    path.write_bytes(content)
    with Source("t", path).open() as stream:
        return b"".join(LineReader(stream))


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress], ids=["plain", "gzip", "zstd"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be", "utf-8-sig", "utf-8"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_a_file_is_read_in_every_unicode_encoding(
    tmp_path: Path, pack: Callable[[bytes], bytes], encoding: str, line_end: str
) -> None:
    text = TABLE.replace("\n", line_end)
    mark = "\ufeff" if encoding == "utf-32-be" else ""
    read = lines_of(tmp_path / "t", pack((mark + text).encode(encoding))).decode().removeprefix("\ufeff")
    assert read == (TABLE if line_end == "\r" else text)


def test_a_large_file_keeps_every_line(tmp_path: Path) -> None:
    text = "".join(f"{number},東京\r" for number in range(50_000))
    expected = text.replace("\r", "\n").encode()
    assert lines_of(tmp_path / "t", zstandard.compress(text.encode("utf-16")) + zstandard.compress(b"")) == expected


@pytest.mark.parametrize("content", ["type,city\na,b\n".encode("utf-16")[:-1], b"\xff\xfe\x00\xd8a\x00"])
def test_a_file_that_is_not_what_it_begins_as_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(BadInput, match="UTF-16"):
        lines_of(tmp_path / "t", content)


@pytest.mark.parametrize("frames", [1, 2])
def test_a_zstd_file_that_breaks_off_is_refused(tmp_path: Path, frames: int) -> None:
    packed = zstandard.ZstdCompressor().compress(bytes(random.Random(7).choices(b"abc\n", k=400_000))) * frames
    assert lines_of(tmp_path / "whole", packed)
    for cut in (1, 5, 50_000):
        with pytest.raises(BadInput, match="breaks off after line"):
            lines_of(tmp_path / "t", packed[:-cut])
