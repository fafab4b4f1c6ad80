"""The deleting of all samples of a name, which the audit is told of. The DELETE of sample_views.py calls it."""

from sqlalchemy import Engine, insert

from analytics.rollups.sample_rollups import delete_name
from analytics.store import events as store
from analytics.store.models import audit_log
from analytics.store.samples import delete_samples

ACTION = "samples.delete"


def forget_name(engine: Engine, site_id: int, name: str, actor: str) -> int:
    """How many samples were deleted, with those that only rollups still counted."""
    with engine.begin() as connection:
        store.lock_sites(connection, [site_id])
        by_hour = delete_samples(connection, site_id, name)
        deleted = delete_name(connection, site_id, name)
        if deleted:
            # By the hour of receipt, as the ledger counts them.
            detail = {"name": name, "samples": deleted, "received": by_hour}
            row = {"actor": actor, "action": ACTION, "site_id": site_id, "detail": detail}
            connection.execute(insert(audit_log), row)
    return deleted
