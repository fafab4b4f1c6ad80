"""Attempts at a funnel: all of them, and the best of each entity. Pure: arrays in, arrays out; conversion.py calls it.

Rules. Events are in the order of time, those of one instant in the order of receipt (store/event_queries). An attempt
starts with an event that matches the first step. Each further step is the first matching event *after* the step before,
at most `window` after the first. So one event is one step of an attempt, whatever other steps it matches. In `strict`
order no event of the funnel's types may lie between two steps: the next such event must be the step.

Every event that matches the first step starts an attempt, so a user who repeats a funnel has several. The best attempt
has the most steps; among equals, the earliest start. The result does not depend on the order of arrival; a repeated
event is stored once.

Method. Entity and instant form one number, the *key*: an entity's instants are contiguous, and further from the next
entity's than any window. Each step's keys are sorted on their own, and the next step of an attempt is a binary search
among them. Events that come in sorted runs, as postings do, are merged rather than sorted. Keys do not tell the order
within an instant: entities of which it decides something are found on the way, and counted anew by
`find_ordered_attempts` from their events in full order.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

NEVER = -1
# The largest key; key plus window fits into 64 bits.
KEY_LIMIT = 2**62
INT64_MAX = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class EventArrays:
    """Events in any order; index i of each array is event i.

    `sessions`: equal where the session is. `times`: us since 1970. `step_masks`: bit n for step n; 0: no step, only
    between steps. `dimension_codes`: number of the breakdown's value. `values`: NaN for none. `places`: order of one
    user's events at one instant; all 0 where it was not read.
    """

    users: IntArray
    sessions: IntArray
    times: IntArray
    step_masks: NDArray[np.int32]
    dimension_codes: IntArray
    values: FloatArray
    places: IntArray

    def __len__(self) -> int:
        return len(self.users)

    def take(self, selected: IntArray | BoolArray) -> "EventArrays":
        return EventArrays(*(_take(getattr(self, name), selected) for name in self.__slots__))


def constant_array(value: float, count: int, dtype: type[Any] = np.int64) -> NDArray[Any]:
    """`count` times the value, in the memory of one: columns that a funnel does not need cost nothing."""
    return np.broadcast_to(np.array(value, dtype), (count,))


def _is_constant(column: NDArray[Any]) -> bool:
    return column.strides == (0,)


def _take(column: NDArray[Any], selected: IntArray | BoolArray) -> NDArray[Any]:
    if not _is_constant(column) or not len(column):
        return column[selected]
    count = int(np.count_nonzero(selected)) if selected.dtype == np.bool_ else len(selected)
    return constant_array(column[0], count, column.dtype.type)


def empty_events() -> EventArrays:
    ints, floats = constant_array(0, 0), constant_array(np.nan, 0, np.float64)
    return EventArrays(ints, ints, ints, constant_array(0, 0, np.int32), ints, floats, ints)


def concat_events(parts: Sequence[EventArrays]) -> EventArrays:
    """All events, in the order of the parts."""
    nonempty = [part for part in parts if len(part)] or [empty_events()]
    return EventArrays(*(_concat([getattr(part, name) for part in nonempty]) for name in EventArrays.__slots__))


def _concat(columns: Sequence[NDArray[Any]]) -> NDArray[Any]:
    first = columns[0]
    if len(columns) == 1:
        return first
    if all(_is_constant(column) and np.array_equal(column[:1], first[:1], equal_nan=True) for column in columns):
        return constant_array(first[0], sum(map(len, columns)), first.dtype.type)
    return np.concatenate(columns)


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

    def take(self, selected: IntArray | BoolArray) -> "Attempts":
        columns = {name: _take(getattr(self, name), selected) for name in self.__slots__ if name != "step_times"}
        return Attempts(step_times=self.step_times[:, selected], **columns)

    @classmethod
    def concat(cls, parts: "Sequence[Attempts]") -> "Attempts":
        """All attempts, in the order of the parts."""
        if len(parts) == 1:
            return parts[0]
        columns = ([getattr(part, name) for part in parts] for name in cls.__slots__)
        return cls(*(np.concatenate(column, axis=-1) for column in columns))

    def sorted_by_start(self) -> "Attempts":
        """By entity and start; a stable sort."""
        return self.take(np.lexsort((self.starts, self.entities)))


def is_run_start(*columns: IntArray) -> BoolArray:
    """Where any column differs from the index before, and at the first index."""
    is_start = np.ones(len(columns[0]), np.bool_)
    if len(is_start):
        is_start[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return is_start


class FoundAttempts(NamedTuple):
    """Every attempt; those of `tied_entities` (sorted) depend on the order of events at one instant, which is not in
    them."""

    attempts: Attempts
    tied_entities: IntArray


def find_attempts(events: EventArrays, entities: IntArray, steps: int, window_us: int, strict: bool) -> FoundAttempts:
    """`entities`: the entity of each event, any numbers from 0."""
    since = int(events.times.min(initial=INT64_MAX))
    span = int(events.times.max(initial=since)) - since + 1
    window_us = min(window_us, span)
    stride, parts, tied = span + window_us, [], [np.zeros(0, np.int64)]
    for first, chunk, chunk_entities in _chunks(events, entities, KEY_LIMIT // stride):
        keys = chunk_entities * stride if first == 0 else (chunk_entities - first) * stride
        keys += chunk.times
        keys -= since
        step_keys, ties = _follow(keys, chunk.step_masks, steps, window_us, strict)
        ties += _ambiguous_columns(chunk, keys, steps)
        tied.append(np.unique(np.concatenate(ties) // stride) + first)
        attempt_entities = step_keys[0] // stride
        parts.append(_attempts(chunk, keys, step_keys, attempt_entities + first, attempt_entities * stride - since))
    return FoundAttempts(Attempts.concat(parts), np.concatenate(tied))


def _chunks(events: EventArrays, entities: IntArray, size: int) -> Iterator[tuple[int, EventArrays, IntArray]]:
    """The events of `size` entities at a time, with the first entity; nearly always one chunk."""
    last = int(entities.max(initial=0))
    if last < size:
        yield 0, events, entities
        return
    for first in range(0, last + 1, size):
        is_in_chunk = (entities >= first) & (entities < first + size)
        yield first, events.take(is_in_chunk), entities[is_in_chunk]


def _follow(
    keys: IntArray, masks: NDArray[np.int32], steps: int, window_us: int, strict: bool
) -> tuple[IntArray, list[IntArray]]:
    """A row a step: the key at which each attempt made the step, NEVER where it did not. And the keys at which the
    order of several events decides."""
    starts = _instants(keys[masks & 1 != 0])
    all_keys, ties = starts, [starts[:0]]
    if strict:
        in_order = np.sort(keys, kind="stable")
        all_keys, ties = in_order[is_run_start(in_order)], [in_order[~is_run_start(in_order)]]
    step_keys = np.full((steps, len(starts)), NEVER, np.int64)
    step_keys[0], alive, at = starts, np.arange(len(starts)), starts
    for step in range(1, steps):
        following, is_simultaneous = _next(_instants(keys[masks & (1 << step) != 0]), at)
        ties.append(at[is_simultaneous])
        is_made = following - starts[alive] <= window_us
        if strict:
            is_made &= following == _next(all_keys, at)[0]
        alive, at = alive[is_made], following[is_made]
        step_keys[step, alive] = at
    return step_keys, [_several(keys, np.concatenate(ties))]


def _instants(keys: IntArray) -> IntArray:
    """Sorted, without repetition. The stable sort merges runs that are sorted already."""
    keys = np.sort(keys, kind="stable")
    return keys[is_run_start(keys)]


def _next(keys: IntArray, at: IntArray) -> tuple[IntArray, BoolArray]:
    """For each of `at` the first greater key, INT64_MAX where there is none; and whether `at` itself is a key."""
    padded = np.concatenate([[NEVER], keys, [INT64_MAX]])
    places = np.searchsorted(keys, at, side="right")
    return padded[places + 1], padded[places] == at


def _several(keys: IntArray, candidates: IntArray) -> IntArray:
    """Those of the candidates that several events have: one event that matches two steps is no tie."""
    if not len(candidates):
        return candidates
    candidates = _instants(candidates)
    found = np.searchsorted(candidates, keys)
    counts = np.bincount(found[np.append(candidates, NEVER)[found] == keys], minlength=len(candidates))
    return candidates[counts > 1]


def _ambiguous_columns(events: EventArrays, keys: IntArray, steps: int) -> list[IntArray]:
    """The keys at which several events start an attempt, or end one, and may differ in what is shown of them."""
    shown = ((events.dimension_codes, 0), (events.values, steps - 1))
    ends = (np.sort(keys[events.step_masks & (1 << step) != 0]) for column, step in shown if not _is_constant(column))
    return [in_order[~is_run_start(in_order)] for in_order in ends]


def find_ordered_attempts(
    events: EventArrays, entities: IntArray, steps: int, window_us: int, strict: bool
) -> Attempts:
    """`find_attempts` with `places`: every attempt, each of a first step's events starts one."""
    order = np.lexsort((events.places, events.times, entities))
    events, entities = events.take(order), entities[order]
    owners, times = np.append(entities, NEVER), np.append(events.times, NEVER)
    starts = np.flatnonzero(events.step_masks & 1)
    made = np.full((steps, len(starts)), NEVER, np.int64)
    made[0], alive, at = starts, np.arange(len(starts)), starts
    for step in range(1, steps):
        matching = np.append(np.flatnonzero(events.step_masks & (1 << step)), len(entities))
        following = matching[np.searchsorted(matching[:-1], at, side="right")]
        is_made = (owners[following] == owners[at]) & (times[following] - times[starts[alive]] <= window_us)
        if strict:
            is_made &= following == at + 1
        alive, at = alive[is_made], following[is_made]
        made[step, alive] = at
    depths = np.count_nonzero(made != NEVER, axis=0)
    values = np.where(depths == steps, np.append(events.values, np.nan)[made[-1]], np.nan)
    ends = times[made[depths - 1, np.arange(len(starts))]]
    step_times = np.where(made == NEVER, NEVER, times[made])
    return Attempts(entities[starts], depths, step_times, ends, events.dimension_codes[starts], values)


def _attempts(
    events: EventArrays, keys: IntArray, step_keys: IntArray, entities: IntArray, zero_keys: IntArray
) -> Attempts:
    """`zero_keys`: for each attempt the key of its entity at the time 0. Turns `step_keys` into times, in place."""
    count, is_made = len(entities), step_keys != NEVER
    depths = np.count_nonzero(is_made, axis=0)
    codes, values = constant_array(0, count), constant_array(np.nan, count, np.float64)
    if not _is_constant(events.dimension_codes):
        codes = _least(events.dimension_codes, keys, events.step_masks & 1 != 0, step_keys[0])
    if not _is_constant(events.values):
        greatest = -_least(-events.values, keys, ~np.isnan(events.values), step_keys[-1])
        values = np.where(depths == len(step_keys), greatest, np.nan)
    np.subtract(step_keys, zero_keys, out=step_keys, where=is_made)
    return Attempts(entities, depths, step_keys, step_keys[depths - 1, np.arange(count)], codes, values)


def _least(column: NDArray[Any], keys: IntArray, eligible: BoolArray, at: IntArray) -> NDArray[Any]:
    """For each key of `at` the least value of the eligible events there; NaN, or 0, where there is none."""
    keys, column = keys[eligible], column[eligible]
    order = np.lexsort((column, keys))
    keys, column = keys[order], column[order]
    missing = np.array(np.nan if column.dtype.kind == "f" else 0, column.dtype)
    indexes = np.searchsorted(keys, at)
    is_present = np.append(keys, INT64_MAX)[indexes] == at
    return np.where(is_present, np.append(column, missing)[indexes], missing)


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
