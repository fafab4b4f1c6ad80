"""Every report of the API takes the same period parameters, with one meaning, and says in its meta what it answered.

Reports are those operations of the OpenAPI document that describe the parameter `days`, or have a report's `meta`. What
answers another period than the requested one is listed here with the reason.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from analytics import clock
from analytics.sites.sites import Site, create_site
from analytics.store.events import add_users
from tests.apidocs.test_openapi import DOCUMENT, ENDLESS

ZONE = "Asia/Kathmandu"
# 15:37 in Kathmandu.
NOW = datetime(2026, 3, 19, 9, 52, tzinfo=UTC)
NAMES = {"date", "days", "hours", "from", "to"}
REPORTS = r"/api/analytics/reports/"
# Operations that have a report's meta and no period, with the reason.
WITHOUT_PERIOD = {
    f"{REPORTS}realtime": "the minutes up to now",
    "/api/v1/analytics/realtime/{website_id}": "the minutes up to now",
    "/dashboard": "all time, as seed 003 says",
    "/metrics": "names of all time, as seed 003 says",
}
# Operations that take a period and have no report's meta, with the reason.
WITHOUT_META = {"/api/analytics/notes": "notes on the days that the period touches"}
# (path, what it answers), where it is not the requested period.
UNITS: Mapping[str, str] = {
    f"{REPORTS}wau": "week",
    f"{REPORTS}mau": "month",
    f"{REPORTS}retention": "days",
    f"{REPORTS}lifecycle": "days",
    f"{REPORTS}stickiness": "days",
    f"{REPORTS}metrics": "days",
    "/api/analytics/goals/{goal_id}/retention": "days",
    "/api/v1/analytics/hourly-stats/{website_id}": "hours",
}
# What an operation needs besides.
NEEDS = {
    f"{REPORTS}breakdown": "dimension=path",
    f"{REPORTS}goal": "type=order",
    f"{REPORTS}journeys": "from_page=/a",
    f"{REPORTS}experiment": "exposure_type=seen&variant=payload.variant&goal=order",
    f"{REPORTS}users/timeline": "user_id=ann",
}


def has_meta(operation: Mapping[str, Any]) -> bool:
    schema = operation["responses"].get("200", {}).get("content", {}).get("application/json", {}).get("schema", {})
    name = schema.get("$ref", "").rpartition("/")[2]
    found: bool = "meta" in DOCUMENT["components"]["schemas"].get(name, {}).get("properties", {})
    return found


def parameters(operation: Mapping[str, Any]) -> set[str]:
    return {one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"}


OPERATIONS = [
    (path, method, operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
    if path not in ENDLESS and (has_meta(operation) or "days" in parameters(operation))
]
WITH_PERIOD = [(path, method) for path, method, operation in OPERATIONS if path not in WITHOUT_PERIOD]
WITH_META = [(path, method) for path, method in WITH_PERIOD if path not in WITHOUT_META]


def test_reports_are_found() -> None:
    assert len(WITH_PERIOD) > 35
    assert {path for path, *_ in OPERATIONS} >= {*WITHOUT_PERIOD, *WITHOUT_META, *UNITS, *NEEDS}


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS, ids=[f"{m} {p}" for p, m, _ in OPERATIONS])
def test_a_report_has_all_parameters_of_a_period_or_none(path: str, method: str, operation: dict[str, Any]) -> None:
    assert parameters(operation) & NAMES == (set() if path in WITHOUT_PERIOD else NAMES)


def midnight(day: date) -> datetime:
    return clock.day_start(day, ZoneInfo(ZONE))


TODAY = date(2026, 3, 19)
CUT = datetime(2026, 3, 17, 5, 30, tzinfo=UTC), datetime(2026, 3, 18, 20, 1, 30, tzinfo=UTC)
PERIODS = [
    ("date=2026-03-17", midnight(date(2026, 3, 17)), midnight(date(2026, 3, 18))),
    ("days=3", midnight(TODAY - timedelta(days=2)), midnight(TODAY + timedelta(days=1))),
    ("hours=30", NOW - timedelta(hours=30), NOW),
    ("from=2026-03-16&to=2026-03-17", midnight(date(2026, 3, 16)), midnight(date(2026, 3, 18))),
    ("from=2026-03-18", midnight(date(2026, 3, 18)), midnight(TODAY + timedelta(days=1))),
    ("from=2026-03-17T05:30:00Z&to=2026-03-18T20:01:30Z", *CUT),
    ("from=2026-03-17T11:15:00%2B05:45&to=2026-03-19T01:46:30%2B05:45", *CUT),
]


@pytest.fixture
def there(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    with engine.begin() as connection:
        site = create_site(connection, "there", zone=ZONE)
        add_users(connection, site.id, 1, {"ann": NOW.isoformat()})
        return site


@pytest.fixture
def call(client: FlaskClient, there: Site, token: Any, auth: Any) -> Callable[..., Any]:
    """`call(path, method, query)` calls the operation on the site; goals and funnels of the path exist."""
    headers, ids = auth(token("read write export")), dict[str, str]()
    step = [{"condition": {"page": "/a"}}, {"condition": {"page": "/b"}}]

    def make(path: str, body: dict[str, Any]) -> str:
        response = client.post(f"{path}?site=there", json=body, headers=headers)
        assert response.status_code == 201, response.json
        return str(response.json.get("id") or response.json["data"]["id"])

    def made(path: str, body: dict[str, Any]) -> str:
        if path not in ids:
            ids[path] = make(path, body)
        return ids[path]

    def get(path: str, method: str, query: str) -> Any:
        if "{goal_id}" in path:
            path = path.replace("{goal_id}", made("/api/analytics/goals", {"name": "a", "type": "order"}))
        if "{funnel_id}" in path:
            path = path.replace("{funnel_id}", made("/api/v1/funnels/", {"name": "a", "steps": step}))
        for name, value in {"website_id": "there", "short_code": "abc", "name": "load"}.items():
            path = path.replace(f"{{{name}}}", value)
        body = {"steps": step} if path == f"{REPORTS}funnel" else {}
        return client.open(
            f"{path}?site=there&{query}", method=method, headers=headers, json=body if method == "post" else None
        )

    return get


@pytest.mark.parametrize(("path", "method"), WITH_META, ids=[f"{method} {path}" for path, method in WITH_META])
def test_a_report_answers_the_requested_period(call: Callable[..., Any], path: str, method: str) -> None:
    for query, start, end in PERIODS:
        response = call(path, method, f"{NEEDS.get(path, '')}&{query}")
        assert response.status_code == 200, (query, response.get_data(as_text=True))
        if not response.is_json or not isinstance(response.json, dict):
            continue
        meta = response.json["sites"][0]["meta"] if "sites" in response.json else response.json["meta"]
        assert meta["zone"] == ZONE
        found = tuple(datetime.fromisoformat(meta[name]) for name in ("from", "to"))
        assert found == answered(UNITS.get(path, ""), start, end), query


def answered(unit: str, start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """By hand: the days that the period touches; the 7 or 30 days that end with the last of them; the hours."""
    zone = ZoneInfo(ZONE)
    if not unit:
        return start, end
    first = start.astimezone(zone).date()
    last = (end - timedelta(microseconds=1)).astimezone(zone).date()
    if unit in ("week", "month"):
        first = last - timedelta(days={"week": 6, "month": 29}[unit])
    if unit == "hours":
        return hours(start, end)
    return midnight(first), midnight(last + timedelta(days=1))


def hours(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """Hours of Kathmandu begin at a quarter past in UTC; those of `hours=n` are whole, and the last has begun."""
    if end == NOW:
        first = start.replace(minute=15, second=0) + timedelta(hours=1)
        return first, NOW.replace(minute=15) + timedelta(hours=1)
    if end > NOW:
        return start, NOW.replace(minute=15) + timedelta(hours=1)
    return start, end


@pytest.mark.parametrize(("path", "method"), WITH_PERIOD, ids=[f"{method} {path}" for path, method in WITH_PERIOD])
@pytest.mark.parametrize(
    "query", ["days=1&hours=1", "to=2026-03-01", "from=2026-03-02&to=2026-03-01", "days=0", "date=x"]
)
def test_a_report_refuses_what_is_no_period(call: Callable[..., Any], path: str, method: str, query: str) -> None:
    response = call(path, method, f"{NEEDS.get(path, '')}&{query}")
    assert response.status_code == 400
    assert response.json["errors"][0]["field"] in NAMES
