"""The steps of a retention run: what a step is, its size, and changes of rows in bounded chunks.

drops.py, deletes.py and ip_masks.py define the steps of their tables; retention.py orders and runs them.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from math import inf
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, Connection, Delete, Engine, MetaData, Table, Update, select, text, tuple_
from sqlalchemy.exc import OperationalError

from analytics.store.models import metadata
from analytics.store.partitions import set_lock_timeout
from analytics.store.planner import force_index_scans
from config import Settings

CHUNK_ROWS = 10_000


def _execute(connection: Connection, statement: Delete | Update) -> int:
    return connection.execute(statement).rowcount


@dataclass(frozen=True)
class Step:
    """One thing that is due: rows of `table` before an instant. Measuring it fills `rows` and `bytes` (disk space)."""

    action: Literal["drop", "delete", "mask"]
    table: str
    # For the table that the command prints.
    description: str
    # The setting that requires it.
    setting: str
    before: datetime | date
    site_id: int | None = None
    partitions: tuple[str, ...] = ()
    # Rows before this instant are done.
    resume_from: datetime | None = None
    rows: int = 0
    bytes: int = 0
    # `rows` is PostgreSQL's estimate: counting a large partition takes longer than dropping it.
    is_estimate: bool = False


def dropped_partitions(planned: Sequence[Step]) -> set[str]:
    """The partitions that the steps drop."""
    return {step.table for step in planned if step.action == "drop"}


class StepResult(NamedTuple):
    """The outcome of a step. `error` is '' for success; the rest of a failed step is due again at the next run."""

    step: Step
    rows: int
    duration_s: float
    error: str = ""


@dataclass(frozen=True)
class RetentionJob:
    """One run: engine, settings, its time, and its deadline (of time.monotonic)."""

    engine: Engine
    settings: Settings
    now: datetime
    deadline: float = inf

    def is_past_deadline(self) -> bool:
        return time.monotonic() > self.deadline


class StepUnfinished(Exception):
    """A step that could not finish. Its first `rows` rows are committed."""

    def __init__(self, reason: str, rows: int = 0) -> None:
        super().__init__(reason)
        self.rows = rows


LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED = "55P03", "40P01"


@contextmanager
def catch_lock_errors(rows: int = 0) -> Iterator[None]:
    """Raises StepUnfinished with `rows` where a lock is not granted in time."""
    try:
        yield
    except OperationalError as error:
        if getattr(error.orig, "pgcode", None) not in (LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED):
            raise
        raise StepUnfinished("the table is in use; the next run retries", rows) from error


class StepKind(NamedTuple):
    """One kind of step: `find` the due steps after the `planned` ones, `measure` the rows of a step, `execute` it."""

    find: Callable[[RetentionJob, Sequence[Step]], list[Step]]
    measure: Callable[[Connection, Step, Sequence[Step]], Step]
    execute: Callable[[RetentionJob, Step], int]


def partition_table(parent: str, name: str) -> Table:
    """The partition as a table with the columns of its parent."""
    return metadata.tables[parent].to_metadata(MetaData(), name=name)


# A larger partition is estimated by its last ANALYZE, which costs nothing.
EXACT_COUNT_BELOW = 100_000
READ_PARTITION_SIZE = text("""
SELECT reltuples, pg_total_relation_size(oid)
FROM pg_class
WHERE oid = to_regclass(:name)
""")


def measure_partition(connection: Connection, step: Step, planned: Sequence[Step] = ()) -> Step:
    """The step with the rows and bytes of its whole partition."""
    size = connection.execute(READ_PARTITION_SIZE, {"name": step.table}).one_or_none()
    if size is None:
        return step
    estimate, size_bytes = size
    if estimate >= EXACT_COUNT_BELOW:
        return replace(step, rows=round(estimate), bytes=size_bytes, is_estimate=True)
    partition = partition_table(step.table.rpartition("_")[0], step.table)
    return replace(step, rows=count_rows(connection, partition), bytes=size_bytes)


def count_rows(connection: Connection, table: Table, *conditions: ColumnElement[bool]) -> int:
    return connection.scalar(select(text("count(*)")).select_from(table).where(*conditions)) or 0


def change_in_chunks(
    job: RetentionJob,
    keys: list[ColumnElement[Any]],
    due: list[ColumnElement[bool]],
    statement: Delete | Update,
    after_chunk: Callable[[int], None] = lambda rows: None,
    apply: Callable[[Connection, Delete | Update], int] = _execute,
) -> int:
    """Runs `statement` on the rows that are `due`, CHUNK_ROWS a transaction in the order of `keys`; how many changed.

    `keys` are the first columns of an index, so each row is visited once. `after_chunk` gets the number of rows so far.
    `apply` executes the statement of a chunk in its transaction, and returns its rows.
    Raises StepUnfinished at the job's deadline, or when a lock is not granted.
    """
    after: tuple[Any, ...] | None = None
    rows = 0
    while True:
        with catch_lock_errors(rows), job.engine.begin() as connection:
            set_lock_timeout(connection)
            force_index_scans(connection)
            scope = due if after is None else [*due, tuple_(*keys) > tuple_(*after)]
            last = connection.execute(
                select(*keys).where(*scope).order_by(*keys).limit(1).offset(CHUNK_ROWS - 1)
            ).first()
            if last is not None:
                scope = [*scope, tuple_(*keys) <= tuple_(*last)]
            rows += apply(connection, statement.where(*scope))
        if last is None:
            return rows
        after_chunk(rows)
        after = tuple(last)
        if job.is_past_deadline():
            raise StepUnfinished("the time budget is used up; the next run continues", rows)
