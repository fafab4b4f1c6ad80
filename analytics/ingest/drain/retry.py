"""Retries dead letters: the steps of a drain from the decoding on, in one transaction with the letter and the ledger.

The letter is locked, its events are stored, their numbers move in its batch's ledger row from dead-lettered to stored
or duplicate, and the letter is deleted: all of it commits or nothing. So a kill, a second retry at the same time and a
retry of what is refused again lose and double nothing (docs/decisions/0023). Commands retry at once; for requests a
task calls `run_requested`.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import psycopg2
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, IntegrityError

from analytics import clock
from analytics.ingest.drain.chunk import Chunk, read_chunk
from analytics.ingest.drain.letter_bodies import build_line_row, read_delivery, read_line
from analytics.ingest.drain.retry_writer import RetryResult, write_retry
from analytics.ingest.enrich import GeoDatabase
from analytics.store import dead_letters as store
from analytics.store import partitions
from analytics.store.connections import try_exclusive
from analytics.store.dead_letters import KILLS_WORKERS, REFUSED, DeadLetter, Death, LetterSize
from analytics.store.events import EventRow
from analytics.store.samples import SampleRow
from analytics.store.sql_errors import explain_refusal, is_refusal

log = logging.getLogger(__name__)

RETRY_LOCK_ID = 7_205_329
# Letters of one transaction; how many a worker takes at once.
PORTION_LETTERS, PORTION_BYTES, CLAIM_LETTERS = 500, 2_000_000, 500
# How often a transaction is tried whose partition was dropped since it was created.
MAX_ATTEMPTS = 3
GAVE_UP = f"{store.MAX_RETRY_ATTEMPTS} attempts to retry it had no result: workers ended, or the database was away"


@dataclass
class DeadLetterRetry:
    """Makes rows with the settings of this process, as its drain does."""

    engine: Engine
    salt: bytes
    geo: GeoDatabase | None = None
    partition_days: int = 1
    anonymize_user_ids: bool = False

    def retry(self, letters: Sequence[LetterSize], result: RetryResult) -> None:
        """Retries the letters, a portion at a time; each portion commits. Adds to `result`, also before it raises."""
        for ids in split_portions(letters):
            with self.engine.connect() as connection:
                found = store.read_dead_letters(connection, ids)
            result.gone += len(ids) - len(found)
            if found:
                self._store(found, result)

    def run_requested(self, duration_s: float, result: RetryResult) -> bool:
        """Retries for about `duration_s` what was requested; True: there is more. One process at a time does."""
        end = time.monotonic() + duration_s
        with try_exclusive(self.engine, RETRY_LOCK_ID) as is_alone:
            while is_alone and (claimed := self._begin_attempt(result)):
                self.retry(claimed, result)
                if time.monotonic() > end:
                    return True
        return False

    def _begin_attempt(self, result: RetryResult) -> list[LetterSize]:
        """The next letters, whose attempt is counted. One that an earlier attempt did not finish is tried alone, and a
        few times only."""
        with self.engine.begin() as connection:
            requested = store.list_requested(connection, CLAIM_LETTERS)
            claimed = [letter for letter, left in requested if left == store.MAX_RETRY_ATTEMPTS]
            claimed = claimed or [letter for letter, left in requested[:1] if left > 0]
            store.begin_attempt(connection, [letter.id for letter in claimed])
            given_up = [letter.id for letter, left in requested if left <= 0]
            store.record_deaths(connection, [Death(id_, KILLS_WORKERS, GAVE_UP) for id_ in given_up])
        for id_ in given_up:
            log.error("retry of a dead letter given up", extra={"dead_letter": id_, "reason": KILLS_WORKERS})
        result.letters += len(given_up)
        return claimed

    def _store(self, letters: list[DeadLetter], result: RetryResult) -> None:
        try:
            self._store_together(letters, result)
        except (DBAPIError, psycopg2.Error, ValueError) as error:
            if not is_refusal(error):
                raise
            if len(letters) > 1:
                for letter in letters:
                    self._store([letter], result)
            else:
                self._record_death(letters[0], explain_refusal(error), result)

    def _store_together(self, letters: list[DeadLetter], result: RetryResult) -> None:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            chunk = self._read(letters)
            self._create_partitions(letters, chunk)
            try:
                with self.engine.begin() as connection:
                    outcome = write_retry(connection, letters, chunk)
            except (IntegrityError, psycopg2.IntegrityError):
                # A partition was dropped since it was created.
                if attempt == MAX_ATTEMPTS:
                    raise
            else:
                result.add(outcome)
                return

    def _read(self, letters: Sequence[DeadLetter]) -> Chunk:
        """A chunk with one delivery a letter. Every id is looked up before its row is written."""
        chunk = read_chunk(list(map(read_delivery, letters)), self.geo, self.salt, self.anonymize_user_ids)
        for batch in list(chunk.unreadable):
            if columns := read_line(letters[batch]):
                chunk.rows.append(build_line_row(columns, batch))
                del chunk.unreadable[batch]
        rows: list[EventRow | SampleRow] = [*chunk.rows, *chunk.samples]
        for row in rows:
            row.has_caller_id = True
        for event in chunk.rows:
            if (position := letters[event.batch].position) != store.WHOLE_BATCH:
                # The letter holds one event of its batch.
                event.position = position
        held = Counter(row.batch for row in rows)
        for batch, delivery in enumerate(chunk.deliveries):
            if delivery.entry and batch not in chunk.unreadable and held[batch] != delivery.entry.count:
                chunk.unreadable[batch] = (
                    f"it holds {held[batch]} of the {delivery.entry.count} events that were accepted"
                )
        return chunk

    def _create_partitions(self, letters: Sequence[DeadLetter], chunk: Chunk) -> None:
        """Of the ledger only for entries that could not be decoded when they died: others have a row, or had one."""
        today = clock.now().date()
        read = zip(letters, chunk.deliveries, strict=True)
        days = {
            "events": {row.day for row in chunk.rows},
            "samples": {row.day for row in chunk.samples},
            "ingest_ledger": {one.entry.received_at.date() for letter, one in read if one.entry and not letter.site_id},
        }
        for table, of_table in days.items():
            if of_table:
                partitions.ensure(self.engine, table, of_table, today, self.partition_days)

    def _record_death(self, letter: DeadLetter, detail: str, result: RetryResult) -> None:
        """For a batch that PostgreSQL refuses as a whole, such as one of samples."""
        with self.engine.begin() as connection:
            if store.lock_dead_letters(connection, [letter.id]):
                store.record_deaths(connection, [Death(letter.id, REFUSED, detail)])
                entry = read_delivery(letter).entry
                result.letters += 1
                result.dead_lettered += entry.count if entry else 1


def split_portions(letters: Sequence[LetterSize]) -> Iterator[list[int]]:
    """Ids of letters that one transaction retries. Those that may end the process come last, each alone."""
    portion: list[int] = []
    size = 0
    for letter in letters:
        if letter.reason == KILLS_WORKERS:
            continue
        if portion and (len(portion) == PORTION_LETTERS or size + letter.bytes > PORTION_BYTES):
            yield portion
            portion, size = [], 0
        portion.append(letter.id)
        size += letter.bytes
    if portion:
        yield portion
    yield from ([letter.id] for letter in letters if letter.reason == KILLS_WORKERS)
