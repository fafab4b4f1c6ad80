"""merge: waiting deltas → rollups, visits and open days, each delta once. Celery's beat calls `merge_all`.

One site at a time under its lock, one transaction: whatever ends it early leaves the deltas as they were. A site whose
zone has changed is rebuilt instead (rebuild.py).
"""

import logging
import time
from typing import NamedTuple

import msgspec
import zstandard
from sqlalchemy import Engine, text

from analytics.rollups.calendar import read_calendar, set_calendar
from analytics.rollups.rebuild import move_calendar
from analytics.rollups.taking import EVENTS_AT_A_TIME, apply, take, try_lock

log = logging.getLogger(__name__)


class Merged(NamedTuple):
    """What a merge did: deltas and their events, rollup rows written; and whether some deltas were left."""

    deltas: int = 0
    events: int = 0
    rows: int = 0
    more: bool = False

    def plus(self, other: "Merged") -> "Merged":
        return Merged(
            self.deltas + other.deltas, self.events + other.events, self.rows + other.rows, self.more or other.more
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
MOVED = text("SELECT id FROM sites WHERE rollups_zone <> zone ORDER BY id")


def merge_all(engine: Engine, seconds: float) -> Merged:
    """Merges every site that has deltas, the longest waiting first, and rebuilds those whose zone has changed.

    Ends after about `seconds`. A site whose deltas cannot be read is logged and does not hold up the others.
    """
    end, total = time.monotonic() + seconds, Merged()
    with engine.connect() as connection:
        waiting = [*connection.execute(MOVED).scalars(), *connection.execute(WAITING).scalars()]
    queue = list(dict.fromkeys(waiting))
    while queue:
        if time.monotonic() > end:
            return total._replace(more=True)
        site_id = queue.pop(0)
        merged = _merge_or_rebuild(engine, site_id)
        total = total.plus(merged._replace(more=False))
        if merged.more:
            queue.append(site_id)
    return total


# The first entry of pk_rollup_deltas.
OLDEST = text("SELECT extract(epoch FROM now() - created_at) FROM rollup_deltas ORDER BY id LIMIT 1")


def catch_up(engine: Engine, lag_s: float, wait_s: float, seconds: float) -> float:
    """Merges while a delta is older than `lag_s`, for about `seconds` at most; how many seconds its last merges took.
    Where another process merges it leaves that to it, but waits while a delta is older than `wait_s`.

    A drain calls it first: storing is faster than merging, and would take the cores until reports have to add up
    minutes of deltas.
    """
    end, took_s = time.monotonic() + seconds, 0.0
    while (began := time.monotonic()) < end:
        with engine.connect() as connection:
            oldest_s = connection.execute(OLDEST).scalar()
        if oldest_s is None or oldest_s <= lag_s:
            break
        if merge_all(engine, min(2.0, seconds)).deltas:
            took_s = time.monotonic() - began
        elif oldest_s <= wait_s:
            break
        else:
            time.sleep(0.2)
    return took_s


def _merge_or_rebuild(engine: Engine, site_id: int) -> Merged:
    try:
        return merge_site(engine, site_id)
    except NotInCalendar:
        move_calendar(engine, site_id)
        return Merged()
    except (msgspec.MsgspecError, zstandard.ZstdError, ValueError):
        log.exception("deltas cannot be merged", extra={"site_id": site_id})
        return Merged()
