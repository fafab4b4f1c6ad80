"""The deltas that wait: takes them, applies what they say, and holds the lock under which that is done.

merge and rebuild call it, each in one transaction of its own: deltas leave with the rows that hold them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection, Engine, text

from analytics.rollups import rows
from analytics.rollups.delta import Delta, unite_in_parts
from analytics.rollups.packed import touched_days
from analytics.rollups.users import as_int, as_text, read_binary
from analytics.rollups.visit_store import apply_touches

# The advisory locks of a site's rollups; of what is read beside merges for long and put under the first one at the end,
# unions and postings; and of a rebuild, which holds the first one too and for long. The site's id is their second half.
LOCK, MAKING_LOCK, REBUILD_LOCK = 7_205_321, 7_205_325, 7_205_326
# Events whose deltas are folded in one transaction, which bounds the memory.
EVENTS_AT_A_TIME = 150_000


class Change(NamedTuple):
    """Deltas of one zone, packed."""

    zone: str
    bodies: list[bytes]

    def parts(self) -> Iterator[Delta]:
        """What they say together. Raises what `unpack_body` does."""
        return unite_in_parts(self.bodies, self.zone)


class Taken(NamedTuple):
    """Deltas that this transaction has removed: how many, their events, and those of each zone."""

    deltas: int
    events: int
    changes: dict[str, Change]


# Served by ix_rollup_deltas_site_id_id. The inner LIMIT keeps a backlog from being summed up at every merge.
TAKE = """
DELETE FROM rollup_deltas
WHERE site_id = %(site_id)s AND id IN (
    SELECT id
    FROM (
        SELECT id, sum(events) OVER (ORDER BY id) - events AS events_before
        FROM (
            SELECT id, events FROM rollup_deltas WHERE site_id = %(site_id)s ORDER BY id LIMIT 10000
        ) AS oldest
    ) AS counted
    WHERE events_before < %(events)s
)
RETURNING zone, events, body
"""


def take(connection: Connection, site_id: int, events: int = EVENTS_AT_A_TIME) -> Taken:
    """Removes the site's oldest deltas, of about `events` events."""
    connection.execute(rows.BY_INDEX)
    changes: dict[str, Change] = {}
    deltas = counted = 0
    for zone, count, body in read_binary(connection, TAKE, {"site_id": site_id, "events": events}):
        name = as_text(zone or b"")
        changes.setdefault(name, Change(name, [])).bodies.append(body or b"")
        deltas, counted = deltas + 1, counted + as_int(count or b"")
    return Taken(deltas, counted, changes)


# ix_rollup_deltas_site_id_id.
WAITING = "SELECT body FROM rollup_deltas WHERE site_id = %(site_id)s"


def waiting_days(connection: Connection, site_id: int) -> set[date]:
    """The days, each of its delta's calendar, that have events in deltas. One query; no event is unpacked."""
    bodies = read_binary(connection, WAITING, {"site_id": site_id})
    return {day for (body,) in bodies for day in touched_days(body or b"")}


def apply(connection: Connection, site_id: int, change: Change) -> int:
    """Adds what was taken to rollups and visits, and opens the days it changed; how many rollup rows it wrote."""
    return sum(add(connection, site_id, part) for part in change.parts())


def add(connection: Connection, site_id: int, change: Delta) -> int:
    """The same of what is unpacked already."""
    written = rows.add(connection, site_id, change.counts)
    days = {key.day for key in change.counts}
    if change.touches:
        days |= apply_touches(connection, site_id, change.zone, change.touches)
    rows.open_days(connection, site_id, days)
    return written


TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(:lock, :site_id)")


def try_lock(connection: Connection, site_id: int) -> bool:
    """Takes the site's lock until the transaction ends; False when another merge or rebuild holds it."""
    found: bool = connection.execute(TRY_LOCK, {"lock": LOCK, "site_id": site_id}).scalar_one()
    return found


# Before the snapshot: a drop of a partition moves raw_since in its own transaction, so that both are seen, or neither.
HOLD_PARTITIONS = text("LOCK TABLE events IN ACCESS SHARE MODE")
WAIT_FOR_LOCK = text("SELECT pg_advisory_lock(:lock, :site_id)")
WAIT_AND_HOLD = text("SELECT pg_advisory_xact_lock(:lock, :site_id)")
UNLOCK = text("SELECT pg_advisory_unlock(:lock, :site_id)")


def hold_rollups(connection: Connection, site_id: int) -> None:
    """From now on, until the transaction ends, no merge and no rebuild changes the site; waits for one that does."""
    connection.execute(WAIT_AND_HOLD, {"lock": LOCK, "site_id": site_id})


def tell_rebuild(connection: Connection, site_id: int) -> None:
    """Until the transaction ends, drains do not wait for the site's merges."""
    connection.execute(WAIT_AND_HOLD, {"lock": REBUILD_LOCK, "site_id": site_id})


@contextmanager
def alone(engine: Engine, site_id: int, *locks: int) -> Iterator[Connection]:
    """A REPEATABLE READ transaction that holds these locks of the site, waiting for them; LOCK where none is named.

    They outlive the transaction: the snapshot must be taken after they were granted, so that it holds everything
    that the merge before us has committed. Whoever takes both MAKING_LOCK and LOCK takes them in this order.
    """
    locks = locks or (LOCK,)
    with engine.connect() as connection:
        try:
            for lock in locks:
                connection.execute(WAIT_FOR_LOCK, {"lock": lock, "site_id": site_id})
                connection.commit()
            connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                connection.execute(HOLD_PARTITIONS)
                yield connection
        finally:
            # A connection that broke took the locks with it.
            if not connection.invalidated:
                connection.rollback()
                for lock in locks:
                    connection.execute(UNLOCK, {"lock": lock, "site_id": site_id})
                connection.commit()
