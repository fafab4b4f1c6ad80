"""The watchdog: a stalled worker is detected, a busy or idle one is not."""

import pytest

from analytics.ops.worker_watchdog import STALLED_AFTER_S, StallDetector

END = STALLED_AFTER_S
# (seconds, tasks begun so far, busy, messages waiting)
LOOKS = {
    "messages wait, nothing is taken": ([(0, 5, False, 3), (2, 5, False, 3), (END + 2, 5, False, 4)], True),
    "not for long enough": ([(0, 5, False, 3), (2, 5, False, 3), (END + 1, 5, False, 4)], False),
    "it has just begun to wait": ([(0, 5, False, 0), (END, 5, False, 1), (END + 5, 5, False, 1)], False),
    "nothing waits": ([(0, 5, False, 0), (END, 5, False, 0), (2 * END, 5, False, 0)], False),
    "it takes some": ([(0, 5, False, 9), (END, 6, False, 9), (2 * END, 7, False, 9)], False),
    "it has its hands full": ([(0, 5, True, 9), (END, 5, True, 9), (2 * END, 5, True, 9)], False),
    "it was busy until now": ([(0, 5, True, 9), (END, 5, True, 9), (END + 1, 5, False, 9)], False),
    "nothing was ever taken": ([(0, 0, False, 1), (1, 0, False, 1), (END + 2, 0, False, 1)], True),
}


@pytest.mark.parametrize(("looks", "lost"), LOOKS.values(), ids=LOOKS)
def test_worker_is_stalled_when_it_receives_no_queued_message(looks, lost):
    detector = StallDetector()
    assert [detector.is_stalled(*look) for look in looks][-1] is lost
