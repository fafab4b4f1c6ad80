"""Goals: which events are conversions, what a conversion is worth, and the table of stored goals.

A goal is an event type, or a path pattern (of page views, unless a type is given too), narrowed by a filter in the
language of reports. goals/views.py writes stored goals through this module; each change is an entry in the audit log.
"""

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError

from analytics.errors import Conflict, Invalid, NotFound, Problem
from analytics.reports.filtering.filters import Condition
from analytics.reports.filtering.path_patterns import exact_path
from analytics.reports.filtering.scope import parse_event_filter
from analytics.reports.request import format_utc
from analytics.reports.segments.expansion import expand
from analytics.sites.sites import Site
from analytics.store.event_types import PAGE_VIEW, stored_type
from analytics.store.models import audit_log, goals, sites

MAX_GOALS = 1_000


@dataclass(frozen=True, slots=True)
class ConversionValue:
    """What a conversion is worth: `amount`, or the number in the payload's `property`.

    Its currency is `currency`, or the value of the payload's `currency_property`; capitals or not are the same.
    """

    property: str | None = None
    amount: str | None = None
    currency: str | None = None
    currency_property: str | None = None

    def as_json(self) -> dict[str, str]:
        return {name: text for name, text in asdict(self).items() if text is not None}


@dataclass(frozen=True, slots=True)
class Goal:
    """Which events are conversions. `filter` may name segments; `conditions` is the filter without them, once a report
    has asked for it (`goals/report.py`)."""

    type: str
    path: str | None = None
    filter: str | None = None
    conversion_value: ConversionValue | None = None
    conditions: str | None = None

    @property
    def exact_path(self) -> str | None:
        """The one path of the goal; None: its pattern has wildcards, or it has no path."""
        return exact_path(self.path) if self.path else None

    @property
    def needs_raw_events(self) -> bool:
        """Rollups cannot count its conversions: they hold types, and paths of a type."""
        has_wildcards = self.path is not None and self.exact_path is None
        return self.filter is not None or self.conversion_value is not None or has_wildcards

    @property
    def event_conditions(self) -> tuple[Condition, ...]:
        """What the filter asks of an event."""
        conditions = self.conditions or self.filter
        return parse_event_filter(conditions) if conditions else ()

    def as_json(self) -> dict[str, Any]:
        value = self.conversion_value and self.conversion_value.as_json()
        return {"type": self.type, "path": self.path, "filter": self.filter, "value": value}


class StoredGoal(NamedTuple):
    """A goal with its name and site."""

    id: uuid.UUID
    site_id: int
    site_key: str
    name: str
    goal: Goal
    created_at: datetime
    updated_at: datetime

    @property
    def definition(self) -> dict[str, Any]:
        return {"name": self.name, **self.goal.as_json()}

    def as_json(self) -> dict[str, Any]:
        times = {"created_at": format_utc(self.created_at), "updated_at": format_utc(self.updated_at)}
        return {"id": str(self.id), "site": self.site_key, **self.definition, **times}

    def of_site(self, site: Site) -> Goal:
        """Its goal. Raises NotFound for another site's."""
        if self.site_id != site.id:
            raise NotFound(f"the site {site.key!r} has no goal {self.id}; GET /api/analytics/goals lists its goals")
        return self.goal


def make_goal(body: Mapping[str, Any]) -> Goal:
    """Of a body or a query: type, path, filter, value. Raises Invalid without type and path: that is every event."""
    event_type, path, value = body.get("type"), body.get("path"), body.get("value")
    if not event_type and not path:
        detail = "type: missing; a goal has a type, a path or both, for example type=signup or path=/thanks"
        raise Invalid(detail, [Problem(None, "type", "missing", detail)])
    return Goal(stored_type(event_type or PAGE_VIEW), path, body.get("filter"), value and _read_value(value))


def _read_value(body: Mapping[str, str]) -> ConversionValue:
    value = ConversionValue(**body)
    return replace(value, currency=value.currency.upper()) if value.currency else value


SELECT_GOALS = select(goals, sites.c.key.label("site_key")).join(sites)


# Served by pk_goals.
def read_goal(connection: Connection, goal_id: uuid.UUID) -> StoredGoal:
    """Raises NotFound."""
    row = connection.execute(SELECT_GOALS.where(goals.c.id == goal_id)).first()
    if row is None:
        raise NotFound(f"no goal has the id {goal_id}; GET /api/analytics/goals lists a site's goals")
    return _from_row(row)


# Served by uq_goals_site_id_name.
def list_goals(connection: Connection, site_id: int) -> list[StoredGoal]:
    """The site's goals, ordered by name."""
    query = SELECT_GOALS.where(goals.c.site_id == site_id).order_by(goals.c.name).limit(MAX_GOALS)
    return [_from_row(row) for row in connection.execute(query)]


def create_goal(
    connection: Connection, site_id: int, name: str, goal: Goal, actor: str, goal_id: uuid.UUID | None = None
) -> StoredGoal:
    """`goal_id`: of a deleted goal that comes back. Raises Conflict when the site has a goal of that name, or MAX_GOALS
    goals, or a goal has the id; BadInput for an unknown segment."""
    _check_segments(connection, site_id, goal)
    if len(list_goals(connection, site_id)) >= MAX_GOALS:
        raise Conflict(f"the site has {MAX_GOALS:,} goals, the maximum; delete one first")
    row = {"id": goal_id or uuid.uuid4(), "site_id": site_id, "name": name, **goal.as_json()}
    statement = postgresql.insert(goals).values(row).on_conflict_do_nothing()
    if connection.execute(statement.returning(goals.c.id)).first() is None:
        raise _id_conflict(goal_id) if goal_id and _has_id(connection, goal_id) else _name_conflict(name)
    stored = read_goal(connection, row["id"])
    _audit(connection, actor, "goal.create", stored, stored.definition)
    return stored


def update_goal(connection: Connection, goal_id: uuid.UUID, changes: Mapping[str, Any], actor: str) -> StoredGoal:
    """The goal with these fields changed. Raises NotFound, Invalid, Conflict, and BadInput for an unknown segment."""
    before = read_goal(connection, goal_id)
    goal = make_goal({**before.goal.as_json(), **changes})
    _check_segments(connection, before.site_id, goal)
    values = {"name": changes.get("name", before.name), **goal.as_json(), "updated_at": func.now()}
    try:
        with connection.begin_nested():
            connection.execute(update(goals).where(goals.c.id == goal_id).values(values))
    except IntegrityError as error:
        raise _name_conflict(values["name"]) from error
    after = read_goal(connection, goal_id)
    old, new = before.definition, after.definition
    _audit(connection, actor, "goal.update", after, {field: [old[field], new[field]] for field in new})
    return after


def delete_goal(connection: Connection, goal_id: uuid.UUID, actor: str) -> None:
    """Deletes the definition, no events. Raises NotFound."""
    stored = read_goal(connection, goal_id)
    connection.execute(delete(goals).where(goals.c.id == goal_id))
    _audit(connection, actor, "goal.delete", stored, stored.definition)


def _has_id(connection: Connection, goal_id: uuid.UUID) -> bool:
    return connection.execute(select(goals.c.id).where(goals.c.id == goal_id)).first() is not None


def _check_segments(connection: Connection, site_id: int, goal: Goal) -> None:
    """The segments of its filter exist, and stay until the transaction ends. Raises BadInput."""
    if goal.filter:
        expand(connection, site_id, goal.filter, keeps=True)


def _from_row(row: Row[Any]) -> StoredGoal:
    goal = make_goal(dict(row._mapping))
    return StoredGoal(row.id, row.site_id, row.site_key, row.name, goal, row.created_at, row.updated_at)


def _audit(connection: Connection, actor: str, action: str, stored: StoredGoal, detail: Mapping[str, Any]) -> None:
    row = {"actor": actor, "action": action, "site_id": stored.site_id, "detail": {"id": str(stored.id), **detail}}
    connection.execute(insert(audit_log).values(row))


def _name_conflict(name: str) -> Conflict:
    return Conflict(f"name: the site has a goal named {name!r} already; choose another name")


def _id_conflict(goal_id: uuid.UUID) -> Conflict:
    return Conflict(f"id: a goal has the id {goal_id} already; omit it")
