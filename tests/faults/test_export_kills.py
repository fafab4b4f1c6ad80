"""Worker, PostgreSQL and Redis are killed during an export; its file equals that of an uninterrupted export.

A larger run: `FAULT_EXPORT_ROWS=2000000 pytest tests/faults/test_export_kills.py --timeout 1200`.
"""

import hashlib
import json
import os
import subprocess
import time
import urllib.request
from contextlib import closing
from datetime import date, timedelta

import pytest
from celery import Celery
from sqlalchemy import create_engine, text

from analytics.exports.sources.raw_rows import PART_ROWS
from analytics.sites.sites import create_site
from analytics.store.partitions import ensure
from benchmarks.stack import DATABASE_NAME, ROOT, SITE, Stack

pytestmark = pytest.mark.fault
ROWS = int(os.environ.get("FAULT_EXPORT_ROWS", "120000"))
FIRST = date(2026, 3, 2)
PARTS = 12
DAYS = [FIRST + timedelta(days=n) for n in range(PARTS)]
WITHIN_S = max(60, ROWS // 10_000)
FILL = text("""
INSERT INTO events (event_id, ts, received_at, user_no, site_id, is_bot, type, user_id, path, payload)
SELECT gen_random_uuid(), CAST(:day AS date) + n * interval '86400 s' / :rows, CAST(:day AS date), n % 700, :site_id,
       false, 'page_view', 'user' || n % 700, '/p/' || n, jsonb_build_object('n', n, 'text', repeat(md5(n::text), 8))
FROM generate_series(0, :rows - 1) AS n
""")
# Parts are planned from the rollups: with these counts each day is a part, whatever its real number of rows.
INSERT_ROLLUP = text("""
INSERT INTO rollups (site_id, span, dimension, day, type, subject, is_bot, value, events, users)
VALUES (:site_id, 'day', 'total', :day, 'page_view', '', false, '', :rows, '')
""")


@pytest.fixture(scope="module")
def stack():
    # Without beat: the test sends exports.watch itself.
    with Stack(beat=False) as stack:
        engine = create_engine(stack.postgres.url(DATABASE_NAME).replace("postgresql:", "postgresql+psycopg2:"))
        ensure(engine, "events", DAYS, FIRST)
        with engine.begin() as connection:
            site = create_site(connection, SITE)
            for day in DAYS:
                parameters = {"site_id": site.id, "day": day}
                connection.execute(FILL, parameters | {"rows": ROWS // PARTS})
                connection.execute(INSERT_ROLLUP, parameters | {"rows": PART_ROWS})
        engine.dispose()
        command = "flask --app wsgi token create --sub faults --scope export"
        stack.token = subprocess.run(
            command, shell=True, cwd=ROOT, env=stack.env, capture_output=True, text=True, check=True
        ).stdout.strip()
        yield stack


def request_export(stack, path="", body=None):
    """The bytes of the answer."""
    headers = {"Authorization": f"Bearer {stack.token}", "Content-Type": "application/json"}
    url = f"{stack.url}/api/analytics/exports{path}"
    with urllib.request.urlopen(urllib.request.Request(url, body and json.dumps(body).encode(), headers)) as answer:
        return answer.read()


def create_job(stack):
    body = {"site": SITE, "compression": "gzip", "from": str(DAYS[0]), "to": str(DAYS[-1])}
    return json.loads(request_export(stack, "", body))["id"]


def read_job(stack, job_id):
    """(state, completed parts, attempt, error)"""
    with closing(stack.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT state, (SELECT count(*) FROM jsonb_array_elements(parts) AS part WHERE part ? 'sha256'), attempt,"
            " error FROM export_jobs WHERE id = %s",
            (job_id,),
        )
        return cursor.fetchone()


def await_state(stack, job_id, is_reached):
    """The job in that state. Sends exports.watch each second, since a message may be delivered to a dead worker."""
    start = watched = time.monotonic()
    # Celery's form of a Unix socket URL; as a setting, CELERY_BROKER_URL would override it.
    url = stack.redis.url(0).replace("unix:", "redis+socket:").replace("db=", "virtual_host=")
    with Celery() as celery, celery.connection(url) as broker:
        while not is_reached(job := read_job(stack, job_id)):
            assert time.monotonic() - start < WITHIN_S, job
            if time.monotonic() - watched > 1:
                celery.send_task("exports.watch", queue="exports", expires=2, connection=broker, ignore_result=True)
                watched = time.monotonic()
            time.sleep(0.01)
    return job


def await_parts(stack, job_id, parts):
    job = await_state(stack, job_id, lambda job: job[1] >= parts or job[0] not in ("queued", "running"))
    assert (job[0], job[1] < PARTS) == ("running", True), job


def pass_time(stack):
    """Expires the heartbeat of a dead worker and the delay of a retry."""
    with closing(stack.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE export_jobs SET heartbeat_at = heartbeat_at - interval '2 minutes', retry_at = NULL")


def test_interrupted_export_equals_an_uninterrupted_one(stack):
    uninterrupted = create_job(stack)
    await_state(stack, uninterrupted, lambda job: job[0] == "done")
    expected = json.loads(request_export(stack, f"/{uninterrupted}"))
    interrupted = create_job(stack)

    await_parts(stack, interrupted, 2)
    stack.kill("worker")
    stack.restart("worker")
    pass_time(stack)

    await_parts(stack, interrupted, 5)
    stack.kill("postgres")
    stack.restart("postgres")
    await_state(stack, interrupted, lambda job: job[0] == "queued")
    pass_time(stack)

    await_parts(stack, interrupted, 8)
    stack.kill("redis")
    stack.restart("redis")
    _, _, attempt, _ = await_state(stack, interrupted, lambda job: job[0] in ("done", "failed"))

    job = json.loads(request_export(stack, f"/{interrupted}"))
    names = ("state", "rows", "bytes", "sha256", "error")
    assert [job[name] for name in names] == [expected[name] for name in names]
    assert (job["rows"], attempt) == (ROWS // PARTS * PARTS, 3)
    assert hashlib.sha256(request_export(stack, f"/{interrupted}/download")).hexdigest() == expected["sha256"]
