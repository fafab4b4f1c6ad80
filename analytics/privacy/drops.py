"""Drops partitions that are past retention as a whole: raw rows (archived first if ARCHIVE_URL is set) and the ledger.

A drop unlinks files and takes milliseconds at any size. It needs a moment without readers and writers: it waits
for one briefly, and otherwise leaves the partition to the next run. Steps of retention.py.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection, Table, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError

from analytics.clock import utc_midnight
from analytics.privacy import archive
from analytics.privacy.retention_periods import advance_raw_since, longest_retention, read_site_retentions
from analytics.privacy.steps import RetentionJob, Step, StepKind, StepUnfinished, measure_partition, partition_table
from analytics.store import partitions
from analytics.store.models import ledger_hours

# Attempts follow each other at once: a pause would keep the worker process from draining.
MAX_ATTEMPTS = 3


def _find_raw_partitions(job: RetentionJob, planned: Sequence[Step], table: str) -> list[Step]:
    """Partitions of the raw table whose end is past the retention of every site."""
    with job.engine.connect() as connection:
        longest = longest_retention(read_site_retentions(connection, job.settings), job.settings)
        ranges = partitions.list_partitions(connection, table)
    return _drops(ranges, longest.cutoff(job.now), table, longest.setting)


def find_ledger_partitions(job: RetentionJob, planned: Sequence[Step]) -> list[Step]:
    """Partitions of the ledger past LEDGER_RETENTION_DAYS."""
    days = job.settings.ledger_retention_days
    with job.engine.connect() as connection:
        ranges = partitions.list_partitions(connection, "ingest_ledger")
    return _drops(ranges, job.now - timedelta(days=days), "ledger", f"LEDGER_RETENTION_DAYS={days}")


def _drops(ranges: dict[str, partitions.PartitionRange], cutoff: datetime, noun: str, setting: str) -> list[Step]:
    due = sorted((days, name) for name, days in ranges.items() if utc_midnight(days.end) <= cutoff)
    return [
        Step("drop", name, f"{noun} of {days.start} to {days.end}", setting, before=utc_midnight(days.end))
        for days, name in due
    ]


def drop_raw_partition(job: RetentionJob, step: Step) -> int:
    """Drops the partition; with ARCHIVE_URL only once the archive holds the same rows."""
    settings, archived = job.settings, None
    if settings.archive_url:
        masked_before = job.now - timedelta(days=settings.anonymize_ips_after_days)
        archived = archive.archive_partition(job.engine, step.table, settings.archive_url, masked_before)

    def drop(connection: Connection) -> None:
        if archived is not None:
            partitions.block_writes(connection, step.table)
            if archive.compute_checksum(connection, step.table) != archived:
                raise StepUnfinished("rows were stored while the partition was archived; the next run retries")
        advance_raw_since(connection, step.before)
        partitions.drop(connection, step.table)

    is_dropped = _retry_lock(job, step, drop)
    return (step.rows if archived is None else archived.rows) if is_dropped else 0


def drop_ledger_partition(job: RetentionJob, step: Step) -> int:
    """Adds the partition's sums to ledger_hours and drops it, in one transaction."""

    def drop(connection: Connection) -> None:
        partitions.block_writes(connection, step.table)
        _add_to_ledger_hours(connection, partition_table("ingest_ledger", step.table))
        partitions.drop(connection, step.table)

    return step.rows if _retry_lock(job, step, drop) else 0


def _retry_lock(job: RetentionJob, step: Step, drop: Callable[[Connection], None]) -> bool:
    """Whether `drop` committed; False when the partition does not exist. Raises OperationalError after MAX_ATTEMPTS."""
    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            with job.engine.begin() as connection:
                partitions.set_lock_timeout(connection)
                if not partitions.exists(connection, step.table):
                    return False
                drop(connection)
                return True
        except OperationalError:
            if attempt == MAX_ATTEMPTS:
                raise
    return False


SUMMED_COLUMNS = ("received", "stored", "duplicate", "dead_lettered", "refused")


def _add_to_ledger_hours(connection: Connection, ledger: Table) -> None:
    hour = func.date_trunc("hour", ledger.c.received_at, "UTC")
    sums = [func.sum(ledger.c[name]) for name in SUMMED_COLUMNS]
    hours = select(ledger.c.site_id, hour, func.count(), *sums).group_by(ledger.c.site_id, hour)
    names = ("batches", *SUMMED_COLUMNS)
    statement = insert(ledger_hours).from_select(["site_id", "hour", *names], hours)
    totals = {name: ledger_hours.c[name] + statement.excluded[name] for name in names}
    connection.execute(statement.on_conflict_do_update(index_elements=["site_id", "hour"], set_=totals))


EVENT_DROPS = StepKind(partial(_find_raw_partitions, table="events"), measure_partition, drop_raw_partition)
SAMPLE_DROPS = StepKind(partial(_find_raw_partitions, table="samples"), measure_partition, drop_raw_partition)
LEDGER_DROPS = StepKind(find_ledger_partitions, measure_partition, drop_ledger_partition)
