"""What workers do to a job, one statement a step: queued → running → done or failed, or queued again.

The claim of a worker is the job's `attempt`, which each claim increments. Every later statement names it and updates no
row after the job was cancelled, deleted or taken over: then ClaimLost is raised and the worker stops. The database's
clock decides how old a heartbeat is, so machines need not agree on the time.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import psycopg2
from sqlalchemy import Engine, TextClause, text
from sqlalchemy.exc import DBAPIError, TimeoutError

from analytics.exports.sources.export import Part

# A worker without a heartbeat for this long is considered dead.
HEARTBEAT_TIMEOUT_S = 60
MAX_ATTEMPTS = 10
# The delay doubles with each failure: ten attempts take a quarter of an hour.
FIRST_RETRY_DELAY_S, MAX_RETRY_DELAY_S = 5, 300
# Raised when the database does not answer in time, or refuses a query.
DATABASE_ERRORS = (DBAPIError, TimeoutError, psycopg2.Error)


class ClaimLost(Exception):
    """The job was cancelled, deleted, or taken over by another worker."""


class Claim(NamedTuple):
    """The right of one worker to work on a job."""

    job_id: str
    attempt: int
    # Of the request that created the job; "": none did.
    request_id: str = ""


CLAIM = text("""
UPDATE export_jobs
SET state = 'running', attempt = attempt + 1, heartbeat_at = clock_timestamp(), retry_at = NULL, error = NULL,
    started_at = coalesce(started_at, clock_timestamp())
WHERE id = :id
  AND attempt < :max_attempts
  AND (state = 'queued' AND (retry_at IS NULL OR retry_at <= clock_timestamp())
       OR state = 'running' AND heartbeat_at < clock_timestamp() - make_interval(secs => :stale_s))
RETURNING attempt, coalesce(request->>'request_id', '') AS request_id
""")


def claim_job(engine: Engine, job_id: str) -> Claim | None:
    """The claim; None: another worker has the job, or it cannot start now."""
    with engine.begin() as connection:
        parameters = {"id": job_id, "max_attempts": MAX_ATTEMPTS, "stale_s": HEARTBEAT_TIMEOUT_S}
        claimed = connection.execute(CLAIM, parameters).first()
    return None if claimed is None else Claim(job_id, *claimed)


HEARTBEAT = text("""
UPDATE export_jobs
SET heartbeat_at = clock_timestamp(), rows_done = :rows_done
WHERE id = :id AND attempt = :attempt AND state = 'running'
RETURNING 1
""")


def write_heartbeat(engine: Engine, claim: Claim, rows_done: int) -> None:
    """The worker is alive and has written this many rows."""
    _write(engine, HEARTBEAT, claim, rows_done=rows_done)


PLAN = text("""
UPDATE export_jobs
SET cutoff = :cutoff, parts = CAST(:parts AS jsonb), rows_done = 0
WHERE id = :id AND attempt = :attempt AND state = 'running'
RETURNING 1
""")


def store_plan(engine: Engine, claim: Claim, cutoff: datetime, parts: list[Part]) -> list[dict[str, Any]]:
    """Stores the parts, once for all attempts; returns them as stored."""
    manifest = [{"n": part.n, "start": part.start.isoformat(), "end": part.end.isoformat()} for part in parts]
    _write(engine, PLAN, claim, cutoff=cutoff, parts=json.dumps(manifest))
    return manifest


RECORD = text("""
UPDATE export_jobs
SET parts = jsonb_set(parts, ARRAY[:number], CAST(:part AS jsonb)), rows_done = :rows_done,
    heartbeat_at = clock_timestamp()
WHERE id = :id AND attempt = :attempt AND state = 'running'
RETURNING 1
""")


def record_part(engine: Engine, claim: Claim, part: Mapping[str, Any], rows_done: int) -> None:
    """The part is on the disk: its rows, bytes and SHA-256."""
    _write(engine, RECORD, claim, number=str(part["n"]), part=json.dumps(dict(part)), rows_done=rows_done)


FINISH = text("""
UPDATE export_jobs
SET state = 'done', file = :file, bytes = :bytes, sha256 = :sha256, rows_done = :rows_done, finished_at = :now,
    expires_at = :expires_at, error = NULL
WHERE id = :id AND attempt = :attempt AND state = 'running'
RETURNING 1
""")


def finish(engine: Engine, claim: Claim, **values: Any) -> None:
    """The file is in the storage: `file`, `bytes`, `sha256`, `rows_done`, `now`, `expires_at`."""
    _write(engine, FINISH, claim, **values)


RETRY_LATER = text("""
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


def retry_later(engine: Engine, claim: Claim, error: str) -> None:
    """Queued again for a later attempt; failed after MAX_ATTEMPTS."""
    if claim.attempt >= MAX_ATTEMPTS:
        return fail(engine, claim, f"{error}; {claim.attempt} attempts failed")
    wait_s = min(FIRST_RETRY_DELAY_S * 2 ** (claim.attempt - 1), MAX_RETRY_DELAY_S)
    return _write(engine, RETRY_LATER, claim, error=f"{error}; the export will be retried", wait_s=wait_s)


def fail(engine: Engine, claim: Claim, error: str) -> None:
    _write(engine, FAIL, claim, error=error)


REQUEUE_STALE = text("""
UPDATE export_jobs
SET state = CASE WHEN attempt < :max_attempts THEN 'queued' ELSE 'failed' END,
    finished_at = CASE WHEN attempt < :max_attempts THEN NULL ELSE clock_timestamp() END,
    error = CASE WHEN attempt < :max_attempts THEN 'the worker died; another worker continues'
                 ELSE 'the worker died ' || attempt || ' times before the file was complete' END
WHERE state = 'running' AND heartbeat_at < clock_timestamp() - make_interval(secs => :stale_s)
RETURNING id, state
""")
# Served by ix_export_jobs_state.
SELECT_DUE = text("""
SELECT id
FROM export_jobs
WHERE state = 'queued' AND (retry_at IS NULL OR retry_at <= clock_timestamp())
ORDER BY created_at, id
LIMIT :limit
""")


def requeue_stale(engine: Engine) -> int:
    """Queues the jobs of dead workers again, or fails them after MAX_ATTEMPTS. Returns their number."""
    with engine.begin() as connection:
        parameters = {"max_attempts": MAX_ATTEMPTS, "stale_s": HEARTBEAT_TIMEOUT_S}
        return len(connection.execute(REQUEUE_STALE, parameters).all())


def list_due(engine: Engine, limit: int) -> list[str]:
    """The ids of the jobs that could start now, the oldest first."""
    with engine.connect() as connection:
        return [str(job_id) for job_id in connection.execute(SELECT_DUE, {"limit": limit}).scalars()]


def _write(engine: Engine, statement: TextClause, claim: Claim, **values: Any) -> None:
    with engine.begin() as connection:
        row = connection.execute(statement, {"id": claim.job_id, "attempt": claim.attempt, **values}).first()
    if row is None:
        raise ClaimLost
