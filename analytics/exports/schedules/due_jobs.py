"""The jobs of schedules that are due. A file holds rows *received* since the previous one, so late events are in it.

tasks/exports.py calls `create_due_jobs`, the CLI `run_now`. A job that failed or was cancelled leaves its rows to the
next one. A schedule is paused when the token, key or account that it was created with may not export its site any more.
Nothing here enqueues a job.
"""

import logging
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from redis import Redis
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from analytics import clock
from analytics.auth.keys.keys import find_lost_credential
from analytics.errors import AnalyticsError, Conflict, NotFound
from analytics.exports.jobs.creation import Limits, NewJob, create_in_transaction, describe_full_quota
from analytics.exports.jobs.job import Job
from analytics.exports.schedules import increments
from analytics.exports.schedules.calendar import next_run
from analytics.exports.schedules.schedule import (
    SELECT_SCHEDULES,
    Schedule,
    lock_schedule,
    schedule_of_row,
    write_changes,
)
from analytics.exports.sources.export import Export, default_period, resolve
from analytics.exports.sources.raw_rows import expand_where
from analytics.exports.sources.request import ExportRequest
from analytics.store.backlog import read_complete_through
from analytics.store.models import export_schedules

log = logging.getLogger(__name__)

# An event gets its received_at before it is in the stream: longer than any request takes, with room for clock skew.
RECEIPT_MARGIN = timedelta(seconds=60)
# The rows of an increment are not known beforehand; the worker counts them.
UNLIMITED_ROWS = 10**15

# Served by ix_export_jobs_state.
SELECT_UNFINISHED_JOB = text("""
SELECT id FROM export_jobs WHERE schedule_id = CAST(:id AS uuid) AND state IN ('queued', 'running') LIMIT 1
""")


def run_now(engine: Engine, redis: Redis, limits: Limits, schedule_id: str, now: datetime) -> Job:
    """An extra job, of rows received since the last one.

    Raises NotFound, and Conflict while the last one is unfinished, or when the job would fail for its credential.
    """
    cutoff = read_complete_through(redis, now) - RECEIPT_MARGIN
    with engine.begin() as connection:
        schedule = lock_schedule(connection, schedule_id)
        if schedule is None:
            raise NotFound(f"there is no schedule {schedule_id}")
        if reason := _describe_unfinished_job(connection, schedule_id):
            raise Conflict(f"{reason}; run the schedule when it has")
        if reason := _describe_lost_owner(connection, schedule):
            raise Conflict(reason)
        return _create_job(connection, schedule, limits, cutoff, now)


def _describe_unfinished_job(connection: Connection, schedule_id: str) -> str | None:
    job_id = connection.execute(SELECT_UNFINISHED_JOB, {"id": schedule_id}).scalar()
    return job_id and f"the last export of the schedule ({job_id}) has not ended"


def create_due_jobs(engine: Engine, redis: Redis, limits: Limits, now: datetime) -> list[str]:
    """The ids of the jobs created for schedules that are due. Safe to run twice, and concurrently."""
    _pause_revoked(engine)
    cutoff = read_complete_through(redis, now) - RECEIPT_MARGIN
    seen, job_ids = set[str](), list[str]()
    while (due := _plan_next(engine, limits, cutoff, now, seen)) is not None:
        seen.add(due.schedule_id)
        job_ids += [due.job_id] if due.job_id else []
    return job_ids


# Schedules that are not due too: the revocation of a token is deleted when the token would have ended.
PAUSE_REVOKED = text("""
UPDATE export_schedules
SET enabled = false
WHERE enabled AND request ->> 'token_id' IN (SELECT jti FROM revoked_tokens)
RETURNING id
""")


def _pause_revoked(engine: Engine) -> None:
    with engine.begin() as connection:
        for schedule_id in connection.execute(PAUSE_REVOKED).scalars():
            log.warning("schedule paused: its token was revoked", extra={"schedule": str(schedule_id)})


class _DueSchedule(NamedTuple):
    """A schedule that was due; `job_id` None: its job cannot be created now."""

    schedule_id: str
    job_id: str | None


def _describe_lost_owner(connection: Connection, schedule: Schedule) -> str | None:
    reason = find_lost_credential(connection, schedule.owner, schedule.token_id, schedule.site_id)
    return reason and (
        f"{reason}, with which the schedule was created; create it again with one that may export, or resume it with "
        'a valid token or session of the same subject: PATCH {"enabled": true}'
    )


# Served by ix_export_schedules_next_run_at and ix_export_jobs_state. A schedule waits until its last job ends, since a
# job that fails leaves its rows to the next one.
SELECT_DUE = text("""
SELECT s.id
FROM export_schedules AS s
WHERE s.enabled AND s.next_run_at <= :now AND s.id <> ALL(CAST(:seen AS uuid[]))
  AND NOT EXISTS (SELECT FROM export_jobs AS j WHERE j.schedule_id = s.id AND j.state IN ('queued', 'running'))
ORDER BY s.next_run_at, s.id
LIMIT 1
FOR UPDATE OF s SKIP LOCKED
""")


def _plan_next(
    engine: Engine, limits: Limits, cutoff: datetime, now: datetime, seen: Collection[str]
) -> _DueSchedule | None:
    schedule_id = None
    try:
        with engine.begin() as connection:
            due_id = connection.execute(SELECT_DUE, {"now": now, "seen": list(seen)}).scalar()
            if due_id is None:
                return None
            schedule_id = str(due_id)
            row = connection.execute(SELECT_SCHEDULES.where(export_schedules.c.id == schedule_id)).one()
            schedule = schedule_of_row(row)
            if _describe_lost_owner(connection, schedule):
                write_changes(connection, schedule.id, {"enabled": False})
                log.warning("schedule paused: its owner may not export any more", extra={"schedule": schedule_id})
                return _DueSchedule(schedule_id, None)
            return _DueSchedule(schedule_id, _create_job(connection, schedule, limits, cutoff, now).id)
    except (AnalyticsError, DBAPIError, ValueError) as error:
        if schedule_id is None or getattr(error, "connection_invalidated", False):
            raise
        # The schedule stays due, so the next run retries in a minute; the other schedules continue.
        reason = error.detail if isinstance(error, AnalyticsError) else type(error).__name__
        log.warning("scheduled export not created", extra={"schedule": schedule_id, "reason": reason})
        return _DueSchedule(schedule_id, None)


def _create_job(connection: Connection, schedule: Schedule, limits: Limits, cutoff: datetime, now: datetime) -> Job:
    """One job, however many runs were missed.

    When it has too many rows, it gets the first of them and the schedule stays due. A missed range that was tried
    before waits for the next run instead, since the cause may persist.
    """
    # A backlog may move it before the end of the last file.
    cutoff = max(cutoff, schedule.last_cutoff or cutoff)
    missed = increments.read_missed_range(connection, schedule.id)
    export = _resolve_increment(connection, schedule, missed.since if missed else schedule.last_cutoff, now)
    until = increments.limit_cutoff(connection, export, cutoff, limits.max_rows, is_exact=missed is not None)
    new_job = NewJob(
        export,
        schedule.owner,
        callback_url=schedule.request.get("callback_url"),
        schedule_id=schedule.id,
        cutoff=until,
        token_id=schedule.token_id,
    )
    job = create_in_transaction(connection, new_job, limits._replace(max_jobs=None, max_rows=UNLIMITED_ROWS)).job
    stays_due = until < cutoff and (missed is None or missed.until != until)
    following = {} if stays_due else {"next_run_at": _next_run(schedule, now)}
    write_changes(connection, schedule.id, {"last_cutoff": until, **following})
    return job


def _resolve_increment(connection: Connection, schedule: Schedule, since: datetime | None, now: datetime) -> Export:
    """The schedule's request over everything that is stored, of rows received since then."""
    request = ExportRequest.from_json(schedule.request)
    period = default_period(connection, request.what, request.site_id, clock.zone(request.zone), now)
    request = expand_where(connection, request)
    return resolve(replace(request, start=period.start, end=period.end, received_from=since))


def _next_run(schedule: Schedule, now: datetime) -> datetime:
    return next_run(schedule.every, schedule.at, clock.zone(schedule.zone), now)


def find_blocker(engine: Engine, schedule: Schedule, limits: Limits, now: datetime) -> str | None:
    """Why a schedule has no next file yet: one that is due, or whose owner may not export any more. None: nothing
    blocks it."""
    with engine.connect() as connection:
        if reason := _describe_lost_owner(connection, schedule):
            return reason
    if not schedule.enabled or schedule.next_run_at > now:
        return None
    with engine.connect() as connection:
        if reason := _describe_unfinished_job(connection, schedule.id):
            return reason
        full = describe_full_quota(connection, limits)
    return full and f"{full}; the schedule continues when there is room, with all rows since its last file"
