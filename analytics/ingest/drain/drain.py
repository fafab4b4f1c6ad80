"""The drain: stream entries → rows → one transaction → acknowledge. Celery's tasks call `Drain.run`.

An entry is acknowledged only after the transaction that stored it has committed, and its ledger row, written in that
transaction, makes a second delivery a no-op. So a kill at any point repeats work and never a row.
"""

import logging
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import psycopg2
from psycopg2.errors import CheckViolation, UniqueViolation
from redis import Redis
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError

from analytics import clock
from analytics.ingest import buffer
from analytics.ingest.buffer import Delivery
from analytics.ingest.chunk import Chunk, dead_letter, dead_letters, ledger_rows, read_chunk, received_at
from analytics.ingest.enrich import GeoDatabase
from analytics.ingest.gathering import Gathering
from analytics.ingest.remembered import Remembered
from analytics.ingest.sample_rows import sift_samples
from analytics.rollups.append import append_deltas
from analytics.rollups.sample_rollups import add_samples
from analytics.store import events as store
from analytics.store import partitions
from analytics.store.events import LedgerRow, Row
from analytics.store.samples import SampleRow, copy_samples

log = logging.getLogger(__name__)

# After so many deaths of workers an entry is stored alone, and after so many not tried again.
DEATHS_TOGETHER, DEATHS = 2, 10
# How often a chunk that collided with another drain starts again before its entries are tried one by one.
COLLISIONS = 3


@dataclass
class Outcome:
    """What a drain did: events received, stored, duplicate, dead; and batches that another had stored before."""

    batches: int = 0
    received: int = 0
    stored: int = 0
    duplicate: int = 0
    dead: int = 0
    repeated: int = 0
    more: bool = False


@dataclass
class Drain:
    """One consumer: a process's connections, and what it remembers between chunks (users' numbers, partitions)."""

    engine: Engine
    redis: Redis
    salt: bytes
    geo: GeoDatabase | None = None
    batch_size: int = 15_000
    company_s: float = 0.05
    partition_days: int = 1
    anonymize_user_ids: bool = False
    consumer: str = ""
    _users: Remembered = field(default_factory=Remembered)
    _covered: set[tuple[str, date]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.consumer = self.consumer or f"{socket.gethostname()}:{os.getpid()}"
        self._gathering = Gathering(self.redis, self.consumer, self.batch_size, self.company_s)

    def run(self, seconds: float = 2.0, claim_after_s: float | None = None) -> Outcome:
        """Stores what waits, for about `seconds`; `more` says that something was left. Raises when a server is away:
        then everything unfinished stays with this consumer, which takes it up again first."""
        outcome, end = Outcome(), time.monotonic() + seconds
        if claim_after_s is not None:
            self._take_over(claim_after_s, outcome)
        while own := self._gathering.own():
            self.store(own, outcome)
        while time.monotonic() < end:
            if not (chunk := self._gathering.new()):
                return outcome
            self.store(chunk, outcome)
        outcome.more = buffer.waiting(self.redis) > 0
        return outcome

    def _take_over(self, claim_after_s: float, outcome: Outcome) -> None:
        """What dead consumers hold: at once where this machine knows that the process is gone, else after a silence."""
        for name in buffer.consumers(self.redis):
            while _is_gone(name) and (held := buffer.claim_from(self.redis, name, self.consumer, 100)):
                self._store_suspects(held, outcome)
        while claimed := buffer.claim(self.redis, self.consumer, int(claim_after_s * 1000), 100):
            self._store_suspects(claimed, outcome)

    def _store_suspects(self, deliveries: Sequence[Delivery], outcome: Outcome) -> None:
        """Stores what a dead consumer held. What several have died of goes alone, so that it takes nothing with it;
        what outlives many is dead-lettered, so that the queue moves on."""
        deaths = buffer.count_takeovers(self.redis, [delivery.entry_id for delivery in deliveries])
        together = []
        for delivery, count in zip(deliveries, deaths, strict=True):
            if count > DEATHS:
                detail = f"{count} workers ended while they were storing it"
                self._bury_entry(delivery, "kills workers", detail, outcome)
            elif count > DEATHS_TOGETHER:
                self.store([delivery], outcome)
            else:
                together.append(delivery)
        if together:
            self.store(together, outcome)

    def store(self, deliveries: Sequence[Delivery], outcome: Outcome) -> None:
        """Stores and acknowledges `deliveries`, about `batch_size` events at a time: how many an entry holds shows only
        when it is here, and a backlog may be of large ones. An entry that cannot be stored is dead-lettered, alone."""
        portion: list[Delivery] = []
        events = 0
        for delivery in deliveries:
            count = delivery.entry.count if delivery.entry else 0
            if portion and events + count > self.batch_size:
                self._store_portion(portion, outcome)
                portion, events = [], 0
            portion.append(delivery)
            events += count
        if portion:
            self._store_portion(portion, outcome)

    def _store_portion(self, deliveries: Sequence[Delivery], outcome: Outcome) -> None:
        try:
            self._store_together(list(deliveries), outcome)
        except (DBAPIError, psycopg2.Error, ValueError) as error:
            if not _is_refusal(error):
                raise
            if len(deliveries) > 1:
                log.warning("chunk refused, storing its batches one by one", extra={"batches": len(deliveries)})
                for delivery in deliveries:
                    self._store_portion([delivery], outcome)
            else:
                self._bury_entry(deliveries[0], "refused", str(error), outcome)

    def _store_together(self, deliveries: list[Delivery], outcome: Outcome) -> None:
        chunk = read_chunk(deliveries, self.geo, self.salt, self.anonymize_user_ids)
        self._make_partitions(chunk)
        if not all(row.given_id for row in chunk.rows):
            self._gathering.await_turn(deliveries[0].entry_id)
        for attempt in range(1, COLLISIONS + 1):
            try:
                with self.engine.begin() as connection:
                    ledger, repeated, numbered = self._write(connection, chunk)
                break
            except (IntegrityError, psycopg2.IntegrityError):
                # Another drain was handed the same entry; now that it has committed, the ledger says so. Or a partition
                # was dropped since this process saw it made.
                self._users.clear()
                self._covered.clear()
                if attempt == COLLISIONS:
                    raise
                self._make_partitions(chunk)
        self._users.remember(numbered)
        buffer.acknowledge(self.redis, [delivery.entry_id for delivery in deliveries])
        outcome.batches += len(deliveries)
        outcome.repeated += repeated
        for row in ledger:
            outcome.received += row.received
            outcome.stored += row.stored
            outcome.duplicate += row.duplicate
            outcome.dead += row.dead

    def _make_partitions(self, chunk: Chunk) -> None:
        today = clock.now().date()
        received = {received_at(delivery).date() for delivery in chunk.deliveries}
        events, samples = {row.day for row in chunk.rows}, {row.day for row in chunk.samples}
        for table, days in (("events", events), ("samples", samples), ("ingest_ledger", received)):
            if any((table, day) not in self._covered for day in days):
                partitions.ensure(self.engine, table, days, today, self.partition_days)
                self._covered.update((table, day) for day in days)

    def _write(self, connection: Connection, chunk: Chunk) -> tuple[list[LedgerRow], int, dict[int, dict[str, int]]]:
        """One transaction's statements: what is new of the chunk, its users, events, deltas, samples, its ledger."""
        ids = [delivery.entry_id for delivery in chunk.deliveries]
        times = [received_at(delivery) for delivery in chunk.deliveries]
        zones = store.hold_sites(connection, chunk.site_ids)
        done = store.stored_entries(connection, ids, min(times), max(times))
        skipped = {batch for batch, entry_id in enumerate(ids) if entry_id in done}
        rows = [row for row in chunk.rows if row.batch not in skipped] if skipped else chunk.rows
        samples = [row for row in chunk.samples if row.batch not in skipped]
        rows, duplicates, numbered = self._sift(connection, rows, {row.site_id for row in samples})
        numbers = [numbered[row.site_id][row.user_id] for row in rows]
        refused = self._copy(connection, rows, numbers)
        letters = dead_letters(chunk, rows, refused)
        if refused:
            numbers = [number for place, number in enumerate(numbers) if place not in refused]
            rows = [row for place, row in enumerate(rows) if place not in refused]
        append_deltas(connection, zones, rows, numbers)
        repeated = _write_samples(connection, samples) if samples else []
        ledger = ledger_rows(chunk, skipped, [*duplicates, *repeated], letters)
        store.bury(connection, letters)
        store.write_ledger(connection, ledger)
        return ledger, len(skipped), numbered

    def _sift(
        self, connection: Connection, rows: list[Row], sampled: set[int]
    ) -> tuple[list[Row], list[Row], dict[int, dict[str, int]]]:
        """(rows to store, duplicates, by site the users' numbers). Locks the sites that must be, and those `sampled`:
        all at once, so that two drains cannot wait for each other."""
        by_site: dict[int, list[Row]] = {}
        for row in rows:
            by_site.setdefault(row.site_id, []).append(row)
        missing = {site_id: {row.user_id for row in mine} for site_id, mine in by_site.items()}
        numbered: dict[int, dict[str, int]] = {}
        for site_id, users in missing.items():
            numbered[site_id] = self._users.known(site_id, users)
            users.difference_update(numbered[site_id])
            if users:
                numbered[site_id] |= store.known_users(connection, site_id, sorted(users))
                users.difference_update(numbered[site_id])
        to_lock = [site for site, mine in by_site.items() if missing[site] or any(row.given_id for row in mine)]
        to_lock += sampled
        next_numbers = store.lock_sites(connection, to_lock) if to_lock else {}
        keep, duplicates = [], []
        for site_id, mine in by_site.items():
            kept, repeats = self._without_duplicates(connection, site_id, mine)
            keep += kept
            duplicates += repeats
            if missing[site_id]:
                numbered[site_id] |= self._number(connection, site_id, next_numbers[site_id], missing[site_id], kept)
        return keep, duplicates, numbered

    @staticmethod
    def _without_duplicates(connection: Connection, site_id: int, rows: list[Row]) -> tuple[list[Row], list[Row]]:
        given = [row for row in rows if row.given_id]
        if not given:
            return rows, []
        seen = store.stored_ids(connection, site_id, given)
        keep, duplicates = [], []
        for row in rows:
            if row.given_id and row.event_id in seen:
                duplicates.append(row)
            else:
                keep.append(row)
                seen.add(row.event_id)
        return keep, duplicates

    @staticmethod
    def _number(
        connection: Connection, site_id: int, next_user_no: int, missing: set[str], rows: list[Row]
    ) -> dict[str, int]:
        """Numbers for users that have a row to store; under the lock, so what another drain just added is looked up."""
        numbers = store.known_users(connection, site_id, sorted(missing))
        first_seen: dict[str, str] = {}
        for row in rows:
            if row.user_id in missing and row.user_id not in numbers:
                held = first_seen.get(row.user_id)
                if held is None or _time(row.ts) < _time(held):
                    first_seen[row.user_id] = row.ts
        if first_seen:
            numbers.update(store.add_users(connection, site_id, next_user_no, first_seen))
        return numbers

    @staticmethod
    def _copy(connection: Connection, rows: list[Row], numbers: list[int]) -> dict[int, str]:
        """Appends the rows; those that PostgreSQL refuses are found by halving: place in `rows` → why."""
        refused: dict[int, str] = {}
        pending = [(0, len(rows))] if rows else []
        while pending:
            start, end = pending.pop()
            lines = [f"{row.line}\t{no}\n" for row, no in zip(rows[start:end], numbers[start:end], strict=True)]
            try:
                with connection.begin_nested():
                    store.copy_events(connection, lines)
            except psycopg2.Error as error:
                # A row that is there already says that another drain has just stored its whole entry.
                # A partition that is missing was dropped since it was made.
                if isinstance(error, (UniqueViolation, CheckViolation)) or not _is_refusal(error):
                    raise
                if end - start > 1:
                    middle = (start + end) // 2
                    pending += [(middle, end), (start, middle)]
                else:
                    refused[start] = str(error)
        return refused

    def _bury_entry(self, delivery: Delivery, reason: str, detail: str, outcome: Outcome) -> None:
        """The whole batch into the dead letters, with its ledger row."""
        count = delivery.entry.count if delivery.entry else 0
        log.error("batch dead-lettered", extra={"entry_id": delivery.entry_id, "reason": reason, "events": count})
        chunk = Chunk([delivery], unreadable={0: detail})
        self._make_partitions(chunk)
        with self.engine.begin() as connection:
            done = store.stored_entries(connection, [delivery.entry_id], received_at(delivery), received_at(delivery))
            if not done:
                store.bury(connection, [dead_letter(delivery, -1, None, reason, detail, delivery.raw)])
                store.write_ledger(connection, ledger_rows(chunk, set(), [], []))
        buffer.acknowledge(self.redis, [delivery.entry_id])
        outcome.batches += 1
        outcome.dead += count
        outcome.received += count


def _write_samples(connection: Connection, rows: list[SampleRow]) -> list[SampleRow]:
    """Stores and rolls up those that are new; the duplicates. Their sites must be locked."""
    keep, duplicates = sift_samples(connection, rows)
    copy_samples(connection, keep)
    add_samples(connection, keep)
    return duplicates


def _is_gone(consumer: str) -> bool:
    """True for a process of this machine that has ended. Wrong only where two machines share a name, and then harmless:
    the ledger keeps an entry that two drains hold from being stored twice."""
    host, _, pid = consumer.rpartition(":")
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _time(ts: str) -> datetime:
    return datetime.fromisoformat(ts)


def _is_refusal(error: Exception) -> bool:
    """True when the data is at fault and would be again: SQLSTATE classes 22 (data), 23 (constraints), 54 (limits), and
    text that cannot be sent at all. Anything else is the server's, or ours, and is tried again."""
    if isinstance(error, ValueError):
        return True
    original = error.orig if isinstance(error, DBAPIError) else error
    return (getattr(original, "pgcode", None) or "")[:2] in ("22", "23", "54")
