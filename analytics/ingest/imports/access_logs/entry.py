"""One request as an access log describes it, and its event. Every format makes a LogEntry; formats.py calls
`make_event`.

Every readable line becomes an event, with a type for the kind of request:

| type | the request |
|---|---|
| `page_view` | GET, status 200-299 or 304, of anything that is not an asset |
| `asset_view` | the same for images, styles, scripts, fonts, media, downloads, feeds, robots.txt |
| `http_redirect` | any method, status 300-399 but 304 |
| `http_error` | any method, status 400-599; also what never became a request (`"-"` 408) |
| `http_request` | all others: HEAD, POST and other methods that succeeded |

Texts beyond the limits of an event are cut, because a log cannot be corrected.
"""

import re
from datetime import datetime
from typing import Any, NamedTuple

from analytics.ingest.decoding.long_urls import shorten_url
from analytics.ingest.imports.access_logs.clients import is_address, is_host

EVENT_SRC = "access-log"
_ASSETS = re.compile(
    r"\.(?:apng|avif|bmp|css|csv|cur|gif|ico|jpe?g|js|json|map|mjs|otf|png|svgz?|swf|tiff?|ttf|txt|wasm|webmanifest"
    r"|webp|woff2?|eot|flac|flv|m4[av]|mkv|mov|mp[34]|mpe?g|og[gv]|wav|webm|docx?|epub|odt|pdf|pptx?|xlsx?"
    r"|7z|bz2|deb|exe|gz|iso|jar|rar|rpm|tar|tbz2|tgz|whl|xz|zip|zst|atom|rdf|rss|xml)$",
    re.IGNORECASE,
)
_FEED_QUERY = re.compile(r"(?:^|&)(?:flav|feed|format)=(?:rss|atom|rdf)", re.IGNORECASE)
_FEED_PATH = re.compile(r"/(?:feed|rss|atom)/?$", re.IGNORECASE)
_IP_CHARACTERS, _NAME_CHARACTERS, _AGENT_CHARACTERS, _URL_CHARACTERS = 45, 255, 1024, 2048


class LogEntry(NamedTuple):
    """One request. None: the log does not say. `odd_request`: the text of what is no request line."""

    ts: datetime
    host: str | None
    user: str | None
    method: str | None
    target: str | None
    protocol: str | None
    status: int | None
    size: int | None
    referrer: str | None = None
    agent: str | None = None
    vhost: str | None = None
    odd_request: str | None = None


def make_event(entry: LogEntry) -> dict[str, Any]:
    """The entry's event in canonical names, without an id."""
    status, vhost = entry.status, entry.vhost
    payload: dict[str, Any] = {
        "method": entry.method, "status": status, "bytes": entry.size, "protocol": entry.protocol,
    }  # fmt: skip
    event: dict[str, Any] = {
        "type": classify_request(entry.method, entry.target, status),
        "ts": entry.ts,
        "src": EVENT_SRC,
        "payload": payload,
    }
    # Plain branches: a table of limits takes 4 µs a line more.
    if entry.host:
        event["ip"] = entry.host[:_IP_CHARACTERS]
        if not is_address(entry.host):
            payload["host"] = entry.host[:_NAME_CHARACTERS]
    if entry.user and status != 401:
        # With 401 the name was only tried.
        event["user_id"] = entry.user[:_NAME_CHARACTERS]
    if entry.target:
        event["path"] = shorten_url(find_page(entry.target, vhost))[:_URL_CHARACTERS]
    if entry.referrer:
        event["referrer"] = shorten_url(entry.referrer)[:_URL_CHARACTERS]
    if entry.agent:
        event["user_agent"] = entry.agent[:_AGENT_CHARACTERS]
    if vhost:
        payload["vhost"] = vhost[:_NAME_CHARACTERS]
    if entry.odd_request:
        payload["request"] = entry.odd_request[:_URL_CHARACTERS]
    return event


def find_page(target: str, vhost: str | None) -> str:
    """The page that a request's target names, as a path or, where the host is known, as `//host/path`.

    The drain stores the path alone; by the host it recognises referrers of the same site.
    """
    if target.startswith("/"):
        # "//a/b" alone would be the path /b of a host a.
        return f"//{vhost or ''}{target}" if vhost or target.startswith("//") else target
    host, slash, _ = target.partition("/")
    # "www.shop.example/p", as some proxies write an absolute target.
    return f"//{target}" if slash and "." in host and is_host(host) else target


def classify_request(method: str | None, target: str | None, status: int | None) -> str:
    """The event type of a request, by the table in the module's docstring."""
    if method is None or target is None or (status is not None and status >= 400):
        return "http_error"
    if status is not None and 300 <= status < 400 and status != 304:
        return "http_redirect"
    if method != "GET" or status is None or not (200 <= status < 300 or status == 304):
        return "http_request"
    return "asset_view" if _is_asset(target) else "page_view"


def _is_asset(target: str) -> bool:
    path, _, query = target.partition("?")
    return bool(_ASSETS.search(path) or _FEED_PATH.search(path) or (query and _FEED_QUERY.search(query)))
