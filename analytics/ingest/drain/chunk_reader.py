"""Gathering: which entries of the stream a drain's next chunk holds, how long it waits for more of them, and whose turn
it is to store. What is read stays with the consumer until it is acknowledged (buffer.py).
"""

import time
from dataclasses import dataclass

from redis import Redis

from analytics.ingest import buffer
from analytics.ingest.buffer import Delivery

# Entries are counted this often while a chunk gathers.
LOOK_EVERY_S = 0.02
# How long a drain waits for an older chunk to be stored, and how often it looks.
TURN_WITHIN_S, TURN_LOOK_S = 0.25, 0.003
# From so much on, a drain has the patience of so many `company_s`.
CROWD_ENTRIES, CROWD_EVENTS, CROWD_PATIENCE = 16, 1000, 5


@dataclass
class Gathering:
    """What one consumer takes, about `batch_size` events at a time; `company_s`: how long one that is alone waits."""

    redis: Redis
    consumer: str
    batch_size: int
    company_s: float
    _events_an_entry: float = 1.0
    _overtaken: str = ""

    def own(self) -> list[Delivery]:
        """What this consumer was handed before and has not acknowledged, from the oldest on."""
        self._look()
        return buffer.read_own(self.redis, self.consumer, self._entries_wanted(0))

    def new(self) -> list[Delivery]:
        """New entries. None: nothing waits, and the bell is lowered, so that the next append rings it."""
        if chunk := self._gather():
            return chunk
        # An append after this line rings again; one before it is seen by the read.
        buffer.lower_bell(self.redis)
        return buffer.read_new(self.redis, self.consumer, self._entries_wanted(0))

    def await_turn(self, entry_id: str) -> None:
        """Waits a moment for others to store what they were handed before `entry_id`: ids that rise fill the pages of
        an index, those that come late halve them. Once for each entry that is waited for, as its drain may be dead."""
        end = time.monotonic() + TURN_WITHIN_S
        while (oldest := buffer.oldest_delivered(self.redis)) not in ("", entry_id, self._overtaken):
            if time.monotonic() > end:
                self._overtaken = oldest
            time.sleep(TURN_LOOK_S)

    def _gather(self) -> list[Delivery]:
        """New entries up to the batch size: neighbours in the stream, so that their ids fill the pages of an index one
        after the other, also where several drains gather at once. None: nobody sends any more, or others took all."""
        chunk: list[Delivery] = []
        end = time.monotonic() + self.company_s * CROWD_PATIENCE
        while self._await_company() and not (chunk := self._take()) and time.monotonic() < end:
            pass
        return chunk

    def _take(self) -> list[Delivery]:
        chunk: list[Delivery] = []
        have, wanted, found = 0, 1, 1
        while have < self.batch_size and found == wanted:
            wanted = self._entries_wanted(have)
            more = buffer.read_new(self.redis, self.consumer, wanted)
            found = len(more)
            chunk += more
            have = sum(delivery.entry.count for delivery in chunk if delivery.entry)
        return chunk

    def _await_company(self) -> bool:
        """Returns when it is time to store what there is, if anything. An entry that comes alone waits a moment for
        company; while many come, longer: a transaction of thousands of events costs hardly more than one of a hundred.
        """
        start = time.monotonic()
        while (entries := self._look()) < self._entries_wanted(0):
            crowded = entries >= CROWD_ENTRIES or entries * self._events_an_entry >= CROWD_EVENTS
            left = start + self.company_s * (CROWD_PATIENCE if crowded else 1) - time.monotonic()
            if left <= 0:
                break
            time.sleep(min(LOOK_EVERY_S, left))
        return entries > 0

    def _look(self) -> int:
        """How many entries nobody has been handed yet; notes how many events an entry holds just now."""
        queued = buffer.queued(self.redis)
        self._events_an_entry = max(1.0, queued.events / max(1, queued.entries))
        return queued.undelivered

    def _entries_wanted(self, have: int) -> int:
        return max(1, min(2000, int((self.batch_size - have) / self._events_an_entry)))
