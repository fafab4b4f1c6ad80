"""A worker that hears nothing any more ends itself, so that whoever keeps it running starts another.

After Redis was away, a Celery worker now and then connects again and never asks for messages: it lives, and takes
nothing (celery's issues 8030 and 10205). No event is lost by that, but none is stored either. A watch in the worker's
main process compares what waits in its queues with what it takes.
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
LOOK_EVERY_S = 2.0
# A worker with free hands takes a message within milliseconds.
DEAF_AFTER_S = 20.0
# For the tasks under way.
END_WITHIN_S = 30.0


class Hearing:
    """Whether a worker still takes what waits for it: `look` is told what there is to know, every few seconds."""

    def __init__(self) -> None:
        self._received = -1
        self._silent_since: float | None = None

    def is_lost(self, now_s: float, received: int, is_busy: bool, waiting: int) -> bool:
        """True once messages have waited for DEAF_AFTER_S while the worker was idle and received none."""
        if is_busy or not waiting or received != self._received:
            self._received, self._silent_since = received, None
            return False
        if self._silent_since is None:
            self._silent_since = now_s
        return now_s - self._silent_since >= DEAF_AFTER_S


def install(redis: Redis) -> None:
    """Has every worker of this program watch itself, once it is ready. `redis`: the broker."""

    # A strong reference: signals would forget a function that only lives here.
    @signals.worker_ready.connect(weak=False)
    def watch(sender: Any, **_: Any) -> None:
        queues = list(sender.app.amqp.queues.consume_from)
        threading.Thread(target=_watch, args=(redis, queues, sender), name="hearing", daemon=True).start()


def _watch(redis: Redis, queues: Iterable[str], consumer: Any) -> None:
    hearing = Hearing()
    while not hearing.is_lost(time.monotonic(), _received(), _is_busy(), _waiting(redis, queues)):
        time.sleep(LOOK_EVERY_S)
    log.critical("the worker takes no messages any more, though some wait: it ends, to be started again")
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(END_WITHIN_S)
    # Its main loop does not even hear signals. What its tasks have begun is done again by others.
    for pid in consumer.pool.info.get("processes", ()):
        os.kill(pid, signal.SIGKILL)
    os._exit(os.EX_TEMPFAIL)


def _received() -> int:
    """Tasks that its processes have begun, ever."""
    return sum(state.total_count.values())


def _is_busy() -> bool:
    return bool(state.active_requests or state.reserved_requests)


def _waiting(redis: Redis, queues: Iterable[str]) -> int:
    """Messages in the queues; 0 while Redis is away: then nobody can hear."""
    try:
        return sum(redis.llen(name) for name in queues)
    except RedisError:
        return 0
