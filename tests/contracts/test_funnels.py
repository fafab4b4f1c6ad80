"""Seed 004's funnels (4.E16 to 4.E24), on its paths and with its fields, by callers without a token."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from analytics.funnels import examples, schemas

STEPS = [
    {"id": "s1", "name": "Pricing", "type": "page", "condition": {"page": "/pricing"}, "order": 1},
    {"id": "s2", "name": "Sign up", "type": "event", "condition": {"event": "signup"}, "order": 2},
    {"id": "s3", "name": "Paid", "type": "custom", "condition": {"custom": "paid"}, "order": 3},
]
NEW = {
    "name": "Checkout",
    "description": "from prices to money",
    "website_id": "w1",
    "user_id": "u1",
    "steps": STEPS,
    "is_active": True,
}


@pytest.fixture
def funnel(local: FlaskClient, drained: Callable[[], object]) -> dict[str, Any]:
    """The new funnel; v1 saw the prices and signed up a minute later, v2 saw the prices."""
    now = datetime.now(UTC) - timedelta(minutes=5)
    for visitor, kind, page, after_s in (("v1", "pageview", "/pricing", 0), ("v1", "signup", "/join", 60), ("v2", "pageview", "/pricing", 0)):  # fmt: skip
        event = {"website_id": "w1", "visitor_id": visitor, "session_id": visitor, "event_type": kind, "page": page}
        ts = (now + timedelta(seconds=after_s)).isoformat()
        assert local.post("/api/v1/analytics/event", json=event | {"timestamp": ts}).status_code == 201
    drained()
    answer = local.post("/api/v1/funnels/", json=NEW)
    assert answer.status_code == 201
    found: dict[str, Any] = answer.json
    assert found["success"] is True
    return found["data"]


def test_4_e16_the_new_funnel(funnel: dict[str, Any]) -> None:
    assert {name: funnel[name] for name in NEW} == NEW
    assert schemas.StoredFunnelResponse().validate(funnel) == {}


def test_4_e17_4_e18_list_and_one(local: FlaskClient, funnel: dict[str, Any]) -> None:
    assert local.get("/api/v1/funnels/?website_id=w1").json == {"success": True, "data": [funnel]}
    assert local.get("/api/v1/funnels?website_id=w1").json == {"success": True, "data": [funnel]}
    assert local.get(f"/api/v1/funnels/{funnel['id']}").json == {"funnel": funnel}


def test_4_e19_omitted_fields_are_unchanged(local: FlaskClient, funnel: dict[str, Any]) -> None:
    changed = local.put(f"/api/v1/funnels/{funnel['id']}", json={"name": "Till", "is_active": False}).json["funnel"]
    when = {"updated_at": changed["updated_at"]}
    assert changed == funnel | {"name": "Till", "is_active": False} | when
    assert changed["updated_at"] > funnel["updated_at"]


def test_4_e20_removed(local: FlaskClient, funnel: dict[str, Any]) -> None:
    found = local.delete(f"/api/v1/funnels/{funnel['id']}").json
    assert (found["success"], set(found)) == (True, {"success", "message"})
    assert local.get(f"/api/v1/funnels/{funnel['id']}").status_code == 404


def test_4_e21_c25_tracked_steps_count_too(local: FlaskClient, drained: Callable[[], object], funnel: Any) -> None:
    now = datetime.now(UTC)
    tracked = {
        "funnel_id": funnel["id"], "website_id": "w1", "visitor_id": "v3", "session_id": "s3", "current_step": 3,
        "completed_steps": ["s1", "s2", "s3"], "started_at": (now - timedelta(seconds=60)).isoformat(),
        "last_activity": now.isoformat(), "converted": True, "properties": {"plan": "pro"},
    }  # fmt: skip
    answer = local.post("/api/v1/funnels/track", json=tracked)
    assert answer.status_code == 201
    assert {name: answer.json[name] for name in ("status", "funnel_id", "visitor_id", "session_id")} == {
        "status": "accepted", "funnel_id": funnel["id"], "visitor_id": "v3", "session_id": "s3",
    }  # fmt: skip
    assert set(answer.json) == {"status", "funnel_id", "visitor_id", "session_id", "message"}
    drained()
    found = local.get(f"/api/v1/funnels/{funnel['id']}/analytics/detailed?days=2").json
    assert [line["visitors_reached"] for line in found["step_analytics"]] == [3, 2, 1]


def test_4_e22_in_one_line(local: FlaskClient, funnel: dict[str, Any]) -> None:
    found = local.get(f"/api/v1/funnels/{funnel['id']}/analytics?days=2").json
    assert schemas.FunnelAnalyticsResponse().validate(found) == {}
    assert set(found) == set(examples.ANALYTICS_EXAMPLE)
    assert (found["funnel_id"], found["website_id"], found["date"]) == (
        funnel["id"],
        "w1",
        str(datetime.now(UTC).date()),
    )
    figures = ("total_starts", "total_conversions", "conversion_rate", "drop_off_rate", "avg_time_to_abandon")
    assert [found[name] for name in figures] == [2, 0, 0.0, 100.0, 30.0]


def test_4_e23_step_by_step(local: FlaskClient, funnel: dict[str, Any]) -> None:
    found = local.get(f"/api/v1/funnels/{funnel['id']}/analytics/detailed?days=2").json
    assert schemas.DetailedFunnelResponse().validate(found) == {}
    assert set(found) == set(examples.DETAILED_EXAMPLE)
    first, second, third = found["step_analytics"]
    assert set(first) == set(examples.STEP_ROWS_EXAMPLE[0])
    assert (first["step_id"], first["step_name"], first["step_order"]) == ("s1", "Pricing", 1)
    assert [line["visitors_reached"] for line in (first, second, third)] == [2, 1, 0]
    assert first["avg_time_on_step"] == 60.0
    assert found["date_range"] == "2 days"
    assert len(found["daily_performance"]) == len(found["cohort_data"]) == 2


@pytest.mark.parametrize("dates", [{"days": 2}, "2 days"])
def test_4_e24_compared(local: FlaskClient, funnel: dict[str, Any], dates: Any) -> None:
    other = local.post("/api/v1/funnels/", json=NEW | {"name": "Short", "steps": STEPS[:2]}).json["data"]
    asked = {"funnel_ids": [other["id"], funnel["id"]], "date_range": dates}
    found = local.post("/api/v1/funnels/compare?website_id=w1", json=asked).json
    assert [set(line) for line in found] == [set(examples.COMPARE_EXAMPLE[0])] * 2
    assert [line["funnel_name"] for line in found] == ["Short", "Checkout"]
    # Half of two went on to the second step; nobody of one to the third: (50 + 50) / 2, (0 + (50 + 0) / 2) / 2.
    assert [line["performance_score"] for line in found] == [50.0, 12.5]
    asked["metrics"] = ["conversion_rate"]
    found = local.post("/api/v1/funnels/compare?website_id=w1", json=asked).json
    assert [set(line) for line in found] == [{"funnel_id", "funnel_name", "conversion_rate"}] * 2


EXAMPLES = [
    (schemas.StoredFunnelResponse, examples.FUNNEL_EXAMPLE), (schemas.FunnelAnalyticsResponse, examples.ANALYTICS_EXAMPLE),
    (schemas.DetailedFunnelResponse, examples.DETAILED_EXAMPLE), (schemas.AdHocFunnelResponse, examples.AD_HOC_EXAMPLE),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "example"), EXAMPLES)
def test_the_examples_are_true_to_their_schemas(schema: Any, example: Any) -> None:
    assert schema().validate(example) == {}
