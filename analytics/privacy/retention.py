"""What goes, and when: `plan` says it, `run` does it, both from the same steps.

A step is one or more short transactions, each of which may be repeated; what a kill or a lock left undone is due again
at the next run. One run at a time: a second one finds the first one's lock. The tasks and `flask retention` call it.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from math import inf

from sqlalchemy import Engine, text

from analytics.errors import Conflict
from analytics.privacy.deletes import SITE_EVENTS, SITE_SAMPLES, SMALL_TABLES, VISITS
from analytics.privacy.drops import EVENTS, LEDGER, SAMPLES
from analytics.privacy.ip_masks import IP_MASKS
from analytics.privacy.steps import Done, Job, Kind, Step, Unfinished, giving_way
from config import Settings

log = logging.getLogger(__name__)

RUN_LOCK = 7_205_323

# Drops first: what they take needs no deleting and no masking.
KINDS: tuple[Kind, ...] = (EVENTS, SAMPLES, LEDGER, SITE_EVENTS, SITE_SAMPLES, VISITS, SMALL_TABLES, IP_MASKS)


def plan(engine: Engine, settings: Settings, now: datetime) -> list[Step]:
    """The steps that a run would take, with their rows and bytes. Reads only."""
    job, steps = Job(engine, settings, now), list[Step]()
    for kind in KINDS:
        found = kind.find(job, steps)
        with engine.connect() as connection:
            steps += [kind.measure(connection, step, steps) for step in found]
    return [step for step in steps if step.rows or step.action == "drop"]


def run(
    engine: Engine,
    settings: Settings,
    now: datetime,
    seconds: float = inf,
    tell: Callable[[Done], None] = lambda done: None,
) -> list[Done]:
    """Does what is due, for about `seconds`, and tells each step as it ends. Raises Conflict beside another run."""
    job, results = Job(engine, settings, now, time.monotonic() + seconds), list[Done]()
    with _alone(engine):
        for kind in KINDS:
            # What was done shows in the tables; a partition that could not be dropped must still be masked.
            for step in kind.find(job, ()):
                if job.is_over():
                    return results
                done = _do(job, kind, step)
                if done.rows or done.error or step.action == "drop":
                    results.append(done)
                    tell(done)
    return results


def _do(job: Job, kind: Kind, step: Step) -> Done:
    began, error = time.monotonic(), ""
    if step.action == "drop":
        with job.engine.connect() as connection:
            step = kind.measure(connection, step, ())
    try:
        with giving_way():
            rows = kind.do(job, step)
    except Unfinished as reason:
        rows, error = reason.rows, str(reason)
    is_estimate = step.is_estimate and rows == step.rows
    done = Done(replace(step, rows=rows, is_estimate=is_estimate), rows, time.monotonic() - began, error)
    fields = {"action": step.action, "of": step.table, "rows": rows, "seconds": round(done.seconds, 3)}
    if error:
        log.error("retention step left undone", extra={**fields, "site_id": step.site_id, "reason": error})
    else:
        log.info("retention step", extra={**fields, "site_id": step.site_id})
    return done


@contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    """Holds the run's lock on a connection of its own, which a killed process loses, and the lock with it."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": RUN_LOCK}):
            raise Conflict("another retention run is at work, and does the same")
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": RUN_LOCK})
