"""What workers do to a job, a statement a step: queued → running → done or failed, or queued again.

A worker's claim is the job's `attempt`, counted up by whoever takes it. Each later statement names it, and touches no
row when the job was cancelled, removed or taken over meanwhile: then Lost is raised, and the worker lets go. The
database's clock decides how old a heartbeat is, so machines need not agree on the time.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import psycopg2
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, TimeoutError

from analytics.exports.sources import Part

# A worker that was silent for this long is taken for dead.
STALE_S = 60
MOST_ATTEMPTS = 10
# From the first failure on, doubled each time: ten attempts in a quarter of an hour.
RETRY_S, LONGEST_RETRY_S = 5, 300
# What is raised when the database does not answer, or not in time.
AWAY = (DBAPIError, TimeoutError, psycopg2.Error)


class Lost(Exception):
    """The job is no longer this worker's: cancelled, removed, or taken over."""


class Claim(NamedTuple):
    """The right to work on a job."""

    job_id: str
    attempt: int


CLAIM = text("""
UPDATE export_jobs
SET state = 'running', attempt = attempt + 1, heartbeat_at = clock_timestamp(), retry_at = NULL, error = NULL,
    started_at = coalesce(started_at, clock_timestamp())
WHERE id = :id
  AND attempt < :most
  AND (state = 'queued' AND (retry_at IS NULL OR retry_at <= clock_timestamp())
       OR state = 'running' AND heartbeat_at < clock_timestamp() - make_interval(secs => :stale_s))
RETURNING attempt
""")


def claim(engine: Engine, job_id: str) -> Claim | None:
    """The job is this worker's now; None: somebody else's, or not to be worked on."""
    with engine.begin() as connection:
        given = {"id": job_id, "most": MOST_ATTEMPTS, "stale_s": STALE_S}
        attempt = connection.execute(CLAIM, given).scalar()
    return None if attempt is None else Claim(job_id, attempt)


HEARTBEAT = text("""
UPDATE export_jobs
SET heartbeat_at = clock_timestamp(), rows_done = :rows_done
WHERE id = :id AND attempt = :attempt AND state = 'running'
RETURNING 1
""")


def beat(engine: Engine, held: Claim, rows_done: int) -> None:
    """Still alive, and this far."""
    _write(engine, HEARTBEAT, held, rows_done=rows_done)


PLAN = text("""
UPDATE export_jobs
SET cutoff = :cutoff, parts = CAST(:parts AS jsonb), rows_done = 0
WHERE id = :id AND attempt = :attempt AND state = 'running'
RETURNING 1
""")


def plan(engine: Engine, held: Claim, cutoff: datetime, parts: list[Part]) -> list[dict[str, Any]]:
    """How the work is cut, once for all attempts. Returned as stored."""
    manifest = [{"n": part.n, "start": part.start.isoformat(), "end": part.end.isoformat()} for part in parts]
    _write(engine, PLAN, held, cutoff=cutoff, parts=json.dumps(manifest))
    return manifest


RECORD = text("""
UPDATE export_jobs
SET parts = jsonb_set(parts, ARRAY[:place], CAST(:part AS jsonb)), rows_done = :rows_done,
    heartbeat_at = clock_timestamp()
WHERE id = :id AND attempt = :attempt AND state = 'running'
RETURNING 1
""")


def record(engine: Engine, held: Claim, part: Mapping[str, Any], rows_done: int) -> None:
    """The part is on the disk."""
    _write(engine, RECORD, held, place=str(part["n"]), part=json.dumps(dict(part)), rows_done=rows_done)


DONE = text("""
UPDATE export_jobs
SET state = 'done', file = :file, bytes = :bytes, sha256 = :sha256, rows_done = :rows_done, finished_at = :now,
    expires_at = :expires_at, error = NULL
WHERE id = :id AND attempt = :attempt AND state = 'running'
RETURNING 1
""")


def finish(engine: Engine, held: Claim, **found: Any) -> None:
    """The file is where it belongs: `file`, `bytes`, `sha256`, `rows_done`, `now`, `expires_at`."""
    _write(engine, DONE, held, **found)


GIVE_BACK = text("""
UPDATE export_jobs
SET state = 'queued', error = :error, retry_at = clock_timestamp() + make_interval(secs => :wait_s)
WHERE id = :id AND attempt = :attempt AND state = 'running'
RETURNING 1
""")
FAIL = text("""
UPDATE export_jobs
SET state = 'failed', error = :error, finished_at = clock_timestamp()
WHERE id = :id AND attempt = :attempt AND state = 'running'
RETURNING 1
""")


def give_back(engine: Engine, held: Claim, error: str) -> None:
    """Queued again for a later attempt, or failed when there have been enough."""
    if held.attempt >= MOST_ATTEMPTS:
        return fail(engine, held, f"{error}; tried {held.attempt} times")
    wait_s = min(RETRY_S * 2 ** (held.attempt - 1), LONGEST_RETRY_S)
    return _write(engine, GIVE_BACK, held, error=f"{error}; it is tried again", wait_s=wait_s)


def fail(engine: Engine, held: Claim, error: str) -> None:
    _write(engine, FAIL, held, error=error)


REQUEUE = text("""
UPDATE export_jobs
SET state = CASE WHEN attempt < :most THEN 'queued' ELSE 'failed' END,
    finished_at = CASE WHEN attempt < :most THEN NULL ELSE clock_timestamp() END,
    error = CASE WHEN attempt < :most THEN 'its worker is gone; another goes on with it'
                 ELSE 'its worker was gone ' || attempt || ' times before the file was whole' END
WHERE state = 'running' AND heartbeat_at < clock_timestamp() - make_interval(secs => :stale_s)
RETURNING id, state
""")
# Served by ix_export_jobs_state.
DUE = text("""
SELECT id
FROM export_jobs
WHERE state = 'queued' AND (retry_at IS NULL OR retry_at <= clock_timestamp())
ORDER BY created_at, id
LIMIT :most
""")


def requeue_stale(engine: Engine) -> int:
    """Jobs of dead workers are queued again, or failed after too many. How many there were."""
    with engine.begin() as connection:
        return len(connection.execute(REQUEUE, {"most": MOST_ATTEMPTS, "stale_s": STALE_S}).all())


def due(engine: Engine, most: int) -> list[str]:
    """The ids of the jobs that could start now, the one that waits longest first."""
    with engine.connect() as connection:
        return [str(found) for found in connection.execute(DUE, {"most": most}).scalars()]


def _write(engine: Engine, statement: Any, held: Claim, **values: Any) -> None:
    with engine.begin() as connection:
        found = connection.execute(statement, {"id": held.job_id, "attempt": held.attempt, **values}).first()
    if found is None:
        raise Lost
