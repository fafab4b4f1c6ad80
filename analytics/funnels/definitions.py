"""Stored funnels: read, list, create, update and delete; each change is an entry in the audit log.

views.py calls it and checks the scope: `write` changes every funnel of its sites, whoever created it.
"""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from analytics import clock
from analytics.auth.guard import Principal
from analytics.errors import Conflict, NotFound
from analytics.funnels.steps import Step, check_conditions, filter_field_name, read_steps, replace_filters
from analytics.reports.request import format_utc
from analytics.reports.segments.expansion import expand
from analytics.store.models import audit_log, funnels, sites

MAX_FUNNELS = 500
DEFAULT_WINDOW_S = 7 * 86_400
# The event type of steps that clients track (ingest/decoding/tracked_steps.py).
FUNNEL_STEP_TYPE = "funnel_step"
# Held while a site's funnels are counted and one is added, so that two callers cannot both add the last one.
LOCK_SITE_FUNNELS = text("SELECT pg_advisory_xact_lock(7205331, :site_id)")


class FunnelDefinition(NamedTuple):
    """What is counted. `value`: a payload property of the last step, dots between nested names."""

    steps: tuple[Step, ...]
    ordering: str = "ordered"
    scope: str = "user"
    window_s: int = DEFAULT_WINDOW_S
    value: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {**self._asdict(), "steps": [step.as_json() for step in self.steps]}


class Funnel(NamedTuple):
    """A row of funnels, with the key of its site."""

    id: str
    site_id: int
    site_key: str
    owner: str
    user_id: str
    name: str
    description: str
    definition: FunnelDefinition
    is_active: bool
    created_at: datetime
    updated_at: datetime

    def as_json(self) -> dict[str, Any]:
        """The fields of seed 004, and those of the definition."""
        names = ("id", "name", "description", "user_id", "is_active")
        times = {"created_at": format_utc(self.created_at), "updated_at": format_utc(self.updated_at)}
        plain = {name: getattr(self, name) for name in names}
        return {**plain, "website_id": self.site_key, **self.definition.as_json(), **times}


SELECT_FUNNELS = select(funnels, funnels.c.value_property.label("value"), sites.c.key.label("site_key")).join_from(
    funnels, sites, sites.c.id == funnels.c.site_id
)


def read_definition(body: Mapping[str, Any]) -> FunnelDefinition:
    """The definition in a loaded body. Raises Invalid with every invalid step and field."""
    values = {name: body[name] for name in FunnelDefinition._fields if name in body}
    return FunnelDefinition(**{**values, "steps": read_steps(body["steps"])})


# pk_funnels.
def read_funnel(connection: Connection, funnel_id: str, principal: Principal) -> Funnel:
    """Raises NotFound, also for a funnel of a site that the caller has no access to."""
    row = connection.execute(SELECT_FUNNELS.where(funnels.c.id == funnel_id)).first()
    if row is None or (principal.sites is not None and row.site_key not in principal.sites):
        raise NotFound(f"no funnel has the id {funnel_id}; GET /api/v1/funnels/ lists a site's funnels")
    return _from_row(row)


# ix_funnels_site_id_created_at.
def list_funnels(connection: Connection, site_id: int) -> list[Funnel]:
    """The site's funnels, oldest first."""
    query = SELECT_FUNNELS.where(funnels.c.site_id == site_id).order_by(funnels.c.created_at, funnels.c.id)
    return [_from_row(row) for row in connection.execute(query)]


def create_funnel(
    connection: Connection, site_id: int, definition: FunnelDefinition, body: Mapping[str, Any], principal: Principal
) -> Funnel:
    """The new funnel; `body` has the other columns. Raises Conflict when the site has MAX_FUNNELS or the id is taken,
    BadInput for an unknown segment and too many conditions."""
    check_conditions(_expand_steps(connection, site_id, definition))
    connection.execute(LOCK_SITE_FUNNELS, {"site_id": site_id})
    count = select(func.count()).where(funnels.c.site_id == site_id)
    if connection.execute(count).scalar_one() >= MAX_FUNNELS:
        raise Conflict(f"the site has {MAX_FUNNELS} funnels, the maximum; delete one first")
    now = clock.now()
    row = {
        "id": str(body.get("id") or uuid.uuid4()),
        "site_id": site_id,
        "created_at": now,
        "updated_at": now,
        **_description(body),
    }
    row |= {
        "owner": principal.subject,
        "user_id": body.get("user_id") or principal.subject,
        **_to_columns(definition.as_json()),
    }
    if not connection.execute(insert(funnels).values(row).on_conflict_do_nothing()).rowcount:
        raise Conflict(f"there is a funnel {row['id']} already; omit id, or change that funnel")
    funnel = read_funnel(connection, row["id"], principal)
    _audit(connection, principal, "funnel.create", funnel, {"name": funnel.name, **definition.as_json()})
    return funnel


def update_funnel(
    connection: Connection,
    funnel: Funnel,
    definition: FunnelDefinition,
    changes: Mapping[str, Any],
    principal: Principal,
) -> Funnel:
    """The updated funnel; the audit log records old and new values. Raises BadInput for an unknown segment, and for new
    steps with too many conditions."""
    steps = _expand_steps(connection, funnel.site_id, definition)
    if definition.steps != funnel.definition.steps:
        # A funnel that an earlier release accepted can still be renamed.
        check_conditions(steps)
    before = {name: getattr(funnel, name) for name in _description(changes)} | funnel.definition.as_json()
    after = _description(changes) | definition.as_json()
    changed = {name: value for name, value in after.items() if before[name] != value}
    if not changed:
        return funnel
    row = {**_to_columns(changed), "updated_at": clock.now()}
    connection.execute(update(funnels).where(funnels.c.id == funnel.id).values(row))
    _audit(connection, principal, "funnel.update", funnel, {name: [before[name], changed[name]] for name in changed})
    return read_funnel(connection, funnel.id, principal)


def delete_funnel(connection: Connection, funnel: Funnel, principal: Principal) -> None:
    """Deletes the definition; tracked steps are events and stay."""
    connection.execute(delete(funnels).where(funnels.c.id == funnel.id))
    _audit(connection, principal, "funnel.delete", funnel, {"name": funnel.name, **funnel.definition.as_json()})


def _expand_steps(connection: Connection, site_id: int, definition: FunnelDefinition) -> tuple[Step, ...]:
    """The steps without segments, which exist and stay until the transaction ends. Raises BadInput."""
    return replace_filters(
        definition.steps,
        lambda index, text: expand(connection, site_id, text, filter_field_name(index), keeps=True).text,
    )


def _to_columns(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON field `value` is the column value_property."""
    return {"value_property" if name == "value" else name: value for name, value in fields.items()}


def _description(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in ("name", "description", "is_active") if name in body}


def _audit(
    connection: Connection, principal: Principal, action: str, funnel: Funnel, detail: Mapping[str, Any]
) -> None:
    row = {"actor": principal.subject, "action": action, "site_id": funnel.site_id}
    connection.execute(insert(audit_log).values(row | {"detail": {"funnel": funnel.id, **detail}}))


def _from_row(row: Row[Any]) -> Funnel:
    columns = row._mapping
    definition = read_definition({name: columns[name] for name in FunnelDefinition._fields})
    values = {name: columns[name] for name in Funnel._fields if name != "definition"}
    return Funnel(**{**values, "id": str(columns["id"])}, definition=definition)
