"""Lines of Apache's and nginx's formats as events."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from analytics.ingest.enrich import split_page
from analytics.ingest.imports.access_logs.entry import classify_request
from analytics.ingest.imports.access_logs.formats import LOG_FORMATS, parse_record, recognize_format
from analytics.ingest.imports.access_logs.texts import parse_time
from analytics.ingest.imports.records import Record

TIME = "[10/Oct/2000:13:55:36 -0700]"
INSTANT = datetime(2000, 10, 10, 13, 55, 36, tzinfo=timezone(timedelta(hours=-7)))
PLACES = ("ip", "user_id", "vhost", "host")


def read(line: str | bytes, name: str = "") -> dict[str, Any]:
    """The event of a line in the format of that name, else in the one that is recognised."""
    raw = line if isinstance(line, bytes) else line.encode()
    return parse_record(Record(1, raw), LOG_FORMATS[name or recognize_format([raw])])


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
        pytest.param("192.0.2.7:51822 - -", {"ip": "192.0.2.7"}, id="port"),
        pytest.param("[2001:db8::7]:443 - -", {"ip": "2001:db8::7"}, id="ipv6-with-port"),
        pytest.param("192.0.2.7 -  -", {"ip": "192.0.2.7"}, id="two-blanks"),
        pytest.param("192.0.2.7  -  - ", {"ip": "192.0.2.7"}, id="two-blanks-everywhere"),
        pytest.param("e.com:443 192.0.2.7 - -", {"ip": "192.0.2.7", "vhost": "e.com"}, id="vhost"),
        pytest.param(
            "E.com 2001:db8::7 - ann", {"ip": "2001:db8::7", "vhost": "e.com", "user_id": "ann"}, id="vhost-user"
        ),
        pytest.param(
            "e.com:443 client-a.e.com - -",
            {"ip": "client-a.e.com", "host": "client-a.e.com", "vhost": "e.com"},
            id="vhost-and-host-name",
        ),
        pytest.param('e.com "8.8.8.8, 10.0.0.1" 10.0.0.2 - -', {"ip": "8.8.8.8", "vhost": "e.com"}, id="vhost-quoted"),
        pytest.param("e.com 8.8.8.8, 10.0.0.1 - -", {"ip": "8.8.8.8", "vhost": "e.com"}, id="vhost-list"),
        pytest.param('192.0.2.7 - ""', {"ip": "192.0.2.7"}, id="empty-user"),
        pytest.param(r"192.0.2.7 - CORP\\ann\xc3\xa9", {"ip": "192.0.2.7", "user_id": "CORP\\anné"}, id="escaped-user"),
        pytest.param("dial-up.e.com - -", {"ip": "dial-up.e.com", "host": "dial-up.e.com"}, id="host-name"),
        pytest.param("- - -", {}, id="no-client"),
        pytest.param("unix: - -", {}, id="unix-socket"),
    ],
)
def test_the_client_is_read_in_every_notation(head: str, expected: dict[str, str]) -> None:
    event = read(f'{head} {TIME} "GET / HTTP/1.1" 200 1 "-" "-"')
    assert {name: value for name, value in (event | event["payload"]).items() if name in PLACES} == expected


@pytest.mark.parametrize(
    ("line", "ip"),
    [
        pytest.param(f'8.8.8.8 -  -  {TIME} "GET /p HTTP/1.1" 200 9 "-" "x"', "8.8.8.8", id="two-blanks"),
        pytest.param(
            f'"8.8.8.8, 172.19.1.10" 127.0.0.1 - - {TIME} "GET /p HTTP/1.1" 200 9 "-" "x"', "8.8.8.8", id="quoted"
        ),
        pytest.param(f'8.8.8.8, 10.0.0.1 - - {TIME} "GET /p HTTP/1.1" 200 9 "-" "x"', "8.8.8.8", id="list"),
        pytest.param(
            f'8.8.8.8 - - - shop.example {TIME} "GET /p HTTP/1.1" 200 9 "-" "x"', None, id="host-in-place-of-user"
        ),
        pytest.param(f'8.8.8.8:51822 - - {TIME} "GET /p HTTP/1.1" 200 9 "-" "x"', "8.8.8.8", id="port"),
        pytest.param(f'"8.8.8.8 - - {TIME} "GET /p HTTP/1.1" 200 9 "-" "x""', None, id="line-in-quotes"),
        pytest.param(f'"8.8.8.8 - - {TIME} \\"GET /p HTTP/1.1\\" 200 9"', None, id="escaped-line-in-quotes"),
        pytest.param(
            f'Nov 20 08:34:01 web1 nginx: 8.8.8.8 - - {TIME} "GET /p HTTP/1.1" 200 9 "-" "x"', "8.8.8.8", id="syslog"
        ),
        pytest.param(
            f'shop.example:443 client-a.example - - {TIME} "GET /p HTTP/1.1" 200 9 "-" "x"',
            "client-a.example",
            id="vhost",
        ),
        pytest.param(f'8.8.8.8 - 1.1.1.1 {TIME} "GET /p HTTP/1.1" 200 9 "-" "x"', None, id="address-as-user"),
        pytest.param(f'8.8.8.8 1.1.1.1 - {TIME} "GET /p HTTP/1.1" 200 9 "-" "x"', None, id="address-as-ident"),
        pytest.param(f'192.0.2.7 - ann lee {TIME} "GET /p HTTP/1.1" 200 9 "-" "x"', None, id="user-of-two-words"),
        pytest.param(f'1.2.3.400 - - {TIME} "GET /p HTTP/1.1" 200 9 "-" "x"', None, id="not-an-address"),
        pytest.param(f'8.8.8.8:x - - {TIME} "GET /p HTTP/1.1" 200 9 "-" "x"', None, id="not-a-port"),
        pytest.param(
            f'8.8.8.8 shop.example:443 1.1.1.1 - - {TIME} "GET /p HTTP/1.1" 200 9 "-" "x"', None, id="five-words"
        ),
    ],
)
def test_a_line_has_the_address_of_its_client_or_is_refused(line: str, ip: str | None) -> None:
    found = set()
    for name in LOG_FORMATS:
        with suppress(ValueError):
            event = read(line, name)
            found.add((event.get("ip"), event.get("user_id")))
    assert found == ({(ip, None)} if ip else set())


@pytest.mark.parametrize(
    ("target", "path"),
    [
        pytest.param("www.shop.example/p", ("/p", "www.shop.example"), id="no-scheme"),
        pytest.param("http://www.shop.example/p?utm_source=x", ("/p", "www.shop.example"), id="absolute"),
        pytest.param("https://www.shop.example:8443", ("/", "www.shop.example"), id="no-path"),
        pytest.param("//wp-login.php", ("//wp-login.php", None), id="two-slashes"),
        pytest.param("/redirect?to=http://e.com/x", ("/redirect", None), id="address-in-the-query"),
        pytest.param("/p", ("/p", None), id="path"),
        pytest.param("*", ("*", None), id="asterisk"),
    ],
)
def test_an_absolute_target_is_the_path(target: str, path: tuple[str, str | None]) -> None:
    page = split_page(read(f'192.0.2.7 - - {TIME} "GET {target} HTTP/1.1" 200 1 "-" "x"')["path"])
    assert (page.path, page.host) == path


def test_a_page_of_a_virtual_host_has_its_host() -> None:
    page = split_page(read(f'Shop.example:443 192.0.2.7 - - {TIME} "GET //p?a=b HTTP/1.1" 200 1 "-" "x"')["path"])
    assert (page.path, page.host) == ("//p", "shop.example")


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param('"-" "{}"', id="none"),
        pytest.param('0.005 "-" "{}"', id="one"),
        pytest.param('0.005 - [up] "https://e.com/" "{}" 12', id="three"),
        pytest.param('"shop.example" "-" "{}"', id="quoted"),
        pytest.param('"shop.example" "https://e.com/" "{}" "8.8.8.8"', id="quoted-and-forwarded"),
        pytest.param('"-" "{}" "-"', id="no-forwarded"),
        pytest.param('"https://e.com/" "{}" "sid=1; x"', id="cookie"),
    ],
)
def test_fields_before_the_agent_do_not_hide_it(fields: str) -> None:
    agent = "Googlebot/2.1 (+http://www.google.com/bot.html)"
    line = f'8.8.8.8 - - {TIME} "GET /a HTTP/1.1" 200 1 {fields.format(agent)}'
    assert read(line)["user_agent"] == agent


@pytest.mark.parametrize(
    ("last", "ip"),
    [
        ('"8.8.8.8, 172.19.1.10"', "8.8.8.8"),
        ('"8.8.8.8:51822" 0.004', "8.8.8.8"),
        ('"192.168.1.5"', "192.168.1.5"),
        ('"-"', "10.0.0.1"),
        ('"10.244.1.7:8080"', "10.0.0.1"),
        ('"8.8.8.8 x"', "10.0.0.1"),
        ("8.8.8.8", "10.0.0.1"),
    ],
)
def test_a_forwarded_list_after_the_agent_tells_the_client(last: str, ip: str) -> None:
    assert read(f'10.0.0.1 - - {TIME} "GET / HTTP/1.1" 200 1 "-" "x" {last}')["ip"] == ip


def test_the_user_of_a_failed_login_is_ignored() -> None:
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
def test_unusual_requests_are_kept(request_line: str, status: int, kind: str, payload: dict[str, Any]) -> None:
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
def test_the_type_depends_on_the_request(method: str, target: str, status: int | None, kind: str) -> None:
    assert classify_request(method, target, status) == kind


@pytest.mark.parametrize(
    ("line", "why"),
    [
        pytest.param("", "no [time]", id="nothing"),
        pytest.param(f'192.0.2.7 - - {TIME} "GET / HTTP/1.1" 200 1 "-" "Mozilla', "cut off", id="half-a-line"),
        pytest.param(f"192.0.2.7 - - {TIME} GET / 200 1", 'no "request"', id="no-quotes"),
        pytest.param(f'192.0.2.7 - - {TIME} "GET / HTTP/1.1" ok 1', "not in this format", id="no-status"),
        pytest.param(f'192.0.2.7 {TIME} "GET / HTTP/1.1" 200 1', "host, ident and user", id="short-head"),
        pytest.param('192.0.2.7 - - [10/Foo/2000:13:55:36 -0700] "GET /" 200 1', "not a month", id="month"),
        pytest.param('192.0.2.7 - - [31/Feb/2000:13:55:36 -0700] "GET /" 200 1', "not a time", id="february-31"),
        pytest.param('192.0.2.7 - - [10/Oct/2000:13:55:36] "GET /" 200 1', "not a time", id="no-zone"),
        pytest.param('192.0.2.7 - - [10/Oct/2000:13:55:36 +9900] "GET /" 200 1', "not a time", id="zone"),
        pytest.param('192.0.2.7 - - [yesterday] "GET /" 200 1', "not a time", id="no-time"),
    ],
)
def test_an_unreadable_line_is_refused_with_the_reason(line: str, why: str) -> None:
    with pytest.raises(ValueError, match="(?i)" + why.replace("[", r"\[")):
        read(line, "common")


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("10/Oct/2000:13:55:36 -0700", INSTANT),
        ("2000-10-10T13:55:36-07:00", INSTANT),
        ("31/Dec/2016:23:59:60 +0000", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_times_keep_their_offset(text: str, instant: datetime) -> None:
    assert parse_time(text) == instant
    assert parse_time(text).utcoffset() == instant.utcoffset()


def test_long_texts_are_truncated_to_the_limits_of_an_event() -> None:
    event = read(f'192.0.2.7 - - {TIME} "GET /{"a" * 9000} HTTP/1.1" 200 1 "http://{"b" * 9000}" "{"c" * 9000}"')
    assert (len(event["path"]), len(event["referrer"]), len(event["user_agent"])) == (2048, 2048, 1024)


def test_the_campaign_behind_a_long_query_is_kept() -> None:
    event = read(f'192.0.2.7 - - {TIME} "GET /a?fbclid={"x" * 2100}&utm_source=mail HTTP/1.1" 200 1 "-" "c"')
    assert event["path"] == "/a?fbclid=1&utm_source=mail"
