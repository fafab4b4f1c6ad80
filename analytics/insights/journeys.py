"""Journeys: which ways people go from a page or an event on, or come to it, within a visit. Exact, from raw events.

A step is a page view, by its path, or an event of a type that the question names, by its type. Steps of one person,
session and kind of client are a visit as long as no two neighbours are more than 30 minutes apart: with page views
alone, what rollups/visits.py calls a visit; a named event keeps it going too. A step that says the same as the one
before it (a page that is loaded again) is left out. Steps at the same microsecond follow each other as their event ids.

A visit that has the anchor counts once, by the first time that it is there: the path is the anchor and the steps after
it (`from_…`) or before it (`to_…`), `steps` in all, or fewer where the visit ends or begins. Only events of the period
that meet the filter are steps, so a visit is cut where the period cuts it.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Connection,
    Subquery,
    Text,
    case,
    cast,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by

from analytics.errors import BadInput, Problem
from analytics.insights.asking import Asked
from analytics.reports.canonical import DIGITS
from analytics.rollups.packed import VIEW
from analytics.rollups.visits import GAP_US
from analytics.store.models import events

# What a step is told by, in front of its path or type.
PAGE, EVENT = "p", "e"
ANCHORS = ("from_page", "to_page", "from_event", "to_event")


class Anchor(NamedTuple):
    """Where journeys begin, or end."""

    kind: str
    name: str
    is_end: bool

    @property
    def step(self) -> str:
        return self.kind + self.name

    @property
    def types(self) -> tuple[str, ...]:
        return (VIEW,) if self.kind == PAGE else (VIEW, self.name)


class Journey(NamedTuple):
    """A path, in the order of time, and who went it."""

    steps: Sequence[str]
    visits: int
    users: int


class Journeys(NamedTuple):
    """The most common ones; `visits` and `users` are of everybody who reached the anchor."""

    journeys: list[Journey]
    visits: int
    users: int


def read_anchor(query: Mapping[str, Any]) -> Anchor:
    """Raises BadInput unless the question names exactly one."""
    named = [name for name in ANCHORS if name in query]
    if len(named) != 1:
        detail = f"give one of {', '.join(ANCHORS)}; for example from_page=/pricing"
        raise BadInput(detail, [Problem(None, named[1] if named else ANCHORS[0], "bad_parameter", detail)])
    [name] = named
    if name.endswith("event") and query[name] == VIEW:
        detail = f"{name}: page views are told by their page; give {name.replace('event', 'page')}=/pricing"
        raise BadInput(detail, [Problem(None, name, "bad_parameter", detail)])
    return Anchor(EVENT if name.endswith("event") else PAGE, query[name], name.startswith("to"))


def find_journeys(
    connection: Connection, asked: Asked, anchor: Anchor, steps: int, limit: int, types: Sequence[str] = ()
) -> Journeys:
    """The `limit` most common ones, ties in the order of their steps; `types`: what are steps besides page views.

    One query on a connection of `asking.raw_events`: the period's events are read twice (partition pruning on ts,
    ix_events_ts where it cuts a partition), those of people who reached the anchor are sorted.
    """
    paths = _paths(_numbered(_kept(_steps(asked, anchor, (*anchor.types, *types)))), anchor, steps)
    visits, users = func.count(), func.count(paths.c.user_no.distinct())
    everybody = select(func.count(paths.c.user_no.distinct())).scalar_subquery()
    query = select(paths.c.path, visits, users, cast(func.sum(visits).over(), BigInteger), everybody)
    query = query.group_by(paths.c.path).order_by(visits.desc(), paths.c.path).limit(limit)
    rows = connection.execute(query).all()
    totals = rows[0][3:] if rows else (0, 0)
    return Journeys([Journey(*row[:3]) for row in rows], *totals)


def _steps(asked: Asked, anchor: Anchor, types: Sequence[str]) -> Subquery:
    """All steps of people who reached the anchor."""
    path = func.coalesce(events.c.path, "")
    step = case((events.c.type == VIEW, literal(PAGE) + path), else_=literal(EVENT) + events.c.type).collate("C")
    reached = select(events.c.user_no).where(asked.is_counted(), step == anchor.step)
    reached = reached.where(events.c.type == (VIEW if anchor.kind == PAGE else anchor.name))
    session = func.coalesce(events.c.session_id, "").label("session_id")
    query = select(events.c.user_no, session, events.c.is_bot, events.c.ts, events.c.event_id, step.label("step"))
    return query.where(asked.is_counted(), events.c.type.in_(types), events.c.user_no.in_(reached)).subquery()


def _kept(steps: Subquery) -> Subquery:
    """Those that differ from the one before, with the number of their visit among the person's in the session."""
    who, when = (steps.c.user_no, steps.c.session_id, steps.c.is_bot), (steps.c.ts, steps.c.event_id)
    window: dict[str, Any] = {"partition_by": who, "order_by": when}
    before_at, before = func.lag(steps.c.ts).over(**window), func.lag(steps.c.step).over(**window)
    lagged = select(steps, before_at.label("before_at"), before.label("before")).subquery()
    is_first = or_(lagged.c.before_at.is_(None), lagged.c.ts - lagged.c.before_at > timedelta(microseconds=GAP_US))
    same = [lagged.c[column.name] for column in who]
    order = [lagged.c[column.name] for column in when]
    visit = func.count().filter(is_first).over(partition_by=same, order_by=order, rows=(None, 0))
    counted = select(lagged, visit.label("visit"), or_(is_first, lagged.c.step != lagged.c.before).label("is_kept"))
    found = counted.subquery()
    return select(found).where(found.c.is_kept).subquery()


def _numbered(kept: Subquery) -> Subquery:
    """Steps with their place in the visit, from 1."""
    place = func.row_number().over(partition_by=_visit(kept), order_by=(kept.c.ts, kept.c.event_id))
    return select(*_visit(kept), kept.c.step, place.label("place")).subquery()


def _paths(numbered: Subquery, anchor: Anchor, steps: int) -> CTE:
    """A path of each visit that has the anchor."""
    first = func.min(numbered.c.place).filter(numbered.c.step == anchor.step).over(partition_by=_visit(numbered))
    found = select(numbered, first.label("first")).subquery()
    near = (found.c.first - steps + 1, found.c.first) if anchor.is_end else (found.c.first, found.c.first + steps - 1)
    path = func.array_agg(aggregate_order_by(found.c.step, found.c.place), type_=ARRAY(Text))
    query = select(found.c.user_no, path.label("path")).where(found.c.place.between(*near))
    return query.group_by(*_visit(found)).cte("paths")


def _visit(steps: Subquery) -> list[ColumnElement[Any]]:
    return [steps.c[name] for name in ("user_no", "session_id", "is_bot", "visit")]


def describe(anchor: Anchor, found: Journeys) -> dict[str, Any]:
    """As answers show them."""
    lines = [
        {"steps": [_step(step) for step in one.steps], "visits": one.visits, "users": one.users}
        | {"share": round(one.visits / found.visits, DIGITS)}
        for one in found.journeys
    ]
    others = found.visits - sum(one.visits for one in found.journeys)
    ends = {"anchor": _step(anchor.step), "direction": "to" if anchor.is_end else "from"}
    return {**ends, "journeys": lines, "visits": found.visits, "users": found.users, "other_visits": others}


def _step(step: str) -> dict[str, str]:
    return {"page" if step[0] == PAGE else "event": step[1:]}
