"""Adapters: upkeep on a schedule."""

import logging

from celery import shared_task

from analytics import clock
from analytics.extensions import buffer_redis, db, settings
from analytics.ingest import buffer
from analytics.store import partitions

log = logging.getLogger(__name__)

# Far longer than any drain is silent.
GONE_AFTER_MS = 3_600_000


@shared_task(name="maintenance.make_partitions")
def make_partitions() -> None:
    """Partitions for the days to come. Safe to run twice, and at once."""
    days = partitions.make_ahead(db.engine, clock.now(), settings().partition_days)
    log.info("partitions made ahead", extra={"days": days})


@shared_task(name="maintenance.forget_consumers")
def forget_consumers() -> None:
    """Removes the stream's consumers that died long ago and hold nothing."""
    log.info("consumers forgotten", extra={"consumers": buffer.forget_consumers(buffer_redis(), GONE_AFTER_MS)})
