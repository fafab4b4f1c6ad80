"""The site is named in the same ways on every route, and two that differ are refused."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from analytics.sites.sites import Site, create_site
from analytics.web.site_parameters import SITE_NAMES

STEPS = [{"type": "event", "condition": {"type": "a"}}, {"type": "event", "condition": {"type": "b"}}]
# What a request of each kind is sent, and where its response says which site it was.
POSTS = {
    "/api/analytics/exports": ({}, lambda body: body["site"]),
    "/api/analytics/exports/schedules": ({"every": "day", "at": "06:30"}, lambda body: body["site"]),
    "/api/analytics/goals": ({"name": "a", "type": "a"}, lambda body: body["site"]),
    "/api/analytics/segments": ({"name": "a", "filter": "country==DE"}, lambda body: body["site"]),
    "/api/analytics/notes": ({"day": "2026-03-02", "text": "a"}, lambda body: body["site"]),
    "/api/v1/funnels/": ({"name": "a", "steps": STEPS}, lambda body: body["data"]["website_id"]),
}
REPORTS = ("/api/analytics/reports/summary", "/stats", "/events", "/metrics", "/api/analytics/reports/realtime")
QUERIES = [pytest.param({"query_string": {name: "shop"}}, id=f"?{name}") for name in SITE_NAMES]
WAYS = [*QUERIES, pytest.param({"headers": {"X-Site-ID": "shop"}}, id="header")]
BODY_WAYS = [pytest.param({name: "shop"}, id=name) for name in SITE_NAMES]
CONTRADICTIONS: list[dict[str, Any]] = [
    {"query_string": "site=shop&website_id=default"},
    {"query_string": "site=shop&site=default"},
    {"query_string": "site=shop", "headers": {"X-Site-ID": "default"}},
    {"query_string": "site="},
]


@pytest.fixture
def admin(client: FlaskClient, site: Site, engine: Engine, token: Any) -> FlaskClient:
    with engine.begin() as connection:
        create_site(connection, "shop", "Shop")
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token('admin')}"
    return client


def site_of_batch(admin: FlaskClient, accepted: TestResponse) -> str:
    assert accepted.status_code == 202
    site: str = admin.get(f"/api/analytics/batches/{accepted.json['batch_id']}").json["site"]
    return site


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("path", POSTS)
def test_a_definition_is_made_for_the_site_that_the_request_names(admin: FlaskClient, path: str, way: Any) -> None:
    body, read_site = POSTS[path]
    response = admin.post(path, json=body, **way)
    assert (response.status_code < 300, read_site(response.json)) == (True, "shop")


@pytest.mark.parametrize("named", BODY_WAYS)
@pytest.mark.parametrize("path", POSTS)
def test_the_body_may_name_the_site(admin: FlaskClient, path: str, named: dict[str, str]) -> None:
    body, read_site = POSTS[path]
    body = {**body, "request": named} if "schedules" in path else {**body, **named}
    assert read_site(admin.post(path, json=body).json) == "shop"
    assert admin.post(f"{path}?site=default", json=body).status_code == 400


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("path", REPORTS)
def test_a_report_is_of_the_site_that_the_request_names(admin: FlaskClient, path: str, way: Any) -> None:
    assert admin.get(path, **way).json["meta"]["site"] == "shop"


@pytest.mark.parametrize("way", CONTRADICTIONS)
@pytest.mark.parametrize("path", [*POSTS, *REPORTS, "/api/analytics/ingest"])
def test_two_sites_or_an_empty_one_are_refused(admin: FlaskClient, path: str, way: Any) -> None:
    body = POSTS.get(path, ([{"type": "a"}], None))[0]
    response = admin.get(path, **way) if path in REPORTS else admin.post(path, json=body, **way)
    assert (response.status_code, "accepted: " in response.json["detail"]) == (400, True)


def test_a_path_and_a_parameter_must_agree(admin: FlaskClient) -> None:
    path = "/api/v1/analytics/top-pages/shop"
    assert [admin.get(f"{path}?site={key}").status_code for key in ("shop", "default")] == [200, 400]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("path", ["/api/analytics/ingest", "/api/analytics/samples"])
def test_a_batch_is_for_the_site_that_the_request_names(admin: FlaskClient, path: str, way: Any) -> None:
    item = {"type": "a"} if "ingest" in path else {"name": "a", "value": 1}
    assert site_of_batch(admin, admin.post(path, json=[item], **way)) == "shop"


@pytest.mark.parametrize("named", BODY_WAYS)
def test_an_envelope_names_the_site_of_its_events(admin: FlaskClient, named: dict[str, str]) -> None:
    envelope = {"events": [{"type": "a"}], **named}
    assert site_of_batch(admin, admin.post("/api/analytics/ingest", json=envelope)) == "shop"
    assert admin.post("/api/analytics/ingest?site=default", json=envelope).status_code == 400


def test_two_names_in_an_envelope_must_agree(admin: FlaskClient) -> None:
    envelope = {"events": [{"type": "a"}], "site": "shop", "siteId": "default"}
    response = admin.post("/api/analytics/ingest", json=envelope)
    assert (response.status_code, "two sites" in response.json["detail"]) == (400, True)
