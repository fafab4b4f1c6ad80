"""Adapters: the drain and its sweep as Celery tasks."""

import logging
from dataclasses import asdict, dataclass
from functools import lru_cache

import psycopg2
from celery import shared_task
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError

from analytics import queue
from analytics.extensions import buffer_redis, db, settings
from analytics.ingest import buffer
from analytics.ingest.enrich import open_geo
from analytics.ingest.pipeline import Drain
from analytics.ops import runs
from analytics.privacy.pseudonym import identity_salt
from analytics.rollups.merge import catch_up

log = logging.getLogger(__name__)

# At full load every process drains, so a drain gives others their turn after a second, and merges first where a delta
# would be older than reports shall have to add up by the time it is merged. It waits for another's merge only when that
# is far behind, and not for ever: a merge that cannot go on must not keep events from being stored.
DRAIN_FOR_S, CATCH_UP_FOR_S, WAIT_AFTER_S = 1.0, 2.0, 0.8


@dataclass
class Pace:
    """When a drain of this process is to merge first. `merge_s`: what merging takes here, lately."""

    merge_s: float = 0.7

    def lag_s(self) -> float:
        """Of 4.5 s: less one second of storing, half a second for its last chunk, and the merge itself."""
        return min(2.2, max(0.5, 3.0 - self.merge_s))

    def note(self, took_s: float) -> None:
        """What the merges before a drain took; 0: there were none."""
        if took_s:
            self.merge_s += (took_s - self.merge_s) / 2


pace = Pace()


@lru_cache(maxsize=1)
def drain_of_process() -> Drain:
    """This process's consumer; it lives as long as the process."""
    chosen = settings()
    return Drain(
        engine=db.engine,
        redis=buffer_redis(),
        salt=identity_salt(chosen),
        geo=open_geo(chosen.geoip_database or None) if chosen.enable_geolocation else None,
        batch_size=chosen.batch_size,
        company_s=chosen.batch_timeout,
        partition_days=chosen.partition_days,
        anonymize_user_ids=chosen.anonymize_user_ids,
    )


@shared_task(name="ingest.drain")
def drain(claim: bool = False) -> None:
    """Stores what waits. A server that is away leaves everything pending; the next ring tries again."""
    try:
        lag_s = pace.lag_s()
        pace.note(catch_up(db.engine, lag_s, lag_s + WAIT_AFTER_S, CATCH_UP_FOR_S))
        outcome = drain_of_process().run(DRAIN_FOR_S, claim_after_s=settings().claim_after if claim else None)
    except (DBAPIError, psycopg2.Error, RedisError, OSError) as error:
        log.warning("drain interrupted", extra={"error": type(error).__name__})
        runs.interrupted(error)
        return
    if outcome.batches:
        log.info("drained", extra=asdict(outcome))
    if outcome.more:
        queue.ring_drain()


@shared_task(name="ingest.sweep")
def sweep() -> None:
    """Beat's safety net: drains whatever still waits, and takes over what a dead worker left."""
    if buffer.waiting(buffer_redis()):
        drain(claim=True)
