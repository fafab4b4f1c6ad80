"""The status of one accepted batch, from the stream, the ledger and the dead letters. Only views.py calls it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from redis import Redis
from sqlalchemy import Connection, Engine, RowMapping, text

from analytics.clock import format_rfc3339
from analytics.ingest import buffer

# An entry's id holds Redis's clock, received_at the web process's; they may differ.
MAX_CLOCK_DIFFERENCE = timedelta(hours=1)

# Served by pk_ingest_ledger in the one or two partitions around the entry's own time.
SELECT_LEDGER_ROW = text("""
SELECT l.*, s.key AS site
FROM ingest_ledger l
LEFT JOIN sites s ON s.id = l.site_id
WHERE l.entry_id = :entry_id AND l.received_at BETWEEN :earliest AND :latest
""")
# Served by uq_dead_letters.
SELECT_DEAD_LETTERS = text(
    "SELECT position, reason, detail FROM dead_letters WHERE entry_id = :entry_id ORDER BY position LIMIT 1000"
)


@dataclass(frozen=True, slots=True)
class DeadLetterSummary:
    """Why an event was not stored; position -1: the whole batch."""

    position: int
    reason: str
    detail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStatus:
    """The response's fields; times are RFC 3339."""

    batch_id: str
    state: str
    site: str
    # Of the request that sent the batch, as in its X-Request-ID and in the logs.
    request_id: str
    received_at: str
    stored_at: str | None = None
    accepted: int
    stored: int = 0
    duplicate: int = 0
    dead_lettered: int = 0
    refused: int = 0
    dead_letters: list[DeadLetterSummary] = field(default_factory=list)


def read_batch_status(engine: Engine, redis: Redis, entry_id: str) -> BatchStatus | None:
    """State and counts; None for a batch that was never accepted. Reads the stream first: an entry leaves it only after
    its ledger row is committed, so no batch can be missed between the two reads."""
    entry = buffer.find(redis, entry_id)
    at = datetime.fromtimestamp(min(int(entry_id.split("-")[0]) / 1e3, 9e9), UTC)
    window = {"entry_id": entry_id, "earliest": at - MAX_CLOCK_DIFFERENCE, "latest": at + MAX_CLOCK_DIFFERENCE}
    with engine.connect() as connection:
        row = connection.execute(SELECT_LEDGER_ROW, window).mappings().first()
        if row is not None:
            return _build_status(connection, entry_id, row)
    if entry is None:
        return None
    return BatchStatus(
        batch_id=entry_id,
        state="in_flight",
        site=entry.site_key,
        request_id=entry.request_id,
        received_at=format_rfc3339(entry.received_at),
        accepted=entry.count,
    )


def _build_status(connection: Connection, entry_id: str, row: RowMapping) -> BatchStatus:
    dead = row["dead_lettered"]
    letters = connection.execute(SELECT_DEAD_LETTERS, {"entry_id": entry_id}).all() if dead else []
    state = "dead_lettered" if dead and not row["stored"] + row["duplicate"] else "stored"
    if row["duplicate"] and not row["stored"] + dead:
        state = "duplicate"
    if row["refused"]:
        state = "refused"
    return BatchStatus(
        batch_id=entry_id,
        state=state,
        site=row["site"] or "",
        request_id=row["request_id"],
        received_at=format_rfc3339(row["received_at"].astimezone(UTC)),
        stored_at=format_rfc3339(row["stored_at"].astimezone(UTC)),
        accepted=row["received"],
        stored=row["stored"],
        duplicate=row["duplicate"],
        dead_lettered=dead,
        refused=row["refused"],
        dead_letters=[DeadLetterSummary(*letter) for letter in letters],
    )
