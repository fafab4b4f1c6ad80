"""Goals: which events are conversions, what they are worth, and the table that keeps definitions.

A goal is a type of event, or a pattern of paths (of page views, unless a type is named too), narrowed by a filter in
the language of reports. The views of goals write here; each change leaves a trace in the audit log.
"""

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError

from analytics.errors import Conflict, Invalid, NotFound, Problem
from analytics.reports.filters import conditions, parse_filter
from analytics.reports.patterns import matches, read_pattern
from analytics.reports.question import utc
from analytics.rollups.packed import VIEW
from analytics.store.models import audit_log, events, goals, sites

MOST_GOALS = 1_000


@dataclass(frozen=True, slots=True)
class Worth:
    """What a conversion is worth: `amount`, or the number in the payload's `property`.

    In `currency`, or in the one that the payload's `currency_property` names. Nested properties with dots.
    """

    property: str | None = None
    amount: str | None = None
    currency: str | None = None
    currency_property: str | None = None

    def as_json(self) -> dict[str, str]:
        return {name: text for name, text in asdict(self).items() if text is not None}


@dataclass(frozen=True, slots=True)
class Goal:
    """Which events convert."""

    type: str
    path: str | None = None
    filter: str | None = None
    worth: Worth | None = None

    @property
    def exact_path(self) -> str | None:
        """The one path that is meant; None: the pattern has stars, or there is none."""
        pieces = read_pattern(self.path) if self.path else ()
        return pieces[0] if len(pieces) == 1 else None

    @property
    def needs_raw(self) -> bool:
        """Rollups cannot tell its conversions: they know types, and paths of a type."""
        return self.filter is not None or self.worth is not None or (self.path is not None and self.exact_path is None)

    def is_met(self) -> ColumnElement[bool]:
        """Whether a row of events is a conversion; every value is bound."""
        met = [events.c.type == self.type]
        if self.path:
            met.append(matches(events.c.path, read_pattern(self.path)))
        if self.filter:
            met.append(conditions(parse_filter(self.filter), events.c))
        return and_(*met)

    def as_json(self) -> dict[str, Any]:
        worth = self.worth and self.worth.as_json()
        return {"type": self.type, "path": self.path, "filter": self.filter, "value": worth}


class Stored(NamedTuple):
    """A definition with its name; `site` is the key of its site."""

    id: uuid.UUID
    site_id: int
    site: str
    name: str
    goal: Goal
    created_at: datetime
    updated_at: datetime

    @property
    def definition(self) -> dict[str, Any]:
        return {"name": self.name, **self.goal.as_json()}

    def as_json(self) -> dict[str, Any]:
        times = {"created_at": utc(self.created_at), "updated_at": utc(self.updated_at)}
        return {"id": str(self.id), "site": self.site, **self.definition, **times}


def make_goal(given: Mapping[str, Any]) -> Goal:
    """Of a body or a query: type, path, filter, value. Raises Invalid when it would mean every event."""
    kind, path, worth = given.get("type"), given.get("path"), given.get("value")
    if not kind and not path:
        detail = "a goal needs a type or a path; for example type=signup, or path=/thanks"
        raise Invalid(detail, [Problem(None, "type", "missing", detail)])
    return Goal(kind or VIEW, path, given.get("filter"), worth and Worth(**worth))


COLUMNS = (goals, sites.c.key.label("site"))


# Served by pk_goals.
def read_goal(connection: Connection, goal_id: uuid.UUID) -> Stored:
    """Raises NotFound."""
    row = connection.execute(select(*COLUMNS).join(sites).where(goals.c.id == goal_id)).first()
    if row is None:
        raise NotFound(f"no goal {goal_id}; GET /api/analytics/goals lists those of a site")
    return _stored(row)


# Served by uq_goals_site_id_name.
def list_goals(connection: Connection, site_id: int) -> list[Stored]:
    """The site's, in the order of their names."""
    query = select(*COLUMNS).join(sites).where(goals.c.site_id == site_id).order_by(goals.c.name).limit(MOST_GOALS)
    return [_stored(row) for row in connection.execute(query)]


def create_goal(connection: Connection, site_id: int, name: str, goal: Goal, actor: str) -> Stored:
    """Raises Conflict when the site has a goal of that name, or too many goals."""
    if len(list_goals(connection, site_id)) >= MOST_GOALS:
        raise Conflict(f"a site has at most {MOST_GOALS:,} goals; delete one that is not needed any more")
    row = {"id": uuid.uuid4(), "site_id": site_id, "name": name, **goal.as_json()}
    adding = postgresql.insert(goals).values(row).on_conflict_do_nothing(index_elements=["site_id", "name"])
    if connection.execute(adding.returning(goals.c.id)).first() is None:
        raise _taken(name)
    made = read_goal(connection, row["id"])
    _audit(connection, actor, "goal.create", made, made.definition)
    return made


def update_goal(connection: Connection, goal_id: uuid.UUID, given: Mapping[str, Any], actor: str) -> Stored:
    """With the fields that are given changed. Raises NotFound, Invalid and Conflict."""
    before = read_goal(connection, goal_id)
    goal = make_goal({**before.goal.as_json(), **given})
    values = {"name": given.get("name", before.name), **goal.as_json(), "updated_at": func.now()}
    try:
        with connection.begin_nested():
            connection.execute(update(goals).where(goals.c.id == goal_id).values(values))
    except IntegrityError as error:
        raise _taken(values["name"]) from error
    after = read_goal(connection, goal_id)
    old, new = before.definition, after.definition
    _audit(connection, actor, "goal.update", after, {field: [old[field], new[field]] for field in new})
    return after


def delete_goal(connection: Connection, goal_id: uuid.UUID, actor: str) -> None:
    """Raises NotFound. Events stay as they are."""
    gone = read_goal(connection, goal_id)
    connection.execute(delete(goals).where(goals.c.id == goal_id))
    _audit(connection, actor, "goal.delete", gone, gone.definition)


def _stored(row: Row[Any]) -> Stored:
    return Stored(
        row.id, row.site_id, row.site, row.name, make_goal(dict(row._mapping)), row.created_at, row.updated_at
    )


def _audit(connection: Connection, actor: str, action: str, stored: Stored, detail: Mapping[str, Any]) -> None:
    row = {"actor": actor, "action": action, "site_id": stored.site_id, "detail": {"id": str(stored.id), **detail}}
    connection.execute(insert(audit_log).values(row))


def _taken(name: str) -> Conflict:
    return Conflict(f"the site has a goal named {name!r} already")
