"""Every POST that takes events, each on its seed's path with its seed's reply; and what became of a batch.

All of them do the same: read the body, check it, append one entry to the stream, answer. A 202 (201 where the seed
says so) is given only after Redis has confirmed the append.
"""

import re
import zlib
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import msgspec
import zstandard
from flask import Blueprint, Response, current_app, request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header

from analytics import clock, queue, telemetry
from analytics.aside import aside
from analytics.auth.guard import Principal, allow_site, choose_site, guarded, require
from analytics.errors import BadInput, Invalid, NotFound, Problem, TooLarge, Unavailable, UnsupportedMedia
from analytics.extensions import append_redis, buffer_redis, db, settings
from analytics.ingest import buffer, dialects
from analytics.ingest.client import client_address
from analytics.ingest.dialects import Dialect
from analytics.ingest.events import Batch, Event, Rules, Window, first_site, not_json, read_batch
from analytics.ingest.ids import derived_event_id, event_uuid
from analytics.ingest.status import batch_status
from analytics.sites import Site, find_site
from config import Settings

blueprint = Blueprint("ingest", __name__)
# WSGI's. On this path headers are read from it: through the framework's objects they cost ten times as much.
Environ = dict[str, Any]

FUTURE = timedelta(hours=1)
# A clock that is further off than this is not a clock; its events keep their own ts.
MAX_SKEW = timedelta(days=366)
SERVICE = "analytics-service"


class Accepted(NamedTuple):
    """A batch that Redis has confirmed. `batch_id` is None when it held no event, `lone` unless it held one."""

    batch_id: str | None
    received_at: datetime
    ingested: int
    received: int
    rejected: list[Problem]
    lone: Event | None

    @property
    def event(self) -> Event:
        """The event of a request that has one."""
        assert self.lone is not None
        return self.lone

    def event_id(self) -> str:
        """The id of a lone event: the caller's as a UUID, or the one derived from its place in the stream."""
        given = self.event.event_id
        return event_uuid(str(given)) if given is not None else derived_event_id(self.batch_id or "", 0)


class Envelope(msgspec.Struct):
    """A batch with words of its own around the events."""

    events: msgspec.Raw = msgspec.Raw(b"")
    batch: msgspec.Raw = msgspec.Raw(b"")
    sent_at: Any = None
    sentAt: Any = None  # noqa: N815 - other clients' spelling.
    site_id: str | None = None
    website_id: str | None = None
    siteId: str | None = None  # noqa: N815 - seed 004's spelling.


_decode_envelope = msgspec.json.Decoder(Envelope).decode


@blueprint.post("/api/analytics/ingest")
@guarded("ingest")
def ingest() -> Response:
    """Seed 001: a JSON array, or `{"events": […], "sent_at": …}`."""
    body = _body()
    envelope = _envelope(body) if body.lstrip()[:1] == b"{" else None
    accepted = _accept(body if envelope is None else _events_of(envelope), dialects.BATCH, envelope)
    return _reply(
        {
            "ingested": accepted.ingested,
            "received": accepted.received,
            "batch_id": accepted.batch_id,
            "rejected": [problem.as_json() for problem in accepted.rejected],
        }
    )


@blueprint.post("/analytics/events/", strict_slashes=False)
@guarded("ingest")
def click() -> Response:
    """Seed 000: one click of a short link; the reply is literally `true`."""
    _accept(_single(_body()), dialects.CLICK)
    return _reply(True)


@blueprint.post("/event")
@guarded("ingest")
def site_event() -> Response:
    """Seed 002: one event of a site."""
    accepted = _accept(_single(_body()), dialects.SITE_EVENT)
    return _reply({"status": "accepted", "event_id": accepted.event_id(), "batch_id": accepted.batch_id})


@blueprint.post("/events")
@guarded("ingest")
def named_event() -> Response:
    """Seed 003: one named event with properties."""
    accepted = _accept(_single(_body()), dialects.NAMED_EVENT)
    event = accepted.event
    return _reply(
        {
            "success": True,
            "event_id": "event_" + accepted.event_id(),
            "event_name": event.type,
            "timestamp": _instant(event.ts or accepted.received_at),
            "service": SERVICE,
        }
    )


@blueprint.post("/api/v1/analytics/event")
@guarded("ingest")
def website_event() -> Response:
    """Seed 004: one event of a website."""
    accepted = _accept(_single(_body()), dialects.WEBSITE_EVENT)
    event = accepted.event
    return _reply(
        {
            "status": "accepted",
            "event_id": accepted.event_id(),
            "visitor_id": str(event.user_id),
            "session_id": None if event.session_id is None else str(event.session_id),
        },
        201,
    )


@blueprint.post("/api/v1/analytics/event/batch")
@guarded("ingest")
def website_batch() -> Response:
    """Seed 004: `{siteId, domain, events: […]}`."""
    envelope = _envelope(_body())
    accepted = _accept(_events_of(envelope), dialects.WEBSITE_BATCH, envelope)
    return _reply(
        {
            "status": "accepted",
            "events_count": accepted.ingested,
            "processed_at": _instant(accepted.received_at),
            "batch_id": accepted.batch_id,
            "rejected": [problem.as_json() for problem in accepted.rejected],
        },
        201,
    )


@blueprint.get("/api/analytics/batches/<batch_id>")
@guarded("ingest")
def batch(batch_id: str) -> Response:
    """What became of an accepted batch: in_flight, stored (with duplicates counted), or dead-lettered."""
    principal = require("ingest")
    if not re.fullmatch(r"\d{1,15}-\d{1,10}", batch_id):
        raise NotFound("no such batch; a batch_id looks like 1764000000000-0")
    found = batch_status(db.engine, buffer_redis(), batch_id)
    if found is None:
        raise NotFound(f"no batch {batch_id}: it was never accepted, or its ledger row is past retention")
    allow_site(principal, found["site"])
    return _reply(found, 200)


def _accept(events: bytes, dialect: Dialect, envelope: Envelope | None = None) -> Accepted:
    """Checks the events and appends the good ones. Raises Invalid when none is good, or one is bad under strict."""
    principal, received_at, chosen = require("ingest"), clock.now(), settings()
    environ = request.environ
    site = _site(environ, principal, events, dialect, envelope, chosen.auto_create_sites)
    kept_days = site.event_retention_days or chosen.event_retention_days
    window = Window(received_at - timedelta(days=kept_days), received_at + FUTURE)
    skew = _skew(envelope, received_at)
    rules = Rules(
        window=Window(window.earliest - skew, window.latest - skew),
        max_events=chosen.max_batch_size,
        site_key=site.key,
        types=site.event_types if site.types == "strict" else None,
        only_user=principal.subject if site.identity == "enforce" else None,
    )
    batch = read_batch(events, rules, dialect)
    strict = "handling=strict" in environ.get("HTTP_PREFER", "").replace(" ", "").lower()
    if batch.rejected and (strict or not batch.events):
        count, kept = len({problem.index for problem in batch.rejected}), "; nothing was stored (handling=strict)"
        raise Invalid(f"{count} of {batch.received} events cannot be accepted{kept if strict else ''}", batch.rejected)
    if not batch.events:
        return Accepted(None, received_at, 0, batch.received, batch.rejected, None)
    count, lone = len(batch.events), batch.events[0] if len(batch.events) == 1 else None
    entry = _entry(environ, chosen, batch, site, principal, received_at, skew)
    # Many batches wait for Redis together; what was decoded of them would be most of the memory.
    batch.events.clear()
    return Accepted(_append(entry, chosen), received_at, count, batch.received, batch.rejected, lone)


def _entry(
    environ: Environ,
    chosen: Settings,
    batch: Batch,
    site: Site,
    principal: Principal,
    received_at: datetime,
    skew: timedelta,
) -> buffer.Entry:
    body, compressed = buffer.compress(batch.body)
    own_subject = site.identity in ("enforce", "override")
    return buffer.Entry(
        body=body,
        compressed=compressed,
        count=len(batch.events),
        site_id=site.id,
        site_key=site.key,
        received_us=int(received_at.timestamp() * 1_000_000),
        skew_us=int(skew / timedelta(microseconds=1)),
        ip=client_address(environ, chosen.trusted_proxies),
        user_agent=_storable(environ.get("HTTP_USER_AGENT", ""))[:1024],
        principal=principal.subject,
        request_id=telemetry.request_id.get(),
        user_id=principal.subject if own_subject else "",
        override_user=site.identity == "override",
    )


def _append(entry: buffer.Entry, chosen: Settings) -> str:
    limits = buffer.Limits(chosen.max_backlog_events, chosen.max_backlog_bytes)
    batch_id, ring = buffer.append(append_redis(), entry, limits)
    if ring:
        try:
            aside(queue.ring_drain)
        except Unavailable:
            # The batch is safe in the stream; beat rings again.
            current_app.logger.warning("doorbell not rung")
    return batch_id


def _site(
    environ: Environ, principal: Principal, events: bytes, dialect: Dialect, envelope: Envelope | None, create: bool
) -> Site:
    named = _asked_site(environ.get("QUERY_STRING", "")) or environ.get("HTTP_X_SITE_ID")
    if envelope is not None:
        named = named or envelope.site_id or envelope.website_id or envelope.siteId
    implied = dict(dialect.implied).get("site_id")
    named = named or first_site(events) or (implied if principal.sites is None else None)
    key = choose_site(principal, named)
    return find_site(db.engine, key, auto_create=create)


@lru_cache(maxsize=1024)
def _asked_site(query: str) -> str:
    """The ?site of a query string; almost all requests of a caller have the same."""
    text = query.encode("latin-1", "replace").decode("utf-8", "replace")
    return parse_qs(text).get("site", [""])[0] if text else ""


def _skew(envelope: Envelope | None, received_at: datetime) -> timedelta:
    """How far the caller's clock is behind ours, by `sent_at` (spec C5)."""
    given = envelope and (envelope.sent_at or envelope.sentAt)
    if not given:
        return timedelta(0)
    try:
        sent_at = msgspec.convert(given, datetime)
        skew = received_at - sent_at
    except (msgspec.ValidationError, TypeError, OverflowError) as error:
        problem = Problem(None, "sent_at", "not_a_time", "must be an RFC 3339 time with a zone")
        raise Invalid("sent_at must be an RFC 3339 time with a zone, as 2026-01-31T12:00:00Z", [problem]) from error
    return skew if abs(skew) <= MAX_SKEW else timedelta(0)


def _body() -> bytes:
    """The request's body, decompressed. Raises UnsupportedMedia, TooLarge and BadInput."""
    environ, limit = request.environ, settings().max_body_bytes
    if not _is_json(environ.get("CONTENT_TYPE", "")):
        raise UnsupportedMedia(f"Content-Type {request.mimetype} is not taken; send application/json")
    length = environ.get("CONTENT_LENGTH", "")
    if length.isdigit() and int(length) > limit:
        raise TooLarge(f"the body has {length} bytes; MAX_BODY_BYTES is {limit}", limit=limit)
    if environ.get("wsgi.input_terminated"):
        raw = environ["wsgi.input"].read(limit + 1)
    else:
        try:
            raw = request.get_data(cache=False)
        except RequestEntityTooLarge as error:
            raise TooLarge(f"the body is over {limit} bytes (MAX_BODY_BYTES)", limit=limit) from error
    encoding = environ.get("HTTP_CONTENT_ENCODING", "identity").strip().lower()
    body = _decompress(raw, encoding, limit)
    if len(body) > limit:
        raise TooLarge(f"the body is over {limit} bytes after decompression (MAX_BODY_BYTES)", limit=limit)
    if body.startswith(b"\xef\xbb\xbf"):
        body = body[3:]
    return body


@lru_cache(maxsize=256)
def _is_json(content_type: str) -> bool:
    """True for a Content-Type that may be JSON; none, and plain text, are taken for it."""
    media = parse_options_header(content_type)[0].lower()
    return media in ("", "application/json", "text/plain", "application/x-ndjson") or media.endswith("+json")


def _decompress(raw: bytes, encoding: str, limit: int) -> bytes:
    """At most `limit` + 1 bytes, so that a bomb costs no more than an honest body."""
    try:
        if encoding in ("identity", ""):
            return raw
        if encoding in ("gzip", "x-gzip"):
            reader = zlib.decompressobj(wbits=31)
            body = reader.decompress(raw, limit + 1)
            if len(body) <= limit and not reader.eof:
                raise BadInput("the gzip body ends too early")
            return body
        if encoding == "zstd":
            with zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(raw) as stream:
                return stream.read(limit + 1)
    except (zlib.error, zstandard.ZstdError) as error:
        raise BadInput(f"the body is not {encoding}: {error}") from error
    raise UnsupportedMedia(f"Content-Encoding {encoding} is not taken; send gzip, zstd or none")


def _envelope(body: bytes) -> Envelope:
    try:
        return _decode_envelope(body)
    except msgspec.ValidationError as error:
        raise BadInput(f"send an object with an array called events: {error}") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"the body is not UTF-8 (byte {error.start})") from error
    except RecursionError as error:
        raise BadInput("the body is nested too deeply") from error
    except msgspec.MsgspecError as error:
        raise not_json(error, body) from error


def _events_of(envelope: Envelope) -> bytes:
    found = envelope.events or envelope.batch
    if not found:
        raise BadInput('send a JSON array of events, or an object with one: {"events": [...]}')
    return bytes(found)


def _single(body: bytes) -> bytes:
    """The array of the one event in `body`. Raises BadInput for anything but one JSON object."""
    try:
        msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except msgspec.ValidationError as error:
        raise BadInput("send one JSON object") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"the body is not UTF-8 (byte {error.start})") from error
    except RecursionError as error:
        raise BadInput("the body is nested too deeply") from error
    except msgspec.MsgspecError as error:
        raise not_json(error, body) from error
    return b"[" + body + b"]"


def _storable(text: str) -> str:
    """A header's text without what PostgreSQL refuses."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")


def _instant(instant: datetime) -> str:
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _reply(body: Any, status: int = 202) -> Response:
    return Response(msgspec.json.encode(body), status, content_type="application/json")
