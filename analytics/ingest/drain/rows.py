"""A stream entry → rows for COPY: ids, identity, enrichment. Pure; the hot loop of the drain, called by chunk.py.

Every lookup that repeats (page, referrer, user agent, IP address) yields finished, escaped columns of the COPY line
from a bounded cache, so an event costs a decode, four cache hits and one format.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from sys import intern
from typing import Any

import msgspec

from analytics.ingest.buffer import Entry
from analytics.ingest.decoding.client_fields import classify_language, classify_screen
from analytics.ingest.decoding.long_urls import MAX_URL_CHARACTERS, shorten_url
from analytics.ingest.enrich import GeoDatabase, is_visitor_agent, parse_user_agent, split_page, split_referrer
from analytics.ingest.enrich.channels import NO_CAMPAIGN, Campaign, Channel
from analytics.ingest.ids import derive_id_parts, keyed_ids, normalize_event_id
from analytics.privacy.pseudonym import make_pseudonym
from analytics.privacy.visitor_keys import ADDRESS, derive_visitor_key, visitor_periods
from analytics.sites.domains import OwnDomains, is_host, normalize_host, own_domains
from analytics.store.copy.copy_text import NULL, escape_copy
from analytics.store.event_types import PAGE_VIEW, stored_subject, stored_type
from analytics.store.events import EventRow
from analytics.web.ip_addresses import normalize_address

# A caller can send texts of two kilobytes, all different: at most 40 MB.
LONG_TEXT_CACHE_SIZE = 8192
TAB = "\t"


class StreamEvent(msgspec.Struct, gc=False):
    """The Event in the stream, which accept has validated: ts stays text, the payload is not decoded."""

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
    hostname: str | None = None
    language: str | None = None
    screen: str | int | None = None


class _Hints(msgspec.Struct, gc=False):
    """Fields that a payload may hold in place of the event (seed 001 puts page and session there)."""

    page: Any = None
    path: Any = None
    url: Any = None
    referrer: Any = None
    session_id: Any = None


_decode_events = msgspec.json.Decoder(list[StreamEvent]).decode
_decode_hints = msgspec.json.Decoder(_Hints).decode
_NO_HINTS = _Hints()


def read_event_rows(
    entry: Entry, entry_id: str, batch_index: int, geo: GeoDatabase | None, salt: bytes, anonymize: bool = False
) -> Iterator[EventRow]:
    """The entry's rows in the order sent; `anonymize`: with pseudonyms in place of user ids.

    Raises msgspec.MsgspecError for a body that accept did not write.
    """
    body = entry.decode_body()
    # JSON holds a control character or a backslash only in an escape or between tokens.
    needs_no_escape = not (b"\\" in body or b"\t" in body or b"\n" in body or b"\r" in body)
    received = entry.received_at.isoformat()
    id_prefix, id_base = derive_id_parts(entry_id)
    derive_id = keyed_ids(entry.identity_key, entry.batch_key) if entry.batch_key else None
    connection_agent = (
        format_client_columns(entry.user_agent) if is_visitor_agent(entry.user_agent) else format_client_columns("")
    )
    domains = own_domains(tuple(entry.own_domains))
    periods, by_address = visitor_periods(entry.zone, entry.visitor_window), entry.visitor_by == ADDRESS
    for position, event in enumerate(_decode_events(body)):
        ts, day = _read_ts(event.ts, entry.skew_us, received)
        caller_id = event.event_id
        if caller_id is not None:
            event_id = normalize_event_id(str(caller_id))
        elif derive_id is not None:
            event_id = derive_id(entry.index_as_sent(position))
        else:
            event_id = f"{id_prefix}{id_base + position:012x}"
        place = read_address(geo, event.ip or entry.ip)
        user_id = _read_user_id(event, entry)
        if not user_id:
            agent = None if by_address and place[0] else event.user_agent or entry.user_agent
            user_id = derive_visitor_key(salt, periods[ts[:16]], entry.identity_key, place[0], agent)
        elif anonymize:
            user_id = make_pseudonym(salt, entry.identity_key, user_id)
        line, kind, subject, session, agent, page, referrer, location = _format_columns(
            event, entry, domains, needs_no_escape, connection_agent, place, user_id
        )
        yield EventRow(
            entry.site_id, event_id, caller_id is not None or derive_id is not None, user_id, ts, day,
            f"{event_id}\t{ts}\t{received}\t{entry.site_id}\t{line}", batch_index, position,
            entry.received_us, kind, subject, session, agent, page, referrer, location,
        )  # fmt: skip


def _format_columns(
    event: StreamEvent,
    entry: Entry,
    domains: OwnDomains,
    needs_no_escape: bool,
    connection_agent: str,
    place: tuple[str, str, str],
    user_id: str,
) -> tuple[str, str, str, str, str, str, str, str]:
    """The COPY line from `type` to `payload`; then EventRow's fields from `kind` on, for the rollups."""
    raw = event.payload
    hints = _read_hints(raw) if raw else _NO_HINTS
    kind, subject = stored_type(event.type), stored_subject(event.subject) if event.subject else ""
    page_url = event.path or _url(hints.page) or _url(hints.path)
    if not page_url and kind == PAGE_VIEW:
        # Of other types it is what was clicked, loaded or shared.
        page_url = _url(hints.url)
    referrer_url = event.referrer or _url(hints.referrer)
    page, landing = format_page_columns(page_url or "", event.hostname or entry.domain)
    if event.utm_source or event.utm_medium or event.utm_campaign or event.utm_term or event.utm_content:
        page, landing = _with_own_campaign(page, landing, event)
    if referrer_url or landing.has_campaign:
        referrer = format_referrer_columns(referrer_url or "", landing, domains)
    else:
        referrer = DIRECT_COLUMNS
    _, address, location = place
    if event.country or event.region or event.city:
        location = _format_own_location(event)
    agent = format_client_columns(event.user_agent) if event.user_agent else connection_agent
    if event.language or event.screen:
        agent = _with_screen(agent, event.language or "", event.screen or "")
    session = _read_session(hints.session_id if event.session_id is None else event.session_id)
    payload = str(raw, "utf-8") if raw else NULL
    if payload == "null":
        payload = NULL
    own = f"{kind}\t{user_id}\t{session or NULL}\t{event.src or NULL}\t{subject or NULL}"
    if not needs_no_escape or entry.user_id:
        # The token's subject is the only text that does not come from the body.
        own = f"{escape_copy(kind)}\t{escape_copy(user_id)}\t{_escaped(session)}"
        own += f"\t{_escaped(event.src)}\t{_escaped(subject)}"
        payload = payload if payload is NULL else escape_copy(payload)
    line = f"{own}\t{agent}\t{page}\t{referrer}\t{address}\t{location}\t{payload}"
    return line, kind, subject, session, agent, page, referrer, location


def _read_session(value: Any) -> str:
    return "" if value is None or isinstance(value, (dict, list, bool)) else str(value)[:255]


def _read_hints(raw: msgspec.Raw) -> _Hints:
    try:
        return _decode_hints(raw)
    except msgspec.ValidationError:
        # `null`: an empty payload.
        return _NO_HINTS


def _url(value: Any) -> str | None:
    return shorten_url(value)[:MAX_URL_CHARACTERS] if isinstance(value, str) else None


def _escaped(text: str | None) -> str:
    return escape_copy(text) if text else NULL


def _read_ts(ts: str | None, skew_us: int, received: str) -> tuple[str, date]:
    """(text for COPY, UTC day). Text that is in UTC, with at most microseconds, stays as it is."""
    if ts is None:
        return received, _read_day(received[:10])
    if not skew_us and ts[-1] == "Z" and len(ts) <= 27:
        return ts, _read_day(ts[:10])
    instant = msgspec.convert(ts, datetime).astimezone(UTC) + timedelta(microseconds=skew_us)
    return instant.isoformat(), instant.date()


@lru_cache(maxsize=4096)
def _read_day(text: str) -> date:
    return date.fromisoformat(text)


def _read_user_id(event: StreamEvent, entry: Entry) -> str:
    """The user_id by the rules of the site; '' when the caller sent none."""
    user_id = event.user_id
    if entry.override_user or user_id is None or user_id == "":
        return entry.user_id
    return str(user_id)


@lru_cache(maxsize=LONG_TEXT_CACHE_SIZE)
def format_client_columns(user_agent: str) -> str:
    """Columns is_bot, browser, os, device, language, screen; the last two are empty."""
    client = parse_user_agent(user_agent)
    return _join("t" if client.is_bot else "f", client.browser, client.os, client.device, None, None)


@lru_cache(maxsize=LONG_TEXT_CACHE_SIZE)
def _with_screen(agent: str, language: str, screen: str | int) -> str:
    """The columns of format_client_columns with these two."""
    own = _join(classify_language(language), classify_screen(screen))
    return f"{agent.rsplit(TAB, 2)[0]}{TAB}{own}"


class _Landing:
    """What a page says of where its visitor came from. Compared by identity, as a key of caches."""

    __slots__ = ("campaign", "has_campaign", "host")

    def __init__(self, host: str | None, campaign: Campaign) -> None:
        self.host, self.campaign, self.has_campaign = host, campaign, campaign != NO_CAMPAIGN


# One object for all pages of a host and campaign.
_landing = lru_cache(maxsize=LONG_TEXT_CACHE_SIZE)(_Landing)


@lru_cache(maxsize=LONG_TEXT_CACHE_SIZE)
def format_page_columns(page: str, default_host: str) -> tuple[str, _Landing]:
    """(columns path, hostname and the five utm_…, the rest); `default_host` is that of a page without one."""
    parts = split_page(page)
    host = parts.host or _read_default_host(default_host)
    campaign = Campaign(*(text or "" for text in (*parts[2:5], parts.click_id)))
    return _join(parts.path, host, *parts[2:7]), _landing(host, campaign)


def _read_default_host(text: str) -> str | None:
    host = normalize_host(text)
    return host if is_host(host) else None


@lru_cache(maxsize=LONG_TEXT_CACHE_SIZE)
def format_referrer_columns(referrer: str, landing: _Landing, domains: OwnDomains) -> str:
    """Columns referrer, source, channel."""
    return _join(*split_referrer(referrer, landing.host, domains, landing.campaign))


@lru_cache(maxsize=65_536)
def read_address(geo: GeoDatabase | None, text: str) -> tuple[str, str, str]:
    """(what tells visitors apart, column ip, columns country, region, city).

    The first is the normalized address; of other text, such as a host name, the text: it is not stored.
    """
    address = normalize_address(text)
    if geo is None or not address:
        return address or text.strip().lower(), _join(address), EMPTY_LOCATION_COLUMNS
    # One object for all addresses of a location: keys of the rollups' counts then compare by identity.
    return address, _join(address), intern(_join(*geo.locate(address)))


def _format_own_location(event: StreamEvent) -> str:
    country = event.country.upper() if event.country else None
    return _join(country, *((text or "").strip() for text in (event.region, event.city)))


def _with_own_campaign(page_text: str, of_page: _Landing, event: StreamEvent) -> tuple[str, _Landing]:
    """The event's own utm fields take precedence over those of its page. They lose outer blanks, as those do."""
    path, hostname, *columns = page_text.split("\t")
    sent = (event.utm_source, event.utm_medium, event.utm_campaign, event.utm_term, event.utm_content)
    own = tuple((value or "").strip() for value in sent)
    columns = [escape_copy(value) if value else default for value, default in zip(own, columns, strict=True)]
    links = zip(own, of_page.campaign[:3], strict=False)
    campaign = Campaign(*(value or default for value, default in links))._replace(click_id=of_page.campaign.click_id)
    return "\t".join((path, hostname, *columns)), _landing(of_page.host, campaign)


def _join(*columns: str | None) -> str:
    return "\t".join(NULL if column is None or column == "" else escape_copy(column) for column in columns)


DIRECT_COLUMNS = _join(None, None, Channel.DIRECT)
EMPTY_LOCATION_COLUMNS = _join(None, None, None)
