"""Walks through the steps of journeys: visits, and the path of each from or to the anchor. Pure: arrays in, arrays out.

What a visit and a path are: journeys.py. journey_steps.py calls it with the steps of one part of the period after the
other; a visit that may go on in the next part waits for it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.rollups.visits.sessionization import GAP_US

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


class Steps(NamedTuple):
    """Ordered by session, and in a session by time and receipt. A session is one user's, and a person's or a
    program's."""

    sessions: IntArray
    times: IntArray
    codes: IntArray
    users: IntArray

    def where(self, is_chosen: BoolArray | IntArray) -> "Steps":
        """Those that are chosen, or at these indexes."""
        return Steps(*(column[is_chosen] for column in self))

    def after(self, earlier: "Steps") -> "Steps":
        """With earlier steps, in front of those of the same session."""
        at = np.searchsorted(self.sessions, earlier.sessions)
        return Steps(*(np.insert(column, at, before) for column, before in zip(self, earlier, strict=True)))

    def tied(self) -> BoolArray:
        """Those at the instant of another one of their session."""
        same = np.zeros(len(self.times) + 1, np.bool_)
        same[1:-1] = (self.sessions[1:] == self.sessions[:-1]) & (self.times[1:] == self.times[:-1])
        return same[1:] | same[:-1]


def number_visits(steps: Steps) -> tuple[IntArray, BoolArray]:
    """The number of each step's visit, from 0, and whether it is the first of it."""
    is_first = np.ones(len(steps.times), np.bool_)
    is_first[1:] = (steps.sessions[1:] != steps.sessions[:-1]) | (np.diff(steps.times) > GAP_US)
    return np.cumsum(is_first) - 1, is_first


def is_open(steps: Steps, until_us: int) -> BoolArray:
    """Whether a step at `until_us` or later could be in the same visit."""
    if not len(steps.times):
        return np.zeros(0, np.bool_)
    visits, is_first = number_visits(steps)
    last_times = steps.times[np.append(np.flatnonzero(is_first)[1:], len(visits)) - 1]
    is_late: BoolArray = last_times >= until_us - GAP_US
    return is_late[visits]


def find_paths(steps: Steps, anchor: int, places: Sequence[int]) -> tuple[IntArray, list[np.ma.MaskedArray]]:
    """The users of the visits that have the anchor, a visit each, and the codes of the steps at these places from its
    first anchor; masked where the visit has none."""
    visits, is_first = number_visits(steps)
    is_kept = is_first.copy()
    is_kept[1:] |= steps.codes[1:] != steps.codes[:-1]
    visits, codes = visits[is_kept], steps.codes[is_kept]
    anchors = np.flatnonzero(codes == anchor)
    at = anchors[np.unique(visits[anchors], return_index=True)[1]]
    columns = []
    for place in places:
        found = np.clip(at + place, 0, max(len(codes) - 1, 0))
        is_none = (found != at + place) | (visits[found] != visits[at])
        columns.append(np.ma.MaskedArray(codes[found], is_none))
    return steps.users[is_kept][at], columns
