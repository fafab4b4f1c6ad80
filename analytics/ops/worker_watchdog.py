"""Watchdog: a worker that stops receiving messages exits, so that its supervisor restarts it.

After an outage of Redis, a Celery worker sometimes reconnects but never consumes messages (celery issues 8030 and
10205). No event is lost, but none is stored either. A thread of the worker's main process compares the messages in its
queues with those it receives. celery_app.py calls `install`.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Iterable
from typing import Any

from celery import signals
from celery.worker import state
from redis import Redis
from redis.exceptions import RedisError

log = logging.getLogger(__name__)
CHECK_INTERVAL_S = 2.0
# An idle worker takes a message within milliseconds.
STALLED_AFTER_S = 20.0
# For the running tasks.
SHUTDOWN_TIMEOUT_S = 30.0


class StallDetector:
    """Decides whether a worker has stopped receiving messages; called every CHECK_INTERVAL_S."""

    def __init__(self) -> None:
        self._received = -1
        self._idle_since: float | None = None

    def is_stalled(self, now_s: float, received: int, is_busy: bool, queued: int) -> bool:
        """True once messages were queued for STALLED_AFTER_S while the worker was idle and received none."""
        if is_busy or not queued or received != self._received:
            self._received, self._idle_since = received, None
            return False
        if self._idle_since is None:
            self._idle_since = now_s
        return now_s - self._idle_since >= STALLED_AFTER_S


def install(redis: Redis) -> None:
    """Starts the watchdog in every worker once it is ready. `redis`: the broker."""

    # A strong reference: signals hold weak ones, and this function has no other.
    @signals.worker_ready.connect(weak=False)
    def watch(sender: Any, **_: Any) -> None:
        queues = list(sender.app.amqp.queues.consume_from)
        threading.Thread(target=_watch, args=(redis, queues, sender), name="worker-watchdog", daemon=True).start()


def _watch(redis: Redis, queues: Iterable[str], consumer: Any) -> None:
    detector = StallDetector()
    while not detector.is_stalled(time.monotonic(), _received(), _is_busy(), _queued(redis, queues)):
        time.sleep(CHECK_INTERVAL_S)
    log.critical("worker stopped receiving queued messages; exiting")
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SHUTDOWN_TIMEOUT_S)
    # Its main loop may not even handle signals. Other workers redo the tasks it had begun.
    for pid in consumer.pool.info.get("processes", ()):
        os.kill(pid, signal.SIGKILL)
    os._exit(os.EX_TEMPFAIL)


def _received() -> int:
    """Tasks that its processes have ever begun."""
    return sum(state.total_count.values())


def _is_busy() -> bool:
    return bool(state.active_requests or state.reserved_requests)


def _queued(redis: Redis, queues: Iterable[str]) -> int:
    """Messages in the queues; 0 while Redis is unavailable, when no worker could receive them."""
    try:
        return sum(redis.llen(name) for name in queues)
    except RedisError:
        return 0
