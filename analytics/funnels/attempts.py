"""Attempts at a funnel: all of them, and the best of each entity. Pure: arrays in, arrays out; conversion.py calls it.

Rules. Events are in the order of docs/decisions/0026. An attempt starts with an event that matches the first step. Each
further step is the first matching event *after* the step before, at most `window` after the first. So one event is one
step of an attempt, whatever other steps it matches. In `strict` order no event of the funnel's types may lie between
two steps: the next such event must be the step.

Every event that matches the first step starts an attempt, so a user who repeats a funnel has several. The best attempt
has the most steps; among equals, the earliest start. The result does not depend on the order of arrival; a repeated
event is stored once.

Method. All events of an entity follow each other, in order. Where k events of a step are not after the step before, the
next step of an attempt is the event k of that step.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

NEVER = -1


@dataclass(frozen=True, slots=True)
class EventArrays:
    """Index i of each array is event i.

    `sessions`: equal where the session is. `times`: us since 1970. `step_masks`: bit n for step n; 0: no step, only
    between steps. `dimension_codes`: number of the breakdown's value. `values`: NaN for none.
    """

    users: IntArray
    sessions: IntArray
    times: IntArray
    step_masks: NDArray[np.int32]
    dimension_codes: IntArray
    values: FloatArray

    def __len__(self) -> int:
        return len(self.users)

    def take(self, selected: IntArray | slice) -> "EventArrays":
        return EventArrays(*(_take(getattr(self, name), selected) for name in self.__slots__))

    def put(self, indexes: IntArray, others: "EventArrays") -> None:
        """Puts others in the place of the events at these indexes."""
        for name in self.__slots__:
            if not _is_constant(column := getattr(self, name)):
                column[indexes] = getattr(others, name)

    def is_ambiguous(self) -> BoolArray:
        """Where an event has the user and the instant of the one before, and another role in the funnel: of events
        that are in order but for the order within an instant."""
        is_tied = ~is_run_start(self.users, self.times)
        at = np.flatnonzero(is_tied)
        roles = self.step_masks, self.dimension_codes, self.values
        pairs = ([np.nan_to_num(column[places], nan=np.inf) for places in (at, at - 1)] for column in roles)
        is_tied[at] = np.logical_or.reduce([one != other for one, other in pairs])
        return is_tied


def constant_array(value: float, count: int, dtype: type[Any] = np.int64) -> NDArray[Any]:
    """`count` times the value, in the memory of one: columns that a funnel does not need cost nothing."""
    return np.broadcast_to(np.array(value, dtype), (count,))


def _is_constant(column: NDArray[Any]) -> bool:
    return column.strides == (0,)


def _take(column: NDArray[Any], selected: IntArray | slice) -> NDArray[Any]:
    if isinstance(selected, slice) or not _is_constant(column) or not len(column):
        return column[selected]
    return constant_array(column[0], len(selected), column.dtype.type)


def _concat(columns: Sequence[NDArray[Any]]) -> NDArray[Any]:
    first, *others = [column for column in columns if column.size] or columns[:1]
    if all(
        _is_constant(column) and np.array_equal(column[:1], first[:1], equal_nan=True) for column in (first, *others)
    ):
        return np.broadcast_to(first[:1], (sum(map(len, columns)),))
    return np.concatenate([first, *others], axis=-1)


@dataclass(frozen=True, slots=True)
class Attempts:
    """Attempts, ordered by entity and start; index i of each array is attempt i.

    `depths`: steps made. `step_times`: a row a step, NEVER where unknown. `ends`: time of the last step made. `values`:
    of the last step of a complete attempt, else NaN.
    """

    entities: IntArray
    depths: IntArray
    step_times: IntArray
    ends: IntArray
    dimension_codes: IntArray
    values: FloatArray

    def __len__(self) -> int:
        return len(self.entities)

    @property
    def starts(self) -> IntArray:
        starts: IntArray = self.step_times[0]
        return starts

    def take(self, selected: IntArray) -> "Attempts":
        columns = {name: _take(getattr(self, name), selected) for name in self.__slots__ if name != "step_times"}
        return Attempts(step_times=self.step_times[:, selected], **columns)

    def without_ends(self) -> "Attempts":
        """Only when each started, and its depth: a third of the memory."""
        zeros, nans = constant_array(0, len(self)), constant_array(np.nan, len(self), np.float64)
        return Attempts(self.entities, self.depths.astype(np.int8), self.step_times[:1].copy(), zeros, zeros, nans)

    @classmethod
    def concat(cls, parts: "Sequence[Attempts]") -> "Attempts":
        """All attempts, in the order of the parts."""
        if len(parts) == 1:
            return parts[0]
        columns = ([getattr(part, name) for part in parts] for name in cls.__slots__)
        return cls(*map(_concat, columns))

    def sorted_by_start(self) -> "Attempts":
        """By entity and start; a stable sort."""
        return self.take(np.lexsort((self.starts, self.entities)))


def is_run_start(*columns: IntArray) -> BoolArray:
    """Where any column differs from the index before, and at the first index."""
    is_start = np.ones(len(columns[0]), np.bool_)
    if len(is_start):
        is_start[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return is_start


def find_attempts(events: EventArrays, entities: IntArray, steps: int, window_us: int, strict: bool) -> Attempts:
    """Every attempt, of events in order; `entities`: the entity of each, ascending."""
    times, starts = events.times, np.flatnonzero(events.step_masks & 1)
    alive, at, latest = np.arange(len(starts)), starts, times[starts] + window_us
    step_times = np.full((steps, len(starts)), NEVER, np.int64)
    step_times[0] = ends = times[starts]
    depths, values = np.ones(len(starts), np.int64), np.full(len(starts), np.nan)
    for step in range(1, steps):
        is_step = events.step_masks & (1 << step) != 0
        matching = np.flatnonzero(is_step)
        # How many of them are not after the step before: ascends, as `at` does.
        passed = np.cumsum(is_step, dtype=np.int32)[at]
        left = np.searchsorted(passed, len(matching))
        following = matching[passed[:left]]
        is_made = (entities[following] == entities[at[:left]]) & (times[following] <= latest[:left])
        if strict:
            is_made &= following == at[:left] + 1
        alive, at, latest = alive[:left][is_made], following[is_made], latest[:left][is_made]
        depths[alive] += 1
        step_times[step, alive] = ends[alive] = times[at]
    values[alive] = events.values[at]
    return Attempts(entities[starts], depths, step_times, ends, events.dimension_codes[starts], values)


def run_starts(*columns: IntArray) -> IntArray:
    """The index at which each run of equal values starts."""
    return np.flatnonzero(is_run_start(*columns))


def max_depths(attempts: Attempts, firsts: IntArray) -> IntArray:
    """The greatest depth of each run of attempts; `firsts`: where the runs start."""
    depths: IntArray = np.maximum.reduceat(attempts.depths, firsts) if len(firsts) else attempts.depths
    return depths


def best_attempts(attempts: Attempts) -> Attempts:
    """Each entity's deepest attempt; among equals, the first."""
    firsts = run_starts(attempts.entities)
    lengths = np.diff(np.append(firsts, len(attempts)))
    deepest = np.flatnonzero(attempts.depths == np.repeat(max_depths(attempts, firsts), lengths))
    return attempts.take(deepest[is_run_start(attempts.entities[deepest])])


def first_starts(attempts: Attempts) -> IntArray:
    """When each entity's first attempt started, in the order of the entities."""
    return attempts.starts[run_starts(attempts.entities)]
