"""The slow counts that the audit believes: raw events counted by SQL, with none of the code that makes rollups.

One dimension of one day at a time; and the visits of a range of days. Only SELECTs.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from struct import Struct
from typing import NamedTuple

from pyroaring import BitMap64
from sqlalchemy import Connection, Engine, text

from analytics.rollups.delta import Count
from analytics.rollups.users import as_bool, as_int, as_text, read_binary

# A dropped partition is gone for older snapshots too, while they do not see yet what went with it: raw_since, the sums
# in ledger_hours. So drops are kept out, which they bear: they wait for half a second and come again.
KEEP_PARTITIONS = text("LOCK TABLE events, samples, ingest_ledger IN ACCESS SHARE MODE")


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """One instant of the database, read only, with all the partitions it had. It begins when they are held."""
    with engine.execution_options(isolation_level="REPEATABLE READ").begin() as connection:
        connection.execute(KEEP_PARTITIONS)
        connection.execute(text("SET TRANSACTION READ ONLY"))
        yield connection


# Dimension → what it says of an event.
VALUES = {
    "total": "''",
    "hour": "lpad(floor(extract(epoch FROM ts - %(start)s) / 3600)::text, 2, '0')",
    **{
        name: f"coalesce({name}, '')"
        for name in (
            "path", "referrer", "source", "country", "browser", "os", "device",
            "utm_source", "utm_medium", "utm_campaign",
        )
    },
    "region": "CASE WHEN region <> '' THEN coalesce(country, '') || '/' || region ELSE '' END",
    "city": "CASE WHEN city <> '' THEN concat(country, '/', region, '/', city) ELSE '' END",
}  # fmt: skip


class Place(NamedTuple):
    """A row of one dimension and day."""

    type: str
    subject: str
    is_bot: bool
    value: str


# The day's partitions; an event with a subject counts for the site and for the subject.
COUNTED = """
SELECT type, named, is_bot, value, count(*), array_agg(DISTINCT user_no)
FROM (
    SELECT type, named, is_bot, user_no, VALUE AS value
    FROM events
    CROSS JOIN LATERAL unnest(CASE WHEN subject <> '' THEN ARRAY['', subject] ELSE ARRAY[''] END) AS named
    WHERE site_id = %(site_id)s AND ts >= %(start)s AND ts < %(end)s
) AS event
GROUP BY type, named, is_bot, value
"""
# int8[] in binary: five integers of header, then each element after its length.
_HEADER, _ELEMENT = 20, Struct("!iq")


def count_rows(
    connection: Connection, site_id: int, dimension: str, start: datetime, end: datetime
) -> dict[Place, Count]:
    """The rows that one dimension of the day `[start, end)` must have, as if there were room for every value."""
    query = COUNTED.replace("VALUE", VALUES[dimension], 1)
    found = read_binary(connection, query, {"site_id": site_id, "start": start, "end": end})
    return {
        Place(as_text(kind or b""), as_text(subject or b""), as_bool(bot or b""), as_text(value or b"")): Count(
            as_int(events or b""), _bitmap(users or b"")
        )
        for kind, subject, bot, value, events, users in found
    }


def _bitmap(array: bytes) -> BitMap64:
    return BitMap64(user_no for _, user_no in _ELEMENT.iter_unpack(array[_HEADER:]))


# ix_events_ts (BRIN) or a scan of the day's partitions.
COUNT = text("SELECT count(*) FROM events WHERE site_id = :site_id AND ts >= :start AND ts < :end")


def count_events(connection: Connection, site_id: int, start: datetime, end: datetime) -> int:
    """Raw events of `[start, end)`."""
    found: int = connection.execute(COUNT, {"site_id": site_id, "start": start, "end": end}).scalar_one()
    return found


class Sums(NamedTuple):
    visits: int
    bounces: int
    views: int
    duration_us: int


# A row of visit_rollups: its day, dimension, whether of bots, and value.
VisitPlace = tuple[date, str, bool, str]

# A page view begins a visit unless another of the same user and session lies at most 30 minutes before it. Views of the
# same instant: the first has the least entry, the last the greatest path.
FROM_RAW = """
viewed AS (
    SELECT user_no, coalesce(session_id, '') COLLATE "C" AS session, is_bot, ts, coalesce(path, '') COLLATE "C" AS path,
        ARRAY[coalesce(path, ''), coalesce(source, ''), coalesce(referrer, ''), coalesce(country, ''),
            coalesce(browser, ''), coalesce(os, ''), coalesce(device, ''), coalesce(utm_source, ''),
            coalesce(utm_medium, ''), coalesce(utm_campaign, '')] COLLATE "C" AS entry
    FROM events
    WHERE site_id = :site_id AND type = 'page_view' AND ts >= :since AND user_no <> ALL (CAST(:without AS bigint[]))
), gaps AS (
    SELECT *, ts - lag(ts) OVER (PARTITION BY user_no, session, is_bot ORDER BY ts) AS gap FROM viewed
), numbered AS (
    SELECT *, count(*) FILTER (WHERE gap IS NULL OR gap > interval '30 minutes')
        OVER (PARTITION BY user_no, session, is_bot ORDER BY ts) AS visit
    FROM gaps
), placed AS (
    SELECT *, row_number() OVER (PARTITION BY user_no, session, is_bot, visit ORDER BY ts, entry) AS place,
        row_number() OVER (PARTITION BY user_no, session, is_bot, visit ORDER BY ts DESC, path DESC) AS from_end
    FROM numbered
), visit AS (
    SELECT is_bot, min(ts) AS started_at, max(ts) AS ended_at, count(*) AS views,
        max(entry) FILTER (WHERE place = 1) AS entry, max(path) FILTER (WHERE from_end = 1) AS exit_path
    FROM placed
    GROUP BY user_no, session, is_bot, visit
)"""
FROM_VISITS = """
visit AS (
    SELECT is_bot, started_at, ended_at, views, exit_path,
        ARRAY[entry_path, source, referrer, country, browser, os, device, utm_source, utm_medium, utm_campaign] AS entry
    FROM visits
    WHERE site_id = :site_id AND user_no <> ALL (CAST(:without AS bigint[]))
)"""
# OFFSET 0: the day of a visit is looked for once, not once for each dimension.
SUMS = """
SELECT day, d.dimension, is_bot, d.value, count(*), count(*) FILTER (WHERE views = 1), sum(views), sum(duration_us)
FROM (
    SELECT *, width_bucket(started_at, CAST(:starts AS timestamptz[])) AS day,
        (extract(epoch FROM ended_at - started_at) * 1000000)::bigint AS duration_us
    FROM visit
    WHERE started_at >= :start AND started_at < :end
    OFFSET 0
) AS begun
CROSS JOIN LATERAL (VALUES
    ('total', ''),
    ('hour', lpad(floor(extract(epoch FROM started_at - (CAST(:starts AS timestamptz[]))[day]) / 3600)::text, 2, '0')),
    ('entry_path', entry[1]), ('source', entry[2]), ('referrer', entry[3]), ('country', entry[4]),
    ('browser', entry[5]), ('os', entry[6]), ('device', entry[7]), ('utm_source', entry[8]), ('utm_medium', entry[9]),
    ('utm_campaign', entry[10]), ('exit_path', exit_path)
) AS d (dimension, value)
GROUP BY 1, 2, 3, 4
"""
RECOUNT, LISTED = text(f"WITH {FROM_RAW} {SUMS}"), text(f"WITH {FROM_VISITS} {SUMS}")  # of constants
KEPT = text("""
SELECT day, dimension, is_bot, value, visits, bounces, views, duration_us
FROM visit_rollups
WHERE site_id = :site_id AND day = ANY (CAST(:days AS date[])) AND visits <> 0
""")


class Days(NamedTuple):
    """Neighbouring days of a calendar that are not empty, and where each begins; the last ends at `end`."""

    days: Sequence[date]
    starts: Sequence[datetime]
    end: datetime


def recount_visits(
    connection: Connection, site_id: int, days: Days, since: datetime, without: Sequence[int]
) -> dict[VisitPlace, Sums]:
    """The visits that begin on the days, from page views; `since`: 30 minutes earlier. Sorts all page views from then
    on, since a visit lasts as long as its views follow each other. The users of `without` are left out."""
    return _sums(connection, RECOUNT, site_id, days, without, since=since)


def listed_visits(connection: Connection, site_id: int, days: Days, without: Sequence[int]) -> dict[VisitPlace, Sums]:
    """The same sums over the rows of `visits`."""
    return _sums(connection, LISTED, site_id, days, without)


def rolled_up_visits(connection: Connection, site_id: int, days: Days) -> dict[VisitPlace, Sums]:
    """What `visit_rollups` says of the days."""
    rows = connection.execute(KEPT, {"site_id": site_id, "days": list(days.days)})
    return {(row[0], row[1], row[2], row[3]): Sums(*row[4:]) for row in rows}


def _sums(
    connection: Connection, query: object, site_id: int, days: Days, without: Sequence[int], **more: datetime
) -> dict[VisitPlace, Sums]:
    given = {
        "site_id": site_id, "starts": list(days.starts), "start": days.starts[0], "end": days.end,
        "without": list(without), **more,
    }  # fmt: skip
    found: dict[VisitPlace, Sums] = defaultdict(lambda: Sums(0, 0, 0, 0))
    for place, dimension, is_bot, value, *sums in connection.execute(query, given):  # type: ignore[call-overload]
        found[days.days[place - 1], dimension, is_bot, value] = Sums(*(int(one) for one in sums))
    return dict(found)
