"""The raw export: which events, in which columns, as COPY statements. Direct downloads and export jobs use it.

One statement for each partition with rows (for each UTC day of a large one) keeps the rows in the order of
store/event_queries.py with a small sort; all statements see one snapshot (store/reading.py).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from analytics.files.columns import FORMULA_PARAMETERS, Column, copy_statement
from analytics.period import Period
from analytics.store.copy.copy_stream import CopyStream
from analytics.store.event_queries import ORDER_COLUMNS
from analytics.store.partitions import StoredPartition

COLUMN_TYPES = {"event_id": "identifier", "ts": "timestamp", "received_at": "timestamp", "ip": "identifier"}
COLUMN_TYPES |= {"is_bot": "boolean", "payload": "json"}
COLUMN_NAMES = (
    *("event_id", "ts", "received_at", "type", "user_id", "session_id", "src", "subject", "path", "referrer"),
    *("source", "country", "region", "city", "browser", "os", "device"),
    *("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "ip", "is_bot", "payload"),
    *("hostname", "language", "screen", "channel"),
)
EVENT_COLUMNS = tuple(Column(name, COLUMN_TYPES.get(name, "text")) for name in COLUMN_NAMES)

CSV_HEADER = (",".join(COLUMN_NAMES) + "\n").encode()
# A statement costs 0.7 ms, so a small partition is not split into days; sorting this much takes about a second.
SPLIT_FROM_BYTES = 64 << 20

BoundStatement = tuple[str, Mapping[str, Any]]


# Served by partition pruning on ts, and by ix_events_ts (BRIN) within a partition.
EVENT_CONDITIONS = """
    FROM events
    WHERE site_id = %(site_id)s
      AND events.ts >= %(start)s
      AND events.ts < %(end)s
      AND (%(types)s::text[] IS NULL OR type = ANY(%(types)s::text[]))
      AND (%(user_ids)s::text[] IS NULL OR user_id = ANY(%(user_ids)s::text[]))
      AND (%(include_bots)s OR NOT is_bot)
      AND (%(received_from)s::timestamptz IS NULL OR events.received_at >= %(received_from)s)
      AND (%(received_before)s::timestamptz IS NULL OR events.received_at < %(received_before)s)
"""
SELECTED_EVENTS = f"{EVENT_CONDITIONS} ORDER BY {', '.join(f'events.{name}' for name in ORDER_COLUMNS)}"


@dataclass(frozen=True, slots=True)
class RawEventSelection:
    """The site's events in the period, filtered by type and user (any of) and time of receipt (`[from, before)`); None:
    no such filter."""

    site_id: int
    period: Period
    types: Sequence[str] | None = None
    user_ids: Sequence[str] | None = None
    include_bots: bool = True
    received_from: datetime | None = None
    received_before: datetime | None = None


def stream_csv(engine: Engine, selection: RawEventSelection, partitions: Iterable[StoredPartition]) -> CopyStream:
    """RFC 4180 with a header, ordered by ts and receipt; instants in UTC; a missing value is an empty cell without
    quotes. A cell that looks like a formula begins with an apostrophe. The caller closes the stream."""
    return CopyStream(engine, CSV_HEADER, copy_statements(selection, partitions, EVENT_COLUMNS, "csv"))


def stored_period(partitions: Iterable[StoredPartition], default: Period) -> Period:
    """All stored events, imported history included, in the zone of `default`; `default` when nothing is stored."""
    stored = list(partitions)
    return Period(stored[0].start, stored[-1].end, default.zone) if stored else default


def split_by_partition(period: Period, partitions: Iterable[StoredPartition]) -> Iterator[tuple[datetime, datetime]]:
    """The stored parts of the period in order of time, one for each statement."""
    for partition in partitions:
        start, end = max(partition.start, period.start), min(partition.end, period.end)
        step = timedelta(days=1) if partition.bytes >= SPLIT_FROM_BYTES else end - start
        while start < end:
            yield start, min(start + step, end)
            start += step


def copy_statements(
    selection: RawEventSelection,
    partitions: Iterable[StoredPartition],
    columns: Sequence[Column],
    file_format: str,
    zone: str = "UTC",
) -> Iterator[BoundStatement]:
    """COPY statements for a file of that format, in order; CopyStream runs them in columns.session_zone."""
    statement = copy_statement(columns, file_format, zone, SELECTED_EVENTS)
    parameters = bind_parameters(selection) | FORMULA_PARAMETERS
    for start, end in split_by_partition(selection.period, partitions):
        yield statement, {**parameters, "start": start, "end": end}


def bind_parameters(selection: RawEventSelection) -> dict[str, Any]:
    """The parameters of SELECTED_EVENTS, without the start and the end."""
    return {
        "site_id": selection.site_id,
        "types": list(selection.types) if selection.types else None,
        "user_ids": list(selection.user_ids) if selection.user_ids else None,
        "include_bots": selection.include_bots,
        "received_from": selection.received_from,
        "received_before": selection.received_before,
    }
