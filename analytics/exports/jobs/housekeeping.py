"""What keeps exports moving and their storage clean: dead workers' jobs, expired files, and files that nobody owns.

tasks/exports.py calls it by the clock. Everything here may run twice, and at once.
"""

import logging
import shutil
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine, delete, select, text

from analytics.exports import states
from analytics.exports.jobs import UNFINISHED
from analytics.exports.run import Runner
from analytics.exports.storage import Storage
from analytics.store.models import export_jobs

log = logging.getLogger(__name__)

# Far longer than between a file's last byte and its job's row.
ORPHAN_AFTER = timedelta(hours=1)
# What became of a job can be asked for this long after it ended.
KEPT_DAYS = 90

# Served by ix_export_jobs_state.
EXPIRE = text("""
UPDATE export_jobs
SET state = 'expired'
WHERE state = 'done' AND expires_at <= :now
RETURNING file
""")


class Swept(NamedTuple):
    """How many of each."""

    expired: int
    orphans: int
    folders: int
    jobs: int


def look_after(engine: Engine, places: int) -> list[str]:
    """The jobs to ring for: those that could start now, dead workers' ones among them. No more than could run here."""
    if stale := states.requeue_stale(engine):
        log.warning("exports of dead workers queued again", extra={"jobs": stale})
    return states.due(engine, places)


def sweep(runner: Runner, now: datetime) -> Swept:
    """Takes away what is past its time. Raises StorageAway; the next run goes on."""
    with runner.engine.begin() as connection:
        files = connection.execute(EXPIRE, {"now": now}).scalars().all()
    for file in files:
        runner.storage.delete(file)
    old = delete(export_jobs).where(
        export_jobs.c.state.not_in((*UNFINISHED, "done")), export_jobs.c.created_at < now - timedelta(days=KEPT_DAYS)
    )
    with runner.engine.begin() as connection:
        jobs = len(connection.execute(old.returning(export_jobs.c.id)).all())
    orphans = _sweep_orphans(runner.engine, runner.storage, now)
    return Swept(len(files), orphans, _sweep_folders(runner.engine, runner.work_dir), jobs)


def _sweep_orphans(engine: Engine, storage: Storage, now: datetime) -> int:
    """Files named after a job that has no use for them: what a kill, or a storage that was away, left behind."""
    aged = {
        kept.name: job_id
        for kept in storage.list_files()
        if (job_id := _job_id(kept.name)) and kept.written_at and kept.written_at < now - ORPHAN_AFTER
    }
    used = _in_state(engine, list(aged.values()), (*UNFINISHED, "done"))
    orphans = [name for name, job_id in aged.items() if job_id not in used]
    for name in orphans:
        storage.delete(name)
    return len(orphans)


def _sweep_folders(engine: Engine, work_dir: Path) -> int:
    """Working folders of jobs that nobody will go on with."""
    found = {path.name: path for path in work_dir.glob("*") if path.is_dir() and _job_id(path.name)}
    used = _in_state(engine, list(found), UNFINISHED)
    left = [path for job_id, path in found.items() if job_id not in used]
    for path in left:
        shutil.rmtree(path, ignore_errors=True)
    return len(left)


def _job_id(name: str) -> str | None:
    """The job that a file or folder is named after; None: it is none of ours."""
    try:
        return str(uuid.UUID(name.partition(".")[0]))
    except ValueError:
        return None


def _in_state(engine: Engine, job_ids: list[str], wanted: tuple[str, ...]) -> set[str]:
    found = select(export_jobs.c.id).where(export_jobs.c.id.in_(job_ids), export_jobs.c.state.in_(wanted))
    with engine.connect() as connection:
        return {str(job_id) for job_id in connection.execute(found).scalars()}
