"""Sites, and events that take the real path: an entry of the stream, then a drain."""

import time
import uuid
from typing import Any

import msgspec
from redis import Redis
from sqlalchemy import Engine

from analytics import clock
from analytics.ingest import buffer
from analytics.ingest.buffer import BacklogLimits, Entry
from analytics.ingest.drain.drain import Drain
from analytics.sites.sites import Site, create_site

NO_LIMITS = BacklogLimits(10**9, 10**12)


def make_site(engine: Engine, zone: str) -> Site:
    """A new site with a key of its own."""
    with engine.begin() as connection:
        return create_site(connection, f"s{time.monotonic_ns()}", zone=zone)


def make_entry(site: Site, events: list[dict[str, Any]], **changes: Any) -> Entry:
    """The entry of a batch that was received now; `changes`: other fields of it."""
    body, compressed = buffer.compress(msgspec.json.encode(events))
    fields = {
        "body": body, "compressed": compressed, "count": len(events), "site_id": site.id, "site_key": site.key,
        "received_us": int(clock.now().timestamp() * 1e6), "skew_us": 0, "ip": "203.0.113.9", "user_agent": "",
        "principal": "tester", "request_id": "r1",
        "zone": site.zone, "visitor_window": site.visitor_window, "visitor_by": site.visitor_by,
    }  # fmt: skip
    return Entry(**{**fields, **changes})


def append_events(redis: Redis, site: Site, events: list[dict[str, Any]], **changes: Any) -> str:
    """Appends a batch to the stream; its entry id."""
    return buffer.append(redis, make_entry(site, events, **changes), NO_LIMITS)[0]


def make_drain(engine: Engine, redis: Redis) -> Drain:
    """A consumer of its own, which does not wait for more."""
    return Drain(engine, redis, b"s" * 32, linger_s=0.0, consumer=uuid.uuid4().hex)


# (path, body) of the routes that take one event or sample.
SINGLE_EVENTS: list[tuple[str, dict[str, Any]]] = [
    ("/event", {"site_id": "default", "event_type": "page_view"}),
    ("/events", {"event_name": "signup"}),
    ("/analytics/events/", {"short_code": "abc"}),
    ("/api/v1/analytics/event", {"website_id": "default", "visitor_id": "v"}),
    ("/metrics", {"metric_name": "load", "value": 1}),
]
