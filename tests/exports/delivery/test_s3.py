"""Exports in a bucket of a server that speaks S3: written, resumed, downloaded, swept."""

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
from analytics.exports.delivery.storage import Storage, StorageUnavailable
from analytics.exports.jobs import creation, housekeeping, states
from analytics.exports.jobs.job import Job
from analytics.exports.jobs.run import run_job
from analytics.exports.jobs.runner import Runner, create_runner
from analytics.exports.sources import raw_rows
from analytics.files.checksums import no_op
from analytics.files.folders import UPLOAD_PART_BYTES
from config import Settings

Make = Callable[..., Any]
URL = "s3://kept/of/ours"
CUTOFF = datetime(2026, 4, 1, tzinfo=UTC)


class Killed(BaseException):
    """Not an Exception, so no handler catches it."""


@pytest.fixture
def s3_settings(settings: Settings, bucket: Any, tmp_path: Path) -> Settings:
    return replace(settings, export_url=URL, export_work_dir=str(tmp_path / "work"))


@pytest.fixture
def exporting_app(s3_settings: Settings, make_app: Make) -> Flask:
    app: Flask = make_app(export_url=s3_settings.export_url, export_work_dir=s3_settings.export_work_dir)
    return app


@pytest.fixture
def client(exporting_app: Flask) -> FlaskClient:
    return exporting_app.test_client()


@pytest.fixture
def runner(s3_settings: Settings, engine: Engine, redis: Redis) -> Runner:
    return create_runner(s3_settings, engine, redis)


@pytest.fixture
def storage(bucket: Any) -> Storage:
    return Storage(URL)


@pytest.fixture
def make_file(tmp_path: Path) -> Callable[[int], Path]:
    def write(size: int) -> Path:
        path = tmp_path / "file"
        path.write_bytes(os.urandom(size))
        return path

    return write


def keys(bucket: Any) -> list[str]:
    return sorted(one.key for one in bucket.objects.all())


def body_of(bucket: Any, job: Job | None) -> bytes:
    assert job is not None
    assert job.state == "done", job.error
    body: bytes = bucket.Object(f"of/ours/{job.file}").get()["Body"].read()
    return body


@pytest.mark.parametrize("size", [0, 10, UPLOAD_PART_BYTES, 20_000_000], ids=["empty", "small", "one-part", "parts"])
def test_file_is_stored_read_and_deleted_in_a_bucket(storage: Storage, make_file: Make, bucket: Any, size: int) -> None:
    source = make_file(size)
    storage.put(source, "a.csv", no_op)
    assert ([one.name for one in storage.list_files()], storage.size("a.csv")) == (["a.csv"], size)
    assert bucket.Object("of/ours/a.csv").get()["Body"].read() == source.read_bytes()
    with storage.open_file("a.csv") as file:
        # The read-ahead, which is in memory.
        assert file.blocksize == UPLOAD_PART_BYTES
        file.seek(size // 2)
        assert file.read() == source.read_bytes()[size // 2 :]
    source.write_bytes(b"another")
    storage.put(source, "a.csv", no_op)
    assert storage.size("a.csv") == 7
    for _ in range(2):
        storage.delete("a.csv")
    assert (storage.list_files(), storage.size("a.csv"), keys(bucket)) == ([], None, [])


def test_aborted_upload_leaves_nothing(storage: Storage, make_file: Make, bucket: Any) -> None:
    ticks: list[int] = []

    def stop() -> None:
        ticks.append(len(list(bucket.multipart_uploads.all())))
        if len(ticks) > 18:
            raise Killed

    with pytest.raises(Killed):
        storage.put(make_file(25_000_000), "a.csv", stop)
    # The upload had started: the bucket listed it.
    assert (ticks[0], ticks[-1]) == (0, 1)
    assert (keys(bucket), list(bucket.multipart_uploads.all())) == ([], [])


KILLED = """
import os, signal, sys
from pathlib import Path
from analytics.exports.delivery.storage import Storage
ticks = iter(range(1, 18))
Storage(sys.argv[1]).put(Path(sys.argv[2]), "a.csv", lambda: next(ticks, None) or os.kill(os.getpid(), signal.SIGKILL))
"""


def test_upload_of_a_killed_worker_is_listed_and_deleted(storage: Storage, make_file: Make, bucket: Any) -> None:
    process = subprocess.run(
        [sys.executable, "-c", KILLED, URL, str(make_file(25_000_000))], check=False, capture_output=True
    )
    assert process.returncode == -signal.SIGKILL, process.stderr
    assert (storage.size("a.csv"), len(list(bucket.multipart_uploads.all()))) == (None, 1)
    [upload] = storage.list_files()
    assert upload.name.startswith("a.csv.upload-")
    assert upload.written_at is not None
    assert upload.written_at.tzinfo is not None
    for _ in range(2):
        storage.delete(upload.name)
    assert (storage.list_files(), list(bucket.multipart_uploads.all())) == ([], [])


MEMORY = """
import resource, sys
from pathlib import Path
from analytics.files.checksums import no_op
from analytics.exports.delivery.storage import Storage
storage = Storage(sys.argv[1])
storage.size("nothing")
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
before = peak()
storage.put(Path(sys.argv[2]), "a.csv", no_op)
print(peak() - before)
"""


def test_upload_does_not_hold_the_file_in_memory(make_file: Make, bucket: Any) -> None:
    command = [sys.executable, "-c", MEMORY, URL, str(make_file(60_000_000))]
    grown_mb = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert grown_mb < 45


def test_s3_client_is_not_imported_without_a_bucket(tmp_path: Path) -> None:
    load = "import sys, celery_app, wsgi, tasks.exports; from analytics.exports.delivery.storage import Storage"
    ask = f"{load}; Storage({str(tmp_path)!r}).list_files(); print([n for n in ('s3fs', 'botocore', 'aiohttp') if n in sys.modules])"
    assert subprocess.run([sys.executable, "-c", ask], check=True, capture_output=True, text=True).stdout == "[]\n"


def test_large_export_is_created_and_downloaded(
    rows: Make, done: Make, client: FlaskClient, api: Make, bucket: Any, sql: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw_rows, "PART_ROWS", 5_000)
    rows(3, 20_000)
    job = done()
    key = f"of/ours/{job['id']}.csv"
    assert (keys(bucket), job["rows"]) == ([key], 60_000)
    [(parts,)] = sql("SELECT jsonb_array_length(parts) FROM export_jobs")
    # Several parts of the job, and two of the upload: the ETag of such an object ends with their number.
    assert (parts >= 3, bucket.Object(key).e_tag[-3:]) == (True, '-2"')
    redirect = api("get", f"/{job['id']}/download", status=302)
    body = requests.get(redirect.headers["Location"], timeout=10)
    assert (len(body.content), hashlib.sha256(body.content).hexdigest()) == (job["bytes"], job["sha256"])
    paths = [row["path"] for row in csv.DictReader(io.StringIO(body.text, newline=""))]
    assert paths == [f"/p/{n}" for _ in range(3) for n in range(1, 20_001)]
    assert body.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert re.search(r'attachment; filename="events-default-.*\.csv"', body.headers["Content-Disposition"])
    assert sql("SELECT detail ->> 'job' FROM audit_log WHERE action = 'export.download'") == [(job["id"],)]


def test_download_from_a_bucket_is_resumed(rows: Make, done: Make, api: Make, client: FlaskClient, bucket: Any) -> None:
    rows(2, 50)
    job = done(format="ndjson", compression="gzip")
    body = bucket.Object(f"of/ours/{job['id']}.ndjson.gz").get()["Body"].read()
    # A signed link needs no token and redirects to a presigned URL, which accepts a Range.
    address = client.get(job["download_url"]).headers["Location"]
    assert "X-Amz-Signature=" in address
    for byte_range, part in [("100-", slice(100, None)), ("5-14", slice(5, 15)), ("-7", slice(-7, None))]:
        response = requests.get(address, headers={"Range": f"bytes={byte_range}"}, timeout=10)
        assert (response.status_code, response.content) == (206, body[part])
    assert response.headers["Content-Range"] == f"bytes {len(body) - 7}-{len(body) - 1}/{len(body)}"
    head = api("head", f"/{job['id']}/download")
    assert (head.content_length, head.headers["ETag"]) == (len(body), f'"{job["sha256"]}"')


def test_deleting_a_job_deletes_its_object(rows: Make, done: Make, api: Make, bucket: Any) -> None:
    rows(1, 5)
    job, other = done(), done(format="ndjson")
    api("delete", f"/{job['id']}", status=204)
    assert keys(bucket) == [f"of/ours/{other['id']}.ndjson"]


@pytest.mark.parametrize(("form", "compression"), [("csv", "zstd"), ("parquet", "none")])
def test_killed_job_resumes_to_the_same_object(
    rows: Make,
    runner: Runner,
    make_job: Make,
    sql: Make,
    bucket: Any,
    monkeypatch: pytest.MonkeyPatch,
    form: str,
    compression: str,
) -> None:
    monkeypatch.setattr(raw_rows, "PART_ROWS", 20)
    rows(5, 30)
    first, job = (make_job(cutoff=CUTOFF, format=form, compression=compression) for _ in range(2))
    expected = body_of(bucket, run_job(runner, first.id))

    def kill(rows_done: int) -> None:
        if rows_done >= 90:
            raise Killed

    with pytest.raises(Killed):
        run_job(runner, job.id, kill)
    sql("UPDATE export_jobs SET heartbeat_at = heartbeat_at - interval '2 minutes' WHERE state = 'running' RETURNING 1")
    [(parts,)] = sql("SELECT parts FROM export_jobs WHERE state = 'running'")
    recorded = [part for part in parts if "sha256" in part]
    assert 3 <= len(recorded) < len(parts)
    # Recorded parts are not read again.
    sql("DELETE FROM events WHERE ts < :end RETURNING 1", end=datetime.fromisoformat(recorded[-1]["end"]))
    done = run_job(runner, job.id)
    assert body_of(bucket, done) == expected
    assert (done and done.attempt, len(keys(bucket))) == (2, 2)


def test_sweep_deletes_expired_and_orphaned_objects(
    rows: Make, runner: Runner, done: Make, bucket: Any, api: Make
) -> None:
    rows(1, 5)
    job, stray, broken = done(), f"of/ours/{uuid.uuid4()}.csv", f"of/ours/{uuid.uuid4()}.csv"
    others = ["of/ours/notes.txt", f"of/ours/deeper/{uuid.uuid4()}.csv", f"of/{uuid.uuid4()}.csv"]
    for key in (stray, *others):
        bucket.put_object(Key=key, Body=b"x")
    # An upload of a worker that was killed.
    for key in (broken, others[1]):
        bucket.Object(key).initiate_multipart_upload().Part(1).upload(Body=b"x")
    now = clock.now()
    # On this server every upload was initiated in 2010.
    assert housekeeping.sweep(runner, now) == (0, 1, 0, 0)
    assert housekeeping.sweep(runner, now + timedelta(hours=71)) == (0, 1, 0, 0)
    assert keys(bucket) == sorted([f"of/ours/{job['id']}.csv", *others])
    assert [one.object_key for one in bucket.multipart_uploads.all()] == [others[1]]
    assert housekeeping.sweep(runner, now + timedelta(hours=73)) == (1, 0, 0, 0)
    assert (keys(bucket), api("get", f"/{job['id']}").json["state"]) == (sorted(others), "expired")


@pytest.fixture
def disconnect(aws: Make) -> Callable[[Runner], Runner]:
    """The server of the bucket does not answer."""

    def away(runner: Runner) -> Runner:
        aws(AWS_ENDPOINT_URL="http://127.0.0.1:1")
        return replace(runner, storage=Storage(URL))

    return away


@pytest.fixture
def reconnect(aws: Make, s3: Any) -> Callable[[], None]:
    return lambda: aws(AWS_ENDPOINT_URL=s3.meta.client.meta.endpoint_url)


def test_unavailable_bucket_is_retried(
    rows: Make, runner: Runner, make_job: Make, bucket: Any, sql: Make, disconnect: Make, reconnect: Make
) -> None:
    rows(1, 5)
    job, without = make_job(cutoff=CUTOFF), disconnect(runner)
    found = run_job(without, job.id)
    assert found is not None
    assert (found.state, found.file, found.error) == (
        "queued", None, "the storage of exports cannot be written: it does not answer; the export will be retried",
    )  # fmt: skip
    sql("UPDATE export_jobs SET retry_at = now() RETURNING 1")
    reconnect()
    assert len(body_of(bucket, run_job(replace(runner, storage=Storage(URL)), job.id)).splitlines()) == 6


def test_unavailable_bucket_fails_the_job_after_all_attempts(
    rows: Make, runner: Runner, make_job: Make, sql: Make, disconnect: Make
) -> None:
    rows(1, 5)
    job, without = make_job(cutoff=CUTOFF), disconnect(runner)
    sql("UPDATE export_jobs SET attempt = :done RETURNING 1", done=states.MAX_ATTEMPTS - 1)
    found = run_job(without, job.id)
    assert found is not None
    assert (found.state, found.error) == (
        "failed", "the storage of exports cannot be written: it does not answer; 10 attempts failed",
    )  # fmt: skip
    assert not (runner.work_dir / job.id).exists()


def test_object_that_expires_while_the_bucket_is_unavailable_is_swept_later(
    rows: Make, runner: Runner, done: Make, bucket: Any, disconnect: Make, reconnect: Make
) -> None:
    rows(1, 5)
    done()
    later = clock.now() + timedelta(hours=73)
    with pytest.raises(StorageUnavailable, match="does not answer"):
        housekeeping.sweep(disconnect(runner), later)
    assert len(keys(bucket)) == 1
    reconnect()
    assert housekeeping.sweep(runner, later) == (0, 1, 0, 0)
    assert keys(bucket) == []


@pytest.fixture
def guarded(s3: Any, bucket: Any) -> Any:
    """The server checks credentials from now on."""

    def check_after(requests_served: str) -> None:
        requests.post(
            f"{s3.meta.client.meta.endpoint_url}/moto-api/reset-auth",
            data=requests_served,
            headers={"Content-Type": "text/plain"},
            timeout=10,
        ).raise_for_status()

    check_after("0")
    yield
    check_after("inf")


@pytest.mark.usefixtures("guarded")
def test_refused_credentials_are_reported(rows: Make, runner: Runner, make_job: Make) -> None:
    rows(1, 5)
    found = run_job(runner, make_job(cutoff=CUTOFF).id)
    assert found is not None
    words = "the storage of exports cannot be written: its credentials are refused, or do not allow this"
    assert (found.state, found.error) == ("queued", f"{words}; the export will be retried")
    for call in (runner.storage.list_files, lambda: runner.storage.size("a"), lambda: runner.storage.open_file("a")):
        with pytest.raises(StorageUnavailable, match="credentials are refused"):
            call()


@pytest.mark.parametrize(("missing", "words"), [
    (("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "no credentials are given"), (("AWS_SECRET_ACCESS_KEY",), "half of its credentials"),
])  # fmt: skip
def test_missing_credentials_are_reported(
    bucket: Any, aws: Make, make_file: Make, missing: tuple[str, ...], words: str
) -> None:
    aws(**dict.fromkeys(missing))
    storage = Storage(URL)
    for call in (
        lambda: storage.put(make_file(1), "a.csv", no_op),
        lambda: storage.presign("a.csv", 9, "attachment", "text/csv"),
    ):
        with pytest.raises(StorageUnavailable, match=rf"{words}.*AWS_SECRET_ACCESS_KEY"):
            call()


def test_missing_file_and_missing_bucket_are_distinguished(storage: Storage, make_file: Make, bucket: Any) -> None:
    with pytest.raises(FileNotFoundError):
        storage.open_file("a.csv")
    missing = Storage("s3://nobodys/folder")
    with pytest.raises(StorageUnavailable, match="its folder or bucket is missing"):
        missing.put(make_file(1), "a.csv", no_op)
    assert missing.list_files() == []
    assert [one["Name"] for one in bucket.meta.client.list_buckets()["Buckets"]] == ["kept"]


def test_objects_count_towards_the_quota(
    rows: Make, runner: Runner, make_job: Make, new_job: Make, bucket: Any
) -> None:
    rows(1, 30)
    size = len(body_of(bucket, run_job(runner, make_job(cutoff=CUTOFF).id)))
    assert size > 1000
    creation.create(runner.engine, new_job(), creation.Limits(None, 10**9, size + 1))
    with pytest.raises(TooMany, match="EXPORT_QUOTA_BYTES"):
        creation.create(runner.engine, new_job(), creation.Limits(None, 10**9, size))
    found = run_job(replace(runner, limits=creation.Limits(None, 10**9, 1000)), make_job(cutoff=CUTOFF).id)
    assert found is not None
    assert (found.state, "EXPORT_QUOTA_BYTES" in (found.error or ""), len(keys(bucket))) == ("failed", True, 1)


def test_cli_copies_the_object(rows: Make, exporting_app: Flask, bucket: Any, tmp_path: Path) -> None:
    rows(2, 30)
    out = tmp_path / "out.csv"
    words = ["export", "events", "--site", "default", "--from", "2026-03-01", "--to", "2026-03-31", "--out", str(out)]
    result = exporting_app.test_cli_runner().invoke(args=words)
    assert result.exit_code == 0, result.output
    assert len(list(csv.reader(out.open(newline="")))) == 61
    assert keys(bucket) == []
