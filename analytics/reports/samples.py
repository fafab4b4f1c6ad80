"""Samples of one name: count, sum, extremes and percentiles of any stretch of time. SELECT only."""

from sqlalchemy import Connection, text

# pk_sample_names, whose order this is.
NAMES = text("SELECT name, count FROM sample_names WHERE site_id = :site_id ORDER BY name")


def sample_totals(connection: Connection, site_id: int) -> tuple[int, list[str]]:
    """How many samples the site ever stored, and the names they have, in order."""
    rows = connection.execute(NAMES, {"site_id": site_id}).all()
    return sum(count for _, count in rows), [name for name, _ in rows]
