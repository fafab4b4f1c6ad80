"""Exclusive tasks run one at a time on a machine while drains continue: real workers, no beat."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from celery.exceptions import Retry
from flask import Flask
from redis import Redis

from analytics import clock
from analytics.files.locks import try_acquire_slot
from analytics.ops.task_runs import TaskRun, read_task_runs
from config import Settings
from tasks import exclusive, rollups
from tests.flow.test_flow import run_worker, wait_for

TASK = "rollups.close_days"


@pytest.fixture(autouse=True)
def temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files of this process and of the worker."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@contextmanager
def hold_lock() -> Iterator[None]:
    with try_acquire_slot(exclusive.lock_folder(), exclusive.lock_name(), 1) as is_acquired:
        assert is_acquired
        yield


def test_exclusive_task_is_retried_while_another_runs(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    monkeypatch.setattr(rollups.days, "close_days", lambda *args: calls.append(args) or rollups.days.CloseResult())
    with app.app_context():
        with hold_lock(), pytest.raises(Retry):
            rollups.close_days()
        assert calls == []
        rollups.close_days()
        assert len(calls) == 1


def test_exclusive_task_runs_without_a_usable_lock_folder(
    app: Flask, temporary_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Any] = []
    monkeypatch.setattr(rollups.days, "close_days", lambda *args: calls.append(args) or rollups.days.CloseResult())
    (temporary_folder / "file").write_text("")
    monkeypatch.setattr(tempfile, "tempdir", str(temporary_folder / "file"))
    with app.app_context():
        rollups.close_days()
    assert len(calls) == 1


def test_exclusive_task_is_retried_until_the_other_ends(
    app: Flask, settings: Settings, redis: Redis, temporary_folder: Path, client: Any, token: Callable, auth: Callable,
    site: object,
) -> None:  # fmt: skip
    headers = auth(token())
    with app.app_context(), run_worker(settings, "ingest,rollups", TMPDIR=str(temporary_folder)):
        with hold_lock():
            send(app, expires=60)
            wait_for(lambda: TASK in read_task_runs(redis))
            # The task does not block the only process, which stores a batch.
            batch = client.post("/api/analytics/ingest", json=[{"type": "signup"}], headers=headers).json["batch_id"]
            state = f"/api/analytics/batches/{batch}"
            wait_for(lambda: client.get(state, headers=headers).json["state"] == "stored")
            assert read_run(redis).outcome is None
        wait_for(lambda: read_run(redis).outcome is not None)
        assert read_run(redis).outcome == "ok"


def test_expired_retry_is_dropped(app: Flask, settings: Settings, redis: Redis, temporary_folder: Path) -> None:
    with app.app_context(), run_worker(settings, "rollups", TMPDIR=str(temporary_folder)):
        send(app, expires=60)
        wait_for(lambda: TASK in read_task_runs(redis) and read_run(redis).outcome == "ok")
        first = read_run(redis)
        with hold_lock():
            send(app, expires=clock.now() + timedelta(seconds=exclusive.RETRY_DELAY_S - 2))
            wait_for(lambda: read_run(redis).started_at != first.started_at)
            # The start is recorded before the task tries to acquire the lock.
            time.sleep(1)
        time.sleep(exclusive.RETRY_DELAY_S + 2)
        assert read_run(redis).ended_at == first.ended_at


def send(app: Flask, **when: Any) -> None:
    celery: Celery = app.extensions["celery"]
    celery.send_task(TASK, queue="rollups", ignore_result=True, **when)


def read_run(redis: Redis) -> TaskRun:
    return read_task_runs(redis)[TASK]
