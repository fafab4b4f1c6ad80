"""Pages of a site's events, the newest first, and the number of all events from rollups. SELECT only.

The routes in views.py call it; the order is that of store/event_queries.py, reversed. A page reads backwards from the
end of the previous one, in windows that widen until it is full, only on days that have such events by the rollups. So
its cost depends on its own rows alone.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from msgspec import Meta
from sqlalchemy import Connection, text

from analytics import clock
from analytics.period import Period
from analytics.reports.day_range import DayRange, since_first_day
from analytics.rollups.cardinality import OTHER
from analytics.rollups.snapshot.snapshot import Snapshot
from analytics.rollups.snapshot.sums import events_by_day
from analytics.store.planner import force_time_scan

# The first window before a page's end, and the factor by which each next window is longer.
FIRST_WINDOW, WINDOW_GROWTH = timedelta(seconds=1), 4
ONE_DAY = timedelta(days=1)


class EventCursor(NamedTuple):
    """The key of the last event of a page: ORDER_COLUMNS of store/event_queries.py."""

    ts: Annotated[datetime, Meta(tz=True)]
    received_at: Annotated[datetime, Meta(tz=True)]
    position: int
    event_id: UUID


class EventListRequest(NamedTuple):
    """The events of a site in the period, of one type or of all, after the cursor in the list."""

    site_id: int
    period: Period
    now: datetime
    type: str | None = None
    bots: bool = False
    cursor: EventCursor | None = None
    limit: int = 100


class Event(NamedTuple):
    """An event of the list."""

    ts: datetime
    received_at: datetime
    position: int
    event_id: UUID
    type: str
    user_id: str
    payload: Any


def read_full_period(snapshot: Snapshot, now: datetime) -> Period:
    """All days that may have events: through tomorrow, because clients' clocks may be ahead."""
    zone = clock.zone(snapshot.zone)
    today = clock.day_of(now, zone)
    return since_first_day(snapshot, DayRange(today, today + 2 * ONE_DAY, zone)).period


def count_all_events(snapshot: Snapshot, now: datetime, bots: bool) -> int:
    """Events of all types and days. One query, a row for each day and type."""
    period = read_full_period(snapshot, now)
    return sum(events_by_day(snapshot, "total", period.first_date, period.last_date + ONE_DAY, bots=bots).values())


class EventPage(NamedTuple):
    """A page; `total` counts all pages."""

    events: list[Event]
    next_cursor: EventCursor | None
    total: int


def list_events(connection: Connection, snapshot: Snapshot, request: EventListRequest) -> EventPage:
    """One page. `total` is exact; it counts rows only on days that the period cuts. It includes events whose raw rows
    are past retention, which no page shows."""
    days = _count_days(snapshot, request)
    force_time_scan(connection)
    events: list[Event] = []
    for start, end in _windows(snapshot.zone, request, days):
        if len(events) > request.limit:
            break
        events += _read(connection, request, start, end, request.limit + 1 - len(events))
    page = events[: request.limit]
    last = EventCursor(*page[-1][:4]) if len(events) > request.limit else None
    return EventPage(page, last, _count_total(connection, snapshot.zone, request, days))


def _count_days(snapshot: Snapshot, request: EventListRequest) -> dict[date, dict[str, int]]:
    """Day of the rollups' zone → type → events. One query (two for one type), a row for each day and type."""
    zone, full = clock.zone(snapshot.zone), read_full_period(snapshot, request.now)
    first = clock.day_of(max(request.period.start, full.start), zone)
    after = clock.day_of(min(request.period.end, full.end), zone) + ONE_DAY
    counts: dict[date, dict[str, int]] = {}
    # On a day with too many types, rollups count a type under OTHER.
    for event_type in (request.type, OTHER) if request.type else (None,):
        types = [event_type] if event_type else None
        by_day = events_by_day(snapshot, "total", first, after, types=types, bots=request.bots)
        for (day, _), events in by_day.items():
            counts.setdefault(day, {})[event_type or ""] = events
    return counts


def _windows(rollups_zone: str, request: EventListRequest, days: Iterable[date]) -> Iterator[tuple[datetime, datetime]]:
    """Windows `[start, end)` of the period, the newest first, on days that have events.

    They start again with FIRST_WINDOW at each midnight and at `now`, because few events are in the future.
    """
    zone, (first, after) = clock.zone(rollups_zone), (request.period.start, request.period.end)
    cursor = request.cursor
    newest = after if cursor is None or cursor.ts >= after else cursor.ts + timedelta.resolution
    for day in sorted(days, reverse=True):
        start, end = clock.day_bounds(day, zone)
        middle = min(max(start, request.now), end)
        for low, high in ((middle, end), (start, middle)):
            low, high, width = max(low, first), min(high, newest), FIRST_WINDOW
            while low < high:
                yield max(low, high - width), high
                high, width = high - width, width * WINDOW_GROWTH


# Served by ix_events_ts, in the few partitions of the window (store/planner.py).
PAGE = text("""
SELECT ts, received_at, position, event_id, type, user_id, payload
FROM events
WHERE site_id + 0 = :site_id AND ts >= :start AND ts < :end
    AND (CAST(:type AS text) IS NULL OR type = :type)
    AND (:bots OR NOT is_bot)
    AND (CAST(:cursor_ts AS timestamptz) IS NULL OR (ts, received_at, position, event_id)
        < (:cursor_ts, CAST(:cursor_received_at AS timestamptz), :cursor_position, CAST(:cursor_id AS uuid)))
ORDER BY ts DESC, received_at DESC, position DESC, event_id DESC
LIMIT :limit
""")
COUNT = text("""
SELECT count(*)
FROM events
WHERE site_id + 0 = :site_id AND ts >= :start AND ts < :end
    AND (CAST(:type AS text) IS NULL OR type = :type)
    AND (:bots OR NOT is_bot)
""")


def _read(connection: Connection, request: EventListRequest, start: datetime, end: datetime, limit: int) -> list[Event]:
    names = ("cursor_ts", "cursor_received_at", "cursor_position", "cursor_id")
    cursor = dict(zip(names, request.cursor or (None,) * len(names), strict=True))
    parameters = _bind_window(request, start, end) | cursor | {"limit": limit}
    return [Event(*row) for row in connection.execute(PAGE, parameters)]


def _bind_window(request: EventListRequest, start: datetime, end: datetime) -> dict[str, Any]:
    return {"site_id": request.site_id, "start": start, "end": end, "type": request.type, "bots": request.bots}


def _count_total(
    connection: Connection, rollups_zone: str, request: EventListRequest, days: dict[date, dict[str, int]]
) -> int:
    """Whole days from rollups; rows are counted on a day that the period cuts, or that counts the type under OTHER."""
    zone, total = clock.zone(rollups_zone), 0
    for day, counts in days.items():
        start, end = clock.day_bounds(day, zone)
        inside = max(start, request.period.start), min(end, request.period.end)
        has_own_count = request.type == OTHER or not (request.type and counts.get(OTHER))
        if inside == (start, end) and has_own_count:
            total += counts.get(request.type or "", 0)
        elif inside[0] < inside[1]:
            total += connection.execute(COUNT, _bind_window(request, *inside)).scalar_one()
    return total
