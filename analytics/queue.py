"""The queues, and one enqueue function a task, by the task's name: `analytics` never imports `tasks`."""

import os
from datetime import date
from typing import Any

from celery import Celery
from flask import current_app
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from analytics.errors import Unavailable
from config import Settings

INGEST, ROLLUPS, EXPORTS, MAINTENANCE = "ingest", "rollups", "exports", "maintenance"
# A doorbell that nobody answered by now has been rung again since.
DOORBELL_EXPIRES_S = 30


def make_celery(settings: Settings) -> Celery:
    """The Celery app, which the web process sends through and `celery_app` adds tasks and the schedule to."""
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
        # The broker comes back when it comes back; a worker never gives up on it.
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "visibility_timeout": 6 * 3600,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "socket_timeout": 10,
            "socket_connect_timeout": 2,
            # kombu's own retries would hold a request that only rings a bell.
            "max_retries": 0,
        },
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_proc_alive_timeout=30,
    )
    return celery


def _transport(url: str) -> str:
    """Celery spells a Unix socket its own way."""
    return url.replace("unix://", "redis+socket://").replace("db=", "virtual_host=") if url.startswith("unix") else url


def ring_drain() -> None:
    """Tells the workers that the stream holds events. Raises Unavailable; a lost ring costs seconds, never events."""
    _send("ingest.drain", queue=INGEST, expires=DOORBELL_EXPIRES_S)


def merge_rollups() -> None:
    """Asks for a merge now, instead of at beat's next turn. Raises Unavailable."""
    _send("rollups.merge", queue=ROLLUPS, expires=DOORBELL_EXPIRES_S)


def rebuild_rollups(site_key: str, first_day: date, after_day: date) -> None:
    """Has the rollups of `[first_day, after_day)` counted anew from raw events. Raises Unavailable."""
    _send("rollups.rebuild", site_key, first_day.isoformat(), after_day.isoformat(), queue=ROLLUPS)


def run_export(job_id: str) -> None:
    """Has the export made, when its turn comes. Raises Unavailable; the watch sends it again, so none is lost."""
    _send("exports.run", job_id, queue=EXPORTS, expires=DOORBELL_EXPIRES_S)


def call_back() -> None:
    """Has each callback_url called that is due. Raises Unavailable; beat rings when one is due, so none is lost."""
    _send("exports.notify", queue=EXPORTS, expires=DOORBELL_EXPIRES_S)


def _send(name: str, *args: str, **options: Any) -> None:
    celery: Celery = current_app.extensions["celery"]
    try:
        celery.send_task(name, args, retry=False, ignore_result=True, **options)
    except (OperationalError, RedisError, OSError) as error:
        raise Unavailable("the task queue is away; try again shortly") from error
