"""What became of one accepted batch, from the stream, the ledger and the dead letters."""

from datetime import UTC, datetime, timedelta
from typing import Any

from redis import Redis
from sqlalchemy import Engine, text

from analytics.ingest import buffer

# An entry's id holds Redis's clock, received_at the web process's; they may differ.
CLOCKS_DIFFER = timedelta(hours=1)

# Served by pk_ingest_ledger in the one or two partitions around the entry's own time.
LEDGER_ROW = text("""
SELECT l.*, s.key AS site
FROM ingest_ledger l
LEFT JOIN sites s ON s.id = l.site_id
WHERE l.entry_id = :entry_id AND l.received_at BETWEEN :earliest AND :latest
""")
# Served by uq_dead_letters.
DEAD = text("SELECT position, reason, detail FROM dead_letters WHERE entry_id = :entry_id ORDER BY position LIMIT 1000")


def batch_status(engine: Engine, redis: Redis, entry_id: str) -> dict[str, Any] | None:
    """Its state and counts; None for a batch that was never accepted. Looks at the stream first: an entry leaves it
    only after its ledger row is there, so no batch can slip between the two looks."""
    waiting = buffer.find(redis, entry_id)
    at = datetime.fromtimestamp(min(int(entry_id.split("-")[0]) / 1e3, 9e9), UTC)
    with engine.connect() as connection:
        window = {"entry_id": entry_id, "earliest": at - CLOCKS_DIFFER, "latest": at + CLOCKS_DIFFER}
        row = connection.execute(LEDGER_ROW, window).mappings().first()
        dead = connection.execute(DEAD, {"entry_id": entry_id}).mappings().all() if row and row["dead"] else []
    if row is None:
        return None if waiting is None else _in_flight(entry_id, waiting)
    state = "dead_lettered" if row["dead"] and not row["stored"] + row["duplicate"] else "stored"
    if row["duplicate"] and not row["stored"] + row["dead"]:
        state = "duplicate"
    return {
        "batch_id": entry_id,
        "state": state,
        "site": row["site"] or "",
        "received_at": _instant(row["received_at"]),
        "stored_at": _instant(row["stored_at"]),
        "received": row["received"],
        "stored": row["stored"],
        "duplicate": row["duplicate"],
        "dead_lettered": row["dead"],
        "dead_letters": [dict(letter) for letter in dead],
    }


def _in_flight(entry_id: str, entry: buffer.Entry) -> dict[str, Any]:
    received_at = datetime.fromtimestamp(entry.received_us / 1e6, UTC)
    return {
        "batch_id": entry_id,
        "state": "in_flight",
        "site": entry.site_key,
        "received_at": _instant(received_at),
        "stored_at": None,
        "received": entry.count,
        "stored": 0,
        "duplicate": 0,
        "dead_lettered": 0,
        "dead_letters": [],
    }


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
