"""Query parameters that an operation does not describe are refused, on every route."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from analytics import create_app
from analytics.apidocs.openapi import UNDOCUMENTED_ROUTES
from analytics.sites.sites import Site
from config import Settings

ID = "5f0c1d2e-8a53-4c0e-9d3c-0e8d8a1f2b34"
# UNDOCUMENTED_ROUTES are pages and their scripts: links to pages get parameters from mail programs and trackers, and
# `?v=` keeps a script from being cached across releases.
OPERATIONS = [
    pytest.param(rule, method, id=f"{method} {rule.rule}")
    for rule in create_app(Settings(environment="test")).url_map.iter_rules()
    if rule.rule not in UNDOCUMENTED_ROUTES
    for method in sorted((rule.methods or set()) - {"OPTIONS"})
]


@pytest.fixture
def admin(client: FlaskClient, site: Site, token: Any) -> FlaskClient:
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token('admin')}"
    return client


def path_of(rule: Rule) -> str:
    path = rule.rule
    for name in rule.arguments:
        for kind, value in (("", "default"), ("path:", "default"), ("uuid:", ID), ("int:", "17")):
            path = path.replace(f"<{kind}{name}>", value)
    return path


@pytest.mark.parametrize(("rule", "method"), OPERATIONS)
def test_an_unknown_parameter_is_refused(admin: FlaskClient, rule: Rule, method: str) -> None:
    response = admin.open(f"{path_of(rule)}?bogus=1", method=method, json=[] if method == "POST" else None)
    assert response.status_code == 400
    if method != "HEAD":
        assert [one["field"] for one in response.json["errors"]] == ["bogus"]
        assert response.json["errors"][0]["code"] == "unknown_parameter"
        assert "bogus: no such parameter; accepted: " in response.json["detail"]


def test_pages_take_any_parameter(admin: FlaskClient) -> None:
    assert admin.get("/docs?utm_source=mail").status_code == 200


def test_a_preflight_is_not_refused(make_app: Any) -> None:
    client = make_app(cors_origins=("https://a.example",)).test_client()
    headers = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    assert client.options("/api/analytics/ingest?bogus=1", headers=headers).status_code == 204


def test_a_credential_is_accepted_on_guarded_routes(admin: FlaskClient) -> None:
    assert admin.post("/api/analytics/ingest?key=pk_1", json=[{"type": "a"}]).status_code == 202
    assert admin.get("/api/analytics/reports/summary?share=x").status_code == 200
    assert admin.get("/livez?key=pk_1").status_code == 400
