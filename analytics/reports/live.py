"""Who is there right now: raw events of the last minutes. SELECT only."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from analytics import clock
from analytics.period import Period
from analytics.store import measures


def active_now(connection: Connection, site_id: int, now: datetime, minutes: int) -> int:
    """Different people with an event in the last minutes, programs left out. One query, O(events of these minutes).

    Served by partition pruning on ts and, in the newest partition, ix_events_ts (BRIN).
    """
    period = Period(now - timedelta(minutes=minutes), now + timedelta(microseconds=1), clock.zone("UTC"))
    query = select(measures.active_users()).where(measures.is_counted(site_id, period, include_bots=False))
    return connection.execute(query).scalar_one()
