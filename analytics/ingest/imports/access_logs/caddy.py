"""Access logs of Caddy 2: one JSON object a line. Pure.

Source: Caddy, "How Logging Works" and the `log` directive. `client_ip` heeds Caddy's trusted proxies; without one that
is public, an X-Forwarded-For list tells the client.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from analytics.ingest.imports.access_logs.clients import find_forwarded, find_host, is_public, read_host, read_user
from analytics.ingest.imports.access_logs.entry import LogEntry
from analytics.ingest.imports.access_logs.texts import join_request, make_storable, parse_time, value_or_none
from analytics.ingest.imports.records import UnreadableRecord

# Caddy writes seconds, milliseconds or nanoseconds; from these numbers on the next unit.
_FIRST_MS, _FIRST_NS = 1e11, 1e15


class _Request(msgspec.Struct):
    method: str
    uri: str
    proto: str = ""
    host: str = ""
    client_ip: str = ""
    remote_ip: str = ""
    # Of versions before 2.5: address and port.
    remote_addr: str = ""
    headers: dict[str, Any] = {}


class _Line(msgspec.Struct):
    request: _Request
    ts: float | str
    status: Annotated[int, Meta(ge=0, le=999)]
    size: Annotated[int, Meta(ge=0, lt=10**18)] | None = None
    user_id: str = ""


_decode_line = msgspec.json.Decoder(_Line).decode


def read_caddy(line: bytes) -> LogEntry:
    """A line of Caddy's access log. Raises UnreadableRecord."""
    try:
        entry = _decode_line(line)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise UnreadableRecord("the line is not a JSON object of Caddy with ts, status and request") from error
    request = entry.request
    host = read_host(request.client_ip or request.remote_ip or request.remote_addr)
    if host is None or not is_public(host):
        host = find_forwarded(_read_header(request, "X-Forwarded-For") or "") or host
    method, target, protocol, odd_request = join_request(
        make_storable(request.method), make_storable(request.uri), make_storable(request.proto)
    )
    return LogEntry(
        ts=_read_ts(entry.ts), host=host, user=read_user(make_storable(entry.user_id)),
        method=method, target=target, protocol=protocol, odd_request=odd_request,
        status=entry.status, size=entry.size,
        referrer=_read_header(request, "Referer"), agent=_read_header(request, "User-Agent"),
        vhost=find_host(request.host),
    )  # fmt: skip


def _read_header(request: _Request, name: str) -> str | None:
    """The header's first value."""
    values = request.headers.get(name)
    value = values[0] if isinstance(values, list) and values else values
    return value_or_none(make_storable(value)) if isinstance(value, str) else None


def _read_ts(ts: float | str) -> datetime:
    if isinstance(ts, str):
        return parse_time(ts)
    seconds = ts if ts < _FIRST_MS else ts / 1e3 if ts < _FIRST_NS else ts / 1e9
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise UnreadableRecord("ts is not a time that exists; accepted, for example: 1646861401.5241024") from error
