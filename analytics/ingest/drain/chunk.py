"""A chunk: entries of the stream on their way through one transaction, and what the ledger says of them. Pure.

The drain (pipeline.py) has its entries read here, stores the rows, and asks what dead letters and ledger rows to write.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
import zstandard

from analytics.ingest.buffer import Delivery
from analytics.ingest.enrich import GeoDatabase
from analytics.ingest.rows import read_rows
from analytics.ingest.sample_rows import read_sample_rows
from analytics.store.events import LedgerRow, Row
from analytics.store.samples import SampleRow


@dataclass
class Chunk:
    """Deliveries, the events and samples that were read from them, and by batch why one could not be read."""

    deliveries: list[Delivery]
    rows: list[Row] = field(default_factory=list)
    samples: list[SampleRow] = field(default_factory=list)
    unreadable: dict[int, str] = field(default_factory=dict)

    @property
    def site_ids(self) -> list[int]:
        """The sites of its rows, in order."""
        return sorted({delivery.entry.site_id for delivery in self.deliveries if delivery.entry})


def read_chunk(deliveries: list[Delivery], geo: GeoDatabase | None, salt: bytes, anonymize: bool = False) -> Chunk:
    """The rows of all entries that can be read."""
    chunk = Chunk(deliveries)
    for batch, delivery in enumerate(deliveries):
        try:
            if delivery.entry is None:
                raise ValueError("not an entry of this service")
            if delivery.entry.samples:
                chunk.samples += read_sample_rows(delivery.entry, delivery.entry_id, batch)
            else:
                chunk.rows += read_rows(delivery.entry, delivery.entry_id, batch, geo, salt, anonymize)
        except (msgspec.MsgspecError, zstandard.ZstdError, ValueError) as error:
            chunk.unreadable[batch] = str(error)
    if chunk.unreadable:
        chunk.rows = [row for row in chunk.rows if row.batch not in chunk.unreadable]
        chunk.samples = [row for row in chunk.samples if row.batch not in chunk.unreadable]
    return chunk


def received_at(delivery: Delivery) -> datetime:
    if delivery.entry is not None:
        return datetime.fromtimestamp(delivery.entry.received_us / 1e6, UTC)
    return datetime.fromtimestamp(int(delivery.entry_id.split("-")[0]) / 1e3, UTC)


def dead_letters(chunk: Chunk, rows: Sequence[Row], refused: Mapping[int, str]) -> list[dict[str, Any]]:
    """One for each batch that cannot be read and each of `rows` that PostgreSQL refused (its place → why)."""
    unreadable = [
        dead_letter(chunk.deliveries[batch], -1, None, "unreadable", detail, chunk.deliveries[batch].raw)
        for batch, detail in chunk.unreadable.items()
    ]
    return unreadable + [
        dead_letter(chunk.deliveries[row.batch], row.position, row.event_id, "refused", why, row.line.encode())
        for row, why in ((rows[place], why) for place, why in refused.items())
    ]


def dead_letter(
    delivery: Delivery, position: int, event_id: str | None, reason: str, detail: str, body: bytes
) -> dict[str, Any]:
    return {
        "entry_id": delivery.entry_id,
        "position": position,
        "site_id": delivery.entry.site_id if delivery.entry else None,
        "event_id": event_id,
        "received_at": received_at(delivery),
        "reason": reason,
        "detail": detail[:1000].replace("\0", ""),
        "body": body,
    }


def ledger_rows(
    chunk: Chunk, skipped: set[int], duplicates: Sequence[Row | SampleRow], letters: Sequence[dict[str, Any]]
) -> list[LedgerRow]:
    """One row for each batch of the chunk that was not stored before."""
    repeats, dead = [0] * len(chunk.deliveries), [0] * len(chunk.deliveries)
    for row in duplicates:
        repeats[row.batch] += 1
    places = {delivery.entry_id: batch for batch, delivery in enumerate(chunk.deliveries)} if letters else {}
    for letter in letters:
        dead[places[letter["entry_id"]]] += letter["position"] >= 0
    rows = []
    for batch, delivery in enumerate(chunk.deliveries):
        entry = delivery.entry
        if batch in skipped:
            continue
        count = entry.count if entry else 0
        lost = count if batch in chunk.unreadable else dead[batch]
        rows.append(
            LedgerRow(
                delivery.entry_id, received_at(delivery), entry.site_id if entry else 0, count,
                count - repeats[batch] - lost, repeats[batch], lost,
                entry.principal if entry else "", entry.request_id if entry else "",
            )
        )  # fmt: skip
    return rows
