"""Postings of days that are over: which are due, their making, and which of them a reader may trust.

Celery's beat calls `make_postings`, funnels and the audit `trusted_days`. How they are packed: store/postings.py; why a
day that has them is exact: docs/decisions/0014.
"""

import logging
import time
from datetime import date, datetime, timedelta
from typing import NamedTuple

from psycopg2.errors import SerializationFailure
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from analytics import clock
from analytics.rollups import cardinality, locks
from analytics.rollups.calendar import Calendar, read_calendar
from analytics.rollups.deltas import claims
from analytics.rollups.merge import CalendarMoveRequired, merge_site
from analytics.store import postings
from analytics.store.planner import force_index_lookups
from analytics.store.postings import Day

log = logging.getLogger(__name__)

# A day that still changes, as while history is imported, is read raw until it has rested.
REST = timedelta(minutes=10)
# A string of PostgreSQL's, with all of a day's events of one path, is made in memory.
MOST_EVENTS = 20_000_000

# Served by pk_rollups, pk_posted_days and pk_open_days: a few look-ups for each day of a site that has raw events.
DUE = text("""
SELECT s.id, CAST(d.day AS date), s.zone
FROM sites s
LEFT JOIN user_numbers n ON n.site_id = s.id
CROSS JOIN LATERAL (
    SELECT min(day) AS first FROM rollups WHERE site_id = s.id AND span = 'day' AND dimension = 'total'
) AS known
CROSS JOIN LATERAL generate_series(
    greatest(CAST(known.first AS timestamp), date_trunc('day', s.raw_since AT TIME ZONE 'UTC')),
    CAST(:now AS timestamptz) AT TIME ZONE 'UTC',
    interval '1 day'
) AS d (day)
WHERE s.rollups_zone = s.zone AND coalesce(n.next_user_no, 1) <= :most_users
    AND NOT EXISTS (SELECT FROM posted_days WHERE site_id = s.id AND day = CAST(d.day AS date) AND made)
    AND NOT EXISTS (
        SELECT FROM open_days WHERE site_id = s.id AND day = CAST(d.day AS date) AND changed_at > now() - :rest
    )
    AND (
        SELECT coalesce(sum(events), 0)
        FROM rollups
        WHERE site_id = s.id AND span = 'day' AND dimension = 'total' AND day = CAST(d.day AS date) AND subject = ''
    ) <= :most_events
ORDER BY s.id, d.day DESC
""")


class _Due(NamedTuple):
    """A day that may lack its postings, and the zone of its site."""

    site_id: int
    day: date
    zone: str

    def bounds(self) -> Day:
        return Day(self.day, *clock.day_bounds(self.day, clock.zone(self.zone)))


def make_postings(engine: Engine, now: datetime, seconds: float, rest: timedelta = REST) -> int:
    """Makes those that lack of all days that are over and have rested, the latest first; how many. One query where none
    is due. Ends after about `seconds`; the next call goes on.

    A transaction a day, beside merges: what they change meanwhile is made anew once it has rested. A site whose deltas
    cannot be read does not hold up the others.
    """
    end, made = time.monotonic() + seconds, 0
    for due in _due(engine, now, rest):
        if time.monotonic() > end:
            break
        try:
            made += due.bounds().end <= now and _make(engine, due)
        except CalendarMoveRequired:
            log.info("postings wait for a new calendar", extra={"site_id": due.site_id})
        except ValueError:
            log.exception("postings cannot be made", extra={"site_id": due.site_id})
    return made


def _due(engine: Engine, now: datetime, rest: timedelta) -> list[_Due]:
    given = {"now": now, "rest": rest, "most_users": postings.MOST_USERS, "most_events": MOST_EVENTS}
    with engine.begin() as connection:
        force_index_lookups(connection)
        return [_Due(*row) for row in connection.execute(DUE, given)]


def _make(engine: Engine, due: _Due) -> bool:
    """False: another run has made them, the day has changed meanwhile, or it is another in the site's calendar now."""
    # First what waits, whose merge would take the claim back.
    while merge_site(engine, due.site_id).has_more:
        pass
    site_id, day = due.site_id, due.bounds()
    try:
        with locks.locked_transaction(engine, site_id, locks.BUILD_LOCK) as connection:
            # The snapshot comes with the first query in `make`, so that it sees all that came before the claim.
            if not (_claim(engine, site_id, day) and postings.make(connection, site_id, day, cardinality.OTHER)):
                return False
            locks.lock_rollups(connection, site_id)
            postings.mark(connection, site_id, day)
            return True
    except OperationalError as error:
        if not isinstance(error.orig, SerializationFailure):
            raise
        log.info("a day changed while its postings were made", extra={"site_id": site_id, "day": str(day.day)})
        return False


def _claim(engine: Engine, site_id: int, day: Day) -> bool:
    """Under the lock of merge, for a moment: from then on, what changes the day takes the claim back."""
    with locks.locked_transaction(engine, site_id) as connection:
        calendar = read_calendar(connection, site_id)
        if calendar is None or calendar.needs_move or not _is_right(day, calendar):
            return False
        if day in _read(connection, site_id):
            return False
        postings.claim(connection, site_id, day)
        return True


# Served by pk_posted_days; a row a day.
POSTED = text("SELECT day, start_at, end_at FROM posted_days WHERE site_id = :site_id AND made ORDER BY day")


def trusted_days(connection: Connection, site_id: int, calendar: Calendar) -> list[Day]:
    """The days whose postings hold all of their events, in the transaction's snapshot.

    An event comes with its delta, and the merge of a delta drops the postings of its days: so those of a day without a
    waiting delta hold whatever the snapshot holds. Two queries.
    """
    if calendar.needs_move:
        return []
    found = _read(connection, site_id)
    waiting = claims.read_delta_days(connection, site_id) if found else set()
    return [day for day in found if day.day not in waiting and _is_right(day, calendar)]


def _is_right(day: Day, calendar: Calendar) -> bool:
    """It is the calendar's day, which another version of the time zone data may have moved, and it is not frozen."""
    is_there = calendar.raw_since is None or day.start >= calendar.raw_since
    return is_there and (day.start, day.end) == clock.day_bounds(day.day, clock.zone(calendar.zone))


def _read(connection: Connection, site_id: int) -> list[Day]:
    return [Day(*row) for row in connection.execute(POSTED, {"site_id": site_id})]
