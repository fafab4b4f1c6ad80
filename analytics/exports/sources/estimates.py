"""About how many raw rows a site has in a range of time, from its rollups or else from the sizes of partitions.

raw_rows.py cuts parts with it and estimates rows. It reads no raw rows. SELECT only.
"""

import bisect
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from analytics import clock
from analytics.exports.sources.reports import read_zone_of_days
from analytics.exports.sources.request import ExportRequest
from analytics.store.partitions import StoredPartition
from analytics.store.planner import prefer_index_scans

# Bytes of a row where nothing else is known.
EVENT_BYTES, SAMPLE_BYTES = 400, 150

RangeCount = tuple[datetime, datetime, float]


class RowDensity:
    """Rows by time: evenly spread over each of the ranges that were counted."""

    def __init__(self, counts: Sequence[RangeCount]) -> None:
        self._counts, self._before, total = counts, [0.0], 0.0
        for *_, rows in counts:
            self._before.append(total := total + rows)
        self._starts = [start for start, *_ in counts]

    def count(self, start: datetime, end: datetime) -> float:
        """Rows in `[start, end)`."""
        return self._count_until(end) - self._count_until(start)

    def _count_until(self, instant: datetime) -> float:
        last = bisect.bisect_right(self._starts, instant) - 1
        if last < 0:
            return 0.0
        start, end, rows = self._counts[last]
        return self._before[last] + rows * min(1.0, (instant - start) / (end - start))


def read_density(connection: Connection, request: ExportRequest, partitions: Sequence[StoredPartition]) -> RowDensity:
    """The density of the request's rows; of a filter, it knows types, bots and names. One query."""
    if request.what == "samples":
        counts, row_bytes = _read_hourly_samples(connection, request), SAMPLE_BYTES
    else:
        counts, row_bytes = _read_daily_events(connection, request), EVENT_BYTES
    return RowDensity(counts or [(start, end, size / row_bytes) for start, end, size in partitions])


# User numbers of a site have no gaps.
COUNT_USERS = text("SELECT next_user_no - 1 FROM user_numbers WHERE site_id = :site_id")


def count_users(connection: Connection, site_id: int) -> int:
    """The users of the site, at least 1."""
    return connection.execute(COUNT_USERS, {"site_id": site_id}).scalar() or 1


# Served by the leading columns of pk_rollups.
SELECT_DAILY_EVENTS = text("""
SELECT day, sum(events)
FROM rollups
WHERE site_id = :site_id AND span = 'day' AND dimension = 'total' AND day >= :first AND day <= :last
  AND subject = '' AND (CAST(:types AS text[]) IS NULL OR type = ANY(CAST(:types AS text[]))) AND (:bots OR NOT is_bot)
GROUP BY day
ORDER BY day
""")


def _read_daily_events(connection: Connection, request: ExportRequest) -> list[RangeCount]:
    zone = read_zone_of_days(connection, request.site_id)
    parameters = {
        "site_id": request.site_id,
        "types": list(request.filter.types) or None,
        "bots": request.filter.include_bots,
        "first": clock.day_of(request.start, zone),
        "last": clock.day_of(request.end, zone),
    }
    days = connection.execute(SELECT_DAILY_EVENTS, parameters)
    return [(*clock.day_bounds(day, zone), float(rows)) for day, rows in days]


# One range of pk_sample_rollups for each name.
SELECT_HOURLY_SAMPLES = text("""
SELECT hourly.hour, sum(hourly.count)
FROM sample_names AS names
CROSS JOIN LATERAL (
    SELECT hour, count
    FROM sample_rollups
    WHERE site_id = names.site_id AND name = names.name AND NOT tagged
        AND hour > :start - interval '1 hour' AND hour < :end
    OFFSET 0
) AS hourly
WHERE names.site_id = :site_id AND (CAST(:names AS text[]) IS NULL OR names.name = ANY(CAST(:names AS text[])))
GROUP BY hourly.hour
ORDER BY hourly.hour
""")


def _read_hourly_samples(connection: Connection, request: ExportRequest) -> list[RangeCount]:
    prefer_index_scans(connection)
    parameters = {"site_id": request.site_id, "names": list(request.filter.names) or None}
    hours = connection.execute(SELECT_HOURLY_SAMPLES, parameters | {"start": request.start, "end": request.end})
    return [(hour, hour + timedelta(hours=1), float(rows)) for hour, rows in hours]
