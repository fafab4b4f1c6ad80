"""A stream entry of samples → rows for COPY, and which of them are new. The drain calls both."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import Connection

from analytics.ingest.buffer import Entry
from analytics.ingest.ids import derived_id_parts
from analytics.ingest.samples import decode_points
from analytics.store.events import escape
from analytics.store.samples import SampleRow, stored_sample_ids

NULL = "\\N"


def read_sample_rows(entry: Entry, entry_id: str, batch: int) -> Iterator[SampleRow]:
    """The entry's rows in the order they were sent. Raises msgspec.MsgspecError when its body is not what we wrote."""
    received = datetime.fromtimestamp(entry.received_us / 1e6, UTC).isoformat()
    id_prefix, id_base = derived_id_parts(entry_id)
    for position, point in enumerate(decode_points(entry.json())):
        sample_id, ts = point.sample_id or f"{id_prefix}{id_base + position:012x}", point.ts
        line = (
            f"{sample_id}\t{ts.isoformat()}\t{received}\t{entry.site_id}\t{escape(point.name)}\t{point.value}"
            f"\t{point.kind or NULL}\t{escape(point.tags)}\n"
        )
        yield SampleRow(
            entry.site_id, sample_id, bool(point.sample_id), point.name, ts, ts.date(), Decimal(point.value),
            point.kind, point.tags, line, batch,
        )  # fmt: skip


def sift_samples(connection: Connection, rows: Sequence[SampleRow]) -> tuple[list[SampleRow], list[SampleRow]]:
    """(rows to store, duplicates). Their sites must be locked."""
    given: dict[int, list[SampleRow]] = {}
    for row in rows:
        if row.given_id:
            given.setdefault(row.site_id, []).append(row)
    seen = {site_id: stored_sample_ids(connection, site_id, mine) for site_id, mine in given.items()}
    keep, duplicates = [], []
    for row in rows:
        if row.given_id and row.sample_id in seen[row.site_id]:
            duplicates.append(row)
        else:
            keep.append(row)
            if row.given_id:
                seen[row.site_id].add(row.sample_id)
    return keep, duplicates
