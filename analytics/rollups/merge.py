"""merge: waiting deltas → rollups, visits and open days, each delta once. Beat has `merge_all` and `move_all` called.

One site at a time under its lock, one transaction: whatever ends it early leaves the deltas as they were. A site whose
zone has changed is rebuilt instead (rebuild.py), which takes as long as it has raw events.
"""

import logging
import time
from typing import NamedTuple

import msgspec
import zstandard
from psycopg2.errors import SerializationFailure
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from analytics.rollups.calendar import read_calendar, set_calendar
from analytics.rollups.rebuild import move_calendar
from analytics.rollups.taking import EVENTS_AT_A_TIME, REBUILD_LOCK, apply, take, try_lock

log = logging.getLogger(__name__)


class Merged(NamedTuple):
    """What a merge did: deltas and their events, rollup rows written; whether some deltas were left; and how often a
    site's could not be read."""

    deltas: int = 0
    events: int = 0
    rows: int = 0
    more: bool = False
    failed: int = 0

    def plus(self, other: "Merged") -> "Merged":
        return Merged(
            self.deltas + other.deltas,
            self.events + other.events,
            self.rows + other.rows,
            self.more or other.more,
            self.failed + other.failed,
        )


class NotInCalendar(Exception):
    """The site's rollups, or deltas that wait, are in another zone than the site's."""


def merge_site(engine: Engine, site_id: int, limit: int = EVENTS_AT_A_TIME) -> Merged:
    """Folds the site's oldest deltas, about `limit` events of them. Does nothing while another merge or rebuild runs.

    Raises NotInCalendar, and changes nothing, when the rollups must move to another zone first.
    """
    with engine.begin() as connection:
        if not try_lock(connection, site_id):
            return Merged()
        calendar = read_calendar(connection, site_id)
        if calendar is None:
            return Merged()
        taken = take(connection, site_id, limit)
        if calendar.has_moved or taken.changes.keys() - {calendar.zone}:
            raise NotInCalendar(site_id)
        if not taken.deltas:
            return Merged()
        written = apply(connection, site_id, taken.changes[calendar.zone])
        set_calendar(connection, site_id, calendar.zone)
        return Merged(taken.deltas, taken.events, written, more=taken.events >= limit)


# An index-only scan of ix_rollup_deltas_site_id_id, and one of the few sites.
WAITING = text("""
SELECT site_id FROM rollup_deltas GROUP BY site_id ORDER BY min(id)
""")
# A row for each site, and a look-up for each delta.
MOVED = text("""
SELECT id FROM sites WHERE rollups_zone <> zone
UNION
SELECT s.id FROM sites s JOIN rollup_deltas d ON d.site_id = s.id AND d.zone <> s.zone
ORDER BY id
""")


def merge_all(engine: Engine, seconds: float, moves: bool = True) -> Merged:
    """Merges every site that has deltas, the longest waiting first; those whose zone has changed are rebuilt before, or
    without `moves` left to `move_all`.

    Ends after about `seconds`. A site whose deltas cannot be read is logged and does not hold up the others.
    """
    end, total = time.monotonic() + seconds, Merged()
    if moves:
        move_all(engine)
    with engine.connect() as connection:
        queue = list(connection.execute(WAITING).scalars())
    while queue:
        if time.monotonic() > end:
            return total._replace(more=True)
        site_id = queue.pop(0)
        merged = _merge(engine, site_id)
        total = total.plus(merged._replace(more=False))
        if merged.more:
            queue.append(site_id)
    return total


def move_all(engine: Engine) -> int:
    """Rebuilds every site whose zone has changed, in its new calendar; how many. One query where none has."""
    with engine.connect() as connection:
        moved = connection.execute(MOVED).scalars().all()
    return sum(_move(engine, site_id) for site_id in moved)


# The first entry of pk_rollup_deltas whose merge need not wait for a rebuild.
OLDEST = text("""
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


def catch_up(engine: Engine, lag_s: float, wait_s: float, seconds: float) -> float:
    """Merges while a delta is older than `lag_s`, for about `seconds` at most; how many seconds its last merges took.
    Where another process merges it leaves that to it, but waits while a delta is older than `wait_s`.

    A drain calls it first: storing is faster than merging, and would take the cores until reports have to add up
    minutes of deltas.
    """
    end, took_s = time.monotonic() + seconds, 0.0
    while (began := time.monotonic()) < end:
        with engine.connect() as connection:
            oldest_s = connection.execute(OLDEST, {"rebuild": REBUILD_LOCK}).scalar()
        if oldest_s is None or oldest_s <= lag_s:
            break
        merged = merge_all(engine, min(2.0, seconds), moves=False)
        if merged.deltas:
            took_s = time.monotonic() - began
        elif oldest_s <= wait_s or merged.failed:
            break
        else:
            time.sleep(0.2)
    return took_s


def _move(engine: Engine, site_id: int) -> bool:
    """False: the site was moved by another, or cannot be now; the next run tries again."""
    try:
        return move_calendar(engine, site_id)
    except OperationalError as error:
        if not isinstance(error.orig, SerializationFailure):
            raise
        log.info("a site changed while its calendar did", extra={"site_id": site_id})
        return False
    except (msgspec.MsgspecError, zstandard.ZstdError, ValueError):
        log.exception("a site cannot be moved to its new calendar", extra={"site_id": site_id})
        return False


def _merge(engine: Engine, site_id: int) -> Merged:
    try:
        return merge_site(engine, site_id)
    except NotInCalendar:
        log.debug("deltas wait for a new calendar", extra={"site_id": site_id})
        return Merged()
    except (msgspec.MsgspecError, zstandard.ZstdError, ValueError):
        log.exception("deltas cannot be merged", extra={"site_id": site_id})
        return Merged(failed=1)
