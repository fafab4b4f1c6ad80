"""Celery tasks of the rollups: merge, calendar moves, rebuilds, recounts, closing days and unions.

Adapters only.
"""

import logging
from datetime import date, timedelta

from celery import shared_task

from analytics import clock, queue
from analytics.extensions import db, settings
from analytics.ops import task_runs
from analytics.rollups.closing import days, unions
from analytics.rollups.closing.schedule import ClosingSchedule
from analytics.rollups.merge import merge_all, move_all_calendars
from analytics.rollups.rebuild import rebuild_days
from analytics.rollups.visit_recount import recount_latest_days
from analytics.sites.sites import find_site
from tasks.exclusive import exclusive_task

log = logging.getLogger(__name__)

# Bounded, because the worker process runs drains too.
MERGE_BUDGET_S = 10.0
RECOUNT_FOR_S = 20.0


@shared_task(name="rollups.merge")
@task_runs.resumable
def merge() -> None:
    """Merges waiting deltas. Safe to run twice, and concurrently; nothing is lost when a server is unavailable."""
    merged = merge_all(db.engine, MERGE_BUDGET_S, move_calendars=False)
    if merged.deltas:
        counts = {"deltas": merged.deltas, "events": merged.events, "rows": merged.rows}
        log.info("merged", extra={**counts, "more": merged.has_more, "failed": merged.failed})
    if merged.failed:
        task_runs.record_failure("the deltas of a site cannot be merged: see the worker's log")
    if merged.has_more:
        queue.enqueue_merge()


@exclusive_task("rollups.move_calendars")
@task_runs.resumable
def move_calendars() -> None:
    """Rebuilds sites whose zone has changed. Safe to run twice, and concurrently: a second run finds them moved."""
    moved = move_all_calendars(db.engine)
    if moved:
        log.info("sites moved to a new calendar", extra={"sites": moved})


@exclusive_task("rollups.rebuild")
def rebuild(site_key: str, first_day: str, after_day: str) -> None:
    """Recounts `[first_day, after_day)` from raw events. A second run replaces the rows of the first by the same."""
    site = find_site(db.engine, site_key)
    rebuilt = rebuild_days(db.engine, site, date.fromisoformat(first_day), date.fromisoformat(after_day))
    log.info("rebuilt", extra={"site_id": site.id, **rebuilt._asdict()})


@exclusive_task("rollups.close_days")
@task_runs.resumable
def close_days() -> None:
    """Writes the metrics that are due. Safe to run twice, and concurrently: a second run finds nothing due."""
    current = settings()
    schedule = ClosingSchedule(current.aggregation_time, timedelta(seconds=current.aggregation_interval))
    closed = days.close_days(db.engine, clock.now(), schedule)
    if closed.sites:
        log.info("days closed", extra=closed._asdict())
    if closed.failed:
        task_runs.record_failure(f"the days of {closed.failed} sites cannot be closed: see the worker's log")


@exclusive_task("rollups.compact")
@task_runs.resumable
def build_unions() -> None:
    """Builds the unions of closed weeks and months. Safe to run twice, and concurrently: a second run finds them."""
    built = unions.build_unions(db.engine)
    if any(built):
        log.info("unions built", extra=built._asdict())


@exclusive_task("rollups.recount_visits")
@task_runs.resumable
def recount_visits() -> None:
    """Counts who visits are of on days of an earlier release, some days a run. Safe to run twice, and concurrently."""
    result = recount_latest_days(db.engine, RECOUNT_FOR_S)
    if result.days:
        log.info("visits recounted", extra=result._asdict())
        if result.left:
            queue.enqueue_recount()
