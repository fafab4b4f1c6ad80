"""Seed 003's list of events, its overview and its DELETE, on its paths and with its fields."""

from collections.abc import Callable
from typing import Any

from flask.testing import FlaskClient

from analytics.reports import event_list_schemas as schemas

EVENT = {"event_name": "user_login", "user_id": "user123", "properties": {"method": "google"}}


def test_3_e6_the_newest_events_come_first(local: FlaskClient, drained: Callable[[], Any]) -> None:
    ids = [local.post("/events", json=EVENT | {"user_id": user}).json["event_id"] for user in ("ann", "bob")]
    local.post("/events", json=EVENT | {"event_name": "purchase"})
    drained()
    found = local.get("/events?limit=100&event_name=user_login&include_bots=true").json
    assert schemas.EventListAnswer().validate(found) == {}
    assert schemas.EventListAnswer().validate(schemas.EVENT_LIST_EXAMPLE) == {}
    assert set(found) == set(schemas.EVENT_LIST_EXAMPLE)
    assert set(found["events"][0]) == {"id", "event_name", "user_id", "properties", "timestamp"}
    assert [event["id"] for event in found["events"]] == ids[::-1]
    assert (found["count"], found["total"], found["next_cursor"]) == (2, 2, None)


def test_3_e7_the_overview_counts_samples_and_events(local: FlaskClient, drained: Callable[[], Any]) -> None:
    for name, value in (("response_time", 125.5), ("api_calls", 1), ("api_calls", 2)):
        local.post("/metrics", json={"metric_name": name, "value": value, "tags": {}})
    local.post("/events", json=EVENT)
    drained()
    found = local.get("/dashboard?include_bots=true").json
    assert schemas.OverviewAnswer().validate(found) == {}
    assert schemas.OverviewAnswer().validate(schemas.OVERVIEW_EXAMPLE) == {}
    assert set(found) == set(schemas.OVERVIEW_EXAMPLE)
    assert (found["total_metrics_tracked"], found["unique_metric_types"], found["total_events_tracked"]) == (3, 2, 1)
    assert found["metric_names"] == ["api_calls", "response_time"]
