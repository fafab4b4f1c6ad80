"""A chunk: stream entries that one transaction stores, with their dead letters and ledger rows. Pure.

drain.py reads entries through it, chunk_writer.py writes what it builds.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
import zstandard

from analytics.ingest.buffer import Delivery
from analytics.ingest.drain.exported_rows import read_exported_rows
from analytics.ingest.drain.letter_bodies import encode_single_event
from analytics.ingest.drain.rows import read_event_rows
from analytics.ingest.drain.sample_rows import read_sample_rows
from analytics.ingest.enrich import GeoDatabase
from analytics.store.dead_letters import REFUSED, UNREADABLE, WHOLE_BATCH
from analytics.store.events import EventRow, LedgerRow
from analytics.store.samples import SampleRow


@dataclass
class Chunk:
    """Deliveries, the events and samples read from them, and the unreadable ones: index → error."""

    deliveries: list[Delivery]
    rows: list[EventRow] = field(default_factory=list)
    samples: list[SampleRow] = field(default_factory=list)
    unreadable: dict[int, str] = field(default_factory=dict)

    @property
    def site_ids(self) -> list[int]:
        """The sites of its entries, sorted."""
        return sorted({delivery.entry.site_id for delivery in self.deliveries if delivery.entry})


def read_chunk(deliveries: list[Delivery], geo: GeoDatabase | None, salt: bytes, anonymize: bool = False) -> Chunk:
    """The chunk with the rows of every readable entry."""
    chunk = Chunk(deliveries)
    for batch, delivery in enumerate(deliveries):
        if delivery.entry is None:
            chunk.unreadable[batch] = "the stream holds no entry of this service under the id"
            continue
        try:
            if delivery.entry.holds_samples:
                chunk.samples += read_sample_rows(delivery.entry, delivery.entry_id, batch)
            elif delivery.entry.holds_exported_rows:
                chunk.rows += read_exported_rows(delivery.entry, batch, salt, anonymize)
            else:
                chunk.rows += read_event_rows(delivery.entry, delivery.entry_id, batch, geo, salt, anonymize)
        except zstandard.ZstdError:
            chunk.unreadable[batch] = "the compressed body is damaged"
        except (msgspec.MsgspecError, ValueError):
            chunk.unreadable[batch] = "the body is not a JSON array of events or samples that this version can read"
    if chunk.unreadable:
        chunk.rows = [row for row in chunk.rows if row.batch not in chunk.unreadable]
        chunk.samples = [row for row in chunk.samples if row.batch not in chunk.unreadable]
    return chunk


def delivery_received_at(delivery: Delivery) -> datetime:
    if delivery.entry is not None:
        return delivery.entry.received_at
    # An entry's id begins with the milliseconds of its XADD.
    return datetime.fromtimestamp(int(delivery.entry_id.split("-")[0]) / 1e3, UTC)


def find_refused(chunk: Chunk, open_sites: Collection[int]) -> set[int]:
    """The batches whose site is deleted or being deleted: nothing of them is stored."""
    return {
        batch
        for batch, delivery in enumerate(chunk.deliveries)
        if delivery.entry and delivery.entry.site_id not in open_sites
    }


def build_dead_letters(
    chunk: Chunk, refused: Sequence[tuple[EventRow, str]], without: Collection[int] = ()
) -> list[dict[str, Any]]:
    """One for each unreadable batch, but those of `without`, and each row that PostgreSQL refused, with its error."""
    unreadable = [
        build_dead_letter(chunk.deliveries[batch], WHOLE_BATCH, None, UNREADABLE, detail, chunk.deliveries[batch].raw)
        for batch, detail in chunk.unreadable.items()
        if batch not in without
    ]
    return unreadable + [build_refused_letter(chunk.deliveries[row.batch], row, error) for row, error in refused]


def build_refused_letter(delivery: Delivery, row: EventRow, error: str) -> dict[str, Any]:
    """Holds an entry of the one event, as it was sent, so that a retry makes the row anew."""
    if delivery.entry is None:
        raise ValueError("an entry that cannot be decoded has no rows")
    body = encode_single_event(delivery.entry, row.position, row.event_id)
    return build_dead_letter(delivery, row.position, row.event_id, REFUSED, error, body)


def build_dead_letter(
    delivery: Delivery, position: int, event_id: str | None, reason: str, detail: str, body: bytes
) -> dict[str, Any]:
    return {
        "entry_id": delivery.entry_id,
        "position": position,
        "site_id": delivery.entry.site_id if delivery.entry else None,
        "event_id": event_id,
        "received_at": delivery_received_at(delivery),
        "reason": reason,
        "detail": detail[:1000].replace("\0", ""),
        "body": body,
    }


def build_ledger_rows(
    chunk: Chunk,
    skipped: Collection[int],
    duplicates: Sequence[EventRow | SampleRow],
    letters: Sequence[dict[str, Any]],
    refused: Collection[int] = (),
) -> list[LedgerRow]:
    """One row for each batch that no earlier transaction has stored. `refused`: batches of deleted sites."""
    repeats, dead_lettered = [0] * len(chunk.deliveries), [0] * len(chunk.deliveries)
    for row in duplicates:
        repeats[row.batch] += 1
    indexes = {delivery.entry_id: batch for batch, delivery in enumerate(chunk.deliveries)} if letters else {}
    for letter in letters:
        dead_lettered[indexes[letter["entry_id"]]] += letter["position"] >= 0
    rows = []
    for batch, delivery in enumerate(chunk.deliveries):
        entry = delivery.entry
        if batch in skipped:
            continue
        count = entry.count if entry else 0
        refused_count = count if batch in refused else 0
        lost = 0 if refused_count else count if batch in chunk.unreadable else dead_lettered[batch]
        rows.append(
            LedgerRow(
                delivery.entry_id, delivery_received_at(delivery), entry.site_id if entry else 0, count,
                count - repeats[batch] - lost - refused_count, repeats[batch], lost,
                entry.principal if entry else "", entry.request_id if entry else "", refused_count,
            )
        )  # fmt: skip
    return rows
