"""Whether the server may be asked now: the state that `stats` shows, and the time before which no attempt is made.

sender.py tells it of successes and failures. Waits are random (full jitter), so that processes do not return together.
"""

import logging
import random
import time
from typing import Optional

log = logging.getLogger("analytics_client")
FIRST_BACKOFF_S = 1.0


class Backoff:
    """The state of one process. Written by the thread that delivers, read by all."""

    def __init__(self, max_backoff_s: float) -> None:
        self._max_backoff_s = max_backoff_s
        # `sending`, `backing_off` or `held`, as in Stats.
        self.state = "sending"
        self.reason: Optional[str] = None
        # By the monotonic clock.
        self.not_before = 0.0
        self.failures = 0

    def succeed(self) -> None:
        """The server took a request."""
        if self.state != "sending":
            log.info("events are delivered again")
        self.state, self.reason, self.failures = "sending", None, 0

    def fail(self, state: str, reason: str, wait_s: float) -> None:
        """The next attempt is made after `wait_s`."""
        if (state, reason) != (self.state, self.reason):
            # Once for each new reason: an outage of hours is a line or two.
            level = logging.WARNING if state == "held" or self.state == "sending" else logging.DEBUG
            log.log(level, "events are kept in the spool (%s), next attempt in %.1f s: %s", state, wait_s, reason)
        self.state, self.reason = state, reason
        self.failures += 1
        self.not_before = time.monotonic() + wait_s

    def draw_s(self) -> float:
        """A random wait: between 0 and 1, 2, 4, … seconds."""
        most = min(self._max_backoff_s, FIRST_BACKOFF_S * 2.0 ** min(self.failures, 30))
        return random.uniform(0, most)

    def end(self) -> None:
        """Ends a wait: another key was set."""
        self.not_before = 0.0
