"""`Client`: `track` writes the event to the spool and returns; a thread delivers.

The one class that applications use (async_client.py wraps it for asyncio). What happens at a fork and at the end of the
process is decided here. Delivery is in delivery/, files are in spool/.
"""

import atexit
import logging
import math
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Optional, Union

from analytics_client.delivery.sender import Sender
from analytics_client.delivery.thread import Delivery
from analytics_client.delivery.transport import Transport, check_url
from analytics_client.events import (
    EventTooLarge,
    InvalidEvent,
    UserId,
    check_event_id,
    encode_event,
    encode_notice,
    format_now,
)
from analytics_client.forks import ForkLock, register
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
_LOG_REFUSAL_S = 60.0


class Client:
    """Sends events to one service. Safe for threads, and for a fork at any moment.

    Keyword arguments are the fields of `Options`. Raises ValueError for a wrong one, and OSError where the spool folder
    cannot be used; `track` raises nothing.
    """

    def __init__(self, url: str, key: str, **options: "Unpack[ClientOptions]") -> None:
        self.options = Options(**options)
        self._ids = IdMaker()
        self._ids_lock = threading.Lock()
        # By reason.
        self._refusals_logged_at: dict[str, float] = {}
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
        self._delivery = Delivery(self._spool, self._sender)
        if foreign := folder.count_foreign():
            log.info("%s holds %d spool files of another url, site or key; they are left alone", folder.path, foreign)
        register(self)
        atexit.register(self._close_at_exit)
        # Files of ended processes are delivered without waiting for the first event.
        self._delivery.start()

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
        with spool.lock:
            is_written = spool.append(record)
            waiting = spool.waiting
        self._sender.announce(waiting)
        if self._delivery.thread is None:
            self._delivery.start()
        if not is_written:
            self._log_refusal(*spool.refusal)
        return is_written

    def _refuse(self, spool: Spool, reason: str, error: InvalidEvent) -> None:
        with spool.lock:
            spool.refuse(reason, str(error))
        self._log_refusal(reason, error)

    def _log_refusal(self, reason: str, detail: object) -> None:
        now = time.monotonic()
        if now - self._refusals_logged_at.get(reason, -math.inf) > _LOG_REFUSAL_S:
            self._refusals_logged_at[reason] = now
            log.warning("an event was not taken (%s): %s", reason, detail)

    def _write_notice(self) -> None:
        """Spools the event that tells the server how many events were dropped, and why."""
        assert self._spool is not None
        now = time.time()
        # The thread and close() may both be here: each drop is told once.
        with self._spool.lock:
            if self._spool.untold and not self._spool.is_closed:
                event_id = IdMaker().make(int(now * 1000))
                self._spool.append_notice(encode_notice(event_id, now, self._spool.untold, f"python/{VERSION}"))

    def set_key(self, key: str) -> None:
        """Uses another key from now on, and tries again at once. Raises ValueError."""
        if self._spool is not None:
            self._transport.set_key(key)
            self._sender.retry_now()

    def flush(self, timeout: float = 10.0) -> bool:
        """Sends what this process has tracked; True when the server has answered for all of it.

        False after `timeout` seconds, and at once when the next attempt may not be made before. Events stay spooled.
        """
        return self._spool is None or self._delivery.flush(timeout)

    def close(self, timeout: float = 10.0) -> bool:
        """As `flush`; then ends the thread and gives the spool up. What is left, the next process delivers.

        May be called again, and by several threads: each gets its own answer.
        """
        if self._spool is None:
            return True
        atexit.unregister(self._close_at_exit)
        if self._spool.untold and self._sender.backoff.state != "held":
            self._write_notice()
        return self._delivery.close(timeout)

    def has_left(self) -> bool:
        """Whether the folder has files that an ended process left."""
        if self._spool is None:
            return False
        # In this order: a file that is adopted meanwhile is found by one of the two.
        files = self._spool.folder.list_files()
        return self._sender.adopted.is_busy or any(not is_owned for _, _, is_owned in files)

    def stats(self) -> Stats:
        """What this process has tracked, sent and dropped, and what waits."""
        if self._spool is None:
            return Stats(state="disabled")
        spool, sender = self._spool, self._sender
        with spool.lock:
            dropped = dict(spool.drops)
            return Stats(
                tracked=spool.tracked,
                sent=sender.sent,
                rejected=sender.rejected,
                dropped=dropped,
                waiting=spool.waiting - spool.waiting_notices,
                waiting_bytes=spool.waiting_bytes,
                adopted_sent=sender.adopted_sent,
                adopted_rejected=sender.adopted_rejected,
                adopted_dropped=dict(spool.adopted_drops),
                notices=spool.notices,
                requests=sender.requests,
                retries=sender.retries,
                state="closed" if self._delivery.is_closed else sender.backoff.state,
                reason=sender.backoff.reason,
            )

    def _close_at_exit(self) -> None:
        self.close(self.options.exit_s)

    def fork_locks(self) -> "list[ForkLock]":
        """Held over a fork, so that the child gets no half-written state. In the order in which threads take them."""
        assert self._spool is not None
        return [self._sender.adopted.lock, self._spool.lock, self._delivery.start_lock, self._ids_lock]

    def begin_anew(self) -> None:
        """In a forked child: own files at the first event, an own thread, an own connection, counts from 0."""
        self._ids_lock, self._ids = threading.Lock(), IdMaker()
        self._delivery.forget()
        self._sender.abandon()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], at: Optional[TracebackType]
    ) -> None:
        self.close()
