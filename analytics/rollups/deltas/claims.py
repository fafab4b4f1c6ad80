"""Claims waiting deltas, applies them to rollups and visits, and lists the days they change.

merge, rebuild and close_days call it under the site's lock (locks.py), each in one transaction: a delta is removed by
the transaction that writes its rows. Only writer.py adds deltas.
"""

from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import Connection

from analytics.rollups import rows
from analytics.rollups.deltas.counts import Delta, sum_bodies_in_parts
from analytics.rollups.visits.store import apply_visit_parts
from analytics.store.copy.binary_copy import as_int, as_text, read_binary
from analytics.store.planner import force_index_lookups

# Events whose deltas are claimed in one transaction, which bounds the memory.
EVENTS_AT_A_TIME = 150_000


class ZoneDeltas(NamedTuple):
    """Encoded deltas of one zone."""

    zone: str
    bodies: list[bytes]

    def decode_in_parts(self) -> Iterator[Delta]:
        """Their sum, in parts. Raises UnreadableDelta."""
        return sum_bodies_in_parts(self.bodies, self.zone)


class ClaimedDeltas(NamedTuple):
    """Deltas that this transaction has removed: how many, their events, and their bodies by zone."""

    deltas: int
    events: int
    by_zone: dict[str, ZoneDeltas]


# Served by ix_rollup_deltas_site_id_id. The inner LIMIT keeps a backlog from being summed up at every merge.
CLAIM_DELTAS = """
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


def claim_deltas(connection: Connection, site_id: int, events: int = EVENTS_AT_A_TIME) -> ClaimedDeltas:
    """Removes the site's oldest deltas, of about `events` events."""
    force_index_lookups(connection)
    by_zone: dict[str, ZoneDeltas] = {}
    deltas = claimed_events = 0
    for zone, delta_events, body in read_binary(connection, CLAIM_DELTAS, {"site_id": site_id, "events": events}):
        name = as_text(zone)
        by_zone.setdefault(name, ZoneDeltas(name, [])).bodies.append(body)
        deltas, claimed_events = deltas + 1, claimed_events + as_int(delta_events)
    return ClaimedDeltas(deltas, claimed_events, by_zone)


def apply_deltas(connection: Connection, site_id: int, deltas: ZoneDeltas) -> int:
    """Adds claimed deltas to rollups and visits and marks their days open; how many rollup rows it wrote."""
    return sum(apply_delta(connection, site_id, part) for part in deltas.decode_in_parts())


def apply_delta(connection: Connection, site_id: int, delta: Delta) -> int:
    """`apply_deltas` of a decoded delta."""
    written = rows.add(connection, site_id, delta.counts)
    days = {key.day for key in delta.counts}
    if delta.visit_parts:
        days |= apply_visit_parts(connection, site_id, delta.zone, delta.visit_parts)
    rows.mark_days_open(connection, site_id, days)
    return written
