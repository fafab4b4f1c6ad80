"""The service as `make run` starts it: whoever comes may ingest and read, sites make themselves, history is kept."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine

from analytics.ingest.pipeline import Drain


@pytest.fixture
def local(make_app: Callable[..., Flask]) -> FlaskClient:
    app = make_app(anonymous_scopes=("ingest", "read"), auto_create_sites=True, event_retention_days=3650)
    return app.test_client()


@pytest.fixture
def drained(engine: Engine, redis: Redis) -> Callable[[], Any]:
    """Stores what waits, as a worker would."""
    return lambda: Drain(engine, redis, b"s" * 32, company_s=0.0).run()
