"""The worker's side: killed, taken over, disturbed, cancelled; the bytes are those of an undisturbed run, or there are none."""

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
from analytics.exports import jobs, run, states, upkeep
from analytics.exports.pulse import Pulse
from analytics.exports.run import Runner, machine, run_job
from analytics.exports.storage import Storage
from analytics.exports.turns import turn
from analytics.store.reading import CopyStream
from tasks import exports
from tests.exports.conftest import FIRST, file_of

Make = Callable[..., Any]
CUTOFF = datetime(2026, 4, 1, tzinfo=UTC)
KINDS = [("csv", "none"), ("csv", "gzip"), ("ndjson", "zstd"), ("xlsx", "none"), ("parquet", "none")]
pytestmark = pytest.mark.usefixtures("small_parts")


END_OTHERS = text("""
SELECT pg_terminate_backend(pid)
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
""")


class Killed(BaseException):
    """What no handler takes for an error: as a SIGKILL, it leaves everything as it is."""


class After:
    """Raises `what` once so many parts are done."""

    def __init__(self, parts: int, what: BaseException) -> None:
        self.left, self.what = parts, what

    def __call__(self, _rows_done: int) -> None:
        self.left -= 1
        if self.left == 0:
            raise self.what


@pytest.fixture
def undisturbed(runner: Runner, make_job: Make) -> Callable[..., bytes]:
    return lambda **changes: file_of(runner, run_job(runner, make_job(cutoff=CUTOFF, **changes).id))


@pytest.fixture
def age(sql: Make) -> Callable[[str], None]:
    """`age(job_id)`: its worker was silent for two minutes."""
    return lambda job_id: sql(
        "UPDATE export_jobs SET heartbeat_at = heartbeat_at - interval '2 minutes' WHERE id = CAST(:id AS uuid) RETURNING 1",
        id=job_id,
    )


@pytest.fixture
def killed(runner: Runner, make_job: Make, age: Make) -> Callable[..., jobs.Job]:
    """`killed(3)`: a job whose worker died after three parts, long enough ago."""

    def make(parts: int, **changes: Any) -> jobs.Job:
        job = make_job(cutoff=CUTOFF, **changes)
        with pytest.raises(Killed):
            run_job(runner, job.id, After(parts, Killed()))
        age(job.id)
        return job

    return make


@pytest.mark.parametrize(("form", "compression"), KINDS)
def test_a_killed_job_goes_on_to_the_same_bytes(
    rows: Make, runner: Runner, undisturbed: Make, killed: Make, sql: Make, form: str, compression: str
) -> None:
    rows(5, 30)
    kind = {"format": form, "compression": compression}
    expected = undisturbed(**kind)
    job = killed(3, **kind)
    [(parts,)] = sql("SELECT parts FROM export_jobs WHERE state = 'running'")
    assert [part["n"] for part in parts if "sha256" in part] == [0, 1, 2]
    assert len(parts) >= 5
    # What was entered is not read again.
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
    "another-machine": lambda path: [one.unlink() for one in path.parent.iterdir()],
    "half-a-part-left": lambda path: path.with_suffix(".1").open("ab").write(b"half"),
    "a-later-attempt-that-had-just-begun": lambda path: path.with_name("whole.2").write_bytes(b"begun"),
}
PLACES = [("ndjson", "gzip", "whole.1"), ("csv", "none", "whole.1"), ("parquet", "none", "000001.part")]


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize(("form", "compression", "name"), PLACES)
def test_what_is_not_as_it_was_entered_is_made_anew(
    rows: Make, runner: Runner, undisturbed: Make, killed: Make, form: str, compression: str, name: str, damage: str
) -> None:
    rows(4, 30)
    expected = undisturbed(format=form, compression=compression)
    job = killed(3, format=form, compression=compression)
    DAMAGE[damage](runner.work_dir / job.id / name)
    assert file_of(runner, run_job(runner, job.id)) == expected


def test_rows_that_come_in_after_the_cutoff_are_in_no_part(
    rows: Make, runner: Runner, undisturbed: Make, killed: Make
) -> None:
    rows(3, 30)
    expected, job = undisturbed(), killed(1)
    rows(3, 40, received_at=CUTOFF, first=FIRST + timedelta(days=1))
    assert file_of(runner, run_job(runner, job.id)) == expected


def test_two_workers_at_once_make_one_file(rows: Make, runner: Runner, undisturbed: Make, make_job: Make) -> None:
    rows(4, 30)
    expected, job = undisturbed(), make_job(cutoff=CUTOFF)
    start, found = threading.Barrier(4), []

    def work() -> None:
        start.wait()
        found.append(run_job(runner, job.id))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    [done] = [one for one in found if one is not None]
    assert (done.state, done.attempt, file_of(runner, done)) == ("done", 1, expected)


def test_a_worker_that_was_taken_for_dead_changes_nothing(
    rows: Make, runner: Runner, undisturbed: Make, make_job: Make, age: Make
) -> None:
    rows(4, 30)
    expected, job = undisturbed(), make_job(cutoff=CUTOFF)
    second: list[jobs.Job | None] = []

    def overtaken(_rows_done: int) -> None:
        if not second:
            second.append(None)
            age(job.id)
            second[0] = run_job(runner, job.id)

    assert run_job(runner, job.id, overtaken) is None
    [done] = second
    assert done is not None
    assert (done.state, done.attempt, file_of(runner, done)) == ("done", 2, expected)
    assert jobs.read_job(runner.engine, job.id) == done


def test_a_cancelled_job_leaves_nothing_behind(rows: Make, runner: Runner, make_job: Make) -> None:
    rows(4, 30)
    job, heard = make_job(cutoff=CUTOFF), []

    def cancel(rows_done: int) -> None:
        heard.append(rows_done)
        jobs.cancel(runner.engine, job.id)

    assert run_job(runner, job.id, cancel) is None
    assert len(heard) == 1
    found = jobs.read_job(runner.engine, job.id)
    assert found is not None
    assert (found.state, found.file, runner.storage.list_files()) == ("cancelled", None, [])
    assert not (runner.work_dir / job.id).exists()
    assert run_job(runner, job.id) is None


def test_a_job_that_is_cancelled_at_its_last_step_takes_its_file_along(
    rows: Make, runner: Runner, make_job: Make, sql: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows(1, 30)
    job = make_job(cutoff=CUTOFF)
    # The clock is read between the file's last byte and the job's row.
    cancel = "UPDATE export_jobs SET state = 'cancelled' RETURNING 1"
    monkeypatch.setattr(clock, "now", lambda now=clock.now: now() if sql(cancel) else None)
    assert run_job(runner, job.id) is None
    assert runner.storage.list_files() == []


def test_a_cancel_ends_a_query_that_sends_nothing(engine: Engine, make_job: Make) -> None:
    job = make_job()
    held = states.claim(engine, job.id)
    assert held is not None
    began = time.monotonic()
    stream = CopyStream(engine, b"header", [("COPY (SELECT pg_sleep(30)) TO STDOUT", {})])
    with Pulse(engine, held) as pulse:
        pulse.watch(stream)
        jobs.cancel(engine, job.id)
        with pytest.raises(psycopg2.errors.QueryCanceled):
            list(stream)
        with pytest.raises(states.Lost):
            pulse.tick()
    stream.close()
    assert time.monotonic() - began < 5


TROUBLE = [
    pytest.param(
        OSError(errno.ENOSPC, "No space left on device"), "the disk for unfinished exports is full", id="disk"
    ),
    pytest.param(PermissionError(errno.EACCES, "Permission denied"), "Permission denied", id="permission"),
    pytest.param(psycopg2.OperationalError("server closed"), "the database was away", id="database"),
    pytest.param(KeyError("oops"), "unexpected error (KeyError)", id="bug"),
]


@pytest.mark.parametrize(("error", "words"), TROUBLE)
def test_trouble_is_told_and_tried_again_later(
    rows: Make, runner: Runner, undisturbed: Make, make_job: Make, sql: Make, error: Exception, words: str
) -> None:
    rows(3, 30)
    expected, job = undisturbed(), make_job(cutoff=CUTOFF)
    found = run_job(runner, job.id, After(2, error))
    assert found is not None
    assert (found.state, found.attempt) == ("queued", 1)
    assert words in (found.error or "")
    assert "oops" not in (found.error or "")
    assert run_job(runner, job.id) is None
    assert states.due(runner.engine, 9) == []
    sql("UPDATE export_jobs SET retry_at = now() WHERE state = 'queued' RETURNING 1")
    assert states.due(runner.engine, 9) == [job.id]
    done = run_job(runner, job.id)
    assert done is not None
    assert (done.state, done.error, file_of(runner, done)) == ("done", None, expected)


def test_a_database_that_comes_back_in_a_moment_is_told_of_the_trouble(
    rows: Make, runner: Runner, make_job: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows(1, 30)
    job, waited = make_job(cutoff=CUTOFF), []
    # The server ends every connection of the pool, as a restart does; the first to use one hears of it.
    monkeypatch.setattr(run, "WRITE_WAITS_S", (0.0, 0.0, 0.0))

    def restart(_rows_done: int) -> None:
        waited.append(1)
        with runner.engine.connect() as connection:
            connection.execute(END_OTHERS)
        raise psycopg2.OperationalError("server closed")

    found = run_job(runner, job.id, restart)
    assert found is not None
    assert (len(waited), found.state, found.error) == (
        1, "queued", "the database was away or refused the query; it is tried again",
    )  # fmt: skip


def test_without_a_database_no_job_is_touched(runner: Runner, make_job: Make) -> None:
    job = make_job()
    away = create_engine("postgresql+psycopg2://127.0.0.1:1/none")
    assert run_job(replace(runner, engine=away), job.id) is None
    assert jobs.read_job(runner.engine, job.id) == job


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_file_that_cannot_grow_is_told_and_made_later(
    rows: Make, runner: Runner, undisturbed: Make, make_job: Make, sql: Make, form: str
) -> None:
    rows(4, 300)
    expected, job = undisturbed(format=form), make_job(cutoff=CUTOFF, format=form)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # No file may be as large as the whole; a part may.
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(expected) - 1, limits[1]))
    try:
        found = run_job(runner, job.id)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert found is not None
    assert (found.state, "File too large" in (found.error or "")) == ("queued", True)
    sql("UPDATE export_jobs SET retry_at = now() WHERE state = 'queued' RETURNING 1")
    assert file_of(runner, run_job(runner, job.id)) == expected


def test_what_does_not_pass_ends_as_failed(rows: Make, runner: Runner, make_job: Make, sql: Make) -> None:
    rows(2, 30)
    job, waits = make_job(cutoff=CUTOFF), []
    for _ in range(states.MOST_ATTEMPTS):
        found = run_job(runner, job.id, After(1, OSError(errno.ENOSPC, "full")))
        assert found is not None
        waits.append(found.retry_at)
        sql("UPDATE export_jobs SET retry_at = now() WHERE state = 'queued' RETURNING 1")
    assert (found.state, found.attempt) == ("failed", 10)
    assert (found.error or "").endswith("the disk for unfinished exports is full; tried 10 times")
    assert found.finished_at is not None
    assert not (runner.work_dir / job.id).exists()
    assert run_job(runner, job.id) is None


def test_a_storage_that_is_away_is_waited_for(
    rows: Make, make_app: Make, runner: Runner, make_job: Make, tmp_path: Path
) -> None:
    rows(1, 5)
    (tmp_path / "file").write_text("not a folder")
    away = replace(runner, storage=Storage(str(tmp_path / "file" / "exports")))
    found = run_job(away, make_job(cutoff=CUTOFF).id)
    assert found is not None
    assert (found.state, found.file) == ("queued", None)
    assert (found.error or "").startswith("the storage of exports cannot be written: Not a directory")
    assert str(tmp_path) not in (found.error or "")


def test_a_working_folder_that_cannot_be_made_is_told(
    rows: Make, runner: Runner, make_job: Make, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a folder")
    with turn(tmp_path / "file" / "work", "here", 1) as is_ours:
        assert is_ours
    found = run_job(replace(runner, work_dir=tmp_path / "file" / "work"), make_job(cutoff=CUTOFF).id)
    assert found is not None
    assert (found.state, "Not a directory" in (found.error or "")) == ("queued", True)


def test_without_redis_nobody_knows_what_is_complete(rows: Make, runner: Runner, make_job: Make) -> None:
    rows(1, 5)
    found = run_job(replace(runner, redis=Redis(port=1, retry=Retry(NoBackoff(), 0))), make_job().id)
    assert found is not None
    assert (found.state, found.error) == ("queued", "Redis was away; it is tried again")


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (jobs.Limits(None, 59, 10**9), "more than 59 rows and may have 59 (EXPORT_MAX_ROWS)"),
        (jobs.Limits(None, 10**9, 1000), "EXPORT_QUOTA_BYTES"),
    ],
)
def test_a_job_that_grows_over_its_limit_fails(
    rows: Make, runner: Runner, make_job: Make, limits: Any, words: str
) -> None:
    rows(2, 30)
    found = run_job(replace(runner, limits=limits), make_job(cutoff=CUTOFF).id)
    assert found is not None
    assert (found.state, words in (found.error or "")) == ("failed", True)
    assert runner.storage.list_files() == []


def test_the_heartbeat_is_of_the_worker_that_holds_the_job(engine: Engine, make_job: Make, age: Make) -> None:
    job = make_job()
    first = states.claim(engine, job.id)
    assert first is not None
    assert states.claim(engine, job.id) is None
    states.beat(engine, first, 5)
    age(job.id)
    second = states.claim(engine, job.id)
    assert second is not None
    for late in (
        lambda: states.beat(engine, first, 7),
        lambda: states.record(engine, first, {"n": 0}, 7),
        lambda: states.give_back(engine, first, "late"),
        lambda: states.fail(engine, first, "late"),
    ):
        with pytest.raises(states.Lost):
            late()
    states.beat(engine, second, 6)


def test_the_watch_rings_for_dead_workers_jobs_and_for_those_that_wait(
    app: Flask, engine: Engine, redis: Redis, make_job: Make, age: Make, sql: Make
) -> None:
    dead, waiting, alive = (make_job() for _ in range(3))
    states.claim(engine, dead.id)
    states.claim(engine, alive.id)
    age(dead.id)
    assert upkeep.look_after(engine, 9) == [dead.id, waiting.id]
    assert upkeep.look_after(engine, 1) == [dead.id]
    assert sql("SELECT state, error FROM export_jobs ORDER BY created_at") == [
        ("queued", "its worker is gone; another goes on with it"), ("queued", None), ("running", None),
    ]  # fmt: skip
    redis.delete("exports")
    with app.app_context():
        exports.watch()
    assert redis.llen("exports") == 1


def test_a_job_that_kills_its_workers_fails(engine: Engine, make_job: Make, age: Make) -> None:
    job = make_job()
    for _ in range(states.MOST_ATTEMPTS):
        assert states.claim(engine, job.id) is not None
        age(job.id)
    assert upkeep.look_after(engine, 9) == []
    found = jobs.read_job(engine, job.id)
    assert found is not None
    assert (found.state, found.error) == ("failed", "its worker was gone 10 times before the file was whole")


def test_one_export_at_a_time_runs_on_a_machine(tmp_path: Path) -> None:
    with turn(tmp_path, "here", 1) as first, turn(tmp_path, "here", 1) as second, turn(tmp_path, "there", 1) as other:
        assert (first, second, other) == (True, False, True)
    with turn(tmp_path, "here", 2) as first, turn(tmp_path, "here", 2) as second, turn(tmp_path, "here", 2) as third:
        assert (first, second, third) == (True, True, False)


def test_who_finds_no_place_leaves_the_job_to_the_next_turn(
    runner: Runner, rows: Make, make_job: Make, work: Make, redis: Redis
) -> None:
    rows(1, 5)
    first, second = make_job(), make_job()
    with turn(runner.work_dir, machine(), 1):
        work(first.id)
    assert states.due(runner.engine, 9) == [first.id, second.id]
    redis.delete("exports")
    work(first.id)
    # Who is done rings for the one that waits longest.
    assert redis.llen("exports") == 1
    assert states.due(runner.engine, 9) == [second.id]


def test_expired_files_go_and_so_do_those_that_nobody_owns(
    rows: Make, runner: Runner, done: Make, api: Make, make_job: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows(1, 5)
    old = done()
    waiting = make_job()
    folder = runner.storage.local_folder
    assert folder is not None
    stray, mine = folder / f"{uuid.uuid4()}.csv.part", folder / "notes.txt"
    for path in (stray, mine):
        path.write_text("x")
    for name in (waiting.id, str(uuid.uuid4())):
        (runner.work_dir / name).mkdir()
    now = clock.now()
    assert upkeep.sweep(runner, now) == (0, 0, 1, 0)
    later = now + timedelta(hours=71)
    assert upkeep.sweep(runner, later) == (0, 1, 0, 0)
    assert upkeep.sweep(runner, later + timedelta(hours=2)) == (1, 0, 0, 0)
    assert sorted(kept.name for kept in runner.storage.list_files()) == ["notes.txt"]
    assert [path.name for path in runner.work_dir.iterdir() if path.is_dir()] == [waiting.id]
    assert api("get", f"/{old['id']}").json["state"] == "expired"
    assert upkeep.sweep(runner, now + timedelta(days=91)) == (0, 0, 0, 1)
    api("get", f"/{old['id']}", status=404)
    api("get", f"/{waiting.id}")
