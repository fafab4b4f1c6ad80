"""The Celery app, its queues, and one enqueue function per task.

Tasks are sent by name: `analytics` never imports `tasks`.
"""

import os
import socket
from typing import Any

from celery import Celery
from flask import current_app
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from analytics.errors import Unavailable
from config import Settings

INGEST, ROLLUPS, EXPORTS, MAINTENANCE = "ingest", "rollups", "exports", "maintenance"
# An older message is superseded: beat or the next batch has sent the task again.
TASK_EXPIRES_S = 30


def has_process_ended(host: str, pid: str) -> bool:
    """True for a worker's process of this machine that has ended; False when that cannot be told from here."""
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def create_celery(settings: Settings) -> Celery:
    """The Celery app: the web process sends tasks with it, `celery_app` adds the tasks and the schedule."""
    broker = _transport(settings.celery_broker_url)
    backend = _transport(settings.celery_result_backend or settings.celery_broker_url)
    # Celery prefers these variables to its configuration, and does not know the spelling unix://.
    os.environ.update(CELERY_BROKER_URL=broker, CELERY_RESULT_BACKEND=backend)
    celery = Celery("analytics")
    celery.conf.update(
        broker_url=broker,
        result_backend=backend,
        task_ignore_result=True,
        task_default_queue=MAINTENANCE,
        task_serializer="json",
        accept_content=["json"],
        timezone="UTC",
        # A worker waits for the broker for ever.
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "visibility_timeout": 6 * 3600,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "socket_timeout": 10,
            "socket_connect_timeout": 2,
            # kombu's own retries would block a request that only enqueues a task.
            "max_retries": 0,
        },
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_proc_alive_timeout=30,
    )
    return celery


def _transport(url: str) -> str:
    """Celery has its own URL syntax for Unix sockets."""
    return url.replace("unix://", "redis+socket://").replace("db=", "virtual_host=") if url.startswith("unix") else url


def enqueue_drain() -> None:
    """Has the stream drained. Raises Unavailable; a lost message costs seconds, never events."""
    _send("ingest.drain", queue=INGEST, expires=TASK_EXPIRES_S)


def enqueue_dead_letter_retry() -> None:
    """Has the dead letters retried that were requested. Raises Unavailable; beat sends it again, so none is lost."""
    _send("ingest.retry_dead_letters", queue=INGEST, expires=TASK_EXPIRES_S)


def enqueue_merge() -> None:
    """Has the deltas merged now, before beat does. Raises Unavailable."""
    _send("rollups.merge", queue=ROLLUPS, expires=TASK_EXPIRES_S)


def enqueue_recount() -> None:
    """Has more days of an earlier release recounted. Raises Unavailable; beat sends it again."""
    _send("rollups.recount_visits", queue=ROLLUPS, expires=TASK_EXPIRES_S)


def enqueue_export(job_id: str) -> None:
    """Has the export job run. Raises Unavailable; the watchdog sends it again, so no job is lost."""
    _send("exports.run", job_id, queue=EXPORTS, expires=TASK_EXPIRES_S)


def enqueue_notify() -> None:
    """Has each due callback_url called. Raises Unavailable; beat sends it again, so none is lost."""
    _send("exports.notify", queue=EXPORTS, expires=TASK_EXPIRES_S)


def enqueue_site_deletions() -> None:
    """Has the sites deleted that are marked. Raises Unavailable; beat sends it again."""
    _send("maintenance.delete_sites", queue=MAINTENANCE, expires=TASK_EXPIRES_S)


def _send(name: str, *args: str, **options: Any) -> None:
    celery: Celery = current_app.extensions["celery"]
    try:
        celery.send_task(name, args, retry=False, ignore_result=True, **options)
    except (OperationalError, RedisError, OSError) as error:
        raise Unavailable("the task queue is unavailable; try again shortly") from error
