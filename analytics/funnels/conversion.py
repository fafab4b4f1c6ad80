"""A funnel counted over a period: who came how far, by the rules of attempts.py.

Steps are looked for among the events in `[from, to)`: an attempt that the period cuts is counted as far as it is
inside, and one that began earlier is not. By user, an entity is a person; by visit, a run of one person's events in one
session (those without a session form runs by themselves) in which no 30 minutes pass without a page view or one of the
events that the funnel looks at: its steps, in strict order all of its types, and what was tracked.

What a client tracks (`funnel_step`) counts too: it is one more attempt of the entity, as deep as the last of the steps
it calls completed, whole when it says `converted`. So an entity's depth is the greater of the two, and where they are
equal the attempt that began first is taken, the computed one of two that began together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection

from analytics.funnels.attempts import (
    GAP_US,
    NEVER,
    Attempts,
    Ints,
    Points,
    attempt,
    begins_visit,
    best,
    constant,
    first_starts,
    is_first,
    join_attempts,
    join_points,
    number,
    sort_points,
)
from analytics.funnels.definitions import Definition
from analytics.funnels.reading import Seen, TrackedRow, read_points, read_tracked, read_views
from analytics.funnels.steps import Step


@dataclass(frozen=True, slots=True)
class Counted:
    """`every`: all attempts; `best`: each entity's, and `firsts`: when each began its first. `dims`: names of dims."""

    definition: Definition
    every: Attempts
    best: Attempts
    firsts: Ints
    dims: list[str]

    @property
    def reached(self) -> list[int]:
        """How many entities came to each step."""
        return [int((self.best.depths > step).sum()) for step in range(len(self.definition.steps))]


class Asked(NamedTuple):
    """`tracked`: the funnel's id, where clients have tracked anything; `dimension`: of the first step's event."""

    seen: Seen
    definition: Definition
    tracked: str | None = None
    dimension: str | None = None


def count(connection: Connection, asked: Asked) -> Counted:
    """One query; one more by visit where an entity was silent for long, and one more for what was tracked."""
    definition, dimension = asked.definition, asked.dimension
    points, dims = read_points(connection, asked.seen, definition, dimension)
    tracked: list[TrackedRow] = []
    if asked.tracked is not None:
        tracked = read_tracked(connection, asked.seen, asked.tracked, definition.scope, dimension)
    names = sorted({*dims, *(row.dim for row in tracked)})
    numbers = (
        np.searchsorted(np.array(names, np.object_), np.array(dims, np.object_)) if dims else np.zeros(0, np.int64)
    )
    points = replace(points, dims=numbers[points.dims])
    points, entities, whose = _entities(connection, asked, points, tracked)
    window_us = definition.window_s * 1_000_000
    every = attempt(points, entities, len(definition.steps), window_us, definition.ordering == "strict")
    total = int(max(entities.max(initial=-1), whose.max(initial=-1))) + 1
    if tracked:
        every = join_attempts(every, _tracked(definition, asked.seen, tracked, whose, names))
    return Counted(definition, every, best(every, total), first_starts(every, total), names)


def _entities(
    connection: Connection, asked: Asked, points: Points, tracked: Sequence[TrackedRow]
) -> tuple[Points, Ints, Ints]:
    """The points sorted, which entity each belongs to, and to which each of the tracked rows."""
    own = len(points)
    sorted_points, order = sort_points(join_points([points, _as_points(tracked)]))
    if asked.definition.scope == "user":
        entities = number(is_first(sorted_points.users))
    else:
        if len(users := _silent(sorted_points)):
            views = read_views(connection, asked.seen, users)
            sorted_points, order = sort_points(join_points([points, _as_points(tracked), views]))
        entities = number(begins_visit(sorted_points))
    if len(sorted_points) == own:
        return sorted_points, entities, np.zeros(0, np.int64)
    is_own = order < own
    is_tracked = ~is_own & (order < own + len(tracked))
    whose = np.zeros(len(tracked), np.int64)
    whose[order[is_tracked] - own] = entities[is_tracked]
    return sorted_points.take(is_own), entities[is_own], whose


def _silent(points: Points) -> Ints:
    """The users of whom a session went on after more than 30 minutes: perhaps they saw other pages meanwhile."""
    is_same = ~is_first(points.users, points.sessions)
    is_late = np.zeros(len(points), np.bool_)
    is_late[1:] = np.diff(points.times) > GAP_US
    return np.unique(points.users[is_same & is_late])


def _as_points(tracked: Sequence[TrackedRow]) -> Points:
    columns = [[row.user for row in tracked], [row.session for row in tracked], [row.ts_us for row in tracked]]
    users, sessions, times = (np.array(column, np.int64) for column in columns)
    count = len(tracked)
    return Points(
        users, sessions, times, constant(0, count, np.int32), constant(0, count), constant(np.nan, count, np.float64)
    )


def _tracked(
    definition: Definition, seen: Seen, tracked: Sequence[TrackedRow], whose: Ints, names: Sequence[str]
) -> Attempts:
    steps, value = len(definition.steps), definition.value
    depths = np.array([tracked_depth(definition.steps, row.payload) for row in tracked], np.int64)
    ends = np.array([row.ts_us for row in tracked], np.int64)
    starts = np.array([_started(row, seen) for row in tracked], np.int64)
    times = np.full((steps, len(tracked)), NEVER, np.int64)
    times[0] = starts
    times[-1] = np.where(depths == steps, ends, NEVER)
    values = [
        _value(row.payload, value) if depth == steps else np.nan for row, depth in zip(tracked, depths, strict=True)
    ]
    dims = np.array([names.index(row.dim) for row in tracked], np.int64)
    return Attempts(whose, depths, times, ends, dims, np.array(values, np.float64)).take(depths > 0)


def tracked_depth(steps: Sequence[Step], payload: Mapping[str, Any]) -> int:
    """How far an event says that its visitor came; `completed_steps` holds ids of steps, or their orders."""
    if payload.get("converted") is True:
        return len(steps)
    completed = payload.get("completed_steps")
    done = {str(one) for one in completed} if isinstance(completed, list) else set()
    return max((place for place, step in enumerate(steps, 1) if done & {step.id, str(step.order)}), default=0)


def _started(row: TrackedRow, seen: Seen) -> int:
    """`started_at` where it is an instant in the period and before the event; else the event's own."""
    try:
        started = datetime.fromisoformat(str(row.payload.get("started_at")))
        started = started if started.tzinfo else started.replace(tzinfo=UTC)
    except ValueError:
        return row.ts_us
    started_us = int(started.timestamp()) * 1_000_000 + started.microsecond
    return started_us if seen.period.start <= started and started_us <= row.ts_us else row.ts_us


def _value(payload: Mapping[str, Any], names: str | None) -> float:
    found: Any = payload
    for name in names.split(".") if names else ():
        found = found.get(name) if isinstance(found, dict) else None
    is_number = isinstance(found, (int, float)) and not isinstance(found, bool)
    return float(found) if names and is_number else float("nan")
