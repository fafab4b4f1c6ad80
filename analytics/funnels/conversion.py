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
    NEVER,
    Attempts,
    Ints,
    Points,
    attempt,
    best,
    constant,
    first_starts,
    join_points,
)
from analytics.funnels.definitions import Definition
from analytics.funnels.posted import Seen
from analytics.funnels.reading import TrackedRow, read_points, read_tracked, read_views
from analytics.funnels.steps import Step
from analytics.funnels.visits import join_marks, line_up, of_points


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
    if dimension:
        points = replace(points, dims=np.array([names.index(dim) for dim in dims])[points.dims])
    entities = _entities(connection, asked, points, tracked)
    window_us = definition.window_s * 1_000_000
    every = attempt(points, entities[: len(points)], len(definition.steps), window_us, definition.ordering == "strict")
    if tracked:
        whose = entities[len(points) :]
        every = Attempts.join([every, _tracked(definition, asked.seen, tracked, whose, names)]).in_order()
    return Counted(definition, every, best(every), first_starts(every), names)


def _entities(connection: Connection, asked: Asked, points: Points, tracked: Sequence[TrackedRow]) -> Ints:
    """Which entity each of the points belongs to, and then each of the tracked rows."""
    both = join_points([points, _as_points(tracked)]) if tracked else points
    if asked.definition.scope == "user":
        return both.users
    line = line_up(of_points(both))
    if len(users := line.silent_users()):
        line = line_up(join_marks([of_points(both), read_views(connection, asked.seen, users)]))
    return line.number_visits()[: len(both)]


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
