"""A funnel's events out of `events`, as arrays: those that are a step, and what funnels need beside them. Only SELECTs.

Each query is served by partition pruning on ts and, inside a partition that the period cuts, by ix_events_ts (BRIN); in
it every row is looked at, by parallel workers. They pack what they find into one string a partition, which takes a
tenth of the time of a million rows and lies in memory as numpy wants it.
"""

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
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY

from analytics.errors import Invalid, Problem
from analytics.funnels.attempts import Ints, Points, constant
from analytics.funnels.definitions import TRACKED, Definition
from analytics.funnels.steps import mask, matches, types_of
from analytics.period import Period
from analytics.reports.filtered import PLAN
from analytics.reports.filters import Condition, conditions, field_text
from analytics.rollups.packed import VIEW
from analytics.rollups.users import as_text, stream_binary
from analytics.store import measures
from analytics.store.models import events

# A hundred and twenty bytes each, for the second in which they are sorted and tried.
MOST_POINTS = 4_000_000
MOST_TRACKED = 200_000
# From 1970 to 2000, where PostgreSQL's timestamps begin.
EPOCH_US = 946_684_800_000_000
ROW = [("user", ">i8"), ("time", ">i8"), ("mask", ">i4"), ("session", ">i8"), ("value", ">f8")]


class Seen(NamedTuple):
    """Which events: the site's, in the period, that meet the filter; `bots`: programs' too."""

    site_id: int
    period: Period
    bots: bool
    filter: tuple[Condition, ...] = ()


class TrackedRow(NamedTuple):
    """An event that a client sent of its own count. `session` as in Points."""

    user: int
    session: int
    ts_us: int
    payload: dict[str, Any]
    dim: str


def read_points(
    connection: Connection, seen: Seen, definition: Definition, dimension: str | None
) -> tuple[Points, list[str]]:
    """The events that are a step, in strict order also others of the funnel's types; and what `dims` are numbers of.

    Raises Invalid when there are more than MOST_POINTS. One query.
    """
    steps = definition.steps
    value = case((matches(steps[-1], events.c), _number(definition.value))) if definition.value else None
    dim = case((matches(steps[0], events.c), _text(dimension)), else_="") if dimension else literal("")
    found = _counted(seen) & conditions(seen.filter, events.c) & _of_types(definition)
    session = _session() if definition.scope == "visit" else None
    return _read(connection, found, dim, mask(steps, events.c), session, value)


def read_views(connection: Connection, seen: Seen, users: Ints) -> Points:
    """All page views of these users, whatever the filter: what keeps a visit open. One query."""
    found = _counted(seen) & (events.c.type == VIEW)
    found &= events.c.user_no == func.any(cast(users.tolist(), ARRAY(BigInteger)))
    return _read(connection, found, literal(""), literal(0), _session(), None)[0]


def read_tracked(
    connection: Connection, seen: Seen, funnel_id: str, scope: str, dimension: str | None
) -> list[TrackedRow]:
    """What clients tracked of the funnel, in the order of time. Raises Invalid when it is too much. One query."""
    of_funnel = func.jsonb_extract_path_text(events.c.payload, "funnel_id", type_=Text) == funnel_id
    found = _counted(seen) & conditions(seen.filter, events.c) & (events.c.type == TRACKED) & of_funnel
    time_us = cast(func.extract("epoch", events.c.ts) * 1_000_000, BigInteger)
    dim = _text(dimension) if dimension else literal("")
    session = _session() if scope == "visit" else literal(0)
    query = select(events.c.user_no, session, time_us, events.c.payload, dim).where(found)
    rows = connection.execute(query.order_by(events.c.ts, events.c.event_id).limit(MOST_TRACKED + 1)).all()
    if len(rows) > MOST_TRACKED:
        raise _too_many("tracked steps", MOST_TRACKED)
    return [TrackedRow(*row) for row in rows]


def _counted(seen: Seen) -> ColumnElement[bool]:
    return measures.is_counted(seen.site_id, seen.period, seen.bots)


def _of_types(definition: Definition) -> ColumnElement[bool]:
    if definition.ordering != "strict":
        return or_(*(matches(step, events.c) for step in definition.steps))
    types = types_of(definition.steps)
    return true() if types is None else events.c.type.in_(types)


def _session() -> ColumnElement[int]:
    """A number that differs where the session does, and between a person and a program that use the same one."""
    session = func.coalesce(events.c.session_id, "")
    return func.hashtextextended(session, case((events.c.is_bot, 2), else_=1), type_=BigInteger)


def _number(names: str) -> ColumnElement[float]:
    """The property of the payload where it is a number."""
    path = names.split(".")
    is_number = func.jsonb_typeof(func.jsonb_extract_path(events.c.payload, *path)) == "number"
    return case((is_number, cast(func.jsonb_extract_path_text(events.c.payload, *path, type_=Text), Float(53))))


def _text(dimension: str) -> ColumnElement[str]:
    return func.coalesce(field_text(events.c, dimension), "")


def _read(
    connection: Connection,
    found: ColumnElement[bool],
    dim: ColumnElement[str],
    is_step: ColumnElement[int],
    session: ColumnElement[int] | None,
    value: ColumnElement[Any] | None,
) -> tuple[Points, list[str]]:
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
    return _points(_stream(connection, query, kind), kind)


def _stream(connection: Connection, query: Select[Any], kind: Any) -> list[tuple[str, Any]]:
    """The dimension's value and the events of each row. Raises Invalid."""
    parts: list[tuple[str, Any]] = []
    count = 0

    def take(row: tuple[bytes | None, ...]) -> None:
        nonlocal count
        parts.append((as_text(row[0] or b""), np.frombuffer(row[1] or b"", kind)))
        count += len(parts[-1][1])
        if count > MOST_POINTS:
            raise _too_many("events are steps", MOST_POINTS)

    connection.execute(PLAN)
    compiled = query.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
    stream_binary(connection, str(compiled), compiled.params, take)
    return parts


def _points(parts: list[tuple[str, Any]], kind: Any) -> tuple[Points, list[str]]:
    names = sorted({name for name, _ in parts})
    numbers = {name: place for place, name in enumerate(names)}
    lengths = [len(rows) for _, rows in parts]
    count = sum(lengths)

    def column(name: str, of: type[Any]) -> Any:
        return np.concatenate([rows[name] for _, rows in parts], dtype=of) if parts else np.zeros(0, of)

    dims = constant(0, count) if len(names) < 2 else np.repeat([numbers[name] for name, _ in parts], lengths)
    times = column("time", np.int64)
    times += EPOCH_US
    sessions = column("session", np.int64) if "session" in kind.names else constant(0, count)
    values = column("value", np.float64) if "value" in kind.names else constant(np.nan, count, np.float64)
    return Points(column("user", np.int64), sessions, times, column("mask", np.int32), dims, values), names


def _too_many(what: str, most: int) -> Invalid:
    detail = f"more than {most:,} {what} in this period; ask for fewer days, or give the steps a filter"
    return Invalid(detail, [Problem(None, "steps", "too_many", detail)])
