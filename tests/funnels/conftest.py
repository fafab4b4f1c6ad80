"""Events and funnels of the site `default`; the fixtures of the reports' tests serve here too."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.reports.conftest import fill, store, whole_march

__all__ = ["fill", "store", "whole_march"]

Ask = Callable[..., Any]


@pytest.fixture
def call(client: FlaskClient, token: Any, auth: Any) -> Ask:
    """`call("post", "/api/v1/funnels/", {…}, status=201)`: the answer's JSON; `scope`, `sub`: the caller's."""

    def ask(
        method: str, path: str, body: Any = None, status: int = 200, scope: str = "read", sub: str = "tester"
    ) -> Any:
        given = {} if body is None else {"json": body}
        response = client.open(path, method=method.upper(), headers=auth(token(scope, sub=sub)), **given)
        assert response.status_code == status, response.json
        assert status < 400 or response.content_type == "application/problem+json"
        return response.json

    return ask


@pytest.fixture
def count(call: Ask, app: Flask) -> Ask:
    """`count({"steps": […]}, "date=2026-03-02")`: the report on a funnel that is not stored, counted anew."""

    def ask(definition: dict[str, Any], query: str = "date=2026-03-02", status: int = 200) -> Any:
        app.extensions["cache_redis"].flushdb()
        return call("post", f"/api/analytics/reports/funnel?{query}", definition, status)

    return ask
