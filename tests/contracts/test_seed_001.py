"""Seed 001: batches, daily active users, the events as a file."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient

from config import Settings, load

EVENTS = [
    {
        "ts": "2024-01-01T12:00:00Z",
        "user_id": "user-123",
        "type": "page_view",
        "src": "web_app",
        "payload": {"page": "/dashboard"},
    },
    {
        "ts": "2024-01-01T12:01:00Z",
        "user_id": "user-123",
        "type": "button_click",
        "src": "web_app",
        "payload": {"button_id": "save_profile"},
    },
]


def test_1_e1_the_seeds_batch_is_ingested(local: FlaskClient) -> None:
    answer = local.post("/api/analytics/ingest", json=EVENTS)
    assert answer.status_code == 202
    assert (answer.json["ingested"], answer.json["received"], answer.json["rejected"]) == (2, 2, [])


def test_1_e1_a_batch_over_the_limit_is_413(make_app: Callable, token: Callable, auth: Callable, site: object) -> None:
    client = make_app(max_batch_size=3).test_client()
    answer = client.post("/api/analytics/ingest", json=[{"type": "a"}] * 4, headers=auth(token()))
    assert answer.status_code == 413
    assert "batch too large" in answer.json["detail"]
    assert "MAX_BATCH_SIZE is 3" in answer.json["detail"]


def test_1_e1_needs_a_token(client: FlaskClient) -> None:
    answer = client.post("/api/analytics/ingest", json=EVENTS)
    assert (answer.status_code, answer.mimetype) == (401, "application/problem+json")


def test_1_e1_a_batch_tells_what_became_of_it(local: FlaskClient, drained: Callable[[], object]) -> None:
    batch_id = local.post("/api/analytics/ingest", json=[{**EVENTS[0], "event_id": "e1"}]).json["batch_id"]
    assert local.get(f"/api/analytics/batches/{batch_id}").json["state"] == "in_flight"
    again = local.post("/api/analytics/ingest", json=[{**EVENTS[0], "event_id": "e1"}]).json["batch_id"]
    drained()
    assert local.get(f"/api/analytics/batches/{batch_id}").json["state"] == "stored"
    repeat = local.get(f"/api/analytics/batches/{again}").json
    assert (repeat["state"], repeat["received"], repeat["duplicate"]) == ("duplicate", 1, 1)
    assert local.get("/api/analytics/batches/1-1").status_code == 404


def test_1_e1_strict_handling_is_all_or_nothing(local: FlaskClient, drained: Callable) -> None:
    headers = {"Prefer": "handling=strict"}
    answer = local.post("/api/analytics/ingest", json=[*EVENTS, {"type": 3}], headers=headers)
    assert (answer.status_code, answer.json["errors"][0]["index"]) == (422, 2)
    assert drained().received == 0


def test_1_e1_sent_at_corrects_a_wrong_clock(local: FlaskClient, drained: Callable) -> None:
    slow = datetime.now(UTC) - timedelta(days=3)
    body = {
        "sent_at": slow.isoformat(),
        "events": [{"type": "a", "user_id": "u", "ts": (slow - timedelta(minutes=1)).isoformat()}],
    }
    assert local.post("/api/analytics/ingest", json=body).status_code == 202
    drained()
    [row] = csv.DictReader(io.StringIO(local.get("/api/analytics/reports/events?format=csv").text))
    off = datetime.now(UTC) - timedelta(minutes=1) - datetime.fromisoformat(row["ts"])
    assert abs(off) < timedelta(seconds=10)


def test_1_e2_dau_of_the_seeds_day(local: FlaskClient, drained: Callable[[], object]) -> None:
    local.post("/api/analytics/ingest", json=EVENTS)
    drained()
    answer = local.get("/api/analytics/reports/dau?date=2024-01-01").json
    assert (answer["dau"], answer["date"], answer["period"]) == (1, "2024-01-01", "24h")


def test_1_e3_the_events_come_out_as_csv(local: FlaskClient, drained: Callable[[], object]) -> None:
    local.post("/api/analytics/ingest", json=EVENTS)
    drained()
    answer = local.get("/api/analytics/reports/events?format=csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["user_id"], row["type"], row["path"]) for row in rows] == [
        ("user-123", "page_view", "/dashboard"),
        ("user-123", "button_click", ""),
    ]


@pytest.mark.parametrize("path", ["/api/analytics/healthz", "/healthz"])
def test_1_e4_health_needs_no_token(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 200


def test_1_v_the_seeds_variables_are_read() -> None:
    seed = {
        "DATABASE_URL": "postgresql://user:pass@host:5432/dbname",
        "JWT_SECRET_KEY": "your-jwt-secret-key",
        "CELERY_BROKER_URL": "redis://redis:6379/0",
        "CELERY_RESULT_BACKEND": "redis://redis:6379/0",
        "MAX_BATCH_SIZE": "1000",
        "EVENT_RETENTION_DAYS": "90",
        "METRICS_RETENTION_DAYS": "365",
        "LOG_LEVEL": "DEBUG",
    }
    found: Settings = load(seed)
    assert (found.max_batch_size, found.event_retention_days, found.log_level) == (1000, 90, "DEBUG")
    assert found.celery_broker_url == "redis://redis:6379/0"
