"""Sets of users as 64-bit roaring bitmaps of `user_no`: encoding, unions, and counts. Pure.

rollups/, the reports and the audit read and unite stored bitmaps with it. Never queries.
"""

from collections.abc import Iterable
from struct import Struct, unpack_from

from pyroaring import BitMap, BitMap64

# pyroaring stores no runs unless asked; small sets gain nothing from them.
_MIN_RUN_OPTIMIZED = 1000


def encode(users: BitMap64) -> bytes:
    """The set as stored."""
    if len(users) >= _MIN_RUN_OPTIMIZED:
        users.run_optimize()
    return users.serialize()


def decode(stored: bytes) -> BitMap64:
    """The set of these bytes, which `encode` returned."""
    return BitMap64.deserialize(stored)


def union(bitmaps: Iterable[BitMap64]) -> BitMap64:
    """The users in any of `bitmaps`: a new set."""
    users = BitMap64()
    for bitmap in bitmaps:
        users |= bitmap
    return users


# The first bytes of a stored set whose numbers all fit 32 bits: one part, and the upper half of its numbers.
# https://github.com/RoaringBitmap/RoaringFormatSpec#extension-for-64-bit-implementations
_SMALL, _two_int32 = Struct("<QI").pack(1, 0), Struct("<II")


# Enough bytes of a stored set to count 30 million users: one piece of TOAST.
HEAD_BYTES = 1_996
_RUNS, _NO_RUNS = 12_347, 12_346


def count_by_head(head: bytes) -> int | None:
    """The size of a stored set, by its first HEAD_BYTES; None when they do not suffice.

    https://github.com/RoaringBitmap/RoaringFormatSpec: a cookie, then key and size less one of each container.
    """
    at = len(_SMALL)
    if not head.startswith(_SMALL):
        return None
    cookie, containers = _two_int32.unpack_from(head, at)
    if cookie == _NO_RUNS:
        at += 8
    elif cookie & 0xFFFF == _RUNS:
        containers = (cookie >> 16) + 1
        at += 4 + (containers + 7) // 8
    else:
        return None
    if at + 4 * containers > len(head):
        return None
    size: int = containers + sum(unpack_from(f"<{2 * containers}H", head, at)[1::2])
    return size


class UnionCounter:
    """The size of the union of stored sets, for each slot from 0 to `slots` - 1.

    Sets of 32-bit numbers, those of any site with fewer than four billion users, are united many at a time, which
    halves the time. Sets of one slot should therefore come together; in another order the result is the same.
    """

    def __init__(self, slots: int) -> None:
        self._small = [BitMap() for _ in range(slots)]
        self._large: dict[int, BitMap64] = {}
        self._slot, self._pending = 0, list[BitMap]()

    def add(self, slot: int, stored: bytes) -> None:
        if not stored.startswith(_SMALL):
            self._large[slot] = self._large.get(slot, BitMap64()) | decode(stored)
            return
        if slot != self._slot:
            self._unite()
            self._slot = slot
        part = memoryview(stored)[len(_SMALL) :]
        self._pending.append(BitMap.deserialize(part))  # type: ignore[arg-type]  # Any buffer will do.

    def counts(self) -> list[int]:
        """One number a slot."""
        self._unite()
        sizes = [len(small) for small in self._small]
        for slot, large in self._large.items():
            sizes[slot] = len(large | BitMap64(self._small[slot]))
        return sizes

    def _unite(self) -> None:
        if self._pending:
            self._small[self._slot] = BitMap.union(self._small[self._slot], *self._pending)
            self._pending = []
