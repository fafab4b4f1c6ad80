r"""One line of a web server's access log (common or combined, Apache or nginx) → one event. Pure.

No line that can be read is left out; its type says what it was:

| type | the request |
|---|---|
| `page_view` | GET, status 200-299 or 304, of anything that is not an asset |
| `asset_view` | the same for images, styles, scripts, fonts, media, downloads, feeds, robots.txt |
| `http_redirect` | any method, status 300-399 but 304 |
| `http_error` | any method, status 400-599; also what never became a request (`"-"` 408) |
| `http_request` | the rest: HEAD, POST and other methods that succeeded |

Texts are unescaped (`\"`, `\\`, `\xHH`) and read as UTF-8; bytes that are not UTF-8, and control characters, stay as
the `\xHH` that the server would write. Texts over the limits of an event are cut, as a browser's own would be refused.
A line whose last quote is not closed is refused: it is half a line, and a growing log will hold all of it next time.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

SOURCE = "access-log"
_QUOTED = rb'[^"\\]*(?:\\.[^"\\]*)*'
_START = rb"(?P<head>[^\[]*) \[(?P<time>[^\]]*)\] "
_NUMBERS = rb"(?P<status>\d{3}|-) (?P<size>\d+|-)"
# After the numbers: nothing, other fields, or referrer and user agent and perhaps other fields.
_STRICT = re.compile(
    _START + rb'"(?P<request>' + _QUOTED + rb')" ' + _NUMBERS +
    rb'(?: "(?P<referrer>' + _QUOTED + rb')" "(?P<agent>' + _QUOTED + rb')"(?: .*)?| [^"].*)?\s*$',
    re.DOTALL,
)  # fmt: skip
_BARE_REQUEST = re.compile(_START + rb'"(?P<request>.*?)" ' + _NUMBERS + rb"(?= |\s*$)", re.DOTALL)
_ESCAPE = re.compile(rb'\\(?:x([0-9a-fA-F]{2})|(["\\]))')
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_REQUEST = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) (.+?)(?: (HTTP/\d(?:\.\d)?))?", re.DOTALL)
_TIME = re.compile(r"(\d{1,2})/([A-Za-z]{3})/(\d{4}):(\d\d):(\d\d):(\d\d)(?:\.\d+)? ([+-])(\d\d):?(\d\d)")
_MONTHS = dict(jan=1, feb=2, mar=3, apr=4, may=5, jun=6, jul=7, aug=8, sep=9, oct=10, nov=11, dec=12)  # noqa: C408
_ASSETS = re.compile(
    r"\.(?:apng|avif|bmp|css|csv|cur|gif|ico|jpe?g|js|json|map|mjs|otf|png|svgz?|swf|tiff?|ttf|txt|wasm|webmanifest"
    r"|webp|woff2?|eot|flac|flv|m4[av]|mkv|mov|mp[34]|mpe?g|og[gv]|wav|webm|docx?|epub|odt|pdf|pptx?|xlsx?"
    r"|7z|bz2|deb|exe|gz|iso|jar|rar|rpm|tar|tbz2|tgz|whl|xz|zip|zst|atom|rdf|rss|xml)$",
    re.IGNORECASE,
)
_FEED_QUERY = re.compile(r"(?:^|&)(?:flav|feed|format)=(?:rss|atom|rdf)", re.IGNORECASE)
_FEED_PATH = re.compile(r"/(?:feed|rss|atom)/?$", re.IGNORECASE)
_IP_CHARACTERS, _NAME_CHARACTERS, _AGENT_CHARACTERS, _URL_CHARACTERS = 45, 255, 1024, 2048


def read_line(line: bytes) -> dict[str, Any]:
    """The line's event in canonical names, without an id. Raises ValueError, saying why it cannot be read."""
    strict = _STRICT.match(line)
    found = strict.groupdict() if strict else _read_bare(line)
    host, user, vhost = _split_head(_text(found["head"]))
    method, target, protocol, odd = _split_request(_text(found["request"]))
    status = int(found["status"]) if found["status"] != b"-" else None
    payload: dict[str, Any] = {"method": method, "status": status, "bytes": _size(found["size"]), "protocol": protocol}
    event: dict[str, Any] = {
        "type": request_type(method, target, status),
        "ts": read_time(found["time"].decode("latin-1")),
        "src": SOURCE,
        "payload": payload,
    }
    if host:
        event["ip"] = host[:_IP_CHARACTERS]
        if not _is_address(host):
            payload["host"] = host[:_NAME_CHARACTERS]
    if user and status != 401:
        # With 401 the name is only what somebody tried.
        event["user_id"] = user[:_NAME_CHARACTERS]
    if target:
        event["path"] = target[:_URL_CHARACTERS]
    if referrer := _field(found["referrer"]):
        event["referrer"] = referrer[:_URL_CHARACTERS]
    if agent := _field(found["agent"]):
        event["user_agent"] = agent[:_AGENT_CHARACTERS]
    if vhost:
        payload["vhost"] = vhost[:_NAME_CHARACTERS]
    if odd:
        payload["request"] = odd[:_URL_CHARACTERS]
    return event


def request_type(method: str | None, target: str | None, status: int | None) -> str:
    """What a request counts as; the table in the module's docstring."""
    if method is None or target is None or (status is not None and status >= 400):
        return "http_error"
    if status is not None and 300 <= status < 400 and status != 304:
        return "http_redirect"
    if method != "GET" or status is None or not (200 <= status < 300 or status == 304):
        return "http_request"
    return "asset_view" if _is_asset(target) else "page_view"


@lru_cache(maxsize=4096)
def read_time(text: str) -> datetime:
    """`17/May/2015:10:05:03 +0000`, or nginx's $time_iso8601, as an aware instant. Raises ValueError."""
    found = _TIME.fullmatch(text)
    if found is None:
        return _read_iso(text)
    day, month, year, hour, minute, second, sign, hours, minutes = found.groups()
    if month.lower() not in _MONTHS:
        raise ValueError(f"{month!r} is not a month")
    offset = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
    try:
        zone = timezone(offset) if offset else UTC
        # A leap second is the last second of its minute here.
        leap = min(int(second), 59)
        return datetime(int(year), _MONTHS[month.lower()], int(day), int(hour), int(minute), leap, tzinfo=zone)
    except ValueError as error:
        raise ValueError(f"[{text}] is not a time: {error}") from error


def _read_iso(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"[{text[:64]}] is not a time such as 17/May/2015:10:05:03 +0000") from None
    if instant.tzinfo is None:
        raise ValueError(f"[{text}] has no zone")
    return instant


def _read_bare(line: bytes) -> dict[str, bytes | Any]:
    """The same fields where a server does not escape quotes inside them. By hand: a pattern would go back and forth."""
    found, text = _BARE_REQUEST.match(line), line.rstrip()
    if found is None:
        raise ValueError(_why(line))
    fields: dict[str, bytes | Any] = {**found.groupdict(), "referrer": None, "agent": None}
    rest = text[found.end() :]
    if rest.startswith(b' "'):
        referrer, separator, agent = rest[2:-1].partition(b'" "')
        if not separator or not rest.endswith(b'"'):
            raise ValueError(_why(line))
        fields |= {"referrer": referrer, "agent": agent}
    return fields


def _split_head(head: str) -> tuple[str | None, str | None, str | None]:
    """`(host, user, vhost)` of what stands before the time: `[vhost] host ident user`, where a user may hold blanks."""
    words = head.split(" ")
    vhost = None
    if len(words) > 3 and not _is_address(words[0]) and _is_address(words[1]):
        vhost = words.pop(0)
    if len(words) < 3:
        raise ValueError("before the time there must be host, ident and user")
    user = " ".join(words[2:])
    host = words[0]
    return (None if host == "-" else host), (None if user in ("-", '""', "") else user), vhost


@lru_cache(maxsize=4096)
def _split_request(request: str) -> tuple[str | None, str | None, str | None, str | None]:
    """`(method, target, protocol, None)`; of what is no request line, `(None, None, None, the text itself)`."""
    if found := _REQUEST.fullmatch(request):
        method, target, protocol = found.groups()
        return method, target, protocol, None
    return None, None, None, (None if request in ("", "-") else request)


def _is_asset(target: str) -> bool:
    path, _, query = target.partition("?")
    return bool(_ASSETS.search(path) or _FEED_PATH.search(path) or (query and _FEED_QUERY.search(query)))


def _field(raw: bytes | None) -> str | None:
    text = _text(raw) if raw is not None else "-"
    return None if text in ("", "-") else text


def _text(raw: bytes) -> str:
    if b"\\" in raw:
        raw = _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]) if found[1] else bytes(found[2]), raw)
    text = raw.decode("utf-8", "backslashreplace")
    # Only control and separator characters, and nothing in a usual line, are not printable.
    return text if text.isprintable() else _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def _size(raw: bytes) -> int | None:
    return None if raw == b"-" else int(raw[:18])


@lru_cache(maxsize=16_384)
def _is_address(text: str) -> bool:
    try:
        ip_address(text.split("%")[0])
    except ValueError:
        return False
    return True


def _why(line: bytes) -> str:
    if b" [" not in line:
        return "there is no [time]"
    if len(re.findall(rb'(?<!\\)"', line)) % 2:
        return "a quote is not closed; the line is cut off"
    if b'] "' not in line:
        return 'there is no "request" after the time'
    return "not the common or combined format"
