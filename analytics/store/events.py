"""The only writer of raw events, users and ledger rows; each function works inside the caller's transaction.

An event is identified by (site, event_id). The unique key also holds ts and user_no, which a resend may change: a
clock that is corrected anew, a phone that changed networks. So ids that a caller chose are looked up before they are
written, while the site's row is locked: one site's drains take turns for the milliseconds of the write (decision 0001).
"""

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from io import BytesIO
from typing import Any

import msgspec
from sqlalchemy import Connection, text

# A resend is recognised this many days around its own ts.
RESEND_WINDOW_DAYS = 1

# COPY's column order: what one cached lookup yields lies together, user_no is known last.
COPY_COLUMNS = (
    "event_id, ts, received_at, site_id, type, user_id, session_id, src, subject,"
    " is_bot, browser, os, device, path, utm_source, utm_medium, utm_campaign, utm_term, utm_content,"
    " referrer, source, ip, country, region, city, payload, user_no"
)


class Row(msgspec.Struct, gc=False):
    """One event on its way into the table. `line` is its COPY text up to, not including, user_no."""

    site_id: int
    event_id: str
    # The caller chose the id, so the same event may have been stored from another batch.
    given_id: bool
    user_id: str
    ts: str
    day: date
    line: str
    # Which batch of the chunk it came in, and where in that.
    batch: int
    position: int
    # What rollups/delta.py counts. Plain text, '' for none; the last four are runs of `line`'s columns, without the ip.
    kind: str
    subject: str
    session: str
    agent: str
    page: str
    referrer: str
    place: str


class LedgerRow(msgspec.Struct):
    """What became of one accepted batch."""

    entry_id: str
    received_at: datetime
    site_id: int
    received: int
    stored: int
    duplicate: int
    dead: int
    principal: str
    request_id: str


# The statistics of a partition that is minutes old know nothing, and would have the planner read all of it.
BY_INDEX = text("""
SET LOCAL enable_seqscan = off;
SET LOCAL enable_bitmapscan = off;
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off;
SET LOCAL enable_material = off;
SET LOCAL cpu_operator_cost = 1
""")


def plan_by_index(connection: Connection) -> None:
    """For the rest of the transaction: every look-up of this module goes through the index named at it."""
    connection.execute(BY_INDEX)


# The lock lets other drains pass and holds up a change of the zone, which is made under FOR UPDATE, until this
# transaction ends: a delta is in the zone that its site has when the delta becomes visible.
HOLD_SITES = text(
    "; ".join((BY_INDEX.text, "SELECT id, zone FROM sites WHERE id = ANY(:ids) ORDER BY id FOR KEY SHARE"))
)


def hold_sites(connection: Connection, site_ids: Sequence[int]) -> dict[int, str]:
    """Site id → zone, which stays until the transaction ends. Plans by index too, so that both are one round trip."""
    return {row.id: row.zone for row in connection.execute(HOLD_SITES, {"ids": list(site_ids)})}


# Served by pk_ingest_ledger; entry ids carry their time, so one or two partitions are read.
DONE_ENTRIES = text("""
SELECT entry_id
FROM ingest_ledger
WHERE entry_id = ANY(:entry_ids) AND received_at >= :earliest AND received_at <= :latest
""")


def stored_entries(connection: Connection, entry_ids: Sequence[str], earliest: datetime, latest: datetime) -> set[str]:
    """Those of `entry_ids` that an earlier transaction has stored."""
    found = connection.execute(DONE_ENTRIES, {"entry_ids": list(entry_ids), "earliest": earliest, "latest": latest})
    return set(found.scalars())


LOCK_SITES = text("""
SELECT site_id, next_user_no FROM user_numbers WHERE site_id = ANY(:ids) ORDER BY site_id FOR NO KEY UPDATE
""")
FIRST_NUMBERS = text("""
INSERT INTO user_numbers (site_id, next_user_no) SELECT id, 1 FROM sites WHERE id = ANY(:ids) ORDER BY id
ON CONFLICT DO NOTHING
""")


def lock_sites(connection: Connection, site_ids: Iterable[int]) -> dict[int, int]:
    """Site id → its next user_no. Locked in one order, so that two drains cannot wait for each other."""
    ids = sorted(set(site_ids))
    found = connection.execute(LOCK_SITES, {"ids": ids}).all()
    if len(found) < len(ids):
        connection.execute(FIRST_NUMBERS, {"ids": ids})
        found = connection.execute(LOCK_SITES, {"ids": ids}).all()
    return {row.site_id: row.next_user_no for row in found}


# An index-only scan of uq_events' first two columns in each partition of the window.
STORED_IDS = text("""
SELECT event_id
FROM events
WHERE site_id = :site_id AND event_id = ANY(CAST(:ids AS uuid[])) AND ts >= :start AND ts < :end
""")


def stored_ids(connection: Connection, site_id: int, rows: Sequence[Row]) -> set[str]:
    """Ids of `rows` that the site has stored already, at any ts within a day of theirs."""
    found: set[str] = set()
    for start, end, ids in windows((row.day, row.event_id) for row in rows):
        parameters = {"ids": ids, "site_id": site_id, "start": start, "end": end}
        found.update(str(event_id) for event_id in connection.execute(STORED_IDS, parameters).scalars())
    return found


def windows(found: Iterable[tuple[date, str]]) -> Iterable[tuple[date, date, str]]:
    """Of days and UUIDs: runs of neighbouring days with what they hold, each run widened by the resend window.

    The UUIDs are one text, PostgreSQL's of an array: thousands of them as constants take longer to plan than to find.
    """
    by_day: dict[date, list[str]] = {}
    for day, given_id in found:
        by_day.setdefault(day, []).append(given_id)
    margin, run = timedelta(days=RESEND_WINDOW_DAYS), []
    days = sorted(by_day)
    for day, following in zip(days, [*days[1:], None], strict=True):
        run.append(day)
        if following is None or following - day > margin:
            ids = "{" + ",".join(one for day in run for one in by_day[day]) + "}"
            yield run[0] - margin, run[-1] + margin + timedelta(days=1), ids
            run = []


# Served by pk_users; OFFSET 0 has it looked up for each id, whatever the planner thinks of a young table.
KNOWN_USERS = text("""
SELECT given.user_id, u.user_no
FROM unnest(CAST(:user_ids AS text[])) AS given(user_id)
CROSS JOIN LATERAL (SELECT user_no FROM users WHERE site_id = :site_id AND user_id = given.user_id OFFSET 0) AS u
""")
TAKE_NUMBERS = text("UPDATE user_numbers SET next_user_no = :next_user_no WHERE site_id = :site_id")


def known_users(connection: Connection, site_id: int, user_ids: Sequence[str]) -> dict[str, int]:
    """user_id → user_no of those that the site knows."""
    rows = connection.execute(KNOWN_USERS, {"site_id": site_id, "user_ids": list(user_ids)})
    return {row.user_id: row.user_no for row in rows}


def add_users(connection: Connection, site_id: int, next_user_no: int, first_seen: dict[str, str]) -> dict[str, int]:
    """Numbers new users densely from `next_user_no`; `first_seen` is user_id → ts. The site must be locked."""
    numbers = {user_id: next_user_no + n for n, user_id in enumerate(first_seen)}
    lines = (f"{site_id}\t{escape(user_id)}\t{numbers[user_id]}\t{ts}\n" for user_id, ts in first_seen.items())
    copy(connection, "COPY users (site_id, user_id, user_no, first_seen) FROM STDIN", lines)
    connection.execute(TAKE_NUMBERS, {"site_id": site_id, "next_user_no": next_user_no + len(numbers)})
    return numbers


def copy_events(connection: Connection, lines: Iterable[str]) -> None:
    """Appends events; each line is a Row's, with user_no. Raises DataError for a row that PostgreSQL refuses."""
    copy(connection, f"COPY events ({COPY_COLUMNS}) FROM STDIN", lines)


def write_ledger(connection: Connection, rows: Sequence[LedgerRow]) -> None:
    """One row a batch. A second drain of the same entry fails here, whole, and finds the entry done when it retries."""
    lines = (
        f"{row.entry_id}\t{row.received_at.isoformat()}\t{row.site_id}\t{row.received}\t{row.stored}\t{row.duplicate}"
        f"\t{row.dead}\t{escape(row.principal)}\t{escape(row.request_id)}\n"
        for row in rows
    )
    columns = "entry_id, received_at, site_id, received, stored, duplicate, dead, principal, request_id"
    copy(connection, f"COPY ingest_ledger ({columns}) FROM STDIN", lines)


# Every partition is read, or uq_events, which leads with the site. WITH, as what DELETE returns cannot be grouped.
DELETE_SITE = text("""
WITH deleted AS (
    DELETE FROM events
    WHERE site_id = :site_id
    RETURNING received_at
)
SELECT to_char(date_trunc('hour', received_at, 'UTC') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), count(*)
FROM deleted
GROUP BY 1
""")


def delete_events(connection: Connection, site_id: int) -> dict[str, int]:
    """Every event of the site: hour of receipt (RFC 3339) → how many."""
    return {row[0]: row[1] for row in connection.execute(DELETE_SITE, {"site_id": site_id})}


BURY = text("""
INSERT INTO dead_letters (entry_id, position, site_id, event_id, received_at, reason, detail, body)
VALUES (:entry_id, :position, :site_id, CAST(:event_id AS uuid), :received_at, :reason, :detail, :body)
ON CONFLICT (entry_id, position) DO NOTHING
""")


def bury(connection: Connection, letters: Sequence[dict[str, Any]]) -> None:
    """Writes dead letters; one that is there already stays as it is."""
    if letters:
        connection.execute(BURY, list(letters))


def copy(connection: Connection, statement: str, lines: Iterable[str]) -> None:
    copy_bytes(connection, statement, "".join(lines).encode())


def copy_bytes(connection: Connection, statement: str, data: bytes) -> None:
    """`data` in the format that the statement names."""
    cursor: Any = connection.connection.cursor()
    with cursor:
        cursor.copy_expert(statement, BytesIO(data), size=1 << 18)


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def escape(text: str) -> str:
    """`text` for COPY's text format."""
    return text.translate(_ESCAPES)


_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_CONTROLS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def unescape(column: str) -> str:
    """What a column of COPY's text format says; '' for NULL."""
    if "\\" not in column:
        return column
    return "" if column == "\\N" else _ESCAPED.sub(lambda found: _CONTROLS.get(found[1], found[1]), column)
