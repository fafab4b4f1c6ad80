"""The Celery app, whose tasks run in the web application's context, and BEAT: the whole schedule as one table."""

import sys
from typing import Any

from celery import Task, signals
from celery.schedules import crontab

from analytics import create_app, heap, queue
from analytics.ops import hearing, runs
from config import ConfigError

BEAT = {
    # Rings the bell again for whatever a lost doorbell or a dead worker left in the stream.
    "sweep": {"task": "ingest.sweep", "schedule": 5.0, "options": {"queue": queue.INGEST, "expires": 5}},
    # Reports count what waits, so a merge that comes late costs time and no number.
    "merge": {"task": "rollups.merge", "schedule": 2.0, "options": {"queue": queue.ROLLUPS, "expires": 10}},
    # A site whose zone has changed is counted anew; its reports stay in the old calendar until it is.
    "move_calendars": {
        "task": "rollups.move_calendars",
        "schedule": 5.0,
        "options": {"queue": queue.ROLLUPS, "expires": 10},
    },
    # Each site's days at its own AGGREGATION_TIME, so a look every few minutes: one query where no day is due.
    "close_days": {
        "task": "rollups.close_days",
        "schedule": 300.0,
        "options": {"queue": queue.ROLLUPS, "expires": 300},
    },
    # Reports over long ranges are fast again within an hour of a rebuild.
    "compact": {
        "task": "rollups.compact",
        "schedule": crontab(minute=47),
        "options": {"queue": queue.ROLLUPS, "expires": 3600},
    },
    # Funnels read a day's raw events until it has them. Ten minutes are what a day rests before. Not when retention is
    # at work: together they would keep both processes of a small machine from the drains.
    "make_postings": {
        "task": "rollups.make_postings",
        "schedule": crontab(minute="2-59/10"),
        "options": {"queue": queue.ROLLUPS, "expires": 600},
    },
    "partitions": {
        "task": "maintenance.make_partitions",
        "schedule": 3600.0,
        "options": {"queue": queue.MAINTENANCE, "expires": 3600},
    },
    "consumers": {
        "task": "maintenance.forget_consumers",
        "schedule": 3600.0,
        "options": {"queue": queue.MAINTENANCE, "expires": 3600},
    },
    "retention": {
        "task": "maintenance.retain",
        "schedule": crontab(minute=17),
        "options": {"queue": queue.MAINTENANCE, "expires": 3600},
    },
    # Balances the last hours; /health shows what it found.
    "audit": {
        "task": "maintenance.audit",
        "schedule": 900.0,
        "options": {"queue": queue.MAINTENANCE, "expires": 900},
    },
    # Exports whose worker died, whose message was lost, or that are due for another attempt.
    "watch_exports": {"task": "exports.watch", "schedule": 30.0, "options": {"queue": queue.EXPORTS, "expires": 30}},
    "plan_exports": {"task": "exports.plan", "schedule": 60.0, "options": {"queue": queue.EXPORTS, "expires": 60}},
    "expire_exports": {
        "task": "exports.expire",
        "schedule": crontab(minute=37),
        "options": {"queue": queue.EXPORTS, "expires": 3600},
    },
}

try:
    flask_app = create_app()
except ConfigError as error:
    sys.exit(f"configuration: {error}")


class ContextTask(Task):  # type: ignore[misc]
    """A task inside the Flask application's context."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with flask_app.app_context():
            return self.run(*args, **kwargs)


app = flask_app.extensions["celery"]
app.Task = ContextTask
app.conf.update(include=["tasks.exports", "tasks.ingest", "tasks.maintenance", "tasks.rollups"], beat_schedule=BEAT)
app.set_default()
runs.install(app, flask_app.extensions["buffer_redis"])
hearing.install(flask_app.extensions["buffer_redis"])


@signals.worker_process_init.connect
def forget_inherited_connections(**_: Any) -> None:
    """A forked child must not share its parent's sockets."""
    from analytics.extensions import db

    with flask_app.app_context():
        db.engine.dispose(close=False)
    for name in ("buffer_redis", "cache_redis"):
        flask_app.extensions[name].connection_pool.reset()


heap.settle()
