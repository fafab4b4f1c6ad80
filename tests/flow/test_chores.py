"""Chores wait for their turn on a machine, and drains go on meanwhile: real workers, no beat."""

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
from analytics.exports.turns import turn
from analytics.ops.runs import Run, read_runs
from config import Settings
from tasks import chores, rollups
from tests.flow.test_flow import wait_for, working

CHORE = "rollups.close_days"


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files, of this process and of the worker."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@contextmanager
def another_at_work() -> Iterator[None]:
    with turn(chores.folder(), chores.place(), 1) as is_ours:
        assert is_ours
        yield


def test_a_chore_does_nothing_while_another_is_at_work(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[Any] = []
    monkeypatch.setattr(rollups.days, "close_days", lambda *given: done.append(given) or rollups.days.Closed())
    with app.app_context():
        with another_at_work(), pytest.raises(Retry):
            rollups.close_days()
        assert done == []
        rollups.close_days()
        assert len(done) == 1


def test_where_no_lock_can_be_had_a_chore_is_done(app: Flask, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[Any] = []
    monkeypatch.setattr(rollups.days, "close_days", lambda *given: done.append(given) or rollups.days.Closed())
    (temporary / "file").write_text("")
    monkeypatch.setattr(tempfile, "tempdir", str(temporary / "file"))
    with app.app_context():
        rollups.close_days()
    assert len(done) == 1


def test_a_chore_comes_again_until_it_is_its_turn(
    app: Flask, settings: Settings, redis: Redis, temporary: Path, client: Any, token: Callable, auth: Callable,
    site: object,
) -> None:  # fmt: skip
    headers = auth(token())
    with app.app_context(), working(settings, "ingest,rollups", TMPDIR=str(temporary)):
        with another_at_work():
            send(app, expires=60)
            wait_for(lambda: CHORE in read_runs(redis))
            # Its process is free: the only one there is stores a batch.
            batch = client.post("/api/analytics/ingest", json=[{"type": "signup"}], headers=headers).json["batch_id"]
            state = f"/api/analytics/batches/{batch}"
            wait_for(lambda: client.get(state, headers=headers).json["state"] == "stored")
            assert run_of(redis).outcome is None
        wait_for(lambda: run_of(redis).outcome is not None)
        assert run_of(redis).outcome == "ok"


def test_a_chore_whose_time_has_passed_is_dropped(
    app: Flask, settings: Settings, redis: Redis, temporary: Path
) -> None:
    with app.app_context(), working(settings, "rollups", TMPDIR=str(temporary)):
        send(app, expires=60)
        wait_for(lambda: CHORE in read_runs(redis) and run_of(redis).outcome == "ok")
        first = run_of(redis)
        with another_at_work():
            send(app, expires=clock.now() + timedelta(seconds=chores.AGAIN_S - 2))
            wait_for(lambda: run_of(redis).started_at != first.started_at)
            # It is noted as started before it asks for its turn.
            time.sleep(1)
        time.sleep(chores.AGAIN_S + 2)
        assert run_of(redis).ended_at == first.ended_at


def send(app: Flask, **when: Any) -> None:
    celery: Celery = app.extensions["celery"]
    celery.send_task(CHORE, queue="rollups", ignore_result=True, **when)


def run_of(redis: Redis) -> Run:
    return read_runs(redis)[CHORE]
