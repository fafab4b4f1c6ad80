"""The Celery app, whose tasks run in the web application's context, and BEAT: the whole schedule as one table."""

import sys
from typing import Any

from celery import Celery, Task, signals

from analytics import create_app, queue
from config import ConfigError

BEAT = {
    # Rings the bell again for whatever a lost doorbell or a dead worker left in the stream.
    "sweep": {"task": "ingest.sweep", "schedule": 5.0, "options": {"queue": queue.INGEST, "expires": 5}},
    "partitions": {
        "task": "maintenance.make_partitions",
        "schedule": 3600.0,
        "options": {"queue": queue.MAINTENANCE, "expires": 3600},
    },
}

try:
    flask_app = create_app()
except ConfigError as error:
    sys.exit(f"configuration: {error}")
settings = flask_app.extensions["settings"]


class ContextTask(Task):  # type: ignore[misc]
    """A task inside the Flask application's context."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with flask_app.app_context():
            return self.run(*args, **kwargs)


def _transport(url: str) -> str:
    """Celery spells a Unix socket its own way."""
    return url.replace("unix://", "redis+socket://").replace("db=", "virtual_host=") if url.startswith("unix") else url


app = Celery("analytics", task_cls=ContextTask, include=["tasks.ingest", "tasks.maintenance"])
app.conf.update(
    broker_url=_transport(settings.celery_broker_url),
    result_backend=_transport(settings.celery_result_backend or settings.celery_broker_url),
    task_ignore_result=True,
    task_default_queue=queue.MAINTENANCE,
    task_serializer="json",
    accept_content=["json"],
    timezone="UTC",
    beat_schedule=BEAT,
    # The broker comes back when it comes back; a worker never gives up on it.
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_proc_alive_timeout=30,
    broker_transport_options={
        "visibility_timeout": 6 * 3600,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "socket_timeout": 10,
        "socket_connect_timeout": 2,
    },
)
app.set_default()


@signals.worker_process_init.connect
def forget_inherited_connections(**_: Any) -> None:
    """A forked child must not share its parent's sockets."""
    from analytics.extensions import db

    with flask_app.app_context():
        db.engine.dispose(close=False)
    for name in ("buffer_redis", "cache_redis"):
        flask_app.extensions[name].connection_pool.reset()
