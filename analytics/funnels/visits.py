"""Which visit each of a funnel's points belongs to, as decision 0005 has visits. Pure; arrays in, arrays out.

A visit is a run of one person's events in one session in which no 30 minutes pass without one.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from analytics.funnels.attempts import MOST, Flags, Ints, Points, constant, is_first
from analytics.rollups.visits import GAP_US

# An odd number, so that different users are mixed into a session's number differently.
MIX = np.uint64(0x9E3779B97F4A7C15)


class Marks(NamedTuple):
    """Instants of people's sessions, in any order. `opens`: 1 where a stretch without 30 minutes of silence begins, -1
    where it ends, 0 for an event by itself."""

    users: Ints
    sessions: Ints
    times: Ints
    opens: Ints


def of_points(points: Points) -> Marks:
    return Marks(points.users, points.sessions, points.times, constant(0, len(points)))


def of_stretches(users: Ints, sessions: Ints, starts: Ints, ends: Ints) -> Marks:
    opens = np.repeat(np.array([1, -1], np.int64), len(users))
    return Marks(np.tile(users, 2), np.tile(sessions, 2), np.concatenate([starts, ends]), opens)


def join_marks(parts: Sequence[Marks]) -> Marks:
    """All of them, in the order of the parts."""
    return parts[0] if len(parts) == 1 else Marks(*(np.concatenate(column) for column in zip(*parts, strict=True)))


class Line(NamedTuple):
    """Marks in order: each user's sessions lie together, and each session's times ascend. `places`: where each of them
    was; `begins`: where a session begins; `is_late`: where one goes on after more than 30 minutes of silence."""

    places: Ints
    users: Ints
    begins: Flags
    is_late: Flags

    def silent_users(self) -> Ints:
        """The users of whom a session went on late: perhaps they saw other pages meanwhile."""
        return np.unique(self.users[self.is_late])

    def number_visits(self) -> Ints:
        """The number of the visit that each mark is in, from 0."""
        numbers = np.empty(len(self.places), np.int64)
        numbers[self.places] = np.cumsum(self.begins | self.is_late) - 1
        return numbers


def line_up(marks: Marks) -> Line:
    """By user and time first, which is one number and in which points come in sorted runs; mostly nobody comes back to
    a session from another one, and that is all. Those who do are put in order again."""
    places = _by_time(marks.users, marks.times)
    users, sessions = marks.users[places], marks.sessions[places]
    begins = is_first(users, sessions)
    tangled = _tangled(users, sessions, begins)
    if tangled.any():
        mine = places[tangled]
        order = np.lexsort((marks.times[mine], marks.sessions[mine], marks.users[mine]))
        places[tangled] = mine[order]
        begins = is_first(users, marks.sessions[places])
    is_late = ~begins
    is_late[1:] &= np.diff(marks.times[places]) > GAP_US
    if marks.opens.any():
        # Whatever begins in a session ends in it, so one sum goes over all sessions.
        is_late[1:] &= np.cumsum(marks.opens[places])[:-1] <= 0
    return Line(places, users, begins, is_late)


def _by_time(users: Ints, times: Ints) -> Ints:
    if not len(users):
        return np.zeros(0, np.int64)
    since, span = int(times.min()), int(times.max() - times.min()) + 1
    if int(users.max()) >= MOST // span:
        return np.lexsort((times, users))
    keys = users * span
    keys += times
    keys -= since
    return np.argsort(keys, kind="stable")


def _tangled(users: Ints, sessions: Ints, begins: Flags) -> Flags:
    """Where a user is who comes back to a session. Users whose mixed numbers are equal by chance only cost time."""
    mixed = sessions[begins].view(np.uint64) ^ (users[begins].view(np.uint64) * MIX)
    ordered = np.sort(mixed)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(twice):
        return np.zeros(len(users), np.bool_)
    lost = np.unique(users[begins][np.isin(mixed, twice)])
    # The users are in order, so that each of those is a stretch: 1 more where it begins, 1 less where it has ended.
    found = np.zeros(len(users) + 1, np.int8)
    found[np.searchsorted(users, lost)] += 1
    found[np.searchsorted(users, lost, side="right")] -= 1
    inside: Flags = np.cumsum(found[:-1], dtype=np.int8) != 0
    return inside
