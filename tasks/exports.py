"""The Celery tasks of exports: running one, webhooks, schedules, and the upkeep. Adapters only."""

import logging
from collections.abc import Callable
from contextlib import suppress

import psycopg2
from celery import shared_task
from sqlalchemy.exc import DBAPIError

from analytics import clock, queue
from analytics.errors import Unavailable
from analytics.exports.delivery import webhooks
from analytics.exports.jobs import housekeeping
from analytics.exports.jobs.creation import read_limits
from analytics.exports.jobs.run import run_job
from analytics.exports.jobs.runner import create_runner, find_work_dir, slot_count
from analytics.exports.schedules.due_jobs import create_due_jobs
from analytics.extensions import buffer_redis, db, settings
from analytics.files.locks import machine_name, try_acquire_slot
from analytics.ops import task_runs

log = logging.getLogger(__name__)

# Less than the interval at which beat sends the task again.
NOTIFY_BUDGET_S = 45.0


@shared_task(name="exports.run")
def run(job_id: str) -> None:
    """Runs the export if a slot of this machine is free. Idempotent: a job has one worker at a time."""
    runner = create_runner(settings(), db.engine, buffer_redis())
    with try_acquire_slot(runner.work_dir, machine_name(), slot_count(settings())) as is_acquired:
        if not is_acquired:
            return
        job = run_job(runner, job_id)
    if job is not None:
        log.info("export run", extra={"job": job.id, "state": job.state, "rows": job.rows_done, "bytes": job.bytes})
        if job.callback_url and job.state in ("done", "failed"):
            _enqueue(queue.enqueue_notify)
    _enqueue_next()


@shared_task(name="exports.notify")
@task_runs.resumable
def notify() -> None:
    """Calls each callback_url that is due, in one process of a machine: slow receivers never delay a drain.

    A call that is interrupted is due again after the delay that was stored before it.
    """
    with try_acquire_slot(find_work_dir(settings()), f"calls-{machine_name()}", 1) as is_acquired:
        if is_acquired:
            webhooks.notify_due(db.engine, settings(), NOTIFY_BUDGET_S)


@shared_task(name="exports.watch")
@task_runs.resumable
def watch() -> None:
    """Requeues the jobs of dead workers, and enqueues jobs whose message was lost."""
    for job_id in housekeeping.requeue_and_list_due(db.engine, slot_count(settings())):
        queue.enqueue_export(job_id)


@shared_task(name="exports.plan")
@task_runs.resumable
def plan() -> None:
    """Creates the jobs of due schedules, and enqueues webhooks that are due. Safe to run twice, concurrently."""
    is_webhook_due = webhooks.find_due_job(db.engine, clock.now()) is not None
    job_ids = create_due_jobs(db.engine, buffer_redis(), read_limits(settings()), clock.now())
    if job_ids:
        log.info("scheduled exports created", extra={"jobs": job_ids})
    for job_id in job_ids:
        _enqueue(queue.enqueue_export, job_id)
    if is_webhook_due:
        _enqueue(queue.enqueue_notify)


@shared_task(name="exports.expire")
def expire() -> None:
    """Deletes expired exports and files without a job. Safe to run twice, concurrently."""
    try:
        counts = housekeeping.sweep(create_runner(settings(), db.engine, buffer_redis()), clock.now())
    except Unavailable as error:
        log.warning("expiry of exports interrupted", extra={"reason": error.detail})
        task_runs.record_interruption(error)
        return
    log.info("exports swept", extra=counts._asdict())


def _enqueue(enqueue: Callable[..., None], *job_id: str) -> None:
    # Without Redis, beat sends the task again.
    with suppress(Unavailable):
        enqueue(*job_id)


def _enqueue_next() -> None:
    # Without the database or Redis, the watch enqueues the job.
    with suppress(Unavailable, DBAPIError, psycopg2.Error):
        for job_id in housekeeping.requeue_and_list_due(db.engine, 1):
            queue.enqueue_export(job_id)
