"""The drain: stream entries → rows → one transaction → acknowledge. Celery's tasks call `Drain.run`.

An entry is acknowledged only after the transaction that stored it has committed. Its ledger row, written in the same
transaction, makes a second delivery a no-op. So a kill at any point repeats work and never a row.
"""

import logging
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import psycopg2
from redis import Redis
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, IntegrityError

from analytics import clock, queue, telemetry
from analytics.ingest import buffer
from analytics.ingest.buffer import Delivery
from analytics.ingest.drain.chunk import (
    Chunk,
    build_dead_letter,
    build_ledger_rows,
    delivery_received_at,
    find_refused,
    read_chunk,
)
from analytics.ingest.drain.chunk_reader import ChunkReader
from analytics.ingest.drain.chunk_writer import WrittenChunk, write_chunk
from analytics.ingest.drain.user_cache import UserNumberCache
from analytics.ingest.enrich import GeoDatabase
from analytics.store import events as store
from analytics.store import partitions
from analytics.store.dead_letters import KILLS_WORKERS, REFUSED, WHOLE_BATCH, write_dead_letters
from analytics.store.sql_errors import explain_refusal, is_refusal

log = logging.getLogger(__name__)

# After so many takeovers from dead consumers an entry is stored alone, and after so many it is dead-lettered.
ISOLATE_AFTER_TAKEOVERS, MAX_TAKEOVERS = 2, 10
# How often the transaction of a chunk that collides with another drain is tried.
MAX_ATTEMPTS = 3
CLAIM_ENTRIES = 100
# Of so many requests a drain's log line names the ids; the ledger has the others.
MAX_NAMED_REQUESTS = 20


@dataclass
class DrainResult:
    """What a drain did: events received, stored, duplicate, dead-lettered, refused (of deleted sites); and batches that
    another drain had stored. `has_more`: the stream was not empty at the end. `requests`: ids of the first requests
    that it stored."""

    batches: int = 0
    received: int = 0
    stored: int = 0
    duplicate: int = 0
    dead_lettered: int = 0
    refused: int = 0
    already_stored: int = 0
    has_more: bool = False
    requests: list[str] = field(default_factory=list)

    def add(self, written: WrittenChunk, deliveries: Sequence[Delivery]) -> None:
        """Adds the chunk of these batches."""
        self.batches += len(deliveries)
        self.add_requests(deliveries)
        self.already_stored += written.already_stored
        for row in written.ledger:
            self.received += row.received
            self.stored += row.stored
            self.duplicate += row.duplicate
            self.dead_lettered += row.dead_lettered
            self.refused += row.refused

    def add_requests(self, deliveries: Sequence[Delivery]) -> None:
        """Notes the ids of the requests, up to MAX_NAMED_REQUESTS in all."""
        left = deliveries[: MAX_NAMED_REQUESTS - len(self.requests)]
        self.requests += [delivery.entry.request_id for delivery in left if delivery.entry]


@dataclass
class Drain:
    """One consumer: a process's connections, and what it caches between chunks (user numbers, existing partitions)."""

    engine: Engine
    redis: Redis
    salt: bytes
    geo: GeoDatabase | None = None
    batch_size: int = 15_000
    linger_s: float = 0.05
    partition_days: int = 1
    anonymize_user_ids: bool = False
    consumer: str = ""
    _users: UserNumberCache = field(default_factory=UserNumberCache)
    _partitioned_days: set[tuple[str, date]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.consumer = self.consumer or f"{socket.gethostname()}:{os.getpid()}"
        self._reader = ChunkReader(self.redis, self.consumer, self.batch_size, self.linger_s)

    def run(self, duration_s: float = 2.0, claim_after_s: float | None = None) -> DrainResult:
        """Stores what the stream holds, for about `duration_s`. Raises when a server is unavailable: then everything
        unfinished stays pending for this consumer, which stores it first the next time."""
        result, end = DrainResult(), time.monotonic() + duration_s
        if claim_after_s is not None:
            self._claim_from_dead_consumers(claim_after_s, result)
        while pending := self._reader.read_pending():
            self.store(pending, result)
        while time.monotonic() < end:
            if not (deliveries := self._reader.read_new()):
                return result
            self.store(deliveries, result)
        result.has_more = buffer.count_entries(self.redis) > 0
        return result

    def store(self, deliveries: Sequence[Delivery], result: DrainResult) -> None:
        """Stores and acknowledges `deliveries`, about `batch_size` events at a time: the size of an entry is known only
        once it is read, and a backlog may hold large ones. An entry that cannot be stored is dead-lettered, alone."""
        portion: list[Delivery] = []
        events = 0
        for delivery in deliveries:
            count = delivery.entry.count if delivery.entry else 0
            if portion and events + count > self.batch_size:
                self._store_portion(portion, result)
                portion, events = [], 0
            portion.append(delivery)
            events += count
        if portion:
            self._store_portion(portion, result)

    def _claim_from_dead_consumers(self, claim_after_s: float, result: DrainResult) -> None:
        """Stores what dead consumers hold: at once where this machine knows that the process has ended, else after
        `claim_after_s` of silence."""
        for name in buffer.count_pending_by_consumer(self.redis):
            while _has_ended(name) and (claimed := buffer.claim_from(self.redis, name, self.consumer, CLAIM_ENTRIES)):
                self._store_claimed(claimed, result)
        idle_ms = int(claim_after_s * 1000)
        while claimed := buffer.claim_idle(self.redis, self.consumer, idle_ms, CLAIM_ENTRIES):
            self._store_claimed(claimed, result)

    def _store_claimed(self, deliveries: Sequence[Delivery], result: DrainResult) -> None:
        """Stores what a dead consumer held. An entry that several consumers died with is stored alone, so that it fails
        alone; one that many died with is dead-lettered, so that the stream moves on."""
        takeovers = buffer.record_takeovers(self.redis, [delivery.entry_id for delivery in deliveries])
        together = []
        for delivery, count in zip(deliveries, takeovers, strict=True):
            if count > MAX_TAKEOVERS:
                detail = f"{count} workers ended while they were storing it"
                self._dead_letter_entry(delivery, KILLS_WORKERS, detail, result)
            elif count > ISOLATE_AFTER_TAKEOVERS:
                self.store([delivery], result)
            else:
                together.append(delivery)
        if together:
            self.store(together, result)

    def _store_portion(self, deliveries: Sequence[Delivery], result: DrainResult) -> None:
        try:
            self._store_together(list(deliveries), result)
        except (DBAPIError, psycopg2.Error, ValueError) as error:
            if not is_refusal(error):
                raise
            if len(deliveries) > 1:
                log.warning("chunk refused, storing its batches one by one", extra={"batches": len(deliveries)})
                for delivery in deliveries:
                    self._store_portion([delivery], result)
            else:
                self._dead_letter_entry(deliveries[0], REFUSED, explain_refusal(error), result)

    def _store_together(self, deliveries: list[Delivery], result: DrainResult) -> None:
        chunk = read_chunk(deliveries, self.geo, self.salt, self.anonymize_user_ids)
        self._create_partitions(chunk)
        if not all(row.has_caller_id for row in chunk.rows):
            self._reader.wait_for_older_entries(deliveries[0].entry_id)
        written = self._write_with_retries(chunk)
        self._users.add_many(written.numbers)
        buffer.acknowledge(self.redis, [delivery.entry_id for delivery in deliveries])
        result.add(written, deliveries)

    def _write_with_retries(self, chunk: Chunk) -> WrittenChunk:
        for _ in range(MAX_ATTEMPTS - 1):
            try:
                return self._write(chunk)
            except (IntegrityError, psycopg2.IntegrityError):
                # Another drain was delivered the same entry; it has committed, and its ledger row is visible now. Or a
                # partition was dropped since this process created it.
                self._users.clear()
                self._partitioned_days.clear()
                self._create_partitions(chunk)
        return self._write(chunk)

    def _write(self, chunk: Chunk) -> WrittenChunk:
        with self.engine.begin() as connection:
            return write_chunk(connection, chunk, self._users)

    def _create_partitions(self, chunk: Chunk) -> None:
        today = clock.now().date()
        received = {delivery_received_at(delivery).date() for delivery in chunk.deliveries}
        events, samples = {row.day for row in chunk.rows}, {row.day for row in chunk.samples}
        for table, days in (("events", events), ("samples", samples), ("ingest_ledger", received)):
            if any((table, day) not in self._partitioned_days for day in days):
                partitions.ensure(self.engine, table, days, today, self.partition_days)
                self._partitioned_days.update((table, day) for day in days)

    def _dead_letter_entry(self, delivery: Delivery, reason: str, detail: str, result: DrainResult) -> None:
        """Writes the whole batch into the dead letters, with its ledger row."""
        count = delivery.entry.count if delivery.entry else 0
        with telemetry.work_for(delivery.entry.request_id if delivery.entry else telemetry.NO_REQUEST):
            log.error("batch dead-lettered", extra={"entry_id": delivery.entry_id, "reason": reason, "events": count})
        chunk = Chunk([delivery], unreadable={0: detail})
        self._create_partitions(chunk)
        received_at = delivery_received_at(delivery)
        with self.engine.begin() as connection:
            refused = find_refused(chunk, store.lock_site_zones(connection, chunk.site_ids))
            if not store.find_stored_entries(connection, [delivery.entry_id], received_at, received_at):
                letter = build_dead_letter(delivery, WHOLE_BATCH, None, reason, detail, delivery.raw)
                # A deleted site leaves no bodies behind.
                write_dead_letters(connection, [] if refused else [letter])
                store.write_ledger(connection, build_ledger_rows(chunk, (), [], [], refused))
        buffer.acknowledge(self.redis, [delivery.entry_id])
        result.batches += 1
        result.add_requests([delivery])
        result.dead_lettered += 0 if refused else count
        result.refused += count if refused else 0
        result.received += count


def _has_ended(consumer: str) -> bool:
    """True for a process of this machine that has ended. Wrong only where two machines share a name, and then harmless:
    the ledger keeps an entry that two drains hold from being stored twice."""
    host, _, pid = consumer.rpartition(":")
    return queue.has_process_ended(host, pid)
