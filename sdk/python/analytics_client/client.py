"""`Client`: `track` writes the event to the spool and returns; a thread delivers.

The one class that applications use (async_client.py wraps it for asyncio). It owns the thread, and what happens at a
fork and at the end of the process. Delivery is in delivery/, files are in spool/.
"""

import atexit
import logging
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Optional, Union

from analytics_client.delivery.sender import Sender
from analytics_client.delivery.transport import Transport, check_url
from analytics_client.events import EventTooLarge, InvalidEvent, UserId, check_event_id, encode_event, format_now
from analytics_client.forks import register
from analytics_client.ids import IdMaker
from analytics_client.options import ClientOptions, Options
from analytics_client.spool.folder import SpoolFolder, name_destination
from analytics_client.spool.spool import Spool
from analytics_client.stats import Stats
from analytics_client.version import VERSION

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from analytics_client.fields import EventFields

log = logging.getLogger("analytics_client")
# An application that tracks something wrong does so at each request.
_LOG_INVALID_S = 60.0


class Client:
    """Sends events to one service. Safe for threads, and for a fork at any moment.

    Keyword arguments are the fields of `Options`. Raises ValueError for a wrong one, and OSError where the spool folder
    cannot be used; `track` raises nothing.
    """

    def __init__(self, url: str, key: str, **options: "Unpack[ClientOptions]") -> None:
        self.options = Options(**options)
        self._ids = IdMaker()
        self._ids_lock = threading.Lock()
        self._is_closed = False
        self._thread: Optional[threading.Thread] = None
        self._thread_lock = threading.Lock()
        self._invalid_logged_at = -_LOG_INVALID_S
        self._spool: Optional[Spool] = None
        if self.options.enabled:
            self._open(url, key)

    @classmethod
    def disabled(cls) -> "Client":
        """A client for tests: it makes ids, and neither writes nor sends anything."""
        return cls("http://disabled.invalid", "disabled", enabled=False)

    def _open(self, url: str, key: str) -> None:
        options = self.options
        self._transport = Transport(url, key, options.timeout_s, options.compress_above, options.make_http)
        own = name_destination(check_url(url), options.site, key)
        folder = SpoolFolder(options.spool_dir, own if options.destination is None else options.destination)
        self._spool = Spool(folder, options.max_spool_bytes, options.fsync)
        self._sender = Sender(self._spool, self._transport, options, self._write_notice)
        if foreign := folder.count_foreign():
            log.info("%s holds %d spool files of another url, site or key; they are left alone", folder.path, foreign)
        register(self)
        atexit.register(self._close_at_exit)
        # Files of ended processes are delivered without waiting for the first event.
        self._start_thread()

    def track(
        self,
        type: str,
        payload: Optional[Mapping[str, Any]] = None,
        user_id: UserId = None,
        *,
        ts: Union[datetime, str, None] = None,
        session_id: UserId = None,
        event_id: Optional[str] = None,
        subject: Optional[str] = None,
        path: Optional[str] = None,
        referrer: Optional[str] = None,
        ip: Optional[str] = None,
        user_agent: Optional[str] = None,
        hostname: Optional[str] = None,
        language: Optional[str] = None,
        src: Optional[str] = None,
    ) -> Optional[str]:
        """Spools an event; returns its id, or None when it was dropped, which `stats()` counts by reason.

        When this returns, the event is in the page cache: it survives `kill -9` of the process (with `fsync`, a crash
        of the machine).
        """
        now = time.time()
        with self._ids_lock:
            given_id = event_id if event_id is not None else self._ids.make(int(now * 1000))
        if self._spool is None:
            return given_id
        others = {
            "session_id": session_id,
            "subject": subject,
            "path": path,
            "referrer": referrer,
            "ip": ip,
            "user_agent": user_agent,
            "hostname": hostname,
            "language": language,
            "src": src,
        }
        try:
            if event_id is not None:
                check_event_id(event_id)
            record = encode_event(given_id, type, format_now(now) if ts is None else ts, user_id, payload, others)
        except InvalidEvent as error:
            self._refuse(self._spool, "too_large" if isinstance(error, EventTooLarge) else "invalid", error)
            return None
        return given_id if self._append(self._spool, record) else None

    def identify(
        self, user_id: Union[str, int], traits: Optional[Mapping[str, Any]] = None, **fields: "Unpack[EventFields]"
    ) -> Optional[str]:
        """An event of the type `identify`, with `traits` in its payload. `fields` are those of `track`."""
        return self.track("identify", {"traits": traits or {}}, user_id, **fields)

    def _append(self, spool: Spool, record: bytes) -> bool:
        if self._is_closed:
            self._refuse(spool, "closed", "the client is closed")
            return False
        with spool.lock:
            is_written = spool.append(record)
            waiting = spool.waiting
        self._sender.announce(waiting)
        if self._thread is None:
            self._start_thread()
        return is_written

    def _refuse(self, spool: Spool, reason: str, error: object) -> None:
        with spool.lock:
            spool.count_drop(reason)
        if time.monotonic() - self._invalid_logged_at > _LOG_INVALID_S:
            self._invalid_logged_at = time.monotonic()
            log.warning("an event was not taken: %s", error)

    def _write_notice(self) -> None:
        """Spools the event that tells the server how many events were dropped, and why."""
        assert self._spool is not None
        src = {"src": f"python/{VERSION}"}
        now = time.time()
        with self._ids_lock:
            event_id = self._ids.make(int(now * 1000))
        # The thread and close() may both be here: each drop is told once.
        with self._spool.lock:
            if told := dict(self._spool.untold):
                record = encode_event(event_id, "sdk_dropped", format_now(now), None, told, src)
                self._spool.append_notice(record, told)

    def set_key(self, key: str) -> None:
        """Uses another key from now on, and tries again at once. Raises ValueError."""
        if self._spool is not None:
            self._transport.set_key(key)
            self._sender.retry_now()

    def flush(self, timeout: float = 10.0) -> bool:
        """Sends what this process has tracked; True when the server has answered for all of it.

        False after `timeout` seconds, and at once when the next attempt may not be made before. Events stay spooled.
        """
        spool = self._spool
        if spool is None or not spool.waiting:
            return True
        if self._is_closed:
            return False
        deadline = time.monotonic() + timeout
        target = spool.appended
        self._sender.flush_to = max(self._sender.flush_to, target)
        if not self._start_thread():
            return self._flush_here(spool, target, deadline)
        self._sender.wake.set()
        with self._sender.progress:
            while spool.settled < target:
                left = deadline - time.monotonic()
                if left <= 0 or self._sender.not_before > deadline:
                    return False
                self._sender.progress.wait(left)
        return True

    def _flush_here(self, spool: Spool, target: int, deadline: float) -> bool:
        """In the caller's thread: at the end of the interpreter no other can be started."""
        while spool.settled < target:
            wait_s = self._sender.step()
            if time.monotonic() + wait_s > deadline:
                return False
            time.sleep(wait_s)
        return True

    def close(self, timeout: float = 10.0) -> bool:
        """As `flush`; then ends the thread and gives the spool up. What is left, the next process delivers."""
        if self._spool is None or self._is_closed:
            return True
        if self._spool.untold and self._sender.state != "held":
            self._write_notice()
        deadline = time.monotonic() + timeout
        is_done = self.flush(timeout)
        self._is_closed = True
        atexit.unregister(self._close_at_exit)
        with self._thread_lock:
            thread, self._thread = self._thread, None
        self._sender.wake.set()
        if thread is None or not thread.is_alive():
            self._sender.close()
        else:
            # A thread that waits for an answer closes the files itself, when it has it.
            thread.join(max(0.0, deadline - time.monotonic()) + 0.1)
        return is_done

    def has_left(self) -> bool:
        """Whether the folder has files that an ended process left."""
        if self._spool is None:
            return False
        # In this order: a file that is locked and not adopted yet is found by one of the two.
        files = self._spool.folder.list_files()
        return self._sender.is_adopting or any(not is_owned for _, _, is_owned in files)

    def stats(self) -> Stats:
        """What this process has tracked, sent and dropped, and what waits."""
        if self._spool is None:
            return Stats(state="disabled")
        spool, sender = self._spool, self._sender
        with spool.lock:
            dropped = dict(spool.drops)
            return Stats(
                tracked=spool.appended + sum(dropped.values()),
                sent=sender.sent,
                rejected=sender.reporter.rejected,
                dropped=dropped,
                waiting=spool.waiting,
                waiting_bytes=spool.waiting_bytes,
                adopted_sent=sender.adopted_sent,
                adopted_rejected=sender.reporter.adopted_rejected,
                requests=sender.requests,
                retries=sender.retries,
                state="closed" if self._is_closed else sender.state,
                reason=sender.reason,
            )

    def _start_thread(self) -> bool:
        """True when the thread runs; False at the end of the interpreter, and after `close`."""
        with self._thread_lock:
            if self._thread is not None and self._thread.is_alive():
                return True
            if self._is_closed:
                return False
            thread = threading.Thread(target=self._deliver, name="analytics-client", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                # The interpreter ends: what is spooled is sent by the exit handler, or by the next process.
                return False
            self._thread = thread
            return True

    def _deliver(self) -> None:
        sender = self._sender
        while not self._is_closed:
            wait_s = sender.step()
            if wait_s > 0:
                sender.wake.wait(wait_s)
                sender.wake.clear()
        sender.close()

    def _close_at_exit(self) -> None:
        self.close(self.options.exit_s)

    def before_fork(self) -> None:
        """Holds the locks, so that the child gets no half-written state."""
        self._thread_lock.acquire()
        self._ids_lock.acquire()
        if self._spool is not None:
            self._spool.lock.acquire()

    def after_fork_in_parent(self) -> None:
        """Goes on."""
        if self._spool is not None:
            self._spool.lock.release()
        self._ids_lock.release()
        self._thread_lock.release()

    def after_fork_in_child(self) -> None:
        """Begins anew: own files at the first event, an own thread, an own connection, counts from 0."""
        self._thread, self._thread_lock, self._ids_lock = None, threading.Lock(), threading.Lock()
        self._ids = IdMaker()
        if self._spool is not None:
            self._sender.abandon()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], at: Optional[TracebackType]
    ) -> None:
        self.close()
