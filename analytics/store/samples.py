"""The only writer of raw samples; each function works inside the caller's transaction.

A sample is identified as an event is (store/events.py, decision 0001): by (site, sample_id), looked up while the site's
row is locked; the unique key also holds ts, which a resend may change by up to a day.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal

import msgspec
from sqlalchemy import Connection, text

from analytics.store.events import copy, windows

COPY_COLUMNS = "sample_id, ts, received_at, site_id, name, value, kind, tags"


class SampleRow(msgspec.Struct, gc=False):
    """One sample on its way into the table; `line` is its COPY text."""

    site_id: int
    sample_id: str
    # The caller chose the id, so the same sample may have been stored from another batch.
    given_id: bool
    name: str
    ts: datetime
    day: date
    value: Decimal
    kind: str
    # JSON, its names in order.
    tags: str
    line: str
    # Which batch of the chunk it came in.
    batch: int


# An index-only scan of uq_samples' first two columns in each partition of the window.
STORED_IDS = text("""
SELECT sample_id
FROM samples
WHERE site_id = :site_id AND sample_id = ANY(CAST(:ids AS uuid[])) AND ts >= :start AND ts < :end
""")


def stored_sample_ids(connection: Connection, site_id: int, rows: Iterable[SampleRow]) -> set[str]:
    """Ids of `rows` that the site has stored already, at any ts within a day of theirs."""
    found: set[str] = set()
    for start, end, ids in windows((row.day, row.sample_id) for row in rows):
        parameters = {"ids": ids, "site_id": site_id, "start": start, "end": end}
        found.update(str(sample_id) for sample_id in connection.execute(STORED_IDS, parameters).scalars())
    return found


def copy_samples(connection: Connection, rows: Sequence[SampleRow]) -> None:
    """Appends samples."""
    copy(connection, f"COPY samples ({COPY_COLUMNS}) FROM STDIN", (row.line for row in rows))


# ix_samples_site_id_name_ts, in each partition. WITH, as what DELETE returns cannot be grouped.
DELETE_NAME = text("""
WITH deleted AS (
    DELETE FROM samples
    WHERE site_id = :site_id AND name = :name
    RETURNING received_at
)
SELECT to_char(date_trunc('hour', received_at, 'UTC') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), count(*)
FROM deleted
GROUP BY 1
""")


def delete_samples(connection: Connection, site_id: int, name: str) -> dict[str, int]:
    """Every sample of the name: hour of receipt (RFC 3339) → how many."""
    found = connection.execute(DELETE_NAME, {"site_id": site_id, "name": name})
    return {row[0]: row[1] for row in found}
