"""What a line of an access log becomes, what a row becomes, and which of several equal records is which."""

import io
import re
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from analytics.columns import FORMULA
from analytics.errors import BadInput
from analytics.ingest.access_log import read_line, read_time, request_type
from analytics.ingest.events import Event
from analytics.ingest.importers import (
    ACCESS_LOG,
    CANONICAL,
    MAX_LINE_BYTES,
    NEUTRALISED,
    Lines,
    Record,
    Repeats,
    Source,
    csv_format,
    read_text_records,
    record_id,
    scan,
)

TIME = "[10/Oct/2000:13:55:36 -0700]"
INSTANT = datetime(2000, 10, 10, 13, 55, 36, tzinfo=timezone(timedelta(hours=-7)))


def read(line: str | bytes) -> dict[str, Any]:
    return read_line(line if isinstance(line, bytes) else line.encode())


def test_a_combined_line_fills_every_field() -> None:
    line = (
        f'192.0.2.7 - frank {TIME} "GET /a?b=c HTTP/2.0" 200 2326 "http://e.com/s" "Mozilla/4.08 [en] (Win98; I ;Nav)"'
    )
    assert read(line) == {
        "type": "page_view",
        "ts": INSTANT,
        "src": "access-log",
        "payload": {"method": "GET", "status": 200, "bytes": 2326, "protocol": "HTTP/2.0"},
        "ip": "192.0.2.7",
        "user_id": "frank",
        "path": "/a?b=c",
        "referrer": "http://e.com/s",
        "user_agent": "Mozilla/4.08 [en] (Win98; I ;Nav)",
    }


def test_a_common_line_has_no_referrer_and_no_agent() -> None:
    event = read(f'192.0.2.7 - - {TIME} "GET / HTTP/1.0" 200 -\r')
    assert event.keys() == {"type", "ts", "src", "payload", "ip", "path"}
    assert event["payload"] == {"method": "GET", "status": 200, "bytes": None, "protocol": "HTTP/1.0"}


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        pytest.param("2001:db8::7 - -", {"ip": "2001:db8::7"}, id="ipv6"),
        pytest.param("fe80::1%eth0 - -", {"ip": "fe80::1%eth0"}, id="ipv6-with-zone"),
        pytest.param("e.com:443 192.0.2.7 - -", {"ip": "192.0.2.7", "vhost": "e.com:443"}, id="vhost"),
        pytest.param(
            "e.com 2001:db8::7 - ann", {"ip": "2001:db8::7", "vhost": "e.com", "user_id": "ann"}, id="vhost-user"
        ),
        pytest.param("192.0.2.7 - ann lee", {"ip": "192.0.2.7", "user_id": "ann lee"}, id="user-with-a-blank"),
        pytest.param('192.0.2.7 - ""', {"ip": "192.0.2.7"}, id="empty-user"),
        pytest.param("dial-up.e.com - -", {"ip": "dial-up.e.com", "host": "dial-up.e.com"}, id="a-name-for-an-address"),
        pytest.param("- - -", {}, id="nobody"),
    ],
)
def test_who_asked_is_read_in_every_spelling(head: str, expected: dict[str, str]) -> None:
    event = read(f'{head} {TIME} "GET / HTTP/1.1" 200 1 "-" "-"')
    names = ("ip", "user_id", "vhost", "host")
    assert {name: value for name, value in (event | event["payload"]).items() if name in names} == expected


def test_a_name_that_was_only_tried_is_nobody() -> None:
    assert "user_id" not in read(f'192.0.2.7 - admin {TIME} "GET / HTTP/1.1" 401 1')


@pytest.mark.parametrize(
    ("written", "text"),
    [
        pytest.param(rb"a\"b", 'a"b', id="quote"),
        pytest.param(rb"a\x22b", 'a"b', id="quote-by-nginx"),
        pytest.param(rb"a\\b", "a\\b", id="backslash"),
        pytest.param(rb"a\\", "a\\", id="backslash-at-the-end"),
        pytest.param(rb"caf\xc3\xa9", "café", id="utf-8-escaped"),
        pytest.param("café".encode(), "café", id="utf-8"),
        pytest.param(rb"\xe4\xe5", r"\xe4\xe5", id="not-utf-8-escaped"),
        pytest.param(b"\xe4\xe5", r"\xe4\xe5", id="not-utf-8"),
        pytest.param(rb"a\x00\x16b", r"a\x00\x16b", id="control-characters-escaped"),
        pytest.param(b"a\x00\x16b", r"a\x00\x16b", id="control-characters"),
        pytest.param(rb"\t\q", r"\t\q", id="other-escapes"),
        pytest.param(b'say "hi" (x)', 'say "hi" (x)', id="bare-quotes"),
    ],
)
def test_texts_are_unescaped_and_storable(written: bytes, text: str) -> None:
    line = b'192.0.2.7 - - %s "GET / HTTP/1.1" 200 1 "-" "%s"' % (TIME.encode(), written)
    assert read(line)["user_agent"] == text


def test_a_request_with_quotes_cannot_forge_the_rest_of_its_line() -> None:
    line = rf'192.0.2.7 - - {TIME} "GET /\" 200 1 \"x\" \"y HTTP/1.1" 404 9 "-" "real"'
    event = read(line)
    assert (event["path"], event["payload"]["status"], event["user_agent"]) == ('/" 200 1 "x" "y', 404, "real")


@pytest.mark.parametrize(
    ("request_line", "status", "kind", "payload"),
    [
        pytest.param("-", 408, "http_error", {"method": None, "protocol": None}, id="408"),
        pytest.param("", 400, "http_error", {"method": None}, id="empty"),
        pytest.param(r"\x16\x03\x01", 400, "http_error", {"method": None, "request": r"\x16\x03\x01"}, id="tls"),
        pytest.param("GET /", 200, "page_view", {"method": "GET", "protocol": None}, id="http-0.9"),
        pytest.param("GET /a b c HTTP/1.1", 200, "page_view", {"method": "GET", "protocol": "HTTP/1.1"}, id="blanks"),
        pytest.param("PROPFIND / HTTP/1.1", 207, "http_request", {"method": "PROPFIND"}, id="odd-method"),
        pytest.param("PRI * HTTP/2.0", 400, "http_error", {"method": "PRI"}, id="http-2-preface"),
        pytest.param("GET / HTTP/3", 200, "page_view", {"protocol": "HTTP/3"}, id="http-3"),
    ],
)
def test_odd_requests_are_kept(request_line: str, status: int, kind: str, payload: dict[str, Any]) -> None:
    event = read(f'192.0.2.7 - - {TIME} "{request_line}" {status} 0 "-" "-"')
    assert event["type"] == kind
    assert payload.items() <= event["payload"].items()


@pytest.mark.parametrize(
    ("method", "target", "status", "kind"),
    [
        ("GET", "/", 200, "page_view"),
        ("GET", "/docs/1.2", 200, "page_view"),
        ("GET", "/a.html?x=logo.png", 304, "page_view"),
        ("GET", "/a.php", 206, "page_view"),
        ("GET", "/feedback", 200, "page_view"),
        ("GET", "/LOGO.PNG?v=2", 200, "asset_view"),
        ("GET", "/robots.txt", 200, "asset_view"),
        ("GET", "/blog/feed/", 200, "asset_view"),
        ("GET", "/?flav=rss20", 200, "asset_view"),
        ("GET", "/a.js", 404, "http_error"),
        ("GET", "/a", 301, "http_redirect"),
        ("POST", "/a", 302, "http_redirect"),
        ("HEAD", "/", 200, "http_request"),
        ("POST", "/a", 200, "http_request"),
        ("POST", "/a", 304, "http_request"),
        ("GET", "/", 101, "http_request"),
        ("GET", "/", 499, "http_error"),
        ("GET", "/", None, "http_request"),
    ],
)
def test_the_type_says_what_the_request_was(method: str, target: str, status: int | None, kind: str) -> None:
    assert request_type(method, target, status) == kind


@pytest.mark.parametrize(
    ("line", "why"),
    [
        pytest.param("", "no [time]", id="nothing"),
        pytest.param(f'192.0.2.7 - - {TIME} "GET / HTTP/1.1" 200 1 "-" "Mozilla', "cut off", id="half-a-line"),
        pytest.param(f"192.0.2.7 - - {TIME} GET / 200 1", 'no "request"', id="no-quotes"),
        pytest.param(f'192.0.2.7 - - {TIME} "GET / HTTP/1.1" ok 1', "not the common", id="no-status"),
        pytest.param(f'192.0.2.7 {TIME} "GET / HTTP/1.1" 200 1', "host, ident and user", id="short-head"),
        pytest.param('192.0.2.7 - - [10/Foo/2000:13:55:36 -0700] "GET /" 200 1', "not a month", id="month"),
        pytest.param('192.0.2.7 - - [31/Feb/2000:13:55:36 -0700] "GET /" 200 1', "not a time", id="february-31"),
        pytest.param('192.0.2.7 - - [10/Oct/2000:13:55:36] "GET /" 200 1', "not a time", id="no-zone"),
        pytest.param('192.0.2.7 - - [10/Oct/2000:13:55:36 +9900] "GET /" 200 1', "not a time", id="zone"),
        pytest.param('192.0.2.7 - - [yesterday] "GET /" 200 1', "not a time", id="no-time"),
    ],
)
def test_what_cannot_be_read_says_why(line: str, why: str) -> None:
    with pytest.raises(ValueError, match="(?i)" + why.replace("[", r"\[")):
        read(line)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("10/Oct/2000:13:55:36 -0700", INSTANT),
        ("2000-10-10T13:55:36-07:00", INSTANT),
        ("31/Dec/2016:23:59:60 +0000", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_times_keep_their_offset(text: str, instant: datetime) -> None:
    assert read_time(text) == instant
    assert read_time(text).utcoffset() == instant.utcoffset()


def test_long_texts_are_cut_to_what_an_event_takes() -> None:
    event = read(f'192.0.2.7 - - {TIME} "GET /{"a" * 9000} HTTP/1.1" 200 1 "http://{"b" * 9000}" "{"c" * 9000}"')
    assert (len(event["path"]), len(event["referrer"]), len(event["user_agent"])) == (2048, 2048, 1024)


@pytest.mark.timeout(5)
def test_a_hostile_line_takes_no_time() -> None:
    forged = ('\\"', '" 200 1 "', '" 200 1 "" "', '" "', " [", "[x] ", '[x] "" 200 1 "', "\\", "a ")
    for piece in forged:
        for line in (f'x - - [y] "{piece * 50_000}', f'x - - [y] "" 200 1 "{piece * 50_000}', piece * 50_000):
            with pytest.raises(ValueError, match=r"."):
                read(line)


def test_the_importer_knows_every_field_of_an_event() -> None:
    assert set(Event.__struct_fields__) == CANONICAL


def test_repeats_counts_equal_texts_exactly_however_small_its_memory() -> None:
    texts = [b"%d" % (n % 7) for n in range(20)] + [b"once"]
    repeats = Repeats(size=8)
    for one in texts:
        repeats.note(one)
    assert [repeats.earlier(one) for one in texts] == [texts[:n].count(one) for n, one in enumerate(texts)]


def test_an_id_depends_on_site_shift_text_and_occurrence() -> None:
    ids = {record_id(*given) for given in (("a", 0, b"x", 0), ("b", 0, b"x", 0), ("a", 1, b"x", 0), ("a", 0, b"x", 1))}
    assert len(ids) == 4
    assert record_id("a", 0, b"x", 0) in ids


def test_the_digest_at_a_mark_is_that_of_the_shorter_file() -> None:
    content = b"one\ntwo\nthree"
    lines = Lines(io.BytesIO(content), marks=[5, 3, 99, len(content)])
    assert list(lines) == [b"one\n", b"two\n", b"three"]
    assert lines.prefixes == [sha256(content[:n]).hexdigest() for n in (3, 5, len(content))]


def test_an_endless_line_is_one_refused_record() -> None:
    stream = io.BytesIO(b"a\n" + b"x" * (3 * MAX_LINE_BYTES) + b"\nb\n")
    found = list(read_text_records(Lines(stream)))
    assert [(record.line, bool(record.problem)) for record in found] == [(1, False), (2, True), (3, False)]


def rows_of(content: bytes, **names: str) -> list[Record]:
    return list(csv_format(names).records(Lines(io.BytesIO(content))))


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_the_delimiter_is_read_from_the_header(mark: str) -> None:
    found = rows_of(
        mark.join(("type", "a,b" if mark != "," else "ab", "ts")).encode() + b"\nx" + mark.encode() * 2 + b"y\n"
    )
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
def test_only_the_apostrophe_of_an_export_is_taken_off(cell: str, text: str) -> None:
    assert rows_of(f"type,ts\n{cell},x\n".encode())[0].cells == {"type": text, "ts": "x"}


def test_every_cell_that_the_export_neutralises_is_restored() -> None:
    export, firsts = re.compile(FORMULA), [*range(1, 0x3100), *range(0xFE00, 0xFFF0)]
    for cell in (chr(point) + tail for point in firsts for tail in ("", "=1", "a")):
        assert bool(NEUTRALISED.match("'" + cell)) == bool(export.match(cell)), ascii(cell)


def test_derived_columns_are_left_out_of_our_own_export_only() -> None:
    ours = rows_of(b"event_id,received_at,type,source,is_bot\n1,2,3,4,5\n")[0].cells
    assert ours == {"event_id": "1", "type": "3"}
    assert rows_of(b"event_id,type,source\n1,3,4\n")[0].cells == {"event_id": "1", "type": "3", "source": "4"}


def test_a_row_over_several_lines_has_the_number_of_its_first() -> None:
    found = rows_of(b'type,ts\n"a\nb",x\nc,y\n\nd,z\n')
    assert [record.line for record in found] == [2, 4, 5, 6]
    assert found[2].text == b""


@pytest.mark.parametrize("content", [b"", b"\n1,2\n", b"type,type\n1,2\n", b"type,event_name\n"])
def test_a_header_that_cannot_be_used_is_refused(content: bytes) -> None:
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
    found = scan(Source("log", path), ACCESS_LOG, with_times=True)
    assert (found.records, found.latest) == (4, datetime(2000, 10, 10, 13, 55, 9, tzinfo=UTC))
    assert [found.repeats.earlier(line.format(5).strip().encode()) for _ in range(2)] == [0, 1]
