"""Seed 000's reports, on its paths and with its fields, after the clicks that its README sends."""

from collections.abc import Callable
from datetime import UTC, datetime

from flask.testing import FlaskClient

from analytics.reports.link_schemas import GLOBAL_EXAMPLE, LINK_EXAMPLE, GlobalAnswer, LinkAnswer

CLICK = {
    "short_code": "abc123",
    "ip_address": "192.168.1.100",
    "user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36",
    "referer": "https://google.com",
    "country": "US",
    "city": "New York",
}
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"


def test_0_e2_statistics_of_a_short_code(local: FlaskClient, drained: Callable[[], object]) -> None:
    for ip in ("192.168.1.100", "192.168.1.100", "192.168.1.101"):
        local.post("/analytics/events/", json=CLICK | {"ip_address": ip})
    local.post("/analytics/events/", json={"short_code": "abc123", "ip_address": "10.0.0.1", "user_agent": CHROME})
    drained()
    found = local.get("/analytics/stats/abc123").json
    assert LinkAnswer().validate(found) == {}
    assert [found[name] for name in ("short_code", "total_clicks", "unique_clicks")] == ["abc123", 4, 3]
    assert [found[f"clicks_{name}"] for name in ("today", "this_week", "this_month")] == [4, 4, 4]
    assert found["top_countries"] == [{"name": "US", "count": 3}, {"name": "Unknown", "count": 1}]
    assert found["top_referers"] == [{"name": "google.com", "count": 3}, {"name": "Direct", "count": 1}]
    assert found["click_timeline"] == [{"date": str(datetime.now(UTC).date()), "clicks": 4}]


def test_0_e3_statistics_of_all_short_codes(local: FlaskClient, drained: Callable[[], object]) -> None:
    for code in ("popular1", "popular1", "trending2"):
        local.post("/analytics/events/", json=CLICK | {"short_code": code})
    drained()
    found = local.get("/analytics/global").json
    assert GlobalAnswer().validate(found) == {}
    assert [found[name] for name in ("total_clicks", "unique_visitors", "clicks_today", "clicks_this_week")] == [
        3,
        1,
        3,
        3,
    ]
    assert found["top_urls"] == [{"short_code": "popular1", "clicks": 2}, {"short_code": "trending2", "clicks": 1}]


def test_0_e3_a_fresh_database_has_empty_data(local: FlaskClient) -> None:
    found = local.get("/analytics/global")
    assert (found.status_code, found.json["total_clicks"], found.json["top_urls"]) == (200, 0, [])


def test_the_examples_are_answers() -> None:
    assert LinkAnswer().validate(LINK_EXAMPLE) == {}
    assert GlobalAnswer().validate(GLOBAL_EXAMPLE) == {}
