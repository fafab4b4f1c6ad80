"""The only writer of raw events, users and new ledger rows, inside the caller's transaction.

An event is identified by (site, event_id). The unique key also holds ts and user_no, which a resend may change: a clock
that is corrected anew, a phone that changed networks. So ids that a caller chose are looked up before they are written,
under the lock of the site's row in user_numbers: one drain at a time writes for a site, for milliseconds (decision
0001). The drain calls it; raw rows are deleted here and in privacy/.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, TextClause, text

from analytics.store.copy.copy_text import copy_lines, escape_copy
from analytics.store.planner import FORCE_INDEX_LOOKUPS

# A resend is recognised when its ts differs by up to this many days.
RESEND_WINDOW_DAYS = 1

# Known when a row is written, and so the last ones.
LATE_COLUMNS = ("position", "user_no", "drain_no")
# COPY's column order: the columns of one cached look-up are adjacent.
COPY_COLUMNS = (
    "event_id, ts, received_at, site_id, type, user_id, session_id, src, subject,"
    " is_bot, browser, os, device, language, screen,"
    " path, hostname, utm_source, utm_medium, utm_campaign, utm_term, utm_content,"
    " referrer, source, channel, ip, country, region, city, payload, " + ", ".join(LATE_COLUMNS)
)


class EventRow(msgspec.Struct, gc=False):
    """One event to be stored. `line` is its COPY text up to, not including, LATE_COLUMNS."""

    site_id: int
    event_id: str
    # The caller chose the id, or the key that it derives from, so another batch may have stored the same event.
    has_caller_id: bool
    user_id: str
    ts: str
    day: date
    line: str
    # Index of its batch in the chunk, and its own index in the batch.
    batch: int
    position: int
    # When its batch was received: µs since 1970.
    received_us: int
    # What rollups/deltas/counts.py counts. Plain text, '' for none; the last four are adjacent columns of `line`,
    # without the ip.
    kind: str
    subject: str
    session: str
    agent: str
    page: str
    referrer: str
    place: str


class LedgerRow(msgspec.Struct):
    """The outcome of one accepted batch, in events."""

    entry_id: str
    received_at: datetime
    site_id: int
    received: int
    stored: int
    duplicate: int
    dead_lettered: int
    principal: str
    request_id: str
    # Of a site that is being deleted, or was.
    refused: int = 0


# KEY SHARE blocks no other drain, but blocks a change of the zone (FOR UPDATE) until this transaction ends: a delta is
# in the zone that its site has when the delta becomes visible.
LOCK_SITE_ZONES = text(f"""{FORCE_INDEX_LOOKUPS.text};
SELECT id, zone FROM sites WHERE id = ANY(:ids) AND deleting_at IS NULL ORDER BY id FOR KEY SHARE
""")  # noqa: S608  # of constants


def lock_site_zones(connection: Connection, site_ids: Sequence[int]) -> dict[int, str]:
    """Site id → zone, unchanged until the transaction ends; without sites that are deleted, or being deleted. Also
    forces index look-ups, in the same round trip."""
    return {row.id: row.zone for row in connection.execute(LOCK_SITE_ZONES, {"ids": list(site_ids)})}


# Served by pk_ingest_ledger; entry ids carry their time, so one or two partitions are read.
FIND_STORED_ENTRIES = text("""
SELECT entry_id
FROM ingest_ledger
WHERE entry_id = ANY(:entry_ids) AND received_at >= :earliest AND received_at <= :latest
""")


def find_stored_entries(
    connection: Connection, entry_ids: Sequence[str], earliest: datetime, latest: datetime
) -> set[str]:
    """Those of `entry_ids` that an earlier transaction has stored."""
    window = {"earliest": earliest, "latest": latest}
    return set(connection.execute(FIND_STORED_ENTRIES, {"entry_ids": list(entry_ids), **window}).scalars())


class SiteNumbers(NamedTuple):
    """The site's next user_no, and the number of the transaction that holds its lock (store/columns/event_days.py)."""

    next_user_no: int
    drain_no: int


# A drain_no is taken when the row is locked: MATERIALIZED keeps the two in this order.
LOCK_USER_NUMBERS = text("""
WITH locked AS MATERIALIZED (
    SELECT site_id, next_user_no FROM user_numbers WHERE site_id = ANY(:ids) ORDER BY site_id FOR NO KEY UPDATE
)
SELECT site_id, next_user_no, nextval('drain_numbers') FROM locked
""")
INSERT_USER_NUMBERS = text("""
INSERT INTO user_numbers (site_id, next_user_no) SELECT id, 1 FROM sites WHERE id = ANY(:ids) ORDER BY id
ON CONFLICT DO NOTHING
""")


def lock_user_numbers(connection: Connection, site_ids: Iterable[int]) -> dict[int, SiteNumbers]:
    """Site id → its numbers. Locks the rows in the order of their ids, so that two drains cannot deadlock."""
    ids = sorted(set(site_ids))
    rows = connection.execute(LOCK_USER_NUMBERS, {"ids": ids}).all()
    if len(rows) < len(ids):
        connection.execute(INSERT_USER_NUMBERS, {"ids": ids})
        rows = connection.execute(LOCK_USER_NUMBERS, {"ids": ids}).all()
    return {site_id: SiteNumbers(*numbers) for site_id, *numbers in rows}


# An index-only scan of uq_events' first two columns in each partition of the window.
FIND_STORED_IDS = text("""
SELECT event_id
FROM events
WHERE site_id = :site_id AND event_id = ANY(CAST(:ids AS uuid[])) AND ts >= :start AND ts < :end
""")


def find_stored_ids(connection: Connection, site_id: int, rows: Sequence[EventRow]) -> set[str]:
    """Ids of `rows` that the site has stored already, at any ts within a day of theirs."""
    return query_resends(connection, FIND_STORED_IDS, site_id, ((row.day, row.event_id) for row in rows))


def query_resends(
    connection: Connection, query: TextClause, site_id: int, days_and_ids: Iterable[tuple[date, str]]
) -> set[str]:
    """Ids that `query` finds for the site in the resend windows of the days: one query a window."""
    stored: set[str] = set()
    for start, end, ids in resend_windows(days_and_ids):
        parameters = {"ids": ids, "site_id": site_id, "start": start, "end": end}
        stored.update(map(str, connection.execute(query, parameters).scalars()))
    return stored


def resend_windows(days_and_ids: Iterable[tuple[date, str]]) -> Iterable[tuple[date, date, str]]:
    """`(start, end, ids)` of each run of neighbouring days, widened by the resend window.

    The UUIDs are one text, a PostgreSQL array: thousands of them as constants take longer to plan than to find.
    """
    ids_by_day: dict[date, list[str]] = {}
    for day, row_id in days_and_ids:
        ids_by_day.setdefault(day, []).append(row_id)
    margin, run = timedelta(days=RESEND_WINDOW_DAYS), []
    days = sorted(ids_by_day)
    for day, following in zip(days, [*days[1:], None], strict=True):
        run.append(day)
        if following is None or following - day > margin:
            ids = "{" + ",".join(row_id for day in run for row_id in ids_by_day[day]) + "}"
            yield run[0] - margin, run[-1] + margin + timedelta(days=1), ids
            run = []


# Served by pk_users; OFFSET 0 forces one look-up for each id, even when a new table has no statistics.
FIND_USERS = text("""
SELECT given.user_id, u.user_no
FROM unnest(CAST(:user_ids AS text[])) AS given(user_id)
CROSS JOIN LATERAL (SELECT user_no FROM users WHERE site_id = :site_id AND user_id = given.user_id OFFSET 0) AS u
""")
SET_NEXT_USER_NO = text("UPDATE user_numbers SET next_user_no = :next_user_no WHERE site_id = :site_id")


def find_users(connection: Connection, site_id: int, user_ids: Sequence[str]) -> dict[str, int]:
    """user_id → user_no of the users that the site has."""
    rows = connection.execute(FIND_USERS, {"site_id": site_id, "user_ids": list(user_ids)})
    return {row.user_id: row.user_no for row in rows}


def add_users(connection: Connection, site_id: int, next_user_no: int, first_seen: dict[str, str]) -> dict[str, int]:
    """Numbers new users densely from `next_user_no`; `first_seen` is user_id → ts. The site must be locked.

    Returns user_id → user_no.
    """
    numbers = {user_id: next_user_no + n for n, user_id in enumerate(first_seen)}
    lines = (f"{site_id}\t{escape_copy(user_id)}\t{numbers[user_id]}\t{ts}\n" for user_id, ts in first_seen.items())
    copy_lines(connection, "COPY users (site_id, user_id, user_no, first_seen_at) FROM STDIN", lines)
    connection.execute(SET_NEXT_USER_NO, {"site_id": site_id, "next_user_no": next_user_no + len(numbers)})
    return numbers


def copy_line(row: EventRow, user_no: int, drain_no: int) -> str:
    """The row as a line of COPY_COLUMNS."""
    return f"{row.line}\t{row.position}\t{user_no}\t{drain_no}\n"


def copy_events(connection: Connection, lines: Iterable[str]) -> None:
    """Appends events; each line is one of `copy_line`. Raises DataError for a row that PostgreSQL refuses."""
    copy_lines(connection, f"COPY events ({COPY_COLUMNS}) FROM STDIN", lines)


def write_ledger(connection: Connection, rows: Sequence[LedgerRow]) -> None:
    """One row a batch. A second drain of the same entry fails here as a whole, and finds the entry stored on retry."""
    lines = (
        f"{row.entry_id}\t{row.received_at.isoformat()}\t{row.site_id}\t{row.received}\t{row.stored}\t{row.duplicate}"
        f"\t{row.dead_lettered}\t{escape_copy(row.principal)}\t{escape_copy(row.request_id)}\t{row.refused}\n"
        for row in rows
    )
    columns = (
        "entry_id, received_at, site_id, received, stored, duplicate, dead_lettered, principal, request_id, refused"
    )
    copy_lines(connection, f"COPY ingest_ledger ({columns}) FROM STDIN", lines)


# Reads every partition, or uq_events, which leads with the site. WITH, because RETURNING cannot be grouped.
DELETE_SITE_EVENTS = text("""
WITH deleted AS (
    DELETE FROM events
    WHERE site_id = :site_id
    RETURNING received_at
)
SELECT to_char(date_trunc('hour', received_at, 'UTC') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), count(*)
FROM deleted
GROUP BY 1
""")


def delete_site_events(connection: Connection, site_id: int) -> dict[str, int]:
    """Deletes every event of the site: hour of receipt (RFC 3339) → how many."""
    return {row[0]: row[1] for row in connection.execute(DELETE_SITE_EVENTS, {"site_id": site_id})}
