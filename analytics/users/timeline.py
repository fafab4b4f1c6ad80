"""The events of one user in pages, the oldest first, each with the visit it belongs to. views.py calls it. SELECT only.

Column files tell at which instants the user has events, since they are sorted by user; rows have the events' ids and
properties, and are found by these instants.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from analytics.columnar.read import ColumnReader, to_microseconds
from analytics.errors import NotFound
from analytics.extensions import settings
from analytics.period import Period, period_parameter, read_zone
from analytics.privacy.pseudonym import find_stored_user_ids
from analytics.reports.columns.site_columns import open_site_columns
from analytics.reports.events.event_list import EventCursor
from analytics.reports.report_period import open_raw_events, read_report_period
from analytics.reports.request import ReportRequest, format_utc
from analytics.rollups.visits.sessionization import GAP_US
from analytics.store.planner import force_time_scan, index_lookups_only
from analytics.users.user_list import to_instant

# Longer without a page view, and a visit is over.
VISIT_GAP = timedelta(microseconds=GAP_US)


class TimelineEvent(NamedTuple):
    """An event, which begins with the fields of EventCursor."""

    ts: datetime
    received_at: datetime
    position: int
    event_id: Any
    type: str
    user_id: str
    payload: Any
    path: str | None
    visit_started_at: datetime | None

    def as_json(self) -> dict[str, Any]:
        """As the list of events shows it, and with its path and visit."""
        return {
            "id": f"event_{self.event_id}",
            "event_name": self.type,
            "user_id": self.user_id,
            "properties": {} if self.payload is None else self.payload,
            "timestamp": format_utc(self.ts),
            "path": self.path,
            "visit_started_at": self.visit_started_at and format_utc(self.visit_started_at),
        }


class TimelineSelection(NamedTuple):
    """The events of these user numbers in the period; `bots`: as a bot, too."""

    site_id: int
    users: list[int]
    period: Period
    bots: bool


class TimelinePage(NamedTuple):
    """`total`: the events of all pages; `next_cursor` None: the last page."""

    period: Period
    events: list[TimelineEvent]
    next_cursor: EventCursor | None
    total: int


def read_timeline(request: ReportRequest, cursor: EventCursor | None, limit: int) -> TimelinePage:
    """A page of the events of the request's user. Raises NotFound for an unknown one, and as `open_user_list`."""
    query = request.query
    period = read_report_period(request, read_zone(query, request.site.zone))
    with open_raw_events(request, period, period_parameter(query)) as (connection, calendar):
        selection = TimelineSelection(request.site.id, _find_users(connection, request), period, request.include_bots)
        with open_site_columns(connection, request.site.id, calendar) as reader:
            instants, total = _read_instants(reader, selection, cursor, limit)
        events = _read_events(connection, selection, instants, cursor, limit + 1) if instants else []
    last = EventCursor(*events[limit - 1][:4]) if len(events) > limit else None
    return TimelinePage(period, events[:limit], last, total)


# Served by pk_users.
FIND_NUMBERS = text("SELECT user_no FROM users WHERE site_id = :site_id AND user_id = ANY(CAST(:user_ids AS text[]))")


def _find_users(connection: Connection, request: ReportRequest) -> list[int]:
    """The numbers of the user: two, where ANONYMIZE_USER_IDS was changed."""
    site, user_id = request.site, request.query["user_id"]
    # A list shows ids as they are stored.
    user_ids = [user_id, *find_stored_user_ids(connection, settings(), site.id, site.identity_key, user_id)]
    found = connection.execute(FIND_NUMBERS, {"site_id": site.id, "user_ids": user_ids}).scalars().all()
    if not found:
        raise NotFound(f"the site {site.key!r} has no user {user_id[:80]!r}")
    return list(found)


def _read_instants(
    reader: ColumnReader, events: TimelineSelection, cursor: EventCursor | None, limit: int
) -> tuple[list[datetime], int]:
    """Instants that hold the page and one event more, from the cursor's on; and how many events the period has."""
    period, bots = events.period, "" if events.bots else "AND NOT is_bot"
    numbers = ", ".join(map(str, events.users))
    mine = f"FROM {reader.events(period.start, period.end)} WHERE user_no IN ({numbers}) {bots}"
    # At the cursor's instant there may be no other event.
    given = {"start": to_microseconds(cursor.ts if cursor else period.start), "most": limit + 2}
    rows = reader.execute(f"SELECT DISTINCT ts {mine} AND ts >= $start ORDER BY ts LIMIT $most", given)
    return [to_instant(ts) for (ts,) in rows], reader.execute(f"SELECT count(*) {mine}")[0][0]


# A range of pk_visits, the visits of these users.
FIND_VISITS = text("""
SELECT user_no, session_id, is_bot, started_at, ended_at
FROM visits
WHERE site_id = :site_id AND user_no = ANY(CAST(:users AS bigint[])) AND started_at <= :last AND ended_at >= :first
ORDER BY started_at
""")


class Visits:
    """The users' visits that hold any of the instants, to look up that of an event."""

    def __init__(self, connection: Connection, selection: TimelineSelection, instants: Sequence[datetime]) -> None:
        self._visits = defaultdict[tuple[Any, ...], list[tuple[datetime, datetime]]](list)
        given = {"site_id": selection.site_id, "users": selection.users}
        bounds = {"first": instants[0] - VISIT_GAP, "last": instants[-1]}
        with index_lookups_only(connection):
            for *key, started_at, ended_at in connection.execute(FIND_VISITS, given | bounds):
                self._visits[tuple(key)].append((started_at, ended_at))

    def find_start(self, key: tuple[Any, ...], ts: datetime) -> datetime | None:
        """Of the event's visit: the last one of its user, session and kind that began before, if a page view of it was
        at most 30 minutes earlier. None: the event is in no visit."""
        visits = self._visits[key]
        place = bisect_right(visits, ts, key=itemgetter(0))
        started_at, ended_at = visits[place - 1] if place else (None, ts)
        return started_at if ts <= ended_at + VISIT_GAP else None


# Each instant is a range or two of ix_events_ts (BRIN) in one partition. uq_events, which ends with the time and the
# user, would be read as a whole.
PAGE = text("""
SELECT e.*
FROM unnest(CAST(:instants AS timestamptz[])) AS given (ts)
CROSS JOIN LATERAL (
    SELECT ts, received_at, position, event_id, type, user_id, payload, path, user_no,
        coalesce(session_id, '') AS session_id, is_bot
    FROM events
    WHERE site_id + 0 = :site_id AND ts = given.ts AND user_no + 0 = ANY(CAST(:users AS bigint[]))
        AND (:bots OR NOT is_bot)
    OFFSET 0
) AS e
WHERE CAST(:cursor_ts AS timestamptz) IS NULL OR (e.ts, e.received_at, e.position, e.event_id)
    > (:cursor_ts, CAST(:cursor_received_at AS timestamptz), :cursor_position, CAST(:cursor_id AS uuid))
ORDER BY e.ts, e.received_at, e.position, e.event_id
LIMIT :limit
""")


def _read_events(
    connection: Connection,
    selection: TimelineSelection,
    instants: Sequence[datetime],
    cursor: EventCursor | None,
    limit: int,
) -> list[TimelineEvent]:
    visits = Visits(connection, selection, instants)
    force_time_scan(connection)
    names = ("cursor_ts", "cursor_received_at", "cursor_position", "cursor_id")
    given: dict[str, Any] = dict(zip(names, cursor or (None,) * len(names), strict=True))
    given |= {"site_id": selection.site_id, "users": selection.users, "bots": selection.bots}
    rows = connection.execute(PAGE, given | {"instants": list(instants), "limit": limit})
    return [
        TimelineEvent._make([*event, visits.find_start((user, session, bot), event[0])])
        for *event, user, session, bot in rows
    ]
