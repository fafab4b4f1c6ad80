"""A server is away for a while: what is accepted waits for it, what cannot be kept is refused with a time to retry."""

import http.client
import json
import os
import time

import pytest

from benchmarks.soak import await_drained
from benchmarks.stack import SITE, Stack

pytestmark = pytest.mark.fault
AWAY_S = float(os.environ.get("FAULT_AWAY_S", "20"))


@pytest.fixture(scope="module")
def stack():
    # One web process: it has met the site and the token before PostgreSQL goes away.
    with Stack(CLAIM_AFTER="2s", WEB_CONCURRENCY="1") as made:
        assert post(made, "before")[0] == 202
        yield made


def post(stack, marker, count=5):
    """(status, headers, body) of one batch."""
    client = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=30)
    body = json.dumps([{"type": "page_view", "user_id": f"user-{n}", "src": marker} for n in range(count)])
    headers = {"Authorization": f"Bearer {stack.token}", "Content-Type": "application/json"}
    client.request("POST", f"/api/analytics/ingest?site={SITE}", body, headers)
    answer = client.getresponse()
    return answer.status, answer.headers, json.loads(answer.read())


def stored(stack, marker):
    with stack.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM events WHERE src = %s", (marker,))
        return cursor.fetchone()[0]


def test_batches_accepted_without_postgres_are_stored_after_its_return(stack):
    stack.kill("postgres")
    end, statuses = time.monotonic() + AWAY_S, []
    while time.monotonic() < end:
        statuses.append(post(stack, "no postgres")[0])
        time.sleep(0.5)
    stack.restart("postgres")
    await_drained(stack)
    assert statuses == [202] * len(statuses)
    assert stored(stack, "no postgres") == 5 * len(statuses)


def test_without_redis_a_batch_is_refused_in_time_and_nothing_of_it_is_stored(stack):
    stack.kill("redis")
    start = time.monotonic()
    status, headers, _ = post(stack, "no redis")
    took = time.monotonic() - start
    stack.restart("redis")
    assert (status, headers["Retry-After"] is not None, took < 5) == (503, True, True)
    assert post(stack, "redis again")[0] == 202
    await_drained(stack)
    assert (stored(stack, "no redis"), stored(stack, "redis again")) == (0, 5)


def test_entry_handed_to_a_dead_consumer_is_claimed(stack):
    await_drained(stack)
    stack.kill("worker")
    stack.kill("beat")
    # Until Redis has seen that they are gone, it would hand the entry to a read that one of them was waiting in.
    while stack.buffer().info("clients")["blocked_clients"]:
        time.sleep(0.01)
    assert post(stack, "claimed")[0] == 202
    handed = stack.buffer().xreadgroup("drain", "dead", {"analytics:ingest": ">"})
    stack.restart("beat")
    stack.restart("worker")
    assert handed
    await_drained(stack)
    assert stored(stack, "claimed") == 5
