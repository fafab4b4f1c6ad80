"""Seed 004's reports, on its paths and with its fields."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from analytics.reports import website_examples as examples
from analytics.reports import website_schemas as schemas

REPORTS = [
    pytest.param("dashboard", schemas.DashboardAnswer, examples.DASHBOARD_EXAMPLE, id="4.E4"),
    pytest.param("top-pages", schemas.TopPagesAnswer, examples.TOP_PAGES_EXAMPLE, id="4.E6"),
    pytest.param("top-referrers", schemas.TopReferrersAnswer, examples.TOP_REFERRERS_EXAMPLE, id="4.E7"),
    pytest.param("top-countries", schemas.TopCountriesAnswer, examples.top_example("countries"), id="4.E8"),
    pytest.param("top-browsers", schemas.TopBrowsersAnswer, examples.top_example("browsers"), id="4.E9"),
    pytest.param("top-devices", schemas.TopDevicesAnswer, examples.top_example("devices"), id="4.E10"),
    pytest.param("top-os", schemas.TopOsAnswer, examples.top_example("os"), id="4.E11"),
    pytest.param("traffic-summary", schemas.TrafficSummaryAnswer, examples.TRAFFIC_SUMMARY_EXAMPLE, id="4.E12"),
    pytest.param("daily-stats", schemas.DailyStatsAnswer, examples.DAILY_STATS_EXAMPLE, id="4.E13"),
    pytest.param("hourly-stats", schemas.HourlyStatsAnswer, examples.HOURLY_STATS_EXAMPLE, id="4.E14"),
    pytest.param("custom-events", schemas.CustomEventsAnswer, examples.CUSTOM_EVENTS_EXAMPLE, id="4.E15"),
]


@pytest.fixture
def visited(local: FlaskClient, drained: Callable[[], object]) -> FlaskClient:
    event = {"website_id": "w1", "visitor_id": "v1", "session_id": "s1", "page": "/p?utm_source=mail", "country": "DE"}
    local.post("/api/v1/analytics/event", json=event)
    local.post("/api/v1/analytics/event", json=event | {"event_type": "signup", "properties": {"plan": "pro"}})
    drained()
    return local


@pytest.mark.parametrize(("name", "schema", "example"), REPORTS)
def test_answers_have_the_fields_of_the_seed(visited: FlaskClient, name: str, schema: Any, example: Any) -> None:
    answer = visited.get(f"/api/v1/analytics/{name}/w1?days=7&include_bots=true")
    assert answer.status_code == 200
    assert schema().validate(answer.json) == {}
    assert set(answer.json) == set(example)
    assert schema().validate(example) == {}
    assert answer.json["website_id"] == "w1"


def test_4_e4_a_visitor_is_live(visited: FlaskClient) -> None:
    found = visited.get("/api/v1/analytics/dashboard/w1?days=7").json
    counts = ("date_range", "live_visitors", "page_views", "unique_visitors")
    assert [found[name] for name in counts] == ["7 days", 1, 1, 1]
    assert found["geolocation"]["continents"] == [{"name": "Europe", "count": 1, "percentage": 100.0}]


def test_4_e13_days_end_today(visited: FlaskClient) -> None:
    days = visited.get("/api/v1/analytics/daily-stats/w1?days=3").json["daily_stats"]
    assert len(days) == 3
    assert days[-1] == {"date": str(datetime.now(UTC).date()), "views": 1, "unique": 1}


def test_4_e14_hours_end_now(visited: FlaskClient) -> None:
    found = visited.get("/api/v1/analytics/hourly-stats/w1?timezone=Europe/Berlin").json
    assert (found["date_range"], found["timezone"], len(found["hourly_stats"])) == ("24 hours", "Europe/Berlin", 24)


def test_4_e15_custom_events_show_their_properties(visited: FlaskClient) -> None:
    found = visited.get("/api/v1/analytics/custom-events/w1?days=7").json
    [line] = found["top_events"]
    assert (line["event_type"], line["count"], line["sample_properties"]) == ("signup", 1, {"plan": "pro"})
    assert (found["total_events"], found["unique_events"]) == (1, 1)
