"""merge: waiting deltas → rollups, visits and open days, each delta once. Tasks call `merge_all`, `move_all_calendars`.

One site at a time under its lock, in one transaction: an interruption leaves the deltas as they were. A site whose zone
has changed is rebuilt instead (rebuild.py), which takes O(raw events).
"""

import logging
import time
from typing import NamedTuple

from psycopg2.errors import SerializationFailure
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from analytics.rollups.calendar import read_calendar, set_calendar
from analytics.rollups.deltas.claims import EVENTS_AT_A_TIME, apply_deltas, claim_deltas
from analytics.rollups.locks import REBUILD_LOCK, try_lock
from analytics.rollups.rebuild import move_calendar

log = logging.getLogger(__name__)


class MergeResult(NamedTuple):
    """Deltas merged and their events, rollup rows written, whether deltas are left, and sites with unreadable
    deltas."""

    deltas: int = 0
    events: int = 0
    rows: int = 0
    has_more: bool = False
    failed: int = 0

    def plus(self, other: "MergeResult") -> "MergeResult":
        return MergeResult(
            self.deltas + other.deltas,
            self.events + other.events,
            self.rows + other.rows,
            self.has_more or other.has_more,
            self.failed + other.failed,
        )


class CalendarMoveRequired(Exception):
    """The rollups or waiting deltas of a site are in another zone than the site."""


def merge_site(engine: Engine, site_id: int, limit: int = EVENTS_AT_A_TIME) -> MergeResult:
    """Merges the site's oldest deltas, about `limit` events. Does nothing while another merge or rebuild runs.

    Raises CalendarMoveRequired, and changes nothing, when the rollups must move to another zone first; UnreadableDelta.
    """
    with engine.begin() as connection:
        if not try_lock(connection, site_id):
            return MergeResult()
        calendar = read_calendar(connection, site_id)
        if calendar is None:
            return MergeResult()
        claimed = claim_deltas(connection, site_id, limit)
        if calendar.needs_move or claimed.by_zone.keys() - {calendar.zone}:
            raise CalendarMoveRequired(site_id)
        if not claimed.deltas:
            return MergeResult()
        written = apply_deltas(connection, site_id, claimed.by_zone[calendar.zone])
        set_calendar(connection, site_id, calendar.zone)
        return MergeResult(claimed.deltas, claimed.events, written, has_more=claimed.events >= limit)


# An index-only scan of ix_rollup_deltas_site_id_id, and one of the few sites.
SITES_WITH_DELTAS = text("""
SELECT site_id FROM rollup_deltas GROUP BY site_id ORDER BY min(id)
""")
# A row a site, and a look-up a delta.
SITES_TO_MOVE = text("""
SELECT id FROM sites WHERE rollups_zone <> zone
UNION
SELECT s.id FROM sites s JOIN rollup_deltas d ON d.site_id = s.id AND d.zone <> s.zone
ORDER BY id
""")


def merge_all(engine: Engine, time_budget_s: float, move_calendars: bool = True) -> MergeResult:
    """Merges every site that has deltas, the longest waiting first, for about `time_budget_s`.

    Sites whose zone has changed are rebuilt first, or left to `move_all_calendars` without `move_calendars`. Unreadable
    deltas are logged and do not delay other sites.
    """
    end, total = time.monotonic() + time_budget_s, MergeResult()
    if move_calendars:
        move_all_calendars(engine)
    with engine.connect() as connection:
        queue = list(connection.execute(SITES_WITH_DELTAS).scalars())
    while queue:
        if time.monotonic() > end:
            return total._replace(has_more=True)
        site_id = queue.pop(0)
        merged = _merge(engine, site_id)
        total = total.plus(merged._replace(has_more=False))
        if merged.has_more:
            queue.append(site_id)
    return total


def move_all_calendars(engine: Engine) -> int:
    """Rebuilds every site whose zone has changed, in its new calendar; how many. One query when none has."""
    with engine.connect() as connection:
        site_ids = connection.execute(SITES_TO_MOVE).scalars().all()
    return sum(_move(engine, site_id) for site_id in site_ids)


# The first entry of pk_rollup_deltas whose merge does not wait for a rebuild.
OLDEST_DELTA_AGE = text("""
SELECT extract(epoch FROM now() - d.created_at)
FROM rollup_deltas d JOIN sites s ON s.id = d.site_id
WHERE d.zone = s.zone AND coalesce(s.rollups_zone, s.zone) = s.zone AND d.site_id <> ALL (ARRAY(
    SELECT CAST(CAST(objid AS bigint) AS integer)
    FROM pg_locks
    WHERE locktype = 'advisory' AND classid = :rebuild AND database = (
        SELECT oid FROM pg_database WHERE datname = current_database()
    )
))
ORDER BY d.id
LIMIT 1
""")


def reduce_merge_lag(engine: Engine, max_lag_s: float, wait_lag_s: float, time_budget_s: float) -> float:
    """Merges while a delta is older than `max_lag_s`, for at most about `time_budget_s`; seconds its last merge took.

    While another process merges, it only waits, as long as a delta is older than `wait_lag_s`. A drain calls it first:
    storing is faster than merging, and would take the cores until reports have to add up minutes of deltas.
    """
    end, took_s = time.monotonic() + time_budget_s, 0.0
    while (started := time.monotonic()) < end:
        with engine.connect() as connection:
            oldest_s = connection.execute(OLDEST_DELTA_AGE, {"rebuild": REBUILD_LOCK}).scalar()
        if oldest_s is None or oldest_s <= max_lag_s:
            break
        merged = merge_all(engine, min(2.0, time_budget_s), move_calendars=False)
        if merged.deltas:
            took_s = time.monotonic() - started
        elif oldest_s <= wait_lag_s or merged.failed:
            break
        else:
            time.sleep(0.2)
    return took_s


def _move(engine: Engine, site_id: int) -> bool:
    """False: another process moved the site, or it cannot be moved now; the next run tries again."""
    try:
        return move_calendar(engine, site_id)
    except OperationalError as error:
        if not isinstance(error.orig, SerializationFailure):
            raise
        log.info("calendar move interrupted by a change of the site", extra={"site_id": site_id})
        return False
    # UnreadableDelta, UnknownZone, a damaged bitmap: one site must not stop the others.
    except ValueError:
        log.exception("calendar move failed", extra={"site_id": site_id})
        return False


def _merge(engine: Engine, site_id: int) -> MergeResult:
    try:
        return merge_site(engine, site_id)
    except CalendarMoveRequired:
        log.debug("merge waits for a calendar move", extra={"site_id": site_id})
        return MergeResult()
    # UnreadableDelta, UnknownZone, a damaged bitmap: one site must not stop the others.
    except ValueError:
        log.exception("merge failed: deltas cannot be read", extra={"site_id": site_id})
        return MergeResult(failed=1)
