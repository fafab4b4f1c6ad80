"""Reports while PostgreSQL or Redis is down: 503 with Retry-After, or a response without what Redis knows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from analytics.sites.sites import Site

MakeApp = Callable[..., Flask]


@pytest.mark.parametrize("report", ["dau", "events"])
def test_without_postgres_a_report_returns_503_with_retry_after(
    make_app: MakeApp, token: Any, auth: Any, tmp_path: Path, report: str
) -> None:
    app = make_app(database_url=f"postgresql+psycopg2://postgres@/nothing?host={tmp_path}")
    response = app.test_client().get(f"/api/analytics/reports/{report}", headers=auth(token("read")))
    assert (response.status_code, response.content_type) == (503, "application/problem+json")
    assert int(response.headers["Retry-After"]) > 0


def test_without_redis_dau_is_counted_and_complete_through_is_null(
    make_app: MakeApp, site: Site, store: Any, token: Any, auth: Any, tmp_path: Path
) -> None:
    store([{"ts": "2026-03-02T12:00:00Z"}])
    client = make_app(celery_broker_url=f"unix://{tmp_path}/none.sock?db=0").test_client()
    response = client.get("/api/analytics/reports/dau?date=2026-03-02", headers=auth(token("read")))
    assert (response.status_code, response.json["dau"]) == (200, 1)
    assert response.json["meta"]["complete_through"] is None
