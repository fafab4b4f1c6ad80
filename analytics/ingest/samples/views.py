"""POSTs that accept samples, on seed 003's path and as batches; and the deletion of a name, in development.

Samples take the path of events (accept.py): one entry of the same stream, stored by the same drain, acknowledged once
Redis has confirmed it. `GET /api/analytics/batches/<batch_id>` says what became of them.
"""

from flask import Blueprint, Response

from analytics.apidocs.operations import documented
from analytics.auth.guard import guarded
from analytics.clock import format_rfc3339
from analytics.extensions import db
from analytics.ingest.accept import SERVICE_NAME, AcceptedBatch, append_batch, json_response, open_batch
from analytics.ingest.decoding.body import Envelope, read_items, read_single_object
from analytics.ingest.deletion.deletes import authorize_delete, delete_named_samples
from analytics.ingest.exchange import accepts
from analytics.ingest.samples import examples, schemas
from analytics.ingest.samples.samples import StreamSample, read_samples
from analytics.ingest.schemas import BATCH_HEADERS, SiteQuery

blueprint = Blueprint("ingest_samples", __name__)


@blueprint.post("/metrics")
@accepts("Send one sample of a metric", examples.SAMPLE)
def accept_sample() -> Response:
    """Seed 003: one value of a metric."""
    batch = _accept(*read_single_object())
    sample = batch.item
    return json_response(
        {
            "success": True,
            "metric_id": "metric_" + (sample.sample_id or batch.derived_id),
            "metric_name": sample.name,
            "value": float(sample.value) if set(".en") & set(sample.value) else int(sample.value),
            "timestamp": format_rfc3339(sample.ts),
            "service": SERVICE_NAME,
        }
    )


@blueprint.post("/api/analytics/samples")
@accepts("Send a batch of samples", examples.SAMPLES, headers=BATCH_HEADERS)
def accept_samples() -> Response:
    """A JSON array of samples, or `{"samples": […], "sent_at": …}`."""
    batch = _accept(*read_items())
    return json_response({"accepted": batch.accepted, **batch.shared_fields()})


@blueprint.delete("/metrics/<path:name>")
@documented(
    "Delete every sample of a metric", SiteQuery, (schemas.DeletedSamplesResponse, examples.DELETED_SAMPLES_EXAMPLE)
)
@guarded("admin")
def delete_samples(name: str) -> Response:
    """Seed 003, development only: every sample of the name, with its rollups."""
    principal, site = authorize_delete("samples")
    deleted = delete_named_samples(db.engine, site.id, name, principal.subject)
    return json_response({"success": True, "metric_name": name, "deleted": deleted, "site": site.key}, 200)


def _accept(items: bytes, envelope: Envelope | None = None) -> AcceptedBatch[StreamSample]:
    context = open_batch(items, envelope)
    batch = read_samples(items, context.rules, context.received_at, context.skew)
    return append_batch(context, batch, holds_samples=True)
