"""A stream entry → rows for COPY: ids, identity, enrichment. Pure, and the hot loop of the drain.

Every lookup that repeats (a page, a referrer, a user agent, an address) yields a finished, escaped piece of the COPY
line from a bounded cache, so an event costs a decode, four cache hits and one format.
"""

import base64
import hmac
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from sys import intern
from typing import Any

import msgspec

from analytics.ingest.buffer import Entry
from analytics.ingest.dialects import SAME_TYPE
from analytics.ingest.enrich import GeoDatabase, names_visitor, parse_user_agent, split_page, split_referrer
from analytics.ingest.ids import derived_id_parts, event_uuid
from analytics.privacy.pseudonym import pseudonym
from analytics.store.events import Row, escape

NULL = "\\N"
MAX_TEXT = 2048
# Of texts that a caller may make two kilobytes long, and all different: 40 MB at the most.
LONG_TEXTS = 8192


class StoredEvent(msgspec.Struct, gc=False):
    """The Event as the stream holds it, checked at the edge: ts stays text, the payload stays unread."""

    type: str
    ts: str | None = None
    user_id: str | int | None = None
    src: str | None = None
    payload: msgspec.Raw = msgspec.Raw(b"")
    event_id: str | int | None = None
    session_id: str | int | None = None
    path: str | None = None
    referrer: str | None = None
    user_agent: str | None = None
    ip: str | None = None
    subject: str | None = None
    country: str | None = None
    region: str | None = None
    city: str | None = None
    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None
    utm_term: str | None = None
    utm_content: str | None = None


class _Hints(msgspec.Struct, gc=False):
    """What a payload may say in place of the event itself (seed 001 puts page and session there)."""

    page: Any = None
    path: Any = None
    url: Any = None
    referrer: Any = None
    session_id: Any = None


_decode_events = msgspec.json.Decoder(list[StoredEvent]).decode
_decode_hints = msgspec.json.Decoder(_Hints).decode
_NO_HINTS = _Hints()


def read_rows(
    entry: Entry, entry_id: str, batch: int, geo: GeoDatabase | None, salt: bytes, anonymize: bool = False
) -> Iterator[Row]:
    """The entry's rows in the order they were sent; `anonymize`: with pseudonyms for user ids.

    Raises msgspec.MsgspecError when its body is not what we wrote.
    """
    body = entry.json()
    # JSON has a control character or a backslash only where it is written as an escape, or between tokens.
    plain = not (b"\\" in body or b"\t" in body or b"\n" in body or b"\r" in body)
    received_at = datetime.fromtimestamp(entry.received_us / 1e6, UTC)
    received = received_at.isoformat()
    id_prefix, id_base = derived_id_parts(entry_id)
    connection_agent = client_piece(entry.user_agent) if names_visitor(entry.user_agent) else client_piece("")
    for position, event in enumerate(_decode_events(body)):
        ts, day = _instant(event.ts, entry.skew_us, received)
        given = event.event_id
        event_id = f"{id_prefix}{id_base + position:012x}" if given is None else event_uuid(str(given))
        ip = event.ip or entry.ip
        user_id = _user(event, entry)
        if not user_id:
            user_id = visitor_key(salt, day, entry.site_key, ip, event.user_agent or entry.user_agent)
        elif anonymize:
            user_id = pseudonym(salt, entry.site_key, user_id)
        line, kind, subject, session, agent, page, referrer, place = _columns(
            event, entry, plain, connection_agent, geo, ip, user_id
        )
        yield Row(
            entry.site_id, event_id, given is not None, user_id, ts, day,
            f"{event_id}\t{ts}\t{received}\t{entry.site_id}\t{line}", batch, position,
            kind, subject, session, agent, page, referrer, place,
        )  # fmt: skip


def _columns(
    event: StoredEvent, entry: Entry, plain: bool, connection_agent: str, geo: GeoDatabase | None, ip: str, user_id: str
) -> tuple[str, str, str, str, str, str, str, str]:
    """The line from `type` to `payload`; and of it, for the rollups, what Row holds from `kind` on."""
    raw = event.payload
    hints = _hints(raw) if raw else _NO_HINTS
    page_url = event.path or _text(hints.page) or _text(hints.path) or _text(hints.url)
    referrer_url = event.referrer or _text(hints.referrer)
    page, host = page_piece(page_url) if page_url else (NO_PAGE, None)
    if event.utm_source or event.utm_medium or event.utm_campaign or event.utm_term or event.utm_content:
        page = _with_campaign(page, event)
    referrer = referrer_piece(referrer_url, host) if referrer_url else NO_REFERRER
    address, place = place_piece(geo, ip)
    if event.country or event.region or event.city:
        place = _own_place(event)
    agent = client_piece(event.user_agent) if event.user_agent else connection_agent
    kind, subject = SAME_TYPE.get(event.type, event.type), event.subject or ""
    session = _session(hints.session_id if event.session_id is None else event.session_id)
    payload = NULL if not raw or raw == b"null" else str(raw, "utf-8")
    own = f"{kind}\t{user_id}\t{session or NULL}\t{event.src or NULL}\t{subject or NULL}"
    if not plain or entry.user_id:
        # The token's subject is the one text that does not come from the body.
        own = f"{escape(kind)}\t{escape(user_id)}\t{_escaped(session)}\t{_escaped(event.src)}\t{_escaped(subject)}"
        payload = payload if payload is NULL else escape(payload)
    line = f"{own}\t{agent}\t{page}\t{referrer}\t{address}\t{place}\t{payload}"
    return line, kind, subject, session, agent, page, referrer, place


def _session(given: Any) -> str:
    return "" if given is None or isinstance(given, (dict, list, bool)) else str(given)[:255]


def _hints(raw: msgspec.Raw) -> _Hints:
    try:
        return _decode_hints(raw)
    except msgspec.ValidationError:
        # `null`: a payload that says nothing.
        return _NO_HINTS


def _text(value: Any) -> str | None:
    return value[:MAX_TEXT] if isinstance(value, str) else None


def _escaped(text: str | None) -> str:
    return escape(text) if text else NULL


def _instant(ts: str | None, skew_us: int, received: str) -> tuple[str, date]:
    """`(text for COPY, UTC day)`. Text that is UTC already, to the microsecond at most, passes as it is."""
    if ts is None:
        return received, _day(received[:10])
    if not skew_us and ts[-1] == "Z" and len(ts) <= 27:
        return ts, _day(ts[:10])
    instant = msgspec.convert(ts, datetime).astimezone(UTC) + timedelta(microseconds=skew_us)
    return instant.isoformat(), instant.date()


@lru_cache(maxsize=4096)
def _day(text: str) -> date:
    return date.fromisoformat(text)


def _user(event: StoredEvent, entry: Entry) -> str:
    """Who the caller says it was; '' when it does not."""
    given = event.user_id
    if entry.override_user or given is None or given == "":
        return entry.user_id
    return str(given)


@lru_cache(maxsize=LONG_TEXTS)
def visitor_key(salt: bytes, day: date, site_key: str, ip: str, user_agent: str) -> str:
    """A visitor without an id of its own: HMAC-SHA256 of site, address and user agent, keyed by the event's UTC day.

    A resend after midnight derives the same key, since the day is the event's; no key outlives its day.
    """
    daily = hmac.digest(salt, day.isoformat().encode(), "sha256")
    digest = hmac.digest(daily, f"{site_key}\0{ip}\0{user_agent}".encode("utf-8", "replace"), "sha256")
    return "~" + base64.urlsafe_b64encode(digest[:15]).decode()


@lru_cache(maxsize=LONG_TEXTS)
def client_piece(user_agent: str) -> str:
    """is_bot, browser, os, device"""
    client = parse_user_agent(user_agent)
    return _join("t" if client.is_bot else "f", client.browser, client.os, client.device)


@lru_cache(maxsize=LONG_TEXTS)
def page_piece(page: str) -> tuple[str, str | None]:
    """(path and the five utm columns, the page's host)"""
    found = split_page(page)
    return _join(
        found.path, found.utm_source, found.utm_medium, found.utm_campaign, found.utm_term, found.utm_content
    ), found.host


@lru_cache(maxsize=LONG_TEXTS)
def referrer_piece(referrer: str, own_host: str | None) -> str:
    """referrer, source"""
    return _join(*split_referrer(referrer, own_host))


@lru_cache(maxsize=65_536)
def place_piece(geo: GeoDatabase | None, ip: str) -> tuple[str, str]:
    """(ip, the columns country, region, city)"""
    address = _address(ip)
    if geo is None or address is None:
        return _join(address), NO_PLACE
    # One text for all addresses of a place: a key of the rollups' counts compares by identity then.
    return _join(address), intern(_join(*geo.locate(address)))


@lru_cache(maxsize=65_536)
def _address(ip: str) -> str | None:
    """`ip` when it is an address; a caller may have sent anything."""
    from ipaddress import ip_address

    try:
        return str(ip_address(ip.strip().split("%")[0]))
    except ValueError:
        return None


def _own_place(event: StoredEvent) -> str:
    country = event.country.upper() if event.country else None
    return _join(country, event.region, event.city)


def _with_campaign(page_text: str, event: StoredEvent) -> str:
    """The event's own utm fields win over those of its page."""
    path, *derived = page_text.split("\t")
    own = (event.utm_source, event.utm_medium, event.utm_campaign, event.utm_term, event.utm_content)
    return "\t".join((path, *(escape(mine) if mine else theirs for mine, theirs in zip(own, derived, strict=True))))


def _join(*columns: str | None) -> str:
    return "\t".join(NULL if column is None or column == "" else escape(column) for column in columns)


NO_PAGE = _join(None, None, None, None, None, None)
NO_REFERRER = _join(None, None)
NO_PLACE = _join(None, None, None)
