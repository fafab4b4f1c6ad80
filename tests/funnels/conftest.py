"""Fixtures for funnels of the site `default`, beside those of the reports' tests."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.reports.conftest import store, whole_months

__all__ = ["store", "whole_months"]

Call = Callable[..., Any]


@pytest.fixture
def call(client: FlaskClient, token: Any, auth: Any) -> Call:
    """`call("post", "/api/v1/funnels/", {…}, status=201)`: the response's JSON; `scope`, `sub`: the caller's."""

    def send(
        method: str, path: str, body: Any = None, status: int = 200, scope: str = "read write", sub: str = "tester"
    ) -> Any:
        options = {} if body is None else {"json": body}
        response = client.open(path, method=method.upper(), headers=auth(token(scope, sub=sub)), **options)
        assert response.status_code == status, response.json
        assert status < 400 or response.content_type == "application/problem+json"
        return response.json

    return send


@pytest.fixture
def count(call: Call, app: Flask) -> Call:
    """`count({"steps": […]}, "date=2026-03-02")`: the report on a funnel that is not stored, without the cache."""

    def report(definition: dict[str, Any], query: str = "date=2026-03-02", status: int = 200) -> Any:
        app.extensions["cache_redis"].flushdb()
        return call("post", f"/api/analytics/reports/funnel?{query}", definition, status)

    return report
