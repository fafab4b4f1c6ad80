"""Ids of imported records: a hash of the site, the shift in time, the record's text and its earlier repetitions.

So an id does not depend on the file's name, its compression or what follows. The same file again, the same log grown,
a rotated or cut piece that starts with whole groups of equal lines give the same ids, and the drain recognises them.
Two equal lines of one file are two events. (A piece cut between two equal lines of the same second counts from one
again, so there equal lines count as repeats.) Pure.
"""

from dataclasses import dataclass, field
from hashlib import sha256
from uuid import UUID


@dataclass
class RepeatCounter:
    """Counts equal records exactly, in flat memory. A first pass (`observe`) finds the candidates."""

    size: int = 1 << 26
    _seen: bytearray = field(init=False)
    _candidates: set[int] = field(default_factory=set)
    _counts: dict[bytes, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # One bit a slot: at ten million records one in fifty is a false candidate, and no repetition is missed.
        self._seen = bytearray(self.size >> 3)

    def observe(self, text: bytes) -> None:
        slot = hash(text) % self.size
        if self._seen[slot >> 3] >> (slot & 7) & 1:
            self._candidates.add(slot)
        else:
            self._seen[slot >> 3] |= 1 << (slot & 7)

    def count_earlier(self, text: bytes) -> int:
        """How many equal records were passed to this method before."""
        if hash(text) % self.size not in self._candidates:
            return 0
        key = sha256(text).digest()
        earlier = self._counts.get(key, 0)
        self._counts[key] = earlier + 1
        return earlier


def make_record_id(site_key: str, shift_s: int, text: bytes, earlier: int) -> str:
    """A UUIDv8. The shift is part of it: a shifted record is another event than the same record at its own time."""
    digest = bytearray(sha256(b"%s\0%d\0%d\0%s" % (site_key.encode(), shift_s, earlier, text)).digest()[:16])
    digest[6], digest[8] = digest[6] & 0x0F | 0x80, digest[8] & 0x3F | 0x80
    return str(UUID(bytes=bytes(digest)))
