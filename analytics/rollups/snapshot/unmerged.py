"""The unmerged deltas of a site at a snapshot's instant: read once, decoded once a group of dimensions.

snapshot.py owns it. Only SELECTs; which of the counts a report needs, and under which values, is decided in
snapshot.py.
"""

from sqlalchemy import Connection

from analytics.rollups.deltas.counts import Count, RollupKey, sum_bodies
from analytics.rollups.visits.sessionization import VisitPart
from analytics.rollups.visits.store import read_sum_changes
from analytics.rollups.visits.sums import VisitSumChanges
from analytics.store.copy.binary_copy import as_int, as_text, read_binary

# ix_rollup_deltas_site_id_id.
READ_DELTAS = "SELECT zone, events, body FROM rollup_deltas WHERE site_id = %(site_id)s"
# Joining a page view with stored visits takes some 20 us. With more of them, visits show when they are merged, seconds
# later.
MAX_EVENTS_FOR_VISITS = 20_000


class UnmergedDeltas:
    """Counts by group of dimensions; nothing is read before the first use."""

    def __init__(self, connection: Connection, site_id: int) -> None:
        self._connection, self._site_id = connection, site_id
        self._bodies_by_zone: dict[str, list[bytes]] | None = None
        self._counts: dict[tuple[str, ...], dict[RollupKey, Count]] = {}
        self._visit_changes: VisitSumChanges | None = None
        self._events = 0

    def counts(self, dimensions: tuple[str, ...]) -> dict[RollupKey, Count]:
        """All unmerged counts of the dimensions, under their original values."""
        if dimensions not in self._counts:
            self._counts[dimensions] = self._sum(dimensions)
        return self._counts[dimensions]

    def _sum(self, dimensions: tuple[str, ...]) -> dict[RollupKey, Count]:
        """Right after a change of zone, deltas are in two calendars: each counts for the day that it names."""
        total: dict[RollupKey, Count] = {}
        for zone, bodies in self._read().items():
            counts = sum_bodies(bodies, zone, dimensions, visit_parts=False).counts
            for key, count in counts.items() if total else ():
                total.setdefault(key, Count()).add(count)
            total = total or counts
        return total

    def visit_changes(self, zone: str) -> VisitSumChanges:
        """What the unmerged page views change of the sums of visits, in the calendar of `zone`. Nothing, where
        MAX_EVENTS_FOR_VISITS are exceeded."""
        if self._visit_changes is None:
            parts = self.visit_parts()
            self._visit_changes = (
                read_sum_changes(self._connection, self._site_id, zone, parts) if parts else VisitSumChanges(zone)
            )
        return self._visit_changes

    def visit_parts(self) -> list[VisitPart]:
        """The unmerged page views as parts of visits; none, where MAX_EVENTS_FOR_VISITS are exceeded."""
        by_zone = self._read()
        if self._events > MAX_EVENTS_FOR_VISITS:
            return []
        return [part for zone, bodies in by_zone.items() for part in sum_bodies(bodies, zone, ()).visit_parts]

    def _read(self) -> dict[str, list[bytes]]:
        if self._bodies_by_zone is None:
            self._bodies_by_zone = {}
            for zone, events, body in read_binary(self._connection, READ_DELTAS, {"site_id": self._site_id}):
                self._bodies_by_zone.setdefault(as_text(zone), []).append(body)
                self._events += as_int(events)
        return self._bodies_by_zone
