"""The direct download as a workbook: the rows of the CSV, in typed cells, up to a limit."""

import io
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from analytics.reports.events.raw_export import COLUMN_NAMES
from analytics.reports.events.xlsx_writer import write_workbook

ROUTE = "/api/analytics/reports/events?format=xlsx"
MakeApp = Callable[..., Flask]


@pytest.fixture
def get(client: FlaskClient, token: Any, auth: Any) -> Callable[[str], Any]:
    return lambda query="": client.get(f"{ROUTE}&{query}", headers=auth(token("read")))


def test_cells_are_typed_and_instants_are_in_the_zone_of_the_header(store: Any, get: Any) -> None:
    store([{"type": "=1+1", "ts": "2026-03-02T12:00:00.25Z", "payload": {"a": "<b>\n"}}])
    response = get("zone=Europe/Berlin&date=2026-03-02")
    assert response.content_type == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    assert 'filename="events-default-2026-03-02-2026-03-02.xlsx"' in response.headers["Content-Disposition"]
    header, row = openpyxl.load_workbook(io.BytesIO(response.data)).active.iter_rows()
    assert [cell.value for cell in header[:3]] == ["event_id", "ts (Europe/Berlin)", "received_at (Europe/Berlin)"]
    cells = dict(zip(COLUMN_NAMES, row, strict=True))
    assert cells["ts"].value == datetime(2026, 3, 2, 13, 0, 0, 250_000)
    assert (cells["type"].value, cells["type"].data_type, cells["is_bot"].value) == ("=1+1", "s", False)
    assert (cells["payload"].value, cells["session_id"].value) == ('{"a": "<b>\\n"}', None)


def test_filters_narrow_the_rows(store: Any, get: Any) -> None:
    store([{"user_id": user, "ts": "2026-03-02T12:00:00Z"} for user in ("ann", "bob", "bob")])
    sheet = openpyxl.load_workbook(io.BytesIO(get("user_id=bob").data)).active
    assert [row[4].value for row in sheet.iter_rows(min_row=2)] == ["bob", "bob"]


@pytest.mark.parametrize(("rows", "status"), [(3, 200), (4, 413)])
def test_above_its_limit_it_refers_to_export_jobs(
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


def test_head_creates_no_workbook(store: Any, client: FlaskClient, engine: Engine, token: Any, auth: Any) -> None:
    store([{"ts": "2026-03-02T12:00:00Z"}])
    response = client.head(ROUTE, headers=auth(token("read")))
    assert (response.status_code, response.data) == (200, b"")
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def copied_row(**cells: str) -> bytes:
    """A row in COPY's text format."""
    return ("\t".join(cells.get(name, r"\N") for name in COLUMN_NAMES) + "\n").encode()


def written_cells(row: bytes) -> dict[str, Any]:
    sink = io.BytesIO()
    write_workbook(sink, "UTC", [row])
    return dict(zip(COLUMN_NAMES, openpyxl.load_workbook(sink).active[2], strict=True))


TEXTS = [
    pytest.param("=1+1", "=1+1", id="formula"),
    pytest.param("#N/A", "#N/A", id="error-value"),
    pytest.param(r"a\tb\nc\\d", "a\tb\nc\\d", id="escapes-of-copy"),
    pytest.param(r"a\rb", "a_x000D_b", id="carriage-return"),
    pytest.param("_x0041_", "_x005F_x0041_", id="escape-of-xlsx"),
    pytest.param("a\x01\ufffe", "a\ufffd\ufffd", id="no-xml-character"),
    pytest.param(" a ", " a ", id="white-space"),
    pytest.param("x" * 32_767, "x" * 32_767, id="just-fits"),
    pytest.param("😀" * 16_384, "😀" * 16_380 + "… (cut)", id="too-long"),
]


@pytest.mark.parametrize(("copied", "shown"), TEXTS)
def test_text_is_a_text_cell(copied: str, shown: str) -> None:
    cell = written_cells(copied_row(user_id=copied))["user_id"]
    assert (cell.value, cell.data_type) == (shown, "s")


def test_instants_and_flags_have_their_types() -> None:
    cells = written_cells(copied_row(ts="46083.5", received_at="46084.25", is_bot="1"))
    assert (cells["ts"].value, cells["received_at"].value) == (datetime(2026, 3, 2, 12), datetime(2026, 3, 3, 6))
    assert (cells["is_bot"].value, cells["type"].value) == (True, None)


def test_the_header_is_bold_and_stays_in_view() -> None:
    sink = io.BytesIO()
    write_workbook(sink, "UTC", [copied_row(type="a")])
    sheet = openpyxl.load_workbook(sink).active
    assert (sheet["A1"].font.b, sheet["A2"].font.b, sheet.freeze_panes, sheet.title) == (True, False, "A2", "Events")


def test_no_file_remains_after_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def broken_chunks() -> Iterator[bytes]:
        yield copied_row(type="a")
        raise ConnectionError

    with pytest.raises(ConnectionError):
        write_workbook(io.BytesIO(), "UTC", broken_chunks())
    assert list(tmp_path.iterdir()) == []
