"""A worker that takes nothing while messages wait ends itself, and one that has reason to be silent does not."""

import pytest

from analytics.ops.hearing import DEAF_AFTER_S, Hearing

END = DEAF_AFTER_S
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
def test_a_worker_is_lost_when_it_takes_nothing_of_what_waits(looks, lost):
    hearing = Hearing()
    assert [hearing.is_lost(*look) for look in looks][-1] is lost
