"""Masks IP addresses older than ANONYMIZE_IPS_AFTER_DAYS: IPv4 keeps 24 bits, IPv6 48. Steps of retention.py.

The comment of a partition records before which ts it is masked, and how many rows had been inserted by then. A masked
partition without new inserts is not read; a late event changes the count, and the partition is read again. The comment
is dropped with its table; after a restored dump or a crash a partition is read once more.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Engine, Table, and_, case, func, literal_column, not_, text, update
from sqlalchemy.schema import SetTableComment

from analytics.clock import utc_midnight
from analytics.privacy.steps import (
    RetentionJob,
    Step,
    StepKind,
    change_in_chunks,
    count_rows,
    dropped_partitions,
    measure_partition,
    partition_table,
)
from analytics.store import partitions


class MaskProgress(NamedTuple):
    """Rows with an earlier ts are masked (None: unknown); `inserts` into the partition so far."""

    masked_before: datetime | None
    inserts: int


PROGRESS_COMMENT = re.compile(r"IPs are masked before (\S+), after (\d+) inserts")
# The catalogue, and counters in memory. PostgreSQL updates them after the commit, so a counted row is visible; a crash
# resets them to zero.
READ_PROGRESS = text("""
SELECT name, coalesce(obj_description(to_regclass(name), 'pg_class'), ''),
       coalesce(pg_stat_get_tuples_inserted(to_regclass(name)), 0)
FROM unnest(CAST(:names AS text[])) AS name
""")


def mask_ip(ip: ColumnElement[str]) -> ColumnElement[str]:
    """The network address of `ip`. A masked address stays unchanged."""
    bits = case((func.family(ip) == 4, literal_column("24")), else_=literal_column("48"))
    return ip.op("&")(func.netmask(func.set_masklen(ip, bits)))


def find(job: RetentionJob, planned: Sequence[Step]) -> list[Step]:
    """Partitions of events that begin before the cutoff and are not masked up to it."""
    days = job.settings.anonymize_ips_after_days
    cutoff, dropped = job.now - timedelta(days=days), dropped_partitions(planned)
    with job.engine.connect() as connection:
        ranges = {
            name: range_
            for name, range_ in sorted(partitions.list_partitions(connection, "events").items())
            if utc_midnight(range_.start) < cutoff and name not in dropped
        }
        progress = _read_progress(connection, list(ranges))
    steps = []
    for name, (start, end) in ranges.items():
        before, masked_before = min(cutoff, utc_midnight(end)), progress[name].masked_before
        if masked_before is None or masked_before < before:
            description, setting = f"IPs of {start} to {end}", f"ANONYMIZE_IPS_AFTER_DAYS={days}"
            steps.append(Step("mask", name, description, setting, before, resume_from=masked_before))
    return steps


def measure(connection: Connection, step: Step, planned: Sequence[Step]) -> Step:
    events = partition_table("events", step.table)
    not_deleted = [
        not_(and_(events.c.site_id == other.site_id, events.c.ts < other.before))
        for other in planned
        if step.table in other.partitions
    ]
    return replace(step, rows=count_rows(connection, events, *_due(events, step), *not_deleted))


def mask(job: RetentionJob, step: Step) -> int:
    """Masks in the order of uq_events, then records the progress; each row is read once."""
    events = partition_table("events", step.table)
    with job.engine.connect() as connection:
        # Read first: rows that are inserted from here on make the next run read the partition again.
        inserts = _read_progress(connection, [step.table])[step.table].inserts
        size = measure_partition(connection, step).rows
    vacuum = _Vacuum(job.engine, events, max(MIN_ROWS_BETWEEN_VACUUMS, size // 10))
    change = update(events).values(ip=mask_ip(events.c.ip))
    rows = change_in_chunks(job, [events.c.site_id, events.c.event_id], _due(events, step), change, vacuum.run_when_due)
    events.comment = f"IPs are masked before {step.before.isoformat()}, after {inserts} inserts"
    with job.engine.begin() as connection:
        connection.execute(SetTableComment(events))
    return rows


def _due(events: Table, step: Step) -> list[ColumnElement[bool]]:
    due = [events.c.ts < step.before, events.c.ip != mask_ip(events.c.ip)]
    return due if step.resume_from is None else [*due, events.c.ts >= step.resume_from]


def _read_progress(connection: Connection, names: list[str]) -> dict[str, MaskProgress]:
    """An unknown `masked_before` where the comment is missing or rows were inserted since."""
    progress = {}
    for name, comment, inserts in connection.execute(READ_PROGRESS, {"names": names}):
        match = PROGRESS_COMMENT.fullmatch(comment)
        is_current = match is not None and int(match[2]) == inserts
        progress[name] = MaskProgress(datetime.fromisoformat(match[1]) if match and is_current else None, inserts)
    return progress


MIN_ROWS_BETWEEN_VACUUMS = 50_000


class _Vacuum:
    """Vacuums the partition every `every` rows, so that new row versions reuse the space of old ones."""

    def __init__(self, engine: Engine, events: Table, every: int) -> None:
        self._engine, self._events, self._every, self._next = engine, events, every, every

    def run_when_due(self, rows: int) -> None:
        if rows < self._next:
            return
        self._next = rows + self._every
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"VACUUM (TRUNCATE false) {self._events.name}"))


IP_MASKS = StepKind(find, measure, mask)
