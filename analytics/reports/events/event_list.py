"""The list of a site's events, the newest first, in pages; and how many there are, told by the rollups. SELECT only.

A page goes back in time from where the last one ended, in windows that widen until it is full, on the days that the
rollups say have such events. So it costs what it shows, whatever lies behind it.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from analytics import clock
from analytics.errors import BadInput, Problem
from analytics.period import Period
from analytics.reports.by_time import plan_by_time
from analytics.rollups.guard import OTHER
from analytics.rollups.reading import Snapshot
from analytics.rollups.sums import by_day

# The first window before a page's end, and how much wider each is than the one after it in time.
WINDOW, WIDER = timedelta(seconds=1), 4
ONE_DAY = timedelta(days=1)
CURSOR = re.compile(r"(\d{1,17})-([0-9a-f]{32})")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Place(NamedTuple):
    """Where a page ended: the key of its last event."""

    ts: datetime
    event_id: UUID

    def __str__(self) -> str:
        return f"{(self.ts - EPOCH) // timedelta(microseconds=1)}-{self.event_id.hex}"


class Asked(NamedTuple):
    """Whose events: a site's in the period; of one type, or of all; after `place` in the list."""

    site_id: int
    period: Period
    now: datetime
    type: str | None = None
    bots: bool = False
    place: Place | None = None
    limit: int = 100


class Event(NamedTuple):
    """A line of the list."""

    ts: datetime
    event_id: UUID
    type: str
    user_id: str
    payload: Any


def read_place(cursor: str) -> Place:
    """Of `next_cursor`. Raises BadInput for what never was one."""
    found = CURSOR.fullmatch(cursor)
    if not found:
        detail = "cursor: not the next_cursor of a page; leave it out to begin at the newest event"
        raise BadInput(detail, [Problem(None, "cursor", "bad_parameter", detail)])
    return Place(EPOCH + timedelta(microseconds=int(found[1])), UUID(found[2]))


def everything(found: Snapshot, now: datetime) -> Period:
    """All days that have events. The clients' clocks may be ahead of ours: tomorrow is one of them."""
    zone = clock.zone(found.zone)
    today = clock.day_of(now, zone)
    first = min(found.first_day() or today, today)
    return Period(clock.day_start(first, zone), clock.day_start(today + 2 * ONE_DAY, zone), zone)


def count_ever(found: Snapshot, now: datetime, bots: bool) -> int:
    """Events of all types and days. One query, a row a day and type."""
    period = everything(found, now)
    return sum(by_day(found, "total", period.first_date, period.last_date + ONE_DAY, bots=bots).values())


class Listed(NamedTuple):
    """A page; `total` counts all pages."""

    events: list[Event]
    next: Place | None
    total: int


def list_events(connection: Connection, found: Snapshot, asked: Asked) -> Listed:
    """One page. `total` is exact and counts no rows but those of a day that the period cuts; it also holds events whose
    raw rows are past retention, which no page shows."""
    days = _count_days(found, asked)
    plan_by_time(connection)
    events: list[Event] = []
    for start, end in _windows(found.zone, asked, days):
        if len(events) > asked.limit:
            break
        events += _read(connection, asked, start, end, asked.limit + 1 - len(events))
    page = events[: asked.limit]
    last = Place(page[-1].ts, page[-1].event_id) if len(events) > asked.limit else None
    return Listed(page, last, _total(connection, found, asked, days))


def _count_days(found: Snapshot, asked: Asked) -> dict[date, dict[str, int]]:
    """Day of the rollups' calendar → type → events. One query, a row a day and type."""
    zone, ever = clock.zone(found.zone), everything(found, asked.now)
    first = clock.day_of(max(asked.period.start, ever.start), zone)
    after = clock.day_of(min(asked.period.end, ever.end), zone) + ONE_DAY
    counts: dict[date, dict[str, int]] = {}
    # A type that found no place on its day is counted under this name.
    for kind in (asked.type, OTHER) if asked.type else (None,):
        for (day, _), events in by_day(
            found, "total", first, after, types=[kind] if kind else None, bots=asked.bots
        ).items():
            counts.setdefault(day, {})[kind or ""] = events
    return counts


def _windows(calendar: str, asked: Asked, days: Iterable[date]) -> Iterator[tuple[datetime, datetime]]:
    """Windows `[start, end)` of the period, the newest first, on days that have events.

    They narrow again at each midnight, and at `now`: little lies between it and the next midnight.
    """
    zone, (first, after) = clock.zone(calendar), (asked.period.start, asked.period.end)
    newest = after if asked.place is None else min(after, asked.place.ts + timedelta.resolution)
    for day in sorted(days, reverse=True):
        start, end = clock.day_bounds(day, zone)
        middle = min(max(start, asked.now), end)
        for low, high in ((middle, end), (start, middle)):
            low, high, width = max(low, first), min(high, newest), WINDOW
            while low < high:
                yield max(low, high - width), high
                high, width = high - width, width * WIDER


# ix_events_ts, of the few partitions of the window (by_time.py).
PAGE = text("""
SELECT ts, event_id, type, user_id, payload
FROM events
WHERE site_id + 0 = :site_id AND ts >= :start AND ts < :end
    AND (CAST(:type AS text) IS NULL OR type = :type)
    AND (:bots OR NOT is_bot)
    AND (CAST(:place_ts AS timestamptz) IS NULL OR (ts, event_id) < (:place_ts, CAST(:place_id AS uuid)))
ORDER BY ts DESC, event_id DESC
LIMIT :limit
""")
COUNT = text("""
SELECT count(*)
FROM events
WHERE site_id + 0 = :site_id AND ts >= :start AND ts < :end
    AND (CAST(:type AS text) IS NULL OR type = :type)
    AND (:bots OR NOT is_bot)
""")


def _read(connection: Connection, asked: Asked, start: datetime, end: datetime, limit: int) -> list[Event]:
    ts, event_id = asked.place or (None, None)
    given = {**_bound(asked, start, end), "place_ts": ts, "place_id": event_id, "limit": limit}
    return [Event(*row) for row in connection.execute(PAGE, given)]


def _bound(asked: Asked, start: datetime, end: datetime) -> dict[str, Any]:
    return {"site_id": asked.site_id, "start": start, "end": end, "type": asked.type, "bots": asked.bots}


def _total(connection: Connection, found: Snapshot, asked: Asked, days: dict[date, dict[str, int]]) -> int:
    """Whole days from the rollups; counted by rows: a day that the period cuts, or on which the type has no place."""
    zone, total = clock.zone(found.zone), 0
    for day, counts in days.items():
        start, end = clock.day_bounds(day, zone)
        inside = max(start, asked.period.start), min(end, asked.period.end)
        is_whole = inside == (start, end) and (asked.type == OTHER or not (asked.type and counts.get(OTHER)))
        if is_whole:
            total += counts.get(asked.type or "", 0)
        elif inside[0] < inside[1]:
            total += connection.execute(COUNT, _bound(asked, *inside)).scalar_one()
    return total
