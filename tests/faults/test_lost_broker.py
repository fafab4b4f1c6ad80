"""The watchdog ends a worker that no longer receives messages; its successor stores the backlog."""

import json
import time
import urllib.request

import pytest

from benchmarks import soak
from benchmarks.stack import SITE, Stack


@pytest.mark.fault
def test_worker_without_messages_is_replaced():
    with Stack() as stack:
        # The worker still consumes the other queues, which get a message every half minute.
        for queue in ("ingest", "rollups"):
            assert "no longer consuming" in stack.run(
                "cancel_consumer", f"celery -A celery_app control -t 30 cancel_consumer {queue}"
            )
        request = urllib.request.Request(
            f"{stack.url}/api/analytics/ingest?site={SITE}", json.dumps([{"type": "a", "user_id": "u"}]).encode(),
            {"Authorization": f"Bearer {stack.token}", "Content-Type": "application/json"},
        )  # fmt: skip
        assert urllib.request.urlopen(request).status == 202
        began = time.monotonic()
        soak.await_drained(stack)
        assert not stack.buffer_client().xlen("analytics:ingest"), stack.processes["worker"].log.read_text()[-3000:]
        assert "stopped receiving queued messages" in stack.processes["worker"].log.read_text()
        assert time.monotonic() - began < 90
