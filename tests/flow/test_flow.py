"""HTTP → stream → real Celery worker → row → report. No beat runs: the accepting request enqueues the drain."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

import pytest
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine

from analytics.sites.sites import Site
from config import Settings
from tests.conftest import ROOT
from tests.ingest.drain.letters import bury_batch


@contextmanager
def run_worker(
    settings: Settings, queues: str, log: IO[bytes] | None = None, **variables: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a worker of one process on the queues until the block ends. `log`: where its lines go."""
    env = os.environ | {
        "DATABASE_URL": settings.database_url,
        "CELERY_BROKER_URL": settings.celery_broker_url,
        "REDIS_URL": settings.redis_url,
        "JWT_SECRET_KEY": settings.jwt_secret_key,
        "LOG_LEVEL": "WARNING",
        **variables,
    }
    command = [sys.executable, "-m", "celery", "-A", "celery_app", "worker", "-Q", queues, "-c", "1"]
    command += ["--without-gossip", "--without-mingle", "--loglevel", env["LOG_LEVEL"]]
    process = subprocess.Popen(command, cwd=ROOT, env=env, start_new_session=True, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def worker(settings: Settings) -> Iterator[None]:
    with run_worker(settings, "ingest"):
        yield


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"the condition was still false after {seconds} s"
        time.sleep(0.05)


def test_a_batch_reaches_the_reports(
    client: FlaskClient, token: Callable, auth: Callable, site: object, worker: None
) -> None:
    headers = auth(token())
    events = [{"type": "page_view", "user_id": f"u{n % 3}"} for n in range(10)]
    batch_id = client.post("/api/analytics/ingest", json=events, headers=headers).json["batch_id"]
    wait_for(lambda: client.get(f"/api/analytics/batches/{batch_id}", headers=headers).json["state"] == "stored")
    assert client.get("/api/analytics/reports/dau", headers=headers).json["dau"] == 3
    assert len(client.get("/api/analytics/reports/events?format=csv", headers=headers).text.splitlines()) == 11
    # The next batch enqueues a drain again, after the first drain has ended.
    second = client.post("/api/analytics/ingest", json=events, headers=headers).json["batch_id"]
    wait_for(lambda: client.get(f"/api/analytics/batches/{second}", headers=headers).json["state"] == "stored", 4)


def test_a_worker_retries_a_dead_letter(
    client: FlaskClient, token: Callable, auth: Callable, engine: Engine, redis: Redis, site: Site, worker: None
) -> None:
    batch_id = bury_batch(engine, redis, site, [{"type": "page_view"}] * 3)
    headers = auth(token("admin"))
    asked = client.post("/api/analytics/dead-letters/retry", json={"all": True}, headers=headers)
    assert (asked.status_code, asked.json) == (202, {"requested": 1})
    wait_for(lambda: client.get(f"/api/analytics/batches/{batch_id}", headers=headers).json["stored"] == 3)
    assert client.get("/api/analytics/dead-letters", headers=headers).json["dead_letters"] == []
