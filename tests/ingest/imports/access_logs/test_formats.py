"""Samples of every format, how a format is recognised, and hostile lines."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from analytics.errors import BadInput
from analytics.ingest.enrich import parse_user_agent, split_page
from analytics.ingest.imports.access_logs.formats import LOG_FORMATS, SAMPLE_LINES, parse_record, recognize_format
from analytics.ingest.imports.records import LineReader, Record

SAMPLES = Path(__file__).parents[1] / "data" / "logs"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"
BYTES_OF_A_LINE = 64 * 1024
# ip, user, type, path, status, bytes, browser ("bot" for robots), referrer, each worked by hand.
Row = tuple[str | None, str | None, str, str | None, int | None, int | None, str | None, str | None]


def proxied(*clients: tuple[str, str | None]) -> list[Row]:
    """The rows of a sample in which nothing but the client differs."""
    return [(ip, user, "page_view", "/p", 200, 9, "Firefox", None) for ip, user in clients]


IPV6 = "2001:4860:4860::8888"
FIVE_CLIENTS = proxied(("8.8.8.8", None), ("1.1.1.1", None), ("9.9.9.9", None), ("8.8.4.4", "ann"), (IPV6, None))
COMMON: list[Row] = [
    ("8.8.8.8", "frank", "asset_view", "/apache_pb.gif", 200, 2326, None, None),
    ("1.1.1.1", None, "page_view", "/docs/", 304, None, None, None),
    ("host.example.net", None, "http_request", "/form", 200, 51, None, None),
    (IPV6, None, "http_error", "/missing", 404, 196, None, None),
    ("9.9.9.9", None, "http_error", None, 408, None, None, None),
]
VHOST: list[Row] = [
    ("8.8.8.8", None, "page_view", "/p", 200, 9, "Firefox", None),
    ("client-a.example", None, "page_view", "/p", 200, 9, "Firefox", "https://shop.example/a"),
    ("client-b.example", None, "page_view", "/p", 200, 9, "Firefox", None),
    (IPV6, "ann", "http_error", "//x", 404, 5, "Firefox", None),
    ("1.1.1.1", None, "asset_view", "/robots.txt", 200, 5, "bot", None),
]
EXPECTED: dict[str, tuple[str, list[Row]]] = {
    "common": ("common", COMMON),
    "combined": (
        "combined",
        [
            ("8.8.8.8", "frank", "page_view", "/start.html", 200, 2326, "Firefox", "https://www.example.com/s"),
            ("1.1.1.1", None, "http_redirect", "/old", 301, 162, "Firefox", None),
            ("66.249.66.1", None, "page_view", "/a", 200, 1, "bot", None),
            ("9.9.9.9", None, "page_view", "/p", 200, 9, "Firefox", None),
            ("8.8.4.4", None, "page_view", "/a", 200, 10, "Firefox", None),
        ],
    ),
    "vhost_combined": ("vhost_combined", VHOST),
    "vhost_common": ("vhost_common", [(*row[:6], None, None) for row in VHOST]),
    "forwarded_in_place": (
        "combined",
        [
            *proxied(("8.8.8.8", None), ("1.1.1.1", None), ("9.9.9.9", "ann"), ("8.8.4.4", None)),
            (None, None, "page_view", "/livez", 200, 2, "bot", None),
        ],
    ),
    "forwarded_quoted": ("combined", FIVE_CLIENTS),
    "forwarded_before_host": ("combined", FIVE_CLIENTS),
    "nginx_main": ("combined", FIVE_CLIENTS),
    "syslog": ("combined", FIVE_CLIENTS),
    "nginx_ingress": (
        "nginx_ingress",
        [
            ("8.8.8.8", None, "page_view", "/p", 200, 9, "Firefox", "https://shop.example/"),
            ("1.1.1.1", "ann", "http_error", "/q", 404, 146, "Firefox", None),
            ("66.249.66.1", None, "page_view", "/p", 200, 9, "bot", None),
            ("9.9.9.9", None, "http_error", None, 400, 150, None, None),
            ("8.8.4.4", None, "http_redirect", "/old", 308, 164, "Firefox", None),
        ],
    ),
    "caddy": (
        "caddy",
        [
            ("8.8.8.8", None, "page_view", "/p", 200, 10900, "Firefox", "https://www.example.com/"),
            ("1.1.1.1", "ann", "page_view", "/q", 304, 0, "Firefox", None),
            ("9.9.9.9", None, "http_error", "/r", 502, 12, "Firefox", None),
            ("66.249.66.1", None, "page_view", "/p", 200, 9, "bot", None),
            (IPV6, None, "http_redirect", "/old", 308, 0, None, None),
        ],
    ),
    "alb": (
        "alb",
        [
            ("8.8.8.8", None, "page_view", "/p", 200, 366, "Firefox", None),
            ("1.1.1.1", None, "page_view", "/q", 304, 57, "Firefox", None),
            (IPV6, None, "asset_view", "/logo.png", 200, 257, "bot", None),
            ("9.9.9.9", None, "http_request", "/socket", 101, 587, None, None),
            ("8.8.4.4", None, "http_error", None, 400, 272, None, None),
        ],
    ),
    "cloudfront": (
        "cloudfront",
        [
            ("8.8.8.8", None, "page_view", "/index.html", 200, 392, "Firefox", "https://www.example.com/"),
            ("1.1.1.1", None, "page_view", "/q", 200, 393, "Firefox", None),
            ("66.249.66.1", None, "page_view", "/p", 200, 9, "bot", None),
            (IPV6, None, "http_error", "/form", 502, 0, "Firefox", None),
            ("9.9.9.9", None, "http_request", "/slow", 0, 0, None, None),
        ],
    ),
    "iis": (
        "iis",
        [
            ("8.8.8.8", None, "page_view", "/", 200, None, "Firefox", "https://www.example.com/"),
            ("1.1.1.1", "CORP\\ann", "http_redirect", "/old", 302, None, "Firefox", None),
            ("66.249.66.1", None, "page_view", "/p", 200, None, "bot", None),
            ("9.9.9.9", None, "http_error", "/form", 500, 1024, "Firefox", None),
            (IPV6, None, "asset_view", "/logo.png", 200, 99, None, None),
        ],
    ),
}  # fmt: skip


def read_events(raw: bytes, name: str) -> Iterator[dict[str, Any]]:
    """The events of a log; raises for a line that is none."""
    log_format = LOG_FORMATS[name]
    for record in log_format.read_records(LineReader(io.BytesIO(raw))):
        if record.text:
            yield parse_record(record, log_format)


def describe(event: dict[str, Any]) -> Row:
    agent = event.get("user_agent")
    client = parse_user_agent(agent) if agent else None
    browser = "bot" if client and client.is_bot else client.browser if client else None
    path = split_page(event["path"]).path if "path" in event else None
    status, size = event["payload"]["status"], event["payload"]["bytes"]
    return event.get("ip"), event.get("user_id"), event["type"], path, status, size, browser, event.get("referrer")


@pytest.mark.parametrize("sample", EXPECTED)
def test_a_sample_of_each_format_is_recognised_and_read(sample: str) -> None:
    name, rows = EXPECTED[sample]
    raw = (SAMPLES / f"{sample}.log").read_bytes()
    assert recognize_format(raw.splitlines(keepends=True)) == name
    events = list(read_events(raw, name))
    assert [describe(event) for event in events] == rows
    assert {event["user_agent"] for event in events if "Firefox" in event.get("user_agent", "")} <= {FIREFOX}
    assert [event["ts"].second for event in events] == [events[0]["ts"].second + n for n in range(5)]


def test_every_sample_and_every_format_is_tested() -> None:
    assert {path.stem for path in SAMPLES.glob("*.log")} == EXPECTED.keys()
    assert {name for name, _ in EXPECTED.values()} == LOG_FORMATS.keys()


@pytest.mark.parametrize("sample", ["alb", "caddy", "cloudfront", "iis", "vhost_combined"])
def test_pages_of_a_log_that_names_the_host_have_it(sample: str) -> None:
    events = list(read_events((SAMPLES / f"{sample}.log").read_bytes(), EXPECTED[sample][0]))
    hosts = {split_page(event["path"]).host for event in events if "path" in event}
    assert "shop.example" in hosts
    assert not any(":" in event["payload"].get("vhost", "") for event in events)


def test_the_format_of_the_most_lines_wins() -> None:
    combined = b'8.8.8.8 - - [20/Nov/2026:08:34:01 +0000] "GET / HTTP/1.1" 200 1 "-" "x"\n'
    common = b'8.8.8.8 - - [20/Nov/2026:08:34:01 +0000] "GET / HTTP/1.1" 200 1\n'
    assert recognize_format([b"junk\n", common, combined, b"\n", combined]) == "combined"
    assert recognize_format([b"junk\n", common, combined, common]) == "common"
    assert recognize_format([common] * SAMPLE_LINES + [combined] * SAMPLE_LINES * 2) == "common"
    assert recognize_format([b"\n", b" \n"]) == "combined"


def test_a_log_in_no_format_is_refused_with_line_reason_and_names() -> None:
    with pytest.raises(BadInput) as raised:
        recognize_format([b"\n", b"one\n", b"two\n"])
    detail = str(raised.value.detail)
    assert detail.startswith("line 2 ")
    assert "no [time]" in detail
    assert all(name in detail for name in LOG_FORMATS)


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        pytest.param(b"a b\n", "no #Fields line", id="no-header"),
        pytest.param(b"#Fields: date time\n2026-11-20 08:34:01 x\n", "3 fields; accepted: 2", id="other-columns"),
        pytest.param(b"#Fields: date time\n2026-11-20 08:34:01\n", "does not name c-ip", id="no-client"),
    ],
)
def test_a_line_that_its_header_does_not_describe_is_refused(raw: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        list(read_events(raw, "iis"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(b'"status":200', b'"status":"ok"', id="status"),
        pytest.param(b'"request":', b'"other":', id="request"),
        pytest.param(b'"ts":1646861401.5241024', b'"ts":1e300', id="time"),
        pytest.param(b'"ts":1646861401.5241024', b'"ts":"2022/03/09 21:30:01"', id="time-without-zone"),
        pytest.param(b'"client_ip":"8.8.8.8"', b'"client_ip":"8.8.8.8 x"', id="client"),
        pytest.param(b"}}", b"}", id="half-a-line"),
    ],
)
def test_a_line_of_caddy_with_another_content_is_refused(old: bytes, new: bytes) -> None:
    line = (SAMPLES / "caddy.log").read_bytes().splitlines()[0]
    assert old in line
    with pytest.raises(ValueError, match=r"."):
        parse_record(Record(1, line.replace(old, new, 1)), LOG_FORMATS["caddy"])


# Pieces of lines; a pattern that backtracks takes hours for 64 KB of some of them.
PIECES = (
    *('\\"', '" 200 1 "', '" 200 1 "" "', '" "', " [", "[x] ", '[x] "" 200 1 "', "\\", "a ", " ", '"', ",", "8.8.8.8, "),
    *("[::1]", "1.", ":1", "%20", "+", "{", '{"request":', "[[", "\t", "- ", "a-", "a.", "Nov 20 08:34:01 ", "<1>1 "),
    *('"" ', "x" * 40, '" "-" "', ' "a"', "\xff", "\0", "Z", "-1 "),
)  # fmt: skip


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", LOG_FORMATS)
def test_a_hostile_line_takes_linear_time(name: str) -> None:
    sample = next(sample for sample, (log_format, _) in EXPECTED.items() if log_format == name)
    lines = (SAMPLES / f"{sample}.log").read_bytes().splitlines()
    header, good = [line for line in lines if line.startswith(b"#")], lines[-1]
    for piece in (text.encode("latin-1") for text in PIECES):
        filler = piece * (BYTES_OF_A_LINE // len(piece))
        for position in (0, 1, *(len(good) * n // 8 for n in range(1, 8)), len(good) - 1, len(good)):
            line = good[:position] + filler + good[position:]
            try:
                list(read_events(b"\n".join([*header, line]), name))
            except ValueError:
                continue
