"""The backlog: what is accepted and not stored yet, read from the event buffer. Reports and the health check call it.

Also the Redis keys of the buffer that more than one module reads. ingest/buffer.py is their only writer.
"""

from datetime import UTC, datetime
from typing import Any, NamedTuple

from redis import Redis

# A stream of batches, and a hash with the sums of its events and bytes.
STREAM, BACKLOG = "analytics:ingest", "analytics:ingest:backlog"


class Backlog(NamedTuple):
    """Waiting events, their bytes in the buffer, and when the oldest was received (None: nothing waits)."""

    events: int
    bytes: int
    oldest_at: datetime | None


def read_backlog(redis: Redis) -> Backlog:
    """One round trip. An entry's id begins with the milliseconds of its XADD; stored entries are deleted."""
    pipe = redis.pipeline(transaction=False)
    pipe.hmget(BACKLOG, "events", "bytes")
    pipe.xrange(STREAM, count=1)
    replies: list[Any] = pipe.execute()
    (events, size), oldest = replies
    oldest_ms = int(oldest[0][0].split(b"-")[0]) if oldest else None
    oldest_at = datetime.fromtimestamp(oldest_ms / 1000, UTC) if oldest_ms is not None else None
    return Backlog(int(events or 0), int(size or 0), oldest_at)


def read_complete_through(redis: Redis, now: datetime) -> datetime:
    """Every event received before this instant is stored or dead-lettered. Read it before the query it describes.

    It is about the time of receipt: a client may still send an event whose `ts` is earlier.
    """
    oldest_at = read_backlog(redis).oldest_at
    return min(now, oldest_at) if oldest_at else now
