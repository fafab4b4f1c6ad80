"""What a step of retention is, and how rows are changed a bounded chunk at a time. Used by the modules that know the
tables (drops, deletes, ip_masks); `retention.py` puts their steps in order.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from math import inf
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Delete, Engine, MetaData, Table, Update, select, text, tuple_
from sqlalchemy.exc import OperationalError

from analytics.store.models import metadata
from analytics.store.partitions import limit_waiting
from config import Settings

CHUNK = 10_000


@dataclass(frozen=True)
class Step:
    """One thing that is due. `rows` and `bytes` (those given back to the disk) are filled in by measuring."""

    action: str
    table: str
    # What it is, for people.
    what: str
    # The setting that asks for it.
    setting: str
    # What lies before it goes.
    before: datetime | date
    site_id: int | None = None
    partitions: tuple[str, ...] = ()
    # Rows before this are done already.
    since: datetime | None = None
    rows: int = 0
    bytes: int = 0
    # The rows are PostgreSQL's own estimate: counting a large partition takes longer than dropping it.
    is_estimate: bool = False


def going(planned: Sequence[Step]) -> set[str]:
    """The partitions that will not be there any more."""
    return {step.table for step in planned if step.action == "drop"}


class Done(NamedTuple):
    """What became of a step; `error` is '' when it went through, and what is left is due again at the next run."""

    step: Step
    rows: int
    seconds: float
    error: str = ""


@dataclass(frozen=True)
class Job:
    """One run: what it works on, by which rules, at which time, and until when (of time.monotonic)."""

    engine: Engine
    settings: Settings
    now: datetime
    until: float = inf

    def is_over(self) -> bool:
        return time.monotonic() > self.until


class Unfinished(Exception):
    """A step that could not go on; what it has done so far, `rows`, stays done."""

    def __init__(self, reason: str, rows: int = 0) -> None:
        super().__init__(reason)
        self.rows = rows


LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED = "55P03", "40P01"


@contextmanager
def giving_way(rows: int = 0) -> Iterator[None]:
    """Turns a lock that was not to be had into Unfinished, with the `rows` done until then."""
    try:
        yield
    except OperationalError as error:
        if getattr(error.orig, "pgcode", None) not in (LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED):
            raise
        raise Unfinished("in use by others just now; the next run tries again", rows) from error


class Kind(NamedTuple):
    """One sort of step: which are due once the steps `planned` before it are done, how much that is, and doing it."""

    find: Callable[[Job, Sequence[Step]], list[Step]]
    measure: Callable[[Connection, Step, Sequence[Step]], Step]
    do: Callable[[Job, Step], int]


def partition(parent: str, name: str) -> Table:
    """The partition as a table to write statements with."""
    return metadata.tables[parent].to_metadata(MetaData(), name=name)


# Of a large partition the estimate of the last ANALYZE is good enough, and costs nothing.
COUNTED_BELOW = 100_000
SIZE = text("""
SELECT reltuples, pg_total_relation_size(oid)
FROM pg_class
WHERE oid = to_regclass(:name)
""")


def measure_partition(connection: Connection, step: Step, planned: Sequence[Step] = ()) -> Step:
    """The step with the rows and bytes of its whole table."""
    found = connection.execute(SIZE, {"name": step.table}).one_or_none()
    if found is None:
        return step
    estimate, size = found
    if estimate >= COUNTED_BELOW:
        return replace(step, rows=round(estimate), bytes=size, is_estimate=True)
    parent = step.table.rpartition("_")[0]
    rows = connection.scalar(select(text("count(*)")).select_from(partition(parent, step.table)))
    return replace(step, rows=rows or 0, bytes=size)


# The statistics of a young table know nothing and would have the planner read all of it, again and again.
BY_INDEX = text("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL jit = off")


def plan_by_index(connection: Connection) -> None:
    """For the rest of the transaction: rows are found through an index."""
    connection.execute(BY_INDEX)


def in_chunks(
    job: Job,
    keys: list[ColumnElement[Any]],
    due: list[ColumnElement[bool]],
    change: Delete | Update,
    between: Callable[[int], None] = lambda rows: None,
) -> int:
    """How many rows `change` has changed: those that are `due`, CHUNK of them a transaction in the order of `keys`.

    `keys` lead an index, so that each row is visited once; `between` is told after each chunk how many it were so far.
    Raises Unfinished when the job's time is over.
    """
    after: tuple[Any, ...] | None = None
    rows = 0
    while True:
        with giving_way(rows), job.engine.begin() as connection:
            limit_waiting(connection)
            plan_by_index(connection)
            scope = due if after is None else [*due, tuple_(*keys) > tuple_(*after)]
            last = connection.execute(select(*keys).where(*scope).order_by(*keys).limit(1).offset(CHUNK - 1)).first()
            if last is not None:
                scope = [*scope, tuple_(*keys) <= tuple_(*last)]
            rows += connection.execute(change.where(*scope)).rowcount
        if last is None:
            return rows
        between(rows)
        after = tuple(last)
        if job.is_over():
            raise Unfinished("out of time; the next run goes on", rows)
