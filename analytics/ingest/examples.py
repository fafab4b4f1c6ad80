"""Bodies and responses of the routes that accept events, as the API's description shows them."""

from analytics.ingest import schemas
from analytics.ingest.exchange import Exchange

EXAMPLE_EVENT_ID, EXAMPLE_BATCH_ID = "0193a2f0-7c1e-7000-8000-000000000000", "1764000000000-0"
CLICK = Exchange(
    (
        schemas.CLICK_BODY,
        {
            "short_code": "abc123",
            "ip_address": "192.0.2.1",
            "user_agent": "Mozilla/5.0",
            "referer": "https://news.example.org/a",
            "country": "US",
            "city": "San Francisco",
        },
    ),
    (schemas.TRUE_RESPONSE, True),
)
EVENTS = Exchange(
    (
        schemas.EVENTS_BODY,
        [
            {"type": "page_view", "user_id": "user-1", "path": "/pricing", "src": "web", "payload": {"plan": "pro"}},
            {"type": "button_click", "user_id": "user-1", "payload": {"button_id": "buy"}},
        ],
    ),
    (schemas.IngestResponse, {"ingested": 2, "received": 2, "batch_id": EXAMPLE_BATCH_ID, "rejected": []}),
)
SITE_EVENT = Exchange(
    (schemas.SITE_EVENT_BODY, {"site_id": "default", "event_type": "page_view", "path": "/home", "user_id": "user-1"}),
    (schemas.SiteEventResponse, {"status": "accepted", "event_id": EXAMPLE_EVENT_ID, "batch_id": EXAMPLE_BATCH_ID}),
)
NAMED_EVENT = Exchange(
    (schemas.NAMED_EVENT_BODY, {"event_name": "signup", "user_id": "user-1", "properties": {"plan": "pro"}}),
    (
        schemas.NamedEventResponse,
        {
            "success": True,
            "event_id": f"event_{EXAMPLE_EVENT_ID}",
            "event_name": "signup",
            "timestamp": "2025-11-24T16:00:00.000Z",
            "service": "analytics-service",
        },
    ),
)
WEBSITE_EVENT = Exchange(
    (
        schemas.WEBSITE_EVENT_BODY,
        {
            "website_id": "default",
            "visitor_id": "visitor-1",
            "session_id": "session-1",
            "event_type": "pageview",
            "page": "/pricing",
            "referrer": "https://news.example.org/a",
        },
    ),
    (
        schemas.WebsiteEventResponse,
        {
            "status": "accepted",
            "event_id": EXAMPLE_EVENT_ID,
            "visitor_id": "visitor-1",
            "session_id": "session-1",
        },
    ),
)
TRACKED_STEP = Exchange(
    (
        schemas.TRACKED_STEP_BODY,
        {
            "funnel_id": "5b0ff3f4-3a53-4f0e-9a3a-5f1d6f1b6c11",
            "website_id": "default",
            "visitor_id": "visitor-1",
            "session_id": "session-1",
            "current_step": 2,
            "completed_steps": [1, 2],
            "converted": False,
        },
    ),
    (
        schemas.TrackedStepResponse,
        {
            "status": "accepted",
            "funnel_id": "5b0ff3f4-3a53-4f0e-9a3a-5f1d6f1b6c11",
            "visitor_id": "visitor-1",
            "session_id": "session-1",
            "message": "the step is accepted",
        },
    ),
)
WEBSITE_BATCH = Exchange(
    (
        schemas.WEBSITE_BATCH_BODY,
        {
            "siteId": "default",
            "domain": "example.org",
            "events": [{"visitor_id": "visitor-1", "event_type": "pageview", "page": "/pricing"}],
        },
    ),
    (
        schemas.WebsiteBatchResponse,
        {
            "status": "accepted",
            "events_count": 1,
            "processed_at": "2025-11-24T16:00:00.000Z",
            "batch_id": EXAMPLE_BATCH_ID,
            "rejected": [],
        },
    ),
)
DELETED_EVENTS_EXAMPLE = {"success": True, "deleted": 75, "site": "default"}
BATCH_STATUS_EXAMPLE = {
    "batch_id": EXAMPLE_BATCH_ID,
    "state": "stored",
    "site": "default",
    "request_id": "4e0b8b6f0f7b4f0e9a5f3a0d3c1b2a19",
    "received_at": "2025-11-24T16:00:00.000Z",
    "stored_at": "2025-11-24T16:00:00.120Z",
    "accepted": 2,
    "stored": 2,
    "duplicate": 0,
    "dead_lettered": 0,
    "refused": 0,
    "dead_letters": [],
}
