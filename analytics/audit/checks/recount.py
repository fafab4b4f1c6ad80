"""Slow counts of raw events by SQL, which share no code with the rollups: the reference of the audit. Only SELECTs.

rollup_rows.py counts one dimension of one day, visits.py the visits of a range of days.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from struct import Struct
from typing import NamedTuple

from pyroaring import BitMap64
from sqlalchemy import Connection, Engine, TextClause, text

from analytics.audit.checks.stored_users import decode_visitors
from analytics.rollups.deltas.counts import Count
from analytics.store.copy.binary_copy import (
    BinaryRow,
    as_bool,
    as_date,
    as_int,
    as_text,
    read_binary,
    stream_binary,
)
from analytics.store.folding import fold_sql

# A dropped partition disappears from older snapshots too, but they do not see what was committed with the drop:
# raw_since, the sums in ledger_hours. So drops are blocked; they give up after their lock timeout, and are retried.
LOCK_PARTITIONS = text("LOCK TABLE events, samples, ingest_ledger IN ACCESS SHARE MODE")


@contextmanager
def repeatable_read(engine: Engine) -> Iterator[Connection]:
    """A read-only snapshot, taken after locks prevent drops of partitions."""
    with engine.execution_options(isolation_level="REPEATABLE READ").begin() as connection:
        connection.execute(LOCK_PARTITIONS)
        connection.execute(text("SET TRANSACTION READ ONLY"))
        yield connection


# Dimension → SQL of an event's value.
DIMENSION_EXPRESSIONS = {
    "total": "''",
    "hour": "lpad(floor(extract(epoch FROM ts - %(start)s) / 3600)::text, 2, '0')",
    **{
        name: f"coalesce({name}, '')"
        for name in (
            "path", "hostname", "referrer", "source", "channel", "country",
            "browser", "os", "device", "language", "screen",
        )
    },
    **{name: f"coalesce({fold_sql(name)}, '')" for name in ("utm_source", "utm_medium", "utm_campaign")},
    "region": "CASE WHEN region <> '' THEN coalesce(country, '') || '/' || region ELSE '' END",
    "city": "CASE WHEN city <> '' THEN concat(country, '/', region, '/', city) ELSE '' END",
}  # fmt: skip


class RowKey(NamedTuple):
    """Key of a rollup row within one dimension and day."""

    type: str
    subject: str
    is_bot: bool
    value: str


# The day's partitions; an event with a subject counts for the site and for the subject.
COUNT_ROLLUP_ROWS = """
SELECT type, counted_subject, is_bot, value, count(*), array_agg(DISTINCT user_no)
FROM (
    SELECT type, counted_subject, is_bot, user_no, VALUE AS value
    FROM events
    CROSS JOIN LATERAL unnest(CASE WHEN subject <> '' THEN ARRAY['', subject] ELSE ARRAY[''] END) AS counted_subject
    WHERE site_id = %(site_id)s AND ts >= %(start)s AND ts < %(end)s
) AS event
GROUP BY type, counted_subject, is_bot, value
"""
# int8[] in binary: a header of five integers, then the length and the value of each element.
_HEADER, _ELEMENT = 20, Struct("!iq")


def count_rollup_rows(
    connection: Connection, site_id: int, dimension: str, start: datetime, end: datetime
) -> dict[RowKey, Count]:
    """The rows that one dimension of the day `[start, end)` must have, without a limit on values."""
    query = COUNT_ROLLUP_ROWS.replace("VALUE", DIMENSION_EXPRESSIONS[dimension], 1)
    rows = read_binary(connection, query, {"site_id": site_id, "start": start, "end": end})
    return {
        RowKey(as_text(kind or b""), as_text(subject or b""), as_bool(bot or b""), as_text(value or b"")): Count(
            as_int(events or b""), _bitmap(users or b"")
        )
        for kind, subject, bot, value, events, users in rows
    }


def _bitmap(array: bytes) -> BitMap64:
    return BitMap64(user_no for _, user_no in _ELEMENT.iter_unpack(array[_HEADER:]))


# ix_events_ts (BRIN) or a scan of the day's partitions.
COUNT_EVENTS = text("SELECT count(*) FROM events WHERE site_id = :site_id AND ts >= :start AND ts < :end")


def count_events(connection: Connection, site_id: int, start: datetime, end: datetime) -> int:
    """Raw events of `[start, end)`."""
    parameters = {"site_id": site_id, "start": start, "end": end}
    return int(connection.execute(COUNT_EVENTS, parameters).scalar_one())


class VisitSums(NamedTuple):
    visits: int
    bounces: int
    views: int
    duration_us: int
    # Of each visit its user_no, and the square of it: they tell whose visits were counted. 0 of the total and of hours.
    user_nos: int
    user_no_squares: int


# Key of a row of visit_rollups: day, dimension, is_bot, value.
VisitRowKey = tuple[date, str, bool, str]

# A page view begins a visit unless the same user and session have one at most 30 minutes before it. Of views at the
# same instant the first is the one received first; where that is not known, the first has the least entry and the last
# the greatest path.
VISITS_FROM_EVENTS = f"""
viewed AS (
    SELECT user_no, coalesce(session_id, '') COLLATE "C" AS session, is_bot, ts, coalesce(path, '') COLLATE "C" AS path,
        ARRAY[coalesce(path, ''), coalesce(source, ''), coalesce(referrer, ''), coalesce(country, ''),
            coalesce(browser, ''), coalesce(os, ''), coalesce(device, ''),
            coalesce({fold_sql("utm_source")}, ''), coalesce({fold_sql("utm_medium")}, ''),
            coalesce({fold_sql("utm_campaign")}, ''), coalesce({fold_sql("utm_term")}, ''),
            coalesce({fold_sql("utm_content")}, ''), coalesce(region, ''), coalesce(city, ''),
            coalesce(channel, '')] COLLATE "C" AS entry,
        position, CASE WHEN position < 0 THEN 'epoch' ELSE received_at END AS received_at
    FROM events
    WHERE site_id = :site_id AND type = 'page_view' AND ts >= :since
        AND user_no <> ALL (CAST(:excluded_users AS bigint[]))
), gaps AS (
    SELECT *, ts - lag(ts) OVER (PARTITION BY user_no, session, is_bot ORDER BY ts) AS gap FROM viewed
), numbered AS (
    SELECT *, count(*) FILTER (WHERE gap IS NULL OR gap > interval '30 minutes')
        OVER (PARTITION BY user_no, session, is_bot ORDER BY ts) AS visit
    FROM gaps
), placed AS (
    SELECT *, row_number() OVER (PARTITION BY user_no, session, is_bot, visit ORDER BY ts, received_at, position, entry)
            AS place,
        row_number() OVER (PARTITION BY user_no, session, is_bot, visit
            ORDER BY ts DESC, received_at DESC, position DESC, path DESC) AS from_end
    FROM numbered
), visit AS (
    SELECT user_no, is_bot, min(ts) AS started_at, max(ts) AS ended_at, count(*) AS views,
        max(entry) FILTER (WHERE place = 1) AS entry, max(path) FILTER (WHERE from_end = 1) AS exit_path
    FROM placed
    GROUP BY user_no, session, is_bot, visit
)"""  # noqa: S608  # of constants
VISITS_FROM_TABLE = """
visit AS (
    SELECT user_no, is_bot, started_at, ended_at, views, exit_path,
        ARRAY[entry_path, source, referrer, country, browser, os, device, utm_source, utm_medium, utm_campaign,
            utm_term, utm_content, region, city, channel] AS entry
    FROM visits
    WHERE site_id = :site_id AND user_no <> ALL (CAST(:excluded_users AS bigint[]))
)"""
# OFFSET 0: the day of a visit is computed once, not once for each dimension.
SUM_VISITS = """
SELECT day, d.dimension, is_bot, d.value, count(*), count(*) FILTER (WHERE views = 1), sum(views), sum(duration_us),
    coalesce(sum(user_no) FILTER (WHERE d.dimension NOT IN ('total', 'hour')), 0),
    coalesce(sum(CAST(user_no AS numeric) * user_no) FILTER (WHERE d.dimension NOT IN ('total', 'hour')), 0)
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
    ('utm_campaign', entry[10]), ('utm_term', entry[11]), ('utm_content', entry[12]), ('exit_path', exit_path),
    ('region', CASE WHEN entry[13] <> '' THEN concat(entry[4], '/', entry[13]) ELSE '' END),
    ('channel', entry[15]),
    ('city', CASE WHEN entry[14] <> '' THEN concat(entry[4], '/', entry[13], '/', entry[14]) ELSE '' END)
) AS d (dimension, value)
GROUP BY 1, 2, 3, 4
"""
RECOUNT_VISITS, SUM_STORED_VISITS = (
    text(f"WITH {VISITS_FROM_EVENTS} {SUM_VISITS}"),
    text(f"WITH {VISITS_FROM_TABLE} {SUM_VISITS}"),
)
# Ranges of pk_visit_rollups.
READ_VISIT_ROLLUPS = """
SELECT day, dimension, is_bot, value, visits, bounces, views, duration_us, users, repeats
FROM visit_rollups
WHERE site_id = %(site_id)s AND day = ANY (%(days)s::date[]) AND visits <> 0
"""


class ConsecutiveDays(NamedTuple):
    """Neighbouring days of a calendar that are not empty, and the start of each; the last ends at `end`."""

    days: Sequence[date]
    starts: Sequence[datetime]
    end: datetime


def recount_visits(
    connection: Connection, site_id: int, days: ConsecutiveDays, since: datetime, excluded_users: Sequence[int]
) -> dict[VisitRowKey, VisitSums]:
    """The visits that begin on the days, from page views since `since` (30 minutes earlier). Sorts all of these,
    because a visit has no greatest length."""
    return _sums(connection, RECOUNT_VISITS, site_id, days, excluded_users, since=since)


def sum_stored_visits(
    connection: Connection, site_id: int, days: ConsecutiveDays, excluded_users: Sequence[int]
) -> dict[VisitRowKey, VisitSums]:
    """The same sums over the rows of `visits`."""
    return _sums(connection, SUM_STORED_VISITS, site_id, days, excluded_users)


def read_visit_rollups(connection: Connection, site_id: int, days: ConsecutiveDays) -> dict[VisitRowKey, VisitSums]:
    """The rows of `visit_rollups` of the days. Users that are not known, or cannot be read, sum up to 0."""
    rows = {}

    def add_row(row: BinaryRow) -> None:
        day, dimension, is_bot, value, *sums, users, repeats = row
        counts = decode_visitors(users, repeats).counts() if users else {}
        user_nos = sum(user_no * visits for user_no, visits in counts.items())
        squares = sum(user_no * user_no * visits for user_no, visits in counts.items())
        key = as_date(day), as_text(dimension), as_bool(is_bot), as_text(value)
        rows[key] = VisitSums._make((*map(as_int, sums), user_nos, squares))

    stream_binary(connection, READ_VISIT_ROLLUPS, {"site_id": site_id, "days": list(days.days)}, add_row)
    return rows


def _sums(
    connection: Connection,
    query: TextClause,
    site_id: int,
    days: ConsecutiveDays,
    excluded_users: Sequence[int],
    **since: datetime,
) -> dict[VisitRowKey, VisitSums]:
    times = {"starts": list(days.starts), "start": days.starts[0], "end": days.end, **since}
    rows = connection.execute(query, {"site_id": site_id, "excluded_users": list(excluded_users), **times})
    return {
        (days.days[day - 1], dimension, is_bot, value): VisitSums(*map(int, sums))
        for day, dimension, is_bot, value, *sums in rows
    }
