"""Counts a funnel over a period: reads its events and applies the rules of attempts.py. request.py calls it.

Only events in `[from, to)` count: an attempt that the end of the period cuts counts as far as it got, one that started
earlier does not count. By user, an entity is a user. By visit, an entity is a run of one user's events in one session
(events without a session form one of their own) without a gap of more than 30 minutes between page views and the
funnel's events: its steps, in strict order all events of its types, and tracked steps.

A step that a client tracks (`funnel_step`) is one more attempt of the entity: as deep as the last of its
`completed_steps`, complete when it says `converted`. The deeper attempt wins; of equal ones the earlier start, and of
equal starts the computed one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection

from analytics.funnels.attempts import (
    NEVER,
    Attempts,
    BoolArray,
    EventArrays,
    IntArray,
    best_attempts,
    concat_events,
    constant_array,
    find_attempts,
    find_ordered_attempts,
    first_starts,
    is_run_start,
)
from analytics.funnels.definitions import FunnelDefinition
from analytics.funnels.posted import Seen
from analytics.funnels.reading import TrackedRow, read_points, read_simultaneous, read_tracked, read_views
from analytics.funnels.steps import Step
from analytics.funnels.visits import concat_instants, instants_of_events, sort_instants


@dataclass(frozen=True, slots=True)
class FunnelResult:
    """`best_attempts` and `first_start_times`: one of each entity, in the same order. `dimension_values`: by code."""

    definition: FunnelDefinition
    attempts: Attempts
    best_attempts: Attempts
    first_start_times: IntArray
    dimension_values: list[str]

    @property
    def step_counts(self) -> list[int]:
        """How many entities reached each step."""
        return [int((self.best_attempts.depths > step).sum()) for step in range(len(self.definition.steps))]

    @property
    def is_converted(self) -> BoolArray:
        """Whether each entity's best attempt is complete."""
        is_converted: BoolArray = self.best_attempts.depths == len(self.definition.steps)
        return is_converted


class FunnelCountRequest(NamedTuple):
    """`tracked_funnel_id`: set when clients tracked steps; `dimension`: of the first step's event."""

    selection: Seen
    definition: FunnelDefinition
    tracked_funnel_id: str | None = None
    dimension: str | None = None


def compute_funnel(connection: Connection, request: FunnelCountRequest) -> FunnelResult:
    """One query; by visit one more when a session has a gap, and one for tracked steps; one more of raw events where
    the order of events at one instant decides."""
    selection, definition, tracked_id, dimension = request
    events, values = read_points(connection, selection, definition, dimension)
    tracked: list[TrackedRow] = []
    if tracked_id is not None:
        tracked = read_tracked(connection, selection, tracked_id, definition, dimension)
    names = sorted({*values, *(row.dim for row in tracked)})
    if dimension:
        codes = np.array([names.index(value) for value in values])
        events = replace(events, dimension_codes=codes[events.dimension_codes])
    entities = _entities(connection, request, events, tracked)
    is_strict, window_us = definition.ordering == "strict", definition.window_s * 1_000_000
    own_entities, rules = entities[: len(events)], (len(definition.steps), window_us, is_strict)
    attempts, tied_entities = find_attempts(events, own_entities, *rules)
    if len(tied_entities):
        ordered, of_ordered = _put_in_order(connection, request, events, own_entities, tied_entities, names)
        untied = attempts.take(~np.isin(attempts.entities, tied_entities))
        attempts = Attempts.concat([untied, find_ordered_attempts(ordered, of_ordered, *rules)]).sorted_by_start()
    if tracked:
        tracked_attempts = _tracked_attempts(definition, selection, tracked, entities[len(events) :], names)
        attempts = Attempts.concat([attempts, tracked_attempts]).sorted_by_start()
    return FunnelResult(definition, attempts, best_attempts(attempts), first_starts(attempts), names)


def _entities(
    connection: Connection, request: FunnelCountRequest, events: EventArrays, tracked: Sequence[TrackedRow]
) -> IntArray:
    """The entity of each event, then of each tracked row."""
    both = concat_events([events, _tracked_events(tracked)]) if tracked else events
    if request.definition.scope == "user":
        return both.users
    instants = instants_of_events(both)
    ordered = sort_instants(instants)
    if len(users := ordered.users_with_gaps()):
        ordered = sort_instants(concat_instants([instants, read_views(connection, request.selection, users)]))
    return ordered.number_visits()[: len(both)]


def _put_in_order(
    connection: Connection, request: FunnelCountRequest, events: EventArrays, entities: IntArray, tied: IntArray,
    names: Sequence[str],
) -> tuple[EventArrays, IntArray]:  # fmt: skip
    """The events of the tied entities with their `places`, and the entity of each. `names`: the dimension's values."""
    is_tied = np.isin(entities, tied)
    events, entities = events.take(is_tied), entities[is_tied]
    placed, values = read_simultaneous(connection, request.selection, request.definition, request.dimension, events)
    if request.dimension:
        codes = np.array([names.index(value) for value in values])
        placed = replace(placed, dimension_codes=codes[placed.dimension_codes])
    both = concat_events([events, placed])
    groups = _number_groups(both.users, both.sessions, both.times)
    own, of_placed = groups[: len(events)], groups[len(events) :]
    entity_of_group = np.full(len(groups), NEVER, np.int64)
    entity_of_group[own] = entities
    # A user's other visits are not tied.
    is_mine = entity_of_group[of_placed] != NEVER
    is_replaced = np.isin(own, of_placed)
    kept = concat_events([events.take(~is_replaced), placed.take(is_mine)])
    return kept, np.concatenate([entities[~is_replaced], entity_of_group[of_placed[is_mine]]])


def _number_groups(*columns: IntArray) -> IntArray:
    """A number for each index, equal where all columns are equal."""
    order = np.lexsort(columns)
    numbers = np.empty(len(order), np.int64)
    numbers[order] = np.cumsum(is_run_start(*(column[order] for column in columns))) - 1
    return numbers


def _tracked_events(tracked: Sequence[TrackedRow]) -> EventArrays:
    columns = [[row.user for row in tracked], [row.session for row in tracked], [row.ts_us for row in tracked]]
    users, sessions, times = (np.array(column, np.int64) for column in columns)
    count = len(tracked)
    masks, values = constant_array(0, count, np.int32), constant_array(np.nan, count, np.float64)
    zeros = constant_array(0, count)
    return EventArrays(users, sessions, times, masks, zeros, values, zeros)


def _tracked_attempts(
    definition: FunnelDefinition,
    selection: Seen,
    tracked: Sequence[TrackedRow],
    entities: IntArray,
    names: Sequence[str],
) -> Attempts:
    """`names`: the dimension's values, by code. Only the start is known and, of a complete attempt, the end."""
    steps = len(definition.steps)
    depths = np.array([tracked_depth(definition.steps, row.payload) for row in tracked], np.int64)
    ends = np.array([row.ts_us for row in tracked], np.int64)
    step_times = np.full((steps, len(tracked)), NEVER, np.int64)
    step_times[0] = [_start_us(row, selection) for row in tracked]
    step_times[-1] = np.where(depths == steps, ends, NEVER)
    values = [
        row.value if row.value is not None and depth == steps else np.nan
        for row, depth in zip(tracked, depths, strict=True)
    ]
    codes = np.array([names.index(row.dim) for row in tracked], np.int64)
    return Attempts(entities, depths, step_times, ends, codes, np.array(values, np.float64)).take(depths > 0)


def tracked_depth(steps: Sequence[Step], payload: Mapping[str, Any]) -> int:
    """How many steps a tracked event claims; `completed_steps` holds ids of steps, or their orders."""
    if payload.get("converted") is True:
        return len(steps)
    completed = payload.get("completed_steps")
    claimed = {str(step) for step in completed} if isinstance(completed, list) else set()
    return max((depth for depth, step in enumerate(steps, 1) if claimed & {step.id, str(step.order)}), default=0)


def _start_us(row: TrackedRow, selection: Seen) -> int:
    """`started_at` if it is an instant in the period and not after the event; otherwise the event's own time."""
    try:
        started_at = datetime.fromisoformat(str(row.payload.get("started_at")))
        started_at = started_at if started_at.tzinfo else started_at.replace(tzinfo=UTC)
    except ValueError:
        return row.ts_us
    start_us = int(started_at.timestamp()) * 1_000_000 + started_at.microsecond
    return start_us if selection.period.start <= started_at and start_us <= row.ts_us else row.ts_us
