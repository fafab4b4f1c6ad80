"""Waits for what happens in another thread or process."""

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object], within_s: float = 20.0) -> None:
    """Returns when the condition holds; fails after `within_s`."""
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
