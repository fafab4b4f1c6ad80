"""What goes on right now: people and page views of the last minutes, from raw events. Never cached. SELECT only.

Windows slide: the last minute ends at this instant, so that the minutes of the series add up to the sums beside them.
Served by partition pruning and ix_events_ts (BRIN). The cost grows with the events of the window and with nothing else:
9 ms for the five minutes and 20 ms for the hour at 400,000 events a day, 150 and 700 ms at a million events an hour. At
three million an hour the hour is left out.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, select, text
from sqlalchemy.exc import OperationalError

from analytics import clock
from analytics.period import Period
from analytics.reports.by_time import plan_by_time
from analytics.store import measures

NOW_MINUTES, SERIES_MINUTES, HOUR_MINUTES = 5, 30, 60
LISTS = ("path", "referrer", "country")
# The last hour of a site that takes tens of thousands of events a second is not worth waiting for.
HOUR_WITHIN_MS = 2000


class Line(NamedTuple):
    """A line of a list: page views, and the people behind them; '' where the views have no such value."""

    value: str
    views: int
    unique: int


class Minute(NamedTuple):
    """A minute that begins at `start`."""

    start: datetime
    views: int
    unique: int


class Now(NamedTuple):
    """The last five minutes: people with an event of any type, with a page view; page views; and lists of these."""

    active: int
    visitors: int
    views: int
    lists: dict[str, list[Line]]


def active_now(connection: Connection, site_id: int, now: datetime, minutes: int) -> int:
    """Different people with an event in the last minutes, programs left out. One query, O(events of these minutes)."""
    period = Period(now - timedelta(minutes=minutes), now + timedelta.resolution, clock.zone("UTC"))
    query = select(measures.active_users()).where(measures.is_counted(site_id, period, include_bots=False))
    return connection.execute(query).scalar_one()


RECENT = text("""
SELECT kind, value, active, visitors, views
FROM (
    SELECT kind, value, active, visitors, views,
        row_number() OVER (PARTITION BY kind ORDER BY views DESC, value COLLATE "C") AS place
    FROM (
        SELECT CASE GROUPING(path, referrer, country)
                WHEN 7 THEN 'all' WHEN 3 THEN 'path' WHEN 5 THEN 'referrer' ELSE 'country' END AS kind,
            coalesce(path, referrer, country, '') AS value,
            count(DISTINCT user_no) AS active,
            count(DISTINCT user_no) FILTER (WHERE type = 'page_view') AS visitors,
            count(*) FILTER (WHERE type = 'page_view') AS views
        FROM events
        WHERE site_id + 0 = :site_id AND ts > :start AND ts <= :now AND (:bots OR NOT is_bot)
        GROUP BY GROUPING SETS ((), (path), (referrer), (country))
    ) AS counted
    WHERE views > 0 OR kind = 'all'
) AS ranked
WHERE place <= :limit
ORDER BY kind, place
""")


def read_now(connection: Connection, site_id: int, now: datetime, limit: int, bots: bool = False) -> Now:
    """One query, O(events of five minutes)."""
    plan_by_time(connection)
    given = {"site_id": site_id, "start": now - timedelta(minutes=NOW_MINUTES), "now": now, "bots": bots}
    lists: dict[str, list[Line]] = {name: [] for name in LISTS}
    totals = (0, 0, 0)
    for kind, value, active, visitors, views in connection.execute(RECENT, {**given, "limit": limit}):
        if kind == "all":
            totals = active, visitors, views
        else:
            lists[kind].append(Line(value, views, visitors))
    return Now(*totals, lists)


# From 0, the minute that ends now, backwards.
MINUTES = text("""
SELECT floor(extract(epoch FROM CAST(:now AS timestamptz) - ts) / 60)::int AS ago, count(*), count(DISTINCT user_no)
FROM events
WHERE site_id + 0 = :site_id AND ts > :start AND ts <= :now AND (:bots OR NOT is_bot) AND type = 'page_view'
GROUP BY 1
""")
LIMIT_TIME = text("SELECT set_config('statement_timeout', :timeout_ms, true)")


def read_minutes(connection: Connection, site_id: int, now: datetime, bots: bool = False) -> list[Minute] | None:
    """The minutes of the last hour, gaps filled, the last one ends now; None when counting them takes too long.

    One query, O(events of the hour). The transaction can go on either way, with statements that are as short.
    """
    plan_by_time(connection)
    connection.execute(LIMIT_TIME, {"timeout_ms": str(HOUR_WITHIN_MS)})
    given = {"site_id": site_id, "start": now - timedelta(minutes=HOUR_MINUTES), "now": now, "bots": bots}
    try:
        with connection.begin_nested():
            found = {ago: counts for ago, *counts in connection.execute(MINUTES, given)}
    except OperationalError as error:
        if getattr(error.orig, "pgcode", None) != "57014":
            raise
        return None
    starts = ((ago, now - timedelta(minutes=ago + 1)) for ago in reversed(range(HOUR_MINUTES)))
    return [Minute(start, *found.get(ago, (0, 0))) for ago, start in starts]


def views_of(minutes: Sequence[Minute] | None, last: int) -> int | None:
    """Page views of the last so many minutes."""
    return None if minutes is None else sum(minute.views for minute in minutes[-last:])
