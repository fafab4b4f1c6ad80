"""Seed 000: clicks of short links; cache, timing and settings as its README describes them."""

import json
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine, create_engine, text

from analytics import clock
from analytics.reports.links.schemas import (
    GLOBAL_STATS_EXAMPLE,
    LINK_STATS_EXAMPLE,
    GlobalStatsResponse,
    LinkStatsResponse,
)
from analytics.telemetry import configure_logging
from config import Settings
from tests.waiting import wait_until

CLICK = {
    "short_code": "abc123",
    "ip_address": "192.168.1.100",
    "user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36",
    "referer": "https://google.com",
    "country": "US",
    "city": "New York",
}
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"


@pytest.fixture
def log_levels() -> Iterator[None]:
    """What a test configures of the logs is undone."""
    loggers = [logging.getLogger(), logging.getLogger("sqlalchemy.engine")]
    levels, handlers = [logger.level for logger in loggers], loggers[0].handlers
    yield
    loggers[0].handlers = handlers
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.mark.parametrize("path", ["/analytics/events/", "/analytics/events"])
def test_0_e1_a_click_answers_true_and_is_stored(
    local: FlaskClient, drained: Callable[[], object], engine: Engine, path: str
) -> None:
    answer = local.post(path, json=CLICK)
    assert (answer.status_code, answer.data) == (202, b"true")
    drained()
    with engine.connect() as connection:
        row = (
            connection.execute(text("SELECT e.*, s.key FROM events e JOIN sites s ON s.id = site_id")).mappings().one()
        )
    assert (row["key"], row["type"], row["subject"], row["ip"]) == ("links", "click", "abc123", "192.168.1.100")
    assert (row["source"], row["country"], row["city"], row["os"]) == ("Google", "US", "New York", "Windows")


def test_0_e1_the_debug_example_needs_no_referer_and_counts(local: FlaskClient, drained: Callable[[], object]) -> None:
    body = {"short_code": "test123", "ip_address": "127.0.0.1", "user_agent": "Test Browser"}
    assert local.post("/analytics/events/", json=body).data == b"true"
    drained()
    assert local.get("/analytics/stats/test123").json["total_clicks"] == 1


def test_0_e2_places_have_their_usual_names(local: FlaskClient, drained: Callable[[], object]) -> None:
    local.post("/analytics/events/", json=CLICK)
    drained()
    found = local.get("/analytics/stats/abc123").json
    assert (found["top_cities"], found["top_countries"]) == (
        [{"name": "New York, US", "count": 1}],
        [{"name": "US", "count": 1}],
    )


def test_0_e1_a_click_without_a_link_names_the_field(local: FlaskClient) -> None:
    answer = local.post("/analytics/events/", json={"ip_address": "127.0.0.1"})
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "short_code")


def test_0_e2_statistics_of_a_short_code(local: FlaskClient, drained: Callable[[], object]) -> None:
    for ip in ("192.168.1.100", "192.168.1.100", "192.168.1.101"):
        local.post("/analytics/events/", json=CLICK | {"ip_address": ip})
    local.post("/analytics/events/", json={"short_code": "abc123", "ip_address": "10.0.0.1", "user_agent": CHROME})
    drained()
    found = local.get("/analytics/stats/abc123").json
    assert LinkStatsResponse().validate(found) == {}
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
    assert GlobalStatsResponse().validate(found) == {}
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
    assert LinkStatsResponse().validate(LINK_STATS_EXAMPLE) == {}
    assert GlobalStatsResponse().validate(GLOBAL_STATS_EXAMPLE) == {}


def test_0_e4_health_is_public_and_names_database_and_redis(client: FlaskClient) -> None:
    answer = client.get("/health")
    assert (answer.status_code, answer.json["database"], answer.json["redis"]) == (200, "connected", "connected")


def test_0_e6_a_gateway_may_poll_health(make_app: Callable[..., Flask]) -> None:
    """Its `/health/all` asks each service: by status, without a token, and no answer is kept on the way."""
    for app, status in ((make_app(), 200), (make_app(celery_broker_url="redis://127.0.0.1:1/0"), 503)):
        answer = app.test_client().get("/health")
        assert (answer.status_code, answer.headers["Cache-Control"]) == (status, "no-store")


def test_0_c_cached_statistics_can_be_deleted_and_are_counted(
    local: FlaskClient, drained: Callable[[], object], app: Flask, token: Callable, auth: Callable
) -> None:
    cache: Redis = app.extensions["cache_redis"]
    yesterday = (clock.now() - timedelta(days=1)).isoformat()
    local.post("/analytics/events/", json=CLICK | {"timestamp": yesterday})
    drained()
    assert [local.get("/analytics/stats/abc123").json["total_clicks"] for _ in range(2)] == [1, 1]
    assert cache.keys("analytics:stats:*") == [b"analytics:stats:abc123"]
    assert 0 < cache.ttl("analytics:stats:abc123") <= 300
    admin = auth(token("admin"))
    # It shows what a check found at most two seconds ago.
    wait_until(lambda: local.get("/health", headers=admin).json["cache"] == {"hits": 1, "misses": 1}, 5.0)
    local.post("/analytics/events/", json=CLICK | {"timestamp": yesterday})
    drained()
    cache.delete("analytics:stats:abc123")
    assert local.get("/analytics/stats/abc123").json["total_clicks"] == 2


@pytest.mark.parametrize("path", ["/health", "/analytics/global", "/nowhere"])
def test_0_h_every_response_has_its_time_in_seconds(client: FlaskClient, path: str) -> None:
    assert 0 < float(client.get(path).headers["X-Analytics-Process-Time"]) < 60


def test_0_h_slow_requests_are_logged(make_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        make_app(slow_request=0.0).test_client().get("/livez?user=ann")
    assert re.fullmatch(r"Slow analytics request: /livez took \d+\.\d+s", caplog.messages[-1])
    caplog.clear()
    make_app(slow_request=60.0).test_client().get("/livez")
    assert not [line for line in caplog.messages if line.startswith("Slow")]


@pytest.mark.parametrize(("is_on", "levels"), [(True, ["INFO"]), (False, [])], ids=["on", "off"])
def test_0_l_statements_are_logged_once_when_enabled(
    settings: Settings, log_levels: None, capsys: pytest.CaptureFixture[str], is_on: bool, levels: list[str]
) -> None:
    configure_logging(replace(settings, enable_debug_logging=is_on))
    engine = create_engine(settings.database_url)
    with engine.connect() as connection:
        connection.execute(text("SELECT 42"))
    engine.dispose()
    out, err = capsys.readouterr()
    lines = [json.loads(line) for line in err.splitlines()]
    assert ([line["level"] for line in lines if line["message"] == "SELECT 42"], out) == (levels, "")
    assert all({"at", "logger", "function", "request_id"} <= set(line) for line in lines)
