"""Recounts the visits of days whose people are not known, from raw events: `flask rollups recount-visits` calls it.

Such are the days that a release before 0.1.0 counted (migration 0023), and rows that contradicted their own visits. A
transaction each day, so an interrupted run goes on where it ended. Frozen days stay as they are.
"""

from collections.abc import Callable
from datetime import date
from typing import NamedTuple

from sqlalchemy import Engine, text

from analytics.rollups import locks, rows
from analytics.rollups.calendar import read_calendar
from analytics.rollups.closing.schedule import ONE_DAY
from analytics.rollups.deltas import claims
from analytics.rollups.visits.recount import recount_visits

# Called after each day with the site's id, the day, and how many days are left.
Progress = Callable[[int, date, int], None]


class RecountResult(NamedTuple):
    """Days recounted, and days left: frozen ones, and those of sites whose calendar is being moved."""

    days: int
    left: int


# A scan of visit_rollups; sets of users are not read.
FIND_DAYS = text("""
SELECT site_id, day
FROM visit_rollups
WHERE users IS NULL AND visits > 0 AND dimension NOT IN ('total', 'hour')
    AND (CAST(:site_id AS int) IS NULL OR site_id = :site_id)
GROUP BY site_id, day
ORDER BY site_id, day
""")


def recount_unknown_visitors(engine: Engine, site_id: int | None, progress: Progress | None = None) -> RecountResult:
    """Recounts every such day of the site, or of all sites. Merges of a site wait while a day of it is recounted."""
    with engine.connect() as connection:
        days = [(row.site_id, row.day) for row in connection.execute(FIND_DAYS, {"site_id": site_id})]
    recounted = 0
    for number, (site, day) in enumerate(days, 1):
        recounted += _recount(engine, site, day)
        if progress:
            progress(site, day, len(days) - number)
    return RecountResult(recounted, len(days) - recounted)


def _recount(engine: Engine, site_id: int, day: date) -> bool:
    """False: the day is frozen, or the site's calendar has to move first."""
    with locks.locked_transaction(engine, site_id) as connection:
        calendar = read_calendar(connection, site_id)
        if calendar is None or calendar.needs_move:
            return False
        if calendar.first_whole_day and day < calendar.first_whole_day:
            return False
        # The events of deltas that wait are stored already, so the recount holds their page views.
        while (claimed := claims.claim_deltas(connection, site_id)).deltas:
            claims.apply_deltas(connection, site_id, claimed.by_zone[calendar.zone])
        recount_visits(connection, site_id, calendar.zone, day, day + ONE_DAY)
        rows.mark_days_open(connection, site_id, [day])
        return True
