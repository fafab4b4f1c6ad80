"""Counts the visits of a site's days anew from raw events, for rebuild. The result is what merge would have made.

A day owns the visits that begin on it. One that began before is left as it is, though it may reach far into the day;
one that begins on the day is followed past its end until 30 minutes of silence.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from itertools import islice

from sqlalchemy import Connection, TextClause, text

from analytics import clock
from analytics.rollups.visit_rollups import fold_sums, recount_visit_rollups
from analytics.rollups.visit_store import add_visits, by_index, reached_visits
from analytics.rollups.visit_tally import Tally, microseconds
from analytics.rollups.visits import GAP_US, Key, Touch, join

# Visits written together; views read together.
AT_A_TIME = 10_000
# How far the visits that are open at the end of a day are followed at a time.
FOLLOWED = timedelta(hours=6)


def recount_visits(connection: Connection, site_id: int, zone: str, first_day: date, after_day: date) -> None:
    """Replaces the visits that begin on the local days [first_day, after_day), and the rows of visit_rollups.

    Reads each day's page views in one sorted pass; memory holds the visits open at a day's end.
    """
    tz, day = clock.zone(zone), first_day
    while day < after_day:
        start, end = clock.day_bounds(day, tz)
        if start < end:
            _recount_day(connection, site_id, start, end)
        day += timedelta(days=1)
    recount_visit_rollups(connection, site_id, zone, first_day, after_day)


# Served by ix_visits_site_id_started_at.
CLEAR = text("DELETE FROM visits WHERE site_id = :site_id AND started_at >= :start AND started_at < :end")


def _recount_day(connection: Connection, site_id: int, start: datetime, end: datetime) -> None:
    connection.execute(CLEAR, {"site_id": site_id, "start": start, "end": end})
    beginning = _visits_beginning_in(connection, site_id, start, end)
    while visits := list(islice(beginning, AT_A_TIME)):
        # Where the raw events before the day are gone, the stored visit knows that it reaches into it.
        with by_index(connection):
            reached = reached_visits(connection, site_id, visits)
        earlier = {one[:3]: one.end_us for one in reached if one.start_us < microseconds(start)}
        own = [one for one in visits if one[:3] not in earlier or one.start_us - earlier[one[:3]] > GAP_US]
        add_visits(connection, site_id, own)


def _visits_beginning_in(connection: Connection, site_id: int, start: datetime, end: datetime) -> Iterator[Touch]:
    """The whole visits whose first view lies in [start, end)."""
    start_us, end_us = microseconds(start), microseconds(end)
    is_open: dict[Key, Touch] = {}
    views = _read(connection, VIEWS, site_id, start - timedelta(microseconds=GAP_US), end)
    for visit in _runs(views):
        if visit.start_us < start_us:
            continue
        if end_us - visit.end_us <= GAP_US:
            is_open[visit[:3]] = visit
        else:
            yield visit
    yield from _follow(connection, site_id, is_open, end)


def _follow(connection: Connection, site_id: int, is_open: dict[Key, Touch], at: datetime) -> Iterator[Touch]:
    """The open visits with all views from `at` on that belong to them."""
    while is_open:
        until = at + FOLLOWED
        for part in _runs(_read(connection, VIEWS_OF, site_id, at, until, is_open)):
            visit = is_open[part[:3]]
            if part.start_us - visit.end_us <= GAP_US:
                is_open[part[:3]] = join(visit, part)
        at = until
        for key, visit in list(is_open.items()):
            if microseconds(at) - visit.end_us > GAP_US:
                yield is_open.pop(key)


# Partitions of the range only; ix_events_ts skips most of one where less than a day is asked for.
VIEWS = text("""
SELECT user_no, coalesce(session_id, '') COLLATE "C", is_bot, (date_part('epoch', ts) * 1e6)::bigint,
    coalesce(path, ''), coalesce(source, ''), coalesce(referrer, ''), coalesce(country, ''), coalesce(browser, ''),
    coalesce(os, ''), coalesce(device, ''), coalesce(utm_source, ''), coalesce(utm_medium, ''),
    coalesce(utm_campaign, '')
FROM events
WHERE site_id = :site_id AND type = 'page_view' AND ts >= :start AND ts < :end
ORDER BY 1, 2, 3, 4
""")
VIEWS_OF = text("""
SELECT e.user_no, coalesce(e.session_id, '') COLLATE "C", e.is_bot, (date_part('epoch', e.ts) * 1e6)::bigint,
    coalesce(e.path, ''), coalesce(e.source, ''), coalesce(e.referrer, ''), coalesce(e.country, ''),
    coalesce(e.browser, ''), coalesce(e.os, ''), coalesce(e.device, ''), coalesce(e.utm_source, ''),
    coalesce(e.utm_medium, ''), coalesce(e.utm_campaign, '')
FROM events e
JOIN unnest(CAST(:user_nos AS bigint[]), CAST(:session_ids AS text[]), CAST(:bots AS bool[]))
    AS k (user_no, session_id, is_bot)
    ON e.user_no = k.user_no AND coalesce(e.session_id, '') = k.session_id AND e.is_bot = k.is_bot
WHERE e.site_id = :site_id AND e.type = 'page_view' AND e.ts >= :start AND e.ts < :end
ORDER BY 1, 2, 3, 4
""")


def _read(
    connection: Connection,
    statement: TextClause,
    site_id: int,
    start: datetime,
    end: datetime,
    keys: Iterable[Key] = (),
) -> Iterator[Touch]:
    """Each page view of [start, end) as a touch, in the order of user, session and time; by a server-side cursor."""
    given = {"site_id": site_id, "start": start, "end": end}
    if keys:
        user_nos, session_ids, bots = (list(column) for column in zip(*keys, strict=True))
        given |= {"user_nos": user_nos, "session_ids": session_ids, "bots": bots}
    rows = connection.execute(statement, given, execution_options={"yield_per": AT_A_TIME})
    for user_no, session_id, is_bot, at_us, *entry in rows:
        yield Touch(user_no, session_id, is_bot, at_us, at_us, 1, tuple(entry), entry[0])


def _runs(views: Iterable[Touch]) -> Iterator[Touch]:
    """Sorted views → visits, each as soon as it is whole."""
    current: Touch | None = None
    for view in views:
        if current is None:
            current = view
        elif view[:3] == current[:3] and view.start_us - current.end_us <= GAP_US:
            current = join(current, view)
        else:
            yield current
            current = view
    if current is not None:
        yield current


# Served by ix_visits_site_id_started_at.
STORED = text("""
SELECT user_no, session_id, is_bot, (date_part('epoch', started_at) * 1e6)::bigint,
    (date_part('epoch', ended_at) * 1e6)::bigint, views, entry_path, source, referrer, country, browser, os, device,
    utm_source, utm_medium, utm_campaign, exit_path
FROM visits
WHERE site_id = :site_id AND started_at >= :start AND started_at < :end
""")


def sum_visits(connection: Connection, site_id: int, zone: str, start: datetime, end: datetime) -> None:
    """Adds the stored visits that begin in [start, end) to the days of `zone`, beside what these hold already."""
    given = {"site_id": site_id, "start": start, "end": end}
    rows = connection.execute(STORED, given, execution_options={"yield_per": AT_A_TIME})
    for part in rows.partitions():
        tally = Tally(zone)
        tally.add([Touch(r[0], r[1], r[2], r[3], r[4], r[5], tuple(r[6:16]), r[16]) for r in part])
        with by_index(connection):
            fold_sums(connection, site_id, tally)
