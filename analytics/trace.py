"""What became of one event: its row, its batch, the rollups it feeds; or where it waits, or why it died. Only reads.

`flask trace` and GET /api/analytics/events/<id>/trace call it. A derived id names its entry of the stream; an id that
the caller chose says nothing about its batch, which is then found by the row's received_at.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import zstandard
from redis import Redis
from sqlalchemy import Connection, Engine, RowMapping, text

from analytics import clock
from analytics.ingest import buffer
from analytics.ingest.ids import derived_from, event_uuid
from analytics.rollups.guard import OTHER
from analytics.sites import Site
from analytics.store.reading import reading

STORED, WAITING, DEAD, GONE, UNKNOWN = "stored", "waiting", "dead_lettered", "gone", "unknown"
TIMEOUT_S = 30.0
# Waiting entries that are searched for an id which the caller chose.
SEARCHED, PAGE = 20_000, 100
# The same of batches that died as a whole.
DEAD_SEARCHED = 1000
# An entry's id holds Redis's clock, received_at the web process's; they may differ.
CLOCKS_DIFFER = timedelta(hours=1)


class Traced(NamedTuple):
    """What is looked for: the id as a UUID, where a derived id says it came from, and in which sites."""

    event_id: str
    origin: tuple[str, int] | None
    sites: dict[int, Site]


def trace(engine: Engine, redis: Redis, event_id: str, sites: Sequence[Site]) -> dict[str, Any]:
    """`state` (stored, waiting, dead_lettered, gone, unknown) and everything known beside it, as plain values.

    `sites` are those that may be told about. The stream is looked at first: an entry leaves it only when its rows are
    there, so no event can slip between the two looks.
    """
    uuid = event_uuid(event_id)
    asked = Traced(uuid, derived_from(uuid), {site.id: site for site in sites})
    copies = list(_waiting(redis, asked))
    with reading(engine.execution_options(isolation_level="REPEATABLE READ"), TIMEOUT_S) as connection:
        connection.execute(BY_INDEX)
        row = connection.execute(FIND, {"sites": list(asked.sites), "event_id": uuid}).mappings().first()
        letter = None if row else _dead_letter(connection, asked)
        if letter and asked.origin is None:
            asked = asked._replace(origin=(letter["entry_id"], letter["position"]))
        batch = _batch(connection, asked, row)
        feeds = _feeds(connection, asked.sites[row["site_id"]], row, batch) if row else []
    # A copy whose batch is in the ledger is the one that was stored, and only its acknowledgement is missing.
    copies = [one for one in copies if batch is None or one["batch_id"] != batch["entry_id"]]
    site_id = row["site_id"] if row else batch["site_id"] if batch else None
    return {
        "event_id": uuid,
        "asked": event_id,
        "state": _state(row, letter, copies, batch),
        "site": asked.sites[site_id].key if site_id in asked.sites else None,
        "event": _event(row),
        "batch": _described(batch),
        "dead_letter": letter,
        # Of a stored event: copies that were sent again, and will be counted as duplicates.
        "waiting": copies,
        "rollups": feeds,
    }


def _state(row: Any, letter: Any, copies: Sequence[Any], batch: Any) -> str:
    if row:
        return STORED
    if letter:
        return DEAD
    if copies:
        return WAITING
    # Its batch was stored: the row is past retention, was erased, or is lost, which the audit would tell.
    return GONE if batch else UNKNOWN


# For young partitions without statistics: the planner would read all of them.
BY_INDEX = text("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL jit = off")
# Two columns of uq_events in every partition.
FIND = text("""
SELECT site_id, event_id::text, ts, received_at, type, user_id, user_no, session_id, subject, is_bot, path, referrer,
    source, country, region, city, browser, os, device, utm_source, utm_medium, utm_campaign
FROM events
WHERE site_id = ANY (:sites) AND event_id = CAST(:event_id AS uuid)
ORDER BY received_at
LIMIT 1
""")
# Served by uq_dead_letters for a derived id; else reads the dead letters, which are few.
LETTER = text("""
SELECT entry_id, position, reason, detail
FROM dead_letters
WHERE site_id = ANY (:sites)
    AND (event_id = CAST(:event_id AS uuid) OR (entry_id = :entry_id AND position IN (-1, :position)))
ORDER BY id
LIMIT 1
""")


def _dead_letter(connection: Connection, asked: Traced) -> dict[str, Any] | None:
    entry_id, position = asked.origin or ("", 0)
    given = {"sites": list(asked.sites), "event_id": asked.event_id, "entry_id": entry_id, "position": position}
    found = connection.execute(LETTER, given).mappings().first()
    if found is None and asked.origin is None:
        return _dead_batch(connection, asked)
    return dict(found) if found else None


# pk_dead_letters from its end.
DEAD_BATCHES = text("""
SELECT entry_id, position, reason, detail, body
FROM dead_letters
WHERE site_id = ANY (:sites) AND position = -1
ORDER BY id DESC
LIMIT :most
""")


def _dead_batch(connection: Connection, asked: Traced) -> dict[str, Any] | None:
    """The letter of a batch that died as a whole and carried the id, among the last that did."""
    given = {"sites": list(asked.sites), "most": DEAD_SEARCHED}
    for letter in connection.execution_options(yield_per=10).execute(DEAD_BATCHES, given).mappings():
        if _position(buffer.read_entry(letter["body"]), asked) is not None:
            return {name: letter[name] for name in ("entry_id", "position", "reason", "detail")}
    return None


# By pk_ingest_ledger in one or two partitions where the entry is known; else reads the one partition of the instant.
BATCH = text("""
SELECT entry_id, site_id, received_at, stored_at, received, stored, duplicate, dead, principal, request_id,
    CAST(xmin AS text) AS stored_by
FROM ingest_ledger
WHERE site_id = ANY (:sites) AND received_at BETWEEN :earliest AND :latest
    AND (CAST(:entry_id AS text) IS NULL OR entry_id = :entry_id)
ORDER BY stored DESC
LIMIT 1
""")


def _batch(connection: Connection, asked: Traced, row: RowMapping | None) -> RowMapping | None:
    """The ledger row of the batch that brought the row, or that a derived id names."""
    found = None
    if asked.origin:
        at = datetime.fromtimestamp(min(int(asked.origin[0].split("-")[0]) / 1e3, 9e9), UTC)
        window = {"earliest": at - CLOCKS_DIFFER, "latest": at + CLOCKS_DIFFER, "entry_id": asked.origin[0]}
        found = connection.execute(BATCH, {"sites": list(asked.sites), **window}).mappings().first()
    if found is None and row is not None:
        window = {"earliest": row["received_at"], "latest": row["received_at"], "entry_id": None}
        found = connection.execute(BATCH, {"sites": [row["site_id"]], **window}).mappings().first()
    return found if found is None or row is not None or (asked.origin and asked.origin[1] < found["received"]) else None


def _waiting(redis: Redis, asked: Traced) -> Iterator[dict[str, Any]]:
    """Entries of the stream that hold the event: the one that a derived id names, or those that carry the id."""
    if asked.origin is not None:
        entry = buffer.find(redis, asked.origin[0])
        if entry and asked.origin[1] < entry.count and entry.site_id in asked.sites:
            yield _copy(asked.origin[0], asked.origin[1], entry)
            return
    after, searched = "-", 0
    while searched < SEARCHED:
        page = buffer.page(redis, after, PAGE)
        for entry_id, found, _ in page:
            position = _position(found, asked)
            if found is not None and position is not None:
                yield _copy(entry_id, position, found)
        if len(page) < PAGE:
            return
        after, searched = f"({page[-1].entry_id}", searched + PAGE


class _Named(msgspec.Struct):
    event_id: str | int | None = None


_decode = msgspec.json.Decoder(list[_Named]).decode


def _position(entry: buffer.Entry | None, asked: Traced) -> int | None:
    if entry is None or entry.site_id not in asked.sites:
        return None
    try:
        names = _decode(entry.json())
    except (msgspec.MsgspecError, zstandard.ZstdError):
        return None
    given = ((n, str(one.event_id)) for n, one in enumerate(names) if one.event_id is not None)
    return next((n for n, name in given if event_uuid(name) == asked.event_id), None)


def _copy(entry_id: str, position: int, entry: buffer.Entry) -> dict[str, Any]:
    return {
        "batch_id": entry_id,
        "position": position,
        "site": entry.site_key,
        "received_at": _instant(datetime.fromtimestamp(entry.received_us / 1e6, UTC)),
        "principal": entry.principal,
        "request_id": entry.request_id,
    }


READ_ZONE = text("SELECT coalesce(rollups_zone, zone) FROM sites WHERE id = :site_id")
# The delta was written by the ledger row's transaction. ix_rollup_deltas_site_id_id.
IS_WAITING = text(
    "SELECT EXISTS (SELECT FROM rollup_deltas WHERE site_id = :site_id AND xmin = CAST(:stored_by AS xid))"
)
# pk_rollups, all of its columns.
ROWS = text("""
SELECT dimension, type, subject, value
FROM rollups
WHERE site_id = :site_id AND span = 'day' AND dimension = ANY (:dimensions) AND day = :day AND type = ANY (:types)
    AND subject = ANY (:subjects) AND is_bot = :is_bot AND value = ANY (:values)
""")


def _feeds(connection: Connection, site: Site, row: RowMapping, batch: RowMapping | None) -> list[dict[str, Any]]:
    """Each rollup row that counts the event, and whether it does already (`merged`), or from a delta (`waiting`).

    `missing`: it should and does not. Of an event whose batch the ledger no longer knows, none waits.
    """
    zone: str = connection.execute(READ_ZONE, {"site_id": site.id}).scalar_one()
    stored_by = batch["stored_by"] if batch else None
    given = {"site_id": site.id, "stored_by": stored_by}
    waits = stored_by is not None and connection.execute(IS_WAITING, given).scalar_one()
    said = _values(row, zone)
    day, subjects = clock.day_of(row["ts"], clock.zone(zone)), sorted({"", row["subject"] or ""})
    kept = set() if waits else _kept(connection, site.id, row, said, day, subjects)
    feeds = []
    for subject in subjects:
        for dimension, value in said.items():
            asked = (dimension, row["type"], subject, value)
            found = asked if waits or asked in kept else _elsewhere(asked, kept)
            state = "waiting" if waits else "merged" if found else "missing"
            name, kind, about, listed = found or asked
            feeds.append({"dimension": name, "day": str(day), "type": kind, "subject": about, "value": listed,
                          "is_bot": row["is_bot"], "state": state})  # fmt: skip
    return feeds


def _values(row: RowMapping, zone: str) -> dict[str, str]:
    """Dimension → what the event counts under."""
    tz = clock.zone(zone)
    hours = (row["ts"] - clock.day_start(clock.day_of(row["ts"], tz), tz)) // timedelta(hours=1)
    plain = ("path", "referrer", "source", "country", "browser", "os", "device")
    country, region, city = (row[name] or "" for name in ("country", "region", "city"))
    return {
        "total": "",
        "hour": f"{hours:02}",
        **{name: row[name] or "" for name in (*plain, "utm_source", "utm_medium", "utm_campaign")},
        "region": region and f"{country}/{region}",
        "city": city and f"{country}/{region}/{city}",
    }


Listed = tuple[str, str, str, str]


def _kept(
    connection: Connection, site_id: int, row: RowMapping, said: dict[str, str], day: date, subjects: list[str]
) -> set[Listed]:
    given = {
        "site_id": site_id, "dimensions": list(said), "day": day, "types": [row["type"], OTHER],
        "subjects": [*subjects, OTHER], "is_bot": row["is_bot"], "values": [*said.values(), OTHER],
    }  # fmt: skip
    return {(one.dimension, one.type, one.subject, one.value) for one in connection.execute(ROWS, given)}


def _elsewhere(asked: Listed, kept: set[Listed]) -> Listed | None:
    """Where the cardinality guard has put it: '(other)' in place of a value, a subject, a type, or several of them."""
    dimension, kind, subject, value = asked
    options = [
        (dimension, one, about, listed)
        for one in (kind, OTHER)
        for about in ((subject, OTHER) if subject else ("",))
        for listed in (value, OTHER)
    ]
    return next((option for option in options if option in kept), None)


def _event(row: RowMapping | None) -> dict[str, Any] | None:
    if row is None:
        return None
    shown = ("type", "user_id", "user_no", "session_id", "subject", "is_bot", "path")
    return {"ts": _instant(row["ts"]), "received_at": _instant(row["received_at"]), **{n: row[n] for n in shown}}


def _described(batch: RowMapping | None) -> dict[str, Any] | None:
    if batch is None:
        return None
    times = {name: _instant(batch[name]) for name in ("received_at", "stored_at")}
    counts = {name: batch[name] for name in ("received", "stored", "duplicate")}
    sender = {name: batch[name] for name in ("principal", "request_id")}
    return {"batch_id": batch["entry_id"], **times, **sender, **counts, "dead_lettered": batch["dead"]}


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
