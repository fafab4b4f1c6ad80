"""Deletes all that was counted of a site's events: rollups, deltas, visits, metrics. Called by the development DELETE.

Never deletes raw events.
"""

from sqlalchemy import Connection, text

# Ranges of pk_rollups and of ix_rollup_deltas_site_id_id.
COUNT = text("""
SELECT CAST(
    (SELECT coalesce(sum(events), 0) FROM rollups
     WHERE site_id = :site_id AND span = 'day' AND dimension = 'total' AND subject = '')
    + (SELECT coalesce(sum(events), 0) FROM rollup_deltas WHERE site_id = :site_id) AS bigint)
""")
OUTDATE = text("UPDATE day_versions SET version = version + 1 WHERE site_id = :site_id")
TABLES = (
    *("rollups", "rollup_deltas", "visits", "visit_rollups", "visit_unions"),
    *("open_days", "metrics"),
    *("column_days", "column_files", "event_days", "visit_files"),
)


def purge_site(connection: Connection, site_id: int) -> int:
    """Deletes the site's counts; how many events they held. The caller holds lock_rollups, and the site's row lock."""
    counted: int = connection.execute(COUNT, {"site_id": site_id}).scalar_one()
    for table in TABLES:
        connection.execute(text(f"DELETE FROM {table} WHERE site_id = :site_id"), {"site_id": site_id})  # noqa: S608
    # Not deleted: what a cache holds of the days must not become valid again.
    connection.execute(OUTDATE, {"site_id": site_id})
    return counted
