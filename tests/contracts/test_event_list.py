"""Seed 003's list of events, its overview and its DELETE, on its paths and with its fields."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine

from analytics.audit.run import run_audit
from analytics.reports.events import schemas
from analytics.rollups.merge import merge_all
from analytics.sites.sites import Site

EVENT = {"event_name": "user_login", "user_id": "user123", "properties": {"method": "google"}}


def test_3_e6_the_newest_events_are_first(local: FlaskClient, drained: Callable[[], Any]) -> None:
    ids = [local.post("/events", json=EVENT | {"user_id": user}).json["event_id"] for user in ("ann", "bob")]
    local.post("/events", json=EVENT | {"event_name": "purchase"})
    drained()
    found = local.get("/events?limit=100&event_name=user_login&include_bots=true").json
    assert schemas.EventListResponse().validate(found) == {}
    assert schemas.EventListResponse().validate(schemas.EVENT_LIST_EXAMPLE) == {}
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
    assert schemas.SiteTotalsResponse().validate(found) == {}
    assert schemas.SiteTotalsResponse().validate(schemas.SITE_TOTALS_EXAMPLE) == {}
    assert set(found) == set(schemas.SITE_TOTALS_EXAMPLE)
    assert (found["total_metrics_tracked"], found["unique_metric_types"], found["total_events_tracked"]) == (3, 2, 1)
    assert found["metric_names"] == ["api_calls", "response_time"]


@pytest.mark.parametrize("merges", [False, True], ids=["waiting", "merged"])
def test_3_e8_a_development_server_deletes_all_events(
    make_app: Callable[..., Flask], engine: Engine, redis: Redis, site: Site, sql: Any, token: Any, auth: Any,
    drained: Callable[[], Any], merges: bool,
) -> None:  # fmt: skip
    client = make_app(environment="development", anonymous_scopes=("ingest", "read")).test_client()
    client.post("/metrics", json={"metric_name": "api_calls", "value": 1, "tags": {}})
    for user in ("ann", "bob"):
        client.post("/events", json=EVENT | {"user_id": user})
    drained()
    if merges:
        merge_all(engine, 10)
    admin = auth(token("admin"))
    answer = client.delete("/events", headers=admin)
    assert answer.json == {"success": True, "deleted": 2, "site": "default"}
    assert (client.get("/events?include_bots=true").json["total"], client.get("/stats").json["total_views"]) == (0, 0)
    [(actor, detail)] = sql("SELECT actor, detail FROM audit_log WHERE action = 'events.delete'")
    assert (actor, detail["events"], detail["counted"]) == ("tester", 2, 2)
    client.post("/events", json=EVENT)
    drained()
    assert client.get("/events?include_bots=true").json["total"] == 1
    assert run_audit(engine, redis, full=True).gaps == []
    assert client.get("/metrics").json["count"] == 1


def test_3_e8_no_other_server_deletes_events(
    local: FlaskClient, make_app: Callable[..., Flask], site: Site, token: Any, auth: Any
) -> None:
    assert local.delete("/events").status_code == 401
    assert local.delete("/events", headers=auth(token("ingest read export"))).status_code == 403
    refused = local.delete("/events", headers=auth(token("admin")))
    assert (refused.status_code, "ENVIRONMENT=development" in refused.json["detail"]) == (403, True)


def test_3_e8_other_sites_keep_their_events(
    make_app: Callable[..., Flask], site: Site, token: Any, auth: Any, drained: Callable[[], Any]
) -> None:
    given = {"environment": "development", "anonymous_scopes": ("ingest", "read"), "auto_create_sites": True}
    client = make_app(**given).test_client()
    for name in ("shop", "default"):
        client.post(f"/events?site={name}", json=EVENT)
    drained()
    assert client.delete("/events?site=shop", headers=auth(token("admin"))).json["deleted"] == 1
    assert client.get("/events?include_bots=true").json["total"] == 1
    assert client.delete("/events?site=shop", headers=auth(token("admin", site="default"))).status_code == 403
