"""The retention grid: of the people who came first in one unit of time, how many came again in each one after.

From bitmaps alone; a unit is a day, an ISO week or a calendar month, always a whole one.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from pyroaring import BitMap64

from analytics.reports.active import Whom, people_by_day, users_before
from analytics.reports.days import Days, around, refuse
from analytics.rollups.reading import Snapshot

MOST_COHORTS = 366


class Cohort(NamedTuple):
    """Who came first, ever, in the unit that begins on `start`: how many of them came in it and in each one after."""

    start: date
    retained: list[int]

    @property
    def size(self) -> int:
        return self.retained[0]

    @property
    def rates(self) -> list[float | None]:
        """Parts of the cohort; None: nobody is in it."""
        return [round(count / self.size, 4) if self.size else None for count in self.retained]

    def as_json(self) -> dict[str, Any]:
        return {"start": str(self.start), "size": self.size, "retained": self.retained, "rates": self.rates}


def units(days: Days, unit: str) -> list[date]:
    """Where the units begin that hold the days, and at last where the last one ends. Raises BadInput when too many."""
    edges = [around(days, unit).first]
    while edges[-1] < days.after:
        if len(edges) > MOST_COHORTS:
            detail = f"more than {MOST_COHORTS} cohorts; ask for fewer days, or for a longer unit"
            raise refuse("unit", detail, "unit=month")
        last = edges[-1]
        edges.append(around(Days(last, last + timedelta(days=1), days.zone), unit).after)
    return edges


def grid(found: Snapshot, edges: Sequence[date], whom: Whom) -> list[Cohort]:
    """A cohort a unit. Reads each day's bitmaps once, and those of all days before: whoever was there is not new.

    O(cohorts²) intersections, 1 µs each.
    """
    active = _by_unit(found, edges, whom)
    seen = users_before(found, edges[0], whom)
    cohorts = []
    for n, start in enumerate(edges[:-1]):
        cohort = active[n] - seen
        seen |= cohort
        cohorts.append(Cohort(start, [cohort.intersection_cardinality(later) for later in active[n:]]))
    return cohorts


def _by_unit(found: Snapshot, edges: Sequence[date], whom: Whom) -> list[BitMap64]:
    people = [BitMap64() for _ in pairwise(edges)]
    for day, active in people_by_day(found, edges[0], edges[-1], whom):
        people[bisect_right(edges, day) - 1] |= active
    return people
