"""Postings: a day's events by type, path and whether they are a program's, packed for funnels. The only writer.

`body` has eight bytes an event, ascending: its user_no times 2**37 (TIME_BITS), plus the microseconds since the day
began. `sessions` has eight bytes for each in the same order, as session_number says. rollups/postings.py makes them of
days that are over. Whatever changes a day's raw events or rollups drops its postings in the same transaction:
docs/decisions/0014.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import Connection, text

# A day of 25 hours has fewer microseconds than 2**37; what is left of 63 bits is a user_no.
TIME_BITS, USER_BITS = 37, 26
MOST_USERS = 1 << USER_BITS


def session_number(table: str) -> str:
    """As SQL: differs where the session does, and between a person and a program that use the same one."""
    return f"hashtextextended(coalesce({table}.session_id, ''), CASE WHEN {table}.is_bot THEN 2 ELSE 1 END)"


class Day(NamedTuple):
    """A day of the site's calendar: `[start, end)`."""

    day: date
    start: datetime
    end: datetime


# What the planner knows of a young partition is wrong: it would go through the list once for each of the day's rows.
PLAN = text("SET LOCAL work_mem = '64MB'; SET LOCAL jit = off; SET LOCAL enable_nestloop = off")
# Events are served by partition pruning and ix_events_ts (BRIN); what is listed, by pk_rollups. A path that has no row
# in the rollups of its day counts as other, so there are no more rows than there. A product that is too large is an
# error, where a shift would lose its first bits.
MAKE = text(f"""
INSERT INTO postings (site_id, day, type, path, is_bot, body, sessions)
WITH listed AS MATERIALIZED (
    SELECT type, is_bot, value AS path
    FROM rollups
    WHERE site_id = :site_id AND span = 'day' AND dimension = 'path' AND day = :day AND subject = '' AND type <> :other
)
SELECT :site_id, :day, type, path, is_bot,
    string_agg(int8send(point), '' ORDER BY point, session), string_agg(int8send(session), '' ORDER BY point, session)
FROM (
    SELECT events.is_bot, coalesce(listed.path, :other) COLLATE "C" AS path,
        CASE WHEN events.type IN (SELECT type FROM listed) THEN events.type ELSE :other END COLLATE "C" AS type,
        events.user_no * (1::bigint << {TIME_BITS})
            + round(date_part('epoch', events.ts - CAST(:start AS timestamptz)) * 1000000)::bigint AS point,
        {session_number("events")} AS session
    FROM events
    LEFT JOIN listed ON listed.type = events.type AND listed.path = coalesce(events.path, '')
        AND listed.is_bot = events.is_bot AND listed.path <> :other
    WHERE events.site_id = :site_id AND events.ts >= :start AND events.ts < :end
) AS event
GROUP BY type, path, is_bot
""")  # noqa: S608  # of constants
CLEAR = text("DELETE FROM postings WHERE site_id = :site_id AND day = :day")
CLAIM = text(
    "INSERT INTO posted_days (site_id, day, start_at, end_at, made) VALUES (:site_id, :day, :start, :end, false)"
)
CLAIMED = text("SELECT FROM posted_days WHERE site_id = :site_id AND day = :day AND NOT made")
MARK = text("UPDATE posted_days SET made = true WHERE site_id = :site_id AND day = :day")


def claim(connection: Connection, site_id: int, day: Day) -> None:
    """Says that the day's postings are about to be made. Whatever changes the day takes that back, as it would them."""
    given = {"site_id": site_id, **day._asdict()}
    drop(connection, site_id, [day.day])
    connection.execute(CLEAR, given)
    connection.execute(CLAIM, given)


def make(connection: Connection, site_id: int, day: Day, other: str) -> bool:
    """Makes the day's postings, of its raw events as the transaction sees them; O(events of the day). `mark` ends it.
    False, and nothing is made, where the day is not claimed in its snapshot.

    `other`: the path, or type, of what the day's rollups do not list.
    """
    given = {"site_id": site_id, **day._asdict()}
    if connection.execute(CLAIMED, given).first() is None:
        return False
    connection.execute(PLAN)
    connection.execute(MAKE, {**given, "other": other})
    return True


def mark(connection: Connection, site_id: int, day: Day) -> None:
    """Has readers trust what `make` made. In its REPEATABLE READ transaction, a claim that was taken back since the
    snapshot makes this fail with SQLSTATE 40001 (serialization_failure), and undoes the making."""
    connection.execute(MARK, {"site_id": site_id, "day": day.day})


# Served by pk_posted_days and pk_postings. Without a marked day nothing else is looked at.
DROP = text("""
WITH gone AS (
    DELETE FROM posted_days
    WHERE site_id = :site_id AND (CAST(:days AS date[]) IS NULL OR day = ANY(CAST(:days AS date[])))
    RETURNING day
)
DELETE FROM postings USING gone WHERE postings.site_id = :site_id AND postings.day = gone.day
""")
# posted_days has a row a day; all are read.
DROP_BEFORE = text("""
WITH gone AS (
    DELETE FROM posted_days
    WHERE start_at < CAST(:before AS timestamptz) AND (CAST(:site_id AS int) IS NULL OR site_id = :site_id)
    RETURNING site_id, day
)
DELETE FROM postings USING gone WHERE postings.site_id = gone.site_id AND postings.day = gone.day
""")


def drop(connection: Connection, site_id: int, days: Iterable[date] | None = None) -> None:
    """Takes the postings of these days away, or of all the site's; where there are none, one look-up a day."""
    connection.execute(DROP, {"site_id": site_id, "days": None if days is None else list(days)})


def drop_before(connection: Connection, before: datetime | date, site_id: int | None = None) -> None:
    """Takes away those of the days that began before that instant, of the site or of all."""
    connection.execute(DROP_BEFORE, {"before": before, "site_id": site_id})
