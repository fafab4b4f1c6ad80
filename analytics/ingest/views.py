"""Every POST that accepts events, each on its seed's path with its seed's response; a batch's status; and a DELETE.

All POSTs take one path: read the body, check the events, append one entry to the stream, respond (accept.py). A 202
(201 where the seed says so) is sent only after Redis has confirmed the append.
"""

import re
from functools import partial

from flask import Blueprint, Response

from analytics.apidocs.operations import documented
from analytics.auth.guard import check_site_access, guarded, require_scope
from analytics.clock import format_rfc3339
from analytics.errors import NotFound
from analytics.extensions import buffer_redis, db
from analytics.ingest import dialects, examples, schemas
from analytics.ingest.accept import SERVICE_NAME, AcceptedBatch, append_batch, json_response, open_batch
from analytics.ingest.batch_status import read_batch_status
from analytics.ingest.decoding.body import (
    Envelope,
    extract_items,
    read_body,
    read_envelope,
    read_items,
    read_single_object,
    wrap_single_object,
)
from analytics.ingest.decoding.events import Event, read_batch
from analytics.ingest.decoding.rejections import check_off_loop
from analytics.ingest.decoding.tracked_steps import read_tracked_step
from analytics.ingest.deletion.deletes import authorize_delete, delete_site_events
from analytics.ingest.dialects import Dialect
from analytics.ingest.exchange import accepts
from analytics.ingest.ids import normalize_event_id
from analytics.ingest.tracked_funnels import check_funnel

blueprint = Blueprint("ingest", __name__)


@blueprint.post("/api/analytics/ingest")
@accepts("Send a batch of events", examples.EVENTS, headers=schemas.BATCH_HEADERS)
def accept_events() -> Response:
    """Seed 001: a JSON array, or `{"events": […], "sent_at": …}`."""
    batch = _accept(*read_items(), dialects.BATCH)
    return json_response({"ingested": batch.accepted, **batch.shared_fields()})


@blueprint.post("/analytics/events/")
@accepts("Record one click of a short link", examples.CLICK)
def accept_click() -> Response:
    """Seed 000: one click of a short link; the reply is literally `true`."""
    _accept(*read_single_object(), dialects.CLICK)
    return json_response(True)


@blueprint.post("/event")
@accepts("Send one event of a site", examples.SITE_EVENT)
def accept_site_event() -> Response:
    """Seed 002: one event of a site."""
    batch = _accept(*read_single_object(), dialects.SITE_EVENT)
    ids = {"event_id": _event_id(batch), "batch_id": batch.batch_id}
    return json_response({"status": "accepted", **ids, **batch.warning_fields()})


@blueprint.post("/events")
@accepts("Send one named event", examples.NAMED_EVENT)
def accept_named_event() -> Response:
    """Seed 003: one named event with properties."""
    batch = _accept(*read_single_object(), dialects.NAMED_EVENT)
    return json_response(
        {
            "success": True,
            "event_id": "event_" + _event_id(batch),
            "event_name": batch.item.type,
            "timestamp": format_rfc3339(batch.item.ts or batch.received_at),
            "service": SERVICE_NAME,
            **batch.warning_fields(),
        }
    )


@blueprint.delete("/events")
@documented(
    "Delete every event of a site", schemas.SiteQuery, (schemas.DeletedEventsResponse, examples.DELETED_EVENTS_EXAMPLE)
)
@guarded("admin")
def delete_events() -> Response:
    """Seed 003, development only: the events, with all that was counted of them. Samples have their own DELETE."""
    principal, site = authorize_delete("events")
    deleted = delete_site_events(db.engine, site.id, principal.subject)
    return json_response({"success": True, "deleted": deleted, "site": site.key}, 200)


@blueprint.post("/api/v1/analytics/event")
@accepts("Send one event of a website", examples.WEBSITE_EVENT, status=201)
def accept_website_event() -> Response:
    """Seed 004: one event of a website."""
    batch = _accept(*read_single_object(), dialects.WEBSITE_EVENT)
    visitor = _visitor_fields(batch.item)
    return json_response({"status": "accepted", "event_id": _event_id(batch), **visitor, **batch.warning_fields()}, 201)


@blueprint.post("/api/v1/funnels/track")
@accepts("Track a step of a funnel", examples.TRACKED_STEP, status=201)
def accept_funnel_step() -> Response:
    """Seed 004: how far a visitor has come, as the client tracks it. Reports show it beside the computed steps."""
    body = read_body()
    items, envelope = wrap_single_object(body)
    step = check_off_loop(partial(read_tracked_step, body), body)
    context = open_batch(items, envelope)
    check_funnel(db.engine, context.site, step.funnel_id)
    batch = append_batch(context, read_batch(items, context.rules, dialects.FUNNEL_STEP))
    fields = {**_visitor_fields(batch.item), "message": "the step is accepted", **batch.warning_fields()}
    return json_response({"status": "accepted", "funnel_id": step.funnel_id, **fields}, 201)


@blueprint.post("/api/v1/analytics/event/batch")
@accepts("Send a batch of events of a website", examples.WEBSITE_BATCH, status=201, headers=schemas.BATCH_HEADERS)
def accept_website_batch() -> Response:
    """Seed 004: `{siteId, domain, events: […]}`."""
    envelope = read_envelope(read_body())
    batch = _accept(extract_items(envelope), envelope, dialects.WEBSITE_BATCH)
    return json_response(
        {
            "status": "accepted",
            "events_count": batch.accepted,
            "processed_at": format_rfc3339(batch.received_at),
            "batch_id": batch.batch_id,
            "rejected": [problem.as_json() for problem in batch.rejected],
            **batch.warning_fields(),
        },
        201,
    )


@blueprint.get("/api/analytics/batches/<batch_id>")
@documented("Get the status of a batch", response=(schemas.BatchStatusResponse, examples.BATCH_STATUS_EXAMPLE))
@guarded("ingest")
def get_batch_status(batch_id: str) -> Response:
    """The state of an accepted batch: in_flight, stored (with duplicates counted), duplicate, dead_lettered, or
    refused: its site was deleted in between."""
    principal = require_scope("ingest")
    if not re.fullmatch(r"\d{1,15}-\d{1,10}", batch_id):
        raise NotFound("this is not a batch_id; accepted for example: 1764000000000-0")
    status = read_batch_status(db.engine, buffer_redis(), batch_id)
    # Ids can be guessed, so another site's batch is answered as one that does not exist.
    if status is None or (principal.sites is not None and status.site not in principal.sites):
        raise NotFound(
            f"no batch {batch_id} of your sites: it was never accepted, or its ledger row is past retention;"
            " send the batch_id of a response, for example 1764000000000-0"
        )
    check_site_access(principal, status.site)
    return json_response(status, 200)


def _accept(items: bytes, envelope: Envelope | None, dialect: Dialect) -> AcceptedBatch[Event]:
    context = open_batch(items, envelope, dialect.default_site_key)
    return append_batch(context, read_batch(items, context.rules, dialect))


def _event_id(batch: AcceptedBatch[Event]) -> str:
    """The id of a single event: the caller's as a UUID, or the derived one."""
    event_id = batch.item.event_id
    return batch.derived_id if event_id is None else normalize_event_id(str(event_id))


def _visitor_fields(event: Event) -> dict[str, str | None]:
    session_id = None if event.session_id is None else str(event.session_id)
    return {"visitor_id": str(event.user_id), "session_id": session_id}
