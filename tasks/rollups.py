"""Adapters: merge, rebuild, the closing of days, compaction and postings as Celery tasks."""

import logging
from datetime import date, timedelta

from celery import shared_task

from analytics import clock, queue
from analytics.extensions import db, settings
from analytics.ops import runs
from analytics.rollups import compaction, days, postings
from analytics.rollups.merge import merge_all, move_all
from analytics.rollups.rebuild import rebuild as rebuild_days
from analytics.rollups.schedule import Schedule
from analytics.sites import find_site
from tasks.chores import chore

log = logging.getLogger(__name__)

# A worker process is for drains too: give it back now and then.
MERGE_FOR_S = 10.0
MAKE_POSTINGS_FOR_S = 30.0


@shared_task(name="rollups.merge")
@runs.resumed
def merge() -> None:
    """Folds the waiting deltas in. Safe to run twice, and at once; it loses nothing when a server is away."""
    merged = merge_all(db.engine, MERGE_FOR_S, moves=False)
    if merged.deltas:
        log.info("merged", extra=merged._asdict())
    if merged.failed:
        runs.failed("deltas of a site cannot be merged")
    if merged.more:
        queue.merge_rollups()


@chore("rollups.move_calendars")
@runs.resumed
def move_calendars() -> None:
    """Rebuilds sites whose zone has changed. Safe to run twice, and at once: a second one finds them moved."""
    moved = move_all(db.engine)
    if moved:
        log.info("sites moved to a new calendar", extra={"sites": moved})


@chore("rollups.rebuild")
def rebuild(site_key: str, first_day: str, after_day: str) -> None:
    """Counts the days anew from raw events. A second run replaces what the first one wrote by the same."""
    site = find_site(db.engine, site_key)
    rebuilt = rebuild_days(db.engine, site, date.fromisoformat(first_day), date.fromisoformat(after_day))
    log.info("rebuilt", extra={"site_id": site.id, **rebuilt._asdict()})


@chore("rollups.close_days")
@runs.resumed
def close_days() -> None:
    """Writes the daily figures that are due. Safe to run twice, and at once: a second one finds nothing due."""
    chosen = settings()
    schedule = Schedule(chosen.aggregation_time, timedelta(seconds=chosen.aggregation_interval))
    closed = days.close_days(db.engine, clock.now(), schedule)
    if closed.sites:
        log.info("days closed", extra=closed._asdict())
    if closed.failed:
        runs.failed(f"{closed.failed} sites could not be closed")


@chore("rollups.compact")
@runs.resumed
def compact() -> None:
    """Makes the union rows of closed weeks and months. Safe to run twice, and at once: a second one finds them made."""
    compacted = compaction.compact(db.engine)
    if compacted.spans:
        log.info("weeks and months compacted", extra=compacted._asdict())


@chore("rollups.make_postings")
@runs.resumed
def make_postings() -> None:
    """Makes postings of days that are over. Safe to run twice, and at once: a second one finds them made."""
    made = postings.make_postings(db.engine, clock.now(), MAKE_POSTINGS_FOR_S)
    if made:
        log.info("postings made", extra={"days": made})
