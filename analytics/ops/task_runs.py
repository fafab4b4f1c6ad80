"""Last runs of the scheduled tasks: one hash per task in the buffer's Redis. Celery signals write, /health reads.

A lost hash is rewritten by the next run. Without Redis the run continues and is not recorded. Frequent tasks, such as
the drain, are not on the schedule and cost nothing here.
"""

import json
import logging
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import UTC
from functools import wraps
from typing import Any, NamedTuple, ParamSpec

import psycopg2
from celery import Celery, current_task, signals, states
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError

from analytics import clock

log = logging.getLogger(__name__)

P = ParamSpec("P")

TASK_NAMES_KEY = "analytics:tasks"
# After this, a task that left the schedule disappears.
RUN_TTL_S = 8 * 86_400
MAX_RESULT_LENGTH = 4096


class TaskRun(NamedTuple):
    """A task's last runs. `started_at` after `ended_at`: it is running, is waiting to run, or was killed."""

    started_at: str | None
    ended_at: str | None
    duration_ms: float | None
    # `ok`, or `error` and the exception's class; None: no run has ended yet.
    outcome: str | None
    last_success_at: str | None
    # The task's return value, if it is an object.
    result: dict[str, Any] | None


def task_key(name: str) -> str:
    return f"analytics:task:{name}"


def resumable(task: Callable[P, None]) -> Callable[P, None]:
    """For a task whose next run continues where an unavailable server stopped it: the exception is logged and counts as
    an error, and is not raised."""

    @wraps(task)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            task(*args, **kwargs)
        except (DBAPIError, psycopg2.Error, RedisError) as error:
            log.warning("task interrupted", extra={"task": task.__name__, "error": type(error).__name__})
            record_interruption(error)

    return run


def record_interruption(error: BaseException) -> None:
    """Records the run as an error; for tasks that stop without raising, because their next run continues."""
    record_failure(type(error).__name__)


def record_failure(reason: str) -> None:
    """Records the run as an error with that reason; for tasks that did part of their work."""
    # Outside a worker there is no current task.
    if current_task:
        current_task.request.update(failed_with=reason)


class TaskRunRecorder:
    """Records the runs of the tasks in `names`. One per process; the last writer wins."""

    def __init__(self, redis: Redis, names: Collection[str]) -> None:
        self._redis, self._names = redis, frozenset(names)
        self._began: dict[str, float] = {}

    def connect(self) -> None:
        """Subscribes to Celery's signals."""
        signals.task_prerun.connect(self.record_start, weak=False)
        signals.task_postrun.connect(self.record_end, weak=False)

    def record_start(self, task_id: str, task: Any, **_: Any) -> None:
        if task.name in self._names:
            self._began[task_id] = time.monotonic()
            self._write(task.name, {"started_at": _now()})

    def record_end(self, task_id: str, task: Any, retval: Any = None, state: str | None = None, **_: Any) -> None:
        if task.name not in self._names:
            return
        took_s = time.monotonic() - self._began.pop(task_id, time.monotonic())
        if state == states.RETRY:
            # The task was postponed (tasks/exclusive.py); another run of it may be in progress.
            return
        error = getattr(task.request, "failed_with", None) or (type(retval).__name__ if state != "SUCCESS" else "")
        now = _now()
        fields = {
            "ended_at": now,
            "duration_ms": f"{took_s * 1000:.1f}",
            "outcome": f"error: {error}" if error else "ok",
        }
        if not error:
            fields["last_success_at"] = now
        if not error and isinstance(retval, dict) and len(result := json.dumps(retval)) <= MAX_RESULT_LENGTH:
            fields["result"] = result
        self._write(task.name, fields)

    def _write(self, name: str, values: dict[str, str]) -> None:
        pipe: Any = self._redis.pipeline(transaction=False)
        pipe.hset(task_key(name), mapping=values)
        pipe.expire(task_key(name), RUN_TTL_S)
        pipe.sadd(TASK_NAMES_KEY, name)
        try:
            pipe.execute()
        except RedisError as error:
            log.debug("task run not recorded", extra={"task": name, "error": type(error).__name__})


def install(app: Celery, redis: Redis) -> None:
    """Records every run of the tasks on the app's schedule."""
    TaskRunRecorder(redis, {entry["task"] for entry in app.conf.beat_schedule.values()}).connect()


def read_task_runs(redis: Redis) -> dict[str, TaskRun]:
    """Task name → last runs, ordered by name. Two round trips."""
    members: Any = redis.smembers(TASK_NAMES_KEY)
    names = sorted(name.decode() for name in members)
    pipe = redis.pipeline(transaction=False)
    for name in names:
        pipe.hgetall(task_key(name))
    replies: list[dict[bytes, bytes]] = pipe.execute()
    return {name: _run(values) for name, values in zip(names, replies, strict=True) if values}


def _run(stored: dict[bytes, bytes]) -> TaskRun:
    values: dict[str, Any] = {name.decode(): value.decode() for name, value in stored.items()}
    run = TaskRun(**{name: values.get(name) for name in TaskRun._fields})
    duration_ms, result = values.get("duration_ms"), None
    with suppress(ValueError):
        result = json.loads(values.get("result") or "null")
    return run._replace(duration_ms=float(duration_ms) if duration_ms else None, result=result)


def _now() -> str:
    return clock.now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
