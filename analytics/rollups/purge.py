"""Forgets what was counted of a site's events: rollups, deltas, visits, daily figures. For the development DELETE."""

from sqlalchemy import Connection, text

# Ranges of pk_rollups and of ix_rollup_deltas_site_id_id.
COUNT = text("""
SELECT CAST(
    (SELECT coalesce(sum(events), 0) FROM rollups
     WHERE site_id = :site_id AND span = 'day' AND dimension = 'total' AND subject = '')
    + (SELECT coalesce(sum(events), 0) FROM rollup_deltas WHERE site_id = :site_id) AS bigint)
""")
TABLES = ("rollups", "rollup_deltas", "visits", "visit_rollups", "open_days", "metrics", "postings", "posted_days")


def forget_site(connection: Connection, site_id: int) -> int:
    """How many events were counted. The caller holds the rollups (taking.py), and the site's row against drains."""
    counted: int = connection.execute(COUNT, {"site_id": site_id}).scalar_one()
    for table in TABLES:
        connection.execute(text(f"DELETE FROM {table} WHERE site_id = :site_id"), {"site_id": site_id})  # noqa: S608
    return counted
