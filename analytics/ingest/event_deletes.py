"""The deleting of all events of a site, which the audit is told of. The DELETE of views.py calls it."""

from sqlalchemy import Engine, insert, text

from analytics.rollups.forget import forget_site
from analytics.rollups.taking import hold_rollups
from analytics.store import events as store
from analytics.store.models import audit_log

ACTION = "events.delete"
# Against drains, which hold the row FOR KEY SHARE. After the rollups' lock, as a rebuild takes the two.
LOCK_SITE = text("SELECT FROM sites WHERE id = :site_id FOR UPDATE")
# A file that was imported may be imported again.
FORGET_IMPORTS = text("DELETE FROM imports WHERE site_id = :site_id")


def forget_events(engine: Engine, site_id: int, actor: str) -> int:
    """How many events were deleted, with all that was counted of them. The ledger stays, and so do people's numbers.

    One transaction. What was accepted and not yet stored comes in afterwards.
    """
    with engine.begin() as connection:
        hold_rollups(connection, site_id)
        connection.execute(LOCK_SITE, {"site_id": site_id})
        by_hour = store.delete_events(connection, site_id)
        counted = forget_site(connection, site_id)
        connection.execute(FORGET_IMPORTS, {"site_id": site_id})
        deleted = sum(by_hour.values())
        # By the hour of receipt, as the ledger counts them; of some only the rollups still knew.
        detail = {"events": deleted, "counted": counted, "received": by_hour}
        row = {"actor": actor, "action": ACTION, "site_id": site_id, "detail": detail}
        connection.execute(insert(audit_log), row)
    return deleted
