"""The unmerged deltas of a site at a snapshot's instant: read once, decoded once a group of dimensions.

snapshot.py owns it. Only SELECTs; which of the counts a report needs, and under which values, is decided in
snapshot.py.
"""

from sqlalchemy import Connection

from analytics.rollups.deltas.counts import Count, RollupKey, sum_bodies
from analytics.store.copy.binary_copy import as_text, read_binary

# ix_rollup_deltas_site_id_id.
READ_DELTAS = "SELECT zone, body FROM rollup_deltas WHERE site_id = %(site_id)s"


class UnmergedDeltas:
    """Counts by group of dimensions; nothing is read before the first use."""

    def __init__(self, connection: Connection, site_id: int) -> None:
        self._connection, self._site_id = connection, site_id
        self._bodies_by_zone: dict[str, list[bytes]] | None = None
        self._counts: dict[tuple[str, ...], dict[RollupKey, Count]] = {}

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

    def _read(self) -> dict[str, list[bytes]]:
        if self._bodies_by_zone is None:
            self._bodies_by_zone = {}
            for zone, body in read_binary(self._connection, READ_DELTAS, {"site_id": self._site_id}):
                self._bodies_by_zone.setdefault(as_text(zone), []).append(body)
        return self._bodies_by_zone
