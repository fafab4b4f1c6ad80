"""Heartbeats of workers and of beat: one hash in the buffer's Redis, by Redis's own clock. /health reads it.

celery_app.py installs them. The heartbeat of a worker comes from a thread of its main process, so it stops with a
process that is stopped or gone; that of beat comes with each message it sends.
"""

import logging
import os
import socket
import threading
from typing import Any, NamedTuple

from celery import signals
from redis import Redis
from redis.exceptions import RedisError

from analytics.queue import has_process_ended

log = logging.getLogger(__name__)

HEARTBEATS_KEY = "analytics:heartbeats"
BEAT, WORKER_PREFIX = "beat", "worker:"
INTERVAL_S = 2.0
SILENT_AFTER_S = 15.0
# A worker that is silent for longer was replaced, on another machine or under another name.
FORGET_AFTER_S = 600.0
WRITE = "return redis.call('HSET', KEYS[1], ARGV[1], redis.call('TIME')[1])"


class Heartbeats(NamedTuple):
    """Seconds since the last heartbeat, by worker and of beat. None: there was none."""

    workers: dict[str, float]
    beat: float | None

    @property
    def is_worker_silent(self) -> bool:
        """True when no worker is there, or one of them has stopped without a word."""
        return min(self.workers.values(), default=FORGET_AFTER_S) > SILENT_AFTER_S or any(
            SILENT_AFTER_S < age_s <= FORGET_AFTER_S for age_s in self.workers.values()
        )

    @property
    def is_beat_silent(self) -> bool:
        """Beat sends a message every two seconds."""
        return self.beat is None or self.beat > SILENT_AFTER_S


def read_heartbeats(redis: Redis) -> Heartbeats:
    """One round trip."""
    pipe: Any = redis.pipeline(transaction=False)
    pipe.time()
    pipe.hgetall(HEARTBEATS_KEY)
    (seconds, microseconds), stored = pipe.execute()
    now = seconds + microseconds / 1e6
    ages = {name.decode(): max(0.0, round(now - int(at), 1)) for name, at in stored.items()}
    beat = ages.pop(BEAT, None)
    return Heartbeats({name.removeprefix(WORKER_PREFIX): age_s for name, age_s in ages.items()}, beat)


def install(redis: Redis) -> None:
    """Subscribes to Celery's signals; each does something in a worker or in beat only. `redis`: the broker."""
    running: list[WorkerHeartbeat] = []

    # Strong references: signals hold weak ones, and these functions have no other.
    @signals.worker_ready.connect(weak=False)
    def begin(sender: Any, **_: Any) -> None:
        forget_dead_workers(redis)
        running.append(WorkerHeartbeat(redis, worker_field(sender.hostname)))
        running[0].start()

    @signals.worker_shutdown.connect(weak=False)
    def end(**_: Any) -> None:
        while running:
            running.pop().stop()

    @signals.beat_init.connect(weak=False)
    @signals.beat_embedded_init.connect(weak=False)
    def watch_beat(**_: Any) -> None:
        signals.after_task_publish.connect(lambda **_: write_heartbeat(redis, BEAT), weak=False)


class WorkerHeartbeat:
    """The thread of a worker that writes its heartbeat."""

    def __init__(self, redis: Redis, name: str) -> None:
        self._redis, self._name, self._stop = redis, name, threading.Event()
        self._thread = threading.Thread(target=self._run, name="worker-heartbeat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """The worker ends as it should, and is not missed."""
        self._stop.set()
        self._thread.join(INTERVAL_S)
        _forget(self._redis, self._name)

    def _run(self) -> None:
        write_heartbeat(self._redis, self._name)
        while not self._stop.wait(INTERVAL_S):
            write_heartbeat(self._redis, self._name)


def worker_field(node_name: str) -> str:
    """A worker's field of the hash: two workers of a machine may have one name."""
    return f"{WORKER_PREFIX}{node_name}|{socket.gethostname()}|{os.getpid()}"


def write_heartbeat(redis: Redis, name: str) -> None:
    """Without Redis there is nothing to write to, and nothing to read from."""
    try:
        redis.eval(WRITE, 1, HEARTBEATS_KEY, name)
    except RedisError as error:
        log.debug("heartbeat not written", extra={"error": type(error).__name__})


def forget_dead_workers(redis: Redis) -> None:
    """Removes the workers of this machine that were killed, since this one is in their place, and those long gone."""
    try:
        for name, age_s in read_heartbeats(redis).workers.items():
            if age_s > FORGET_AFTER_S or _has_ended(name):
                _forget(redis, WORKER_PREFIX + name)
    except RedisError as error:
        log.debug("heartbeats not read", extra={"error": type(error).__name__})


def _has_ended(name: str) -> bool:
    _, host, pid = name.split("|")
    return has_process_ended(host, pid)


def _forget(redis: Redis, name: str) -> None:
    try:
        redis.hdel(HEARTBEATS_KEY, name)
    except RedisError as error:
        log.debug("heartbeat not removed", extra={"error": type(error).__name__})
