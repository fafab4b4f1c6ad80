"""Expressions over rows of `events` that several queries share: what counts, and in which order. No query here.

Events are ordered by ts, and those of one instant by their receipt: when the batch was received, then the index in it.
The id decides between events of releases that did not keep the index (position -1), and between batches that two
processes received in one microsecond. Visits follow this order in rollups/visits/sessionization.py. Why:
docs/decisions/0026.
"""

from sqlalchemy import ColumnElement, func

from analytics.period import Period
from analytics.store.models import events

ORDER_COLUMNS = ("ts", "received_at", "position", "event_id")


def active_users() -> ColumnElement[int]:
    """Number of distinct users: exact, by user_no, which does not depend on masked IPs and pseudonyms."""
    return func.count(events.c.user_no.distinct())


def is_counted(site_id: int, period: Period, include_bots: bool) -> ColumnElement[bool]:
    """Whether a report on users counts the event: of the site, in the period, and no bot unless included."""
    inside = (events.c.site_id == site_id) & (events.c.ts >= period.start) & (events.c.ts < period.end)
    return inside if include_bots else inside & ~events.c.is_bot
