"""Deletes all events of a site, or all samples of a name, with an entry in the audit log. The DELETE routes call it.

Development only, by an admin. Each delete is one transaction; the ledger stays.
"""

from typing import Any

from sqlalchemy import Connection, Engine, insert, text

from analytics.auth.guard import Principal, require_scope, resolve_site_key
from analytics.errors import Forbidden
from analytics.extensions import db, settings
from analytics.rollups.locks import lock_rollups
from analytics.rollups.purge import purge_site
from analytics.rollups.samples.rollups import delete_name
from analytics.sites.sites import Site, find_site
from analytics.store import events as store
from analytics.store.models import audit_log
from analytics.store.samples import delete_samples
from analytics.web.site_parameters import read_requested_site

# Waits for drains, which hold the row FOR KEY SHARE. Taken after the rollups' lock, in the order of a rebuild.
LOCK_SITE = text("SELECT FROM sites WHERE id = :site_id FOR UPDATE")
# A file that was imported may be imported again.
DELETE_IMPORTS = text("DELETE FROM imports WHERE site_id = :site_id")


def authorize_delete(noun: str) -> tuple[Principal, Site]:
    """Who deletes, and from which site. Raises Forbidden outside development, NotFound."""
    if settings().environment != "development":
        raise Forbidden(f"{noun} are deleted in development only; accepted: ENVIRONMENT=development")
    principal = require_scope("admin")
    return principal, find_site(db.engine, resolve_site_key(principal, read_requested_site()))


def delete_site_events(engine: Engine, site_id: int, actor: str) -> int:
    """How many events were deleted, with all that was counted of them. User numbers stay.

    Events that were accepted and not stored yet are stored afterwards.
    """
    with engine.begin() as connection:
        lock_rollups(connection, site_id)
        connection.execute(LOCK_SITE, {"site_id": site_id})
        by_hour = store.delete_site_events(connection, site_id)
        counted = purge_site(connection, site_id)
        connection.execute(DELETE_IMPORTS, {"site_id": site_id})
        deleted = sum(by_hour.values())
        # By the hour of receipt, as the ledger counts them. The rollups may count events that retention has deleted.
        detail = {"events": deleted, "counted": counted, "received": by_hour}
        _write_audit_entry(connection, "events.delete", site_id, actor, detail)
    return deleted


def delete_named_samples(engine: Engine, site_id: int, name: str, actor: str) -> int:
    """How many samples were deleted, with those that only rollups still counted."""
    with engine.begin() as connection:
        store.lock_user_numbers(connection, [site_id])
        by_hour = delete_samples(connection, site_id, name)
        deleted = delete_name(connection, site_id, name)
        if deleted:
            detail = {"name": name, "samples": deleted, "received": by_hour}
            _write_audit_entry(connection, "samples.delete", site_id, actor, detail)
    return deleted


def _write_audit_entry(connection: Connection, action: str, site_id: int, actor: str, detail: dict[str, Any]) -> None:
    row = {"actor": actor, "action": action, "site_id": site_id, "detail": detail}
    connection.execute(insert(audit_log), row)
