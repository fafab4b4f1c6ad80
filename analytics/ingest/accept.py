"""The one path by which events and samples are accepted: site, clock and rules; then the entry, its append, the reply.

The views call `open_batch`, check the items under its rules, and call `append_batch`. A batch is one entry of the
stream, and is acknowledged to the caller only after Redis has confirmed the append. Nothing here stores an event.
"""

from collections import Counter
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Generic, NamedTuple
from urllib.parse import parse_qsl
from wsgiref.types import WSGIEnvironment

import msgspec
from flask import Response, current_app
from redis.exceptions import RedisError
from werkzeug.datastructures import MultiDict

from analytics import clock, queue, telemetry
from analytics.auth.client_address import client_address
from analytics.auth.guard import Kind, Principal, resolve_site_key
from analytics.auth.limits import PUBLIC_KINDS, enforce_event_limit
from analytics.errors import BadInput, Invalid, Problem, Unavailable
from analytics.extensions import append_redis, db, settings
from analytics.ingest import buffer
from analytics.ingest.append_failures import explain_failure
from analytics.ingest.decoding.body import Envelope
from analytics.ingest.decoding.events import TimeWindow, ValidationRules, read_first_site_key
from analytics.ingest.decoding.rejections import Batch, Item
from analytics.ingest.ids import BATCH_KEY_PATTERN, derive_event_id, keyed_ids, mark_public
from analytics.ingest.receipt_clock import ReceiptClock
from analytics.ingest.schemas import SiteQuery
from analytics.ingest.senders import identify_sender, open_site
from analytics.rollups.visits.sums import to_microseconds
from analytics.sites.event_schemas.event_schemas import find_validators
from analytics.sites.sites import Site
from analytics.web.app import JsonBytesResponse, current_request
from analytics.web.server.greenlets import offload
from analytics.web.site_parameters import SITE_HEADER, SITE_NAMES, NamedSite, agree_on_site, pick_sites
from analytics.web.validation import read_query
from config import Settings

MAX_FUTURE = timedelta(hours=1)
# Clocks that were reset say 1970, 1980 or 2000. What is further off is not a clock's time, as year 1 of an empty field.
MAX_SKEW = timedelta(days=200 * 366)
# Less is the way of the request: with it, two batches of a page would move by different amounts.
MIN_SKEW = timedelta(seconds=1)
BAD_BATCH_KEY = "the key is empty, too long or not printable; accepted: 1 to 255 printable ASCII characters"
NO_ALIASES: frozenset[str] = frozenset()
SERVICE_NAME = "analytics-service"
# The rejected items of a request, of which the access log counts the codes.
REJECTED_ENVIRON_KEY = "analytics.rejected"
_encode_json = msgspec.json.Encoder().encode


class BatchContext(NamedTuple):
    """What holds for all items of a request. `skew`: how far the caller's clock is behind ours."""

    # The caller's key of the batch (docs/decisions/0001); '' for none.
    batch_key: str
    # Headers are read from it: through the framework's objects they cost ten times as much on this path.
    environ: WSGIEnvironment
    settings: Settings
    principal: Principal
    site: Site
    received_at: datetime
    skew: timedelta
    rules: ValidationRules
    # The host of the batch's pages; '' where the envelope names none.
    domain: str = ""


class AcceptedBatch(NamedTuple, Generic[Item]):
    """A batch that Redis has confirmed. `batch_id` is None when no item was sent."""

    batch_id: str | None
    received_at: datetime
    accepted: int
    received: int
    rejected: list[Problem]
    warnings: list[Problem]
    single_item: Item | None
    # Of a single item: its id when the caller sent none.
    derived_id: str = ""

    @property
    def item(self) -> Item:
        """The item of a request that accepts one. Raises LookupError for a batch."""
        if self.single_item is None:
            raise LookupError(f"the batch holds {self.accepted} items, not one")
        return self.single_item

    def shared_fields(self) -> dict[str, Any]:
        """The fields that the responses to all batches have."""
        rejected = [problem.as_json() for problem in self.rejected]
        return {"received": self.received, "batch_id": self.batch_id, "rejected": rejected, **self.warning_fields()}

    def warning_fields(self) -> dict[str, Any]:
        """`warnings`, what items were accepted without; no field where there are none."""
        return {"warnings": [problem.as_json() for problem in self.warnings]} if self.warnings else {}


def open_batch(items: bytes, envelope: Envelope | None = None, default_site_key: str = "") -> BatchContext:
    """The context of a request with these items. Raises Unauthorised, Forbidden, NotFound, and Invalid for a wrong
    `sent_at`."""
    principal, received_at, config = identify_sender(envelope), _receipt_clock().now(), settings()
    environ = current_request().environ
    batch_key = _read_batch_key(environ, envelope)
    batch_key = mark_public(batch_key) if principal.kind in PUBLIC_KINDS else batch_key
    key = resolve_site_key(principal, _read_site_key(environ, principal, items, envelope, default_site_key))
    principal, site = open_site(principal, key)
    skew = _compute_clock_skew(envelope, received_at)
    retention = timedelta(days=site.event_retention_days or config.event_retention_days)
    rules = ValidationRules(
        window=TimeWindow(received_at - retention - skew, received_at + MAX_FUTURE - skew),
        max_events=config.max_batch_size,
        site_key=site.key,
        allowed_types=site.event_types if site.types == "strict" else None,
        required_user_id=_own_user_id(principal) if _identity(principal, site) == "enforce" else None,
        site_aliases=NO_ALIASES if key == site.key and not site.aliases else frozenset((key, *site.aliases)),
        validators=find_validators(db.engine, site),
    )
    domain = envelope.host if envelope is not None else ""
    return BatchContext(batch_key, environ, config, principal, site, received_at, skew, rules, domain)


def _receipt_clock() -> ReceiptClock:
    found: ReceiptClock = current_app.extensions["receipt_clock"]
    return found


def append_batch(context: BatchContext, batch: Batch[Item], holds_samples: bool = False) -> AcceptedBatch[Item]:
    """Appends the good items as one entry, and enqueues a drain. Empties `batch.items`.

    Raises Invalid when no item is good, or one is bad under `Prefer: handling=strict`; TooMany, Unavailable.
    """
    items, rejected = batch.items, batch.rejected
    count = len(items)
    if rejected:
        context.environ[REJECTED_ENVIRON_KEY] = rejected
    if rejected or batch.warnings:
        _raise_for_rejections(context, "samples" if holds_samples else "events", count, batch)
    if not items:
        return AcceptedBatch(None, context.received_at, 0, batch.received, rejected, [], None)
    single_item = items[0] if count == 1 else None
    entry = _build_entry(context, batch, holds_samples)
    # Many requests wait for Redis at once; their decoded items would be most of the memory.
    items.clear()
    batch_id = _append_entry(context, entry)
    derived_id = _derive_id(entry, batch_id) if single_item is not None else ""
    if batch.warnings:
        _log_warnings(context, batch.warnings)
    return AcceptedBatch(
        batch_id, context.received_at, count, batch.received, rejected, batch.warnings, single_item, derived_id
    )


def json_response(body: Any, status: int = 202) -> Response:
    """A JSON response without the framework's extra steps."""
    return JsonBytesResponse(_encode_json(body), status)


def _read_site_key(
    environ: WSGIEnvironment, principal: Principal, items: bytes, envelope: Envelope | None, default_site_key: str
) -> str | None:
    """The site key that the request names, else its first item, else the dialect's for a token of all sites.

    Raises BadInput when the query, the header and the envelope name two.
    """
    query = environ.get("QUERY_STRING", "")
    named = [*(_read_query_sites(query) if query else ()), (SITE_HEADER, environ.get("HTTP_X_SITE_ID", ""))]
    if envelope is not None:
        named += [(f"{name} in the body", getattr(envelope, name) or "") for name in SITE_NAMES]
    key = agree_on_site(named)
    return key or read_first_site_key(items) or (default_site_key if principal.sites is None else None)


def _read_batch_key(environ: WSGIEnvironment, envelope: Envelope | None) -> str:
    """The key by which a batch that is sent again is recognised: the header's, else the envelope's; '' for none."""
    header = environ.get("HTTP_IDEMPOTENCY_KEY")
    if header is not None:
        if not BATCH_KEY_PATTERN.fullmatch(header):
            raise BadInput(f"Idempotency-Key: {BAD_BATCH_KEY}, for example Idempotency-Key: 5b0ff3f4-3a53-4f0e-9a3a")
        return str(header)
    key = envelope and envelope.read_first("batch_id", "batchId")
    if key is None:
        return ""
    if not isinstance(key, str) or not BATCH_KEY_PATTERN.fullmatch(key):
        detail = f'batch_id: {BAD_BATCH_KEY}, for example "batch_id": "5b0ff3f4-3a53-4f0e-9a3a"'
        raise Invalid(detail, [Problem(None, "batch_id", "invalid", detail)])
    return key


@lru_cache(maxsize=1024)
def _read_query_sites(query: str) -> list[NamedSite]:
    """The sites in a query string; almost all requests of a caller have the same. Raises BadInput."""
    text = query.encode("latin-1", "replace").decode("utf-8", "replace")
    # Other parameters are checked by the route's own schema.
    named = MultiDict(pair for pair in parse_qsl(text, keep_blank_values=True) if pair[0] in SITE_NAMES)
    return pick_sites(read_query(SiteQuery(), named).items())


def _compute_clock_skew(envelope: Envelope | None, received_at: datetime) -> timedelta:
    """How far the caller's clock is behind ours, by `sent_at` (spec C5)."""
    sent_at = envelope and envelope.read_first("sent_at", "sentAt")
    if not sent_at:
        return timedelta(0)
    try:
        skew = received_at - msgspec.convert(sent_at, datetime)
    except (msgspec.ValidationError, TypeError, OverflowError) as error:
        detail = "sent_at is not an RFC 3339 time with a zone; accepted for example: 2026-01-31T12:00:00Z"
        raise Invalid(detail, [Problem(None, "sent_at", "not_a_time", detail)]) from error
    if abs(skew) > MAX_SKEW:
        detail = "sent_at is more than 200 years from now; send the time of the clock that ts is taken from"
        detail += f", or leave sent_at out; accepted for example: {clock.format_rfc3339(received_at, 'seconds')}"
        raise Invalid(detail, [Problem(None, "sent_at", "out_of_range", detail)])
    return skew if abs(skew) >= MIN_SKEW else timedelta(0)


def _raise_for_rejections(context: BatchContext, noun: str, accepted: int, batch: Batch[Any]) -> None:
    """Raises Invalid when no item is good; under `Prefer: handling=strict`, when one is bad, or loses a field."""
    is_strict = "handling=strict" in context.environ.get("HTTP_PREFER", "").replace(" ", "").lower()
    if is_strict or not accepted:
        problems = batch.rejected + batch.warnings
        count = len({problem.index for problem in problems})
        effect = "; nothing was stored (Prefer: handling=strict)" if is_strict else ""
        raise Invalid(f"{count} of {batch.received} {noun} cannot be accepted{effect}; see errors", problems)


def _log_warnings(context: BatchContext, warnings: list[Problem]) -> None:
    codes = Counter(problem.code for problem in warnings)
    current_app.logger.info("fields dropped", extra={"site": context.site.key, "codes": dict(codes)})


def _derive_id(entry: buffer.Entry, batch_id: str) -> str:
    """The id of the entry's first item when the caller sent none."""
    if not entry.batch_key:
        return derive_event_id(batch_id, 0)
    return keyed_ids(entry.identity_key, entry.batch_key)(entry.index_as_sent(0))


def _list_indexes(batch: Batch[Any]) -> list[int]:
    """The indexes as sent of the good items; empty when all are good."""
    if not batch.rejected:
        return []
    bad = {problem.index for problem in batch.rejected}
    return [index for index in range(batch.received) if index not in bad]


def _build_entry(context: BatchContext, batch: Batch[Any], holds_samples: bool) -> buffer.Entry:
    batch_key, environ, config, principal, site, received_at, skew, _, domain = context
    body, compressed = buffer.compress(batch.body)
    return buffer.Entry(
        body=body,
        compressed=compressed,
        count=len(batch.items),
        site_id=site.id,
        site_key=site.key,
        received_us=to_microseconds(received_at),
        skew_us=int(skew / timedelta(microseconds=1)),
        ip=_visitor_address(principal, environ, config),
        user_agent=_remove_unstorable(environ.get("HTTP_USER_AGENT", ""))[:1024],
        principal=principal.subject,
        request_id=telemetry.request_id.get(),
        user_id=_own_user_id(principal) if _identity(principal, site) in ("enforce", "override") else "",
        override_user=_identity(principal, site) == "override",
        holds_samples=holds_samples,
        batch_key=batch_key,
        indexes=_list_indexes(batch) if batch_key else [],
        hash_key=site.hash_key or "",
        domain=domain,
        own_domains=list(site.domains),
        zone=site.zone,
        visitor_window=site.visitor_window,
        visitor_by=site.visitor_by,
    )


def _visitor_address(principal: Principal, environ: WSGIEnvironment, config: Settings) -> str:
    """The address of events without their own: the connection's; "" for a secret key, whose server is no visitor."""
    return "" if principal.kind is Kind.SECRET_KEY else client_address(environ, config)


def _identity(principal: Principal, site: Site) -> str:
    """The site's rule for user ids. A secret key belongs to a server, which sends for all its users."""
    return "trust" if principal.kind is Kind.SECRET_KEY else site.identity


def _own_user_id(principal: Principal) -> str:
    """The user whom the caller's credential names; "" for one that the public shares: a visitor key is derived."""
    return "" if principal.kind in PUBLIC_KINDS else principal.subject


def _append_entry(context: BatchContext, entry: buffer.Entry) -> str:
    """The batch_id, once Redis has confirmed it. Raises TooMany for a caller over its rate limit."""
    enforce_event_limit(context.principal, entry.count)
    limits = buffer.BacklogLimits(context.settings.max_backlog_events, context.settings.max_backlog_bytes)
    try:
        batch_id, must_enqueue = buffer.append(append_redis(), entry, limits)
    except RedisError as error:
        current_app.logger.warning("append failed", extra={"error": type(error).__name__})
        raise explain_failure(error) from error
    if must_enqueue:
        try:
            offload(queue.enqueue_drain)
        except Unavailable:
            # The batch is safe in the stream; the scheduled sweep enqueues a drain again.
            current_app.logger.warning("drain not enqueued")
    return batch_id


def _remove_unstorable(text: str) -> str:
    """A header's text without what PostgreSQL does not store."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")
