"""The increment of a schedule's next file: rows since the last file, at most as many as an export may have.

due_jobs.py calls it when it creates a job. The rest goes into the following file, so no row is missed or repeated.
"""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from analytics.exports.sources.export import Export
from analytics.exports.sources.raw_rows import RawRows

# Rows are counted when the limit is less than this many times the estimate.
ESTIMATE_SAFETY_FACTOR = 2


class MissedRange(NamedTuple):
    """What jobs without a file were to hold: rows received in `[since, until)`; `since` None: from the beginning."""

    since: datetime | None
    until: datetime | None


# The first job without a file after the last one with a file, and the cutoff of the last job without a file.
SELECT_MISSED_RANGE = text("""
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


def read_missed_range(connection: Connection, schedule_id: str) -> MissedRange | None:
    """What the last jobs of the schedule failed to deliver; None: nothing."""
    row = connection.execute(SELECT_MISSED_RANGE, {"id": schedule_id}).first()
    return None if row is None else MissedRange(*row)


# Scans the site's partitions: an index on received_at would cost a microsecond for every stored row.
SELECT_ROWS_BY_HOUR = """
SELECT date_bin('1 hour', received_at, TIMESTAMPTZ 'epoch') AS hour, count(*)
{from_clause}
GROUP BY hour
ORDER BY hour
"""
SELECT_NTH_RECEIVED_AT = """
SELECT received_at
{from_clause}
ORDER BY received_at
OFFSET %(offset)s
LIMIT 1
"""


def limit_cutoff(connection: Connection, export: Export, cutoff: datetime, max_rows: int, is_exact: bool) -> datetime:
    """The latest time before which at most `max_rows` rows were received; `cutoff` when all of them fit.

    Counts if `is_exact`, or if an estimate comes near the limit: one scan, then a sort of one hour. Always later than
    `received_from`, even when more than `max_rows` rows were received at one instant: the job then fails with too many.
    """
    if not isinstance(export.source, RawRows):
        return cutoff
    if not is_exact and export.source.estimate_max_rows(connection) * ESTIMATE_SAFETY_FACTOR <= max_rows:
        return cutoff
    request, (from_clause, parameters), before = export.request, export.source.select(cutoff), 0
    parameters = parameters | {"start": request.start, "end": request.end}
    for hour, count in connection.exec_driver_sql(SELECT_ROWS_BY_HOUR.format(from_clause=from_clause), parameters):
        if before + count > max_rows:
            since = max(hour, request.received_from or hour)
            return _cut(connection, from_clause, parameters | {"received_from": since}, max_rows - before, before == 0)
        before += count
    return cutoff


def _cut(
    connection: Connection, from_clause: str, parameters: dict[str, Any], fitting_rows: int, is_first: bool
) -> datetime:
    """When the first row that does not fit was received; of the first hour, after the first instant at least."""
    statement = SELECT_NTH_RECEIVED_AT.format(from_clause=from_clause)

    def received_at(offset: int) -> datetime:
        at: datetime = connection.exec_driver_sql(statement, parameters | {"offset": offset}).scalar_one()
        return at

    until = received_at(fitting_rows)
    return until + datetime.resolution if is_first and received_at(0) == until else until
