"""The balance sheet includes samples: it balances after drains and merges, and each changed row is a gap."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine

from analytics import clock
from analytics.audit.run import audit_recent, run_audit
from analytics.ingest.drain.drain import Drain
from analytics.rollups.merge import merge_all
from analytics.sites.sites import Site


@pytest.fixture
def stored_samples(engine: Engine, redis: Redis, client: FlaskClient, token: Any, auth: Any, site: Site) -> None:
    """Three samples of two names, one of them sent twice; two events; one sample in the stream."""
    headers = auth(token("ingest"))
    earlier = (clock.now() - timedelta(hours=2)).isoformat()
    batch = [
        {"metric_name": "m", "value": 0.1, "sample_id": "a", "tags": {"x": 1}},
        {"metric_name": "m", "value": 0.2, "ts": earlier},
        {"metric_name": "n", "value": 7},
    ]
    client.post("/api/analytics/samples", json=batch, headers=headers)
    client.post("/api/analytics/samples", json=batch[:1], headers=headers)
    client.post("/api/analytics/ingest", json=[{"type": "page_view", "user_id": "u"}] * 2, headers=headers)
    Drain(engine, redis, b"s" * 32, linger_s=0.0, consumer=uuid.uuid4().hex).run()
    merge_all(engine, 10.0)
    client.post("/metrics", json={"metric_name": "m", "value": 1}, headers=headers)


def test_the_sheet_balances_with_samples(stored_samples: None, engine: Engine, redis: Redis) -> None:
    for sheet in (run_audit(engine, redis), run_audit(engine, redis, full=True), audit_recent(engine, redis)):
        assert sheet.gaps == []
    totals = [(hour.accepted, hour.stored, hour.duplicate, hour.in_flight) for hour in run_audit(engine, redis).hours]
    assert [sum(column) for column in zip(*totals, strict=True)] == [7, 5, 1, 1]


GAPS = [
    ("DELETE FROM samples WHERE name = 'n' RETURNING 1", "samples = rolled up", 0, 1),
    ("UPDATE samples SET value = 3 WHERE name = 'n' RETURNING 1", "sums of samples = rolled up", 1, 1),
    ("DELETE FROM sample_rollups WHERE name = 'n' AND NOT tagged RETURNING 1", "samples = rolled up", 1, 0),
    ("DELETE FROM sample_rollups WHERE name = 'n' AND tagged RETURNING 1", "samples = rolled up by tags", 1, 0),
]


@pytest.mark.parametrize(("change", "what", "expected", "found"), GAPS, ids=[str(n) for n in range(len(GAPS))])
def test_a_gap_of_samples_is_reported(
    stored_samples: None, engine: Engine, redis: Redis, sql: Any, change: str, what: str, expected: int, found: int
) -> None:
    assert sql(change)
    [gap] = [gap for gap in run_audit(engine, redis).gaps if "samples" in gap.what]
    assert (gap.what, gap.expected, gap.found, gap.where.endswith(" n")) == (what, expected, found, True)


def test_the_sheet_balances_after_deleting_a_name(
    stored_samples: None, engine: Engine, redis: Redis, make_app: Callable[..., Flask], token: Any, auth: Any
) -> None:
    app = make_app(environment="development").test_client()
    assert app.delete("/metrics/m", headers=auth(token("admin"))).json["deleted"] == 2
    assert run_audit(engine, redis, full=True).gaps == []


def test_hours_past_retention_are_left_out(stored_samples: None, engine: Engine, redis: Redis, sql: Any) -> None:
    sql("DELETE FROM samples RETURNING 1")
    sql("UPDATE sites SET raw_since = :now RETURNING 1", now=clock.now() + timedelta(hours=1))
    assert run_audit(engine, redis).gaps == []
