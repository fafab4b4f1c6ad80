"""Seeds 002, 003 and 004: the paths that take events."""

import re
from collections.abc import Callable

from flask.testing import FlaskClient
from sqlalchemy import Engine, text

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


def stored(engine: Engine) -> list[dict[str, object]]:
    query = "SELECT e.*, s.key FROM events e JOIN sites s ON s.id = e.site_id ORDER BY e.received_at, e.event_id"
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(text(query)).mappings()]


def test_2_e1_a_site_event(local: FlaskClient, drained: Callable[[], object], engine: Engine) -> None:
    body = {
        "site_id": "test-site",
        "event_type": "page_view",
        "path": "/home",
        "user_id": "user123",
        "timestamp": "2025-11-14T13:30:01Z",
    }
    assert local.post("/event", json=body).status_code == 202
    drained()
    [row] = stored(engine)
    assert (row["key"], row["type"], row["path"], row["user_id"]) == ("test-site", "page_view", "/home", "user123")
    assert local.get("/api/analytics/reports/dau?site=test-site&date=2025-11-14").json["dau"] == 1


def test_2_e1_names_what_is_lacking(local: FlaskClient) -> None:
    answer = local.post("/event", json={"site_id": "s"})
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "event_type")


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


def test_4_e2_a_website_event(local: FlaskClient, drained: Callable[[], object], engine: Engine) -> None:
    body = {
        "website_id": "w1",
        "visitor_id": "v1",
        "session_id": "s1",
        "page": "/p?utm_source=mail",
        "time_on_page": 12,
    }
    answer = local.post("/api/v1/analytics/event", json=body)
    assert answer.status_code == 201
    assert re.fullmatch(UUID, answer.json["event_id"])
    assert answer.json | {"event_id": ""} == {
        "status": "accepted",
        "event_id": "",
        "visitor_id": "v1",
        "session_id": "s1",
    }
    drained()
    [row] = stored(engine)
    assert (row["key"], row["type"], row["user_id"], row["session_id"]) == ("w1", "page_view", "v1", "s1")
    assert (row["path"], row["utm_source"], row["payload"]) == ("/p", "mail", {"time_on_page": 12})


def test_4_e2_requires_website_and_visitor(local: FlaskClient) -> None:
    answer = local.post("/api/v1/analytics/event", json={"page": "/p"})
    assert answer.status_code == 422
    assert {error["field"] for error in answer.json["errors"]} == {"website_id", "visitor_id"}


def test_4_e3_a_website_batch(local: FlaskClient, drained: Callable[[], object], engine: Engine) -> None:
    body = {
        "siteId": "w1",
        "domain": "x.org",
        "events": [{"visitor_id": "v1", "page": "/a"}, {"page": "/b"}, {"visitor_id": "v2", "event_type": "pageview"}],
    }
    answer = local.post("/api/v1/analytics/event/batch", json=body)
    assert (answer.status_code, answer.json["status"], answer.json["events_count"]) == (201, "accepted", 2)
    assert "processed_at" in answer.json
    assert [(error["index"], error["field"]) for error in answer.json["rejected"]] == [(1, "visitor_id")]
    drained()
    assert {(row["key"], row["user_id"], row["type"]) for row in stored(engine)} == {
        ("w1", "v1", "page_view"),
        ("w1", "v2", "page_view"),
    }
