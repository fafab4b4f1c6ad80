"""Visits of a funnel's events, as decision 0005 defines visits. Pure: arrays in, arrays out; conversion.py calls it.

A visit is a run of one user's events in one session without a gap of more than 30 minutes. Of events of one session and
instant the order stays.
"""

from typing import NamedTuple

import numpy as np

from analytics.funnels.attempts import BoolArray, EventArrays, IntArray, is_run_start
from analytics.reports.columns.ordering import order_by_time
from analytics.rollups.visits.sessionization import GAP_US

# Odd, so that multiplication by it is a bijection: different users mix differently into a session's number.
HASH_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


class SessionInstants(NamedTuple):
    """Instants of sessions, in any order."""

    users: IntArray
    sessions: IntArray
    times: IntArray

    def concat(self, other: "SessionInstants") -> "SessionInstants":
        return SessionInstants(*(np.concatenate(columns) for columns in zip(self, other, strict=True)))

    def of_users(self, first: int, after: int) -> "SessionInstants":
        """Of users with numbers in `[first, after)`."""
        is_among = (self.users >= first) & (self.users < after)
        return SessionInstants(*(column[is_among] for column in self))


NO_INSTANTS = SessionInstants(*(np.zeros(0, np.int64) for _ in range(3)))


def instants_of_events(events: EventArrays) -> SessionInstants:
    return SessionInstants(events.users, events.sessions, events.times)


class SortedInstants(NamedTuple):
    """Instants grouped by user and session, times ascending within a session.

    `order`: index of each before sorting; `is_session_start`: the first of its session; `is_after_gap`: more than 30
    minutes after the one before it in the session.
    """

    order: IntArray
    users: IntArray
    is_session_start: BoolArray
    is_after_gap: BoolArray

    def users_with_gaps(self) -> IntArray:
        """Users with a gap within a session: page views that are no step may fill it."""
        return np.unique(self.users[self.is_after_gap])

    def number_visits(self) -> IntArray:
        """The number of each instant's visit, from 0, in the order before sorting."""
        numbers = np.empty(len(self.order), np.int64)
        numbers[self.order] = np.cumsum(self._is_visit_start()) - 1
        return numbers

    def visit_users(self) -> IntArray:
        """The user of each visit, by its number."""
        return self.users[self._is_visit_start()]

    def _is_visit_start(self) -> BoolArray:
        return self.is_session_start | self.is_after_gap


def sort_instants(instants: SessionInstants) -> SortedInstants:
    """Sorts by user and time first: one key, and events come in sorted runs. Nearly always each session is contiguous
    then; the users who return to a session after another one are sorted again."""
    order = order_by_time(instants.users, instants.times)
    users, sessions = instants.users[order], instants.sessions[order]
    is_start = is_run_start(users, sessions)
    is_interleaved = _is_interleaved(users, sessions, is_start)
    if is_interleaved.any():
        moved = order[is_interleaved]
        order[is_interleaved] = moved[
            np.lexsort((instants.times[moved], instants.sessions[moved], instants.users[moved]))
        ]
        is_start = is_run_start(users, instants.sessions[order])
    is_after_gap = ~is_start
    is_after_gap[1:] &= np.diff(instants.times[order]) > GAP_US
    return SortedInstants(order, users, is_start, is_after_gap)


def _is_interleaved(users: IntArray, sessions: IntArray, is_start: BoolArray) -> BoolArray:
    """Where the user returns to an earlier session. Users whose hashes are equal by chance only cost time."""
    hashes = sessions[is_start].view(np.uint64) ^ (users[is_start].view(np.uint64) * HASH_MULTIPLIER)
    ordered = np.sort(hashes)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(repeated):
        return np.zeros(len(users), np.bool_)
    returning = np.unique(users[is_start][np.isin(hashes, repeated)])
    # Users are sorted, so each is one range: add 1 at its start, subtract 1 at its end, and sum.
    edges = np.zeros(len(users) + 1, np.int8)
    edges[np.searchsorted(users, returning)] += 1
    edges[np.searchsorted(users, returning, side="right")] -= 1
    inside: BoolArray = np.cumsum(edges[:-1], dtype=np.int8) != 0
    return inside
