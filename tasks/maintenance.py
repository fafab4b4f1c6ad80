"""Adapters: upkeep on a schedule."""

import logging

from celery import shared_task

from analytics import audit as books
from analytics import clock
from analytics.errors import Conflict
from analytics.extensions import buffer_redis, db, settings
from analytics.ingest import buffer
from analytics.ops import runs
from analytics.privacy import retention
from analytics.store import partitions
from tasks.chores import chore

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


# Less than the hour between two runs; what is left then is the next one's.
RETAIN_S = 1800.0


@chore("maintenance.retain")
def retain() -> None:
    """Drops, deletes and masks what the retention settings no longer keep. Safe to run twice, and at once."""
    try:
        done = retention.run(db.engine, settings(), clock.now(), RETAIN_S)
    except Conflict as error:
        log.info("retention not run", extra={"reason": error.detail})
        return
    undone = [one for one in done if one.error]
    log.info("retention run", extra={"steps": len(done), "rows": sum(one.rows for one in done), "failed": len(undone)})
    if undone:
        runs.failed(f"{len(undone)} steps left undone")


@chore("maintenance.audit")
def audit() -> dict[str, str | None]:
    """Balances the last hours and says what it found, for /health. It only reads, so it may run twice and at once."""
    sheet = books.audit_recent(db.engine, buffer_redis())
    for gap in sheet.gaps:
        log.error("the books do not balance", extra={"gap": str(gap)})
    first = str(sheet.gaps[0]) if sheet.gaps else None
    return {"gap": first, "checked_at": books.instant(sheet.checked_at)}
