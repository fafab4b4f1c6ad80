"""Recounts the visits of days whose people are not known, from raw events: `flask rollups recount-visits` counts them
all, Celery's beat some at a time.

Such are the days that a release before 0.1.0 counted (migration 0023), and rows that contradicted their own visits. A
transaction each day, so an interrupted run goes on where it ended. Frozen days stay as they are.
"""

import time
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

# The latest days of each site that a release before counted and whose raw events are kept. Every visit has a value of
# `device`, and a day has a handful of them: O(days), by the first two columns of pk_visit_rollups (10 ms for 3 years
# of a site). A day in which only rows of another dimension are unknown is found by FIND_DAYS alone.
FIND_LATEST_DAYS = text("""
SELECT s.id AS site_id, d.day
FROM sites s
CROSS JOIN LATERAL (
    SELECT DISTINCT day
    FROM visit_rollups
    WHERE site_id = s.id AND dimension = 'device' AND users IS NULL AND visits > 0
        AND day > coalesce(CAST((s.raw_since - interval '1 microsecond') AT TIME ZONE s.zone AS date), '-infinity')
) AS d
WHERE s.rollups_zone = s.zone
ORDER BY d.day DESC, s.id
LIMIT :most_days
""")
DAYS_A_RUN = 100


def recount_latest_days(engine: Engine, seconds: float) -> RecountResult:
    """Recounts the latest such days, one at least, until `seconds` have passed; the next call goes on.

    One query when there are none. `left` counts up to DAYS_A_RUN.
    """
    end = time.monotonic() + seconds
    with engine.connect() as connection:
        days = [(row.site_id, row.day) for row in connection.execute(FIND_LATEST_DAYS, {"most_days": DAYS_A_RUN})]
    recounted = 0
    for site_id, day in days:
        recounted += _recount(engine, site_id, day)
        if time.monotonic() >= end:
            break
    return RecountResult(recounted, len(days) - recounted)


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
