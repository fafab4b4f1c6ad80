"""`flask retention run`: a table or JSON on standard output, exit code 1 when a step was left undone; and the task."""

import json
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from analytics import clock
from analytics.ops import runs
from analytics.privacy.retention import RUN_LOCK
from tasks.maintenance import retain
from tests.privacy.conftest import NOW, days_ago


@pytest.fixture
def flask(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`flask("run")`: the command's result, at NOW."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    return lambda *words: app.test_cli_runner().invoke(args=["retention", *words])


def test_a_dry_run_prints_a_table_and_changes_nothing(flask: Any, put: Any, sql: Any) -> None:
    put(days_ago(100), 1234)
    result = flask("run", "--dry-run")
    header, line = result.stdout.splitlines()
    assert header.split() == ["WHAT", "ROWS", "BYTES", "BECAUSE", "OF"]
    # Ninety-nine days ago: a month of its own.
    assert line.split()[:6] == ["drop", "events", "of", "2026-03-01", "to", "2026-04-01"]
    assert line.split()[6] == "1,234"
    assert line.endswith("EVENT_RETENTION_DAYS=90")
    assert sql("SELECT count(*) FROM events") == [(1234,)]


def test_the_run_prints_what_the_dry_run_promised(flask: Any, put: Any, sql: Any) -> None:
    put(days_ago(130), 3)
    put(days_ago(31), 2, ip="203.0.113.77")
    promised = json.loads(flask("run", "--dry-run", "--json").stdout)
    result = flask("run", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, promised)
    assert [(one["action"], one["rows"], one["error"]) for one in promised] == [("drop", 3, None), ("mask", 2, None)]
    assert sql("SELECT count(*) FROM events") == [(2,)]


def test_nothing_due_is_a_hint_and_an_empty_array(flask: Any) -> None:
    assert (flask("run").stdout, flask("run").stderr) == ("", "nothing is due\n")
    assert json.loads(flask("run", "--json").stdout) == []


def test_a_step_left_undone_is_exit_code_1(make_app: Any, put: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    put(days_ago(130), 3)
    result = make_app(archive_url="/proc/nowhere").test_cli_runner().invoke(args=["retention", "run"])
    assert result.exit_code == 1
    assert "not archived" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_run_of_the_task_that_leaves_a_step_undone_is_no_success(
    make_app: Any, put: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    told: list[str] = []
    monkeypatch.setattr(runs, "failed", told.append)
    put(days_ago(130), 3)
    with make_app(archive_url="/proc/nowhere").app_context():
        retain()
    assert told == ["1 steps left undone"]


def test_a_run_beside_another_is_one_line(flask: Any, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": RUN_LOCK})
        result = flask("run")
    assert (result.exit_code, result.stderr) == (1, "Error: another retention run is at work, and does the same\n")


def test_the_task_does_the_same_and_yields_to_another(
    app: Flask, put: Any, sql: Any, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    put(days_ago(130), 3)
    with app.app_context():
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": RUN_LOCK})
            retain()
        assert sql("SELECT count(*) FROM events") == [(3,)]
        retain()
        retain()
    assert sql("SELECT count(*) FROM events") == [(0,)]
    assert sql("SELECT raw_since FROM sites")[0][0] <= NOW - timedelta(days=90)
