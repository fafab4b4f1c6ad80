"""How far people come in a funnel: every attempt, and each entity's best. Pure; arrays in, arrays out.

The rules. An attempt begins with an event that is the first step. Each further step is the earliest event that is it
and comes *strictly later* than the step before, and at most `window` after the first. So one event is one step of an
attempt, whatever it could be besides; and events of equal timestamps have no order, so none of them follows another.
In `strict` order nothing of the funnel's types may lie between two steps: the next instant that has such an event must
have the step (what happens at the instant of a step is not between).

Every event that is the first step begins an attempt, so a repeated funnel is repeated attempts. The best is the one
that comes furthest; of several, the first. Nothing depends on the order in which events arrived, and an event that was
sent twice is stored once.

How. An entity and an instant are one number, its *key*, in which an entity's instants lie together and further from
the next entity's than any window. So a step's keys are sorted by themselves, and what follows an attempt is looked up
among those of the next step. Points that come in sorted runs, as postings do, are merged rather than sorted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

NEVER = -1
# Of keys; with a time added they fit into 64 bits.
MOST = 2**62
FAR = np.iinfo(np.int64).max


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


def no_points() -> Points:
    nothing = constant(0, 0)
    return Points(nothing, nothing, nothing, constant(0, 0, np.int32), nothing, constant(np.nan, 0, np.float64))


def join_points(parts: Sequence[Points]) -> Points:
    """All of them, in the order of the parts."""
    some = [part for part in parts if len(part)] or [no_points()]
    return Points(*(_join([getattr(part, name) for part in some]) for name in Points.__slots__))


def _join(columns: Sequence[NDArray[Any]]) -> NDArray[Any]:
    first = columns[0]
    if len(columns) == 1:
        return first
    if all(_is_constant(column) and np.array_equal(column[:1], first[:1], equal_nan=True) for column in columns):
        return constant(first[0], sum(map(len, columns)), first.dtype.type)
    return np.concatenate(columns)


@dataclass(frozen=True, slots=True)
class Attempts:
    """One at each place, by entity and start. `entities`: whose; `depths`: steps made; `times`: a row a step, NEVER
    where unknown.

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
        found = {name: _take(getattr(self, name), places) for name in self.__slots__ if name != "times"}
        return Attempts(times=self.times[:, places], **found)

    @classmethod
    def join(cls, parts: "Sequence[Attempts]") -> "Attempts":
        """All of them, one part after the other."""
        if len(parts) == 1:
            return parts[0]
        columns = ([getattr(part, name) for part in parts] for name in cls.__slots__)
        return cls(*(np.concatenate(column, axis=-1) for column in columns))

    def in_order(self) -> "Attempts":
        """By entity and start; those that are equal stay as they follow each other."""
        return self.take(np.lexsort((self.starts, self.entities)))


def is_first(*columns: Ints) -> Flags:
    """Where any of the columns differs from the place before, and at the first place."""
    found = np.ones(len(columns[0]), np.bool_)
    if len(found):
        found[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return found


def attempt(points: Points, entities: Ints, steps: int, window_us: int, strict: bool) -> Attempts:
    """Every attempt. `entities`: whose each point is, any numbers from 0 on."""
    since = int(points.times.min(initial=FAR))
    span = int(points.times.max(initial=since)) - since + 1
    window_us = min(window_us, span)
    stride, found = span + window_us, []
    for first, some, whose in _chunks(points, entities, MOST // stride):
        keys = whose * stride if first == 0 else (whose - first) * stride
        keys += some.times
        keys -= since
        made = _follow(keys, some.masks, steps, window_us, strict)
        entities_of = made[0] // stride
        found.append(_attempts(some, keys, made, entities_of + first, entities_of * stride - since))
    return Attempts.join(found)


def _chunks(points: Points, entities: Ints, size: int) -> Iterator[tuple[int, Points, Ints]]:
    """The points of as many entities as have keys, with the first of them; nearly always all in one."""
    most = int(entities.max(initial=0))
    if most < size:
        yield 0, points, entities
        return
    for first in range(0, most + 1, size):
        mine = (entities >= first) & (entities < first + size)
        yield first, points.take(mine), entities[mine]


def _follow(keys: Ints, masks: NDArray[np.int32], steps: int, window_us: int, strict: bool) -> Ints:
    """A row a step: the key at which each attempt made it, NEVER where it did not."""
    starts = _instants(keys[masks & 1 != 0])
    everything = _instants(keys) if strict else starts
    made = np.full((steps, len(starts)), NEVER, np.int64)
    made[0], alive, at = starts, np.arange(len(starts)), starts
    for step in range(1, steps):
        following = _next(_instants(keys[masks & (1 << step) != 0]), at)
        met = following - starts[alive] <= window_us
        if strict:
            met &= following == _next(everything, at)
        alive, at = alive[met], following[met]
        made[step, alive] = at
    return made


def _instants(keys: Ints) -> Ints:
    """In order, each once. A stable sort merges what is in order already."""
    keys = np.sort(keys, kind="stable")
    return keys[is_first(keys)]


def _next(keys: Ints, at: Ints) -> Ints:
    """For each of `at` the first later one of `keys`; FAR where there is none."""
    places = np.searchsorted(keys, at, side="right")
    found: Ints = np.append(keys, FAR)[places]
    return found


def _attempts(points: Points, keys: Ints, made: Ints, entities: Ints, zeros: Ints) -> Attempts:
    """`zeros`: of each attempt the key that its entity would have at the time 0. Makes times of the keys of `made`."""
    count, is_made = len(entities), made != NEVER
    depths = np.count_nonzero(is_made, axis=0)
    dims, values = constant(0, count), constant(np.nan, count, np.float64)
    if not _is_constant(points.dims):
        dims = _least(points.dims, keys, points.masks & 1 != 0, made[0])
    if not _is_constant(points.values):
        greatest = -_least(-points.values, keys, ~np.isnan(points.values), made[-1])
        values = np.where(depths == len(made), greatest, np.nan)
    np.subtract(made, zeros, out=made, where=is_made)
    return Attempts(entities, depths, made, made[depths - 1, np.arange(count)], dims, values)


def _least(column: NDArray[Any], keys: Ints, among: Flags, at: Ints) -> NDArray[Any]:
    """The least value of those points that are at each of the keys `at`; NaN, or 0, where none is."""
    keys, column = keys[among], column[among]
    order = np.lexsort((column, keys))
    keys, column = keys[order], column[order]
    nothing = np.array(np.nan if column.dtype.kind == "f" else 0, column.dtype)
    places = np.searchsorted(keys, at)
    is_there = np.append(keys, FAR)[places] == at
    return np.where(is_there, np.append(column, nothing)[places], nothing)


def runs(*columns: Ints) -> Ints:
    """Where each run of equal places begins."""
    return np.flatnonzero(is_first(*columns))


def deepest(attempts: Attempts, firsts: Ints) -> Ints:
    """How far each run of attempts came."""
    found: Ints = np.maximum.reduceat(attempts.depths, firsts) if len(firsts) else attempts.depths
    return found


def best(attempts: Attempts) -> Attempts:
    """Of each entity the attempt that came furthest; of several the first."""
    firsts = runs(attempts.entities)
    lengths = np.diff(np.append(firsts, len(attempts)))
    furthest = np.flatnonzero(attempts.depths == np.repeat(deepest(attempts, firsts), lengths))
    return attempts.take(furthest[is_first(attempts.entities[furthest])])


def first_starts(attempts: Attempts) -> Ints:
    """Of each entity that has an attempt, in their order: when the first one began."""
    return attempts.starts[runs(attempts.entities)]
