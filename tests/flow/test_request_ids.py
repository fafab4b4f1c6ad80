"""One id from the header of a request to the lines of a real worker, the ledger and the trace; and a worker that stops."""

import json
import os
import signal
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis

from analytics.ingest import buffer
from analytics.ops import heartbeats
from config import Settings
from tests.flow.test_flow import run_worker, wait_for


@pytest.fixture
def log(tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """`log("drained")`: the worker's lines with that message."""
    path = tmp_path / "worker.log"
    path.touch()

    def read(message: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in path.read_text().splitlines() if line.startswith("{") and line[-1] == "}"]
        return [line for line in lines if line["message"] == message]

    read.path = path
    return read


@pytest.fixture
def headers(token: Callable, auth: Callable) -> dict[str, str]:
    return {**auth(token()), "X-Request-ID": "from-the-client-1"}


def test_a_batch_carries_its_request_id_to_the_workers_lines_and_the_ledger(
    client: FlaskClient, settings: Settings, site: Any, headers: dict[str, str], log: Any
) -> None:
    event_id = str(uuid.uuid4())
    with log.path.open("wb") as file, run_worker(settings, "ingest", file, LOG_LEVEL="INFO"):
        answer = client.post("/api/analytics/ingest", json=[{"type": "a", "id": event_id}], headers=headers)
        status = f"/api/analytics/batches/{answer.json['batch_id']}"
        waiting = client.get(status, headers=headers).json
        wait_for(lambda: client.get(status, headers=headers).json["state"] == "stored")
        wait_for(lambda: bool(log("drained")), 5)
    stored = client.get(status, headers=headers).json
    assert answer.headers["X-Request-ID"] == "from-the-client-1"
    assert {waiting["request_id"], stored["request_id"]} == {"from-the-client-1"}
    [line] = log("drained")
    assert (line["request_id"], line["requests"]) == ("from-the-client-1", ["from-the-client-1"])
    assert (line["task"], len(line["task_id"])) == ("ingest.drain", 36)


def test_a_dead_letter_is_logged_with_the_id_of_its_request(
    settings: Settings, redis: Redis, client: FlaskClient, site: Any, headers: dict[str, str], log: Any
) -> None:
    entry = buffer.Entry(b"[]", False, 1, site.id, site.key, 1, 0, "", "", "", "of-a-damaged-batch")
    entry_id, _ = buffer.append(redis, entry, buffer.BacklogLimits(10, 10**6))
    for _ in range(11):
        buffer.record_takeovers(redis, [entry_id])
    buffer.read_new(redis, "dead-host:1", 10)
    with log.path.open("wb") as file, run_worker(settings, "ingest", file, CLAIM_AFTER="0.1s"):
        client.application.extensions["celery"].send_task("ingest.sweep", queue="ingest")
        wait_for(lambda: bool(log("batch dead-lettered")))
    [line] = log("batch dead-lettered")
    assert (line["entry_id"], line["request_id"]) == (entry_id, "of-a-damaged-batch")


def test_an_export_is_logged_with_the_id_of_the_request_that_created_it(
    client: FlaskClient, settings: Settings, site: Any, headers: dict[str, str], log: Any
) -> None:
    body = {"what": "events", "format": "csv", "from": "2026-11-01", "to": "2026-11-02"}
    job = client.post("/api/analytics/exports", json=body, headers=headers).json
    assert "request_id" not in job["request"]
    environment = {"LOG_LEVEL": "INFO", "EXPORT_URL": settings.export_url}
    with log.path.open("wb") as file, run_worker(settings, "exports", file, **environment):
        # As the watch does, without a request.
        client.application.extensions["celery"].send_task("exports.run", [job["id"]], queue="exports")
        wait_for(lambda: bool(log("export run")))
    assert {line["request_id"] for line in log("export run")} == {"from-the-client-1"}


def test_a_stopped_worker_is_reported_and_one_that_ended_is_not(
    make_app: Callable[..., Flask], settings: Settings, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeats, "SILENT_AFTER_S", 4.0)
    client = make_app().test_client()

    def is_silent() -> bool:
        return "worker_silent" in client.get("/health").json["degraded"]

    assert is_silent()
    with run_worker(settings, "rollups") as worker:
        wait_for(lambda: not is_silent())
        os.kill(worker.pid, signal.SIGSTOP)
        try:
            wait_for(is_silent, 10)
        finally:
            os.kill(worker.pid, signal.SIGCONT)
        wait_for(lambda: not is_silent(), 5)
    assert heartbeats.read_heartbeats(redis).workers == {}
    assert client.get("/health").json["ok"] is True
