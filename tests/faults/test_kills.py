"""Every process is killed under load; no accepted event may be lost or stored twice.

A larger run: `FAULT_EVENTS=200000 FAULT_KILLS=80 pytest tests/faults/test_kills.py --timeout 1200`, or
`python -m benchmarks.soak --events 200000`.
"""

import os

import pytest

from benchmarks import soak

EVENTS = int(os.environ.get("FAULT_EVENTS", "6000"))
KILLS = int(os.environ.get("FAULT_KILLS", "5"))
LARGEST = 1000 if EVENTS > 20_000 else 300


@pytest.mark.fault
def test_killed_processes_neither_lose_nor_duplicate_an_event():
    report = soak.run(EVENTS, KILLS, LARGEST)
    assert not report.failures, str(report)
    assert report.kills.total() == KILLS, str(report)
