"""The live tail: one thread of a web process polls the database once a second for all its live streams.

The route in views.py opens the streams. A site with many streams is read once. A stream whose client does not read
keeps its position, which may be between two events of a page; later polls read from there for it. A waiting stream
occupies no request thread (web/server/asgi.py).
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import NamedTuple

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from analytics import clock
from analytics.errors import Unavailable
from analytics.reports.realtime import sse
from analytics.reports.realtime.new_events import EVENTS_AT_A_TIME, NewEvent, read_page
from analytics.reports.realtime.position import StreamPosition, decode_position, is_resumable, read_current_position
from analytics.store.reading import read_transaction

log = logging.getLogger(__name__)

MAX_STREAMS, RETRY_AFTER_S = 100, 10
POLL_INTERVAL_S, HEARTBEAT_INTERVAL_S = 1.0, 15.0
# A slower poll is of no use any more.
POLL_TIMEOUT_S = 10.0
# The scopes and sites of a key may change during a stream; the client authenticates again when it reconnects.
MAX_AGE_S = 3600.0
# A stream takes no more events while so many bytes wait for its client. Streams at one position share the bytes.
MAX_BUFFERED_BYTES, STALL_TIMEOUT_S = 1 << 18, 60.0
# What the server gets at a time. It waits for the client once its connection holds more than that.
PIECE_BYTES = 1 << 16


class Subscription(NamedTuple):
    """The events of a stream: of one site, of these types (None: all), and whether those of bots too.

    The credential that opened it ends the stream when it is revoked, or at `expires_at` (Unix time).
    """

    site_id: int
    types: frozenset[str] | None = None
    bots: bool = False
    credential_id: str = ""
    expires_at: float = math.inf

    def matches(self, event: NewEvent) -> bool:
        return (self.types is None or event.type in self.types) and (self.bots or not event.is_bot)


class LiveStream(Iterator[bytes]):
    """The stream of one client. `next` blocks; `when_ready` is for a server that does not block a thread."""

    def __init__(
        self, tail: "LiveTail", subscription: Subscription, position: StreamPosition, release: Callable[[], None]
    ) -> None:
        self.subscription, self.position = subscription, position
        # Gives back what the stream holds beside its place in the tail.
        self.release = release
        self._tail, self._changed = tail, threading.Condition()
        self._blocks: list[bytes] = []
        self._bytes = 0
        # It was full before the end of its page.
        self._is_closed = self._is_behind = False
        self._when_ready: Callable[[], None] | None = None
        self._opened_s = self._sent_s = self._read_s = time.monotonic()

    def __next__(self) -> bytes:
        with self._changed:
            self._changed.wait_for(self._is_ready)
            piece = b"".join(self._take_piece())
            self._bytes -= len(piece)
            self._read_s = time.monotonic()
        if not piece:
            raise StopIteration
        if self._is_behind and not self.is_full:
            self._tail.wake()
        return piece

    def _take_piece(self) -> list[bytes]:
        """The first blocks, as many as make up PIECE_BYTES."""
        count = size = 0
        while count < len(self._blocks) and size < PIECE_BYTES:
            size += len(self._blocks[count])
            count += 1
        blocks, self._blocks = self._blocks[:count], self._blocks[count:]
        return blocks

    def when_ready(self, call: Callable[[], None]) -> None:
        """Calls `call` once, from any thread, as soon as `next` does not block; at once where it does not now."""
        with self._changed:
            if not self._is_ready():
                self._when_ready = call
                return
        call()

    def close(self) -> None:
        """Ends the stream and wakes its reader. May be called twice."""
        self._tail.remove(self)
        self._put([], is_last=True)

    def send(self, block: bytes) -> None:
        self._put([block])

    def feed(self, events: Sequence[tuple[NewEvent, bytes]]) -> bool:
        """Sends the blocks of the subscription's events until it is full, and moves to the last that it has taken.
        False when some are left."""
        blocks, size, taken = list[bytes](), self._bytes, 0
        for event, block in events:
            if size >= MAX_BUFFERED_BYTES:
                break
            taken += 1
            self.position = event.position
            if self.subscription.matches(event):
                blocks.append(block)
                size += len(block)
        self._is_behind = taken < len(events)
        self._put(blocks)
        return not self._is_behind

    def check_deadlines(self, now_s: float, revoked_ids: Collection[str] = ()) -> None:
        """Closes an old stream, one whose client stalls and one whose credential has ended; sends a heartbeat when one
        is due."""
        is_stalled = self._blocks and now_s - self._read_s > STALL_TIMEOUT_S
        if now_s - self._opened_s > MAX_AGE_S or is_stalled or self._has_lost_access(revoked_ids):
            self.close()
        elif now_s - self._sent_s >= HEARTBEAT_INTERVAL_S and not self._blocks:
            self.send(sse.format_heartbeat(self.position))

    @property
    def is_closed(self) -> bool:
        return self._is_closed

    @property
    def buffered_bytes(self) -> int:
        return self._bytes

    @property
    def is_full(self) -> bool:
        return self._bytes >= MAX_BUFFERED_BYTES

    def _has_lost_access(self, revoked_ids: Collection[str]) -> bool:
        access = self.subscription
        return access.credential_id in revoked_ids or clock.now().timestamp() >= access.expires_at

    def _is_ready(self) -> bool:
        return bool(self._blocks) or self._is_closed

    def _put(self, blocks: Sequence[bytes], is_last: bool = False) -> None:
        if not blocks and not is_last:
            return
        with self._changed:
            if blocks:
                self._blocks += blocks
                self._bytes += sum(map(len, blocks))
                self._sent_s = time.monotonic()
            self._is_closed = self._is_closed or is_last
            call, self._when_ready = self._when_ready, None
            self._changed.notify_all()
        if call is not None:
            call()


class LiveTail:
    """The streams of a process and the thread that polls; the thread runs while there are streams.

    `revoked_ids` returns those of revoked credentials; the thread calls it at each poll, without an app context.
    """

    def __init__(self, engine: Engine, revoked_ids: Callable[[], Collection[str]] = frozenset) -> None:
        self._revoked_ids = revoked_ids
        self._engine = engine.execution_options(isolation_level="REPEATABLE READ")
        self._lock = threading.Lock()
        self._streams: set[LiveStream] = set()
        self._thread: threading.Thread | None = None
        # Set when a stream that is behind has room, and when the last one has left.
        self._wake, self._has_nothing_to_do = threading.Event(), threading.Event()

    @property
    def stream_count(self) -> int:
        return len(self._streams)

    @property
    def is_running(self) -> bool:
        """The thread is there."""
        return self._thread is not None

    def open_stream(
        self, subscription: Subscription, last_event_id: str | None, release: Callable[[], None] = lambda: None
    ) -> LiveStream:
        """A stream that starts now, or after that event. The caller closes it; `release` is called when it ends.

        Raises BadInput for an id that no event has, Unavailable when the process has MAX_STREAMS streams; then
        `release` is not called.
        """
        resume = decode_position(last_event_id) if last_event_id else None
        with read_transaction(self._engine, POLL_TIMEOUT_S) as connection:
            current = read_current_position(connection)
        if resume is None or is_resumable(resume, current):
            position, missing = resume or current, None
        else:
            position, missing = current, (resume.at, current.at)
        stream = LiveStream(self, subscription, position, release)
        stream.send(sse.format_start(position, missing))
        self._add(stream)
        return stream

    def _add(self, stream: LiveStream) -> None:
        with self._lock:
            if len(self._streams) >= MAX_STREAMS:
                raise Unavailable(
                    f"this process serves at most {MAX_STREAMS} live streams; try again in {RETRY_AFTER_S} s",
                    RETRY_AFTER_S,
                )
            self._streams.add(stream)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="live-tail", daemon=True)
                self._thread.start()

    def remove(self, stream: LiveStream) -> None:
        with self._lock:
            self._streams.discard(stream)
            if not self._streams:
                self._has_nothing_to_do.set()
                self._wake.set()
        stream.release()

    def wake(self) -> None:
        """Polls again soon: a stream has room for what it was not sent."""
        self._wake.set()

    def poll(self) -> bool:
        """Feeds every stream its new events; True when some are left for the next poll."""
        by_site: dict[int, list[LiveStream]] = {}
        revoked_ids = self._read_revoked_ids()
        for stream in self._open_streams():
            stream.check_deadlines(time.monotonic(), revoked_ids)
            if not (stream.is_full or stream.is_closed):
                by_site.setdefault(stream.subscription.site_id, []).append(stream)
        return max([self._poll_site(site_id, streams) for site_id, streams in by_site.items()], default=False)

    def _read_revoked_ids(self) -> Collection[str]:
        try:
            return self._revoked_ids()
        except Unavailable:
            # Only before they were read for the first time; the next poll reads them.
            return ()

    def _poll_site(self, site_id: int, streams: Iterable[LiveStream]) -> bool:
        by_position: dict[StreamPosition, list[LiveStream]] = {}
        for stream in streams:
            by_position.setdefault(stream.position, []).append(stream)
        has_more = False
        try:
            with read_transaction(self._engine, POLL_TIMEOUT_S) as connection:
                current = read_current_position(connection)
                for group in by_position.values():
                    has_more = _feed_page(connection, site_id, group, current) or has_more
        except (SQLAlchemyError, Unavailable) as error:
            # A stream's position is that of what it was sent, so the next poll goes on from there.
            log.warning("live tail poll failed", extra={"site_id": site_id, "error": type(error).__name__})
        return has_more

    def _open_streams(self) -> list[LiveStream]:
        with self._lock:
            return list(self._streams)

    def _run(self) -> None:
        while True:
            started_s = time.monotonic()
            try:
                has_more = self.poll()
            except Exception:
                # An unexpected error must not leave clients waiting for an ended thread; they reconnect.
                log.exception("live tail crashed")
                has_more = False
                for stream in self._open_streams():
                    stream.close()
            # Also when it is behind, it leaves half of the time to the requests of the process.
            duration_s = time.monotonic() - started_s
            self._has_nothing_to_do.wait(duration_s)
            if not has_more:
                self._wake.wait(max(0.0, POLL_INTERVAL_S - duration_s))
            with self._lock:
                self._has_nothing_to_do.clear()
                self._wake.clear()
                if not self._streams:
                    self._thread = None
                    return


def _feed_page(connection: Connection, site_id: int, streams: Sequence[LiveStream], current: StreamPosition) -> bool:
    """Feeds streams of one position its page, each until it is full; True when some events are left."""
    page, taking = read_page(connection, site_id, streams[0].position, current), list(streams)
    with closing(page.events) as events:
        while taking and (some := list(islice(events, EVENTS_AT_A_TIME))):
            # A block is encoded once for all streams.
            blocks = [(event, sse.format_event(event)) for event in some]
            taking = [stream for stream in taking if stream.feed(blocks)]
    for stream in taking:
        stream.position = page.position
    return page.has_more or len(taking) < len(streams)
