"""A worker that lives and takes no messages is noticed, ends, and is started again: what waits gets stored."""

import json
import time
import urllib.request

import pytest

from benchmarks import soak
from benchmarks.stack import SITE, Stack


@pytest.mark.fault
def test_a_deaf_worker_makes_way_for_another():
    with Stack() as stack:
        # What is left to it comes every half minute.
        for queue in ("ingest", "rollups"):
            assert "no longer consuming" in stack.run(
                "deafen", f"celery -A celery_app control -t 30 cancel_consumer {queue}"
            )
        request = urllib.request.Request(
            f"{stack.url}/api/analytics/ingest?site={SITE}", json.dumps([{"type": "a", "user_id": "u"}]).encode(),
            {"Authorization": f"Bearer {stack.token}", "Content-Type": "application/json"},
        )  # fmt: skip
        assert urllib.request.urlopen(request).status == 202
        began = time.monotonic()
        soak.await_drained(stack)
        assert not stack.buffer().xlen("analytics:ingest"), stack.processes["worker"].log.read_text()[-3000:]
        assert "takes no messages any more" in stack.processes["worker"].log.read_text()
        assert time.monotonic() - began < 90
