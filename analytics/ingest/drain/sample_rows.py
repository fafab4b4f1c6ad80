"""A stream entry of samples → rows for COPY, and which of them are new. chunk.py and chunk_writer.py call it.

It reads the stored ids of samples, and writes nothing.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from sqlalchemy import Connection

from analytics.ingest.buffer import Entry
from analytics.ingest.ids import derive_id_parts, keyed_ids
from analytics.ingest.samples.samples import decode_stream_samples
from analytics.store.copy.copy_text import NULL, escape_copy
from analytics.store.samples import SampleRow, find_stored_sample_ids


def read_sample_rows(entry: Entry, entry_id: str, batch_index: int) -> Iterator[SampleRow]:
    """The entry's rows in the order they were sent. Raises msgspec.MsgspecError when its body is not what we wrote."""
    received = entry.received_at.isoformat()
    id_prefix, id_base = derive_id_parts(entry_id)
    derive_id = keyed_ids(entry.identity_key, entry.batch_key) if entry.batch_key else None
    for position, sample in enumerate(decode_stream_samples(entry.decode_body())):
        sample_id, ts = sample.sample_id, sample.ts
        may_be_stored = bool(sample_id) or derive_id is not None
        if not sample_id and derive_id is not None:
            sample_id = derive_id(entry.index_as_sent(position))
        sample_id = sample_id or f"{id_prefix}{id_base + position:012x}"
        line = (
            f"{sample_id}\t{ts.isoformat()}\t{received}\t{entry.site_id}\t{escape_copy(sample.name)}\t{sample.value}"
            f"\t{sample.kind or NULL}\t{escape_copy(sample.tags)}\n"
        )
        yield SampleRow(
            entry.site_id, sample_id, may_be_stored, sample.name, ts, ts.date(), Decimal(sample.value),
            sample.kind, sample.tags, line, batch_index,
        )  # fmt: skip


def split_duplicate_samples(
    connection: Connection, rows: Sequence[SampleRow]
) -> tuple[list[SampleRow], list[SampleRow]]:
    """(rows to store, duplicates). Their sites must be locked."""
    with_caller_id: dict[int, list[SampleRow]] = {}
    for row in rows:
        if row.has_caller_id:
            with_caller_id.setdefault(row.site_id, []).append(row)
    seen = {
        site_id: find_stored_sample_ids(connection, site_id, site_rows) for site_id, site_rows in with_caller_id.items()
    }
    new, duplicates = [], []
    for row in rows:
        if row.has_caller_id and row.sample_id in seen[row.site_id]:
            duplicates.append(row)
        else:
            new.append(row)
            if row.has_caller_id:
                seen[row.site_id].add(row.sample_id)
    return new, duplicates
