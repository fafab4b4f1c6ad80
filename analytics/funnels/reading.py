"""A funnel's events as arrays: those that are a step, and what funnels need beside them. Only SELECTs.

Days that have postings (funnels/posted.py) are not looked for among raw events, where the steps say no more than a type
and a path. Each query of raw events is served by partition pruning on ts and, inside a partition that the period cuts,
by ix_events_ts (BRIN); in it every row is looked at, by parallel workers. They pack what they find into one string a
partition, which takes a tenth of the time of a million rows and lies in memory as numpy wants it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Float,
    Integer,
    LargeBinary,
    Select,
    Text,
    case,
    cast,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY

from analytics import clock
from analytics.funnels import posted
from analytics.funnels.attempts import EventArrays, IntArray, concat_events, constant_array
from analytics.funnels.definitions import FUNNEL_STEP_TYPE, FunnelDefinition
from analytics.funnels.posted import MOST_POINTS, Seen, compiled, too_many
from analytics.funnels.steps import list_event_types, step_mask, step_matches
from analytics.funnels.visits import SessionInstants, concat_instants, instants_of_events, instants_of_intervals
from analytics.period import Period
from analytics.reports.filtering.filtered import PLAN
from analytics.reports.filtering.filters import build_filter_clause, field_expression
from analytics.reports.filtering.payload_properties import parse_property, property_number
from analytics.rollups.deltas.claims import read_delta_days
from analytics.store import measures
from analytics.store.copy.binary_copy import as_text, read_binary, stream_binary
from analytics.store.event_types import PAGE_VIEW
from analytics.store.models import events, visits
from analytics.store.postings import Day, session_number

MOST_TRACKED = 200_000
# From 1970 to 2000, where PostgreSQL's timestamps begin.
EPOCH_US = 946_684_800_000_000
VISIT = np.dtype([(name, ">i8") for name in ("user", "session", "start", "end")])
ROW = [("user", ">i8"), ("time", ">i8"), ("mask", ">i4"), ("session", ">i8"), ("value", ">f8")]


class TrackedRow(NamedTuple):
    """An event that a client sent of its own count. `session` as in Points; `value`: of the funnel's value property."""

    user: int
    session: int
    ts_us: int
    payload: dict[str, Any]
    dim: str
    value: float | None


def read_points(
    connection: Connection, seen: Seen, definition: FunnelDefinition, dimension: str | None
) -> tuple[EventArrays, list[str]]:
    """The events that are a step, in strict order also others of the funnel's types; and what `dims` are numbers of.

    Raises Invalid when there are more than MOST_POINTS. One query of raw events, where postings do not tell of all, and
    three of postings.
    """
    steps = definition.steps
    known = posted.read(connection, seen, definition, dimension)
    rest = list(_without(seen.period, known.days))
    if not rest:
        return concat_events(known.parts), [""]
    value = case((step_matches(steps[-1], events.c), _number(definition))) if definition.value else None
    dim = case((step_matches(steps[0], events.c), _text(dimension)), else_="") if dimension else literal("")
    found = _counted(seen, rest) & build_filter_clause(seen.filter, events.c) & _of_types(definition)
    session = _session() if definition.scope == "visit" else None
    is_step = step_mask([step_matches(step, events.c) for step in steps])
    points, dims = _read(connection, found, dim, is_step, session, value, sum(map(len, known.parts)))
    return concat_events([*known.parts, points]), dims or [""]


def read_views(connection: Connection, seen: Seen, users: IntArray) -> SessionInstants:
    """What keeps these users' visits open, whatever the filter: their page views, as the visits that they make; those
    that no merge has counted yet, of the days on which any such event lies, as raw events. Two or three queries."""
    mine = func.any(cast(users.tolist(), ARRAY(BigInteger)))
    waiting = list(_waiting(connection, seen))
    views = [] if waiting == [seen.period] else [_read_visits(connection, seen, mine)]
    if waiting:
        found = _counted(seen, waiting) & (events.c.type == PAGE_VIEW) & (events.c.user_no == mine)
        views.append(instants_of_events(_read(connection, found, literal(""), literal(0), _session(), None, 0)[0]))
    return concat_instants(views)


def _waiting(connection: Connection, seen: Seen) -> Iterator[Period]:
    """Where in the period events lie whose delta waits; all of it while the site's calendar moves."""
    if seen.calendar.needs_move:
        yield seen.period
        return
    zone = clock.zone(seen.calendar.zone)
    for day in sorted(read_delta_days(connection, seen.site_id)):
        start, end = clock.day_bounds(day, zone)
        start, end = max(start, seen.period.start), min(end, seen.period.end)
        if start < end:
            yield replace(seen.period, start=start, end=end)


def _read_visits(connection: Connection, seen: Seen, mine: Any) -> SessionInstants:
    [(body,)] = read_binary(connection, *compiled(connection, visits_query(seen, mine)))
    rows = np.frombuffer(body or b"", VISIT)
    users, sessions, starts, ends = (rows[name].astype(np.int64) for name in VISIT.names or ())
    return instants_of_intervals(users, sessions, starts + EPOCH_US, ends + EPOCH_US)


# Served by pk_visits for a few users, by ix_visits_site_id_started_at in a short period; else all rows are read.
def visits_query(seen: Seen, mine: Any) -> Select[Any]:
    """The visits of the users `mine` as VISIT, all in one string. Cut where the period ends: a view lies within 30
    minutes of there, or the visit was over."""
    last = seen.period.end - timedelta(microseconds=1)
    columns: list[ColumnElement[Any]] = [
        func.int8send(visits.c.user_no),
        func.int8send(literal_column(session_number("visits"), BigInteger)),
        func.timestamptz_send(func.greatest(visits.c.started_at, seen.period.start)),
        func.timestamptz_send(func.least(visits.c.ended_at, last)),
    ]
    packed = reduce(lambda one, other: one.op("||")(other), columns)
    inside = (visits.c.ended_at >= seen.period.start) & (visits.c.started_at < seen.period.end)
    return select(func.string_agg(packed, cast(b"", LargeBinary))).where(
        visits.c.site_id == seen.site_id, visits.c.user_no == mine, inside, true() if seen.bots else ~visits.c.is_bot
    )


def read_tracked(
    connection: Connection, seen: Seen, funnel_id: str, definition: FunnelDefinition, dimension: str | None
) -> list[TrackedRow]:
    """What clients tracked of the funnel, in the order of time. Raises Invalid when it is too much. One query."""
    of_funnel = func.jsonb_extract_path_text(events.c.payload, "funnel_id", type_=Text) == funnel_id
    found = (
        _counted(seen, [seen.period])
        & build_filter_clause(seen.filter, events.c)
        & (events.c.type == FUNNEL_STEP_TYPE)
        & of_funnel
    )
    time_us = cast(func.extract("epoch", events.c.ts) * 1_000_000, BigInteger)
    dim = _text(dimension) if dimension else literal("")
    session = _session() if definition.scope == "visit" else literal(0)
    query = select(events.c.user_no, session, time_us, events.c.payload, dim, _number(definition)).where(found)
    rows = connection.execute(query.order_by(events.c.ts, events.c.event_id).limit(MOST_TRACKED + 1)).all()
    if len(rows) > MOST_TRACKED:
        raise too_many("tracked steps", MOST_TRACKED)
    return [TrackedRow(*row) for row in rows]


def _without(period: Period, days: Sequence[Day]) -> Iterator[Period]:
    """What is left of the period; the days are in order."""
    start = period.start
    for day in days:
        if start < day.start:
            yield replace(period, start=start, end=day.start)
        start = day.end
    if start < period.end:
        yield replace(period, start=start)


def _counted(seen: Seen, periods: Iterable[Period]) -> ColumnElement[bool]:
    return or_(*(measures.is_counted(seen.site_id, period, seen.bots) for period in periods))


def _of_types(definition: FunnelDefinition) -> ColumnElement[bool]:
    if definition.ordering != "strict":
        return or_(*(step_matches(step, events.c) for step in definition.steps))
    types = list_event_types(definition.steps)
    return true() if types is None else events.c.type.in_(types)


def _session() -> ColumnElement[int]:
    return literal_column(session_number("events"), BigInteger)


def _number(definition: FunnelDefinition) -> ColumnElement[float]:
    """The funnel's value property where it is a number; NULL without one."""
    number = property_number(events.c.payload, parse_property(definition.value)) if definition.value else null()
    return cast(number, Float(53))


def _text(dimension: str) -> ColumnElement[str]:
    return func.coalesce(field_expression(events.c, dimension), "")


def _read(
    connection: Connection,
    found: ColumnElement[bool],
    dim: ColumnElement[str],
    is_step: ColumnElement[int],
    session: ColumnElement[int] | None,
    value: ColumnElement[Any] | None,
    known: int,
) -> tuple[EventArrays, list[str]]:
    """Two rows in hand at a time: a partition's string is large, and the server makes the next one meanwhile."""
    pieces: dict[str, ColumnElement[Any]] = {
        "user": func.int8send(events.c.user_no),
        "time": func.timestamptz_send(events.c.ts),
        "mask": func.int4send(cast(is_step, Integer)),
    }
    if session is not None:
        pieces["session"] = func.int8send(session)
    if value is not None:
        pieces["value"] = func.float8send(func.coalesce(value, cast("NaN", Float(53))))
    kind = np.dtype([column for column in ROW if column[0] in pieces])
    packed = reduce(lambda one, other: one.op("||")(other), pieces.values())
    strings = func.string_agg(packed, cast(b"", LargeBinary))
    query = select(dim.label("dim"), strings).where(found).group_by(literal_column("events.tableoid"), "dim")
    return _points(_stream(connection, query, kind, known), kind)


def _stream(connection: Connection, query: Select[Any], kind: Any, known: int) -> list[tuple[str, Any]]:
    """The dimension's value and the events of each row. Raises Invalid when they are too many with the `known` ones."""
    parts: list[tuple[str, Any]] = []
    count = known

    def take(row: tuple[bytes | None, ...]) -> None:
        nonlocal count
        parts.append((as_text(row[0] or b""), np.frombuffer(row[1] or b"", kind)))
        count += len(parts[-1][1])
        if count > MOST_POINTS:
            raise too_many("events are steps", MOST_POINTS)

    connection.execute(PLAN)
    stream_binary(connection, *compiled(connection, query), take)
    return parts


def _points(parts: list[tuple[str, Any]], kind: Any) -> tuple[EventArrays, list[str]]:
    names = sorted({name for name, _ in parts})
    numbers = {name: place for place, name in enumerate(names)}
    lengths = [len(rows) for _, rows in parts]
    count = sum(lengths)

    def column(name: str, of: type[Any]) -> Any:
        return np.concatenate([rows[name] for _, rows in parts], dtype=of) if parts else np.zeros(0, of)

    dims = constant_array(0, count) if len(names) < 2 else np.repeat([numbers[name] for name, _ in parts], lengths)
    times = column("time", np.int64)
    times += EPOCH_US
    sessions = column("session", np.int64) if "session" in kind.names else constant_array(0, count)
    values = column("value", np.float64) if "value" in kind.names else constant_array(np.nan, count, np.float64)
    return EventArrays(column("user", np.int64), sessions, times, column("mask", np.int32), dims, values), names
