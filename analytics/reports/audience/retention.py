"""The retention grid: of the users first active in one unit of time, how many were active in each later one.

A unit is a whole day, ISO week or calendar month. views.py, insights/ and exports/ call it; it reads bitmaps only.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import Any, NamedTuple

from pyroaring import BitMap64

from analytics.errors import bad_parameter
from analytics.reports.audience.active import AudienceFilter, users_before, users_by_day
from analytics.reports.buckets import unit_bounds
from analytics.reports.day_range import DayRange
from analytics.reports.query.measures import ratio
from analytics.rollups.snapshot.snapshot import Snapshot

MAX_COHORTS = 366


class Cohort(NamedTuple):
    """Users first active ever in the unit that begins on `start`; `retained`: active in it and in each later unit."""

    start: date
    retained: list[int]

    @property
    def size(self) -> int:
        return self.retained[0]

    @property
    def rates(self) -> list[float | None]:
        """`retained` as parts of the cohort; None when the cohort is empty."""
        return [ratio(count, self.size) for count in self.retained]

    def as_json(self) -> dict[str, Any]:
        return {"start": str(self.start), "size": self.size, "retained": self.retained, "rates": self.rates}


def cohort_edges(days: DayRange, unit: str) -> list[date]:
    """The first day of each unit that holds the days, then the day after the last unit.

    Raises BadInput for more than MAX_COHORTS units.
    """
    edges = [unit_bounds(days.first, unit)[0]]
    while edges[-1] < days.after:
        if len(edges) > MAX_COHORTS:
            detail = f"the period has too many cohorts; accepted: up to {MAX_COHORTS}, from fewer days or a longer unit"
            raise bad_parameter("unit", detail, "unit=month")
        edges.append(unit_bounds(edges[-1], unit)[1])
    return edges


def build_cohorts(snapshot: Snapshot, edges: Sequence[date], audience: AudienceFilter) -> list[Cohort]:
    """A cohort a unit. Reads the bitmaps of each day once, and those of all earlier days to leave out known users.

    O(cohorts²) intersections, 1 µs each.
    """
    active = _users_by_unit(snapshot, edges, audience)
    seen = users_before(snapshot, edges[0], audience)
    cohorts = []
    for n, start in enumerate(edges[:-1]):
        cohort = active[n] - seen
        seen |= cohort
        cohorts.append(Cohort(start, [cohort.intersection_cardinality(later) for later in active[n:]]))
    return cohorts


def _users_by_unit(snapshot: Snapshot, edges: Sequence[date], audience: AudienceFilter) -> list[BitMap64]:
    units = [BitMap64() for _ in pairwise(edges)]
    for day, users in users_by_day(snapshot, edges[0], edges[-1], audience):
        units[bisect_right(edges, day) - 1] |= users
    return units
