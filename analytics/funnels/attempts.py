"""How far people come in a funnel: every attempt, and each person's best. Pure; arrays in, arrays out.

The rules. An attempt begins with an event that is the first step. Each further step is the earliest event that is it
and comes *strictly later* than the step before, and at most `window` after the first. So one event is one step of an
attempt, whatever it could be besides; and events of equal timestamps have no order, so none of them follows another.
In `strict` order nothing of the funnel's types may lie between two steps: the next instant that has such an event must
have the step (what happens at the instant of a step is not between).

Every event that is the first step begins an attempt, so a repeated funnel is repeated attempts. The best is the one
that comes furthest; of several, the first. Nothing depends on the order in which events arrived, and an event that was
sent twice is stored once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# rollups/visits.py's: a visit ends with so much silence.
GAP_US = 30 * 60 * 1_000_000
NEVER = -1


@dataclass(frozen=True, slots=True)
class Points:
    """Events, one at each place of the arrays, in any order.

    `masks`: bit n for the step n; 0: none of them, only what lies between. `sessions` are equal where the session is.
    `dims`: what to break down by, as a number; `values`: NaN for none. `times`: us since 1970.
    """

    users: Ints
    sessions: Ints
    times: Ints
    masks: NDArray[np.int32]
    dims: Ints
    values: Floats

    def __len__(self) -> int:
        return len(self.users)

    def take(self, places: Ints | Flags) -> "Points":
        return Points(*(_take(getattr(self, name), places) for name in self.__slots__))


def constant(value: float, count: int, kind: type[Any] = np.int64) -> NDArray[Any]:
    """The value so often, in the room of one: what nobody asks for takes none."""
    return np.broadcast_to(np.array(value, kind), (count,))


def _is_constant(column: NDArray[Any]) -> bool:
    return column.strides == (0,)


def _take(column: NDArray[Any], places: Ints | Flags) -> NDArray[Any]:
    if not _is_constant(column) or not len(column):
        return column[places]
    count = int(np.count_nonzero(places)) if places.dtype == np.bool_ else len(places)
    return constant(column[0], count, column.dtype.type)


@dataclass(frozen=True, slots=True)
class Attempts:
    """One at each place. `entities`: whose, from 0; `depths`: steps made; `times`: a row a step, NEVER where unknown.

    `ends`: when the last step made was; `values`: that of the last step of a whole attempt, else NaN.
    """

    entities: Ints
    depths: Ints
    times: Ints
    ends: Ints
    dims: Ints
    values: Floats

    def __len__(self) -> int:
        return len(self.entities)

    @property
    def starts(self) -> Ints:
        found: Ints = self.times[0]
        return found

    def take(self, places: Ints | Flags) -> "Attempts":
        found = {name: getattr(self, name)[places] for name in self.__slots__ if name != "times"}
        return Attempts(times=self.times[:, places], **found)


def join_points(parts: Sequence[Points]) -> Points:
    some = [part for part in parts if len(part)]
    if len(some) < 2:
        return some[0] if some else parts[0]
    return Points(*(np.concatenate([getattr(part, name) for part in parts]) for name in Points.__slots__))


def join_attempts(one: Attempts, other: Attempts) -> Attempts:
    names = (name for name in Attempts.__slots__ if name != "times")
    both = {name: np.concatenate([getattr(one, name), getattr(other, name)]) for name in names}
    return Attempts(times=np.concatenate([one.times, other.times], axis=1), **both)


def sort_points(points: Points) -> tuple[Points, Ints]:
    """The points by user, session and time; and the places that they were in."""
    order = _order(points.users, points.times) if not points.sessions.any() else _order_by_session(points)
    return points.take(order), order


def _order(users: Ints, times: Ints) -> Ints:
    if not len(users):
        return np.zeros(0, np.int64)
    since, span = times.min(), times.max() - times.min() + 1
    if int(users.max()) < 2**62 // int(span):
        # One number sorts in a fifth of the time of two.
        return np.argsort(users * span + (times - since))
    return np.lexsort((times, users))


def _order_by_session(points: Points) -> Ints:
    return np.lexsort((points.times, points.sessions, points.users))


def is_first(*columns: Ints) -> Flags:
    """Where any of the columns differs from the place before, and at the first place."""
    found = np.ones(len(columns[0]), np.bool_)
    if len(found):
        found[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return found


def begins_visit(points: Points) -> Flags:
    """Of sorted points: where another user or session begins, or more than 30 minutes have passed."""
    found = is_first(points.users, points.sessions)
    found[1:] |= np.diff(points.times) > GAP_US
    return found


def number(firsts: Flags) -> Ints:
    """0 for each place up to the second first, then 1, and so on."""
    return np.cumsum(firsts, dtype=np.int64) - 1


def attempt(points: Points, entities: Ints, steps: int, window_us: int, strict: bool) -> Attempts:
    """Every attempt, by entity and time. `points` are sorted, and `entities` do not decrease."""
    points, entities = _merge(points, entities)
    starts = np.flatnonzero(points.masks & 1)
    places = np.full((steps, len(starts)), NEVER, np.int64)
    if steps and len(starts):
        places[0] = starts
    alive = np.arange(len(starts))
    for step in range(1, steps):
        following = _following(points.masks, step, places[step - 1, alive], strict)
        is_there = following < len(points)
        alive, following = alive[is_there], following[is_there]
        since = points.times[starts[alive]]
        met = (entities[following] == entities[starts[alive]]) & (points.times[following] - since <= window_us)
        alive = alive[met]
        places[step, alive] = following[met]
    return _attempts(points, entities, places)


def _following(masks: NDArray[np.int32], step: int, places: Ints, strict: bool) -> Ints:
    """For each of `places` the first later one that is the step; len(masks) where there is none."""
    count = len(masks)
    bit = (masks >> step) & 1
    if strict:
        later = np.minimum(places + 1, count - 1)
        return np.where((places + 1 < count) & (bit[later] == 1), places + 1, count)
    found = np.flatnonzero(bit)
    return np.append(found, count)[np.searchsorted(found, places, side="right")]


def _merge(points: Points, entities: Ints) -> tuple[Points, Ints]:
    """Events of one instant as one: what it is of all of them. Of several first steps, the lowest dimension's."""
    firsts = np.flatnonzero(is_first(entities, points.times))
    if len(firsts) == len(points):
        return points, entities
    merged = replace(points.take(firsts), masks=np.bitwise_or.reduceat(points.masks, firsts))
    if not _is_constant(points.dims):
        of_first = np.where(points.masks & 1, points.dims, np.iinfo(np.int64).max)
        merged = replace(merged, dims=np.minimum.reduceat(of_first, firsts))
    if not _is_constant(points.values):
        merged = replace(merged, values=np.fmax.reduceat(points.values, firsts))
    return merged, entities[firsts]


def _attempts(points: Points, entities: Ints, places: Ints) -> Attempts:
    made = places != NEVER
    depths = made.sum(axis=0)
    starts = places[0]
    last = places[depths - 1, np.arange(len(starts))]
    times = np.where(made, points.times[places], NEVER) if len(points) else places
    is_whole = depths == len(places)
    values = np.where(is_whole, points.values[last], np.nan)
    return Attempts(entities[starts], depths, times, points.times[last], points.dims[starts], values)


def best(attempts: Attempts, count: int) -> Attempts:
    """Of each entity the attempt that came furthest; of several the first. `count`: of entities."""
    depths = np.zeros(count, np.int64)
    np.maximum.at(depths, attempts.entities, attempts.depths)
    furthest = np.flatnonzero(attempts.depths == depths[attempts.entities])
    earliest = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(earliest, attempts.entities[furthest], attempts.starts[furthest])
    chosen = furthest[attempts.starts[furthest] == earliest[attempts.entities[furthest]]]
    places = np.full(count, NEVER)
    # Of equals, what was computed comes before what was tracked.
    places[attempts.entities[chosen[::-1]]] = chosen[::-1]
    return attempts.take(places[places != NEVER])


def first_starts(attempts: Attempts, count: int) -> Ints:
    """Of each entity that has an attempt, in their order: when the first one began."""
    earliest = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(earliest, attempts.entities, attempts.starts)
    found: Ints = earliest[np.unique(attempts.entities)]
    return found
