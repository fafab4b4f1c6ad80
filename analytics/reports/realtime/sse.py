"""The live tail's streams: one thread of a process looks at the database once a second for all of them.

A site that many watch is read once. A stream that nobody reads from stays at its mark, and goes on from there; what it
has missed is read for it again. Where a stream waits, no thread of the web process does (ops/connection.py).
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

import msgspec
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from analytics.errors import Unavailable
from analytics.reports.live import Mark, Page, is_kept, mark_now, read_mark, read_page
from analytics.reports.question import utc
from analytics.store.reading import reading

log = logging.getLogger(__name__)

MOST_STREAMS = 100
LOOK_EVERY_S, HEARTBEAT_S = 1.0, 15.0
# A look at the database that takes longer is of no use any more.
LOOK_WITHIN_S = 10.0
# A token may have expired, or been revoked, since: whoever watches says again who it is.
MOST_AGE_S = 3600.0
MOST_BYTES, STALLED_AFTER_S = 1 << 20, 60.0
# How soon a browser is to come back.
FIRST = b"retry: 2000\n\n"


class Asked(NamedTuple):
    """Whose events: a site's, of these types (None: of all), bots left out unless asked for."""

    site_id: int
    types: frozenset[str] | None = None
    bots: bool = False


class Stream(Iterator[bytes]):
    """What one client gets. `next` waits; `when_ready` is for a server that does not want a thread to."""

    def __init__(self, tail: "Tail", asked: Asked, mark: Mark) -> None:
        self.asked, self.mark = asked, mark
        self._tail, self._changed = tail, threading.Condition()
        self._blocks: list[bytes] = []
        self._bytes = 0
        self._is_over = False
        self._when_ready: Callable[[], None] | None = None
        self._born = self._sent = self._taken = time.monotonic()

    def __next__(self) -> bytes:
        with self._changed:
            self._changed.wait_for(self._is_ready)
            blocks, self._blocks, self._bytes = self._blocks, [], 0
            self._taken = time.monotonic()
        if not blocks:
            raise StopIteration
        return b"".join(blocks)

    def when_ready(self, call: Callable[[], None]) -> None:
        """Calls it once, from any thread, as soon as `next` has something to return, or to end with, at once."""
        with self._changed:
            if not self._is_ready():
                self._when_ready = call
                return
        call()

    def close(self) -> None:
        """Ends the stream; whoever waits for it hears of that. Also twice."""
        self._tail.leave(self)
        self._put(b"", is_over=True)

    def say(self, block: bytes) -> None:
        self._put(block)

    def feed(self, page: Page) -> None:
        """Takes the page's events that were asked for, and is where the page ends."""
        types, bots = self.asked.types, self.asked.bots
        blocks = [one.block for one in page.events if (types is None or one.type in types) and (bots or not one.is_bot)]
        self.mark = page.mark
        if blocks:
            self._put(b"".join(blocks))

    def look(self, now_s: float) -> None:
        """Breaks silence, with a mark, so that a resume has little to look through; ends the stream when it is due."""
        if now_s - self._born > MOST_AGE_S or (self._blocks and now_s - self._taken > STALLED_AFTER_S):
            self.close()
        elif now_s - self._sent >= HEARTBEAT_S and not self._blocks:
            self._put(b": nothing new\nid: %b\n\n" % str(self.mark).encode())

    @property
    def is_full(self) -> bool:
        return self._bytes > MOST_BYTES

    def _is_ready(self) -> bool:
        return bool(self._blocks) or self._is_over

    def _put(self, block: bytes, is_over: bool = False) -> None:
        with self._changed:
            if block:
                self._blocks.append(block)
                self._bytes += len(block)
                self._sent = time.monotonic()
            self._is_over = self._is_over or is_over
            call, self._when_ready = self._when_ready, None
            self._changed.notify_all()
        if call is not None:
            call()


class Tail:
    """A process's streams, and the thread that looks; it is there while there are streams."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(isolation_level="REPEATABLE READ")
        self._lock = threading.Lock()
        self._streams: set[Stream] = set()
        self._thread: threading.Thread | None = None
        self._stirred = threading.Event()

    def join(self, asked: Asked, last_event_id: str | None) -> Stream:
        """A stream from now on, or from where that one ended. Raises BadInput for an id that never was one, Unavailable
        when the process has no room; the caller closes the stream."""
        mark = read_mark(last_event_id) if last_event_id else None
        with reading(self._engine, LOOK_WITHIN_S) as connection:
            now = mark_now(connection)
        can_resume = mark is not None and is_kept(mark, now)
        stream = Stream(self, asked, mark if mark is not None and can_resume else now)
        stream.say(FIRST + (_gap(mark.at, now.at) if mark and not can_resume else b": from here on\n"))
        stream.say(b"id: %b\n\n" % str(stream.mark).encode())
        with self._lock:
            if len(self._streams) >= MOST_STREAMS:
                raise Unavailable(f"{MOST_STREAMS} live streams are open already; try again shortly", 10)
            self._streams.add(stream)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="live-tail", daemon=True)
                self._thread.start()
        return stream

    def leave(self, stream: Stream) -> None:
        with self._lock:
            self._streams.discard(stream)
            if not self._streams:
                self._stirred.set()

    def look(self) -> bool:
        """Feeds every stream what is new for it; whether some of it is left for the next look."""
        by_site: dict[int, list[Stream]] = {}
        for stream in self._open():
            stream.look(time.monotonic())
            if not stream.is_full:
                by_site.setdefault(stream.asked.site_id, []).append(stream)
        return max([self._look_at(site_id, streams) for site_id, streams in by_site.items()], default=False)

    def _look_at(self, site_id: int, streams: Iterable[Stream]) -> bool:
        by_mark: dict[Mark, list[Stream]] = {}
        for stream in streams:
            by_mark.setdefault(stream.mark, []).append(stream)
        more = False
        try:
            with reading(self._engine, LOOK_WITHIN_S) as connection:
                now = mark_now(connection)
                for mark, group in by_mark.items():
                    page = read_page(connection, site_id, mark, now)
                    more = more or page.more
                    for stream in group:
                        stream.feed(page)
        except (SQLAlchemyError, Unavailable) as error:
            # The marks stay: the next look begins where this one did.
            log.warning("live tail cannot look", extra={"site_id": site_id, "error": type(error).__name__})
        return more

    def _open(self) -> list[Stream]:
        with self._lock:
            return list(self._streams)

    def _run(self) -> None:
        while True:
            began = time.monotonic()
            try:
                more = self.look()
            except Exception:
                # A fault of ours must not leave clients waiting for a thread that is gone: they come back.
                log.exception("live tail broke off")
                more = False
                for stream in self._open():
                    stream.close()
            # Behind or not, the process has requests to serve in at least half of the time.
            self._stirred.wait(time.monotonic() - began if more else LOOK_EVERY_S)
            with self._lock:
                self._stirred.clear()
                if not self._streams:
                    self._thread = None
                    return


def _gap(start: datetime, end: datetime) -> bytes:
    """Says that events between the two were not shown, and are not going to be."""
    return b"event: gap\ndata: %b\n" % msgspec.json.encode({"from": utc(start), "to": utc(end)})
