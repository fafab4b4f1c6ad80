"""The Celery app, whose tasks run in the Flask application's context, and the beat schedule as one table."""

import sys
from typing import Any

from celery import Task, signals
from celery.schedules import crontab

from analytics import create_app, memory, queue
from analytics.extensions import db
from analytics.ops import heartbeats, task_runs, worker_watchdog
from config import ConfigError


def every(seconds: float, task: str, queue_name: str, expires_s: int | None = None) -> dict[str, Any]:
    """An entry of the schedule. A message expires after `expires_s`, by default the interval."""
    expires = seconds if expires_s is None else expires_s
    return {"task": task, "schedule": seconds, "options": {"queue": queue_name, "expires": expires}}


def hourly(minute: str, task: str, queue_name: str, expires_s: int = 3600) -> dict[str, Any]:
    """As `every`, at these minutes of each hour."""
    schedule = crontab(minute=minute)
    return {"task": task, "schedule": schedule, "options": {"queue": queue_name, "expires": expires_s}}


BEAT_SCHEDULE = {
    # Enqueues the drain again for entries that a lost message or a dead worker left in the stream.
    "sweep": every(5, "ingest.sweep", queue.INGEST),
    # Dead letters whose retry was requested, also of workers that ended: one look-up when there are none.
    "retry_dead_letters": every(30, "ingest.retry_dead_letters", queue.INGEST),
    # Reports count unmerged deltas, so a late merge costs time, never correctness.
    "merge": every(2, "rollups.merge", queue.ROLLUPS, expires_s=10),
    # Rebuilds a site whose zone changed; its reports keep the old calendar until then.
    "move_calendars": every(5, "rollups.move_calendars", queue.ROLLUPS, expires_s=10),
    # Days close at AGGREGATION_TIME of each site's zone, so it runs every few minutes: one query when none is due.
    "close_days": every(300, "rollups.close_days", queue.ROLLUPS),
    # Reports over long ranges are fast again within an hour of a rebuild.
    "build_unions": hourly("47", "rollups.compact", queue.ROLLUPS),
    # Filtered reports read rows that no file holds, at most some thousands a site.
    "write_columns": every(10, "columnar.write", queue.ROLLUPS),
    "write_visit_columns": every(60, "columnar.write_visits", queue.ROLLUPS),
    "name_visits": every(60, "columnar.name_visits", queue.ROLLUPS),
    # Days that an earlier release counted, 20 seconds a message until none is left: one query when there are none.
    "recount_visits": hourly("27", "rollups.recount_visits", queue.ROLLUPS),
    "make_partitions": every(3600, "maintenance.make_partitions", queue.MAINTENANCE),
    "drop_idle_consumers": every(3600, "maintenance.forget_consumers", queue.MAINTENANCE),
    "retention": hourly("17", "maintenance.retain", queue.MAINTENANCE),
    # Goes on with the deletion of sites: one query when there is none.
    "delete_sites": every(30, "maintenance.delete_sites", queue.MAINTENANCE),
    # Audits the last hours; /health shows the result.
    "audit": every(900, "maintenance.audit", queue.MAINTENANCE),
    # Exports whose worker died, whose message was lost, or whose next attempt is due.
    "watch_exports": every(30, "exports.watch", queue.EXPORTS),
    "plan_exports": every(60, "exports.plan", queue.EXPORTS),
    "expire_exports": hourly("37", "exports.expire", queue.EXPORTS),
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
app.conf.update(
    include=["tasks.columnar", "tasks.exports", "tasks.ingest", "tasks.maintenance", "tasks.rollups"],
    beat_schedule=BEAT_SCHEDULE,
)
app.set_default()
task_runs.install(app, flask_app.extensions["buffer_redis"])
heartbeats.install(flask_app.extensions["buffer_redis"])
worker_watchdog.install(flask_app.extensions["buffer_redis"])


@signals.worker_process_init.connect
def reset_inherited_connections(**_: Any) -> None:
    """A forked child must not share its parent's sockets."""
    with flask_app.app_context():
        db.engine.dispose(close=False)
    for name in ("buffer_redis", "cache_redis"):
        flask_app.extensions[name].connection_pool.reset()


memory.tune()
