"""Runs an export job: claims it, makes one attempt, and writes down how the attempt ended.

tasks/exports.py calls `run_job`, and so does the CLI. attempt.py makes the file. It never enqueues anything.
"""

import logging
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from redis.exceptions import RedisError
from sqlalchemy import Engine

from analytics import telemetry
from analytics.errors import AnalyticsError, Unavailable
from analytics.exports.jobs import states
from analytics.exports.jobs.attempt import Attempt
from analytics.exports.jobs.heartbeat import Heartbeat
from analytics.exports.jobs.job import Job, read_job
from analytics.exports.jobs.runner import Runner
from analytics.exports.jobs.states import DATABASE_ERRORS, Claim, ClaimLost
from analytics.files.folders import describe_error

log = logging.getLogger(__name__)

WRITE_RETRY_DELAYS_S = (1.0, 2.0, 4.0, 8.0)


def _ignore_progress(_rows_done: int) -> None:
    """The `on_progress` of a worker."""


def run_job(runner: Runner, job_id: str, on_progress: Callable[[int], None] = _ignore_progress) -> Job | None:
    """The job as this attempt left it: done, failed, or queued again with an error.

    None: the job was not claimed, was cancelled, or the database was unavailable. `on_progress` gets the rows done
    after each part. Raises nothing that a job can run into.
    """
    try:
        claim = states.claim_job(runner.engine, job_id)
        if claim is None:
            return None
        # The message may be of another request, or of none: the watch sends it again.
        telemetry.request_id.set(claim.request_id or telemetry.NO_REQUEST)
        with Heartbeat(runner.engine, claim) as heartbeat:
            failure = _attempt(runner, claim, heartbeat, on_progress)
        if failure is not None:
            _record_failure(runner.engine, claim, failure)
        return _clean_up(runner, job_id)
    except ClaimLost:
        log.info("export claim lost", extra={"job": job_id})
        with suppress(*DATABASE_ERRORS):
            _clean_up(runner, job_id)
    except DATABASE_ERRORS as error:
        # The watch finds the missing heartbeat once the database is back.
        log.warning("export interrupted", extra={"job": job_id, "error": type(error).__name__})
    return None


def _clean_up(runner: Runner, job_id: str) -> Job | None:
    """The job as it is now; deletes its working folder unless another attempt will use it."""
    job = read_job(runner.engine, job_id)
    if job is None or not job.is_unfinished:
        shutil.rmtree(runner.work_dir / job_id, ignore_errors=True)
    return job


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why an attempt failed. `is_final`: another attempt would fail in the same way."""

    reason: str
    is_final: bool = False

    def write(self, engine: Engine, claim: Claim) -> None:
        (states.fail if self.is_final else states.retry_later)(engine, claim, self.reason)
        log.warning("export failed", extra={"job": claim.job_id, "attempt": claim.attempt, "reason": self.reason})


def _record_failure(engine: Engine, claim: Claim, failure: _Failure) -> None:
    """Retries while the database restarts, which takes less time than a missed heartbeat."""
    for delay_s in WRITE_RETRY_DELAYS_S:
        try:
            return failure.write(engine, claim)
        except DATABASE_ERRORS:
            time.sleep(delay_s)
    return failure.write(engine, claim)


def _attempt(runner: Runner, claim: Claim, heartbeat: Heartbeat, on_progress: Callable[[int], None]) -> _Failure | None:
    try:
        Attempt(runner, claim, heartbeat, on_progress).run()
    except ClaimLost:
        raise
    except Exception as error:
        if heartbeat.is_lost:
            raise ClaimLost from error
        return _describe_failure(error)
    return None


def _describe_failure(error: Exception) -> _Failure:
    """The failure in words for the owner of the job."""
    if isinstance(error, AnalyticsError):
        return _Failure(error.detail, is_final=not isinstance(error, Unavailable))
    if isinstance(error, DATABASE_ERRORS):
        return _Failure("the database was unavailable or refused the query")
    if isinstance(error, RedisError):
        return _Failure("Redis was unavailable")
    if isinstance(error, OSError):
        return _Failure(f"the working folder of exports cannot be used: {describe_error(error)}")
    log.exception("export failed unexpectedly", exc_info=error)
    return _Failure(f"an unexpected error ({type(error).__name__}); the log has its details")
