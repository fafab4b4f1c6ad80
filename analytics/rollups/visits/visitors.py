"""The users of visits, each with how many: what visit_rollups and visit_unions store beside their sums. Pure.

Visits come and go as late page views join them, so a set of users would not suffice: a user leaves it only with their
last visit. With the number of visits of each user, additions and subtractions need nothing else (docs/decisions/0028).
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
from pyroaring import BitMap64

from analytics.rollups import bitmaps

_encode_slices = msgspec.msgpack.Encoder().encode
_decode_slices = msgspec.msgpack.Decoder(list[bytes]).decode
# Number of visits → the users who have that many.
ByNumber = Mapping[int, BitMap64]


class NetVisits(NamedTuple):
    """What users gain, and what others lose, when both are balanced. Nobody changes the sets."""

    more: ByNumber
    less: ByNumber


class VisitorsMismatch(ValueError):
    """Visits would be taken from a user who has fewer."""


class Visitors:
    """Users of some visits. `users`: those with a visit; `repeats`: bit n of the number of their further visits, as the
    set of users who have it. Memory and time grow with the users, and with the logarithm of a user's visits."""

    __slots__ = ("repeats", "users")

    def __init__(self, users: BitMap64 | None = None, repeats: list[BitMap64] | None = None) -> None:
        self.users = BitMap64() if users is None else users
        self.repeats = [] if repeats is None else repeats

    @classmethod
    def decode(cls, users: bytes, repeats: bytes) -> "Visitors":
        """Of the columns `users` and `repeats`."""
        return cls(bitmaps.decode(users), list(map(bitmaps.decode, _decode_slices(repeats))) if repeats else [])

    def encode(self) -> tuple[bytes, bytes]:
        """The columns `users` and `repeats`."""
        repeats = _encode_slices(list(map(bitmaps.encode, self.repeats))) if self.repeats else b""
        return bitmaps.encode(self.users), repeats

    @property
    def visits(self) -> int:
        """How many visits the users have together."""
        return len(self.users) + sum(len(users) << bit for bit, users in enumerate(self.repeats))

    def counts(self) -> dict[int, int]:
        """user_no → number of visits. O(users)."""
        counts = dict.fromkeys(self.users, 1)
        for bit, users in enumerate(self.repeats):
            for user_no in users:
                counts[user_no] += 1 << bit
        return counts

    def change(self, net: "NetVisits") -> None:
        """Adds and takes the visits. Raises VisitorsMismatch."""
        for number, users in net.more.items():
            self._add(users, number)
        for number, users in net.less.items():
            self._subtract(users, number)

    def add(self, other: "Visitors") -> None:
        """Adds the other's visits."""
        self._add_repeats(other.users & self.users, 0)
        self.users |= other.users
        for bit, users in enumerate(other.repeats):
            self._add_repeats(users, bit)

    def _add(self, users: BitMap64, number: int) -> None:
        known = users & self.users
        self._add_number(known, number)
        self._add_number(users - known, number - 1)
        self.users |= users

    def _subtract(self, users: BitMap64, number: int) -> None:
        gone = self._with_repeats(users, number - 1)
        if not users.issubset(self.users):
            raise VisitorsMismatch
        self._subtract_number(gone, number - 1)
        self._subtract_number(users - gone, number)
        self.users -= gone
        while self.repeats and not self.repeats[-1]:
            self.repeats.pop()

    def _with_repeats(self, users: BitMap64, number: int) -> BitMap64:
        """Those of the users who have `number` further visits."""
        if number >> len(self.repeats):
            return BitMap64()
        for bit, having in enumerate(self.repeats):
            users = users & having if number >> bit & 1 else users - having
        return users

    def _add_number(self, users: BitMap64, number: int) -> None:
        for bit in range(number.bit_length()):
            if number >> bit & 1:
                self._add_repeats(users, bit)

    def _add_repeats(self, users: BitMap64, bit: int) -> None:
        """Adds 2 ** bit further visits to each of the users; a sum that has the bit already is carried to the next."""
        while users:
            self.repeats += (BitMap64() for _ in range(bit + 1 - len(self.repeats)))
            carried = self.repeats[bit] & users
            self.repeats[bit] ^= users
            users, bit = carried, bit + 1

    def _subtract_number(self, users: BitMap64, number: int) -> None:
        for bit in range(number.bit_length()):
            if number >> bit & 1:
                self._subtract_repeats(users, bit)

    def _subtract_repeats(self, users: BitMap64, bit: int) -> None:
        while users:
            if bit >= len(self.repeats):
                raise VisitorsMismatch
            borrowed = users - self.repeats[bit]
            self.repeats[bit] ^= users
            users, bit = borrowed, bit + 1


def net_visits(gained: Sequence[int], lost: Sequence[int] = ()) -> NetVisits:
    """Of the user_no of each visit that is gained or lost."""
    if not lost or BitMap64(gained).isdisjoint(BitMap64(lost)):
        return NetVisits(_by_number(gained), _by_number(lost))
    net = Counter(gained)
    net.subtract(lost)
    more = {user_no: number for user_no, number in net.items() if number > 0}
    less = {user_no: -number for user_no, number in net.items() if number < 0}
    return NetVisits(_group(more), _group(less))


def _by_number(user_nos: Sequence[int]) -> ByNumber:
    users = BitMap64(user_nos)
    if len(users) == len(user_nos):
        return {1: users} if users else {}
    return _group(Counter(user_nos))


def _group(numbers: Mapping[int, int]) -> ByNumber:
    by_number = defaultdict[int, list[int]](list)
    for user_no, number in numbers.items():
        by_number[number].append(user_no)
    return {number: BitMap64(user_nos) for number, user_nos in by_number.items()}
