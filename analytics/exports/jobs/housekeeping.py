"""The upkeep of exports: requeues jobs of dead workers, deletes expired files, and deletes files without a job.

tasks/exports.py calls it on a schedule, tasks/maintenance.py for a deleted site. Everything here may run twice, and
concurrently.
"""

import logging
import shutil
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine, delete, select, text

from analytics.exports.delivery.storage import Storage
from analytics.exports.jobs import states
from analytics.exports.jobs.job import UNFINISHED_STATES
from analytics.exports.jobs.runner import Runner
from analytics.store.models import export_jobs, export_schedules

log = logging.getLogger(__name__)

# Far longer than the time between the last byte of a file and the row of its job.
ORPHAN_MIN_AGE = timedelta(hours=1)
# Rows of ended jobs are kept this long.
JOB_RETENTION_DAYS = 90

# Served by ix_export_jobs_state.
EXPIRE_JOBS = text("""
UPDATE export_jobs
SET state = 'expired'
WHERE state = 'done' AND expires_at <= :now
RETURNING file
""")


class SweepCounts(NamedTuple):
    """Expired files, files without a job, working folders without a job, and rows of old jobs that were deleted."""

    expired: int
    orphans: int
    folders: int
    jobs: int


def requeue_and_list_due(engine: Engine, limit: int) -> list[str]:
    """Requeues jobs of dead workers; returns the ids of up to `limit` jobs that could start now."""
    if stale := states.requeue_stale(engine):
        log.warning("exports of dead workers requeued", extra={"jobs": stale})
    return states.list_due(engine, limit)


# By a scan: the table has a row for each job of 90 days.
CANCEL_SITE_JOBS = text("""
UPDATE export_jobs
SET state = 'cancelled', finished_at = clock_timestamp()
WHERE site_id = :site_id AND state IN ('queued', 'running')
""")
LIST_SITE_JOBS = text("SELECT id, file FROM export_jobs WHERE site_id = :site_id")


def delete_site_exports(runner: Runner, site_id: int) -> int:
    """Deletes a site's schedules and jobs with their files; how many jobs and schedules. Safe to repeat, until the site
    is gone. The files go first: a job without its row would leave one behind. Raises StorageUnavailable."""
    with runner.engine.begin() as connection:
        schedules = connection.execute(delete(export_schedules).where(export_schedules.c.site_id == site_id)).rowcount
        # Their workers stop at the next heartbeat, and delete what they have written.
        connection.execute(CANCEL_SITE_JOBS, {"site_id": site_id})
        jobs = connection.execute(LIST_SITE_JOBS, {"site_id": site_id}).all()
    for job_id, file in jobs:
        if file:
            runner.storage.delete(file)
        shutil.rmtree(runner.work_dir / str(job_id), ignore_errors=True)
    with runner.engine.begin() as connection:
        connection.execute(delete(export_jobs).where(export_jobs.c.id.in_([job_id for job_id, _ in jobs])))
    return schedules + len(jobs)


def sweep(runner: Runner, now: datetime) -> SweepCounts:
    """Deletes what is expired or has no job. Raises StorageUnavailable; the next run continues."""
    with runner.engine.begin() as connection:
        files = connection.execute(EXPIRE_JOBS, {"now": now}).scalars().all()
    for file in files:
        runner.storage.delete(file)
    old = delete(export_jobs).where(
        export_jobs.c.state.not_in((*UNFINISHED_STATES, "done")),
        export_jobs.c.created_at < now - timedelta(days=JOB_RETENTION_DAYS),
    )
    with runner.engine.begin() as connection:
        jobs = len(connection.execute(old.returning(export_jobs.c.id)).all())
    orphans = _sweep_orphans(runner.engine, runner.storage, now)
    return SweepCounts(len(files), orphans, _sweep_folders(runner.engine, runner.work_dir), jobs)


def _sweep_orphans(engine: Engine, storage: Storage, now: datetime) -> int:
    """Deletes files named after a job that does not need them: left by a kill, or while the storage was unavailable."""
    aged = {
        file.name: job_id
        for file in storage.list_files()
        if (job_id := _job_id(file.name)) and file.written_at and file.written_at < now - ORPHAN_MIN_AGE
    }
    needed = _filter_by_state(engine, list(aged.values()), (*UNFINISHED_STATES, "done"))
    orphans = [name for name, job_id in aged.items() if job_id not in needed]
    for name in orphans:
        storage.delete(name)
    return len(orphans)


def _sweep_folders(engine: Engine, work_dir: Path) -> int:
    """Deletes working folders of jobs that are not unfinished."""
    folders = {path.name: path for path in work_dir.glob("*") if path.is_dir() and _job_id(path.name)}
    needed = _filter_by_state(engine, list(folders), UNFINISHED_STATES)
    unused = [path for job_id, path in folders.items() if job_id not in needed]
    for path in unused:
        shutil.rmtree(path, ignore_errors=True)
    return len(unused)


def _job_id(name: str) -> str | None:
    """The id of the job that a file or folder is named after; None: it does not belong to exports."""
    try:
        return str(uuid.UUID(name.partition(".")[0]))
    except ValueError:
        return None


def _filter_by_state(engine: Engine, job_ids: list[str], job_states: tuple[str, ...]) -> set[str]:
    query = select(export_jobs.c.id).where(export_jobs.c.id.in_(job_ids), export_jobs.c.state.in_(job_states))
    with engine.connect() as connection:
        return {str(job_id) for job_id in connection.execute(query).scalars()}
