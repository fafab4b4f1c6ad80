"""How much of what came in since a schedule's last file its next one holds: no more rows than an export may have.

schedules.py asks when it makes a job. What does not fit is the file after, so that none is missed or repeated.
"""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from analytics.exports import sources

# An estimate may be this many times too small before the rows are not counted, and the job fails.
DOUBT = 2


class Left(NamedTuple):
    """What a job without a file was to hold: rows received in `[since, until)`; None: from the beginning on."""

    since: datetime | None
    until: datetime | None


# The first of the jobs without a file that came after the last one with a file, and where the last of them ended.
LEFT = text("""
SELECT CAST(request ->> 'received_from' AS timestamptz), last_value(cutoff) OVER (
    ORDER BY created_at ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
)
FROM export_jobs
WHERE schedule_id = :id AND state IN ('failed', 'cancelled')
  AND created_at > coalesce(
      (SELECT max(created_at) FROM export_jobs WHERE schedule_id = :id AND state IN ('done', 'expired')), '-infinity')
ORDER BY created_at
LIMIT 1
""")


def left_by(connection: Connection, schedule_id: str) -> Left | None:
    """What the schedule's last jobs did not bring; None: they did."""
    row = connection.execute(LEFT, {"id": schedule_id}).first()
    return None if row is None else Left(*row)


# A scan of the site's partitions: there is no index on received_at, which would cost every row a microsecond.
BY_HOUR = """
SELECT date_bin('1 hour', received_at, TIMESTAMPTZ 'epoch') AS hour, count(*)
{rows}
GROUP BY hour
ORDER BY hour
"""
AFTER_SO_MANY = """
SELECT received_at
{rows}
ORDER BY received_at
OFFSET %(fitting)s
LIMIT 1
"""


def fitting(connection: Connection, request: sources.Request, cutoff: datetime, most: int, is_sure: bool) -> datetime:
    """Until when the request's rows, from its `received_from` on, are at most `most`: `cutoff`, when all of them are.

    Counts when `is_sure` is asked for, or when an estimate says that there may be too many: one scan, then a sort of an
    hour. Later than `received_from`, even when more than `most` came in at one instant: then the job says so.
    """
    if request.what == "report":
        return cutoff
    if not is_sure and sources.most_rows(connection, request) * DOUBT <= most:
        return cutoff
    rows, given, before = *_bound(request, cutoff), 0
    for hour, count in connection.exec_driver_sql(BY_HOUR.format(rows=rows), given):
        if before + count > most:
            since = max(hour, request.received_from or hour)
            return _cut(connection, rows, given | {"received_from": since}, most - before, before == 0)
        before += count
    return cutoff


def _cut(connection: Connection, rows: str, given: dict[str, Any], fitting: int, is_first: bool) -> datetime:
    """When the first row that is one too many was received; past the very first instant at least."""
    statement = AFTER_SO_MANY.format(rows=rows)
    found: datetime = connection.exec_driver_sql(statement, given | {"fitting": fitting}).scalar_one()
    if is_first and connection.exec_driver_sql(statement, given | {"fitting": 0}).scalar_one() == found:
        return found + datetime.resolution
    return found


def _bound(request: sources.Request, cutoff: datetime) -> tuple[str, dict[str, Any]]:
    _, rows, given = sources.selection_of(request, cutoff)
    return rows, given | {"start": request.start, "end": request.end}
