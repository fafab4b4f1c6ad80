"""Shapes in and out of the routes that accept samples, for the API's description. Nothing here checks a body."""

import msgspec
from marshmallow.fields import Float, Integer, String

from analytics.apidocs.response_fields import required
from analytics.ingest.samples.samples import Sample
from analytics.ingest.schemas import (
    BatchResponse,
    DeletedEventsResponse,
    JsonSchema,
    ServiceResponse,
    build_array_or_batch_schema,
)


def build_sample_schema() -> JsonSchema:
    """JSON Schema of one sample."""
    _, components = msgspec.json.schema_components([Sample])
    return {name: value for name, value in components["Sample"].items() if name != "title"}


SAMPLE_BODY = build_sample_schema()
SAMPLES_BODY = build_array_or_batch_schema("samples", SAMPLE_BODY)


class AcceptedSampleResponse(ServiceResponse):
    """The sample is accepted, and will be stored."""

    class Meta:
        include = required(String, "metric_id", "metric_name") | required(Float, "value")


class AcceptedSamplesResponse(BatchResponse):
    """How many samples were accepted, and what was wrong with the others. `batch_id` is null for an empty batch."""

    class Meta:
        include = required(Integer, "accepted", "received")


class DeletedSamplesResponse(DeletedEventsResponse):
    """How many samples of the name were deleted."""

    metric_name = String(required=True)
