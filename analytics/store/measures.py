"""Each measure once: what is counted, over rows of `events`. Reports compose these; nothing else defines them."""

from sqlalchemy import ColumnElement, func

from analytics.period import Period
from analytics.store.models import events


def active_users() -> ColumnElement[int]:
    """How many different people: exact, by user_no, which outlives masked IPs and pseudonyms."""
    return func.count(events.c.user_no.distinct())


def is_counted(site_id: int, period: Period, include_bots: bool) -> ColumnElement[bool]:
    """Which events a report on people looks at: the site's own in the period, bots left out unless asked for."""
    inside = (events.c.site_id == site_id) & (events.c.ts >= period.start) & (events.c.ts < period.end)
    return inside if include_bots else inside & ~events.c.is_bot
