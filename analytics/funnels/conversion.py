"""Counts a funnel over a period: its events by entity, and the rules of attempts.py applied to them. request.py calls
it.

Only events in `[from, to)` count: an attempt that the end of the period cuts counts as far as it got, one that started
earlier does not count. By user, an entity is a user. By visit, an entity is a run of one user's events in one session
(events without a session form one of their own) without a gap of more than 30 minutes between page views and the
funnel's events: its steps, in strict order all events of its types, and tracked steps.

A step that a client tracks (`funnel_step`) is one more attempt of the entity: as deep as the last of its
`completed_steps`, complete when it says `converted`. The deeper attempt wins; of equal ones the earlier start, and of
equal starts the computed one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

import numpy as np

from analytics.funnels.attempts import (
    NEVER,
    Attempts,
    BoolArray,
    EventArrays,
    IntArray,
    best_attempts,
    find_attempts,
    first_starts,
)
from analytics.funnels.definitions import FunnelDefinition
from analytics.funnels.reading import FunnelReader, TrackedRow
from analytics.funnels.steps import Step
from analytics.funnels.visits import NO_INSTANTS, SessionInstants, SortedInstants, instants_of_events, sort_instants

# What is computed of points takes three times the memory of points.
POINTS_AT_A_TIME = 250_000
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class FunnelResult:
    """`attempts`: all of them, without their ends; `best_attempts`, `users` and `first_start_times`: one of each
    entity, in the same order. `dimension_values`: by code."""

    definition: FunnelDefinition
    attempts: Attempts
    best_attempts: Attempts
    users: IntArray
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


class FunnelEvents(NamedTuple):
    """What a funnel is counted from. `views`: what keeps visits open; `dimension_values`: by the points' codes;
    `first_visit`: the number from which visits are numbered."""

    points: EventArrays
    tracked: list[TrackedRow]
    views: SessionInstants
    dimension_values: list[str]
    first_visit: int = 0

    def split(self) -> "Iterator[FunnelEvents]":
        """Parts of about POINTS_AT_A_TIME, each with all events of its users."""
        users = self.points.users
        edges = np.unique([0, *users[POINTS_AT_A_TIME::POINTS_AT_A_TIME], np.iinfo(np.int64).max])
        first_visit = self.first_visit
        for first, after in pairwise(edges):
            points = self.points.take(slice(*np.searchsorted(users, (first, after))))
            tracked = [row for row in self.tracked if first <= row.user < after]
            views = self.views.of_users(first, after)
            yield FunnelEvents(points, tracked, views, self.dimension_values, first_visit)
            # There are no more visits than instants.
            first_visit += len(points) + len(tracked) + len(views.users)

    def sort_instants(self) -> SortedInstants:
        """Of the points, then the tracked rows, then the views."""
        rows = np.array([row[:3] for row in self.tracked], np.int64).reshape(-1, 3)
        tracked = SessionInstants(*rows.T)
        return sort_instants(instants_of_events(self.points).concat(tracked).concat(self.views))


def read_events(reader: FunnelReader, scope: str, tracked_funnel_id: str | None = None) -> FunnelEvents:
    """Two queries at most; by visit one more when a session has a gap, and one for tracked steps. `tracked_funnel_id`:
    of a funnel whose steps clients may have tracked."""
    points = reader.read_points()
    tracked = reader.read_tracked(tracked_funnel_id) if tracked_funnel_id else []
    found = FunnelEvents(points, tracked, NO_INSTANTS, reader.dimension_values)
    if scope == "user":
        return found
    users = np.concatenate(_map_parts(found, lambda part: part.sort_instants().users_with_gaps()))
    return found._replace(views=reader.read_views(users)) if len(users) else found


def count_attempts(definition: FunnelDefinition, period_start: datetime, found: FunnelEvents) -> FunnelResult:
    """The attempts of all entities."""
    names = sorted({*found.dimension_values, *(row.dim for row in found.tracked)})
    numbers = {name: number for number, name in enumerate(names)}
    if found.dimension_values:
        codes = np.array([numbers[value] for value in found.dimension_values])
        points = replace(found.points, dimension_codes=codes[found.points.dimension_codes])
        found = found._replace(points=points)

    def count(part: FunnelEvents) -> tuple[Attempts, Attempts, IntArray]:
        entities = _number_visits(part) if definition.scope == "visit" else _number_users(part)
        attempts = _find_attempts(definition, period_start, part, entities, numbers)
        best = best_attempts(attempts)
        return attempts.without_ends(), best, entities.find_users(best.entities)

    every, best, users = zip(*_map_parts(found, count), strict=True)
    attempts = Attempts.concat(every)
    return FunnelResult(
        definition, attempts, Attempts.concat(best), np.concatenate(users), first_starts(attempts), names
    )


def _map_parts(found: FunnelEvents, function: Callable[[FunnelEvents], Result]) -> list[Result]:
    """The function of each part, of two at a time: numpy leaves the interpreter to other threads."""
    with ThreadPoolExecutor(2) as threads:
        return list(threads.map(function, found.split()))


class _Entities(NamedTuple):
    """The points of a part in the order of their entities, and the entity of each and of each tracked row.
    `visit_users`: of the entities from `first` on; None: an entity is a user."""

    points: EventArrays
    of_points: IntArray
    of_tracked: IntArray
    visit_users: IntArray | None = None
    first: int = 0

    def find_users(self, entities: IntArray) -> IntArray:
        """The user of each."""
        return entities if self.visit_users is None else self.visit_users[entities - self.first]


def _number_users(part: FunnelEvents) -> _Entities:
    return _Entities(part.points, part.points.users, np.array([row.user for row in part.tracked], np.int64))


def _number_visits(part: FunnelEvents) -> _Entities:
    ordered, count, first = part.sort_instants(), len(part.points), part.first_visit
    of_instants = ordered.number_visits() + first
    own = ordered.order[ordered.order < count]
    of_tracked = of_instants[count : count + len(part.tracked)]
    return _Entities(part.points.take(own), of_instants[own], of_tracked, ordered.visit_users(), first)


def _find_attempts(
    definition: FunnelDefinition,
    period_start: datetime,
    part: FunnelEvents,
    entities: _Entities,
    numbers: Mapping[str, int],
) -> Attempts:
    """Of the entities of the part. `numbers`: the codes of the dimension's values."""
    window_us, is_strict = definition.window_s * 1_000_000, definition.ordering == "strict"
    attempts = find_attempts(entities.points, entities.of_points, len(definition.steps), window_us, is_strict)
    if not part.tracked:
        return attempts
    tracked = _tracked_attempts(definition, period_start, part.tracked, entities.of_tracked, numbers)
    return Attempts.concat([attempts, tracked]).sorted_by_start()


def _tracked_attempts(
    definition: FunnelDefinition,
    period_start: datetime,
    tracked: Sequence[TrackedRow],
    entities: IntArray,
    numbers: Mapping[str, int],
) -> Attempts:
    """`numbers`: the codes of the dimension's values. Only the start is known and, of a complete attempt, the end."""
    steps = len(definition.steps)
    depths = np.array([tracked_depth(definition.steps, row.payload) for row in tracked], np.int64)
    ends = np.array([row.ts_us for row in tracked], np.int64)
    step_times = np.full((steps, len(tracked)), NEVER, np.int64)
    step_times[0] = [_start_us(row, period_start) for row in tracked]
    step_times[-1] = np.where(depths == steps, ends, NEVER)
    values = [
        row.value if row.value is not None and depth == steps else np.nan
        for row, depth in zip(tracked, depths, strict=True)
    ]
    codes = np.array([numbers[row.dim] for row in tracked], np.int64)
    attempts = Attempts(entities, depths, step_times, ends, codes, np.array(values, np.float64))
    return attempts.take(np.flatnonzero(depths > 0))


def tracked_depth(steps: Sequence[Step], payload: Mapping[str, Any]) -> int:
    """How many steps a tracked event claims; `completed_steps` holds ids of steps, or their orders."""
    if payload.get("converted") is True:
        return len(steps)
    completed = payload.get("completed_steps")
    claimed = {str(step) for step in completed} if isinstance(completed, list) else set()
    return max((depth for depth, step in enumerate(steps, 1) if claimed & {step.id, str(step.order)}), default=0)


def _start_us(row: TrackedRow, period_start: datetime) -> int:
    """`started_at` if it is an instant in the period and not after the event; otherwise the event's own time."""
    try:
        started_at = datetime.fromisoformat(str(row.payload.get("started_at")))
        started_at = started_at if started_at.tzinfo else started_at.replace(tzinfo=UTC)
    except ValueError:
        return row.ts_us
    start_us = int(started_at.timestamp()) * 1_000_000 + started_at.microsecond
    return start_us if period_start <= started_at and start_us <= row.ts_us else row.ts_us
