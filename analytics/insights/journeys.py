"""Journeys: which ways people go from a page or an event on, or come to it, within a visit. Exact, from raw events.

A step is a page view, by its path, or an event of a type that the question names, by its type. Steps of one person,
session and kind of client are a visit as long as no two neighbours are more than 30 minutes apart: with page views
alone, a visit of rollups/visits/sessionization.py; a named event extends it too. A step that says the same as the
one before it (a page that is loaded again) is left out. Steps at the same microsecond are in the order of receipt
(store/event_queries.py).

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
    null,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY, array, distinct_on

from analytics.errors import BadInput, Problem
from analytics.insights.request import EventSelection
from analytics.reports.query.measures import DECIMAL_PLACES
from analytics.rollups.visits.sessionization import GAP_US
from analytics.store.event_queries import event_order
from analytics.store.event_types import PAGE_VIEW
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
        return (PAGE_VIEW,) if self.kind == PAGE else (PAGE_VIEW, self.name)


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
    if name.endswith("event") and query[name] == PAGE_VIEW:
        detail = f"{name}: page views are told by their page; give {name.replace('event', 'page')}=/pricing"
        raise BadInput(detail, [Problem(None, name, "bad_parameter", detail)])
    return Anchor(EVENT if name.endswith("event") else PAGE, query[name], name.startswith("to"))


def find_journeys(
    connection: Connection, asked: EventSelection, anchor: Anchor, steps: int, limit: int, types: Sequence[str] = ()
) -> Journeys:
    """The `limit` most common ones, ties in the order of their steps; `types`: what are steps besides page views.

    One query on a connection of `request.open_raw_events`: the period's events are read twice (partition pruning on ts,
    ix_events_ts where it cuts a partition), those of sessions that have the anchor are sorted, once.
    """
    paths = _first(_paths(_kept(_steps(asked, anchor, (*anchor.types, *types))), anchor, steps))
    visits, users = func.count(), func.count(paths.c.user_no.distinct())
    everybody = select(func.count(paths.c.user_no.distinct())).scalar_subquery()
    query = select(paths.c.path, visits, users, cast(func.sum(visits).over(), BigInteger), everybody)
    query = query.group_by(paths.c.path).order_by(visits.desc(), paths.c.path).limit(limit)
    rows = connection.execute(query).all()
    totals = rows[0][3:] if rows else (0, 0)
    return Journeys([Journey(*row[:3]) for row in rows], *totals)


def _steps(asked: EventSelection, anchor: Anchor, types: Sequence[str]) -> Subquery:
    """All steps of sessions that have the anchor."""
    path = func.coalesce(events.c.path, "")
    step = case((events.c.type == PAGE_VIEW, literal(PAGE) + path), else_=literal(EVENT) + events.c.type).collate("C")
    session = func.coalesce(events.c.session_id, "").collate("C")
    is_anchor = (
        (path == anchor.name) & (events.c.type == PAGE_VIEW) if anchor.kind == PAGE else events.c.type == anchor.name
    )
    reached = select(events.c.user_no, session).where(asked.is_counted(), is_anchor)
    query = select(events.c.user_no, session.label("session_id"), events.c.is_bot, *event_order(events.c))
    query = query.where(asked.is_counted(), events.c.type.in_(types), tuple_(events.c.user_no, session).in_(reached))
    return query.add_columns(step.label("step")).subquery()


def _kept(steps: Subquery) -> Subquery:
    """Those that differ from the one before, with the number of their visit among the person's in the session."""
    before_at, before = (func.lag(column).over(**_in_order(steps)) for column in (steps.c.ts, steps.c.step))
    found = select(steps, before_at.label("before_at"), before.label("before")).subquery()
    is_first = or_(found.c.before_at.is_(None), found.c.ts - found.c.before_at > timedelta(microseconds=GAP_US))
    visit = func.count().filter(is_first).over(**_in_order(found), rows=(None, 0))
    counted = select(found, visit.label("visit"), or_(is_first, found.c.step != found.c.before).label("is_kept"))
    kept = counted.subquery()
    return select(kept).where(kept.c.is_kept).subquery()


def _paths(kept: Subquery, anchor: Anchor, steps: int) -> Subquery:
    """A path for each time that a visit has the anchor; a step of another visit is none."""
    look, places = (func.lag, range(steps - 1, 0, -1)) if anchor.is_end else (func.lead, range(1, steps))
    others: list[ColumnElement[str]] = [
        case((look(kept.c.visit, place).over(**_in_order(kept)) == kept.c.visit, _near(look, kept, place)))
        for place in places
    ]
    path: array[Any] = array([*others, kept.c.step] if anchor.is_end else [kept.c.step, *others], type_=Text)
    found = select(kept, func.array_remove(path, null(), type_=ARRAY(Text)).label("path")).subquery()
    return select(found).where(found.c.step == anchor.step).subquery()


def _near(look: Any, kept: Subquery, place: int) -> ColumnElement[str]:
    found: ColumnElement[str] = look(kept.c.step, place).over(**_in_order(kept))
    return found


def _first(paths: Subquery) -> CTE:
    """The first of each visit."""
    visit = paths.c.user_no, paths.c.session_id, paths.c.is_bot, paths.c.visit
    query = select(paths.c.user_no, paths.c.path).ext(distinct_on(*visit))
    return query.order_by(*visit, *event_order(paths.c)).cte("paths")


def _in_order(steps: Subquery) -> dict[str, Any]:
    """The window that all share, so that steps are sorted once."""
    who = steps.c.user_no, steps.c.session_id, steps.c.is_bot
    return {"partition_by": who, "order_by": event_order(steps.c)}


def describe(anchor: Anchor, found: Journeys) -> dict[str, Any]:
    """As answers show them."""
    lines = [
        {"steps": [_step(step) for step in one.steps], "visits": one.visits, "users": one.users}
        | {"share": round(one.visits / found.visits, DECIMAL_PLACES)}
        for one in found.journeys
    ]
    others = found.visits - sum(one.visits for one in found.journeys)
    ends = {"anchor": _step(anchor.step), "direction": "to" if anchor.is_end else "from"}
    return {**ends, "journeys": lines, "visits": found.visits, "users": found.users, "other_visits": others}


def _step(step: str) -> dict[str, str]:
    return {"page" if step[0] == PAGE else "event": step[1:]}
