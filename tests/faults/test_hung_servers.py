"""Servers that hang (SIGSTOP) instead of refusing: what is accepted is stored once, and nothing waits for ever.

A larger run: `python -m benchmarks.hang`.
"""

import http.client
import json
import os

import pytest

from benchmarks import hang
from benchmarks.hang import request
from benchmarks.soak import await_drained
from benchmarks.stack import SITE, Stack

pytestmark = pytest.mark.fault
RATE = int(os.environ.get("FAULT_HANG_RATE", "1000"))
SECONDS = float(os.environ.get("FAULT_HANG_S", "8"))


def test_events_are_accepted_while_postgres_hangs_and_stored_afterwards():
    report = hang.run(RATE, SECONDS)
    assert not report.failures, str(report)


def test_batch_that_redis_may_have_taken_is_stored_once_when_it_is_sent_again():
    with Stack() as stack:
        body = json.dumps([{"type": "page_view", "user_id": f"user-{n}"} for n in range(5)]).encode()

        def post():
            client = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=30)
            headers = {
                "Authorization": f"Bearer {stack.token}",
                "Content-Type": "application/json",
                "Idempotency-Key": "b7f1c7d6",
            }
            client.request("POST", f"/api/analytics/ingest?site={SITE}", body, headers)
            return client.getresponse().status

        assert request(stack, "POST", f"/api/analytics/ingest?site={SITE}", b'[{"type":"first"}]')[0] == 202
        stack.suspend("redis")
        statuses = [post()]
        stack.resume("redis")
        # Redis now takes what was in its socket: the batch of the 503 too.
        statuses += [post(), post()]
        await_drained(stack)
        with stack.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM events WHERE type = 'page_view'")
            assert (statuses, cursor.fetchone()) == ([503, 202, 202], (5,))
