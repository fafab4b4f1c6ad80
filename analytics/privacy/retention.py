"""The retention run: `plan` lists the due steps, `run` executes them. A task and `flask retention` call it.

A step is one or more short transactions that can be repeated. The rest of a step that was killed or found a lock is due
again at the next run. An advisory lock allows one run at a time.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from math import inf

from sqlalchemy import Engine

from analytics.errors import Conflict
from analytics.privacy.deletes import SITE_EVENT_DELETES, SITE_SAMPLE_DELETES, SMALL_TABLE_DELETES, VISIT_DELETES
from analytics.privacy.drops import EVENT_DROPS, LEDGER_DROPS, SAMPLE_DROPS
from analytics.privacy.ip_masks import IP_MASKS
from analytics.privacy.letter_masks import LETTER_MASKS
from analytics.privacy.steps import RetentionJob, Step, StepKind, StepResult, StepUnfinished, catch_lock_errors
from analytics.store.connections import try_exclusive
from config import Settings

log = logging.getLogger(__name__)

RETENTION_LOCK_ID = 7_205_323

# Drops first: dropped rows need no deleting and no masking.
STEP_KINDS: tuple[StepKind, ...] = (
    EVENT_DROPS,
    SAMPLE_DROPS,
    LEDGER_DROPS,
    SITE_EVENT_DELETES,
    SITE_SAMPLE_DELETES,
    VISIT_DELETES,
    SMALL_TABLE_DELETES,
    IP_MASKS,
    LETTER_MASKS,
)


def plan(engine: Engine, settings: Settings, now: datetime) -> list[Step]:
    """The steps that a run would execute, with their rows and bytes. Only reads."""
    job, steps = RetentionJob(engine, settings, now), list[Step]()
    for kind in STEP_KINDS:
        due = kind.find(job, steps)
        with engine.connect() as connection:
            steps += [kind.measure(connection, step, steps) for step in due]
    return [step for step in steps if step.rows or step.action == "drop"]


def run(
    engine: Engine,
    settings: Settings,
    now: datetime,
    budget_s: float = inf,
    on_result: Callable[[StepResult], None] = lambda result: None,
) -> list[StepResult]:
    """Executes the due steps for about `budget_s`, and passes each result on. Raises Conflict during another run."""
    job, results = RetentionJob(engine, settings, now, time.monotonic() + budget_s), list[StepResult]()
    with _exclusive_run(engine):
        for kind in STEP_KINDS:
            # Without planned steps: the tables show which succeeded, and a partition whose drop failed must be masked.
            for step in kind.find(job, ()):
                if job.is_past_deadline():
                    return results
                result = _execute(job, kind, step)
                if result.rows or result.error or step.action == "drop":
                    results.append(result)
                    on_result(result)
    return results


def _execute(job: RetentionJob, kind: StepKind, step: Step) -> StepResult:
    started, error = time.monotonic(), ""
    if step.action == "drop":
        with job.engine.connect() as connection:
            step = kind.measure(connection, step, ())
    try:
        with catch_lock_errors():
            rows = kind.execute(job, step)
    except StepUnfinished as unfinished:
        rows, error = unfinished.rows, str(unfinished)
    is_estimate = step.is_estimate and rows == step.rows
    step = replace(step, rows=rows, is_estimate=is_estimate)
    result = StepResult(step, rows, time.monotonic() - started, error)
    _log(result)
    return result


def _log(result: StepResult) -> None:
    step = result.step
    fields = {"action": step.action, "of": step.table, "rows": result.rows, "seconds": round(result.duration_s, 3)}
    if result.error:
        log.error("retention step unfinished", extra={**fields, "site_id": step.site_id, "reason": result.error})
    else:
        log.info("retention step", extra={**fields, "site_id": step.site_id})


@contextmanager
def _exclusive_run(engine: Engine) -> Iterator[None]:
    """PostgreSQL releases the run's lock when the process is killed."""
    with try_exclusive(engine, RETENTION_LOCK_ID) as is_alone:
        if not is_alone:
            raise Conflict("another retention run is in progress; wait until it ends")
        yield
