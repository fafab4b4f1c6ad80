"""Export jobs that are killed, taken over, interrupted or cancelled: the file equals that of an uninterrupted run."""

import errno
import hashlib
import resource
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from flask import Flask
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import Engine, create_engine, text

from analytics import clock
from analytics.auth.keys import keys
from analytics.auth.tokens import tokens
from analytics.exports.delivery.storage import Storage
from analytics.exports.jobs import creation, housekeeping, run, states
from analytics.exports.jobs.heartbeat import Heartbeat
from analytics.exports.jobs.job import Job, cancel, read_job
from analytics.exports.jobs.run import run_job
from analytics.exports.jobs.runner import Runner
from analytics.files.locks import machine_name, try_acquire_slot
from analytics.store.copy.copy_stream import CopyStream
from tasks import exports
from tests.exports.conftest import FIRST_DAY, file_of

Make = Callable[..., Any]
CUTOFF = datetime(2026, 4, 1, tzinfo=UTC)
KINDS = [("csv", "none"), ("csv", "gzip"), ("ndjson", "zstd"), ("xlsx", "none"), ("parquet", "none")]
pytestmark = pytest.mark.usefixtures("small_parts")


TERMINATE_OTHERS = text("""
SELECT pg_terminate_backend(pid)
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
""")


class Killed(BaseException):
    """Not an Exception, so no handler catches it: like SIGKILL, it cleans nothing up."""


class After:
    """Raises `error` once so many parts are done."""

    def __init__(self, parts: int, error: BaseException) -> None:
        self.left, self.error = parts, error

    def __call__(self, _rows_done: int) -> None:
        self.left -= 1
        if self.left == 0:
            raise self.error


@pytest.fixture
def uninterrupted(runner: Runner, make_job: Make) -> Callable[..., bytes]:
    return lambda **changes: file_of(runner, run_job(runner, make_job(cutoff=CUTOFF, **changes).id))


@pytest.fixture
def age(sql: Make) -> Callable[[str], None]:
    """`age(job_id)`: its last heartbeat is two minutes ago."""
    return lambda job_id: sql(
        "UPDATE export_jobs SET heartbeat_at = heartbeat_at - interval '2 minutes' WHERE id = CAST(:id AS uuid) RETURNING 1",
        id=job_id,
    )


@pytest.fixture
def killed(runner: Runner, make_job: Make, age: Make) -> Callable[..., Job]:
    """`killed(3)`: a job whose worker died after three parts, and whose heartbeat is old."""

    def make(parts: int, **changes: Any) -> Job:
        job = make_job(cutoff=CUTOFF, **changes)
        with pytest.raises(Killed):
            run_job(runner, job.id, After(parts, Killed()))
        age(job.id)
        return job

    return make


@pytest.mark.parametrize(("form", "compression"), KINDS)
def test_killed_job_resumes_to_the_same_bytes(
    rows: Make, runner: Runner, uninterrupted: Make, killed: Make, sql: Make, form: str, compression: str
) -> None:
    rows(5, 30)
    kind = {"format": form, "compression": compression}
    expected = uninterrupted(**kind)
    job = killed(3, **kind)
    [(parts,)] = sql("SELECT parts FROM export_jobs WHERE state = 'running'")
    assert [part["n"] for part in parts if "sha256" in part] == [0, 1, 2]
    assert len(parts) >= 5
    # Recorded parts are not read again.
    end = max(datetime.fromisoformat(part["end"]) for part in parts[:3])
    sql("DELETE FROM events WHERE ts < :end RETURNING 1", end=end)
    with pytest.raises(Killed):
        run_job(runner, job.id, After(1, Killed()))
    sql("UPDATE export_jobs SET heartbeat_at = heartbeat_at - interval '2 minutes' WHERE state = 'running' RETURNING 1")
    done = run_job(runner, job.id)
    assert done is not None
    assert (done.state, done.attempt, done.rows_done) == ("done", 3, 150)
    body = file_of(runner, done)
    assert body == expected
    assert (len(body), hashlib.sha256(body).hexdigest()) == (done.bytes, done.sha256)
    assert not (runner.work_dir / job.id).exists()


def flip(path: Path) -> None:
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.write_bytes(body)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "one-bit": flip,
    "cut-off": lambda path: path.write_bytes(path.read_bytes()[:-7]),
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "another-machine": lambda path: [file.unlink() for file in path.parent.iterdir()],
    "half-a-part-more": lambda path: path.with_suffix(".1").open("ab").write(b"half"),
    "a-later-attempt-that-started": lambda path: path.with_name("whole.2").write_bytes(b"begun"),
}
FILES = [("ndjson", "gzip", "whole.1"), ("csv", "none", "whole.1"), ("parquet", "none", "000001.part")]


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize(("form", "compression", "name"), FILES)
def test_damaged_part_is_written_again(
    rows: Make, runner: Runner, uninterrupted: Make, killed: Make, form: str, compression: str, name: str, damage: str
) -> None:
    rows(4, 30)
    expected = uninterrupted(format=form, compression=compression)
    job = killed(3, format=form, compression=compression)
    DAMAGE[damage](runner.work_dir / job.id / name)
    assert file_of(runner, run_job(runner, job.id)) == expected


def test_rows_received_after_the_cutoff_are_in_no_part(
    rows: Make, runner: Runner, uninterrupted: Make, killed: Make
) -> None:
    rows(3, 30)
    expected, job = uninterrupted(), killed(1)
    rows(3, 40, received_at=CUTOFF, first=FIRST_DAY + timedelta(days=1))
    assert file_of(runner, run_job(runner, job.id)) == expected


def test_concurrent_workers_make_one_file(rows: Make, runner: Runner, uninterrupted: Make, make_job: Make) -> None:
    rows(4, 30)
    expected, job = uninterrupted(), make_job(cutoff=CUTOFF)
    start, results = threading.Barrier(4), []

    def work() -> None:
        start.wait()
        results.append(run_job(runner, job.id))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [done] = [job for job in results if job is not None]
    assert (done.state, done.attempt, file_of(runner, done)) == ("done", 1, expected)


def test_worker_considered_dead_changes_nothing(
    rows: Make, runner: Runner, uninterrupted: Make, make_job: Make, age: Make
) -> None:
    rows(4, 30)
    expected, job = uninterrupted(), make_job(cutoff=CUTOFF)
    second: list[Job | None] = []

    def overtaken(_rows_done: int) -> None:
        if not second:
            second.append(None)
            age(job.id)
            second[0] = run_job(runner, job.id)

    assert run_job(runner, job.id, overtaken) is None
    [done] = second
    assert done is not None
    assert (done.state, done.attempt, file_of(runner, done)) == ("done", 2, expected)
    assert read_job(runner.engine, job.id) == done


def test_cancelled_job_leaves_nothing(rows: Make, runner: Runner, make_job: Make) -> None:
    rows(4, 30)
    job, progress = make_job(cutoff=CUTOFF), []

    def cancel_it(rows_done: int) -> None:
        progress.append(rows_done)
        cancel(runner.engine, job.id)

    assert run_job(runner, job.id, cancel_it) is None
    assert len(progress) == 1
    result = read_job(runner.engine, job.id)
    assert result is not None
    assert (result.state, result.file, runner.storage.list_files()) == ("cancelled", None, [])
    assert not (runner.work_dir / job.id).exists()
    assert run_job(runner, job.id) is None


def test_job_cancelled_at_its_last_step_deletes_its_file(
    rows: Make, runner: Runner, make_job: Make, sql: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows(1, 30)
    job = make_job(cutoff=CUTOFF)
    # The clock is read between the last byte of the file and the row of the job.
    statement = "UPDATE export_jobs SET state = 'cancelled' RETURNING 1"
    monkeypatch.setattr(clock, "now", lambda now=clock.now: now() if sql(statement) else None)
    assert run_job(runner, job.id) is None
    assert runner.storage.list_files() == []


def test_cancel_ends_a_query_that_sends_nothing(engine: Engine, make_job: Make) -> None:
    job = make_job()
    claim = states.claim_job(engine, job.id)
    assert claim is not None
    started = time.monotonic()
    stream = CopyStream(engine, b"header", [("COPY (SELECT pg_sleep(30)) TO STDOUT", {})])
    with Heartbeat(engine, claim) as heartbeat:
        heartbeat.set_query(stream)
        cancel(engine, job.id)
        with pytest.raises(psycopg2.OperationalError):
            list(stream)
        with pytest.raises(states.ClaimLost):
            heartbeat.raise_if_lost()
    stream.close()
    assert time.monotonic() - started < 5


FAILURES = [
    pytest.param(OSError(errno.ENOSPC, "No space left on device"), "cannot be used: its disk is full", id="disk"),
    pytest.param(PermissionError(errno.EACCES, "Permission denied"), "Permission denied", id="permission"),
    pytest.param(psycopg2.OperationalError("server closed"), "the database was unavailable", id="database"),
    pytest.param(KeyError("oops"), "unexpected error (KeyError)", id="bug"),
]


@pytest.mark.parametrize(("error", "words"), FAILURES)
def test_failure_is_described_and_retried(
    rows: Make, runner: Runner, uninterrupted: Make, make_job: Make, sql: Make, error: Exception, words: str
) -> None:
    rows(3, 30)
    expected, job = uninterrupted(), make_job(cutoff=CUTOFF)
    result = run_job(runner, job.id, After(2, error))
    assert result is not None
    assert (result.state, result.attempt) == ("queued", 1)
    assert words in (result.error or "")
    assert "oops" not in (result.error or "")
    assert run_job(runner, job.id) is None
    assert states.list_due(runner.engine, 9) == []
    sql("UPDATE export_jobs SET retry_at = now() WHERE state = 'queued' RETURNING 1")
    assert states.list_due(runner.engine, 9) == [job.id]
    done = run_job(runner, job.id)
    assert done is not None
    assert (done.state, done.error, file_of(runner, done)) == ("done", None, expected)


def test_failure_is_recorded_after_a_database_restart(
    rows: Make, runner: Runner, make_job: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows(1, 30)
    job, progress = make_job(cutoff=CUTOFF), []
    # Ends every connection of the pool, as a restart does; the next use of one fails.
    monkeypatch.setattr(run, "WRITE_RETRY_DELAYS_S", (0.0, 0.0, 0.0))

    def restart(_rows_done: int) -> None:
        progress.append(1)
        with runner.engine.connect() as connection:
            connection.execute(TERMINATE_OTHERS)
        raise psycopg2.OperationalError("server closed")

    result = run_job(runner, job.id, restart)
    assert result is not None
    assert (len(progress), result.state, result.error) == (
        1, "queued", "the database was unavailable or refused the query; the export will be retried",
    )  # fmt: skip


def test_unavailable_database_leaves_the_job_unchanged(runner: Runner, make_job: Make) -> None:
    job = make_job()
    away = create_engine("postgresql+psycopg2://127.0.0.1:1/none")
    assert run_job(replace(runner, engine=away), job.id) is None
    assert read_job(runner.engine, job.id) == job


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_too_large_file_is_reported_and_retried(
    rows: Make, runner: Runner, uninterrupted: Make, make_job: Make, sql: Make, form: str
) -> None:
    rows(4, 300)
    expected, job = uninterrupted(format=form), make_job(cutoff=CUTOFF, format=form)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The whole file is over the limit, each part is below it.
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(expected) - 1, limits[1]))
    try:
        result = run_job(runner, job.id)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert result is not None
    assert (result.state, "File too large" in (result.error or "")) == ("queued", True)
    sql("UPDATE export_jobs SET retry_at = now() WHERE state = 'queued' RETURNING 1")
    assert file_of(runner, run_job(runner, job.id)) == expected


def test_job_fails_after_all_attempts(rows: Make, runner: Runner, make_job: Make, sql: Make) -> None:
    rows(2, 30)
    job = make_job(cutoff=CUTOFF)
    for _ in range(states.MAX_ATTEMPTS):
        result = run_job(runner, job.id, After(1, OSError(errno.ENOSPC, "full")))
        assert result is not None
        sql("UPDATE export_jobs SET retry_at = now() WHERE state = 'queued' RETURNING 1")
    assert (result.state, result.attempt) == ("failed", 10)
    assert (result.error or "").endswith("its disk is full; 10 attempts failed")
    assert result.finished_at is not None
    assert not (runner.work_dir / job.id).exists()
    assert run_job(runner, job.id) is None


def test_unavailable_storage_is_retried(
    rows: Make, make_app: Make, runner: Runner, make_job: Make, tmp_path: Path
) -> None:
    rows(1, 5)
    (tmp_path / "file").write_text("not a folder")
    away = replace(runner, storage=Storage(str(tmp_path / "file" / "exports")))
    result = run_job(away, make_job(cutoff=CUTOFF).id)
    assert result is not None
    assert (result.state, result.file) == ("queued", None)
    assert (result.error or "").startswith("the storage of exports cannot be written: Not a directory")
    assert str(tmp_path) not in (result.error or "")


def test_unusable_working_folder_is_reported(rows: Make, runner: Runner, make_job: Make, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with try_acquire_slot(tmp_path / "file" / "work", "here", 1) as is_ours:
        assert is_ours
    result = run_job(replace(runner, work_dir=tmp_path / "file" / "work"), make_job(cutoff=CUTOFF).id)
    assert result is not None
    assert (result.state, "Not a directory" in (result.error or "")) == ("queued", True)


def test_job_without_cutoff_is_retried_without_redis(rows: Make, runner: Runner, make_job: Make) -> None:
    rows(1, 5)
    result = run_job(replace(runner, redis=Redis(port=1, retry=Retry(NoBackoff(), 0))), make_job().id)
    assert result is not None
    assert (result.state, result.error) == ("queued", "Redis was unavailable; the export will be retried")


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (creation.Limits(None, 59, 10**9), "more than 59 rows; at most 59 are accepted (EXPORT_MAX_ROWS)"),
        (creation.Limits(None, 10**9, 1000), "EXPORT_QUOTA_BYTES"),
    ],
)
def test_job_over_its_limit_fails(rows: Make, runner: Runner, make_job: Make, limits: Any, words: str) -> None:
    rows(2, 30)
    result = run_job(replace(runner, limits=limits), make_job(cutoff=CUTOFF).id)
    assert result is not None
    assert (result.state, words in (result.error or "")) == ("failed", True)
    assert runner.storage.list_files() == []


def test_only_the_current_claim_can_write(engine: Engine, make_job: Make, age: Make) -> None:
    job = make_job()
    first = states.claim_job(engine, job.id)
    assert first is not None
    assert states.claim_job(engine, job.id) is None
    states.write_heartbeat(engine, first, 5)
    age(job.id)
    second = states.claim_job(engine, job.id)
    assert second is not None
    for late in (
        lambda: states.write_heartbeat(engine, first, 7),
        lambda: states.record_part(engine, first, {"n": 0}, 7),
        lambda: states.retry_later(engine, first, "late"),
        lambda: states.fail(engine, first, "late"),
    ):
        with pytest.raises(states.ClaimLost):
            late()
    states.write_heartbeat(engine, second, 6)


def test_watch_enqueues_jobs_of_dead_workers_and_queued_jobs(
    app: Flask, engine: Engine, redis: Redis, make_job: Make, age: Make, sql: Make
) -> None:
    dead, waiting, alive = (make_job() for _ in range(3))
    states.claim_job(engine, dead.id)
    states.claim_job(engine, alive.id)
    age(dead.id)
    assert housekeeping.requeue_and_list_due(engine, 9) == [dead.id, waiting.id]
    assert housekeeping.requeue_and_list_due(engine, 1) == [dead.id]
    assert sql("SELECT state, error FROM export_jobs ORDER BY created_at") == [
        ("queued", "the worker died; another worker continues"), ("queued", None), ("running", None),
    ]  # fmt: skip
    redis.delete("exports")
    with app.app_context():
        exports.watch()
    assert redis.llen("exports") == 1


def test_job_that_kills_its_workers_fails(engine: Engine, make_job: Make, age: Make) -> None:
    job = make_job()
    for _ in range(states.MAX_ATTEMPTS):
        assert states.claim_job(engine, job.id) is not None
        age(job.id)
    assert housekeeping.requeue_and_list_due(engine, 9) == []
    result = read_job(engine, job.id)
    assert result is not None
    assert (result.state, result.error) == ("failed", "the worker died 10 times before the file was complete")


def test_job_stays_queued_without_a_free_slot(
    runner: Runner, rows: Make, make_job: Make, work: Make, redis: Redis
) -> None:
    rows(1, 5)
    first, second = make_job(), make_job()
    with try_acquire_slot(runner.work_dir, machine_name(), 1):
        work(first.id)
    assert states.list_due(runner.engine, 9) == [first.id, second.id]
    redis.delete("exports")
    work(first.id)
    # A finished job enqueues the one that waits longest.
    assert redis.llen("exports") == 1
    assert states.list_due(runner.engine, 9) == [second.id]


def test_sweep_deletes_expired_and_orphaned_files(
    rows: Make, runner: Runner, done: Make, api: Make, make_job: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows(1, 5)
    old = done()
    waiting = make_job()
    folder = runner.storage.local_folder
    assert folder is not None
    orphan, other = folder / f"{uuid.uuid4()}.csv.part", folder / "notes.txt"
    for path in (orphan, other):
        path.write_text("x")
    for name in (waiting.id, str(uuid.uuid4())):
        (runner.work_dir / name).mkdir()
    now = clock.now()
    assert housekeeping.sweep(runner, now) == (0, 0, 1, 0)
    later = now + timedelta(hours=71)
    assert housekeeping.sweep(runner, later) == (0, 1, 0, 0)
    assert housekeeping.sweep(runner, later + timedelta(hours=2)) == (1, 0, 0, 0)
    assert sorted(file.name for file in runner.storage.list_files()) == ["notes.txt"]
    assert [path.name for path in runner.work_dir.iterdir() if path.is_dir()] == [waiting.id]
    assert api("get", f"/{old['id']}").json["state"] == "expired"
    assert housekeeping.sweep(runner, now + timedelta(days=91)) == (0, 0, 0, 1)
    api("get", f"/{old['id']}", status=404)
    api("get", f"/{waiting.id}")


def test_job_of_a_revoked_token_does_not_run(
    api: Make, rows: Make, engine: Engine, redis: Redis, runner: Runner
) -> None:
    rows(1, 5)
    job_ids = [api("post", json={}, jti=jti, sub=jti, status=202).json["id"] for jti in ("kept", "lost")]
    tokens.revoke(engine, redis, "lost", None, "lost", "me")
    kept, lost = (run_job(runner, job_id) for job_id in job_ids)
    assert kept is not None
    assert lost is not None
    assert (kept.state, lost.state, lost.attempt, lost.file) == ("done", "failed", 1, None)
    assert "revoked" in str(lost.error)


def test_job_of_a_revoked_key_does_not_run(
    make_key: Make, make_job: Make, engine: Engine, redis: Redis, runner: Runner
) -> None:
    with engine.begin() as connection:
        key = keys.find_key(connection, make_key("secret", ["export"]))
    assert key is not None
    job = make_job(owner=key.subject)
    keys.revoke_key(engine, redis, key, "me")
    failed = run_job(runner, job.id)
    assert failed is not None
    assert (failed.state, failed.file) == ("failed", None)
    assert "revoked" in str(failed.error)
