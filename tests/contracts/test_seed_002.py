"""Seed 002: events of sites, and what was viewed there."""

from collections.abc import Callable

from flask.testing import FlaskClient
from sqlalchemy import Engine

from analytics.reports.websites.examples import SITE_STATS_EXAMPLE
from analytics.reports.websites.schemas import SiteStatsResponse
from tests.contracts.conftest import stored


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


def test_2_e1_names_the_missing_field(local: FlaskClient) -> None:
    answer = local.post("/event", json={"site_id": "s"})
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "event_type")


def test_2_e2_all_time_and_one_day(local: FlaskClient, drained: Callable[[], object]) -> None:
    for day, path, user in (
        ("14", "/home", "u1"),
        ("14", "/home", "u2"),
        ("14", "/about", "u1"),
        ("15", "/home", "u3"),
    ):
        event = {"site_id": "test-site", "event_type": "page_view", "path": path, "user_id": user}
        local.post("/event", json=event | {"timestamp": f"2025-11-{day}T13:30:01Z"})
    drained()
    found = local.get("/stats?site_id=test-site&date=2025-11-14").json
    assert SiteStatsResponse().validate(found) == {}
    assert (found["site_id"], found["date"], found["total_views"], found["unique_users"]) == (
        "test-site",
        "2025-11-14",
        3,
        2,
    )
    assert found["top_paths"] == [{"path": "/home", "views": 2}, {"path": "/about", "views": 1}]
    found = local.get("/stats?site_id=test-site").json
    assert (found["date"], found["total_views"], found["unique_users"]) == (None, 4, 3)
    assert found["top_paths"] == [{"path": "/home", "views": 3}, {"path": "/about", "views": 1}]
    assert found["meta"]["from"] == "2025-11-14T00:00:00Z"


def test_2_e2_another_period_and_a_limit(local: FlaskClient, drained: Callable[[], object]) -> None:
    event = {"site_id": "test-site", "event_type": "page_view", "path": "/", "user_id": "u"}
    local.post("/event", json=event | {"timestamp": "2025-11-14T13:30:01Z"})
    drained()
    found = local.get("/stats?site_id=test-site&from=2025-11-01&to=2025-11-13&limit=5").json
    assert (found["date"], found["total_views"], found["top_paths"]) == (None, 0, [])
    assert local.get("/stats?site_id=test-site&zone=Asia/Tokyo").status_code == 400
    assert local.get("/stats?site_id=nowhere").status_code == 404


def test_the_example_is_an_answer() -> None:
    assert SiteStatsResponse().validate(SITE_STATS_EXAMPLE) == {}
