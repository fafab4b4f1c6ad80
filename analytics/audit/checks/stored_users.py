"""Stored sets of users as the audit reads them: bytes that are no set make a gap of their row, not an error. Pure."""

from pyroaring import BitMap64

from analytics.rollups import bitmaps
from analytics.rollups.visits.visitors import Visitors

# Numbers of users begin at 1, so a set with this one equals no other.
UNREADABLE = 0


def decode_users(stored: bytes | None) -> BitMap64:
    """The set of these bytes; of UNREADABLE where they are no set."""
    try:
        return bitmaps.decode(stored or b"")
    except (ValueError, IndexError):
        return BitMap64([UNREADABLE])


def decode_visitors(users: bytes, repeats: bytes) -> Visitors:
    """The columns `users` and `repeats` of a row of visits; UNREADABLE where they are no sets."""
    try:
        return Visitors.decode(users, repeats)
    except (ValueError, IndexError):
        return Visitors(BitMap64([UNREADABLE]))
