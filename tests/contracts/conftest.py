"""The service as `make run` starts it: anonymous ingest and read, sites created automatically, long retention."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine, text

from analytics.ingest.drain.drain import Drain

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
INSTANT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"


@pytest.fixture
def local(make_app: Callable[..., Flask]) -> FlaskClient:
    app = make_app(anonymous_scopes=("ingest", "read", "write"), auto_create_sites=True, event_retention_days=3650)
    return app.test_client()


@pytest.fixture
def drained(engine: Engine, redis: Redis) -> Callable[[], Any]:
    """Drains the stream, as a worker does."""
    return lambda: Drain(engine, redis, b"s" * 32, linger_s=0.0).run()


def stored(engine: Engine) -> list[dict[str, Any]]:
    """The rows of all events with their site keys, in order of receipt."""
    query = "SELECT e.*, s.key FROM events e JOIN sites s ON s.id = e.site_id ORDER BY e.received_at, e.event_id"
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(text(query)).mappings()]
