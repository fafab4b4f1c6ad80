"""Writes one portion of retried dead letters inside the transaction of retry.py: rows, deltas, ledger and letters.

It opens no transaction. What is stored, or was before, moves in the ledger from dead-lettered to stored or duplicate
and its letter is deleted; what is refused again keeps its letter, or gets one of its own in place of its batch's.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from sqlalchemy import Connection

from analytics.ingest.buffer import Delivery, Entry
from analytics.ingest.drain.chunk import Chunk, build_refused_letter
from analytics.ingest.drain.chunk_writer import StoredRows, store_rows
from analytics.ingest.drain.user_cache import UserNumberCache
from analytics.store import dead_letters as store
from analytics.store.dead_letters import NO_SITE, REFUSED, UNREADABLE, WHOLE_BATCH, DeadLetter, Death, Revival
from analytics.store.events import EventRow, lock_site_zones
from analytics.store.samples import SampleRow

SITE_IS_GONE = (NO_SITE, "its site was deleted")


@dataclass
class RetryResult:
    """Letters that were retried; of their events how many were stored, duplicate, or dead-lettered again; and letters
    that were gone: retried or discarded by somebody else."""

    letters: int = 0
    stored: int = 0
    duplicate: int = 0
    dead_lettered: int = 0
    gone: int = 0

    def add(self, other: "RetryResult") -> None:
        """Adds each number."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


class _Outcome(NamedTuple):
    """What the transaction changes besides rows: letters that go, stay, or take the place of one; and the ledger."""

    done: list[int]
    deaths: list[Death]
    successors: list[dict[str, Any]]
    revivals: list[Revival]


def write_retry(connection: Connection, letters: Sequence[DeadLetter], chunk: Chunk) -> RetryResult:
    """Everything that a retry changes. `chunk` has a delivery for each letter, at its index.

    The order of locks is that of a drain, and of those who delete a site: ledger, sites, letters.
    """
    rows: list[EventRow | SampleRow] = [*chunk.rows, *chunk.samples]
    store.lock_ledger(connection)
    zones = lock_site_zones(connection, sorted({row.site_id for row in rows}))
    locked = store.lock_dead_letters(connection, [letter.id for letter in letters])
    gone = {batch for batch, letter in enumerate(letters) if letter.id not in locked}
    homeless = {row.batch for row in rows if row.site_id not in zones}
    reasons = {batch: (UNREADABLE, detail) for batch, detail in chunk.unreadable.items()}
    reasons |= dict.fromkeys(homeless, SITE_IS_GONE)
    skipped = gone | reasons.keys()
    _adopt(connection, letters, chunk.deliveries, skipped)
    stored = store_rows(connection, chunk, zones, skipped, UserNumberCache())
    outcome = _settle(letters, chunk, stored, skipped)
    deaths = [Death(letters[batch].id, *why) for batch, why in reasons.items() if batch not in gone] + outcome.deaths
    store.delete_dead_letters(connection, outcome.done)
    store.record_deaths(connection, deaths)
    store.write_dead_letters(connection, outcome.successors)
    store.revive_in_ledger(connection, outcome.revivals)
    return RetryResult(
        letters=len(locked),
        stored=sum(one.stored for one in outcome.revivals),
        duplicate=sum(one.duplicate for one in outcome.revivals),
        dead_lettered=_count_dead(chunk, reasons.keys() - gone) + len(stored.refused),
        gone=len(gone),
    )


def _settle(letters: Sequence[DeadLetter], chunk: Chunk, stored: StoredRows, skipped: Collection[int]) -> _Outcome:
    """What becomes of each letter that is not skipped, by what became of its rows."""
    repeats = Counter(row.batch for row in stored.duplicates)
    refused = defaultdict[int, list[tuple[EventRow, str]]](list)
    for row, error in stored.refused:
        refused[row.batch].append((row, error))
    outcome = _Outcome([], [], [], [])
    for batch, letter in enumerate(letters):
        if batch in skipped:
            continue
        delivery, dead = chunk.deliveries[batch], refused[batch]
        if dead and letter.position != WHOLE_BATCH:
            outcome.deaths.append(Death(letter.id, REFUSED, dead[0][1]))
            continue
        outcome.done.append(letter.id)
        outcome.successors.extend(_build_successor(letter, delivery, row, error) for row, error in dead)
        new = _count(delivery) - repeats[batch] - len(dead)
        outcome.revivals.append(_build_revival(letter, delivery, new, repeats[batch]))
    return outcome._replace(revivals=_sum_by_batch(outcome.revivals))


def _build_successor(letter: DeadLetter, delivery: Delivery, row: EventRow, error: str) -> dict[str, Any]:
    """The letter of one event, in place of its batch's: as old, so that no address is kept for longer."""
    history = {"dead_lettered_at": letter.dead_lettered_at, "retries": letter.retries + 1}
    return build_refused_letter(delivery, row, error) | history


def _build_revival(letter: DeadLetter, delivery: Delivery, stored: int, duplicate: int) -> Revival:
    entry = delivery.entry
    if entry is None:
        return Revival(letter.entry_id, letter.received_at, letter.site_id or 0, stored, duplicate)
    return Revival(letter.entry_id, entry.received_at, entry.site_id, stored, duplicate)


def _sum_by_batch(revivals: Sequence[Revival]) -> list[Revival]:
    """One for each batch: several letters may hold events of it."""
    sums: dict[str, Revival] = {}
    for one in revivals:
        so_far = sums.get(one.entry_id, one._replace(stored=0, duplicate=0))
        sums[one.entry_id] = one._replace(stored=so_far.stored + one.stored, duplicate=so_far.duplicate + one.duplicate)
    return list(sums.values())


def _count(delivery: Delivery) -> int:
    """The events of the letter: of a COPY line one."""
    return delivery.entry.count if delivery.entry else 1


def _count_dead(chunk: Chunk, batches: Collection[int]) -> int:
    """The events of letters that stay as a whole; of bytes that nobody can decode none are known."""
    return sum(entry.count for batch in batches if (entry := chunk.deliveries[batch].entry))


def _adopt(
    connection: Connection, letters: Sequence[DeadLetter], deliveries: Sequence[Delivery], skipped: Collection[int]
) -> None:
    """Enters entries under their site that could not be decoded when they died."""
    adopted = [
        _adoption(letter, delivery.entry)
        for batch, (letter, delivery) in enumerate(zip(letters, deliveries, strict=True))
        if batch not in skipped and letter.site_id is None and delivery.entry
    ]
    store.adopt_letters(connection, adopted)


def _adoption(letter: DeadLetter, entry: Entry) -> dict[str, Any]:
    return {
        "id": letter.id,
        "entry_id": letter.entry_id,
        "received_at": letter.received_at,
        "new_received_at": entry.received_at,
        "site_id": entry.site_id,
        "events": entry.count,
        "principal": entry.principal,
        "request_id": entry.request_id,
    }
