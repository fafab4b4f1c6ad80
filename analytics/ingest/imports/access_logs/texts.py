r"""Bytes of a log as storable text, times, request lines. All formats use it. Pure.

Texts are unescaped (`\"`, `\\`, `\xHH`) and decoded as UTF-8; other bytes and control characters stay in the form
`\xHH`, as a server writes them.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

from analytics.ingest.imports.records import UnreadableRecord

TIME_EXAMPLE = "17/May/2015:10:05:03 +0000"
# Longer texts are read each time, so that the caches stay within a few megabytes.
MAX_CACHED_CHARACTERS = 512
_LONGEST_TIME = 64
_ESCAPE = re.compile(rb'\\(?:x([0-9a-fA-F]{2})|(["\\]))')
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}")
_PROTOCOL = re.compile(r"HTTP/\d(?:\.\d)?")
_TIME = re.compile(r"(\d{1,2})/([A-Za-z]{3})/(\d{4}):(\d\d):(\d\d):(\d\d)(?:\.\d+)? ([+-])(\d\d):?(\d\d)")
_MONTHS = dict(jan=1, feb=2, mar=3, apr=4, may=5, jun=6, jul=7, aug=8, sep=9, oct=10, nov=11, dec=12)  # noqa: C408

RequestLine = tuple[str | None, str | None, str | None, str | None]


def unescape(raw: bytes) -> str:
    """The text without escapes, storable."""
    if b"\\" in raw:
        raw = _ESCAPE.sub(lambda match: bytes([int(match[1], 16)]) if match[1] else bytes(match[2]), raw)
    text = raw.decode("utf-8", "backslashreplace")
    # Fast path: a usual line is printable.
    return text if text.isprintable() else make_storable(text)


def make_storable(text: str) -> str:
    """The text with control characters as `\\xHH`."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def value_or_none(text: str) -> str | None:
    """None for the ways in which logs say that there is nothing."""
    return None if text in ("", "-") else text


def read_number(text: str | bytes) -> int | None:
    """A status or size; None for `-` and for an empty text. Raises UnreadableRecord."""
    if text in ("", "-", b"", b"-"):
        return None
    if not text.isdigit() or len(text) > 18:
        raise UnreadableRecord("a status or size is no number; accepted, for example: 200")
    return int(text)


def split_request(request: str) -> RequestLine:
    """`(method, target, protocol, None)`; `(None, None, None, request)` for a text that is no request line."""
    return _split_cached(request) if len(request) <= MAX_CACHED_CHARACTERS else _split_request(request)


def join_request(method: str, target: str, protocol: str) -> RequestLine:
    """The same of a log that has the parts in fields of their own."""
    return split_request(" ".join(part for part in (method, target, protocol) if part not in ("", "-")))


def _split_request(request: str) -> RequestLine:
    method, _, rest = request.partition(" ")
    target, _, protocol = rest.rpartition(" ")
    if not (target and _PROTOCOL.fullmatch(protocol)):
        target, protocol = rest, ""
    if not target or method == "-" or not _METHOD.fullmatch(method):
        return None, None, None, value_or_none(request)
    return method, target, protocol or None, None


_split_cached = lru_cache(maxsize=4096)(_split_request)


def parse_time(text: str) -> datetime:
    """`17/May/2015:10:05:03 +0000`, or ISO 8601 with a zone, as an aware instant. Raises UnreadableRecord."""
    if len(text) > _LONGEST_TIME:
        raise UnreadableRecord(f"[{text[:_LONGEST_TIME]}…] is not a time; accepted: {TIME_EXAMPLE}")
    return _parse_time(text)


@lru_cache(maxsize=4096)
def _parse_time(text: str) -> datetime:
    match = _TIME.fullmatch(text)
    if match is None:
        return _parse_iso(text)
    day, month, year, hour, minute, second, sign, hours, minutes = match.groups()
    if month.lower() not in _MONTHS:
        raise UnreadableRecord(f"[{text}]: {month!r} is not a month; accepted: {TIME_EXAMPLE}")
    offset = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
    try:
        zone = timezone(offset) if offset else UTC
        # A leap second becomes the last second of its minute.
        second_of_minute = min(int(second), 59)
        month_of_year = _MONTHS[month.lower()]
        return datetime(int(year), month_of_year, int(day), int(hour), int(minute), second_of_minute, tzinfo=zone)
    except ValueError as error:
        raise UnreadableRecord(f"[{text}] is not a time that exists; accepted: {TIME_EXAMPLE}") from error


def _parse_iso(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise UnreadableRecord(f"[{text}] is not a time; accepted: {TIME_EXAMPLE}") from None
    if instant.tzinfo is None:
        raise UnreadableRecord(f"[{text}] has no zone; accepted: {TIME_EXAMPLE}")
    return instant
