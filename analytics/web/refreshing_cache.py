"""A cache whose values are loaded once while a request waits, and later refreshed in the background.

Sites and revocations use it: what every request needs stays available while the server behind it hangs. Loads run in
threads of the cache, each key's one at a time, so they work on the event loop, in threads, tasks and commands. A value
that nobody has used for a while is refreshed before it is used again, unless the server does not answer.
"""

import asyncio
import logging
import math
import os
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextvars import copy_context
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar
from weakref import WeakMethod

from analytics import clock
from analytics.errors import NotFound, Unavailable
from analytics.web.server.greenlets import await_future, is_on_event_loop

log = logging.getLogger(__name__)

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
# How long a request waits for a load. A load that takes longer goes on, and its result is used later.
WAIT_S = 3.0
# Of a load that takes longer: its server may answer again just now.
LATE_WAIT_S = 0.2
LOADER_THREADS = 4
# Loads under way; beyond them a key that is not cached is refused, and others stay as they are.
MAX_PENDING = 200
# After a failure nobody waits for a refresh for so long, and nothing more is logged.
FAILING_S = 10.0


@dataclass(frozen=True, slots=True)
class Freshness:
    """Up to `fresh_s` a value is served as it is, up to `usable_s` while it is refreshed; an older one is refreshed
    first, or served all the same when that fails."""

    fresh_s: float
    usable_s: float


class _Entry(Generic[Value]):
    __slots__ = ("loaded_at", "value")

    def __init__(self, value: Value, loaded_at: float) -> None:
        self.value, self.loaded_at = value, loaded_at


class _Load(Generic[Value]):
    """A load that is under way. Whoever waits for it does so until `give_up_at` (monotonic)."""

    def __init__(self) -> None:
        self.future: Future[Value] = Future()
        self.give_up_at = time.monotonic() + WAIT_S


class RefreshingCache(Generic[Key, Value]):
    """`what` names its values in the log, for example sites. A key whose load raises NotFound is dropped."""

    def __init__(self, what: str, freshness: Freshness, max_entries: int = 10_000) -> None:
        self._what, self._freshness, self._max_entries = what, freshness, max_entries
        self._entries: dict[Key, _Entry[Value]] = {}
        self._start()
        start = WeakMethod(self._start)
        # A forked child has no thread, and the lock may have been held.
        os.register_at_fork(after_in_child=lambda: (restart := start()) and restart())

    def _start(self) -> None:
        self._lock = Lock()
        self._loads: dict[Key, _Load[Value]] = {}
        self._threads = ThreadPoolExecutor(LOADER_THREADS, f"load-{self._what}")
        self._failed_at = -math.inf

    def get(self, key: Key, load: Callable[[], Value]) -> Value:
        """The key's value. Raises what `load` raises for a key that is not cached, and Unavailable when it takes long.

        A hit takes no lock: about 0.3 us.
        """
        entry, now = self._entries.get(key), clock.now().timestamp()
        # The lower bound: a clock that was set back must not keep an entry for ever.
        if entry is not None and 0 <= now - entry.loaded_at < self._freshness.fresh_s:
            return entry.value
        return self._load_first(key, load) if entry is None else self._refresh(key, load, entry, now)

    def get_now(self, key: Key, load: Callable[[], Value], default: Value) -> Value:
        """The key's value, or `default` before it was loaded. Never waits; a load is begun where one is due."""
        entry, now = self._entries.get(key), clock.now().timestamp()
        if entry is None or not 0 <= now - entry.loaded_at < self._freshness.fresh_s:
            self._begin(key, load)
        return default if entry is None else entry.value

    def put(self, key: Key, value: Value) -> None:
        """Caches a value that is known to be current."""
        if len(self._entries) >= self._max_entries and key not in self._entries:
            self._entries.pop(next(iter(self._entries.copy()), key), None)
        self._entries[key] = _Entry(value, clock.now().timestamp())

    def discard(self, key: Key) -> None:
        """Drops a value that is known to be out of date: whoever asks next waits for its load."""
        self._entries.pop(key, None)

    def clear(self) -> None:
        """Empties the cache, as in a new process."""
        with self._lock:
            self._entries, self._loads = {}, {}
            self._failed_at = -math.inf

    def _load_first(self, key: Key, load: Callable[[], Value]) -> Value:
        pending = self._begin(key, load)
        if pending is None or not _wait(pending):
            raise Unavailable(f"{self._what} cannot be read at the moment: the database does not answer; try again")
        return pending.future.result()

    def _refresh(self, key: Key, load: Callable[[], Value], entry: _Entry[Value], now: float) -> Value:
        pending = self._begin(key, load)
        is_usable = 0 <= now - entry.loaded_at < self._freshness.usable_s
        # While the server does not answer, nobody waits for it: one failure is enough for all keys.
        if is_usable or self._is_failing() or pending is None:
            return entry.value
        if not _wait(pending):
            self._note_failure("no answer")
            return entry.value
        error = pending.future.exception()
        if isinstance(error, NotFound):
            raise error
        return entry.value if error is not None else pending.future.result()

    def _begin(self, key: Key, load: Callable[[], Value]) -> _Load[Value] | None:
        """The key's load, which is started unless it is under way. None: too many are."""
        with self._lock:
            if (pending := self._loads.get(key)) is not None:
                return pending
            if len(self._loads) >= MAX_PENDING:
                return None
            pending = self._loads[key] = _Load()
        self._threads.submit(copy_context().run, self._run, key, load, pending)
        return pending

    def _run(self, key: Key, load: Callable[[], Value], pending: _Load[Value]) -> None:
        try:
            value = load()
        except BaseException as error:  # noqa: BLE001  # raised where it is waited for
            self._finish(key, pending)
            if isinstance(error, NotFound):
                self._entries.pop(key, None)
            else:
                self._note_failure(type(error).__name__)
            pending.future.set_exception(error)
            return
        self._failed_at = -math.inf
        if self._finish(key, pending):
            self.put(key, value)
        pending.future.set_result(value)

    def _finish(self, key: Key, pending: _Load[Value]) -> bool:
        """False when the cache was emptied since the load began: then its result is out of date."""
        with self._lock:
            is_current = self._loads.get(key) is pending
            if is_current:
                del self._loads[key]
            return is_current

    def _is_failing(self) -> bool:
        return time.monotonic() - self._failed_at < FAILING_S

    def _note_failure(self, reason: str) -> None:
        if not self._is_failing():
            self._failed_at = time.monotonic()
            log.warning("not refreshed, served as last read", extra={"what": self._what, "error": reason})


def _wait(pending: "_Load[Value]") -> bool:
    """Waits until the load has ended; False when it takes too long. On the event loop other requests go on."""
    left_s = max(pending.give_up_at - time.monotonic(), LATE_WAIT_S)
    if pending.future.done():
        return True
    if is_on_event_loop():
        ended = asyncio.wrap_future(pending.future)
        # Callers take an error from `pending`; here it is read so that asyncio does not log it as forgotten.
        ended.add_done_callback(lambda future: future.cancelled() or future.exception())
        await_future(asyncio.ensure_future(asyncio.wait([ended], timeout=left_s)))
        return pending.future.done()
    try:
        pending.future.exception(left_s)
    except FutureTimeoutError:
        return False
    return True
