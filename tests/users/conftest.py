"""Fixtures: `get` reads lists of users, and `write_files` leaves a part of the events in column files."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from analytics.columnar.write import write_day
from analytics.rollups.merge import merge_site
from tests.reports.conftest import at_noon, fill, report, store, whole_months

__all__ = ["at_noon", "fill", "report", "store", "whole_months"]

Get = Callable[..., Any]
ROUTE = "/api/analytics/reports/users"


@pytest.fixture
def get(client: FlaskClient, token: Any, auth: Any, app: Flask) -> Get:
    """`get("funnel=…", status=400)` the list of users; `get(…, what="timeline")` the events of one."""

    def read(query: Any, status: int = 200, what: str = "") -> Any:
        query = query if isinstance(query, str) else urlencode(query)
        response = client.get(f"{ROUTE}/{what}?{query}".replace("/?", "?"), headers=auth(token("export read")))
        assert response.status_code == status, response.json
        assert status == 200 or response.content_type == "application/problem+json"
        return response.json

    return read


@pytest.fixture
def get_all(get: Get) -> Get:
    """All rows of all pages, and their total."""

    def read(query: str, limit: int = 2, what: str = "", rows: str = "users") -> tuple[list[Any], int]:
        found, cursor = [], ""
        while True:
            page = get(f"{query}&limit={limit}{cursor}", what=what)
            assert page["count"] == len(page[rows]) <= limit
            found += page[rows]
            if page["next_cursor"] is None:
                return found, page["total"]
            cursor = f"&cursor={page['next_cursor']}"

    return read


@pytest.fixture
def write_files(engine: Engine) -> Callable[..., None]:
    """Merges what the site has, and writes the files of these days."""

    def write(site_id: int, start: datetime, days: int) -> None:
        while merge_site(engine, site_id).has_more:
            pass
        for day in range(days):
            write_day(engine, site_id, (start + timedelta(days=day)).date(), datetime.now(UTC))

    return write
