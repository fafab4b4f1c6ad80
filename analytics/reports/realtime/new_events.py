"""The live tail's reads: which events of a site became visible since a position, each exactly once. SELECT only.

New are the events that the position's snapshot does not see and the current one does. Each batch tells by its ledger
row, written with its events in one transaction. live_tail.py calls `read_page`.

Only events received within the last day are read whose ts is at most a day earlier: no imported history.
"""

from collections.abc import Generator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, MappingResult, text

from analytics.reports.realtime.position import StreamPosition, read_xmax
from analytics.reports.request import format_utc
from analytics.store.planner import force_time_scan

# A drain writes the ledger row last: its stored_at is at most this much older than the commit.
MAX_COMMIT_DELAY = timedelta(minutes=1)
MAX_LATENESS = timedelta(days=1)
MAX_CLOCK_AHEAD = timedelta(hours=2)
# A page holds whole batches up to this many events.
MAX_PAGE_EVENTS = 2000
# Events of a page in memory at a time: one may have 64 KB.
EVENTS_AT_A_TIME = 50
# After every event of its batch.
MAX_POSITION, MAX_EVENT_ID = 2**31 - 1, "f" * 32


class NewEvent(NamedTuple):
    """An event, its fields as JSON values, and the position of a stream that has sent it."""

    type: str
    is_bot: bool
    position: StreamPosition
    data: dict[str, Any]


class StreamPage(NamedTuple):
    """Events in the order of their receipt, the position after them, and whether there are more.

    `events` is read in the transaction, once, EVENTS_AT_A_TIME; its reader may stop at any event, and closes it.
    """

    events: Generator[NewEvent, None, None]
    position: StreamPosition
    has_more: bool


# A row's xmin has 32 bits; the upper 32 are those of the last transaction, or one less.
ROW_XID = """
CAST(CAST(:top - ((:top - CAST(CAST({row}.xmin AS text) AS bigint)) & 4294967295) AS text) AS xid8)
"""
# Served by ix_ingest_ledger_stored_at (BRIN), in the few partitions of a day.
NEW_BATCHES = text(f"""
SELECT l.received_at, sum(l.stored)
FROM ingest_ledger l
WHERE l.site_id = :site_id AND l.stored > 0
    AND l.stored_at >= :since AND l.received_at >= :received_since
    AND NOT pg_visible_in_snapshot({ROW_XID.format(row="l")}, CAST(:seen AS pg_snapshot))
    AND pg_visible_in_snapshot({ROW_XID.format(row="l")}, CAST(:upto AS pg_snapshot))
GROUP BY l.received_at
ORDER BY l.received_at
""")  # noqa: S608  # of constants
# Served by ix_events_ts (BRIN), whose second column is received_at, in the few partitions of a day. The last conditions
# separate the events of two batches that were received in the same microsecond. They miss an event that was rewritten
# to mask its address, where a stream ended within a page and ANONYMIZE_IPS_AFTER_DAYS is 0.
NEW_EVENTS = text(f"""
SELECT e.received_at, e.position, e.event_id, e.ts, e.type, e.user_id, e.session_id, e.subject, e.path,
    e.referrer, e.source, e.country, e.browser, e.os, e.device, e.is_bot, CAST(e.payload AS text) AS payload
FROM events e
WHERE e.site_id + 0 = :site_id AND e.ts >= :ts_since AND e.ts <= :ts_until
    AND e.received_at >= :first AND e.received_at <= :last AND e.received_at = ANY(:times)
    AND NOT pg_visible_in_snapshot({ROW_XID.format(row="e")}, CAST(:seen AS pg_snapshot))
    AND pg_visible_in_snapshot({ROW_XID.format(row="e")}, CAST(:upto AS pg_snapshot))
ORDER BY e.received_at, e.position, e.event_id
""")  # noqa: S608  # of constants


def read_page(connection: Connection, site_id: int, position: StreamPosition, current: StreamPosition) -> StreamPage:
    """The site's events after `position`, up to `current`, the transaction's own; about MAX_PAGE_EVENTS at most.

    Two queries, one where nothing is new: O(batches since the position, at least a minute), O(events of the page).
    """
    force_time_scan(connection)
    target = _page_target(position, current)
    snapshots = {"top": read_xmax(current.snapshot), "seen": position.snapshot, "upto": target.snapshot}
    parameters = {"site_id": site_id, **snapshots}
    batches = connection.execute(NEW_BATCHES, parameters | _bind_batches(position, current)).all()
    times = _first_page([(received_at, int(stored)) for received_at, stored in batches])
    is_behind = target.snapshot != current.snapshot
    if not times:
        return StreamPage(_no_events(), target, is_behind)
    cursor = {"yield_per": EVENTS_AT_A_TIME}
    rows = connection.execute(NEW_EVENTS, parameters | _bind_events(times), execution_options=cursor).mappings()
    has_more_batches = len(times) < len(batches)
    in_page = position._replace(page_snapshot=target.snapshot)
    page_end = in_page.after(times[-1], MAX_POSITION, MAX_EVENT_ID)
    end = page_end if has_more_batches else target
    return StreamPage(_new_events(rows, in_page, end), end, has_more_batches or is_behind)


def _page_target(position: StreamPosition, current: StreamPosition) -> StreamPosition:
    """The position when all pages are read: an earlier snapshot where a stream resumes within a page of it."""
    if position.page_snapshot in ("", current.snapshot):
        return StreamPosition(current.at, current.snapshot)
    return StreamPosition(position.at, position.page_snapshot)


def _bind_batches(position: StreamPosition, current: StreamPosition) -> dict[str, datetime]:
    is_batch_done = position.event_id == MAX_EVENT_ID
    first = position.received_at + timedelta.resolution if is_batch_done else position.received_at
    return {"since": position.at - MAX_COMMIT_DELAY, "received_since": max(first, current.at - MAX_LATENESS)}


def _bind_events(times: Sequence[datetime]) -> dict[str, Any]:
    first, last = times[0], times[-1]
    ts_range = {"ts_since": first - MAX_LATENESS, "ts_until": last + MAX_CLOCK_AHEAD}
    return {"first": first, "last": last, "times": times, **ts_range}


def _first_page(batches: Sequence[tuple[datetime, int]]) -> list[datetime]:
    """The receipt times of the first batches: as many as fill a page."""
    times, events = list[datetime](), 0
    for received_at, stored in batches:
        if times and events + stored > MAX_PAGE_EVENTS:
            break
        times.append(received_at)
        events += stored
    return times


def _new_events(rows: MappingResult, start: StreamPosition, end: StreamPosition) -> Generator[NewEvent, None, None]:
    """The rows after `start`; the last one has the position `end`."""
    after = start.received_at, start.position, start.event_id
    with closing(rows):
        new = (row for row in rows if _receipt(row) > after)
        row = next(new, None)
        while row is not None:
            following = next(new, None)
            own = start.after(*_receipt(row))
            yield NewEvent(row["type"], row["is_bot"], end if following is None else own, _as_json(row))
            row = following


def _receipt(row: Any) -> tuple[datetime, int, str]:
    return row["received_at"], row["position"], row["event_id"].hex


def _no_events() -> Generator[NewEvent, None, None]:
    yield from ()


def _as_json(row: Any) -> dict[str, Any]:
    data = {name: value for name, value in row.items() if value is not None}
    payload = data.pop("payload", "{}")
    del data["position"]
    return data | {
        "event_id": f"event_{row['event_id']}",
        "ts": format_utc(row["ts"]),
        "received_at": format_utc(row["received_at"]),
        # The text as stored: decoded it takes several times the memory, and long numbers lose digits.
        "properties": msgspec.Raw(payload.encode()),
    }
