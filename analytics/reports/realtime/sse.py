"""The text of the live stream in Server-Sent Events (WHATWG HTML, section 9.2). Pure; live_tail.py calls it."""

from datetime import datetime

import msgspec

from analytics.reports.realtime.new_events import NewEvent
from analytics.reports.realtime.position import StreamPosition
from analytics.reports.request import format_utc

# The milliseconds before a browser reconnects.
RETRY = b"retry: 2000\n\n"


def format_start(position: StreamPosition, missing: tuple[datetime, datetime] | None) -> bytes:
    """The first block of a stream, with its position; `missing`: events between the two instants are not in it."""
    if missing is None:
        return RETRY + b": the stream starts here\n" + format_position(position)
    start, end = missing
    data = msgspec.json.encode({"from": format_utc(start), "to": format_utc(end)})
    return RETRY + b"event: gap\ndata: %b\n" % data + format_position(position)


def format_event(event: NewEvent) -> bytes:
    """The event's name is fixed because clients listen for names: a type `error` would look like the connection's."""
    return b"id: %b\nevent: event\ndata: %b\n\n" % (str(event.position).encode(), msgspec.json.encode(event.data))


def format_position(position: StreamPosition) -> bytes:
    """Sets the client's Last-Event-ID."""
    return b"id: %b\n\n" % str(position).encode()


def format_heartbeat(position: StreamPosition) -> bytes:
    """A comment, and the position, so that a resume has little to look through."""
    return b": nothing new\n" + format_position(position)
