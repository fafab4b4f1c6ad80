"""The direct download as a workbook: the rows of the CSV, in cells of their types, up to a limit."""

import io
from collections.abc import Callable
from datetime import datetime
from typing import Any

import openpyxl
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from analytics.reports.events import COLUMNS

ROUTE = "/api/analytics/reports/events?format=xlsx"
MakeApp = Callable[..., Flask]


@pytest.fixture
def get(client: FlaskClient, token: Any, auth: Any) -> Callable[[str], Any]:
    return lambda query="": client.get(f"{ROUTE}&{query}", headers=auth(token("read")))


def test_cells_are_of_their_types_in_the_zone_of_the_header(store: Any, get: Any) -> None:
    store([{"type": "=1+1", "ts": "2026-03-02T12:00:00.25Z", "payload": {"a": "<b>\n"}}])
    response = get("zone=Europe/Berlin&date=2026-03-02")
    assert response.content_type == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    assert 'filename="events-default-2026-03-02-2026-03-02.xlsx"' in response.headers["Content-Disposition"]
    header, row = openpyxl.load_workbook(io.BytesIO(response.data)).active.iter_rows()
    assert [cell.value for cell in header[:3]] == ["event_id", "ts (Europe/Berlin)", "received_at (Europe/Berlin)"]
    found = dict(zip(COLUMNS, row, strict=True))
    assert found["ts"].value == datetime(2026, 3, 2, 13, 0, 0, 250_000)
    assert (found["type"].value, found["type"].data_type, found["is_bot"].value) == ("=1+1", "s", False)
    assert (found["payload"].value, found["session_id"].value) == ('{"a": "<b>\\n"}', None)


def test_filters_narrow_its_rows(store: Any, get: Any) -> None:
    store([{"user_id": user, "ts": "2026-03-02T12:00:00Z"} for user in ("ann", "bob", "bob")])
    sheet = openpyxl.load_workbook(io.BytesIO(get("user_id=bob").data)).active
    assert [row[4].value for row in sheet.iter_rows(min_row=2)] == ["bob", "bob"]


@pytest.mark.parametrize(("rows", "status"), [(3, 200), (4, 413)])
def test_past_its_limit_it_names_the_job(
    make_app: MakeApp, store: Any, token: Any, auth: Any, rows: int, status: int
) -> None:
    store([{"ts": "2026-03-02T12:00:00Z"} for _ in range(rows)])
    response = make_app(xlsx_direct_rows=3).test_client().get(ROUTE, headers=auth(token("read")))
    assert response.status_code == status
    if status == 413:
        assert "POST /api/analytics/exports" in response.json["detail"]
        assert (response.json["limit"], response.json["jobs"]) == (3, "/api/analytics/exports")


def test_nothing_stored_is_a_header(site: Any, get: Any) -> None:
    assert openpyxl.load_workbook(io.BytesIO(get("").data)).active.max_row == 1


def test_head_makes_no_workbook(store: Any, client: FlaskClient, engine: Engine, token: Any, auth: Any) -> None:
    store([{"ts": "2026-03-02T12:00:00Z"}])
    response = client.head(ROUTE, headers=auth(token("read")))
    assert (response.status_code, response.data) == (200, b"")
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]
