"""The only writer of dead letters, and of what a retry changes in the ledger, inside the caller's transaction.

A dead letter holds events that are in no other table: it is deleted in the transaction that stores them. The drain
writes letters, ingest/drain/retry.py retries them, ops/dead_letters/ shows and discards them, privacy/ expires them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

WHOLE_BATCH = -1
# Why it was not stored: nobody can read it, PostgreSQL refuses it, it ends the workers that store it, its site is gone.
REASONS = UNREADABLE, REFUSED, KILLS_WORKERS, NO_SITE = ("unreadable", "refused", "kills workers", "no site")
# How often a worker begins to retry a letter before it gives up: each time it, or its database, has ended meanwhile.
MAX_RETRY_ATTEMPTS = 3


class DeadLetter(NamedTuple):
    """A row of dead_letters. `position` WHOLE_BATCH: all events of the batch, else the index of its one event."""

    id: int
    entry_id: str
    position: int
    site_id: int | None
    event_id: str | None
    received_at: datetime
    dead_lettered_at: datetime
    reason: str
    detail: str
    retries: int
    body: bytes


# The time of the first death stays, so that no retry prolongs how long addresses are kept.
INSERT_DEAD_LETTERS = text("""
INSERT INTO dead_letters
    (entry_id, position, site_id, event_id, received_at, reason, detail, body, dead_lettered_at, retries, retried_at)
VALUES (:entry_id, :position, :site_id, CAST(:event_id AS uuid), :received_at, :reason, :detail, :body,
    coalesce(CAST(:dead_lettered_at AS timestamptz), now()), :retries, CASE WHEN :retries > 0 THEN now() END)
ON CONFLICT (entry_id, position) DO NOTHING
""")
NEVER_RETRIED = {"dead_lettered_at": None, "retries": 0}


def write_dead_letters(connection: Connection, letters: Sequence[dict[str, Any]]) -> None:
    """Inserts dead letters; an existing one stays unchanged. Those of a retry have the columns of NEVER_RETRIED too."""
    if letters:
        connection.execute(INSERT_DEAD_LETTERS, [NEVER_RETRIED | letter for letter in letters])


COLUMNS = (
    "id, entry_id, position, site_id, event_id::text, received_at, dead_lettered_at, reason, detail, retries, body"
)
# pk_dead_letters. Locked in the order of their ids, so that two retries cannot deadlock.
READ_DEAD_LETTERS = text(f"SELECT {COLUMNS} FROM dead_letters WHERE id = ANY(:ids) ORDER BY id")  # noqa: S608
LOCK_DEAD_LETTERS = text("SELECT id FROM dead_letters WHERE id = ANY(:ids) ORDER BY id FOR UPDATE")


def read_dead_letters(connection: Connection, ids: Sequence[int]) -> list[DeadLetter]:
    """Those that exist, by id."""
    rows = connection.execute(READ_DEAD_LETTERS, {"ids": list(ids)})
    return [DeadLetter(*row)._replace(body=bytes(row.body)) for row in rows]


def lock_dead_letters(connection: Connection, ids: Sequence[int]) -> set[int]:
    """Those that still exist: until the transaction ends nobody else stores, changes or deletes them."""
    return set(connection.execute(LOCK_DEAD_LETTERS, {"ids": list(ids)}).scalars())


DELETE_DEAD_LETTERS = text("DELETE FROM dead_letters WHERE id = ANY(:ids)")
RECORD_DEATH = text("""
UPDATE dead_letters
SET reason = :reason, detail = :detail, retries = retries + 1, retried_at = now(), retry_attempts_left = NULL
WHERE id = :id
""")


class Death(NamedTuple):
    """Why a letter that was retried stays one."""

    id: int
    reason: str
    detail: str


def delete_dead_letters(connection: Connection, ids: Sequence[int]) -> None:
    """Of letters whose events this transaction has stored, or that it replaces."""
    connection.execute(DELETE_DEAD_LETTERS, {"ids": list(ids)})


def record_deaths(connection: Connection, deaths: Sequence[Death]) -> None:
    """Letters that died again: the newest reason, and one more retry."""
    if deaths:
        connection.execute(RECORD_DEATH, [death._asdict() for death in deaths])


# A drop of a ledger partition, which moves its sums to ledger_hours, waits, and gives up; so do we for one that runs.
LOCK_LEDGER = text("LOCK TABLE ingest_ledger IN ROW EXCLUSIVE MODE")
# By pk_ingest_ledger. stored_at: streams of new events see that the batch has stored some.
UPDATE_LEDGER = text("""
UPDATE ingest_ledger AS ledger
SET stored = ledger.stored + revived.stored, duplicate = ledger.duplicate + revived.duplicate,
    dead_lettered = ledger.dead_lettered - revived.stored - revived.duplicate, stored_at = clock_timestamp()
FROM unnest(CAST(:entry_ids AS text[]), CAST(:times AS timestamptz[]), CAST(:stored AS int[]),
    CAST(:duplicate AS int[])) AS revived (entry_id, received_at, stored, duplicate)
WHERE ledger.entry_id = revived.entry_id AND ledger.received_at = revived.received_at
RETURNING ledger.entry_id
""")
# Of batches whose partition retention has dropped.
UPDATE_LEDGER_HOURS = text("""
UPDATE ledger_hours
SET stored = stored + :stored, duplicate = duplicate + :duplicate,
    dead_lettered = dead_lettered - :stored - :duplicate
WHERE site_id = :site_id AND hour = date_trunc('hour', CAST(:received_at AS timestamptz), 'UTC')
""")


class Revival(NamedTuple):
    """Events of a batch that are not dead any more: now stored, or found to be duplicates."""

    entry_id: str
    received_at: datetime
    site_id: int
    stored: int
    duplicate: int


def lock_ledger(connection: Connection) -> None:
    """Until the transaction ends no partition of the ledger is dropped."""
    connection.execute(LOCK_LEDGER)


def revive_in_ledger(connection: Connection, revivals: Sequence[Revival]) -> None:
    """Moves events from dead-lettered to stored and duplicate. One of each batch; the ledger must be locked."""
    if not revivals:
        return
    columns = {
        "entry_ids": [one.entry_id for one in revivals],
        "times": [one.received_at for one in revivals],
        "stored": [one.stored for one in revivals],
        "duplicate": [one.duplicate for one in revivals],
    }
    found = set(connection.execute(UPDATE_LEDGER, columns).scalars())
    dropped = [one._asdict() for one in revivals if one.entry_id not in found]
    if dropped:
        connection.execute(UPDATE_LEDGER_HOURS, dropped)


# The drain that could not decode the entry wrote neither its site nor its events into the ledger.
ADOPT_IN_LEDGER = text("""
UPDATE ingest_ledger
SET site_id = :site_id, received_at = :new_received_at, received = :events, dead_lettered = :events,
    principal = :principal, request_id = :request_id
WHERE entry_id = :entry_id AND received_at = :received_at
""")
ADOPT_LETTER = text("UPDATE dead_letters SET site_id = :site_id, received_at = :new_received_at WHERE id = :id")


def adopt_letters(connection: Connection, adopted: Sequence[Mapping[str, Any]]) -> None:
    """Enters letters that can be decoded now under their site and time of receipt. The letters must be locked."""
    if adopted:
        connection.execute(ADOPT_IN_LEDGER, list(adopted))
        connection.execute(ADOPT_LETTER, list(adopted))


class Selection(NamedTuple):
    """Which letters: these ids, of this reason, of these sites; None: any."""

    ids: Sequence[int] | None = None
    reason: str | None = None
    site_ids: Sequence[int] | None = None


# Bound by _bind. A letter without a site belongs to callers for all sites only.
SELECTED = """
(CAST(:ids AS bigint[]) IS NULL OR letter.id = ANY(CAST(:ids AS bigint[])))
    AND (CAST(:reason AS text) IS NULL OR letter.reason = :reason)
    AND (CAST(:site_ids AS int[]) IS NULL OR letter.site_id = ANY(CAST(:site_ids AS int[])))
"""
# By pk_ingest_ledger, for whole batches only.
EVENTS_OF_LETTER = """
SELECT dead_lettered
FROM ingest_ledger
WHERE letter.position = -1 AND entry_id = letter.entry_id AND received_at = letter.received_at
OFFSET 0
"""


def _bind(selection: Selection) -> dict[str, Any]:
    lists = {name: None if value is None else list(value) for name, value in selection._asdict().items()
             if name != "reason"}  # fmt: skip
    return {**lists, "reason": selection.reason}


# Reads the table, without bodies.
GROUP_BY_REASON = text(f"""
SELECT letter.reason, count(*) AS letters,
    coalesce(sum(CASE WHEN letter.position >= 0 THEN 1 ELSE batch.dead_lettered END), 0)::bigint AS events,
    min(letter.dead_lettered_at) AS first_at, max(letter.dead_lettered_at) AS last_at,
    count(letter.retry_attempts_left) AS waiting,
    coalesce((array_agg(DISTINCT sites.key ORDER BY sites.key) FILTER (WHERE sites.key IS NOT NULL))[1:100], '{{}}')
        AS sites
FROM dead_letters AS letter
LEFT JOIN sites ON sites.id = letter.site_id
LEFT JOIN LATERAL ({EVENTS_OF_LETTER}) AS batch ON true
WHERE {SELECTED}
GROUP BY letter.reason
ORDER BY letters DESC, letter.reason
""")  # noqa: S608  # of constants


class ReasonGroup(NamedTuple):
    """The letters of one reason. `waiting`: those that are to be retried; `sites`: keys, at most 100."""

    reason: str
    letters: int
    events: int
    first_at: datetime
    last_at: datetime
    waiting: int
    sites: list[str]


def group_by_reason(connection: Connection, selection: Selection) -> list[ReasonGroup]:
    """The most frequent reason first."""
    return [ReasonGroup(*row) for row in connection.execute(GROUP_BY_REASON, _bind(selection))]


# pk_dead_letters from its end.
LIST_DEAD_LETTERS = text(f"""
SELECT letter.id, letter.entry_id, letter.position, sites.key, letter.event_id::text, letter.received_at,
    letter.dead_lettered_at, letter.reason, letter.detail, octet_length(letter.body), letter.retries,
    letter.retried_at, letter.retry_attempts_left IS NOT NULL
FROM dead_letters AS letter
LEFT JOIN sites ON sites.id = letter.site_id
WHERE {SELECTED} AND (CAST(:before AS bigint) IS NULL OR letter.id < :before)
ORDER BY letter.id DESC
LIMIT :limit
""")  # noqa: S608  # of constants


class LetterSummary(NamedTuple):
    """A letter without its body. `site` None: the entry could not be decoded, or its site is deleted."""

    id: int
    batch_id: str
    position: int
    site: str | None
    event_id: str | None
    received_at: datetime
    dead_lettered_at: datetime
    reason: str
    detail: str
    bytes: int
    retries: int
    retried_at: datetime | None
    is_waiting: bool


def list_dead_letters(
    connection: Connection, selection: Selection, limit: int, before: int | None = None
) -> list[LetterSummary]:
    """The newest first; `before`: only older ones than that id."""
    parameters = _bind(selection) | {"limit": limit, "before": before}
    return [LetterSummary(*row) for row in connection.execute(LIST_DEAD_LETTERS, parameters)]


SELECT_SIZES = text(f"""
SELECT letter.id, octet_length(letter.body), letter.reason
FROM dead_letters AS letter
WHERE {SELECTED}
ORDER BY letter.id
""")  # noqa: S608  # of constants


class LetterSize(NamedTuple):
    """What decides how many letters are retried together."""

    id: int
    bytes: int
    reason: str


def list_sizes(connection: Connection, selection: Selection) -> list[LetterSize]:
    """Of the selected letters, the oldest first. Reads no body."""
    return [LetterSize(*row) for row in connection.execute(SELECT_SIZES, _bind(selection))]


# Locked in the order of their ids, as by a retry, so that the two cannot deadlock.
LOCK_SELECTED = f"SELECT letter.id FROM dead_letters AS letter WHERE {SELECTED} ORDER BY letter.id FOR UPDATE"  # noqa: S608
REQUEST_RETRY = text(f"""
UPDATE dead_letters
SET retry_attempts_left = :attempts
WHERE id IN ({LOCK_SELECTED})
""")  # noqa: S608  # of constants


def request_retry(connection: Connection, selection: Selection) -> int:
    """Has workers retry the letters; how many there are. Safe to repeat."""
    return connection.execute(REQUEST_RETRY, _bind(selection) | {"attempts": MAX_RETRY_ATTEMPTS}).rowcount


# ix_dead_letters_to_retry. Those that no worker has begun come first.
LIST_REQUESTED = text("""
SELECT id, octet_length(body), reason, retry_attempts_left
FROM dead_letters
WHERE retry_attempts_left IS NOT NULL
ORDER BY retry_attempts_left DESC, id
LIMIT :limit
""")
BEGIN_ATTEMPT = text("UPDATE dead_letters SET retry_attempts_left = retry_attempts_left - 1 WHERE id = ANY(:ids)")


def list_requested(connection: Connection, limit: int) -> list[tuple[LetterSize, int]]:
    """Letters that are to be retried, and the attempts that each has left."""
    rows = connection.execute(LIST_REQUESTED, {"limit": limit})
    return [(LetterSize(*row[:3]), row[3]) for row in rows]


def begin_attempt(connection: Connection, ids: Sequence[int]) -> None:
    """Counts an attempt before it begins: a worker that it kills has counted it."""
    connection.execute(BEGIN_ATTEMPT, {"ids": list(ids)})


# The events are counted of the letters that are really deleted: another transaction may have stored some.
DISCARD = text(f"""
WITH letter AS (
    DELETE FROM dead_letters
    WHERE id IN ({LOCK_SELECTED})
    RETURNING id, entry_id, position, site_id, received_at, reason
)
SELECT letter.id, letter.site_id, letter.reason, date_trunc('hour', letter.received_at, 'UTC'),
    CASE WHEN letter.position >= 0 THEN 1 ELSE coalesce(batch.dead_lettered, 0) END
FROM letter
LEFT JOIN LATERAL ({EVENTS_OF_LETTER}) AS batch ON true
ORDER BY letter.id
""")  # noqa: S608  # of constants


class DiscardedLetter(NamedTuple):
    """A letter that was deleted: its events stay dead-lettered in the ledger."""

    id: int
    site_id: int | None
    reason: str
    hour: datetime
    events: int


def discard_dead_letters(connection: Connection, selection: Selection) -> list[DiscardedLetter]:
    """Deletes the letters; what was deleted, by id."""
    return [DiscardedLetter(*row) for row in connection.execute(DISCARD, _bind(selection))]
