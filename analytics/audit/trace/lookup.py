"""Builds the trace of one event: its row, its batch, its rollups; or its place in the stream, or its dead letter.

`flask trace` and GET /api/analytics/events/<id>/trace call it. A derived id names its entry of the stream; an id that
the caller chose does not, so its batch is found by the row's received_at. Only reads.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import zstandard
from redis import Redis
from sqlalchemy import Connection, Engine, RowMapping, text

from analytics import clock
from analytics.audit.trace.event_rollups import list_event_rollups
from analytics.ingest import buffer
from analytics.ingest.ids import keyed_ids, normalize_event_id, parse_derived_id
from analytics.sites.sites import Site
from analytics.store.planner import force_index_scans
from analytics.store.reading import read_transaction

STORED, WAITING, DEAD_LETTERED, GONE, UNKNOWN = "stored", "waiting", "dead_lettered", "gone", "unknown"
TIMEOUT_S = 30.0
# Waiting entries that are searched for an id which the caller chose; also dead batches.
MAX_SEARCHED_ENTRIES, PAGE_ENTRIES = 20_000, 100
MAX_SEARCHED_DEAD_BATCHES = 1000
# An entry's id holds Redis's clock, received_at the web process's; they may differ.
MAX_CLOCK_SKEW = timedelta(hours=1)
EVENT_FIELDS = ("position", "type", "user_id", "user_no", "session_id", "subject", "is_bot", "path")


class TraceRequest(NamedTuple):
    """The id as a UUID, the entry and index that a derived id names, and the sites to search."""

    event_id: str
    origin: tuple[str, int] | None
    sites: dict[int, Site]


def build_trace(engine: Engine, redis: Redis, event_id: str, sites: Sequence[Site]) -> dict[str, Any]:
    """`state` (stored, waiting, dead_lettered, gone, unknown) and all that is known of the event, as JSON values.

    Searches only `sites`. The stream is read first: an entry leaves it only when its rows are committed, so no event
    is missed between the two reads.
    """
    uuid = normalize_event_id(event_id)
    request = TraceRequest(uuid, parse_derived_id(uuid), {site.id: site for site in sites})
    copies = list(_find_waiting(redis, request))
    with read_transaction(engine.execution_options(isolation_level="REPEATABLE READ"), TIMEOUT_S) as connection:
        force_index_scans(connection)
        row = connection.execute(FIND_EVENT, {"sites": list(request.sites), "event_id": uuid}).mappings().first()
        letter = None if row else _find_dead_letter(connection, request)
        if letter and request.origin is None:
            request = request._replace(origin=(letter["entry_id"], letter["position"]))
        batch = _find_batch(connection, request, row)
        rollups = list_event_rollups(connection, request.sites[row["site_id"]], row, batch) if row else []
    # A copy whose batch is in the ledger is the stored one; only its acknowledgement is missing.
    copies = [copy for copy in copies if batch is None or copy["batch_id"] != batch["entry_id"]]
    site_id = row["site_id"] if row else batch["site_id"] if batch else None
    return {
        "event_id": uuid,
        "asked": event_id,
        "state": _state(row, letter, copies, batch),
        "site": request.sites[site_id].key if site_id in request.sites else None,
        "event": _show_event(row),
        "batch": _show_batch(batch),
        "dead_letter": letter,
        # Of a stored event: resent copies, which will be counted as duplicates.
        "waiting": copies,
        "rollups": rollups,
    }


def _state(row: Any, letter: Any, copies: Sequence[Any], batch: Any) -> str:
    if row:
        return STORED
    if letter:
        return DEAD_LETTERED
    if copies:
        return WAITING
    # The batch was stored: the row is past retention, was deleted, or is lost, which the audit would report.
    return GONE if batch else UNKNOWN


# Two columns of uq_events in every partition.
FIND_EVENT = text("""
SELECT site_id, event_id::text, ts, received_at, nullif(position, -1) AS position, type, user_id,
    user_no, session_id, subject, is_bot, path, referrer, source, country, region, city, browser, os, device,
    utm_source, utm_medium, utm_campaign, hostname, language, screen, channel
FROM events
WHERE site_id = ANY (:sites) AND event_id = CAST(:event_id AS uuid)
ORDER BY received_at
LIMIT 1
""")
# Served by uq_dead_letters for a derived id; else reads all dead letters, which are few.
FIND_DEAD_LETTER = text("""
SELECT entry_id, position, reason, detail
FROM dead_letters
WHERE site_id = ANY (:sites)
    AND (event_id = CAST(:event_id AS uuid) OR (entry_id = :entry_id AND position IN (-1, :position)))
ORDER BY id
LIMIT 1
""")


def _find_dead_letter(connection: Connection, request: TraceRequest) -> dict[str, Any] | None:
    entry_id, position = request.origin or ("", 0)
    origin = {"entry_id": entry_id, "position": position}
    parameters = {"sites": list(request.sites), "event_id": request.event_id, **origin}
    letter = connection.execute(FIND_DEAD_LETTER, parameters).mappings().first()
    if letter is None and request.origin is None:
        return _find_in_dead_batches(connection, request)
    return dict(letter) if letter else None


# pk_dead_letters from its end.
LIST_DEAD_BATCHES = text("""
SELECT entry_id, position, reason, detail, body
FROM dead_letters
WHERE site_id = ANY (:sites) AND position = -1
ORDER BY id DESC
LIMIT :limit
""")


def _find_in_dead_batches(connection: Connection, request: TraceRequest) -> dict[str, Any] | None:
    """The dead letter of a whole batch that holds the id, among the newest ones."""
    parameters = {"sites": list(request.sites), "limit": MAX_SEARCHED_DEAD_BATCHES}
    for letter in connection.execution_options(yield_per=10).execute(LIST_DEAD_BATCHES, parameters).mappings():
        if _find_index(buffer.decode_entry(letter["body"]), request) is not None:
            return {name: letter[name] for name in ("entry_id", "position", "reason", "detail")}
    return None


# By pk_ingest_ledger in one or two partitions where the entry is known; else reads the one partition of the instant.
FIND_BATCH = text("""
SELECT entry_id, site_id, received_at, stored_at, received, stored, duplicate, dead_lettered, principal, request_id,
    CAST(xmin AS text) AS stored_by
FROM ingest_ledger
WHERE site_id = ANY (:sites) AND received_at BETWEEN :earliest AND :latest
    AND (CAST(:entry_id AS text) IS NULL OR entry_id = :entry_id)
ORDER BY stored DESC
LIMIT 1
""")


def _find_batch(connection: Connection, request: TraceRequest, row: RowMapping | None) -> RowMapping | None:
    """The ledger row of the batch that a derived id names, or that stored the row."""
    batch = None
    if request.origin:
        at = datetime.fromtimestamp(min(int(request.origin[0].split("-")[0]) / 1e3, 9e9), UTC)
        window = {"earliest": at - MAX_CLOCK_SKEW, "latest": at + MAX_CLOCK_SKEW, "entry_id": request.origin[0]}
        batch = connection.execute(FIND_BATCH, {"sites": list(request.sites), **window}).mappings().first()
    if row is not None:
        if batch is None:
            window = {"earliest": row["received_at"], "latest": row["received_at"], "entry_id": None}
            batch = connection.execute(FIND_BATCH, {"sites": [row["site_id"]], **window}).mappings().first()
        return batch
    # The batch exists, but an index beyond its events names none of them.
    return batch if batch and request.origin and request.origin[1] < batch["received"] else None


def _find_waiting(redis: Redis, request: TraceRequest) -> Iterator[dict[str, Any]]:
    """Entries of the stream that hold the event: the one that a derived id names, or those that contain the id."""
    if request.origin is not None:
        entry_id, index = request.origin
        entry = buffer.find(redis, entry_id)
        if entry and index < entry.count and entry.site_id in request.sites:
            yield _show_copy(entry_id, index, entry)
            return
    after, searched = "-", 0
    while searched < MAX_SEARCHED_ENTRIES:
        page = buffer.read_range(redis, after, PAGE_ENTRIES)
        for delivery in page:
            index_found = _find_index(delivery.entry, request)
            if delivery.entry is not None and index_found is not None:
                yield _show_copy(delivery.entry_id, index_found, delivery.entry)
        if len(page) < PAGE_ENTRIES:
            return
        after, searched = f"({page[-1].entry_id}", searched + PAGE_ENTRIES


class _EventId(msgspec.Struct):
    event_id: str | int | None = None


_decode_ids = msgspec.json.Decoder(list[_EventId]).decode


def _find_index(entry: buffer.Entry | None, request: TraceRequest) -> int | None:
    """Index of the event in the entry; None where it does not hold the event, or cannot be decoded."""
    if entry is None or entry.site_id not in request.sites:
        return None
    try:
        events = _decode_ids(entry.decode_body())
    except (msgspec.MsgspecError, zstandard.ZstdError):
        return None
    derive_id = keyed_ids(entry.identity_key, entry.batch_key) if entry.batch_key else None
    for index, event in enumerate(events):
        own_id = None if event.event_id is None else normalize_event_id(str(event.event_id))
        if own_id is None and derive_id is not None:
            own_id = derive_id(entry.index_as_sent(index))
        if own_id == request.event_id:
            return index
    return None


def _show_copy(entry_id: str, index: int, entry: buffer.Entry) -> dict[str, Any]:
    return {
        "batch_id": entry_id,
        "position": index,
        "site": entry.site_key,
        "received_at": _show_instant(datetime.fromtimestamp(entry.received_us / 1e6, UTC)),
        "principal": entry.principal,
        "request_id": entry.request_id,
    }


def _show_event(row: RowMapping | None) -> dict[str, Any] | None:
    if row is None:
        return None
    times = {name: _show_instant(row[name]) for name in ("ts", "received_at")}
    return {**times, **{name: row[name] for name in EVENT_FIELDS}}


def _show_batch(batch: RowMapping | None) -> dict[str, Any] | None:
    if batch is None:
        return None
    times = {name: _show_instant(batch[name]) for name in ("received_at", "stored_at")}
    sender = {name: batch[name] for name in ("principal", "request_id")}
    counts = {"accepted": batch["received"], **{name: batch[name] for name in ("stored", "duplicate", "dead_lettered")}}
    return {"batch_id": batch["entry_id"], **times, **sender, **counts}


def _show_instant(at: datetime) -> str:
    return clock.format_rfc3339(at.astimezone(UTC), "auto")
