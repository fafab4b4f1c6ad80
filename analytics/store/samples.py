"""The only writer of raw samples, inside the caller's transaction. The drain and the sample routes call it.

A sample is identified as an event is (store/events.py, decision 0001): by (site, sample_id), looked up under the
site's lock; the unique key also holds ts, which a resend may change by up to a day.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal

import msgspec
from sqlalchemy import Connection, text

from analytics.store.copy.copy_text import copy_lines
from analytics.store.events import query_resends

COPY_COLUMNS = "sample_id, ts, received_at, site_id, name, value, kind, tags"


class SampleRow(msgspec.Struct, gc=False):
    """One sample to be stored; `line` is its COPY text."""

    site_id: int
    sample_id: str
    # The caller chose the id, so another batch may have stored the same sample.
    has_caller_id: bool
    name: str
    ts: datetime
    day: date
    value: Decimal
    kind: str
    # JSON with sorted names.
    tags: str
    line: str
    # Index of its batch in the chunk.
    batch: int


# An index-only scan of uq_samples' first two columns in each partition of the window.
FIND_STORED_SAMPLE_IDS = text("""
SELECT sample_id
FROM samples
WHERE site_id = :site_id AND sample_id = ANY(CAST(:ids AS uuid[])) AND ts >= :start AND ts < :end
""")


def find_stored_sample_ids(connection: Connection, site_id: int, rows: Iterable[SampleRow]) -> set[str]:
    """Ids of `rows` that the site has stored already, at any ts within a day of theirs."""
    return query_resends(connection, FIND_STORED_SAMPLE_IDS, site_id, ((row.day, row.sample_id) for row in rows))


def copy_samples(connection: Connection, rows: Sequence[SampleRow]) -> None:
    """Appends samples."""
    copy_lines(connection, f"COPY samples ({COPY_COLUMNS}) FROM STDIN", (row.line for row in rows))


# ix_samples_site_id_name_ts, in each partition. WITH, because RETURNING cannot be grouped.
DELETE_SAMPLES = text("""
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
    """Deletes every sample of the name: hour of receipt (RFC 3339) → how many."""
    rows = connection.execute(DELETE_SAMPLES, {"site_id": site_id, "name": name})
    return {row[0]: row[1] for row in rows}
