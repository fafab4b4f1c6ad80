"""Forgets what was counted of a site's events: rollups, deltas, visits, daily figures. For the development DELETE."""

from sqlalchemy import Connection, text

from analytics.rollups.taking import LOCK

# Merges and rebuilds hold it while they write.
WAIT_FOR_LOCK = text("SELECT pg_advisory_xact_lock(:lock, :site_id)")
# Ranges of pk_rollups and of ix_rollup_deltas_site_id_id.
COUNT = text("""
SELECT CAST(
    (SELECT coalesce(sum(events), 0) FROM rollups
     WHERE site_id = :site_id AND span = 'day' AND dimension = 'total' AND subject = '')
    + (SELECT coalesce(sum(events), 0) FROM rollup_deltas WHERE site_id = :site_id) AS bigint)
""")
TABLES = ("rollups", "rollup_deltas", "visits", "visit_rollups", "open_days", "metrics", "postings", "posted_days")


def hold_rollups(connection: Connection, site_id: int) -> None:
    """Until the transaction ends no merge or rebuild changes them; waits for one that runs."""
    connection.execute(WAIT_FOR_LOCK, {"lock": LOCK, "site_id": site_id})


def forget_site(connection: Connection, site_id: int) -> int:
    """How many events were counted. The caller holds the rollups, and the site's row against drains."""
    counted: int = connection.execute(COUNT, {"site_id": site_id}).scalar_one()
    for table in TABLES:
        connection.execute(text(f"DELETE FROM {table} WHERE site_id = :site_id"), {"site_id": site_id})  # noqa: S608
    return counted
