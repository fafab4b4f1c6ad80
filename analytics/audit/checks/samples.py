"""Samples: stored = rolled up, by UTC hour and to the last digit; and how many of the ledger's rows are samples.

run.py calls it for each site.
"""

from datetime import datetime

from sqlalchemy import Connection, text

from analytics.audit.balance_sheet import format_instant
from analytics.audit.checks.recount import repeatable_read
from analytics.audit.checks.site_audit import SiteAudit

# At most this many gaps are listed.
MAX_LISTED_GAPS = 100

# Reads the partitions of the hours once; and ranges of pk_sample_rollups.
FIND_SAMPLE_GAPS = text("""
SELECT name, hour, raw.count, whole.count, tagged.count,
    raw.count IS DISTINCT FROM whole.count OR tagged.count IS DISTINCT FROM whole.count AS miscounted
FROM (
    SELECT name, date_trunc('hour', ts, 'UTC') AS hour, count(*), sum(value), min(value), max(value), max(ts) AS last_at
    FROM samples
    WHERE site_id = :site_id AND ts >= :start AND ts < :end
    GROUP BY 1, 2
) AS raw
FULL JOIN (
    SELECT name, hour, count, sum, min, max, last_at
    FROM sample_rollups
    WHERE site_id = :site_id AND NOT tagged AND hour >= :start AND hour < :end
) AS whole USING (name, hour)
FULL JOIN (
    SELECT name, hour, sum(count)::bigint AS count, sum(sum)
    FROM sample_rollups
    WHERE site_id = :site_id AND tagged AND hour >= :start AND hour < :end
    GROUP BY 1, 2
) AS tagged USING (name, hour)
WHERE (raw.count, raw.sum, raw.min, raw.max, raw.last_at, tagged.count, tagged.sum)
    IS DISTINCT FROM (whole.count, whole.sum, whole.min, whole.max, whole.last_at, whole.count, whole.sum)
ORDER BY name, hour
LIMIT :listed
""")
READ_RAW_SINCE = text("""
SELECT date_trunc('hour', raw_since + interval '1 hour' - interval '1 microsecond', 'UTC')
FROM sites
WHERE id = :site_id
""")


def check_samples(audit: SiteAudit, start: datetime, end: datetime) -> None:
    """Adds the gaps of UTC hours that begin in `[start, end)`, except hours whose raw samples may be deleted."""
    with repeatable_read(audit.engine) as connection:
        raw_since = connection.execute(READ_RAW_SINCE, {"site_id": audit.site.id}).scalar()
        hours = {"start": max(start, raw_since or start), "end": end}
        parameters = {"site_id": audit.site.id, **hours, "listed": MAX_LISTED_GAPS}
        rows = connection.execute(FIND_SAMPLE_GAPS, parameters).all()
    for name, hour, raw, whole, tagged, miscounted in rows:
        where = f"{format_instant(hour)} {name}"
        if not miscounted:
            audit.add_gap(where, "sums of samples = rolled up", raw or 0, whole or 0)
        elif raw != whole:
            audit.add_gap(where, "samples = rolled up", raw or 0, whole or 0)
        else:
            audit.add_gap(where, "samples = rolled up by tags", raw or 0, tagged or 0)


# pk_sample_names; and samples that were deleted by name.
COUNT_STORED_SAMPLES = text("""
SELECT CAST(
    (SELECT coalesce(sum(count), 0) FROM sample_names WHERE site_id = :site_id)
    + (SELECT coalesce(sum(CAST(detail ->> 'samples' AS bigint)), 0)
        FROM audit_log WHERE site_id = :site_id AND action = 'samples.delete') AS bigint)
""")


def count_stored_samples(connection: Connection, site_id: int) -> int:
    """How many samples the site ever stored."""
    return int(connection.execute(COUNT_STORED_SAMPLES, {"site_id": site_id}).scalar_one())
