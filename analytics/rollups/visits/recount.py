"""Recounts the visits of a site's days from raw events, for rebuild. The result equals that of the merges.

A day has the visits that begin on it. A visit that began earlier is not changed, though it may end far into the day;
one that begins on the day is followed past its end until a gap of 30 minutes.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from itertools import islice

from sqlalchemy import Connection, TextClause, text

from analytics import clock
from analytics.rollups.visits.rollups import apply_sums, recount_visit_rollups
from analytics.rollups.visits.sessionization import (
    ENTRY_FIELDS,
    GAP_US,
    NO_RECEIPT,
    VisitKey,
    VisitPart,
    join_pair,
    make_receipt,
)
from analytics.rollups.visits.store import SELECT_PARTS, insert_visits, read_adjacent_visits, visit_of_row
from analytics.rollups.visits.sums import VisitSumChanges, to_microseconds
from analytics.store.folding import FOLDED_FIELDS, fold
from analytics.store.planner import index_lookups_only

# Visits written, and views read, at a time.
ROWS_AT_A_TIME = 10_000
# How far the visits that are open at the end of a day are followed in one query.
FOLLOW_WINDOW = timedelta(hours=6)
FOLDED_ENTRY_FIELDS = tuple(index for index, name in enumerate(ENTRY_FIELDS) if name in FOLDED_FIELDS)


def recount_visits(connection: Connection, site_id: int, zone: str, first_day: date, end_day: date) -> None:
    """Replaces the visits that begin on the local days [first_day, end_day), and the rows of visit_rollups.

    Reads each day's page views in one sorted pass; only the visits open at a day's end are held in memory.
    """
    tz, day = clock.zone(zone), first_day
    while day < end_day:
        start, end = clock.day_bounds(day, tz)
        if start < end:
            _recount_day(connection, site_id, start, end)
        day += timedelta(days=1)
    recount_visit_rollups(connection, site_id, zone, first_day, end_day)


# Served by ix_visits_site_id_started_at.
CLEAR = text("DELETE FROM visits WHERE site_id = :site_id AND started_at >= :start AND started_at < :end")


def _recount_day(connection: Connection, site_id: int, start: datetime, end: datetime) -> None:
    connection.execute(CLEAR, {"site_id": site_id, "start": start, "end": end})
    beginning = _visits_beginning_in(connection, site_id, start, end)
    while visits := list(islice(beginning, ROWS_AT_A_TIME)):
        # Raw events before the day may be purged: the stored visit shows whether it reaches into the day.
        with index_lookups_only(connection):
            adjacent = read_adjacent_visits(connection, site_id, visits)
        earlier = {visit[:3]: visit.end_us for visit in adjacent if visit.start_us < to_microseconds(start)}
        own = [visit for visit in visits if visit[:3] not in earlier or visit.start_us - earlier[visit[:3]] > GAP_US]
        insert_visits(connection, site_id, own)


def _visits_beginning_in(connection: Connection, site_id: int, start: datetime, end: datetime) -> Iterator[VisitPart]:
    """The complete visits whose first view lies in [start, end)."""
    start_us, end_us = to_microseconds(start), to_microseconds(end)
    is_open: dict[VisitKey, VisitPart] = {}
    views = _read(connection, READ_VIEWS, site_id, start - timedelta(microseconds=GAP_US), end)
    for visit in _join_sorted(views):
        if visit.start_us < start_us:
            continue
        if end_us - visit.end_us <= GAP_US:
            is_open[visit[:3]] = visit
        else:
            yield visit
    yield from _follow(connection, site_id, is_open, end)


def _follow(
    connection: Connection, site_id: int, is_open: dict[VisitKey, VisitPart], at: datetime
) -> Iterator[VisitPart]:
    """The open visits, with all of their views from `at` on."""
    while is_open:
        until = at + FOLLOW_WINDOW
        for part in _join_sorted(_read(connection, READ_VIEWS_OF_KEYS, site_id, at, until, is_open)):
            visit = is_open[part[:3]]
            if part.start_us - visit.end_us <= GAP_US:
                is_open[part[:3]] = join_pair(visit, part)
        at = until
        for key, visit in list(is_open.items()):
            if to_microseconds(at) - visit.end_us > GAP_US:
                yield is_open.pop(key)


# Only the partitions of the range; ix_events_ts skips most of one when less than a day is read.
VIEW_COLUMNS = f"""
    e.user_no, coalesce(e.session_id, '') COLLATE "C", e.is_bot, (date_part('epoch', e.ts) * 1e6)::bigint,
    (date_part('epoch', e.received_at) * 1e6)::bigint, e.position,
    {", ".join(f"coalesce(e.{field}, '')" for field in ENTRY_FIELDS)}"""
READ_VIEWS = text(f"""
SELECT {VIEW_COLUMNS}
FROM events e
WHERE e.site_id = :site_id AND e.type = 'page_view' AND e.ts >= :start AND e.ts < :end
ORDER BY 1, 2, 3, 4
""")  # noqa: S608  # of constants
READ_VIEWS_OF_KEYS = text(f"""
SELECT {VIEW_COLUMNS}
FROM events e
JOIN unnest(CAST(:user_nos AS bigint[]), CAST(:session_ids AS text[]), CAST(:bots AS bool[]))
    AS k (user_no, session_id, is_bot)
    ON e.user_no = k.user_no AND coalesce(e.session_id, '') = k.session_id AND e.is_bot = k.is_bot
WHERE e.site_id = :site_id AND e.type = 'page_view' AND e.ts >= :start AND e.ts < :end
ORDER BY 1, 2, 3, 4
""")  # noqa: S608  # of constants


def _read(
    connection: Connection,
    statement: TextClause,
    site_id: int,
    start: datetime,
    end: datetime,
    keys: Iterable[VisitKey] = (),
) -> Iterator[VisitPart]:
    """Each page view of [start, end) as a VisitPart, in the order of key and time; by a server-side cursor."""
    parameters = {"site_id": site_id, "start": start, "end": end}
    if keys:
        user_nos, session_ids, bots = (list(column) for column in zip(*keys, strict=True))
        parameters |= {"user_nos": user_nos, "session_ids": session_ids, "bots": bots}
    rows = connection.execute(statement, parameters, execution_options={"yield_per": ROWS_AT_A_TIME})
    for user_no, session_id, is_bot, at_us, received_us, position, *entry in rows:
        for index in FOLDED_ENTRY_FIELDS:
            entry[index] = fold(entry[index])
        receipt = make_receipt(received_us, position) if position >= 0 else NO_RECEIPT
        yield VisitPart(user_no, session_id, is_bot, at_us, at_us, 1, receipt, receipt, tuple(entry), entry[0])


def _join_sorted(views: Iterable[VisitPart]) -> Iterator[VisitPart]:
    """Views in the order of key and time → visits, each as soon as it is complete."""
    current: VisitPart | None = None
    for view in views:
        if current is None:
            current = view
        elif view[:3] == current[:3] and view.start_us - current.end_us <= GAP_US:
            current = join_pair(current, view)
        else:
            yield current
            current = view
    if current is not None:
        yield current


# Served by ix_visits_site_id_started_at.
READ_VISITS = text(f"""{SELECT_PARTS}
FROM visits v
WHERE v.site_id = :site_id AND v.started_at >= :start AND v.started_at < :end
""")


def read_visits(connection: Connection, site_id: int, start: datetime, end: datetime) -> Iterator[list[VisitPart]]:
    """The stored visits that begin in [start, end), some at a time."""
    bounds = {"site_id": site_id, "start": start, "end": end}
    rows = connection.execute(READ_VISITS, bounds, execution_options={"yield_per": ROWS_AT_A_TIME})
    return (list(map(visit_of_row, batch)) for batch in rows.partitions())


def add_visit_sums(connection: Connection, site_id: int, zone: str, start: datetime, end: datetime) -> None:
    """Adds the stored visits that begin in [start, end) to the sums of the days of `zone`."""
    for visits in read_visits(connection, site_id, start, end):
        changes = VisitSumChanges(zone)
        changes.add(visits)
        with index_lookups_only(connection):
            apply_sums(connection, site_id, changes)
