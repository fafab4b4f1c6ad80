"""Times of receipt of one process ascend, unless its clock is set back by much."""

from datetime import UTC, datetime, timedelta

import pytest

from analytics.ingest.receipt_clock import MAX_SET_BACK, ReceiptClock

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (NOON, NOON + MICROSECOND),
        (NOON + MICROSECOND, NOON + MICROSECOND),
        (NOON - timedelta(milliseconds=400), NOON + MICROSECOND),
        (NOON - MAX_SET_BACK, NOON - MAX_SET_BACK),
        (NOON + timedelta(days=1), NOON + timedelta(days=1)),
    ],
    ids=["not advanced", "advanced", "set back a little", "set back by much", "a day later"],
)
def test_the_second_batch_is_received_after_the_first(monkeypatch, second: datetime, expected: datetime) -> None:
    times = iter([NOON, second])
    monkeypatch.setattr("analytics.clock.now", lambda: next(times))
    clock = ReceiptClock()
    assert (clock.now(), clock.now()) == (NOON, expected)


def test_a_clock_that_stands_still_still_orders_batches(monkeypatch) -> None:
    monkeypatch.setattr("analytics.clock.now", lambda: NOON)
    clock = ReceiptClock()
    assert [clock.now() for _ in range(3)] == [NOON, NOON + MICROSECOND, NOON + 2 * MICROSECOND]
