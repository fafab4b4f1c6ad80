"""The row of an import in `imports`, one for each site, content and options, and its batches in the ledger.

run.py saves it after each batch, so that an interrupted import continues there. Only this module has SQL of imports.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, text

from analytics.ingest.imports.summary import ImportSummary


class ImportKey(NamedTuple):
    """Primary key of `imports`."""

    site_id: int
    fingerprint: str


class StoredCounts(NamedTuple):
    """Events of the stored batches of one run, and how many `batches` are stored."""

    batches: int
    received: int
    stored: int
    duplicate: int
    dead_lettered: int


# Served by pk_imports.
FIND_IMPORT = text("SELECT * FROM imports WHERE site_id = :site_id AND fingerprint = :fingerprint FOR UPDATE")


def find_import(connection: Connection, key: ImportKey) -> Row[Any] | None:
    """The import's row, locked until the transaction ends."""
    return connection.execute(FIND_IMPORT, key._asdict()).first()


# Served by pk_imports: a site has a handful of imports.
LIST_SHIFTED_IMPORTS = text("""
SELECT counts->>'content' AS content, CAST(counts->>'bytes' AS bigint) AS bytes, shift_s
FROM imports
WHERE site_id = :site_id AND format = :format AND shift_s <> 0 AND CAST(counts->>'bytes' AS bigint) > 0
ORDER BY started_at
""")


def list_shifted_imports(connection: Connection, site_id: int, format_name: str) -> dict[str, tuple[int, int]]:
    """Digest → (length, shift_s) of the site's imports with a shift."""
    rows = connection.execute(LIST_SHIFTED_IMPORTS, {"site_id": site_id, "format": format_name})
    return {row.content: (row.bytes, row.shift_s) for row in rows}


START_IMPORT = text("""
INSERT INTO imports (site_id, fingerprint, source, format, shift_s, counts, started_at)
VALUES (:site_id, :fingerprint, :source, :format, :shift_s, CAST(:counts AS jsonb), :started_at)
ON CONFLICT (site_id, fingerprint) DO UPDATE
SET source = excluded.source, lines_done = 0, counts = excluded.counts, started_at = excluded.started_at,
    finished_at = NULL
""")


def start_import(connection: Connection, key: ImportKey, summary: ImportSummary, values: Mapping[str, Any]) -> None:
    """Inserts the row, or resets it. `values`: source, format, shift_s, started_at."""
    connection.execute(START_IMPORT, {**key._asdict(), **values, "counts": _encode(summary)})


SAVE_CHECKPOINT = text("""
UPDATE imports
SET lines_done = :lines_done, counts = CAST(:counts AS jsonb), finished_at = :finished_at
WHERE site_id = :site_id AND fingerprint = :fingerprint
""")


def save_checkpoint(
    connection: Connection, key: ImportKey, summary: ImportSummary, finished_at: datetime | None = None
) -> None:
    progress = {"lines_done": summary.read, "counts": _encode(summary), "finished_at": finished_at}
    connection.execute(SAVE_CHECKPOINT, {**key._asdict(), **progress})


def decode_summary(counts: Mapping[str, Any]) -> ImportSummary:
    """The summary in a row's `counts`."""
    return msgspec.convert(counts, ImportSummary)


def _encode(summary: ImportSummary) -> str:
    return msgspec.json.encode(summary).decode()


# Reads the ledger's partitions since the run began. A batch appended twice (killed between append and checkpoint) has
# two rows of one request_id: events stored by one are duplicates of the other.
SUM_LEDGER = text("""
SELECT count(*), coalesce(sum(received), 0), coalesce(sum(stored), 0), coalesce(sum(duplicate), 0),
       coalesce(sum(dead_lettered), 0)
FROM (
  SELECT max(received) AS received, sum(stored) AS stored,
         max(received) - sum(stored) - min(dead_lettered) - min(refused) AS duplicate,
         min(dead_lettered) AS dead_lettered
  FROM ingest_ledger
  WHERE received_at >= :since AND site_id = :site_id AND request_id LIKE :pattern
  GROUP BY request_id
) AS batches
""")


def sum_stored(connection: Connection, site_id: int, since: datetime, request_prefix: str) -> StoredCounts:
    """Counts of the stored batches whose request_id begins with the prefix; each batch counts once."""
    parameters = {"site_id": site_id, "since": since, "pattern": request_prefix + "%"}
    return StoredCounts(*map(int, connection.execute(SUM_LEDGER, parameters).one()))
