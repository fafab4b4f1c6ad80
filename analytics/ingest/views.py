"""Every POST that takes events, each on its seed's path with its seed's reply; what became of a batch; and a DELETE.

All POSTs do the same: read the body, check it, append one entry to the stream, answer. A 202 (201 where the seed
says so) is given only after Redis has confirmed the append.
"""

import re
from datetime import datetime
from typing import NamedTuple

from flask import Blueprint, Response

from analytics import clock
from analytics.application import current_request
from analytics.auth.guard import allow_site, choose_site, guarded, require
from analytics.documented import documented
from analytics.errors import Forbidden, NotFound, Problem
from analytics.extensions import buffer_redis, db, settings
from analytics.ingest import dialects, schemas
from analytics.ingest.accept import (
    SERVICE,
    append,
    new_entry,
    refuse_if_strict,
    reply,
    shown,
    site_of,
    skew_of,
    window_of,
)
from analytics.ingest.body import Envelope, events_of, one_object, read_body, read_envelope
from analytics.ingest.dialects import Dialect
from analytics.ingest.event_deletes import forget_events
from analytics.ingest.events import Event, Rules, read_batch
from analytics.ingest.ids import derived_event_id, event_uuid
from analytics.ingest.status import batch_status
from analytics.ingest.tracking import read_tracked
from analytics.sites import find_site

blueprint = Blueprint("ingest", __name__)


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


@blueprint.post("/api/analytics/ingest")
@documented(
    "Send a batch of events",
    query=schemas.SiteQuery,
    headers=schemas.BATCH_HEADERS,
    body=schemas.EVENTS,
    sent=schemas.EVENTS_EXAMPLE,
    answer=schemas.IngestAnswer,
    example=schemas.INGEST_EXAMPLE,
    status=202,
)
@guarded("ingest")
def ingest() -> Response:
    """Seed 001: a JSON array, or `{"events": […], "sent_at": …}`."""
    body = read_body()
    envelope = read_envelope(body) if body.lstrip()[:1] == b"{" else None
    accepted = _accept(body if envelope is None else events_of(envelope), dialects.BATCH, envelope)
    return reply(
        {
            "ingested": accepted.ingested,
            "received": accepted.received,
            "batch_id": accepted.batch_id,
            "rejected": [problem.as_json() for problem in accepted.rejected],
        }
    )


@blueprint.post("/analytics/events/", strict_slashes=False)
@documented(
    "Record one click of a short link",
    query=schemas.SiteQuery,
    body=schemas.CLICK,
    sent=schemas.CLICK_EXAMPLE,
    answer=schemas.TRUE,
    example=True,
    status=202,
)
@guarded("ingest")
def click() -> Response:
    """Seed 000: one click of a short link; the reply is literally `true`."""
    _accept(one_object(read_body()), dialects.CLICK)
    return reply(True)


@blueprint.post("/event")
@documented(
    "Send one event of a site",
    query=schemas.SiteQuery,
    body=schemas.SITE_EVENT,
    sent=schemas.SITE_EVENT_EXAMPLE,
    answer=schemas.SiteEventAnswer,
    example={"status": "accepted", "event_id": schemas.EVENT_ID, "batch_id": schemas.BATCH_ID},
    status=202,
)
@guarded("ingest")
def site_event() -> Response:
    """Seed 002: one event of a site."""
    accepted = _accept(one_object(read_body()), dialects.SITE_EVENT)
    return reply({"status": "accepted", "event_id": accepted.event_id(), "batch_id": accepted.batch_id})


@blueprint.post("/events")
@documented(
    "Send one named event",
    query=schemas.SiteQuery,
    body=schemas.NAMED_EVENT,
    sent=schemas.NAMED_EVENT_EXAMPLE,
    answer=schemas.NamedEventAnswer,
    example=schemas.NAMED_ANSWER_EXAMPLE,
    status=202,
)
@guarded("ingest")
def named_event() -> Response:
    """Seed 003: one named event with properties."""
    accepted = _accept(one_object(read_body()), dialects.NAMED_EVENT)
    event = accepted.event
    return reply(
        {
            "success": True,
            "event_id": "event_" + accepted.event_id(),
            "event_name": event.type,
            "timestamp": shown(event.ts or accepted.received_at),
            "service": SERVICE,
        }
    )


@blueprint.delete("/events")
@documented(
    "Delete every event of a site",
    query=schemas.SiteQuery,
    answer=schemas.ForgottenEvents,
    example=schemas.FORGOTTEN_EVENTS_EXAMPLE,
)
@guarded("admin")
def forget() -> Response:
    """Seed 003, development only: the events, and all that was counted of them. Samples have their own DELETE."""
    if settings().environment != "development":
        raise Forbidden("events are deleted in development only (ENVIRONMENT=development)")
    principal = require("admin")
    site = find_site(db.engine, choose_site(principal, current_request().args.get("site")))
    deleted = forget_events(db.engine, site.id, principal.subject)
    return reply({"success": True, "deleted": deleted, "site": site.key}, 200)


@blueprint.post("/api/v1/analytics/event")
@documented(
    "Send one event of a website",
    query=schemas.SiteQuery,
    body=schemas.WEBSITE_EVENT,
    sent=schemas.WEBSITE_EVENT_EXAMPLE,
    answer=schemas.WebsiteEventAnswer,
    example=schemas.WEBSITE_ANSWER_EXAMPLE,
    status=201,
)
@guarded("ingest")
def website_event() -> Response:
    """Seed 004: one event of a website."""
    accepted = _accept(one_object(read_body()), dialects.WEBSITE_EVENT)
    event = accepted.event
    return reply(
        {
            "status": "accepted",
            "event_id": accepted.event_id(),
            "visitor_id": str(event.user_id),
            "session_id": None if event.session_id is None else str(event.session_id),
        },
        201,
    )


@blueprint.post("/api/v1/funnels/track")
@documented(
    "Track a step of a funnel",
    query=schemas.SiteQuery,
    body=schemas.TRACKED_STEP,
    sent=schemas.TRACKED_STEP_EXAMPLE,
    answer=schemas.TrackedStepAnswer,
    example=schemas.TRACKED_ANSWER_EXAMPLE,
    status=201,
)
@guarded("ingest")
def funnel_step() -> Response:
    """Seed 004: how far a visitor has come, by the client's own count. It counts beside what is computed."""
    body = read_body()
    one = one_object(body)
    tracked = read_tracked(body)
    event = _accept(one, dialects.FUNNEL_STEP).event
    return reply(
        {
            "status": "accepted",
            "funnel_id": tracked.funnel_id,
            "visitor_id": str(event.user_id),
            "session_id": None if event.session_id is None else str(event.session_id),
            "message": "the step is accepted",
        },
        201,
    )


@blueprint.post("/api/v1/analytics/event/batch")
@documented(
    "Send a batch of events of a website",
    query=schemas.SiteQuery,
    headers=schemas.BATCH_HEADERS,
    body=schemas.WEBSITE_BATCH,
    sent=schemas.WEBSITE_BATCH_EXAMPLE,
    answer=schemas.WebsiteBatchAnswer,
    example=schemas.WEBSITE_BATCH_ANSWER_EXAMPLE,
    status=201,
)
@guarded("ingest")
def website_batch() -> Response:
    """Seed 004: `{siteId, domain, events: […]}`."""
    envelope = read_envelope(read_body())
    accepted = _accept(events_of(envelope), dialects.WEBSITE_BATCH, envelope)
    return reply(
        {
            "status": "accepted",
            "events_count": accepted.ingested,
            "processed_at": shown(accepted.received_at),
            "batch_id": accepted.batch_id,
            "rejected": [problem.as_json() for problem in accepted.rejected],
        },
        201,
    )


@blueprint.get("/api/analytics/batches/<batch_id>")
@documented("What became of a batch", answer=schemas.BatchAnswer, example=schemas.BATCH_EXAMPLE)
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
    return reply(found, 200)


def _accept(events: bytes, dialect: Dialect, envelope: Envelope | None = None) -> Accepted:
    """Checks the events and appends the good ones. Raises Invalid when none is good, or one is bad under strict."""
    principal, received_at, chosen = require("ingest"), clock.now(), settings()
    environ = current_request().environ
    site = site_of(environ, principal, events, envelope, chosen.auto_create_sites, dialect.site)
    skew = skew_of(envelope, received_at)
    rules = Rules(
        window=window_of(site, received_at, skew, chosen),
        max_events=chosen.max_batch_size,
        site_key=site.key,
        types=site.event_types if site.types == "strict" else None,
        only_user=principal.subject if site.identity == "enforce" else None,
    )
    batch = read_batch(events, rules, dialect)
    refuse_if_strict(environ, "events", len(batch.events), batch.received, batch.rejected)
    if not batch.events:
        return Accepted(None, received_at, 0, batch.received, batch.rejected, None)
    count, lone = len(batch.events), batch.events[0] if len(batch.events) == 1 else None
    entry = new_entry(environ, chosen, batch.body, count, site, principal, received_at, skew)
    # Many batches wait for Redis together; what was decoded of them would be most of the memory.
    batch.events.clear()
    return Accepted(append(principal, entry, chosen), received_at, count, batch.received, batch.rejected, lone)
