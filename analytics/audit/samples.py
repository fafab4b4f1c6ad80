"""Samples: stored = rolled up, by hour and to the last digit; and how many of the ledger's rows are samples."""

from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, text

from analytics.audit.recount import snapshot
from analytics.audit.sheet import Gap, Sheet, instant
from analytics.sites import Site

# Gaps that are listed; more of them say nothing new.
LISTED = 100

# The partitions of the hours, read through once; and ranges of pk_sample_rollups.
DIFFERENT = text("""
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
RAW_SINCE = text("""
SELECT date_trunc('hour', raw_since + interval '1 hour' - interval '1 microsecond', 'UTC')
FROM sites
WHERE id = :site_id
""")


def check_samples(engine: Engine, site: Site, start: datetime, end: datetime, sheet: Sheet) -> None:
    """Adds the gaps of UTC hours that begin in `[start, end)`, those whose raw samples may be gone left out."""
    with snapshot(engine) as connection:
        raw_since = connection.execute(RAW_SINCE, {"site_id": site.id}).scalar()
        given = {"site_id": site.id, "start": max(start, raw_since or start), "end": end, "listed": LISTED}
        rows = connection.execute(DIFFERENT, given).all()
    for name, hour, raw, whole, tagged, miscounted in rows:
        where = f"{instant(hour.astimezone(UTC))} {name}"
        if not miscounted:
            sheet.gaps.append(Gap(site.key, where, "sums of samples = rolled up", raw or 0, whole or 0))
        elif raw != whole:
            sheet.gaps.append(Gap(site.key, where, "samples = rolled up", raw or 0, whole or 0))
        else:
            sheet.gaps.append(Gap(site.key, where, "samples = rolled up by tags", raw or 0, tagged or 0))


# pk_sample_names; and what was deleted by name.
EVER = text("""
SELECT CAST(
    (SELECT coalesce(sum(count), 0) FROM sample_names WHERE site_id = :site_id)
    + (SELECT coalesce(sum(CAST(detail ->> 'samples' AS bigint)), 0)
        FROM audit_log WHERE site_id = :site_id AND action = 'samples.delete') AS bigint)
""")


def samples_ever(connection: Connection, site_id: int) -> int:
    """How many samples the site ever stored."""
    return int(connection.execute(EVER, {"site_id": site_id}).scalar_one())
