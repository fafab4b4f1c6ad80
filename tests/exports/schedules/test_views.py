"""Schedules over HTTP: created, changed, deleted; who sees them, and what is refused."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import Engine

from analytics import clock
from analytics.auth.tokens import tokens
from analytics.exports.jobs.creation import read_limits
from analytics.exports.schedules import due_jobs
from analytics.sites.sites import Site, create_site
from config import Settings

Api = Callable[..., Any]


def test_schedule_is_created_changed_and_deleted(api: Api, site: Site, app: Flask) -> None:
    body = {"every": "week", "at": "06:30", "zone": "Europe/Berlin", "request": {"format": "ndjson"}}
    response = api("post", "/schedules", json=body, status=201)
    created = response.json
    assert response.headers["Location"] == f"/api/analytics/exports/schedules/{created['id']}"
    values = (created["every"], created["at"], created["zone"], created["enabled"], created["complete_through"])
    assert values == ("week", "06:30", "Europe/Berlin", True, None)
    assert (created["request"]["format"], created["request"]["zone"]) == ("ndjson", "Europe/Berlin")
    path = f"/schedules/{created['id']}"
    changed = api("patch", path, json={"at": "07:00", "zone": "UTC", "enabled": False}).json
    assert (changed["at"], changed["zone"], changed["enabled"]) == ("07:00", "UTC", False)
    assert changed["next_run_at"].endswith("T07:00:00Z")
    changed = api("patch", path, json={"request": {"format": "xlsx"}}).json
    assert (changed["request"]["format"], changed["at"]) == ("xlsx", "07:00")
    assert api("get", "/schedules").json == {"schedules": [changed]}
    api("delete", path, status=204)
    api("get", path, status=404)


def test_schedules_are_visible_to_their_owner_and_to_admins(api: Api, site: Site, engine: Engine) -> None:
    with engine.begin() as connection:
        create_site(connection, "shop")
    body = {"every": "day", "at": "06:30"}
    path = f"/schedules/{api('post', '/schedules', json=body, sub='me', status=201).json['id']}"
    for other in ({"sub": "you"}, {"sub": "me", "site": "shop"}, {"scope": "admin", "site": "shop"}):
        for method in ("get", "patch", "delete"):
            api(method, path, status=404, json={"at": "07:00"}, **other)
        assert api("get", "/schedules", **other).json == {"schedules": []}
    api("get", path, scope="read", status=403)
    assert api("get", path, scope="admin", sub="root").json["owner"] == "me"


def test_schedule_of_a_revoked_token_is_resumed_with_another(
    api: Api, site: Site, engine: Engine, redis: Redis, settings: Settings
) -> None:
    created = api("post", "/schedules", json={"every": "day", "at": "06:30"}, sub="me", jti="lost", status=201).json
    assert "token_id" not in created["request"]
    path, resume = f"/schedules/{created['id']}", {"enabled": True}
    tokens.revoke(engine, redis, "lost", None, "lost", "me")

    def resumed(**caller: str) -> tuple[bool, bool]:
        api("patch", path, json=resume, **caller)
        due_jobs.create_due_jobs(engine, redis, read_limits(settings), clock.now())
        schedule = api("get", path, **caller).json
        return schedule["enabled"], "revoked" in str(schedule["waits_for"])

    assert resumed(sub="root", jti="of an admin", scope="admin") == (False, True)
    assert resumed(sub="me", jti="next") == (True, False)


@pytest.mark.parametrize(("scope", "lacking"), [("export", "write"), ("write ingest read", "export")])
def test_changing_a_schedule_needs_export_and_write(api: Api, site: Site, scope: str, lacking: str) -> None:
    body = {"every": "day", "at": "06:30"}
    path = f"/schedules/{api('post', '/schedules', json=body, status=201).json['id']}"
    for method, target in (("post", "/schedules"), ("patch", path), ("delete", path)):
        detail = api(method, target, json=body, scope=scope, status=403).json["detail"]
        assert detail == f"the token lacks the scope {lacking}"
    api("get", path, scope="export")


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        pytest.param({"every": "hour"}, 422, "day", id="every"),
        pytest.param({"at": "25:00"}, 422, "06:30", id="at"),
        pytest.param({"zone": "Mars/Phobos"}, 400, "Mars/Phobos", id="zone"),
        pytest.param({"request": {"from": "2026-03-01"}}, 422, "request", id="period"),
        pytest.param({"request": {"format": "xlsx", "compression": "gzip"}}, 400, "compression", id="request"),
        pytest.param({"request": {"site": "nowhere"}}, 404, "nowhere", id="site"),
        pytest.param({"enabled": True, "every": None}, 422, "every", id="null"),
    ],
)
def test_invalid_schedule_is_refused(api: Api, site: Site, change: Any, status: int, words: str) -> None:
    response = api("post", "/schedules", json={"every": "day", "at": "06:30", **change}, status=status)
    assert words in response.text


def test_schedule_runs_now_once_at_a_time(api: Api, site: Site, work: Callable[[str], None], sql: Any) -> None:
    path = f"/schedules/{api('post', '/schedules', json={'every': 'day', 'at': '06:30'}, status=201).json['id']}"
    response = api("post", f"{path}/run-now", status=202)
    job = response.json
    assert response.headers["Location"] == f"/api/analytics/exports/{job['id']}"
    assert (job["state"], job["schedule_id"]) == ("queued", path.rpartition("/")[2])
    assert job["id"] in api("post", f"{path}/run-now", status=409).json["detail"]
    api("post", f"{path}/run-now", scope="export", status=403)
    api("post", f"{path}/run-now", sub="you", status=404)
    work(job["id"])
    assert api("get", f"/{job['id']}").json["state"] == "done"
    assert api("post", f"{path}/run-now", status=202).json["id"] != job["id"]


def test_schedule_of_a_revoked_token_does_not_run_now(
    api: Api, site: Site, engine: Engine, redis: Redis, settings: Settings
) -> None:
    created = api("post", "/schedules", json={"every": "day", "at": "06:30"}, sub="me", jti="gone", status=201).json
    tokens.revoke(engine, redis, "gone", None, "gone", "me")
    detail = api("post", f"/schedules/{created['id']}/run-now", sub="me", status=409).json["detail"]
    assert "was revoked" in detail
    assert api("get", "", sub="me").json["exports"] == []
