"""A server is down for some seconds: accepted batches wait for it, others are refused with Retry-After."""

import http.client
import json
import os
import time

import pytest

from benchmarks.soak import await_drained
from benchmarks.stack import SITE, Stack

pytestmark = pytest.mark.fault
DOWN_S = float(os.environ.get("FAULT_AWAY_S", "20"))


@pytest.fixture(scope="module")
def stack():
    # One web process, which caches the site and the token before PostgreSQL is stopped.
    with Stack(CLAIM_AFTER="2s", WEB_CONCURRENCY="1") as stack:
        assert post(stack, "before")[0] == 202
        yield stack


def post(stack, marker, count=5):
    """(status, headers, body) of one batch."""
    client = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=30)
    body = json.dumps([{"type": "page_view", "user_id": f"user-{n}", "src": marker} for n in range(count)])
    headers = {"Authorization": f"Bearer {stack.token}", "Content-Type": "application/json"}
    client.request("POST", f"/api/analytics/ingest?site={SITE}", body, headers)
    answer = client.getresponse()
    return answer.status, answer.headers, json.loads(answer.read())


def count_stored(stack, marker):
    with stack.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM events WHERE src = %s", (marker,))
        return cursor.fetchone()[0]


def test_batches_accepted_without_postgres_are_stored_after_its_restart(stack):
    stack.kill("postgres")
    end, statuses = time.monotonic() + DOWN_S, []
    while time.monotonic() < end:
        statuses.append(post(stack, "no postgres")[0])
        time.sleep(0.5)
    stack.restart("postgres")
    await_drained(stack)
    assert statuses == [202] * len(statuses)
    assert count_stored(stack, "no postgres") == 5 * len(statuses)


def test_batch_without_redis_is_refused_within_five_seconds_and_not_stored(stack):
    stack.kill("redis")
    start = time.monotonic()
    status, headers, _ = post(stack, "no redis")
    elapsed_s = time.monotonic() - start
    stack.restart("redis")
    assert (status, headers["Retry-After"] is not None, elapsed_s < 5) == (503, True, True)
    assert post(stack, "redis again")[0] == 202
    await_drained(stack)
    assert (count_stored(stack, "no redis"), count_stored(stack, "redis again")) == (0, 5)


def test_entry_of_a_dead_consumer_is_claimed(stack):
    await_drained(stack)
    stack.kill("worker")
    stack.kill("beat")
    # Until Redis notices the closed connections, it may deliver the entry to a blocked read of one of them.
    while stack.buffer_client().info("clients")["blocked_clients"]:
        time.sleep(0.01)
    assert post(stack, "claimed")[0] == 202
    delivered = stack.buffer_client().xreadgroup("drain", "dead", {"analytics:ingest": ">"})
    stack.restart("beat")
    stack.restart("worker")
    assert delivered
    await_drained(stack)
    assert count_stored(stack, "claimed") == 5
