"""Rows of exports: what is stored of them, what is refused, and that no request can send them."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import Engine

from analytics.ingest.drain.drain import Drain
from analytics.ingest.exported_rows import SITE_COLUMNS, ExportedRow
from analytics.reports.events.raw_export import COLUMN_NAMES
from analytics.sites.sites import Site, update_site
from tests.factories import append_events
from tests.ingest.imports.conftest import DrainFunction, Run

ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
ROW = {
    "event_id": ID, "ts": "2026-03-01T12:00:00.123456Z", "received_at": "2026-03-01T12:00:01Z", "type": "page_view",
    "user_id": "~AAAAAAAAAAAAAAAAAAAA", "is_bot": True, "browser": "Googlebot", "source": "Google", "path": "/a",
    "ip": "8.8.8.0", "payload": {"page": "/not-derived", "n": 1},
}  # fmt: skip


def write_lines(path: Path, *rows: dict[str, Any] | str) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def test_an_import_knows_every_column_of_an_export() -> None:
    assert set(ExportedRow.__struct_fields__) == set(COLUMN_NAMES) - SITE_COLUMNS


def test_a_row_is_stored_as_it_is_and_nothing_is_derived(
    run: Run, drain: DrainFunction, sql: Any, tmp_path: Path
) -> None:
    """Neither a country from the address, nor a path from the payload, nor a source from a referrer."""
    result = run("ndjson", write_lines(tmp_path / "e", ROW))
    assert "stored as they were" in result.stderr
    assert "imported 1 (of which bots 1)" in result.stdout
    assert drain().stored == 1
    columns = "event_id::text, ts, user_id, is_bot, browser, os, source, path, country, host(ip), payload"
    assert sql(f"SELECT {columns}, received_at > now() - interval '1 minute' FROM events") == [(
        ID, datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC), "~AAAAAAAAAAAAAAAAAAAA", True, "Googlebot", None,
        "Google", "/a", None, "8.8.8.0", {"page": "/not-derived", "n": 1}, True,
    )]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"event_id": "17"}, "event_id: "),
        ({"is_bot": "maybe"}, "is_bot: "),
        ({"is_bot": None}, "is_bot: "),
        ({"ts": "2026-03-01T12:00:00"}, "ts: "),
        ({"ts": "1969-03-01T12:00:00Z"}, "ts: 1969-03-01T12:00:00Z is outside the window"),
        ({"user_id": ""}, "user_id: "),
        ({"path": "/" * 3000}, "path: "),
        ({"ip": "8.8.8"}, "ip: '8.8.8' is no IP address"),
        ({"payload": [1]}, "payload: payload must be a JSON object"),
        ({"payload": {"x": "\0"}}, "a NUL character cannot be stored"),
        ({"payload": {"a": {"b": [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}}}, "payload: nested too deeply"),
        ({"type": " "}, "type: "),
        ({"colour": "red"}, "no field 'colour'"),
    ],
    ids=str,
)
def test_a_row_that_no_export_has_is_refused_with_its_line(
    run: Run, drain: DrainFunction, tmp_path: Path, changes: dict[str, Any], problem: str
) -> None:
    other = ROW | {"event_id": ID.replace("0", "1")}
    output = run("ndjson", write_lines(tmp_path / "e", ROW, ROW | changes, "{", other), "--strict", code=1).output
    assert "= imported 2 (of which bots 2)\n+ unparsable 2" in output
    assert f"line 2: {problem}" in output
    assert "line 3: the line is not a JSON object" in output
    assert drain().stored == 2


@pytest.mark.parametrize("missing", ["received_at", "is_bot", "event_id"])
def test_rows_without_the_columns_of_an_export_are_new_events(
    run: Run, drain: DrainFunction, sql: Any, tmp_path: Path, missing: str
) -> None:
    row = {name: value for name, value in ROW.items() if name != missing}
    run("ndjson", write_lines(tmp_path / "e", row))
    drain()
    assert sql("SELECT is_bot, source FROM events") == [(False, None)]


def test_no_request_can_say_that_it_is_a_person_or_a_robot(
    app: Flask, site: Site, drain: DrainFunction, sql: Any, token: Any, auth: Any
) -> None:
    """The columns of an export are payload there; nor is there a way to mark a batch."""
    agent = {"user_agent": "curl/8", "holds_exported_rows": True, "ts": datetime.now(UTC).isoformat()}
    for body in ([ROW | agent], {"events": [ROW | agent | {"event_id": "b"}], "holds_exported_rows": True}):
        reply = app.test_client().post("/api/analytics/ingest", json=body, headers=auth(token("ingest admin")))
        assert reply.status_code == 202, reply.json
    event = ROW | agent | {"event_id": "c", "is_bot": False}
    app.test_client().post("/api/analytics/ingest", json=[event], headers=auth(token("ingest admin")))
    drain()
    rows = sql("SELECT is_bot, browser, source, payload->>'is_bot' FROM events ORDER BY payload->>'is_bot'")
    assert rows == [(True, "curl", None, "false")] + [(True, "curl", None, "true")] * 2


def test_numbers_with_three_hundred_digits_come_back(
    app: Flask, engine: Engine, redis: Redis, run: Run, drain: DrainFunction, site: Site, sql: Any, tmp_path: Path
) -> None:
    """1e300 is stored with all its digits: 60 KB as sent are 3 MB in the file."""
    payload = '{"n":[' + ",".join(["1e308"] * 10_000) + "]}"
    now = datetime.now(UTC) - timedelta(hours=1)
    append_events(redis, site, [{"type": "order", "user_id": "ann", "ts": now.isoformat()}])
    drain()
    sql("UPDATE events SET payload = CAST(:payload AS jsonb) RETURNING 1", payload=payload)
    for name in ("csv", "ndjson", "parquet"):
        file = tmp_path / name
        period = ["--from", now.isoformat(), "--to", (now + timedelta(minutes=30)).isoformat()]
        words = ["export", "events", "--format", name, *period]
        result = app.test_cli_runner().invoke(args=[*words, "--out", str(file)])
        assert result.exit_code == 0, result.output
        sql("DELETE FROM events RETURNING 1")
        assert "= imported 1 " in run(name, file, "--strict", "--restart").output
        assert drain().stored == 1
        assert sql("SELECT payload = CAST(:payload AS jsonb) FROM events", payload=payload) == [(True,)]


def test_a_strict_site_takes_its_types_only(
    run: Run, engine: Engine, site: Site, tmp_path: Path, drain: DrainFunction
) -> None:
    with engine.begin() as connection:
        update_site(connection, "default", types="strict", event_types=["order"])
    output = run("ndjson", write_lines(tmp_path / "e", ROW), code=1).output
    assert "line 1: type: 'page_view' is not a type of this site; accepted: order" in output


def test_without_user_ids_names_become_pseudonyms_and_keys_stay(
    engine: Engine, redis: Redis, run: Run, sql: Any, tmp_path: Path
) -> None:
    users = ["ann", "~AAAAAAAAAAAAAAAAAAAA", "#AAAAAAAAAAAAAAAAAAAA", "#1"]
    rows = [ROW | {"event_id": f"{ID[:-1]}{n}", "user_id": user} for n, user in enumerate(users)]
    run("ndjson", write_lines(tmp_path / "e", *rows))
    Drain(engine=engine, redis=redis, salt=b"x" * 32, anonymize_user_ids=True).run()
    stored = [user for (user,) in sql("SELECT user_id FROM events ORDER BY event_id")]
    assert stored[1:3] == users[1:3]
    assert [user[0] for user in (stored[0], stored[3])] == ["#", "#"]
    assert not {"ann", "#1"} & set(stored)


def test_columns_of_csv_are_read_by_their_names(run: Run, drain: DrainFunction, sql: Any, tmp_path: Path) -> None:
    """In any order, renamed with --map, with another delimiter."""
    row = {"who": "'=ann", **{name: value for name, value in ROW.items() if name != "user_id"}}
    row |= {"is_bot": "false", "payload": '{"total":1.50}', "path": "''-x", "session_id": ""}
    text = io.StringIO()
    writer = csv.DictWriter(text, list(row), delimiter=";")
    writer.writeheader()
    writer.writerow(row)
    (tmp_path / "e.csv").write_text(text.getvalue())
    run("csv", tmp_path / "e.csv", "--map", "who=user_id", "--strict")
    drain()
    columns = "user_id, path, is_bot, session_id, payload::text"
    assert sql(f"SELECT {columns} FROM events") == [("=ann", "'-x", False, None, '{"total": 1.50}')]


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def test_parquet_of_others_is_events(run: Run, drain: DrainFunction, sql: Any, tmp_path: Path) -> None:
    """Columns as the HTTP API names them; others are payload. Also from standard input."""
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    rows = [
        {"event_name": "order", "timestamp": at, "visitor_id": "ann", "properties": '{"total":\n1.50}', "plan": "pro"},
        {"event_name": "order", "timestamp": at, "visitor_id": "bob", "properties": None, "plan": None},
        {"event_name": "order", "timestamp": at, "visitor_id": "cyd", "properties": "no JSON", "plan": None},
    ]
    file = write_parquet(tmp_path / "e.parquet", rows)
    output = run("parquet", file).output
    assert "= imported 2 (of which bots 0)\n+ unparsable 1" in output
    assert "line 3: properties: " in output
    run("parquet", "-", stdin=file.read_bytes())
    result = drain()
    assert (result.stored, result.duplicate) == (2, 2)
    rows = sql("SELECT user_id, payload::text FROM events ORDER BY user_id")
    assert rows == [("ann", '{"plan": "pro", "total": 1.50}'), ("bob", None)]


def test_files_in_another_format_are_refused_with_the_command(run: Run, tmp_path: Path) -> None:
    parquet = write_parquet(tmp_path / "e.parquet", [ROW])
    lines = write_lines(tmp_path / "e.ndjson", ROW)
    for name in ("csv", "ndjson", "access-log"):
        assert "flask import parquet e.parquet" in run(name, parquet, code=1).output
    assert "e.ndjson is not Parquet" in run("parquet", lines, code=1).output
    (tmp_path / "cut.parquet").write_bytes(parquet.read_bytes()[:-200])
    assert "cut.parquet is damaged or cut" in run("parquet", tmp_path / "cut.parquet", code=1).output
