"""Seed 004: events of websites and their reports, on its paths and with its fields."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from analytics.reports.websites import examples, schemas
from analytics.rollups.merge import merge_all
from tests.contracts.conftest import INSTANT, UUID, stored

PREFIX = "/api/v1/analytics"
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"
PAGE_VIEW = {
    "website_id": "w1",
    "visitor_id": "v1",
    "session_id": "s1",
    "country": "DE",
    "page": "/p?utm_source=mail",
    "referrer": "https://google.com/search?q=x",
}
# What the reports say of it.
LINE = {"views": 1, "unique": 1, "visitors": 1, "visits": 1, "bounce_rate": 100}
PAGES = [
    {
        "page": "/p",
        "views": 1,
        "unique": 1,
        "bounce_rate": 100,
        "avg_time": 0,
        "entry_rate": 100,
        "exit_rate": 100,
    }
]
ONE_VISIT = {
    "page_views": 1,
    "total_visitors": 1,
    "unique_visitors": 1,
    "sessions": 1,
    "bounce_rate": 100,
    "avg_session_time": 0,
    "pages_per_session": 1,
}
REPORTS = [
    pytest.param("dashboard", schemas.DashboardResponse, examples.DASHBOARD_EXAMPLE, id="4.E4"),
    *(
        pytest.param(f"top-{name}", response, examples.TOP_LIST_EXAMPLES[name], id=response.__doc__)
        for name, response in schemas.TOP_LIST_RESPONSES.items()
    ),
    pytest.param("traffic-summary", schemas.TrafficSummaryResponse, examples.TRAFFIC_SUMMARY_EXAMPLE, id="4.E12"),
    pytest.param("daily-stats", schemas.DailyStatsResponse, examples.DAILY_STATS_EXAMPLE, id="4.E13"),
    pytest.param("hourly-stats", schemas.HourlyStatsResponse, examples.HOURLY_STATS_EXAMPLE, id="4.E14"),
    pytest.param("custom-events", schemas.CustomEventsResponse, examples.CUSTOM_EVENTS_EXAMPLE, id="4.E15"),
]


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


@pytest.fixture
def visited(local: FlaskClient, drained: Callable[[], object], engine: Engine) -> FlaskClient:
    """One visitor, one page, one sign-up; today. Visits are counted when beat has them merged."""
    local.environ_base["HTTP_USER_AGENT"] = CHROME
    local.post("/api/v1/analytics/event", json=PAGE_VIEW)
    local.post("/api/v1/analytics/event", json=PAGE_VIEW | {"event_type": "signup", "properties": {"plan": "pro"}})
    drained()
    merge_all(engine, 10)
    return local


@pytest.mark.parametrize(("name", "schema", "example"), REPORTS)
def test_answers_are_as_described(visited: FlaskClient, name: str, schema: Any, example: Any) -> None:
    answer = visited.get(f"{PREFIX}/{name}/w1?days=7")
    assert answer.status_code == 200
    assert schema().validate(answer.json) == {}
    assert set(answer.json) == set(example)
    assert schema().validate(example) == {}
    assert answer.json["website_id"] == "w1"


def ask(client: FlaskClient, name: str) -> Any:
    """The report's answer for one week, without what is ours."""
    answer = client.get(f"{PREFIX}/{name}/w1?days=7&limit=5").json
    assert (answer.pop("website_id"), answer.pop("date_range"), answer.pop("meta")["site"]) == ("w1", "7 days", "w1")
    return answer


def test_4_e1_health_reports_database_and_partitions(client: FlaskClient) -> None:
    answer = client.get("/health")
    words = [answer.json[name] for name in ("status", "database", "postgres")]
    assert (answer.status_code, words) == (200, ["healthy", "connected", "connected"])
    assert isinstance(answer.json["partitions"], bool)
    assert re.fullmatch(INSTANT, answer.json["timestamp"])
    assert re.fullmatch(r"\d+\.\d+\.\d+", answer.json["version"])


def test_4_e1_health_is_503_without_its_database(make_app: Callable[..., Flask]) -> None:
    away = make_app(database_url="postgresql+psycopg2://nobody@127.0.0.1:1/none").test_client().get("/health")
    assert (away.status_code, away.json["status"], away.json["ok"]) == (503, "unhealthy", False)


def test_4_e4_the_dashboard(visited: FlaskClient) -> None:
    found = ask(visited, "dashboard")
    comparison, geolocation = found.pop("comparison"), found.pop("geolocation")
    assert found == {
        "total_visitors": 1,
        "unique_visitors": 1,
        "live_visitors": 1,
        "page_views": 1,
        "session_duration": 0,
        "bounce_rate": 100,
        "metrics": ONE_VISIT,
        "top_pages": PAGES,
        "top_sources": [{"source": "mail", "views": 1, "unique_visitors": 1, "visits": 1, "bounce_rate": 100}],
        "top_countries": [{"country": "DE", **LINE}],
    }
    assert comparison.pop("current_period") == ONE_VISIT
    assert comparison.pop("previous_period") == dict.fromkeys(ONE_VISIT, 0)
    changes = ("total_visitor", "visitor", "pageview", "session", "bounce", "duration")
    assert comparison == {f"{name}_change": None for name in changes}
    unknown = [{"name": "Unknown", "count": 1, "percentage": 100}]
    assert geolocation == {
        "countries": [{"name": "DE", "count": 1, "percentage": 100}],
        "continents": [{"name": "Europe", "count": 1, "percentage": 100}],
        "regions": unknown,
        "cities": unknown,
    }


def test_4_e6_top_pages(visited: FlaskClient) -> None:
    assert ask(visited, "top-pages") == {"top_pages": PAGES}


def test_4_e7_top_referrers(visited: FlaskClient) -> None:
    line = {"referrer": "https://google.com/search", "views": 1, "unique": 1, "visits": 1, "bounce_rate": 100}
    assert ask(visited, "top-referrers") == {"top_referrers": [line]}


def test_4_e8_top_countries(visited: FlaskClient) -> None:
    assert ask(visited, "top-countries") == {"top_countries": [{"country": "DE", **LINE}]}


def test_4_e9_top_browsers(visited: FlaskClient) -> None:
    assert ask(visited, "top-browsers") == {"top_browsers": [{"browser": "Chrome", **LINE}]}


def test_4_e10_top_devices(visited: FlaskClient) -> None:
    assert ask(visited, "top-devices") == {"top_devices": [{"device": "desktop", **LINE}]}


def test_4_e11_top_os(visited: FlaskClient) -> None:
    assert ask(visited, "top-os") == {"top_os": [{"os": "Windows", **LINE}]}


def test_4_e12_the_traffic_summary(visited: FlaskClient) -> None:
    assert ask(visited, "traffic-summary") == {
        "total_page_views": 1,
        "total_visitors": 1,
        "unique_visitors": 1,
        "total_sessions": 1,
        "bounce_rate": 100,
        "avg_session_time": 0,
        "pages_per_session": 1,
        "growth_rate": None,
        "visitors_growth_rate": None,
        "sessions_growth_rate": None,
        "new_visitors": 1,
        "returning_visitors": 0,
        "engagement_score": 0,
        "retention_rate": None,
    }


def test_4_e13_days_end_today(visited: FlaskClient) -> None:
    found = ask(visited, "daily-stats")
    days = found.pop("daily_stats")
    assert (found, len(days)) == ({}, 7)
    assert days[-1] == {"date": str(datetime.now(UTC).date()), "views": 1, "unique": 1}
    assert {(day["views"], day["unique"]) for day in days[:-1]} == {(0, 0)}


def test_4_e14_hours_end_now(visited: FlaskClient) -> None:
    found = visited.get(f"{PREFIX}/hourly-stats/w1?timezone=Europe/Berlin").json
    assert (found["date_range"], found["timezone"], len(found["hourly_stats"])) == ("24 hours", "Europe/Berlin", 24)
    last = found["hourly_stats"][-1]
    at = datetime.fromisoformat(last["timestamp"])
    hour = at.astimezone(ZoneInfo("Europe/Berlin")).hour
    assert last == {
        "hour": hour,
        "views": 1,
        "unique": 1,
        "timestamp": last["timestamp"],
        "hour_label": f"{hour:02}:00",
    }
    assert timedelta(0) <= datetime.now(UTC) - at < timedelta(hours=1, minutes=1)


def test_4_e15_custom_events_show_their_properties(visited: FlaskClient) -> None:
    found = ask(visited, "custom-events")
    today = str(datetime.now(UTC).date())
    [line] = found["top_events"]
    assert line == {
        "event_type": "signup",
        "count": 1,
        "unique": 1,
        "last_day": today,
        "sample_properties": {"plan": "pro"},
    }
    assert (found["total_events"], found["unique_events"]) == (1, 1)
    assert (len(found["timeseries"]), found["timeseries"][-1]) == (7, {"date": today, "count": 1})
    mail = {"name": "mail", "views": 1, "unique": 1, "visits": 1, "bounce_rate": 100}
    assert found["utm_performance"] == {"sources": [mail], "mediums": [], "campaigns": []}
