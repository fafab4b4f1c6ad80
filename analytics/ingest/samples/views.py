"""POSTs that take samples, on seed 003's path and as batches; and the deleting of a name, in development.

They go the way of events: one entry of the same stream, stored by the same drain, answered for once Redis has confirmed
it. `GET /api/analytics/batches/<batch_id>` tells what became of them.
"""

from datetime import datetime
from typing import NamedTuple

from flask import Blueprint, Response, request

from analytics import clock
from analytics.auth.guard import choose_site, guarded, require
from analytics.documented import documented
from analytics.errors import Forbidden, Problem
from analytics.extensions import db, settings
from analytics.ingest import schemas
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
from analytics.ingest.events import Rules
from analytics.ingest.ids import derived_event_id
from analytics.ingest.sample_deletes import forget_name
from analytics.ingest.samples import Point, encode_points, read_samples
from analytics.sites import find_site

# The event loop of a web process serves the POSTs of blueprints whose names begin with ingest.
blueprint = Blueprint("ingest_samples", __name__)


class Accepted(NamedTuple):
    """A batch that Redis has confirmed; `batch_id` is '' when it held no sample."""

    batch_id: str
    received_at: datetime
    points: list[Point]
    received: int
    rejected: list[Problem]


@blueprint.post("/metrics")
@documented(
    "Send one sample of a metric",
    query=schemas.SiteQuery,
    body=schemas.SAMPLE,
    sent=schemas.SAMPLE_EXAMPLE,
    answer=schemas.SampleAccepted,
    example=schemas.SAMPLE_ANSWER_EXAMPLE,
    status=202,
)
@guarded("ingest")
def sample() -> Response:
    """Seed 003: one value of a metric."""
    accepted = _accept(one_object(read_body()))
    point = accepted.points[0]
    return reply(
        {
            "success": True,
            "metric_id": "metric_" + (point.sample_id or derived_event_id(accepted.batch_id, 0)),
            "metric_name": point.name,
            "value": float(point.value) if set(".en") & set(point.value) else int(point.value),
            "timestamp": shown(point.ts),
            "service": SERVICE,
        }
    )


@blueprint.post("/api/analytics/samples")
@documented(
    "Send a batch of samples",
    query=schemas.SiteQuery,
    headers=schemas.BATCH_HEADERS,
    body=schemas.SAMPLES,
    sent=[schemas.SAMPLE_EXAMPLE],
    answer=schemas.SamplesAccepted,
    example=schemas.SAMPLES_ANSWER_EXAMPLE,
    status=202,
)
@guarded("ingest")
def samples() -> Response:
    """A JSON array of the same, or `{"samples": […], "sent_at": …}`."""
    body = read_body()
    envelope = read_envelope(body) if body.lstrip()[:1] == b"{" else None
    accepted = _accept(body if envelope is None else events_of(envelope), envelope)
    return reply(
        {
            "accepted": len(accepted.points),
            "received": accepted.received,
            "batch_id": accepted.batch_id or None,
            "rejected": [problem.as_json() for problem in accepted.rejected],
        }
    )


@blueprint.delete("/metrics/<path:name>")
@documented(
    "Delete every sample of a metric",
    query=schemas.SiteQuery,
    answer=schemas.ForgottenSamples,
    example=schemas.FORGOTTEN_EXAMPLE,
)
@guarded("admin")
def forget(name: str) -> Response:
    """Seed 003, development only: every sample of the name, and what was rolled up of them."""
    if settings().environment != "development":
        raise Forbidden("samples are deleted in development only (ENVIRONMENT=development)")
    principal = require("admin")
    site = find_site(db.engine, choose_site(principal, request.args.get("site")))
    deleted = forget_name(db.engine, site.id, name, principal.subject)
    return reply({"success": True, "metric_name": name, "deleted": deleted, "site": site.key}, 200)


def _accept(items: bytes, envelope: Envelope | None = None) -> Accepted:
    """Checks the samples and appends the good ones. Raises Invalid when none is good, or one is bad under strict."""
    principal, received_at, chosen = require("ingest"), clock.now(), settings()
    environ = request.environ
    site = site_of(environ, principal, items, envelope, chosen.auto_create_sites)
    skew = skew_of(envelope, received_at)
    rules = Rules(window_of(site, received_at, skew, chosen), chosen.max_batch_size, site.key)
    found = read_samples(items, rules, received_at, skew)
    refuse_if_strict(environ, "samples", len(found.points), found.received, found.rejected)
    accepted = Accepted("", received_at, found.points, found.received, found.rejected)
    if not found.points:
        return accepted
    body, count = encode_points(found.points), len(found.points)
    # A point's ts is by our clock already.
    entry = new_entry(environ, chosen, body, count, site, principal, received_at, skew, samples=True)
    return accepted._replace(batch_id=append(principal, entry, chosen))
