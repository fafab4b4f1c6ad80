"""The retention grid: of the users first active in one unit of time, how many were active in each later one.

A unit is a whole day, ISO week or calendar month. views.py, insights/, exports/ and users/ call it; it reads bitmaps
only. A filter narrows who is active, not who is new (docs/decisions/0042): counted_users.py reads whom it counts.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date, datetime
from itertools import pairwise
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from pyroaring import BitMap64

from analytics import clock
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


def build_cohorts(
    snapshot: Snapshot, edges: Sequence[date], audience: AudienceFilter, counted: Sequence[BitMap64] | None = None
) -> list[Cohort]:
    """A cohort a unit. Reads the bitmaps of each day once, and those of all earlier days to leave out known users.

    `counted`: the users of each unit with an event that meets the filter. O(cohorts²) intersections, 1 µs each.
    """
    active = _users_by_unit(snapshot, edges, audience)
    seen = users_before(snapshot, edges[0], audience)
    counted = active if counted is None else counted
    cohorts = []
    for n, start in enumerate(edges[:-1]):
        cohort = (active[n] - seen) & counted[n]
        seen |= active[n]
        cohorts.append(Cohort(start, [cohort.intersection_cardinality(later) for later in counted[n:]]))
    return cohorts


def count_over(edges: Sequence[date], zone: ZoneInfo, now: datetime) -> int:
    """How many units, from the first on, are over."""
    return sum(clock.day_start(after, zone) <= now for after in edges[1:])


def average_rates(cohorts: Sequence[Cohort], over: int) -> list[float | None]:
    """For each number of units after the first: of all users whose unit then is over, who was active in it.

    `over`: as `count_over`. None where no cohort has got so far, or none has users.
    """
    averages = []
    for later in range(len(cohorts)):
        reached = cohorts[: max(0, over - later)]
        averages.append(ratio(sum(one.retained[later] for one in reached), sum(one.size for one in reached)))
    return averages


def find_retained(
    snapshot: Snapshot,
    first: tuple[date, date],
    later: tuple[date, date],
    audience: AudienceFilter,
    counted: Sequence[BitMap64] | None = None,
) -> BitMap64:
    """The users behind one number of the grid: of the cohort of the unit `first`, those active in the unit `later`.

    `counted`: as in `build_cohorts`, of these two units.
    """
    (active,), (returned,) = (_users_by_unit(snapshot, unit, audience) for unit in (first, later))
    cohort = active - users_before(snapshot, first[0], audience)
    return cohort & returned if counted is None else cohort & counted[0] & counted[1]


def _users_by_unit(snapshot: Snapshot, edges: Sequence[date], audience: AudienceFilter) -> list[BitMap64]:
    units = [BitMap64() for _ in pairwise(edges)]
    for day, users in users_by_day(snapshot, edges[0], edges[-1], audience):
        units[bisect_right(edges, day) - 1] |= users
    return units
