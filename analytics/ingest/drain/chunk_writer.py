"""Writes one chunk inside the drain's transaction: new events and samples, their users, deltas, dead letters, ledger.

drain.py calls it, and retry_writer.py for the rows of dead letters. What the site has stored before is left out and
counted; what PostgreSQL refuses becomes a dead letter, and a batch of a deleted site is counted as refused. It opens no
transaction and acknowledges nothing.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import psycopg2
from psycopg2.errors import CheckViolation, UniqueViolation
from sqlalchemy import Connection

from analytics.ingest.drain.chunk import (
    Chunk,
    build_dead_letters,
    build_ledger_rows,
    delivery_received_at,
    find_refused,
)
from analytics.ingest.drain.sample_rows import split_duplicate_samples
from analytics.ingest.drain.user_cache import UserNumberCache
from analytics.rollups.deltas.writer import append_deltas
from analytics.rollups.samples.rollups import add_samples
from analytics.store import events as store
from analytics.store.columns import event_days
from analytics.store.dead_letters import write_dead_letters
from analytics.store.events import EventRow, LedgerRow, SiteNumbers
from analytics.store.samples import SampleRow, copy_samples
from analytics.store.sql_errors import explain_refusal, is_refusal

# Site id → user_id → user_no.
UserNumbers = dict[int, dict[str, int]]


class WrittenChunk(NamedTuple):
    """What the transaction did: ledger rows, batches that an earlier one had stored, and the users of its rows."""

    ledger: list[LedgerRow]
    already_stored: int
    numbers: UserNumbers


class StoredRows(NamedTuple):
    """What became of a chunk's rows that are not among the stored ones."""

    duplicates: list[EventRow | SampleRow]
    # With the error of each.
    refused: list[tuple[EventRow, str]]
    numbers: UserNumbers


def write_chunk(connection: Connection, chunk: Chunk, cache: UserNumberCache) -> WrittenChunk:
    """Raises IntegrityError where another drain has stored the same entry since, or a partition was dropped."""
    ids = [delivery.entry_id for delivery in chunk.deliveries]
    times = [delivery_received_at(delivery) for delivery in chunk.deliveries]
    zones = store.lock_site_zones(connection, chunk.site_ids)
    done = store.find_stored_entries(connection, ids, min(times), max(times))
    skipped = {batch for batch, entry_id in enumerate(ids) if entry_id in done}
    of_deleted_sites = find_refused(chunk, zones)
    stored = store_rows(connection, chunk, zones, skipped | of_deleted_sites, cache)
    letters = build_dead_letters(chunk, stored.refused, of_deleted_sites)
    ledger = build_ledger_rows(chunk, skipped, stored.duplicates, letters, of_deleted_sites)
    write_dead_letters(connection, letters)
    store.write_ledger(connection, ledger)
    return WrittenChunk(ledger, len(skipped), stored.numbers)


def store_rows(
    connection: Connection, chunk: Chunk, zones: Mapping[int, str], skipped: Collection[int], cache: UserNumberCache
) -> StoredRows:
    """Stores the chunk's events and samples that are new, with their users and deltas, except those of the `skipped`
    batches. Drains and retries of dead letters call it; `zones`: the result of `lock_site_zones`."""
    rows = [row for row in chunk.rows if row.batch not in skipped] if skipped else chunk.rows
    samples = [row for row in chunk.samples if row.batch not in skipped]
    # In one statement, so that two drains cannot wait for each other.
    sites = {row.site_id for row in rows} | {row.site_id for row in samples}
    locked = store.lock_user_numbers(connection, sites)
    rows, duplicates, numbers = _select_new(connection, rows, locked, cache)
    user_nos = [numbers[row.site_id][row.user_id] for row in rows]
    errors = _copy_rows(connection, rows, user_nos, locked)
    refused = [(rows[index], error) for index, error in errors.items()]
    if refused:
        user_nos = [user_no for index, user_no in enumerate(user_nos) if index not in errors]
        rows = [row for index, row in enumerate(rows) if index not in errors]
    append_deltas(connection, zones, rows, user_nos)
    drains = {site_id: numbers.drain_no for site_id, numbers in locked.items()}
    event_days.note_events(connection, Counter((row.site_id, row.day) for row in rows), drains)
    duplicate_samples = _write_samples(connection, samples) if samples else []
    return StoredRows([*duplicates, *duplicate_samples], refused, numbers)


def _select_new(
    connection: Connection, rows: list[EventRow], locked: Mapping[int, SiteNumbers], cache: UserNumberCache
) -> tuple[list[EventRow], list[EventRow], UserNumbers]:
    """(rows to store, duplicates, users' numbers). The sites are locked."""
    by_site: dict[int, list[EventRow]] = {}
    for row in rows:
        by_site.setdefault(row.site_id, []).append(row)
    numbers, missing = _find_users(connection, by_site, cache)
    new, duplicates = [], []
    for site_id, site_rows in by_site.items():
        new_of_site, duplicates_of_site = _split_duplicates(connection, site_id, site_rows)
        new += new_of_site
        duplicates += duplicates_of_site
        if missing[site_id]:
            next_user_no = locked[site_id].next_user_no
            added = _number_users(connection, site_id, next_user_no, missing[site_id], new_of_site)
            numbers[site_id] |= added
    return new, duplicates, numbers


def _find_users(
    connection: Connection, by_site: dict[int, list[EventRow]], cache: UserNumberCache
) -> tuple[UserNumbers, dict[int, set[str]]]:
    """(numbers of the users that are known, by site the user_ids that are not)."""
    missing = {site_id: {row.user_id for row in site_rows} for site_id, site_rows in by_site.items()}
    numbers: UserNumbers = {}
    for site_id, user_ids in missing.items():
        numbers[site_id] = cache.get_many(site_id, user_ids)
        user_ids.difference_update(numbers[site_id])
        if user_ids:
            numbers[site_id] |= store.find_users(connection, site_id, sorted(user_ids))
            user_ids.difference_update(numbers[site_id])
    return numbers, missing


def _split_duplicates(
    connection: Connection, site_id: int, rows: list[EventRow]
) -> tuple[list[EventRow], list[EventRow]]:
    with_caller_id = [row for row in rows if row.has_caller_id]
    if not with_caller_id:
        return rows, []
    seen = store.find_stored_ids(connection, site_id, with_caller_id)
    new, duplicates = [], []
    for row in rows:
        if row.has_caller_id and row.event_id in seen:
            duplicates.append(row)
        else:
            new.append(row)
            seen.add(row.event_id)
    return new, duplicates


def _number_users(
    connection: Connection, site_id: int, next_user_no: int, missing: set[str], rows: list[EventRow]
) -> dict[str, int]:
    """Numbers of users that have a row to store; under the lock, as another drain may just have added some of them."""
    numbers = store.find_users(connection, site_id, sorted(missing))
    first_seen: dict[str, str] = {}
    for row in rows:
        if row.user_id in missing and row.user_id not in numbers:
            earliest = first_seen.get(row.user_id)
            if earliest is None or datetime.fromisoformat(row.ts) < datetime.fromisoformat(earliest):
                first_seen[row.user_id] = row.ts
    if first_seen:
        numbers.update(store.add_users(connection, site_id, next_user_no, first_seen))
    return numbers


def _copy_rows(
    connection: Connection, rows: list[EventRow], user_nos: list[int], locked: Mapping[int, SiteNumbers]
) -> dict[int, str]:
    """Appends the rows; finds those that PostgreSQL refuses by bisection: index in `rows` → error."""
    refused: dict[int, str] = {}
    drain_nos = [locked[row.site_id].drain_no for row in rows]
    pending = [(0, len(rows))] if rows else []
    while pending:
        start, end = pending.pop()
        lines = map(store.copy_line, rows[start:end], user_nos[start:end], drain_nos[start:end])
        try:
            with connection.begin_nested():
                store.copy_events(connection, lines)
        except psycopg2.Error as error:
            # UniqueViolation: another drain has just stored the whole entry. CheckViolation: a partition is missing
            # that was dropped since it was made. Both are tried again from the start.
            if isinstance(error, (UniqueViolation, CheckViolation)) or not is_refusal(error):
                raise
            if end - start > 1:
                middle = (start + end) // 2
                pending += [(middle, end), (start, middle)]
            else:
                refused[start] = explain_refusal(error)
    return refused


def _write_samples(connection: Connection, rows: Sequence[SampleRow]) -> list[SampleRow]:
    """Stores and rolls up the new ones; returns the duplicates. Their sites must be locked."""
    new, duplicates = split_duplicate_samples(connection, rows)
    copy_samples(connection, new)
    add_samples(connection, new)
    return duplicates
