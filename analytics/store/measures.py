"""Each measure over rows of `events`, defined once. Reports compose them into queries; no query here."""

from sqlalchemy import ColumnElement, func

from analytics.period import Period
from analytics.store.models import events


def active_users() -> ColumnElement[int]:
    """Number of distinct users: exact, by user_no, which does not depend on masked IPs and pseudonyms."""
    return func.count(events.c.user_no.distinct())


def is_counted(site_id: int, period: Period, include_bots: bool) -> ColumnElement[bool]:
    """Whether a report on users counts the event: of the site, in the period, and no bot unless included."""
    inside = (events.c.site_id == site_id) & (events.c.ts >= period.start) & (events.c.ts < period.end)
    return inside if include_bots else inside & ~events.c.is_bot
