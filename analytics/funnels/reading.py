"""A funnel's events as arrays: those that are a step, and what funnels need beside them. Only SELECTs.

Days that have postings (funnels/posted.py) are not looked for among raw events, where the steps say no more than a type
and a path. Each query of raw events is served by partition pruning on ts and, inside a partition that the period cuts,
by ix_events_ts (BRIN); in it every row is looked at, by parallel workers. They pack what they find into one string a
partition, which takes a tenth of the time of a million rows and lies in memory as numpy wants it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
from analytics.rollups.visits.sums import from_microseconds
from analytics.store import event_queries
from analytics.store.copy.binary_copy import as_text, read_binary, stream_binary
from analytics.store.event_queries import event_order
from analytics.store.event_types import PAGE_VIEW
from analytics.store.models import events, visits
from analytics.store.postings import Day, session_number

MOST_TRACKED = 200_000
# From 1970 to 2000, where PostgreSQL's timestamps begin.
EPOCH_US = 946_684_800_000_000
VISIT = np.dtype([(name, ">i8") for name in ("user", "session", "start", "end")])
ROW = [("user", ">i8"), ("time", ">i8"), ("mask", ">i4"), ("session", ">i8"), ("value", ">f8"), ("place", ">i8")]
# Up to so many values a list is a condition of a query.
MOST_LISTED_USERS, MOST_LISTED_INSTANTS = 50_000, 200


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
    known = posted.read(connection, seen, definition, dimension)
    rest = list(_without(seen.period, known.days))
    if not rest:
        return concat_events(known.parts), [""]
    found = _counted(seen, rest) & build_filter_clause(seen.filter, events.c) & _of_types(definition)
    columns = _columns(definition)
    points, dims = _read(connection, found, _dim(definition, dimension), columns, sum(map(len, known.parts)))
    return concat_events([*known.parts, points]), dims or [""]


def read_simultaneous(
    connection: Connection, seen: Seen, definition: FunnelDefinition, dimension: str | None, tied: EventArrays
) -> tuple[EventArrays, list[str]]:
    """Events of users and instants of `tied` that have several, as `read_points` reads them, with their `places`; maybe
    others of these users. One query of raw events, of few block ranges where the instants are few."""
    users, times = _repeated(tied.users, tied.times)
    instants = [from_microseconds(int(at)) for at in times]
    found = _counted(seen, [seen.period]) & build_filter_clause(seen.filter, events.c) & _of_types(definition)
    found &= events.c.ts.between(instants[0], instants[-1])
    if len(times) <= MOST_LISTED_INSTANTS:
        found &= events.c.ts == func.any(cast(instants, ARRAY(events.c.ts.type)))
    if len(users) <= MOST_LISTED_USERS:
        found &= events.c.user_no == func.any(cast(users.tolist(), ARRAY(BigInteger)))
    at_once = (events.c.user_no, events.c.ts)
    place = func.row_number().over(partition_by=at_once, order_by=event_order(events.c)[1:])
    columns = {**_columns(definition), "place": place}
    inner = select(
        _dim(definition, dimension).label("dim"),
        *(column.label(name) for name, column in columns.items()),
        func.count().over(partition_by=at_once).label("events"),
    )
    rows = inner.where(found).subquery()
    kind, packed = _pack({name: rows.c[name] for name in columns})
    query = select(rows.c.dim, packed).where(rows.c.events > 1).group_by(rows.c.dim)
    points, dims = _points(_stream(connection, query, kind, 0), kind)
    return points, dims or [""]


def _repeated(users: IntArray, times: IntArray) -> tuple[IntArray, IntArray]:
    """The users that have an instant several times, and these instants; both sorted."""
    order = np.lexsort((times, users))
    users, times = users[order], times[order]
    is_repeated = (users[1:] == users[:-1]) & (times[1:] == times[:-1])
    return np.unique(users[1:][is_repeated]), np.unique(times[1:][is_repeated])


def read_views(connection: Connection, seen: Seen, users: IntArray) -> SessionInstants:
    """What keeps these users' visits open, whatever the filter: their page views, as the visits that they make; those
    that no merge has counted yet, of the days on which any such event lies, as raw events. Two or three queries."""
    mine = func.any(cast(users.tolist(), ARRAY(BigInteger)))
    waiting = list(_waiting(connection, seen))
    views = [] if waiting == [seen.period] else [_read_visits(connection, seen, mine)]
    if waiting:
        found = _counted(seen, waiting) & (events.c.type == PAGE_VIEW) & (events.c.user_no == mine)
        columns = {"user": events.c.user_no, "time": events.c.ts, "mask": literal(0), "session": _session()}
        views.append(instants_of_events(_read(connection, found, literal(""), columns, 0)[0]))
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
    rows = connection.execute(query.order_by(*event_order(events.c)).limit(MOST_TRACKED + 1)).all()
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
    return or_(*(event_queries.is_counted(seen.site_id, period, seen.bots) for period in periods))


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


def _columns(definition: FunnelDefinition) -> dict[str, ColumnElement[Any]]:
    """What is read of each event: some of ROW, in that order."""
    is_step = step_mask([step_matches(step, events.c) for step in definition.steps])
    columns: dict[str, ColumnElement[Any]] = {"user": events.c.user_no, "time": events.c.ts, "mask": is_step}
    if definition.scope == "visit":
        columns["session"] = _session()
    if definition.value:
        columns["value"] = case((step_matches(definition.steps[-1], events.c), _number(definition)))
    return columns


def _dim(definition: FunnelDefinition, dimension: str | None) -> ColumnElement[str]:
    """The value of the dimension, of events that match the first step."""
    if dimension is None:
        return literal("")
    return case((step_matches(definition.steps[0], events.c), _text(dimension)), else_="")


def _read(
    connection: Connection,
    found: ColumnElement[bool],
    dim: ColumnElement[str],
    columns: Mapping[str, ColumnElement[Any]],
    known: int,
) -> tuple[EventArrays, list[str]]:
    """Two rows in hand at a time: a partition's string is large, and the server makes the next one meanwhile."""
    kind, packed = _pack(columns)
    query: Select[Any] = (
        select(dim.label("dim"), packed).where(found).group_by(literal_column("events.tableoid"), "dim")
    )
    return _points(_stream(connection, query, kind, known), kind)


def _pack(columns: Mapping[str, ColumnElement[Any]]) -> tuple[Any, ColumnElement[Any]]:
    """The rows' format, and all rows in it as one string."""
    send: dict[str, Callable[[Any], ColumnElement[Any]]] = {
        "time": func.timestamptz_send,
        "mask": lambda mask: func.int4send(cast(mask, Integer)),
        "value": lambda value: func.float8send(func.coalesce(value, cast("NaN", Float(53)))),
    }
    pieces = [send.get(name, func.int8send)(column) for name, column in columns.items()]
    packed = reduce(lambda one, other: one.op("||")(other), pieces)
    kind = np.dtype([column for column in ROW if column[0] in columns])
    return kind, func.string_agg(packed, cast(b"", LargeBinary))


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
    places = column("place", np.int64) if "place" in kind.names else constant_array(0, count)
    users, masks = column("user", np.int64), column("mask", np.int32)
    return EventArrays(users, sessions, times, masks, dims, values, places), names
