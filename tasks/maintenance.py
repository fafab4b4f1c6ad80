"""Scheduled maintenance: partitions, idle consumers, retention, deleted sites, the audit. Adapters without logic."""

import logging
import time

from celery import shared_task

from analytics import clock
from analytics.audit.balance_sheet import format_instant
from analytics.audit.run import audit_recent
from analytics.errors import Conflict
from analytics.exports.jobs.housekeeping import delete_site_exports
from analytics.exports.jobs.runner import create_runner
from analytics.extensions import buffer_redis, db, settings
from analytics.ingest import buffer
from analytics.ingest.deletion.site_deletion import run_deletions
from analytics.ops import task_runs
from analytics.privacy import retention
from analytics.privacy.steps import RetentionJob
from analytics.store import partitions
from tasks.exclusive import exclusive_task

log = logging.getLogger(__name__)

# Far longer than any drain is silent.
CONSUMER_IDLE_LIMIT_MS = 3_600_000


@shared_task(name="maintenance.make_partitions")
def create_partitions() -> None:
    """Creates the partitions of the next days. Safe to repeat and to run concurrently."""
    days = partitions.create_ahead(db.engine, clock.now(), settings().partition_days)
    log.info("partitions created ahead", extra={"days": days})


@shared_task(name="maintenance.forget_consumers")
def remove_idle_consumers() -> None:
    """Removes consumers of the stream that have been idle for long and hold no entry."""
    deleted = buffer.delete_idle_consumers(buffer_redis(), CONSUMER_IDLE_LIMIT_MS)
    log.info("idle consumers removed", extra={"consumers": deleted})


# Less than the hour between two runs; the next run does the rest.
RETENTION_BUDGET_S = 1800.0


@exclusive_task("maintenance.retain")
def apply_retention() -> None:
    """Drops, deletes and masks rows past their retention. Safe to repeat and to run concurrently."""
    try:
        results = retention.run(db.engine, settings(), clock.now(), RETENTION_BUDGET_S)
    except Conflict as error:
        log.info("retention skipped", extra={"reason": error.detail})
        return
    failed = sum(bool(result.error) for result in results)
    rows = sum(result.rows for result in results)
    log.info("retention run", extra={"steps": len(results), "rows": rows, "failed": failed})
    if failed:
        task_runs.record_failure(f"{failed} steps left undone")


# Bounded, so that other exclusive tasks have their turn.
DELETION_BUDGET_S = 60.0


@exclusive_task("maintenance.delete_sites")
@task_runs.resumable
def delete_sites() -> None:
    """Deletes what is left of the sites that are being deleted. Safe to repeat and to run concurrently."""
    job = RetentionJob(db.engine, settings(), clock.now(), time.monotonic() + DELETION_BUDGET_S)
    result = run_deletions(job, buffer_redis(), _delete_exports)
    if result.gone or result.unfinished:
        log.info("sites deleted", extra=result._asdict())


def _delete_exports(site_id: int) -> int:
    return delete_site_exports(create_runner(settings(), db.engine, buffer_redis()), site_id)


@exclusive_task("maintenance.audit")
def audit() -> dict[str, str | None]:
    """Audits the last hours; returns the first gap for /health. Only reads, so it may run concurrently."""
    sheet = audit_recent(db.engine, buffer_redis())
    for gap in sheet.gaps:
        log.error("audit gap", extra={"gap": str(gap)})
    first_gap = str(sheet.gaps[0]) if sheet.gaps else None
    return {"gap": first_gap, "checked_at": format_instant(sheet.checked_at)}
