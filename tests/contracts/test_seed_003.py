"""Seed 003: metrics and named events, with the bodies that the seed prints."""

import platform
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from config import load
from tests.contracts.conftest import INSTANT, UUID, stored

VIEWS = {"metric_name": "page_views", "value": 150, "tags": {"page": "/dashboard", "user_type": "premium"}}
LATENCY = {"metric_name": "api_response_time", "value": 125.5, "tags": {"endpoint": "/api/users", "method": "GET"}}


@pytest.mark.parametrize("path", ["/health", "/health-check"])
def test_3_e1_health_names_the_service(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json["ok"], answer.json["service"]) == (200, True, "analytics-service")
    assert answer.json["python_version"] == platform.python_version()


@pytest.mark.parametrize("body", [VIEWS, LATENCY], ids=["whole", "fraction"])
def test_3_e2_a_metric(local: FlaskClient, drained: Callable[[], object], sql: Any, body: dict[str, Any]) -> None:
    response = local.post("/metrics", json=body)
    answer = response.json
    assert response.status_code == 202
    assert list(answer) == ["success", "metric_id", "metric_name", "value", "timestamp", "service"]
    assert re.fullmatch("metric_" + UUID, answer["metric_id"])
    assert re.fullmatch(INSTANT, answer["timestamp"])
    assert (answer["success"], answer["service"]) == (True, "analytics-service")
    assert (answer["metric_name"], answer["value"]) == (body["metric_name"], body["value"])
    drained()
    [row] = sql("SELECT 'metric_' || sample_id, name, value::float, tags FROM samples")
    assert row == (answer["metric_id"], body["metric_name"], body["value"], body["tags"])


def test_3_e3_a_named_event(local: FlaskClient, drained: Callable[[], object], engine: Engine) -> None:
    body = {
        "event_name": "purchase_completed",
        "user_id": "user_456",
        "properties": {"amount": 99.99, "currency": "USD", "items": 3},
    }
    answer = local.post("/events", json=body).json
    assert set(answer) == {"success", "event_id", "event_name", "timestamp", "service"}
    assert (answer["success"], answer["event_name"], answer["service"]) == (
        True,
        "purchase_completed",
        "analytics-service",
    )
    assert re.fullmatch("event_" + UUID, answer["event_id"])
    drained()
    [row] = stored(engine)
    assert ("event_" + str(row["event_id"]), row["payload"]) == (answer["event_id"], body["properties"])


def test_3_e4_figures_of_a_metric(local: FlaskClient, drained: Callable[[], object]) -> None:
    for value in (50, 100, 150, 500):
        local.post("/metrics", json={**VIEWS, "value": value})
    drained()
    for hours in (24, 168):
        answer = local.get(f"/metrics/page_views?hours={hours}").json
        assert list(answer)[:8] == [
            "metric_name", "count", "sum", "average", "min", "max", "period_start", "period_end",
        ]  # fmt: skip
        assert list(answer.values())[:6] == ["page_views", 4, 800, 200, 50, 500]
        assert re.fullmatch(INSTANT, answer["period_start"])
        assert re.fullmatch(INSTANT, answer["period_end"])
        # Halfway between 100 and 150, and 0.97 of the way from 150 to 500.
        assert answer["p50"] == pytest.approx(125, rel=answer["percentile_error"])
        assert answer["p99"] == pytest.approx(489.5, rel=answer["percentile_error"])
    assert answer["meta"]["source"] == "rollup"


def test_3_e4_a_metric_that_has_not_reported_yet(local: FlaskClient) -> None:
    local.post("/metrics", json=VIEWS)
    answer = local.get("/metrics/api_calls?hours=168")
    assert (answer.status_code, answer.json["count"], answer.json["sum"]) == (200, 0, 0)


def test_3_e5_names_of_metrics(local: FlaskClient, drained: Callable[[], object]) -> None:
    for name in ("page_views", "api_calls", "response_time", "page_views"):
        local.post("/metrics", json={"metric_name": name, "value": 1})
    drained()
    answer = local.get("/metrics").json
    assert (answer["metrics"], answer["count"]) == (["api_calls", "page_views", "response_time"], 3)


def test_3_e8_deleting_is_for_admins_in_development(
    local: FlaskClient, make_app: Callable[..., Flask], token: Any, auth: Any, drained: Callable[[], object]
) -> None:
    local.post("/metrics", json=VIEWS)
    drained()
    assert local.delete("/metrics/page_views").status_code in (401, 403)
    assert local.delete("/metrics/page_views", headers=auth(token("admin"))).status_code == 403
    development = make_app(environment="development").test_client()
    assert development.delete("/metrics/page_views", headers=auth(token("admin"))).json["deleted"] == 1
    assert local.get("/metrics").json["metrics"] == []


def test_3_v_the_port_is_read() -> None:
    assert load({"PORT": "3011"}).port == 3011
