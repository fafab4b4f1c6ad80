"""Seed 001: batches, daily active users, the events as a file."""

import csv
import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from openpyxl import load_workbook
from sqlalchemy import Engine

from analytics.sites.sites import Site, create_site
from analytics.store.models import SUPPORTED_TYPES
from tests.contracts.conftest import stored

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


def test_1_e1_a_batch_has_a_status(local: FlaskClient, drained: Callable[[], object]) -> None:
    batch_id = local.post("/api/analytics/ingest", json=[{**EVENTS[0], "event_id": "e1"}]).json["batch_id"]
    assert local.get(f"/api/analytics/batches/{batch_id}").json["state"] == "in_flight"
    again = local.post("/api/analytics/ingest", json=[{**EVENTS[0], "event_id": "e1"}]).json["batch_id"]
    drained()
    assert local.get(f"/api/analytics/batches/{batch_id}").json["state"] == "stored"
    repeat = local.get(f"/api/analytics/batches/{again}").json
    assert (repeat["state"], repeat["accepted"], repeat["duplicate"]) == ("duplicate", 1, 1)
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


def test_1_e3_events_are_exported_as_csv(local: FlaskClient, drained: Callable[[], object]) -> None:
    local.post("/api/analytics/ingest", json=EVENTS)
    drained()
    answer = local.get("/api/analytics/reports/events?format=csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["user_id"], row["type"], row["path"]) for row in rows] == [
        ("user-123", "page_view", "/dashboard"),
        ("user-123", "button_click", ""),
    ]


def test_1_e3_events_are_exported_as_a_workbook(local: FlaskClient, drained: Callable[[], object]) -> None:
    local.post("/api/analytics/ingest", json=EVENTS)
    drained()
    answer = local.get("/api/analytics/reports/events?format=xlsx")
    assert answer.mimetype == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    assert re.fullmatch(r'attachment; filename="[\w.-]+\.xlsx"', answer.headers["Content-Disposition"])
    header, *rows = load_workbook(io.BytesIO(answer.data)).active.iter_rows(values_only=True)
    found = [dict(zip(header, row, strict=True)) for row in rows]
    assert [(row["user_id"], row["type"], row["src"]) for row in found] == [
        ("user-123", "page_view", "web_app"),
        ("user-123", "button_click", "web_app"),
    ]


@pytest.mark.parametrize("path", ["/api/analytics/healthz", "/healthz"])
def test_1_e4_health_needs_no_token(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 200


def test_1_j_an_event_keeps_its_fields(local: FlaskClient, drained: Callable[[], object], engine: Engine) -> None:
    payload = {"page": "/dashboard", "referrer": "/login", "session_id": "sess-456"}
    local.post("/api/analytics/ingest", json=[{**EVENTS[0], "payload": payload}])
    drained()
    [row] = stored(engine)
    assert (row["ts"], row["user_id"], row["type"], row["src"]) == (
        *(datetime(2024, 1, 1, 12, tzinfo=UTC), "user-123", "page_view", "web_app"),
    )
    assert (row["path"], row["referrer"], row["session_id"]) == ("/dashboard", "/login", "sess-456")
    assert row["payload"] == payload


def test_1_k_the_seven_types_are_accepted_by_default(engine: Engine, site: Site) -> None:
    """Strictness is the site's choice, and may be another list."""
    assert site.types == "open"
    assert sorted(SUPPORTED_TYPES) == [
        *("button_click", "course_complete", "error_occurred", "form_submit"),
        *("page_view", "search_query", "video_play"),
    ]
    with engine.begin() as connection:
        assert create_site(connection, "strict", types="strict").event_types == frozenset(SUPPORTED_TYPES)
