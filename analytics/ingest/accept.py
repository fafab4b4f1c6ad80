"""What accepting events and samples have in common: the site, the caller's clock, the entry, its append, the answer.

A batch is one entry of the stream, and is answered for only after Redis has confirmed the append.
"""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs

import msgspec
from flask import Response, current_app

from analytics import queue, telemetry
from analytics.application import Written
from analytics.aside import aside
from analytics.auth.client import client_address
from analytics.auth.guard import Principal, choose_site
from analytics.auth.limits import spend_events
from analytics.errors import Invalid, Problem, Unavailable
from analytics.extensions import append_redis, db
from analytics.ingest import buffer
from analytics.ingest.body import Envelope
from analytics.ingest.events import Window, first_site
from analytics.sites import Site, find_site
from config import Settings

# WSGI's. On this path headers are read from it: through the framework's objects they cost ten times as much.
Environ = dict[str, Any]
FUTURE = timedelta(hours=1)
# A clock that is further off than this is not a clock; its events keep their own ts.
MAX_SKEW = timedelta(days=366)
SERVICE = "analytics-service"
_to_json = msgspec.json.Encoder().encode


def site_of(
    environ: Environ, principal: Principal, items: bytes, envelope: Envelope | None, create: bool, implied: str = ""
) -> Site:
    """The site that the request names, else its first item, else the token's own."""
    named = _asked_site(environ.get("QUERY_STRING", "")) or environ.get("HTTP_X_SITE_ID")
    if envelope is not None:
        named = named or envelope.site_id or envelope.website_id or envelope.siteId
    named = named or first_site(items) or (implied if principal.sites is None else None)
    key = choose_site(principal, named)
    return find_site(db.engine, key, auto_create=create)


def window_of(site: Site, received_at: datetime, skew: timedelta, chosen: Settings) -> Window:
    """What a `ts` of the caller's clock may be."""
    kept = timedelta(days=site.event_retention_days or chosen.event_retention_days)
    return Window(received_at - kept - skew, received_at + FUTURE - skew)


def refuse_if_strict(environ: Environ, noun: str, good: int, received: int, rejected: list[Problem]) -> None:
    """Raises Invalid when none is good; under `Prefer: handling=strict`, when one is bad."""
    strict = "handling=strict" in environ.get("HTTP_PREFER", "").replace(" ", "").lower()
    if rejected and (strict or not good):
        count, kept = len({problem.index for problem in rejected}), "; nothing was stored (handling=strict)"
        raise Invalid(f"{count} of {received} {noun} cannot be accepted{kept if strict else ''}", rejected)


@lru_cache(maxsize=1024)
def _asked_site(query: str) -> str:
    """The ?site of a query string; almost all requests of a caller have the same."""
    text = query.encode("latin-1", "replace").decode("utf-8", "replace")
    return parse_qs(text).get("site", [""])[0] if text else ""


def skew_of(envelope: Envelope | None, received_at: datetime) -> timedelta:
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


def new_entry(
    environ: Environ,
    chosen: Settings,
    items: bytes,
    count: int,
    site: Site,
    principal: Principal,
    received_at: datetime,
    skew: timedelta,
    samples: bool = False,
) -> buffer.Entry:
    """The request as it rests in the stream."""
    body, compressed = buffer.compress(items)
    own_subject = site.identity in ("enforce", "override")
    return buffer.Entry(
        body=body,
        compressed=compressed,
        count=count,
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
        samples=samples,
    )


def append(principal: Principal, entry: buffer.Entry, chosen: Settings) -> str:
    """The batch_id, once Redis has confirmed it; rings the bell. Raises TooMany for a caller who has sent too much."""
    spend_events(principal, entry.count)
    limits = buffer.Limits(chosen.max_backlog_events, chosen.max_backlog_bytes)
    batch_id, ring = buffer.append(append_redis(), entry, limits)
    if ring:
        try:
            aside(queue.ring_drain)
        except Unavailable:
            # The batch is safe in the stream; beat rings again.
            current_app.logger.warning("doorbell not rung")
    return batch_id


def _storable(text: str) -> str:
    """A header's text without what PostgreSQL refuses."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")


def shown(instant: datetime) -> str:
    """RFC 3339 to the millisecond."""
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def reply(body: Any, status: int = 202) -> Response:
    """JSON without the framework's detours."""
    return Written(_to_json(body), status)
