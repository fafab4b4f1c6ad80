"""The raw export: which events, in which columns, as COPY statements that PostgreSQL turns into CSV.

One statement a partition that holds rows (a UTC day of it, where it is large) keeps the rows in order (ts, event_id)
with a small sort; all of them see one snapshot (store/reading.py).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from analytics.period import Period
from analytics.store.reading import CopyStream, Stored

# What a spreadsheet may take for a formula: these first (or after white space), plain or full-width. The code points
# of the first character are looked up before the pattern is run: it costs a tenth and settles almost every cell.
FORMULA = r"^[\s\u00a0\u200b\u3000\ufeff]*[-=+@\t\r\uff0d\uff1d\uff0b\uff20]"
FIRST_POINTS = [9, 10, 11, 12, 13, 32, 43, 45, 61, 64, 133, 160, 5760, *range(8192, 8204), 8232, 8233, 8239, 8287]
FIRST_POINTS += [12288, 65279, 65291, 65293, 65309, 65312]

TEXT_COLUMNS = {"type", "user_id", "session_id", "src", "subject", "path", "referrer", "source", "country", "region"}
TEXT_COLUMNS |= {"city", "browser", "os", "device"}
TEXT_COLUMNS |= {"utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "payload"}
INSTANTS = {"ts", "received_at"}
COLUMNS = (
    *("event_id", "ts", "received_at", "type", "user_id", "session_id", "src", "subject", "path", "referrer"),
    *("source", "country", "region", "city", "browser", "os", "device"),
    *("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "ip", "is_bot", "payload"),
)

HEADER = (",".join(COLUMNS) + "\n").encode()
# A statement costs 0.7 ms, so a small partition is not cut into days; sorting this much takes about a second.
CUT_FROM_BYTES = 64 << 20


def _cell(column: str) -> str:
    """The SQL of one column; built from the constants above alone."""
    if column in INSTANTS:
        return f"""to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS {column}"""
    if column == "is_bot":
        return "CAST(is_bot AS text) AS is_bot"
    if column not in TEXT_COLUMNS:
        return column
    value = f"CAST({column} AS text)" if column == "payload" else column
    risky = f"ascii({value}) = ANY(%(first_points)s) AND {value} ~ %(formula)s"
    return f"CASE WHEN {risky} THEN '''' || {value} ELSE {value} END AS {column}"


# Served by partition pruning on ts and ix_events_ts (BRIN) where a slice is less than a partition.
COPY_EVENTS = f"""
COPY (
    SELECT {", ".join(_cell(column) for column in COLUMNS)}
    FROM events
    WHERE site_id = %(site_id)s
      AND events.ts >= %(start)s
      AND events.ts < %(end)s
      AND (%(types)s::text[] IS NULL OR type = ANY(%(types)s::text[]))
      AND (%(user_id)s::text IS NULL OR user_id = %(user_id)s)
      AND (%(include_bots)s OR NOT is_bot)
    ORDER BY events.ts, events.event_id
) TO STDOUT WITH (FORMAT csv)
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events: those of the site in the period, narrowed by type (any of) and user; None: no such filter."""

    site_id: int
    period: Period
    types: list[str] | None = None
    user_id: str | None = None
    include_bots: bool = True


def stream_csv(engine: Engine, wanted: Wanted, stored: Iterable[Stored]) -> CopyStream:
    """RFC 4180 with a header, ordered by ts and event_id; instants in UTC; an absent value is an empty cell without
    quotes. A cell that a spreadsheet could run begins with an apostrophe. The caller closes the stream."""
    return CopyStream(engine, HEADER, _statements(wanted, stored))


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


def _statements(wanted: Wanted, stored: Iterable[Stored]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    shared = {
        "site_id": wanted.site_id,
        "types": wanted.types or None,
        "user_id": wanted.user_id,
        "include_bots": wanted.include_bots,
        "first_points": FIRST_POINTS,
        "formula": FORMULA,
    }
    for start, end in slices(wanted.period, stored):
        yield COPY_EVENTS, {**shared, "start": start, "end": end}


def file_name(site_key: str, period: Period) -> str:
    """`events-<site>-<first day>-<last day>.csv`, safe in a header and in a file system."""
    safe = "".join(char if char.isascii() and (char.isalnum() or char in "._-") else "_" for char in site_key)
    return f"events-{safe[:80]}-{period.first_date}-{period.last_date}.csv"
