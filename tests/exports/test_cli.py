"""`flask export`: the same file as the API, continued after a kill, and errors of one line."""

import hashlib
import hmac
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine

from analytics.exports import cli
from analytics.exports.formats import writers
from analytics.exports.jobs.runner import Runner
from analytics.sites.sites import Site

Api = Callable[..., Any]
PERIOD = ("--from", "2026-03-01", "--to", "2026-03-31")


@pytest.fixture
def flask(app: Flask) -> Callable[..., Any]:
    """`flask("events", …)`: the result of `flask export events …`."""
    return lambda *words: app.test_cli_runner().invoke(args=["export", *map(str, words)])


def test_file_equals_that_of_the_api(
    flask: Api, rows: Api, done: Api, api: Api, runner: Runner, sql: Api, tmp_path: Path
) -> None:
    rows(3, 50)
    job = done(**{"from": "2026-03-01", "to": "2026-03-31"}, format="ndjson", compression="gzip")
    expected = api("get", f"/{job['id']}/download").get_data()
    out = tmp_path / "events.ndjson.gz"
    result = flask("events", *PERIOD, "--format", "ndjson", "--compression", "gzip", "--out", out)
    assert (result.exit_code, result.stderr) == (0, "")
    assert out.read_bytes() == expected
    assert result.stdout == f"{out}: 150 rows, {len(expected):,} bytes, sha256 {hashlib.sha256(expected).hexdigest()}\n"
    # Only the job and the file of the API remain.
    assert sql("SELECT CAST(id AS text) FROM export_jobs") == [(job["id"],)]
    assert len(runner.storage.list_files()) == 1
    assert list(tmp_path.iterdir()) == [out]


def test_standard_output_gets_nothing_but_the_file(flask: Api, rows: Api) -> None:
    rows(2, 21)
    words = ("--type", "click", "--user-id", "user3", "--column", "type", "--column", "user_id")
    result = flask("events", *PERIOD, *words, "--out", "-")
    assert result.exit_code == 0
    # Of n = 1 … 21, only 3 is 0 modulo 3 and 3 modulo 7.
    assert result.stdout.splitlines() == ["type,user_id"] + ["click,user3"] * 2
    assert "2 rows" in result.stderr


def test_metrics_are_exported(flask: Api, site: Site, sql: Api) -> None:
    sql(
        "INSERT INTO metrics (site_id, date, metric_name, metric_value) VALUES (:id, '2026-03-02', 'dau', 7) RETURNING 1",
        id=site.id,
    )
    result = flask("report", *PERIOD, "--out", "-")
    assert result.stdout.splitlines() == ["date,name,value,dimensions", "2026-03-02,dau,7,{}"]


@pytest.mark.usefixtures("small_parts")
def test_repeated_command_continues(
    flask: Api, rows: Api, sql: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows(5, 20)
    whole, out = tmp_path / "whole.csv", tmp_path / "events.csv"
    parts, stop_at = list[int](), [0]

    def write_part(*given: Any, real: Any = writers.write_part) -> Any:
        parts.append(1)
        if len(parts) == stop_at[0]:
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(writers, "write_part", write_part)
    assert flask("events", *PERIOD, "--out", whole).exit_code == 0
    part_count = len(parts)
    stop_at[0] = part_count + 3
    result = flask("events", *PERIOD, "--out", out)
    assert (result.exit_code, result.stdout, list(tmp_path.iterdir())) == (130, "", [whole])
    assert "the same command continues" in result.stderr
    sql("UPDATE export_jobs SET heartbeat_at = heartbeat_at - interval '2 minutes' RETURNING 1")
    result = flask("events", *PERIOD, "--out", out)
    assert (result.exit_code, "continuing" in result.stderr) == (0, True)
    assert out.read_bytes() == whole.read_bytes()
    # Only the unfinished part is written again.
    assert (part_count >= 5, len(parts)) == (True, 2 * part_count + 1)
    assert sql("SELECT count(*) FROM export_jobs") == [(0,)]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        pytest.param(("--site", "nowhere", "--out", "-"), 1, "no site 'nowhere'", id="site"),
        pytest.param(("--from", "soon", "--out", "-"), 1, "neither a date", id="date"),
        pytest.param(("--zone", "Mars/Phobos", "--out", "-"), 1, "Mars/Phobos", id="zone"),
        pytest.param(("--format", "xlsx", "--compression", "gzip", "--out", "-"), 1, "compression", id="compression"),
        pytest.param(("--column", "nothing", "--out", "-"), 1, "nothing", id="column"),
        pytest.param(("--format", "pdf", "--out", "-"), 2, "pdf", id="format"),
        pytest.param((), 2, "--out", id="no-out"),
        pytest.param(("--out", "/nowhere/at/all.csv"), 2, "no folder /nowhere/at", id="folder"),
        pytest.param(("--out", "/"), 1, "cannot write", id="a-folder"),
    ],
)
def test_error_is_one_line(flask: Api, site: Site, words: Any, code: int, message: str) -> None:
    result = flask("events", *words)
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr
    assert len([line for line in result.stderr.splitlines() if line.startswith("Error: ")]) == 1


def test_failed_export_is_an_error(
    flask: Api, rows: Api, engine: Engine, sql: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows(1, 5)

    def fail(_runner: Any, job_id: str, _on_progress: Any) -> None:
        sql("UPDATE export_jobs SET state = 'failed', error = 'no disk' WHERE id = CAST(:id AS uuid) RETURNING 1",
            id=job_id)  # fmt: skip

    monkeypatch.setattr(cli, "run_job", fail)
    result = flask("events", "--out", "-")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no disk" in result.stderr


def test_webhook_key_is_printed(flask: Api, app: Flask) -> None:
    secret = app.extensions["settings"].jwt_secret_key
    expected = hmac.new(f"{secret}:".encode(), b"export webhooks", "sha256").hexdigest()
    assert flask("webhook-key").stdout == f"{expected}\n"
