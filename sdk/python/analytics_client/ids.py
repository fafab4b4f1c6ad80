"""Event ids: UUIDv7, made where the event happens, so that a repeated batch is recognised by the server.

client.py makes one for each event. Ids of one process increase, also within a millisecond and when the clock is set
back. Two processes never share one: 62 bits of each id are random. After a fork the child needs an IdMaker of its own.
"""

import os

_COUNTERS = 1 << 12
# Randomness is fetched for so many ids at once: a system call for each would be a fifth of its cost.
_IDS_A_FETCH = 64


class IdMaker:
    """Makes increasing UUIDv7s. Not thread-safe: the caller holds a lock."""

    def __init__(self) -> None:
        self._last_ms = 0
        self._counter = 0
        self._random = b""

    def make(self, now_ms: int) -> str:
        """A new id of this millisecond, or of the last one that had an id, whichever is later."""
        if now_ms > self._last_ms:
            self._last_ms, self._counter = now_ms, 0
        else:
            self._counter += 1
            if self._counter == _COUNTERS:
                self._last_ms, self._counter = self._last_ms + 1, 0
        if not self._random:
            self._random = os.urandom(8 * _IDS_A_FETCH)
        random, self._random = self._random[:8], self._random[8:]
        # RFC 9562, 5.7: 48 bits of milliseconds, version 7, 12 bits of counter, variant, 62 bits of randomness.
        # Formatted in pieces: as one number of 128 bits it costs twice as much.
        high, low = self._last_ms >> 16, self._last_ms & 0xFFFF
        variant = 0x80 | random[0] & 0x3F
        return f"{high:08x}-{low:04x}-7{self._counter:03x}-{variant:02x}{random[1]:02x}-{random[2:].hex()}"
