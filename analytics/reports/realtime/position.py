"""The position of a live stream: which stored events it has sent, as a PostgreSQL snapshot; and its text form.

Drains commit concurrently, so neither ids nor times define what a reader has seen: an entry with an earlier id may
become visible later. A PostgreSQL snapshot does. new_events.py reads on from a position; live_tail.py keeps a position
for each stream.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, text

from analytics.errors import BadInput, Problem

# How far back a stream may resume.
RESUME_WINDOW = timedelta(hours=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MAX_ID_CHARS = 4096
SNAPSHOT_PATTERN = r"\d{1,18}:\d{1,18}:(?:\d{1,18}(?:,\d{1,18})*)?"
POSITION_PATTERN = re.compile(
    rf"(\d{{1,16}})_({SNAPSHOT_PATTERN})(?:_({SNAPSHOT_PATTERN})_(\d{{1,16}})(?:_(\d{{1,10}}))?_([0-9a-f]{{32}}))?"
)


class StreamPosition(NamedTuple):
    """The stream has sent all events visible in `snapshot`, which was taken at `at`.

    Within a page it has also sent the events that became visible by `page_snapshot`, up to the key (received_at,
    position, event_id), the order of receipt (store/event_queries.py).
    """

    at: datetime
    snapshot: str
    page_snapshot: str = ""
    received_at: datetime = EPOCH
    position: int = -1
    event_id: str = ""

    def after(self, received_at: datetime, position: int, event_id: str) -> "StreamPosition":
        """The position within the page, after the event with that key."""
        return self._replace(received_at=received_at, position=position, event_id=event_id)

    def __str__(self) -> str:
        text = f"{(self.at - EPOCH) // MICROSECOND}_{self.snapshot}"
        if not self.page_snapshot:
            return text
        received_us = (self.received_at - EPOCH) // MICROSECOND
        # Without a position it is the id of an earlier release's stream, or of an event that such a release stored.
        position = f"_{self.position}" if self.position >= 0 else ""
        return f"{text}_{self.page_snapshot}_{received_us}{position}_{self.event_id}"


def decode_position(last_event_id: str) -> StreamPosition:
    """The position with which an event was sent. Raises BadInput for an id that no event has."""
    match = POSITION_PATTERN.fullmatch(last_event_id) if len(last_event_id) <= MAX_ID_CHARS else None
    if not match or not all(_is_snapshot(snapshot) for snapshot in match.group(2, 3) if snapshot):
        detail = (
            "Last-Event-ID: not the id of an event of this stream; accepted: the id of the last event received, or no "
            "Last-Event-ID to start now"
        )
        raise BadInput(detail, [Problem(None, "Last-Event-ID", "bad_header", detail)])
    at_us, snapshot, page_snapshot, received_us, position, event_id = match.groups()
    at, received_at = (EPOCH + int(microseconds or 0) * MICROSECOND for microseconds in (at_us, received_us))
    return StreamPosition(at, snapshot, page_snapshot or "", received_at, int(position or -1), event_id or "")


def _is_snapshot(snapshot: str) -> bool:
    """As PostgreSQL reads one: 0 < xmin <= each transaction of the list, in order, < xmax."""
    xmin, xmax, xids = snapshot.split(":")
    running = [int(xid) for xid in xids.split(",") if xid]
    in_order = running == sorted(running) and all(int(xmin) <= xid < int(xmax) for xid in running)
    return 0 < int(xmin) <= int(xmax) and in_order


# In a REPEATABLE READ transaction it stays the same.
CURRENT_SNAPSHOT = text("SELECT clock_timestamp(), CAST(pg_current_snapshot() AS text)")


def read_current_position(connection: Connection) -> StreamPosition:
    """All that is visible to this transaction. One query."""
    at, snapshot = connection.execute(CURRENT_SNAPSHOT).one()
    return StreamPosition(at, snapshot)


def is_resumable(position: StreamPosition, current: StreamPosition) -> bool:
    """False for a position that is too old, or has a later transaction than there is: one of another database."""
    last_snapshot = position.page_snapshot or position.snapshot
    return position.at >= current.at - RESUME_WINDOW and read_xmax(last_snapshot) <= read_xmax(current.snapshot)


def read_xmax(snapshot: str) -> int:
    """The first transaction id that was not yet assigned."""
    return int(snapshot.split(":")[1])
