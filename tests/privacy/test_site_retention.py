"""Retention per site: set by command and over HTTP; older events are refused."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from analytics import clock
from analytics.sites.sites import Site

SITE = "/api/analytics/sites/default"


@pytest.fixture
def admin(token: Any, auth: Any) -> dict[str, str]:
    header: dict[str, str] = auth(token("admin read ingest"))
    return header


def is_accepted(client: FlaskClient, headers: dict[str, str], days: float) -> bool:
    ts = (clock.now() - timedelta(days=days)).isoformat()
    reply = client.post("/api/analytics/ingest", headers=headers, json=[{"type": "a", "ts": ts}])
    return reply.status_code == 202


def test_an_event_older_than_its_site_keeps_is_refused(client: FlaskClient, admin: dict[str, str], site: Site) -> None:
    assert is_accepted(client, admin, 89)
    assert client.patch(SITE, headers=admin, json={"event_retention_days": 7}).json["event_retention_days"] == 7
    assert [is_accepted(client, admin, days) for days in (6.9, 7.1)] == [True, False]


def test_a_site_may_keep_events_longer_than_the_others(client: FlaskClient, admin: dict[str, str], site: Site) -> None:
    assert not is_accepted(client, admin, 91)
    client.patch(SITE, headers=admin, json={"event_retention_days": 365})
    assert [is_accepted(client, admin, days) for days in (364, 366)] == [True, False]
    assert client.patch(SITE, headers=admin, json={"event_retention_days": None}).status_code == 200
    assert not is_accepted(client, admin, 91)


@pytest.mark.parametrize("days", [0, -1, 36501, "7", 1.5, True])
def test_an_invalid_number_of_days_is_refused(
    client: FlaskClient, admin: dict[str, str], site: Site, days: Any
) -> None:
    reply = client.patch(SITE, headers=admin, json={"event_retention_days": days})
    assert (reply.status_code, reply.json["errors"][0]["field"]) == (422, "event_retention_days")


def test_the_command_sets_shows_and_clears_it(app: Flask, site: Site, sql: Callable[..., Any]) -> None:
    runner = app.test_cli_runner()

    def days() -> Any:
        return json.loads(runner.invoke(args=["site", "list", "--json"]).stdout)[0]["event_retention_days"]

    assert days() is None
    assert runner.invoke(args=["site", "set", "default", "--event-retention-days", "30"]).exit_code == 0
    assert days() == 30
    assert sql("SELECT detail FROM audit_log ORDER BY id DESC LIMIT 1") == [({"event_retention_days": [None, 30]},)]
    assert runner.invoke(args=["site", "set", "default", "--event-retention-days", "0"]).exit_code == 0
    assert days() is None
