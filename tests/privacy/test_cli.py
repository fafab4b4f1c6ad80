"""`flask retention run`: a table or JSON on standard output, exit code 1 when a step failed; and the task."""

import json
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from analytics import clock
from analytics.ops import task_runs
from analytics.privacy.retention import RETENTION_LOCK_ID
from tasks.maintenance import apply_retention
from tests.privacy.conftest import NOW, days_ago


@pytest.fixture
def flask(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`flask("run")`: the command's result, at NOW."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    return lambda *words: app.test_cli_runner().invoke(args=["retention", *words])


def test_a_dry_run_prints_a_table_and_changes_no_row(flask: Any, put: Any, sql: Any) -> None:
    put(days_ago(100), 1234)
    result = flask("run", "--dry-run")
    header, line = result.stdout.splitlines()
    assert header.split() == ["WHAT", "ROWS", "BYTES", "BECAUSE", "OF"]
    # A hundred days ago, so the partition is a month.
    assert line.split()[:6] == ["drop", "events", "of", "2026-03-01", "to", "2026-04-01"]
    assert line.split()[6] == "1,234"
    assert line.endswith("EVENT_RETENTION_DAYS=90")
    assert sql("SELECT count(*) FROM events") == [(1234,)]


def test_the_run_prints_what_the_dry_run_printed(flask: Any, put: Any, sql: Any) -> None:
    put(days_ago(130), 3)
    put(days_ago(31), 2, ip="203.0.113.77")
    planned = json.loads(flask("run", "--dry-run", "--json").stdout)
    result = flask("run", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, planned)
    assert [(step["action"], step["rows"], step["error"]) for step in planned] == [("drop", 3, None), ("mask", 2, None)]
    assert sql("SELECT count(*) FROM events") == [(2,)]


def test_nothing_due_is_a_hint_and_an_empty_array(flask: Any) -> None:
    assert (flask("run").stdout, flask("run").stderr) == ("", "nothing is due\n")
    assert json.loads(flask("run", "--json").stdout) == []


def test_a_failed_step_is_exit_code_1(make_app: Any, put: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    put(days_ago(130), 3)
    result = make_app(archive_url="/proc/nowhere").test_cli_runner().invoke(args=["retention", "run"])
    assert result.exit_code == 1
    assert "not archived" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_task_run_with_a_failed_step_is_recorded_as_failed(
    make_app: Any, put: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    failures: list[str] = []
    monkeypatch.setattr(task_runs, "record_failure", failures.append)
    put(days_ago(130), 3)
    with make_app(archive_url="/proc/nowhere").app_context():
        apply_retention()
    assert failures == ["1 steps left undone"]


def test_a_run_during_another_fails_with_one_line(flask: Any, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": RETENTION_LOCK_ID})
        result = flask("run")
    assert (result.exit_code, result.stderr) == (1, "Error: another retention run is in progress; wait until it ends\n")


def test_the_task_does_the_same_and_skips_during_another_run(
    app: Flask, put: Any, sql: Any, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    put(days_ago(130), 3)
    with app.app_context():
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": RETENTION_LOCK_ID})
            apply_retention()
        assert sql("SELECT count(*) FROM events") == [(3,)]
        apply_retention()
        apply_retention()
    assert sql("SELECT count(*) FROM events") == [(0,)]
    assert sql("SELECT raw_since FROM sites")[0][0] <= NOW - timedelta(days=90)
