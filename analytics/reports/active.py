"""How many people were active: DAU for now. Exact, from the raw events."""

from sqlalchemy import Connection, select

from analytics.period import Period
from analytics.store import measures


def count_active(connection: Connection, site_id: int, period: Period, include_bots: bool = False) -> int:
    """Different people with an event in `period`. One query, O(events of the period).

    Served by partition pruning on ts and, inside a partition that the local day cuts, by ix_events_ts (BRIN).
    """
    query = select(measures.active_users()).where(measures.is_counted(site_id, period, include_bots))
    return connection.execute(query).scalar_one()
