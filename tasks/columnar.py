"""Celery tasks of column files: writing them. Adapters only."""

import logging

from celery import shared_task

from analytics import clock
from analytics.columnar.limits import configured_limits
from analytics.columnar.local_files import configured_files
from analytics.columnar.write import write_due
from analytics.columnar.write_event_visits import VisitNamer
from analytics.columnar.write_visits import write_due_visits
from analytics.extensions import db, settings
from analytics.ops import task_runs

log = logging.getLogger(__name__)

# Bounded, because the worker process runs drains too.
WRITE_FOR_S, WRITE_VISITS_FOR_S = 5.0, 20.0
# One day takes seconds.
NAME_TIMEOUT_S = 300.0


@shared_task(name="columnar.write")
@task_runs.resumable
def write() -> None:
    """Writes files of events that none holds. Safe to run twice, and concurrently: the second of two that write a day
    writes nothing."""
    written = write_due(db.engine, clock.now(), WRITE_FOR_S)
    if written.files:
        log.info("column files written", extra=written._asdict())


@shared_task(name="columnar.write_visits")
@task_runs.resumable
def write_visits() -> None:
    """Writes files of visits of days that are over. Safe to run twice, and concurrently, as `write`."""
    files = write_due_visits(db.engine, clock.now(), WRITE_VISITS_FOR_S)
    if files:
        log.info("visit files written", extra={"files": files})


@shared_task(name="columnar.name_visits")
@task_runs.resumable
def name_visits() -> None:
    """Writes into files of events which visits these are in. Safe to run twice, and concurrently, as `write`."""
    files, limits = configured_files(settings()), configured_limits(settings(), NAME_TIMEOUT_S)
    days = VisitNamer(db.engine, files, limits).run(clock.now(), WRITE_VISITS_FOR_S)
    if days:
        log.info("visits of events named", extra={"days": days})
