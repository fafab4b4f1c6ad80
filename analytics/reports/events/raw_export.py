"""The raw export: which events, in which columns, as COPY statements. Exports as jobs share them.

One statement a partition that holds rows (a UTC day of it, where it is large) keeps the rows in order (ts, event_id)
with a small sort; all of them see one snapshot (store/reading.py).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from analytics.columns import BOUND, Column, copy_statement
from analytics.period import Period
from analytics.store.reading import CopyStream, Stored

TYPES = {"event_id": "plain", "ts": "instant", "received_at": "instant", "ip": "plain", "is_bot": "flag"}
TYPES |= {"payload": "json"}
COLUMNS = (
    *("event_id", "ts", "received_at", "type", "user_id", "session_id", "src", "subject", "path", "referrer"),
    *("source", "country", "region", "city", "browser", "os", "device"),
    *("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "ip", "is_bot", "payload"),
)
EVENT_COLUMNS = tuple(Column(name, TYPES.get(name, "text")) for name in COLUMNS)

HEADER = (",".join(COLUMNS) + "\n").encode()
# A statement costs 0.7 ms, so a small partition is not cut into days; sorting this much takes about a second.
CUT_FROM_BYTES = 64 << 20

Statement = tuple[str, Mapping[str, Any]]


# Served by partition pruning on ts and ix_events_ts (BRIN) where a slice is less than a partition.
WANTED = """
    FROM events
    WHERE site_id = %(site_id)s
      AND events.ts >= %(start)s
      AND events.ts < %(end)s
      AND (%(types)s::text[] IS NULL OR type = ANY(%(types)s::text[]))
      AND (%(user_id)s::text IS NULL OR user_id = %(user_id)s)
      AND (%(include_bots)s OR NOT is_bot)
      AND (%(received_from)s::timestamptz IS NULL OR events.received_at >= %(received_from)s)
      AND (%(received_before)s::timestamptz IS NULL OR events.received_at < %(received_before)s)
    ORDER BY events.ts, events.event_id
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events: those of the site in the period, narrowed by type (any of), user and when they were received
    (`[from, before)`); None: no such filter."""

    site_id: int
    period: Period
    types: Sequence[str] | None = None
    user_id: str | None = None
    include_bots: bool = True
    received_from: datetime | None = None
    received_before: datetime | None = None


def stream_csv(engine: Engine, wanted: Wanted, stored: Iterable[Stored]) -> CopyStream:
    """RFC 4180 with a header, ordered by ts and event_id; instants in UTC; an absent value is an empty cell without
    quotes. A cell that a spreadsheet could run begins with an apostrophe. The caller closes the stream."""
    return CopyStream(engine, HEADER, statements(wanted, stored, EVENT_COLUMNS, "csv"))


def everything(stored: Iterable[Stored], otherwise: Period) -> Period:
    """All that is stored, imported history too, in `otherwise`'s zone; `otherwise` when nothing is."""
    found = list(stored)
    return Period(found[0].start, found[-1].end, otherwise.zone) if found else otherwise


def slices(period: Period, stored: Iterable[Stored]) -> Iterator[tuple[datetime, datetime]]:
    """What `stored` holds of the period, in order of time: a statement for each."""
    for partition in stored:
        start, end = max(partition.start, period.start), min(partition.end, period.end)
        step = timedelta(days=1) if partition.bytes >= CUT_FROM_BYTES else end - start
        while start < end:
            yield start, min(start + step, end)
            start += step


def statements(
    wanted: Wanted, stored: Iterable[Stored], columns: Sequence[Column], form: str, zone: str = "UTC"
) -> Iterator[Statement]:
    """COPYs of the events for a file of that format, in order; CopyStream runs them in `session_zone`."""
    statement, shared = copy_statement(columns, form, zone, WANTED), bound(wanted) | BOUND
    for start, end in slices(wanted.period, stored):
        yield statement, {**shared, "start": start, "end": end}


def bound(wanted: Wanted) -> dict[str, Any]:
    """What WANTED asks for, but for the start and the end."""
    return {
        "site_id": wanted.site_id,
        "types": list(wanted.types) if wanted.types else None,
        "user_id": wanted.user_id,
        "include_bots": wanted.include_bots,
        "received_from": wanted.received_from,
        "received_before": wanted.received_before,
    }


def file_name(site_key: str, period: Period, suffix: str = "csv") -> str:
    """`events-<site>-<first day>-<last day>.csv`, safe in a header and in a file system."""
    safe = "".join(char if char.isascii() and (char.isalnum() or char in "._-") else "_" for char in site_key)
    return f"events-{safe[:80]}-{period.first_date}-{period.last_date}.{suffix}"
