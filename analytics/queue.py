"""The queues, and one enqueue function a task, by the task's name: `analytics` never imports `tasks`."""

from celery import current_app as celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from analytics.errors import Unavailable

INGEST, ROLLUPS, EXPORTS, MAINTENANCE = "ingest", "rollups", "exports", "maintenance"
QUEUES = (INGEST, ROLLUPS, EXPORTS, MAINTENANCE)
# A doorbell that nobody answered by now has been rung again since.
DOORBELL_EXPIRES_S = 30


def ring_drain() -> None:
    """Tells the workers that the stream holds events. Raises Unavailable; a lost ring costs seconds, never events."""
    try:
        celery.send_task("ingest.drain", queue=INGEST, expires=DOORBELL_EXPIRES_S, retry=False, ignore_result=True)
    except (OperationalError, RedisError, OSError) as error:
        raise Unavailable("the task queue is away; try again shortly") from error
