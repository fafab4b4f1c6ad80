"""Celery tasks that store accepted events: drain, sweep, and the retries of dead letters. Adapters only."""

import logging
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import psycopg2
from celery import shared_task
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError

from analytics import queue
from analytics.extensions import buffer_redis, db, settings
from analytics.ingest import buffer
from analytics.ingest.drain.drain import Drain, DrainResult
from analytics.ingest.drain.retry_writer import RetryResult
from analytics.ingest.enrich import open_geo_database
from analytics.ops import task_runs
from analytics.ops.dead_letters.process_retry import make_retry
from analytics.privacy.pseudonym import identity_salt
from analytics.rollups.merge import reduce_merge_lag

log = logging.getLogger(__name__)

# At full load every process drains, so a drain ends after a second, and merges first where deltas would otherwise be
# older than reports may have to add up. It waits for another process's merge only when that is far behind, and not
# longer than the timeout: a merge that hangs must not keep events from being stored.
DRAIN_DURATION_S, RETRY_DURATION_S = 1.0, 1.0
CATCH_UP_TIMEOUT_S, MERGE_WAIT_EXTRA_LAG_S = 2.0, 0.8


@dataclass
class MergePace:
    """When a drain of this process merges first. `merge_s`: moving average of what a merge takes here."""

    merge_s: float = 0.7

    def max_delta_age_s(self) -> float:
        """Of 4.5 s: minus one second of storing, half a second for the last chunk, and the merge itself."""
        return min(2.2, max(0.5, 3.0 - self.merge_s))

    def record_merge(self, took_s: float) -> None:
        """What the merges before a drain took; 0: there were none."""
        if took_s:
            self.merge_s += (took_s - self.merge_s) / 2


@lru_cache(maxsize=1)
def get_process_drain() -> Drain:
    """The consumer of this process, created once."""
    config = settings()
    return Drain(
        engine=db.engine,
        redis=buffer_redis(),
        salt=identity_salt(config),
        geo=open_geo_database(config.geoip_database or None) if config.enable_geolocation else None,
        batch_size=config.batch_size,
        linger_s=config.batch_timeout,
        partition_days=config.partition_days,
        anonymize_user_ids=config.anonymize_user_ids,
    )


@lru_cache(maxsize=1)
def get_merge_pace() -> MergePace:
    """This process's pace, which each drain updates."""
    return MergePace()


@shared_task(name="ingest.drain")
def drain(claim: bool = False) -> None:
    """Stores the stream's entries. An unavailable server leaves them pending; the next drain stores them."""
    pace = get_merge_pace()
    try:
        lag_s = pace.max_delta_age_s()
        pace.record_merge(reduce_merge_lag(db.engine, lag_s, lag_s + MERGE_WAIT_EXTRA_LAG_S, CATCH_UP_TIMEOUT_S))
        result = get_process_drain().run(DRAIN_DURATION_S, claim_after_s=settings().claim_after if claim else None)
    except (DBAPIError, psycopg2.Error, RedisError, OSError) as error:
        log.warning("drain interrupted", extra={"error": type(error).__name__})
        task_runs.record_interruption(error)
        return
    if result.batches:
        log.info("drained", extra=_log_fields(result))
    if result.has_more:
        queue.enqueue_drain()


@shared_task(name="ingest.sweep")
def sweep() -> None:
    """Sent by beat: drains entries left in the stream, and claims those of dead workers."""
    if buffer.count_entries(buffer_redis()):
        drain(claim=True)


@shared_task(name="ingest.retry_dead_letters")
def retry_dead_letters() -> None:
    """Sent by requests and by beat. An unavailable server leaves the letters requested; the next run retries them."""
    result = RetryResult()
    try:
        has_more = make_retry().run_requested(RETRY_DURATION_S, result)
    except (DBAPIError, psycopg2.Error, OSError) as error:
        log.warning("retry of dead letters interrupted", extra={"error": type(error).__name__, **asdict(result)})
        task_runs.record_interruption(error)
        return
    if result.letters:
        log.info("dead letters retried", extra=asdict(result))
    if has_more:
        queue.enqueue_dead_letter_retry()


def _log_fields(result: DrainResult) -> dict[str, Any]:
    return {
        "batches": result.batches,
        "received": result.received,
        "stored": result.stored,
        "duplicate": result.duplicate,
        "dead": result.dead_lettered,
        "refused": result.refused,
        "repeated": result.already_stored,
        "more": result.has_more,
        "requests": result.requests,
    }
