"""Creating export jobs: idempotency and the limits of callers, rows and bytes.

Views, schedules and the CLI call it with a resolved export; they enqueue the job after the commit. No Flask.
"""

import uuid
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, Engine, func, insert, select, text

from analytics import clock, telemetry
from analytics.errors import Conflict, TooLarge, TooMany
from analytics.exports.jobs.job import SELECT_JOBS, UNFINISHED_STATES, Job, job_of_row
from analytics.exports.sources.export import Export
from analytics.store.models import export_jobs
from config import Settings

FULL_QUOTA_RETRY_S = 3600
RUNNING_LIMIT_RETRY_S = 30


class Limits(NamedTuple):
    """Unfinished jobs of one caller (None: no limit), rows of one job, and bytes of all stored files."""

    max_jobs: int | None
    max_rows: int
    max_bytes: int


class NewJob(NamedTuple):
    """A job to create. `fingerprint` is of the body; an `idempotency_key` that is repeated for the site must come with
    the same one. `token_id`: of the token that asked for it; once that is revoked the job does not run."""

    export: Export
    owner: str
    idempotency_key: str | None = None
    fingerprint: str = ""
    callback_url: str | None = None
    schedule_id: str | None = None
    # The job holds rows received before this; None: those that are complete when it starts.
    cutoff: datetime | None = None
    token_id: str | None = None


class CreatedJob(NamedTuple):
    """`is_new` False: the idempotency key was used before, and this is its job."""

    job: Job
    is_new: bool


# Serializes the requests of one caller, so that they are counted correctly and a repetition creates one job.
LOCK_OWNER = text("SELECT pg_advisory_xact_lock(hashtextextended('exports of ' || :owner, 0))")


def read_limits(settings: Settings) -> Limits:
    return Limits(settings.export_running_a_caller, settings.export_max_rows, settings.export_quota_bytes)


def create(engine: Engine, new_job: NewJob, limits: Limits) -> CreatedJob:
    """The job, queued and committed. Raises BadInput, Conflict, TooMany and TooLarge."""
    with engine.begin() as connection:
        return create_in_transaction(connection, new_job, limits)


def create_in_transaction(connection: Connection, new_job: NewJob, limits: Limits) -> CreatedJob:
    """The same in the caller's transaction."""
    connection.execute(LOCK_OWNER, {"owner": new_job.owner})
    if new_job.idempotency_key is not None and (earlier := _find_earlier_job(connection, new_job)):
        return CreatedJob(earlier, False)
    _check_limits(connection, new_job, limits)
    return CreatedJob(_insert(connection, new_job, _estimate_rows(connection, new_job.export, limits)), True)


def _find_earlier_job(connection: Connection, new_job: NewJob) -> Job | None:
    """The job of the same owner, site and idempotency key. Raises Conflict when its body was another.

    Tokens of other sites may have the same subject: they learn nothing of this one. Served by
    uq_export_jobs_site_idempotency.
    """
    query = SELECT_JOBS.where(
        export_jobs.c.owner == new_job.owner,
        export_jobs.c.site_id == new_job.export.request.site_id,
        export_jobs.c.idempotency_key == new_job.idempotency_key,
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    job = job_of_row(row)
    if job.request.get("asked") != new_job.fingerprint:
        detail = f"Idempotency-Key: {new_job.idempotency_key!r} was used for another export ({job.id})"
        raise Conflict(f"{detail}; send a new key with a new export")
    return job


def _check_limits(connection: Connection, new_job: NewJob, limits: Limits) -> None:
    query = select(func.count()).where(export_jobs.c.owner == new_job.owner, export_jobs.c.state.in_(UNFINISHED_STATES))
    jobs = connection.execute(query).scalar_one()
    if limits.max_jobs is not None and jobs >= limits.max_jobs:
        detail = f"{jobs} of your exports are queued or running; at most {limits.max_jobs} may be"
        detail += " (EXPORT_RUNNING_A_CALLER); wait until one finishes, or cancel one"
        raise TooMany(detail, retry_after_s=RUNNING_LIMIT_RETRY_S)
    if reason := describe_full_quota(connection, limits):
        raise TooMany(f"{reason}; delete exports, or wait until some expire", retry_after_s=FULL_QUOTA_RETRY_S)


def describe_full_quota(connection: Connection, limits: Limits) -> str | None:
    """Why the stored files leave no room for another one; None: they do. Served by ix_export_jobs_state."""
    stored = select(func.coalesce(func.sum(export_jobs.c.bytes), 0)).where(export_jobs.c.state == "done")
    if connection.execute(stored).scalar_one() < limits.max_bytes:
        return None
    return f"the storage quota of exports is used up ({limits.max_bytes:,} bytes, EXPORT_QUOTA_BYTES)"


def _estimate_rows(connection: Connection, export: Export, limits: Limits) -> int | None:
    """Raises TooLarge for an estimate over the limit; without an estimate the worker counts."""
    estimate = export.estimate_rows(connection)
    if estimate is not None and estimate > limits.max_rows:
        raise TooLarge(describe_too_many_rows(f"about {estimate:,}", limits))
    return estimate


def describe_too_many_rows(row_count: str, limits: Limits) -> str:
    detail = f"the export has {row_count} rows; at most {limits.max_rows:,} are accepted (EXPORT_MAX_ROWS)"
    return f"{detail}; export shorter periods, one at a time"


def _insert(connection: Connection, new_job: NewJob, rows_estimate: int | None) -> Job:
    request = new_job.export.request
    unseen = {"asked": new_job.fingerprint, "request_id": telemetry.request_id.get(), "token_id": new_job.token_id}
    row = {
        "id": str(uuid.uuid4()),
        "site_id": request.site_id,
        "owner": new_job.owner,
        "state": "queued",
        "request": {**request.as_json(), **unseen},
        "idempotency_key": new_job.idempotency_key,
        "created_at": clock.now(),
        "rows_estimate": rows_estimate,
        "callback_url": new_job.callback_url,
        "schedule_id": new_job.schedule_id,
        "cutoff": new_job.cutoff,
    }
    connection.execute(insert(export_jobs).values(row))
    return job_of_row(connection.execute(SELECT_JOBS.where(export_jobs.c.id == row["id"])).one())
