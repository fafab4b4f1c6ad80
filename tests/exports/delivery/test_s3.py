"""Exports that are kept in a bucket, which a server of S3's protocol holds: made, gone on with, downloaded, swept."""

import csv
import hashlib
import io
import os
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine

from analytics import clock
from analytics.errors import TooMany
from analytics.exports import jobs, sources, states, upkeep
from analytics.exports.formats import nothing
from analytics.exports.run import Runner, run_job, runner_of
from analytics.exports.storage import Storage, StorageAway
from analytics.folders import MOST_PARTS, PART_BYTES, part_bytes
from config import Settings
from tasks import exports

Make = Callable[..., Any]
URL = "s3://kept/of/ours"
CUTOFF = datetime(2026, 4, 1, tzinfo=UTC)


class Killed(BaseException):
    """What no handler takes for an error."""


@pytest.fixture
def there(settings: Settings, bucket: Any, tmp_path: Path) -> Settings:
    return replace(settings, export_url=URL, export_work_dir=str(tmp_path / "work"))


@pytest.fixture
def s3_app(there: Settings, make_app: Make) -> Flask:
    made: Flask = make_app(export_url=there.export_url, export_work_dir=there.export_work_dir)
    return made


@pytest.fixture
def client(s3_app: Flask) -> FlaskClient:
    return s3_app.test_client()


@pytest.fixture
def work(s3_app: Flask) -> Callable[[str], None]:
    def body(job_id: str) -> None:
        with s3_app.app_context():
            exports.run(job_id)

    return body


@pytest.fixture
def runner(there: Settings, engine: Engine, redis: Redis) -> Runner:
    return runner_of(there, engine, redis)


@pytest.fixture
def kept(bucket: Any) -> Storage:
    return Storage(URL)


@pytest.fixture
def made(tmp_path: Path) -> Callable[[int], Path]:
    def write(size: int) -> Path:
        path = tmp_path / "made"
        path.write_bytes(os.urandom(size))
        return path

    return write


def keys(bucket: Any) -> list[str]:
    return sorted(one.key for one in bucket.objects.all())


def body_of(bucket: Any, job: jobs.Job | None) -> bytes:
    assert job is not None
    assert job.state == "done", job.error
    body: bytes = bucket.Object(f"of/ours/{job.file}").get()["Body"].read()
    return body


@pytest.mark.parametrize("size", [0, 10, PART_BYTES, 20_000_000], ids=["empty", "small", "one-part", "parts"])
def test_a_file_is_put_read_and_deleted(kept: Storage, made: Make, bucket: Any, size: int) -> None:
    source = made(size)
    kept.put(source, "a.csv", nothing)
    assert ([one.name for one in kept.list_files()], kept.size("a.csv")) == (["a.csv"], size)
    assert bucket.Object("of/ours/a.csv").get()["Body"].read() == source.read_bytes()
    with kept.open_file("a.csv") as file:
        # What is read ahead, and so is in memory.
        assert file.blocksize == PART_BYTES
        file.seek(size // 2)
        assert file.read() == source.read_bytes()[size // 2 :]
    source.write_bytes(b"another")
    kept.put(source, "a.csv", nothing)
    assert kept.size("a.csv") == 7
    for _ in range(2):
        kept.delete("a.csv")
    assert (kept.list_files(), kept.size("a.csv"), keys(bucket)) == ([], None, [])


def test_parts_are_as_large_as_they_have_to_be() -> None:
    assert [part_bytes(size) for size in (0, 1, MOST_PARTS * PART_BYTES)] == [8 << 20] * 3
    assert part_bytes(MOST_PARTS * PART_BYTES + 1) == 9 << 20
    assert 10**12 / part_bytes(10**12) <= 10_000


def test_an_upload_that_is_broken_off_leaves_nothing(kept: Storage, made: Make, bucket: Any) -> None:
    ticks: list[int] = []

    def stop() -> None:
        ticks.append(len(list(bucket.multipart_uploads.all())))
        if len(ticks) > 18:
            raise Killed

    with pytest.raises(Killed):
        kept.put(made(25_000_000), "a.csv", stop)
    # It was under way: the bucket knew of it.
    assert (ticks[0], ticks[-1]) == (0, 1)
    assert (keys(bucket), list(bucket.multipart_uploads.all())) == ([], [])


KILLED = """
import os, signal, sys
from pathlib import Path
from analytics.exports.storage import Storage
ticks = iter(range(1, 18))
Storage(sys.argv[1]).put(Path(sys.argv[2]), "a.csv", lambda: next(ticks, None) or os.kill(os.getpid(), signal.SIGKILL))
"""


def test_what_a_killed_worker_had_sent_is_listed_and_deleted(kept: Storage, made: Make, bucket: Any) -> None:
    died = subprocess.run([sys.executable, "-c", KILLED, URL, str(made(25_000_000))], check=False, capture_output=True)
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert (kept.size("a.csv"), len(list(bucket.multipart_uploads.all()))) == (None, 1)
    [left] = kept.list_files()
    assert left.name.startswith("a.csv.upload-")
    assert left.written_at is not None
    assert left.written_at.tzinfo is not None
    for _ in range(2):
        kept.delete(left.name)
    assert (kept.list_files(), list(bucket.multipart_uploads.all())) == ([], [])


MEMORY = """
import resource, sys
from pathlib import Path
from analytics.exports.formats import nothing
from analytics.exports.storage import Storage
kept = Storage(sys.argv[1])
kept.size("nothing")
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
before = peak()
kept.put(Path(sys.argv[2]), "a.csv", nothing)
print(peak() - before)
"""


def test_a_file_is_not_held_in_memory(made: Make, bucket: Any) -> None:
    given = [sys.executable, "-c", MEMORY, URL, str(made(60_000_000))]
    grown_mb = int(subprocess.run(given, check=True, capture_output=True, text=True).stdout)
    assert grown_mb < 45


def test_without_a_bucket_its_client_is_not_loaded(tmp_path: Path) -> None:
    load = "import sys, celery_app, wsgi, tasks.exports; from analytics.exports.storage import Storage"
    ask = f"{load}; Storage({str(tmp_path)!r}).list_files(); print([n for n in ('s3fs', 'botocore', 'aiohttp') if n in sys.modules])"
    assert subprocess.run([sys.executable, "-c", ask], check=True, capture_output=True, text=True).stdout == "[]\n"


def test_a_large_export_is_ordered_made_and_downloaded(
    rows: Make, done: Make, client: FlaskClient, api: Make, bucket: Any, sql: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "PART_ROWS", 5_000)
    rows(3, 20_000)
    job = done()
    key = f"of/ours/{job['id']}.csv"
    assert (keys(bucket), job["rows"]) == ([key], 60_000)
    [(parts,)] = sql("SELECT jsonb_array_length(parts) FROM export_jobs")
    # Several parts of the job, and two of the upload: what S3's ETag of such a file ends with.
    assert (parts >= 3, bucket.Object(key).e_tag[-3:]) == (True, '-2"')
    found = api("get", f"/{job['id']}/download", status=302)
    body = requests.get(found.headers["Location"], timeout=10)
    assert (len(body.content), hashlib.sha256(body.content).hexdigest()) == (job["bytes"], job["sha256"])
    paths = [row["path"] for row in csv.DictReader(io.StringIO(body.text, newline=""))]
    assert paths == [f"/p/{n}" for _ in range(3) for n in range(1, 20_001)]
    assert body.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert re.search(r'attachment; filename="events-default-.*\.csv"', body.headers["Content-Disposition"])
    assert sql("SELECT detail ->> 'job' FROM audit_log WHERE action = 'export.download'") == [(job["id"],)]


def test_a_download_goes_on_from_where_it_broke_off(
    rows: Make, done: Make, api: Make, client: FlaskClient, bucket: Any
) -> None:
    rows(2, 50)
    job = done(format="ndjson", compression="gzip")
    body = bucket.Object(f"of/ours/{job['id']}.ndjson.gz").get()["Body"].read()
    # A link needs no token, and leads to one of the bucket's own, which takes a Range.
    address = client.get(job["download_url"]).headers["Location"]
    assert "X-Amz-Signature=" in address
    for asked, place in [("100-", slice(100, None)), ("5-14", slice(5, 15)), ("-7", slice(-7, None))]:
        found = requests.get(address, headers={"Range": f"bytes={asked}"}, timeout=10)
        assert (found.status_code, found.content) == (206, body[place])
    assert found.headers["Content-Range"] == f"bytes {len(body) - 7}-{len(body) - 1}/{len(body)}"
    head = api("head", f"/{job['id']}/download")
    assert (head.content_length, head.headers["ETag"]) == (len(body), f'"{job["sha256"]}"')


def test_a_job_that_is_removed_takes_its_object_along(rows: Make, done: Make, api: Make, bucket: Any) -> None:
    rows(1, 5)
    job, other = done(), done(format="ndjson")
    api("delete", f"/{job['id']}", status=204)
    assert keys(bucket) == [f"of/ours/{other['id']}.ndjson"]


@pytest.mark.parametrize(("form", "compression"), [("csv", "zstd"), ("parquet", "none")])
def test_a_killed_job_goes_on_to_the_same_object(
    rows: Make,
    runner: Runner,
    make_job: Make,
    sql: Make,
    bucket: Any,
    monkeypatch: pytest.MonkeyPatch,
    form: str,
    compression: str,
) -> None:
    monkeypatch.setattr(sources, "PART_ROWS", 20)
    rows(5, 30)
    first, job = (make_job(cutoff=CUTOFF, format=form, compression=compression) for _ in range(2))
    expected = body_of(bucket, run_job(runner, first.id))
    heard: list[int] = []

    def kill(rows_done: int) -> None:
        heard.append(rows_done)
        if rows_done >= 90:
            raise Killed

    with pytest.raises(Killed):
        run_job(runner, job.id, kill)
    sql("UPDATE export_jobs SET heartbeat_at = heartbeat_at - interval '2 minutes' WHERE state = 'running' RETURNING 1")
    [(parts,)] = sql("SELECT parts FROM export_jobs WHERE state = 'running'")
    entered = [part for part in parts if "sha256" in part]
    assert 3 <= len(entered) < len(parts)
    # What was entered is not read again.
    sql("DELETE FROM events WHERE ts < :end RETURNING 1", end=datetime.fromisoformat(entered[-1]["end"]))
    again = run_job(runner, job.id)
    assert body_of(bucket, again) == expected
    assert (again and again.attempt, len(keys(bucket))) == (2, 2)


def test_expired_objects_go_and_so_does_what_nobody_owns(
    rows: Make, runner: Runner, done: Make, bucket: Any, api: Make
) -> None:
    rows(1, 5)
    job, stray, broken = done(), f"of/ours/{uuid.uuid4()}.csv", f"of/ours/{uuid.uuid4()}.csv"
    others = ["of/ours/notes.txt", f"of/ours/deeper/{uuid.uuid4()}.csv", f"of/{uuid.uuid4()}.csv"]
    for key in (stray, *others):
        bucket.put_object(Key=key, Body=b"x")
    # What a worker that is killed in the middle of it leaves.
    for key in (broken, others[1]):
        bucket.Object(key).initiate_multipart_upload().Part(1).upload(Body=b"x")
    now = clock.now()
    # This server has every upload begun in 2010.
    assert upkeep.sweep(runner, now) == (0, 1, 0, 0)
    assert upkeep.sweep(runner, now + timedelta(hours=71)) == (0, 1, 0, 0)
    assert keys(bucket) == sorted([f"of/ours/{job['id']}.csv", *others])
    assert [one.object_key for one in bucket.multipart_uploads.all()] == [others[1]]
    assert upkeep.sweep(runner, now + timedelta(hours=73)) == (1, 0, 0, 0)
    assert (keys(bucket), api("get", f"/{job['id']}").json["state"]) == (sorted(others), "expired")


@pytest.fixture
def away(aws: Make) -> Callable[[Runner], Runner]:
    """Nobody answers where the bucket was."""

    def leave(runner: Runner) -> Runner:
        aws(AWS_ENDPOINT_URL="http://127.0.0.1:1")
        return replace(runner, storage=Storage(URL))

    return leave


@pytest.fixture
def back(aws: Make, s3: Any) -> Callable[[], None]:
    return lambda: aws(AWS_ENDPOINT_URL=s3.meta.client.meta.endpoint_url)


def test_a_bucket_that_is_away_is_waited_for(
    rows: Make, runner: Runner, make_job: Make, bucket: Any, sql: Make, away: Make, back: Make
) -> None:
    rows(1, 5)
    job, without = make_job(cutoff=CUTOFF), away(runner)
    found = run_job(without, job.id)
    assert found is not None
    assert (found.state, found.file, found.error) == (
        "queued", None, "the storage of exports cannot be written: it does not answer; it is tried again",
    )  # fmt: skip
    sql("UPDATE export_jobs SET retry_at = now() RETURNING 1")
    back()
    assert len(body_of(bucket, run_job(replace(runner, storage=Storage(URL)), job.id)).splitlines()) == 6


def test_a_bucket_that_stays_away_ends_the_job(
    rows: Make, runner: Runner, make_job: Make, sql: Make, away: Make
) -> None:
    rows(1, 5)
    job, without = make_job(cutoff=CUTOFF), away(runner)
    sql("UPDATE export_jobs SET attempt = :done RETURNING 1", done=states.MOST_ATTEMPTS - 1)
    found = run_job(without, job.id)
    assert found is not None
    assert (found.state, found.error) == (
        "failed", "the storage of exports cannot be written: it does not answer; tried 10 times",
    )  # fmt: skip
    assert not (runner.work_dir / job.id).exists()


def test_what_expires_while_the_bucket_is_away_is_swept_later(
    rows: Make, runner: Runner, done: Make, bucket: Any, away: Make, back: Make
) -> None:
    rows(1, 5)
    done()
    later = clock.now() + timedelta(hours=73)
    with pytest.raises(StorageAway, match="does not answer"):
        upkeep.sweep(away(runner), later)
    assert len(keys(bucket)) == 1
    back()
    assert upkeep.sweep(runner, later) == (0, 1, 0, 0)
    assert keys(bucket) == []


@pytest.fixture
def guarded(s3: Any, bucket: Any) -> Any:
    """From now on the server asks who it is."""

    def ask(after: str) -> None:
        requests.post(
            f"{s3.meta.client.meta.endpoint_url}/moto-api/reset-auth",
            data=after,
            headers={"Content-Type": "text/plain"},
            timeout=10,
        ).raise_for_status()

    ask("0")
    yield
    ask("inf")


@pytest.mark.usefixtures("guarded")
def test_credentials_that_are_refused_are_told(rows: Make, runner: Runner, make_job: Make) -> None:
    rows(1, 5)
    found = run_job(runner, make_job(cutoff=CUTOFF).id)
    assert found is not None
    words = "the storage of exports cannot be written: its credentials are refused, or do not allow this"
    assert (found.state, found.error) == ("queued", f"{words}; it is tried again")
    for ask in (runner.storage.list_files, lambda: runner.storage.size("a"), lambda: runner.storage.open_file("a")):
        with pytest.raises(StorageAway, match="credentials are refused"):
            ask()


@pytest.mark.parametrize(("missing", "words"), [
    (("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "no credentials are given"), (("AWS_SECRET_ACCESS_KEY",), "half of its credentials"),
])  # fmt: skip
def test_missing_credentials_are_told(bucket: Any, aws: Make, made: Make, missing: tuple[str, ...], words: str) -> None:
    aws(**dict.fromkeys(missing))
    kept = Storage(URL)
    for ask in (
        lambda: kept.put(made(1), "a.csv", nothing),
        lambda: kept.presign("a.csv", 9, "attachment", "text/csv"),
    ):
        with pytest.raises(StorageAway, match=rf"{words}.*AWS_SECRET_ACCESS_KEY"):
            ask()


def test_a_missing_file_and_a_missing_bucket_are_told_apart(kept: Storage, made: Make, bucket: Any) -> None:
    with pytest.raises(FileNotFoundError):
        kept.open_file("a.csv")
    nobodys = Storage("s3://nobodys/folder")
    with pytest.raises(StorageAway, match="its folder or bucket is missing"):
        nobodys.put(made(1), "a.csv", nothing)
    assert nobodys.list_files() == []
    assert [one["Name"] for one in bucket.meta.client.list_buckets()["Buckets"]] == ["kept"]


def test_objects_count_towards_the_space_there_is(
    rows: Make, runner: Runner, make_job: Make, order: Make, bucket: Any
) -> None:
    rows(1, 30)
    size = len(body_of(bucket, run_job(runner, make_job(cutoff=CUTOFF).id)))
    assert size > 1000
    jobs.create(runner.engine, order(), jobs.Limits(None, 10**9, size + 1))
    with pytest.raises(TooMany, match="EXPORT_QUOTA_BYTES"):
        jobs.create(runner.engine, order(), jobs.Limits(None, 10**9, size))
    found = run_job(replace(runner, limits=jobs.Limits(None, 10**9, 1000)), make_job(cutoff=CUTOFF).id)
    assert found is not None
    assert (found.state, "EXPORT_QUOTA_BYTES" in (found.error or ""), len(keys(bucket))) == ("failed", True, 1)


def test_the_shell_hands_over_what_the_bucket_holds(rows: Make, s3_app: Flask, bucket: Any, tmp_path: Path) -> None:
    rows(2, 30)
    out = tmp_path / "out.csv"
    given = ["export", "events", "--site", "default", "--from", "2026-03-01", "--to", "2026-03-31", "--out", str(out)]
    result = s3_app.test_cli_runner().invoke(args=given)
    assert result.exit_code == 0, result.output
    assert len(list(csv.reader(out.open(newline="")))) == 61
    assert keys(bucket) == []
