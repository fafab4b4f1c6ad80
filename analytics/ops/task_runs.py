"""How the scheduled tasks went: one hash of the buffer's Redis a task, written by Celery's signals, read by /health.

Losing a hash loses nothing: the next run writes it anew. Redis away: the run goes on and is not noted. Tasks that come
in thousands, as the drain does, are not on the schedule and cost nothing here.
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

NAMES = "analytics:tasks"
# A task that is no longer on the schedule is forgotten after this.
KEPT_S = 8 * 86_400
MAX_RESULT = 4096


class Run(NamedTuple):
    """A task's last runs. `started_at` after `ended_at`: it runs just now, waits for its turn, or died on the way."""

    started_at: str | None
    ended_at: str | None
    duration_ms: float | None
    # ok, or error and the class of what was raised; None: no run has ended yet.
    outcome: str | None
    last_success_at: str | None
    # What the task returned, where that is an object.
    result: dict[str, Any] | None


def task_key(name: str) -> str:
    return f"analytics:task:{name}"


def resumed(do: Callable[P, None]) -> Callable[P, None]:
    """Of a task whose next run goes on where a server that went away has stopped it: that is logged and counts as an
    error, and is not raised."""

    @wraps(do)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            do(*args, **kwargs)
        except (DBAPIError, psycopg2.Error, RedisError) as error:
            log.warning("task interrupted", extra={"task": do.__name__, "error": type(error).__name__})
            interrupted(error)

    return run


def interrupted(error: BaseException) -> None:
    """Called by a task that gives up without raising, since its next run goes on: the run counts as an error."""
    failed(type(error).__name__)


def failed(what: str) -> None:
    """Called by a task that could not do all of its work; `what` is shown."""
    # Outside a worker there is no task to speak of.
    if current_task:
        current_task.request.update(failed_with=what)


class Recorder:
    """Notes the runs of `names`. One a process; several may write at once, the last one stands."""

    def __init__(self, redis: Redis, names: Collection[str]) -> None:
        self._redis, self._names = redis, frozenset(names)
        self._began: dict[str, float] = {}

    def connect(self) -> None:
        """Listens to Celery from now on."""
        signals.task_prerun.connect(self.started, weak=False)
        signals.task_postrun.connect(self.ended, weak=False)

    def started(self, task_id: str, task: Any, **_: Any) -> None:
        if task.name in self._names:
            self._began[task_id] = time.monotonic()
            self._write(task.name, {"started_at": _now()})

    def ended(self, task_id: str, task: Any, retval: Any = None, state: str | None = None, **_: Any) -> None:
        if task.name not in self._names:
            return
        took_s = time.monotonic() - self._began.pop(task_id, time.monotonic())
        if state == states.RETRY:
            # It was not its turn (tasks/chores.py); another of its name may be at work.
            return
        error = getattr(task.request, "failed_with", None) or (type(retval).__name__ if state != "SUCCESS" else "")
        now = _now()
        noted = {
            "ended_at": now,
            "duration_ms": f"{took_s * 1000:.1f}",
            "outcome": f"error: {error}" if error else "ok",
        }
        if not error:
            noted["last_success_at"] = now
        if not error and isinstance(retval, dict) and len(result := json.dumps(retval)) <= MAX_RESULT:
            noted["result"] = result
        self._write(task.name, noted)

    def _write(self, name: str, values: dict[str, str]) -> None:
        pipe: Any = self._redis.pipeline(transaction=False)
        pipe.hset(task_key(name), mapping=values)
        pipe.expire(task_key(name), KEPT_S)
        pipe.sadd(NAMES, name)
        try:
            pipe.execute()
        except RedisError as error:
            log.debug("run not noted", extra={"task": name, "error": type(error).__name__})


def install(app: Celery, redis: Redis) -> None:
    """Notes every run of the tasks on the app's schedule."""
    Recorder(redis, {entry["task"] for entry in app.conf.beat_schedule.values()}).connect()


def read_runs(redis: Redis) -> dict[str, Run]:
    """Task → its last runs, in the order of the names. Two round trips."""
    members: Any = redis.smembers(NAMES)
    names = sorted(name.decode() for name in members)
    pipe = redis.pipeline(transaction=False)
    for name in names:
        pipe.hgetall(task_key(name))
    replies: list[dict[bytes, bytes]] = pipe.execute()
    return {name: _run(values) for name, values in zip(names, replies, strict=True) if values}


def _run(stored: dict[bytes, bytes]) -> Run:
    values: dict[str, Any] = {name.decode(): value.decode() for name, value in stored.items()}
    found = Run(**{name: values.get(name) for name in Run._fields})
    duration_ms, result = values.get("duration_ms"), None
    with suppress(ValueError):
        result = json.loads(values.get("result") or "null")
    return found._replace(duration_ms=float(duration_ms) if duration_ms else None, result=result)


def _now() -> str:
    return clock.now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
