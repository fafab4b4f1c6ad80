"""Bodies and responses of the routes that accept samples, as the API's description shows them."""

from analytics.ingest.examples import EXAMPLE_BATCH_ID, EXAMPLE_EVENT_ID
from analytics.ingest.exchange import Exchange
from analytics.ingest.samples import schemas

SAMPLE_EXAMPLE = {"metric_name": "response_time", "value": 125.5, "tags": {"endpoint": "/api/users"}}
SAMPLE = Exchange(
    (schemas.SAMPLE_BODY, SAMPLE_EXAMPLE),
    (
        schemas.AcceptedSampleResponse,
        {
            "success": True,
            "metric_id": f"metric_{EXAMPLE_EVENT_ID}",
            "metric_name": "response_time",
            "value": 125.5,
            "timestamp": "2025-11-24T16:00:00.000Z",
            "service": "analytics-service",
        },
    ),
)
SAMPLES = Exchange(
    (schemas.SAMPLES_BODY, [SAMPLE_EXAMPLE]),
    (schemas.AcceptedSamplesResponse, {"accepted": 1, "received": 1, "batch_id": EXAMPLE_BATCH_ID, "rejected": []}),
)
DELETED_SAMPLES_EXAMPLE = {"success": True, "metric_name": "response_time", "deleted": 12, "site": "default"}
