"""The live tail's reading: which events of a site became visible since a mark, each once, none left out. SELECT only.

Drains commit side by side, so neither ids nor times say what a reader has seen: an entry with an earlier id may become
visible later. A PostgreSQL snapshot does say it. A mark is the snapshot of the last look, and what is new is what was
not visible in it and is now, told by the ledger row that each batch leaves with its events, in one transaction.

Shown are events received within the last day whose ts is at most a day before that: no history that is imported.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, text

from analytics.errors import BadInput, Problem
from analytics.reports.by_time import plan_by_time
from analytics.reports.question import utc

# So far back a stream may resume.
KEPT = timedelta(hours=1)
# The ledger's row is the last that a drain writes: its stored_at is this much older, at most, than the commit.
COMMIT_WITHIN = timedelta(minutes=1)
LATE = timedelta(days=1)
AHEAD = timedelta(hours=2)
# Batches are read together up to so many events.
PAGE_EVENTS = 2000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_ID = 4096
# Behind every event of its batch.
LAST = "f" * 32

SNAPSHOT = r"\d{1,18}:\d{1,18}:(?:\d{1,18}(?:,\d{1,18})*)?"
MARK = re.compile(rf"(\d{{1,16}})_({SNAPSHOT})(?:_({SNAPSHOT})_(\d{{1,16}})_([0-9a-f]{{32}}))?")


class Mark(NamedTuple):
    """What a stream has shown: all that is visible in `seen`, the snapshot of the instant `at`; and of what is in
    `upto` besides, the events up to this key."""

    at: datetime
    seen: str
    upto: str = ""
    received_at: datetime = EPOCH
    event_id: str = ""

    def __str__(self) -> str:
        done = f"{_microseconds(self.at)}_{self.seen}"
        return f"{done}_{self.upto}_{_microseconds(self.received_at)}_{self.event_id}" if self.upto else done


class Shown(NamedTuple):
    """An event, and its block in the stream."""

    type: str
    is_bot: bool
    block: bytes


class Page(NamedTuple):
    """Events in the order of their receipt; the mark after them; whether there are more."""

    events: list[Shown]
    mark: Mark
    more: bool


def read_mark(last_event_id: str) -> Mark:
    """Of the id of an event that was streamed. Raises BadInput for what never was one."""
    found = MARK.fullmatch(last_event_id) if len(last_event_id) <= MOST_ID else None
    if not found or not all(_is_snapshot(one) for one in found.group(2, 3) if one):
        detail = "Last-Event-ID: not the id of an event of this stream; leave it out to begin now"
        raise BadInput(detail, [Problem(None, "Last-Event-ID", "bad_header", detail)])
    at, seen, upto, received, event_id = found.groups()
    return Mark(_instant(at), seen, upto or "", _instant(received or "0"), event_id or "")


def _is_snapshot(written: str) -> bool:
    """As PostgreSQL reads one: xmin <= each of the list, in order, < xmax."""
    low, high, between = written.split(":")
    running = [int(one) for one in between.split(",") if one]
    return 0 < int(low) <= int(high) and running == sorted(running) and all(int(low) <= n < int(high) for n in running)


# Of a REPEATABLE READ transaction, for which it stays the same.
NOW = text("SELECT clock_timestamp(), CAST(pg_current_snapshot() AS text)")


def mark_now(connection: Connection) -> Mark:
    """All that is visible to this transaction."""
    at, seen = connection.execute(NOW).one()
    return Mark(at, seen)


def is_kept(mark: Mark, now: Mark) -> bool:
    """A stream can resume there. A mark of a later transaction than there is comes from another database."""
    return mark.at >= now.at - KEPT and _top(mark.upto or mark.seen) <= _top(now.seen)


# A row's xmin has 32 bits; the upper ones are those of the last transaction, or one less.
XID = """
CAST(CAST(:top - ((:top - CAST(CAST({row}.xmin AS text) AS bigint)) & 4294967295) AS text) AS xid8)
"""
# ix_ingest_ledger_stored_at (BRIN), of the few partitions of a day.
BATCHES = text(f"""
SELECT l.received_at, sum(l.stored)
FROM ingest_ledger l
WHERE l.site_id = :site_id AND l.stored > 0
    AND l.stored_at >= :since AND l.received_at >= :received_since
    AND NOT pg_visible_in_snapshot({XID.format(row="l")}, CAST(:seen AS pg_snapshot))
    AND pg_visible_in_snapshot({XID.format(row="l")}, CAST(:upto AS pg_snapshot))
GROUP BY l.received_at
ORDER BY l.received_at
""")  # noqa: S608  # of constants
# ix_events_ts (BRIN), whose second column received_at is; of the few partitions of a day. The last conditions tell the
# events of two batches apart that were received in one microsecond. They miss an event that was written anew, which is
# one whose address was masked, where a stream broke off within a page and ANONYMIZE_IPS_AFTER_DAYS is 0.
EVENTS = text(f"""
SELECT e.received_at, e.event_id, e.ts, e.type, e.user_id, e.session_id, e.subject, e.path, e.referrer, e.source,
    e.country, e.browser, e.os, e.device, e.is_bot, e.payload
FROM events e
WHERE e.site_id + 0 = :site_id AND e.ts >= :ts_since AND e.ts <= :ts_until
    AND e.received_at >= :first AND e.received_at <= :last AND e.received_at = ANY(:times)
    AND NOT pg_visible_in_snapshot({XID.format(row="e")}, CAST(:seen AS pg_snapshot))
    AND pg_visible_in_snapshot({XID.format(row="e")}, CAST(:upto AS pg_snapshot))
ORDER BY e.received_at, e.event_id
""")  # noqa: S608  # of constants


def read_page(connection: Connection, site_id: int, mark: Mark, now: Mark) -> Page:
    """What the site got after `mark`, up to `now`, this transaction's own; about PAGE_EVENTS of it at most.

    Two queries, one where nothing is new: O(batches since the mark, a minute at least), O(events of the page).
    """
    plan_by_time(connection)
    whole = Mark(now.at, now.seen) if mark.upto in ("", now.seen) else Mark(mark.at, mark.upto)
    given = {"site_id": site_id, "top": _top(now.seen), "seen": mark.seen, "upto": whole.seen}
    first = mark.received_at + (timedelta.resolution if mark.event_id == LAST else timedelta())
    since = {"since": mark.at - COMMIT_WITHIN, "received_since": max(first, now.at - LATE)}
    found = connection.execute(BATCHES, {**given, **since}).all()
    times = _first_page([(at, int(stored)) for at, stored in found])
    is_behind = whole.seen != now.seen
    if not times:
        return Page([], whole, is_behind)
    between = {"first": times[0], "last": times[-1], "ts_since": times[0] - LATE, "ts_until": times[-1] + AHEAD}
    rows = connection.execute(EVENTS, {**given, **between, "times": times}).mappings().all()
    new = [row for row in rows if (row["received_at"], row["event_id"].hex) > (mark.received_at, mark.event_id)]
    more = len(times) < len(found)
    marks = [
        mark._replace(upto=whole.seen, received_at=row["received_at"], event_id=row["event_id"].hex) for row in new
    ]
    after = mark._replace(upto=whole.seen, received_at=times[-1], event_id=LAST) if more else whole
    shown = [_show(row, one) for row, one in zip(new, [*marks[:-1], after], strict=bool(new))]
    return Page(shown, after, more or is_behind)


def _first_page(batches: Sequence[tuple[datetime, int]]) -> list[datetime]:
    """When the first of them were received: so many as fill a page."""
    times, events = list[datetime](), 0
    for received_at, stored in batches:
        if times and events + stored > PAGE_EVENTS:
            break
        times.append(received_at)
        events += stored
    return times


def _show(row: Any, mark: Mark) -> Shown:
    """The name is fixed, as clients listen for names: a type `error` would be taken for the connection's."""
    data = {name: value for name, value in row.items() if value is not None}
    payload = data.pop("payload", {})
    data |= {"event_id": f"event_{row['event_id']}", "ts": utc(row["ts"]), "received_at": utc(row["received_at"])}
    body = msgspec.json.encode({**data, "properties": payload})
    return Shown(row["type"], row["is_bot"], b"id: %b\nevent: event\ndata: %b\n\n" % (str(mark).encode(), body))


def _top(snapshot: str) -> int:
    return int(snapshot.split(":")[1])


def _microseconds(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)


def _instant(microseconds: str) -> datetime:
    return EPOCH + timedelta(microseconds=int(microseconds))
