"""Reads the entries of a drain's next chunk: how many, how long to wait for more, and after which older chunk.

Only drain.py calls it. What is read stays pending for the consumer until it is acknowledged (buffer.py).
"""

import time
from dataclasses import dataclass

from redis import Redis

from analytics.ingest import buffer
from analytics.ingest.buffer import Delivery

# How often entries are counted while a chunk fills.
POLL_INTERVAL_S = 0.02
# How long a drain waits for an older chunk to be stored, and how often it checks.
ORDER_WAIT_S, ORDER_POLL_INTERVAL_S = 0.25, 0.003
# From so many entries or events on, a drain lingers BUSY_LINGER_FACTOR times as long.
BUSY_ENTRIES, BUSY_EVENTS, BUSY_LINGER_FACTOR = 16, 1000, 5


@dataclass
class ChunkReader:
    """The chunks of one consumer, of about `batch_size` events; `linger_s`: how long a lone entry waits for others."""

    redis: Redis
    consumer: str
    batch_size: int
    linger_s: float
    _events_per_entry: float = 1.0
    _skipped_entry_id: str = ""

    def read_pending(self) -> list[Delivery]:
        """What was delivered to this consumer before and is not acknowledged, oldest first."""
        self._count_undelivered()
        return buffer.read_pending(self.redis, self.consumer, self._entries_to_read(0))

    def read_new(self) -> list[Delivery]:
        """New entries. None: the stream has none, and the next append enqueues a drain again."""
        if chunk := self._fill_chunk():
            return chunk
        # An append after this line enqueues a drain; the read sees one before it.
        buffer.clear_drain_enqueued(self.redis)
        return buffer.read_new(self.redis, self.consumer, self._entries_to_read(0))

    def wait_for_older_entries(self, entry_id: str) -> None:
        """Waits up to ORDER_WAIT_S for other drains to store entries older than `entry_id`: rising ids fill the pages
        of an index, late ones split them. Waits once for each older entry, as its drain may be dead."""
        end = time.monotonic() + ORDER_WAIT_S
        while (oldest := buffer.oldest_pending_id(self.redis)) not in ("", entry_id, self._skipped_entry_id):
            if time.monotonic() > end:
                self._skipped_entry_id = oldest
            time.sleep(ORDER_POLL_INTERVAL_S)

    def _fill_chunk(self) -> list[Delivery]:
        """New entries up to the batch size: neighbours in the stream, so that their ids fill the pages of an index in
        order, also where several drains read at once. None: no more entries arrive, or other drains read them all."""
        chunk: list[Delivery] = []
        end = time.monotonic() + self.linger_s * BUSY_LINGER_FACTOR
        while self._await_entries() and not (chunk := self._read_batch_size()) and time.monotonic() < end:
            pass
        return chunk

    def _read_batch_size(self) -> list[Delivery]:
        chunk: list[Delivery] = []
        events, limit, received = 0, 1, 1
        while events < self.batch_size and received == limit:
            limit = self._entries_to_read(events)
            deliveries = buffer.read_new(self.redis, self.consumer, limit)
            received = len(deliveries)
            chunk += deliveries
            events = sum(delivery.entry.count for delivery in chunk if delivery.entry)
        return chunk

    def _await_entries(self) -> bool:
        """Returns when it is time to store the entries, if any. A lone entry waits `linger_s` for others; while many
        arrive, longer: a transaction of thousands of events costs hardly more than one of a hundred.
        """
        start = time.monotonic()
        while (entries := self._count_undelivered()) < self._entries_to_read(0):
            is_busy = entries >= BUSY_ENTRIES or entries * self._events_per_entry >= BUSY_EVENTS
            left_s = start + self.linger_s * (BUSY_LINGER_FACTOR if is_busy else 1) - time.monotonic()
            if left_s <= 0:
                break
            time.sleep(min(POLL_INTERVAL_S, left_s))
        return entries > 0

    def _count_undelivered(self) -> int:
        """How many entries are not delivered yet; also updates the average of events per entry."""
        backlog = buffer.read_backlog(self.redis)
        self._events_per_entry = max(1.0, backlog.events / max(1, backlog.entries))
        return backlog.undelivered

    def _entries_to_read(self, events: int) -> int:
        return max(1, min(2000, int((self.batch_size - events) / self._events_per_entry)))
