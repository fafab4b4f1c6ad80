"""Funnels as they are stored: read, listed, made, changed and removed, each change with a line in the audit log.

The views call it. Whoever may read a site may define funnels on it, as they are questions and no data; only its owner
or an admin changes or removes one.
"""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, func, insert, select, text, update

from analytics import clock
from analytics.auth.guard import Principal
from analytics.errors import Conflict, Forbidden, NotFound
from analytics.funnels.steps import Step, read_steps
from analytics.store.models import audit_log, funnels, sites

MOST_FUNNELS = 500
WEEK_S = 7 * 86_400
# The type of what clients track of a funnel (ingest/tracking.py).
TRACKED = "funnel_step"
# From one of a site's funnels to the next, whoever makes them.
LOCK_SITE = text("SELECT pg_advisory_xact_lock(7205331, :site_id)")


class Definition(NamedTuple):
    """What is counted. `value`: the property, nested ones with dots, of the last step's payload."""

    steps: tuple[Step, ...]
    ordering: str = "ordered"
    scope: str = "user"
    window_s: int = WEEK_S
    value: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {**self._asdict(), "steps": [step.as_json() for step in self.steps]}


class Funnel(NamedTuple):
    """A row of funnels, and the key of its site."""

    id: str
    site_id: int
    site_key: str
    owner: str
    user_id: str
    name: str
    description: str
    definition: Definition
    is_active: bool
    created_at: datetime
    updated_at: datetime

    def as_json(self) -> dict[str, Any]:
        """In the words of seed 004, ours beside them."""
        found = self._asdict()
        when = {name: found[name].isoformat().replace("+00:00", "Z") for name in ("created_at", "updated_at")}
        plain = {name: found[name] for name in ("id", "name", "description", "user_id", "is_active")}
        return {**plain, "website_id": self.site_key, **self.definition.as_json(), **when}


FUNNELS = select(funnels, sites.c.key.label("site_key")).join_from(funnels, sites, sites.c.id == funnels.c.site_id)


def read_definition(given: Mapping[str, Any]) -> Definition:
    """What a loaded body says. Raises Invalid with every step and field that is wrong."""
    chosen = {name: given[name] for name in Definition._fields if name in given}
    return Definition(**{**chosen, "steps": read_steps(given["steps"])})


# pk_funnels.
def read_funnel(connection: Connection, funnel_id: str, principal: Principal) -> Funnel:
    """Raises NotFound, also for one of a site that the caller may not see."""
    row = connection.execute(FUNNELS.where(funnels.c.id == funnel_id)).first()
    if row is None or (principal.sites is not None and row.site_key not in principal.sites):
        raise NotFound(f"there is no funnel {funnel_id}; it may have been removed")
    return _funnel(row)


# ix_funnels_site_id_created_at.
def list_funnels(connection: Connection, site_id: int) -> list[Funnel]:
    """The site's, the oldest first."""
    query = FUNNELS.where(funnels.c.site_id == site_id).order_by(funnels.c.created_at, funnels.c.id)
    return [_funnel(row) for row in connection.execute(query)]


def create_funnel(
    connection: Connection, site_id: int, definition: Definition, given: Mapping[str, Any], principal: Principal
) -> Funnel:
    """The new funnel; `given` has the other columns. Raises Conflict when the site has MOST_FUNNELS."""
    connection.execute(LOCK_SITE, {"site_id": site_id})
    mine = select(func.count()).where(funnels.c.site_id == site_id)
    if connection.execute(mine).scalar_one() >= MOST_FUNNELS:
        raise Conflict(f"the site has {MOST_FUNNELS} funnels, which is the most; remove one")
    now = clock.now()
    who = {"owner": principal.subject, "user_id": given.get("user_id") or principal.subject}
    row = {"id": str(uuid.uuid4()), "site_id": site_id, **_texts(given), **who, "created_at": now, "updated_at": now}
    row |= definition.as_json()
    connection.execute(insert(funnels).values(row))
    made = read_funnel(connection, row["id"], principal)
    _audit(connection, principal, "funnel.create", made, {"name": made.name, **definition.as_json()})
    return made


def change_funnel(
    connection: Connection, funnel: Funnel, definition: Definition, given: Mapping[str, Any], principal: Principal
) -> Funnel:
    """The funnel with what was given changed; what it was and is goes to the audit log. Raises Forbidden."""
    _refuse_strangers(funnel, principal)
    before = {name: getattr(funnel, name) for name in _texts(given)} | funnel.definition.as_json()
    after = _texts(given) | definition.as_json()
    changed = {name: value for name, value in after.items() if before[name] != value}
    if not changed:
        return funnel
    row = {**changed, "updated_at": clock.now()}
    connection.execute(update(funnels).where(funnels.c.id == funnel.id).values(row))
    _audit(connection, principal, "funnel.update", funnel, {name: [before[name], changed[name]] for name in changed})
    return read_funnel(connection, funnel.id, principal)


def remove_funnel(connection: Connection, funnel: Funnel, principal: Principal) -> None:
    """Its definition goes; what was tracked for it are events, and stays. Raises Forbidden."""
    _refuse_strangers(funnel, principal)
    connection.execute(delete(funnels).where(funnels.c.id == funnel.id))
    _audit(connection, principal, "funnel.delete", funnel, {"name": funnel.name, **funnel.definition.as_json()})


def _refuse_strangers(funnel: Funnel, principal: Principal) -> None:
    if funnel.owner != principal.subject and not principal.may("admin"):
        raise Forbidden("another caller made this funnel; only that one or an admin may change it")


def _texts(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: given[name] for name in ("name", "description", "is_active") if name in given}


def _audit(
    connection: Connection, principal: Principal, action: str, funnel: Funnel, detail: Mapping[str, Any]
) -> None:
    row = {"actor": principal.subject, "action": action, "site_id": funnel.site_id}
    connection.execute(insert(audit_log).values(row | {"detail": {"funnel": funnel.id, **detail}}))


def _funnel(row: Row[Any]) -> Funnel:
    found = row._mapping
    definition = read_definition({name: found[name] for name in Definition._fields})
    chosen = {name: found[name] for name in Funnel._fields if name != "definition"}
    return Funnel(**{**chosen, "id": str(found["id"])}, definition=definition)
