"""Worker, PostgreSQL and Redis are killed while an export is made; its bytes are those of one that nobody disturbed.

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

from analytics.exports.sources import PART_ROWS
from analytics.sites import create_site
from analytics.store.partitions import ensure
from benchmarks.stack import DATABASE, ROOT, SITE, Stack

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
# An export is cut by what the rollups say, so that each day is a part, however few rows it really has.
COUNTED = text("""
INSERT INTO rollups (site_id, span, dimension, day, type, subject, is_bot, value, events, users)
VALUES (:site_id, 'day', 'total', :day, 'page_view', '', false, '', :rows, '')
""")


@pytest.fixture(scope="module")
def stack():
    # Without beat: the test says when the watch looks.
    with Stack(beat=False) as made:
        engine = create_engine(made.postgres.url(DATABASE).replace("postgresql:", "postgresql+psycopg2:"))
        ensure(engine, "events", DAYS, FIRST)
        with engine.begin() as connection:
            site = create_site(connection, SITE)
            for day in DAYS:
                given = {"site_id": site.id, "day": day}
                connection.execute(FILL, given | {"rows": ROWS // PARTS})
                connection.execute(COUNTED, given | {"rows": PART_ROWS})
        engine.dispose()
        command = "flask --app wsgi token create --sub faults --scope export"
        made.token = subprocess.run(
            command, shell=True, cwd=ROOT, env=made.env, capture_output=True, text=True, check=True
        ).stdout.strip()
        yield made


def ask(stack, path="", body=None):
    """The answer's bytes."""
    headers = {"Authorization": f"Bearer {stack.token}", "Content-Type": "application/json"}
    url = f"{stack.url}/api/analytics/exports{path}"
    with urllib.request.urlopen(urllib.request.Request(url, body and json.dumps(body).encode(), headers)) as answer:
        return answer.read()


def order(stack):
    body = {"site": SITE, "compression": "gzip", "from": str(DAYS[0]), "to": str(DAYS[-1])}
    return json.loads(ask(stack, "", body))["id"]


def look(stack, job_id):
    """(state, parts that are there, attempt, error)"""
    with closing(stack.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT state, (SELECT count(*) FROM jsonb_array_elements(parts) AS part WHERE part ? 'sha256'), attempt,"
            " error FROM export_jobs WHERE id = %s",
            (job_id,),
        )
        return cursor.fetchone()


def await_state(stack, job_id, is_reached):
    """The job, once it is there. Beat's watch looks each second, since a message may be handed to a dead worker."""
    start = watched = time.monotonic()
    # Celery's spelling of a Unix socket; as a setting, it would give way to CELERY_BROKER_URL.
    url = stack.redis.url(0).replace("unix:", "redis+socket:").replace("db=", "virtual_host=")
    with Celery() as celery, celery.connection(url) as broker:
        while not is_reached(found := look(stack, job_id)):
            assert time.monotonic() - start < WITHIN_S, found
            if time.monotonic() - watched > 1:
                celery.send_task("exports.watch", queue="exports", expires=2, connection=broker)
                watched = time.monotonic()
            time.sleep(0.01)
    return found


def await_parts(stack, job_id, parts):
    found = await_state(stack, job_id, lambda job: job[1] >= parts or job[0] not in ("queued", "running"))
    assert (found[0], found[1] < PARTS) == ("running", True), found


def pass_time(stack):
    """What is waited for has come: a dead worker was silent for long enough, and a pause is over."""
    with closing(stack.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE export_jobs SET heartbeat_at = heartbeat_at - interval '2 minutes', retry_at = NULL")


def test_a_killed_export_has_the_bytes_of_an_undisturbed_one(stack):
    undisturbed, disturbed = order(stack), None
    await_state(stack, undisturbed, lambda job: job[0] == "done")
    expected = json.loads(ask(stack, f"/{undisturbed}"))
    disturbed = order(stack)

    await_parts(stack, disturbed, 2)
    stack.kill("worker")
    stack.restart("worker")
    pass_time(stack)

    await_parts(stack, disturbed, 5)
    stack.kill("postgres")
    stack.restart("postgres")
    await_state(stack, disturbed, lambda job: job[0] == "queued")
    pass_time(stack)

    await_parts(stack, disturbed, 8)
    stack.kill("redis")
    stack.restart("redis")
    _, _, attempt, _ = await_state(stack, disturbed, lambda job: job[0] in ("done", "failed"))

    found = json.loads(ask(stack, f"/{disturbed}"))
    names = ("state", "rows", "bytes", "sha256", "error")
    assert [found[name] for name in names] == [expected[name] for name in names]
    assert (found["rows"], attempt) == (ROWS // PARTS * PARTS, 3)
    assert hashlib.sha256(ask(stack, f"/{disturbed}/download")).hexdigest() == expected["sha256"]
