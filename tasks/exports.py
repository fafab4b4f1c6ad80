"""Adapters: making an export, watching over those that wait or run, and clearing away."""

import logging
from collections.abc import Callable
from contextlib import suppress

import psycopg2
from celery import shared_task
from sqlalchemy.exc import DBAPIError

from analytics import clock, queue
from analytics.errors import Unavailable
from analytics.exports import schedules, upkeep, webhooks
from analytics.exports.jobs import limits_of
from analytics.exports.run import machine, run_job, runner_of, work_dir_of
from analytics.exports.turns import places_of, turn
from analytics.extensions import buffer_redis, db, settings
from analytics.ops import runs

log = logging.getLogger(__name__)

# Less than until beat rings again.
CALLS_S = 45.0


@shared_task(name="exports.run")
def run(job_id: str) -> None:
    """Makes the export, if it is this machine's turn. Twice at once is once: a job has one worker at a time."""
    runner = runner_of(settings(), db.engine, buffer_redis())
    with turn(runner.work_dir, machine(), places_of(settings())) as is_ours:
        if not is_ours:
            return
        job = run_job(runner, job_id)
    if job is not None:
        log.info("export run", extra={"job": job.id, "state": job.state, "rows": job.rows_done, "bytes": job.bytes})
        if job.callback_url and job.state in ("done", "failed"):
            _ring(queue.call_back)
    _ring_for_next()


@shared_task(name="exports.notify")
@runs.resumed
def notify() -> None:
    """Calls each callback_url that is due. One process of a machine at a time: who answers slowly holds up no drain.

    One that is interrupted is due again after the pause that was written down before.
    """
    with turn(work_dir_of(settings()), f"calls-{machine()}", 1) as is_ours:
        if is_ours:
            webhooks.notify_all(db.engine, settings(), CALLS_S)


@shared_task(name="exports.watch")
@runs.resumed
def watch() -> None:
    """Beat's safety net: dead workers' jobs are queued again, and whoever waits is rung for."""
    for job_id in upkeep.look_after(db.engine, places_of(settings())):
        queue.run_export(job_id)


@shared_task(name="exports.plan")
@runs.resumed
def plan() -> None:
    """Makes the jobs of schedules whose time has come, and has calls made that are due. Safe twice, and at once."""
    is_due = webhooks.due(db.engine, clock.now()) is not None
    made = schedules.plan(db.engine, buffer_redis(), limits_of(settings()), clock.now())
    if made:
        log.info("scheduled exports", extra={"jobs": made})
    for job_id in made:
        _ring(queue.run_export, job_id)
    if is_due:
        _ring(queue.call_back)


@shared_task(name="exports.expire")
def expire() -> None:
    """Takes expired exports away. Safe to run twice, and at once."""
    try:
        swept = upkeep.sweep(runner_of(settings(), db.engine, buffer_redis()), clock.now())
    except Unavailable as error:
        log.warning("expiry of exports interrupted", extra={"reason": error.detail})
        runs.interrupted(error)
        return
    log.info("exports swept", extra=swept._asdict())


def _ring(enqueue: Callable[..., None], *job_id: str) -> None:
    # Without Redis beat rings again.
    with suppress(Unavailable):
        enqueue(*job_id)


def _ring_for_next() -> None:
    # Without an answer the watch rings.
    with suppress(Unavailable, DBAPIError, psycopg2.Error):
        for job_id in upkeep.look_after(db.engine, 1):
            queue.run_export(job_id)
