"""A funnel's events out of postings: of the days that have them, in place of a look at their raw events. Only SELECTs.

Exact or nothing: a day is told of when its postings hold all of its events (rollups/postings.py) and those of every
step can be told from the others; reading.py looks at the raw events of all other days, in the same snapshot.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import ColumnElement, Connection, Select, and_, case, or_, select, true

from analytics.errors import Invalid, Problem
from analytics.funnels.attempts import EventArrays, constant_array
from analytics.funnels.definitions import FunnelDefinition
from analytics.funnels.steps import Step, list_event_types, path_patterns, required_event_types, step_mask, step_matches
from analytics.period import Period
from analytics.reports.filtering.filters import Condition
from analytics.reports.filtering.path_patterns import exact_path
from analytics.rollups.calendar import Calendar
from analytics.rollups.cardinality import OTHER
from analytics.rollups.postings import trusted_days
from analytics.store.copy.binary_copy import as_bool, as_date, as_int, as_text, stream_binary
from analytics.store.models import postings
from analytics.store.postings import TIME_BITS, Day

# Eighty bytes each, by visit 110, for the second in which they are sorted and tried.
MOST_POINTS = 4_000_000


class Seen(NamedTuple):
    """Which events: the site's, in the period, that meet the filter; `bots`: programs' too."""

    site_id: int
    period: Period
    calendar: Calendar
    bots: bool
    filter: tuple[Condition, ...] = ()


class Told(NamedTuple):
    """The points of these days, all there are in the period, in parts."""

    parts: list[EventArrays]
    days: list[Day]


def read(connection: Connection, seen: Seen, definition: FunnelDefinition, dimension: str | None) -> Told:
    """Raises Invalid when there are more than MOST_POINTS. Three queries, O(points)."""
    # They know types, paths, people, sessions and instants, and nothing else.
    more = (seen.filter, definition.value, dimension, *("filter" in step.condition for step in definition.steps))
    days = [] if any(more) else trusted_days(connection, seen.site_id, seen.calendar)
    days = [day for day in days if day.start < seen.period.end and seen.period.start < day.end]
    reader = _Reader(seen.period, days)
    if days:
        query = _query(seen, definition, [day.day for day in days])
        stream_binary(connection, *compiled(connection, query), reader.take)
    told = [day for day in days if _is_told(definition.steps, [row for row, _ in reader.found[day.day]])]
    return Told([points for day in told for _, points in reader.found[day.day]], told)


# Served by pk_postings, whose first two columns are the site and the day.
def _query(seen: Seen, definition: FunnelDefinition, days: Sequence[date]) -> Select[Any]:
    """What _Row and _Reader.take read: of the rows that are a step, and in strict order of the funnel's types, the
    bodies; and without a body those that may hide a step."""
    row = postings.c
    steps = [_is_step(step) for step in definition.steps]
    types = list_event_types(definition.steps)
    of_types = true() if types is None else row.type.in_(types)
    is_wanted = of_types if definition.ordering == "strict" else or_(*steps)
    may_hide = (row.type == OTHER) | (row.path == OTHER) & of_types
    bodies = [case((is_wanted, row.body)), *([case((is_wanted, row.sessions))] if definition.scope == "visit" else [])]
    query = select(row.day, row.type, row.path, row.is_bot, step_mask(steps), *bodies)
    query = query.where(row.site_id == seen.site_id, row.day.in_(days), is_wanted | may_hide)
    return query if seen.bots else query.where(~row.is_bot)


def compiled(connection: Connection, query: Select[Any]) -> tuple[str, dict[str, Any]]:
    """The query as COPY takes it, and its parameters."""
    found = query.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
    return str(found), found.params


def _is_step(step: Step) -> ColumnElement[bool]:
    """Neither OTHER nor the '' of no path is a name that a step can mean."""
    row = postings.c
    named = row.path.not_in(("", OTHER)) if path_patterns(step) else true()
    return and_(step_matches(step, row), row.type != OTHER, named)


class _Row(NamedTuple):
    type: str
    path: str
    is_bot: bool
    mask: int


class _Reader:
    """Takes rows of `_query` as they come. `found`: a day's rows, with their points in the period."""

    def __init__(self, period: Period, days: Iterable[Day]) -> None:
        self._start, self._end = _us(period.start), _us(period.end)
        self._days = {day.day: (_us(day.start), _us(day.end)) for day in days}
        self._count = 0
        self.found: dict[date, list[tuple[_Row, EventArrays]]] = {day: [] for day in self._days}

    def take(self, columns: tuple[bytes | None, ...]) -> None:
        day, kind, path, is_bot, bits, body, *sessions = (column or b"" for column in columns)
        row = _Row(as_text(kind), as_text(path), as_bool(is_bot), as_int(bits))
        start, end = self._days[as_date(day)]
        points = _unpack(row.mask, start, body, *sessions)
        if start < self._start or self._end < end:
            points = points.take((points.times >= self._start) & (points.times < self._end))
        self._count += len(points)
        if self._count > MOST_POINTS:
            raise too_many("events are steps", MOST_POINTS)
        self.found[as_date(day)].append((row, points))


def _unpack(mask: int, start: int, body: bytes, sessions: bytes | None = None) -> EventArrays:
    packed = np.frombuffer(body, ">i8").astype(np.int64)
    count = len(packed)
    numbers = constant_array(0, count) if sessions is None else np.frombuffer(sessions, ">i8").astype(np.int64)
    times = (packed & ((1 << TIME_BITS) - 1)) + start
    masks, values = constant_array(mask, count, np.int32), constant_array(np.nan, count, np.float64)
    zeros = constant_array(0, count)
    return EventArrays(packed >> TIME_BITS, numbers, times, masks, zeros, values, zeros)


def _is_told(steps: Sequence[Step], rows: Sequence[_Row]) -> bool:
    """Whether no row of the day may hide events of a step: one of what the day's rollups do not list by name."""
    hiding = [row for row in rows if OTHER in (row.type, row.path)]
    return not any(_hides(row, place, step, rows) for row in hiding for place, step in enumerate(steps))


def _hides(hiding: _Row, place: int, step: Step, rows: Sequence[_Row]) -> bool:
    kinds, patterns = required_event_types(step), path_patterns(step)
    if hiding.type == OTHER:
        # A type that has rows of its own has all of its events there.
        return not kinds or not {row.type for row in rows if row.type != OTHER}.issuperset(kinds)
    if not patterns or (kinds and hiding.type not in kinds):
        return False
    # So has a path.
    listed = (row.type == hiding.type and row.is_bot == hiding.is_bot and row.mask >> place & 1 for row in rows)
    return any(exact_path(pattern) is None for pattern in patterns) or not any(listed)


def _us(instant: datetime) -> int:
    """Microseconds since 1970."""
    return int(instant.timestamp()) * 1_000_000 + instant.microsecond


def too_many(what: str, most: int) -> Invalid:
    detail = f"more than {most:,} {what} in this period; ask for fewer days, or give the steps a filter"
    return Invalid(detail, [Problem(None, "steps", "too_many", detail)])
