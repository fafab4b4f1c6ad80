"""Partitions that are behind their retention as a whole: raw rows (archived first where ARCHIVE_URL says so), ledger.

A drop unlinks files: it takes milliseconds whatever the size. What it needs is a moment without readers and writers,
for which it waits briefly; a moment that does not come makes it a matter of the next run.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, Table, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError

from analytics.privacy import archive
from analytics.privacy.rules import freeze, instant, longest_kept, read_kept
from analytics.privacy.steps import Job, Kind, Step, Unfinished, measure_partition, partition
from analytics.store import partitions
from analytics.store.models import ledger_hours

# One after the other: a task that rests between them keeps a process from the drains.
TRIES = 3


def find_events(job: Job, planned: Sequence[Step]) -> list[Step]:
    """Partitions of events whose last instant every site's retention has passed."""
    return _find_raw(job, "events")


def find_samples(job: Job, planned: Sequence[Step]) -> list[Step]:
    """Those of samples, which are kept as long as events."""
    return _find_raw(job, "samples")


def _find_raw(job: Job, table: str) -> list[Step]:
    with job.engine.connect() as connection:
        longest = longest_kept(read_kept(connection, job.settings), job.settings)
        ranges = partitions.list_partitions(connection, table)
    return _behind(ranges, longest.cutoff(job.now), table, longest.setting)


def find_ledger(job: Job, planned: Sequence[Step]) -> list[Step]:
    """Partitions of the ledger behind LEDGER_RETENTION_DAYS."""
    days = job.settings.ledger_retention_days
    with job.engine.connect() as connection:
        ranges = partitions.list_partitions(connection, "ingest_ledger")
    return _behind(ranges, job.now - timedelta(days=days), "ledger", f"LEDGER_RETENTION_DAYS={days}")


def _behind(ranges: dict[str, partitions.Range], cutoff: datetime, noun: str, setting: str) -> list[Step]:
    behind = sorted((span, name) for name, span in ranges.items() if instant(span.end) <= cutoff)
    return [
        Step("drop", name, f"{noun} of {span.start} to {span.end}", setting, instant(span.end)) for span, name in behind
    ]


def drop_raw(job: Job, step: Step) -> int:
    """Drops the partition once its archive, if there is to be one, holds the same rows."""
    chosen, seal = job.settings, None
    if chosen.archive_url:
        masked = job.now - timedelta(days=chosen.anonymize_ips_after_days)
        seal = archive.archive_partition(job.engine, step.table, chosen.archive_url, masked)

    def drop(connection: Connection) -> None:
        if seal is not None:
            partitions.hold_writers(connection, step.table)
            if archive.seal_of(connection, step.table) != seal:
                raise Unfinished("rows came in while it was archived")
        freeze(connection, step.before)
        partitions.drop(connection, step.table)

    dropped = _at_a_quiet_moment(job, step, drop)
    return (step.rows if seal is None else seal.rows) if dropped else 0


def drop_ledger(job: Job, step: Step) -> int:
    """Adds the partition's sums to ledger_hours and drops it, in one transaction."""

    def drop(connection: Connection) -> None:
        partitions.hold_writers(connection, step.table)
        _fold(connection, partition("ingest_ledger", step.table))
        partitions.drop(connection, step.table)

    return step.rows if _at_a_quiet_moment(job, step, drop) else 0


def _at_a_quiet_moment(job: Job, step: Step, drop: Callable[[Connection], None]) -> bool:
    """Whether `drop` went through; False when the partition is gone already. Raises OperationalError after TRIES."""
    for attempt in range(1, TRIES + 1):
        try:
            with job.engine.begin() as connection:
                partitions.limit_waiting(connection)
                if not partitions.exists(connection, step.table):
                    return False
                drop(connection)
                return True
        except OperationalError:
            if attempt == TRIES:
                raise
    return False


SUMS = ("received", "stored", "duplicate", "dead")


def _fold(connection: Connection, ledger: Table) -> None:
    hour = func.date_trunc("hour", ledger.c.received_at, "UTC")
    sums = [func.sum(ledger.c[name]) for name in SUMS]
    hours = select(ledger.c.site_id, hour, func.count(), *sums).group_by(ledger.c.site_id, hour)
    adding = insert(ledger_hours).from_select(["site_id", "hour", "batches", *SUMS], hours)
    kept = {name: ledger_hours.c[name] + adding.excluded[name] for name in ("batches", *SUMS)}
    connection.execute(adding.on_conflict_do_update(index_elements=["site_id", "hour"], set_=kept))


EVENTS = Kind(find_events, measure_partition, drop_raw)
SAMPLES = Kind(find_samples, measure_partition, drop_raw)
LEDGER = Kind(find_ledger, measure_partition, drop_ledger)
