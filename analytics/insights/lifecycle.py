"""Lifecycle: new, returning, resurrected and dormant users by day, ISO week or calendar month, from bitmaps alone.

Of the users active in a unit, `new` are active for the first time, `returning` were also active in the unit before, and
`resurrected` were active earlier but not in the unit before; the three sum to `active`. `dormant` were active in the
unit before and not in this one. Units are always whole: until the last one is over, its dormant users may still become
active. views.py calls it; nothing here reads raw events.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from pyroaring import BitMap64

from analytics.reports.audience.active import AudienceFilter, users_before, users_by_day
from analytics.reports.audience.retention import cohort_edges
from analytics.reports.day_range import DayRange, expand_to_unit, read_days
from analytics.reports.request import ReportRequest
from analytics.reports.responses.cache import get_or_compute
from analytics.rollups.snapshot.snapshot import Snapshot


class LifecycleBucket(NamedTuple):
    """Users of the unit that begins on `date`."""

    date: date
    active: int
    new: int
    returning: int
    resurrected: int
    dormant: int

    def as_json(self) -> dict[str, Any]:
        return {**self._asdict(), "date": str(self.date)}


def build_report(request: ReportRequest) -> dict[str, Any]:
    """The series of the request's units, extended to whole ones. Raises BadInput."""
    query, unit = request.query, request.query["unit"]
    with request.open_snapshot() as snapshot:
        days = read_days(request, snapshot.zone)
        edges = cohort_edges(days, unit)
        period = days._replace(first=edges[0], after=edges[-1]).period
        user_filter = AudienceFilter(query.get("type"), query.get("include_bots", False))

        def compute() -> dict[str, Any]:
            series = [bucket.as_json() for bucket in count_lifecycle(snapshot, edges, unit, days, user_filter)]
            totals = {"granularity": unit, "series": series, "last_is_over": period.end <= request.now}
            return {**totals, "meta": request.meta(period, "rollup")}

        return get_or_compute(request, "lifecycle", period, compute, snapshot.connection)


def count_lifecycle(
    snapshot: Snapshot, edges: Sequence[date], unit: str, days: DayRange, user_filter: AudienceFilter
) -> list[LifecycleBucket]:
    """One bucket a unit; `edges`: `cohort_edges(days, unit)`. Reads each day's bitmaps once, and a union of the past.

    O(units), a few unions and intersections each: 10 µs for 100,000 users.
    """
    if len(edges) < 2:
        return []
    before = expand_to_unit(DayRange(edges[0] - timedelta(days=1), edges[0], days.zone), unit).first
    bounds = [before, *edges]
    users_by_unit = [BitMap64() for _ in bounds[:-1]]
    for day, active in users_by_day(snapshot, before, edges[-1], user_filter):
        users_by_unit[bisect_right(bounds, day) - 1] |= active
    seen = users_before(snapshot, edges[0], user_filter)
    buckets = []
    for start, last, now in zip(edges[:-1], users_by_unit, users_by_unit[1:], strict=False):
        new, returning = now.difference_cardinality(seen), now.intersection_cardinality(last)
        resurrected = len(now) - new - returning
        buckets.append(LifecycleBucket(start, len(now), new, returning, resurrected, last.difference_cardinality(now)))
        seen |= now
    return buckets
