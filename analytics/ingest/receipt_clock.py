"""When batches are received: instants of one process that differ and ascend, so that they are the order of receipt.

accept.py stamps requests by it, imports/run.py the batches of an import. Across processes the clocks of their machines
decide; docs/decisions/0026.
"""

import threading
from datetime import datetime, timedelta

from analytics import clock

# A clock that was set back by more is followed: a batch must not be stamped far in the future.
MAX_SET_BACK = timedelta(seconds=1)


class ReceiptClock:
    """The clock of one process. Thread-safe."""

    def __init__(self) -> None:
        self._last: datetime | None = None
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The current instant; a microsecond after the result before where the clock has not advanced since."""
        with self._lock:
            now = clock.now()
            if self._last is not None and self._last - MAX_SET_BACK < now <= self._last:
                now = self._last + timedelta.resolution
            self._last = now
            return now
