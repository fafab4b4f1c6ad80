"""Adapters: upkeep on a schedule."""

import logging

from celery import shared_task

from analytics import clock
from analytics.extensions import db, settings
from analytics.store import partitions

log = logging.getLogger(__name__)


@shared_task(name="maintenance.make_partitions")
def make_partitions() -> None:
    """Partitions for the days to come. Safe to run twice, and at once."""
    days = partitions.make_ahead(db.engine, clock.now(), settings().partition_days)
    log.info("partitions made ahead", extra={"days": days})
