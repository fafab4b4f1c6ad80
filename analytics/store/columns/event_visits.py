"""The version of the visits that a UTC day's events can be in. Files name it with the visits of their events, and are
believed while it is the same (columnar/write_event_visits.py).

Whatever changes a visit counts up the version of the local day on which it began (rollups/versions.py). An event is in
a visit that began six and a half hours before it at most, or in one that is_long. Of long visits that began earlier and
reach into the day, which grow without an end, the version says which there are: of their sessions no event is named.
"""

from datetime import datetime

from sqlalchemy import Connection, text

from analytics.store.columns.event_days import SiteDay

# Of site s, and of the UTC day e.day: its first and its last local day, also of visits that reach into it.
_ZONE = "coalesce(s.rollups_zone, s.zone)"
_EARLIEST = "CAST(e.day AS timestamp) - interval '6 hours 30 minutes'"
_FIRST_DAY = f"CAST(({_EARLIEST}) AT TIME ZONE 'UTC' AT TIME ZONE {_ZONE} AS date)"
_LAST = "(e.day + interval '1 day' - interval '1 microsecond')"
_LAST_DAY = f"CAST({_LAST} AT TIME ZONE 'UTC' AT TIME ZONE {_ZONE} AS date)"
# A long visit reaches into these UTC days.
_FIRST_REACHED = "CAST((v.started_at + interval '6 hours 30 minutes') AT TIME ZONE 'UTC' AS date) + 1"
_LAST_REACHED = "CAST((v.ended_at + interval '30 minutes') AT TIME ZONE 'UTC' AS date)"
# Those of days that a query asks for.
_FIRST_ASKED, _AFTER_ASKED = (
    f"CAST(CAST(:{name} AS date) AS timestamp) AT TIME ZONE 'UTC'" for name in ("first", "after")
)
OF_ASKED_DAYS = f"""v.started_at < {_AFTER_ASKED} - interval '30 hours 30 minutes'
            AND v.ended_at >= {_FIRST_ASKED} - interval '30 minutes'"""


def join_site_and_visits(which: str = "true") -> str:
    """What VISITS_VERSION needs. `which` of the long visits v are read, some us each. Served by ix_visits_long.

    Those that reach into the same days are added up first: few rows are joined with days.
    """
    return f"""JOIN sites s ON s.id = e.site_id
LEFT JOIN (
    SELECT r.site_id, CAST(reached.day AS date) AS day, sum(r.digest) AS digest
    FROM (
        SELECT v.site_id, {_FIRST_REACHED} AS first, {_LAST_REACHED} AS last,
            sum(hashtextextended(
                concat_ws(' ', v.user_no, v.session_id, v.is_bot, extract(epoch FROM v.started_at)), 0
            )) AS digest
        FROM visits v
        WHERE v.is_long AND {_FIRST_REACHED} <= {_LAST_REACHED}
            AND {which}
        GROUP BY 1, 2, 3
    ) AS r
    CROSS JOIN LATERAL generate_series(
        CAST(r.first AS timestamp), CAST(r.last AS timestamp), interval '1 day'
    ) AS reached (day)
    GROUP BY 1, 2
) AS l ON l.site_id = e.site_id AND l.day = e.day"""  # noqa: S608  # of constants


# Served by pk_day_versions.
VISITS_VERSION = f"""({_ZONE} || ' ' || coalesce(l.digest, 0) || ' ' || (
    SELECT coalesce(sum(v.version), 0)
    FROM day_versions v
    WHERE v.site_id = e.site_id AND v.day BETWEEN {_FIRST_DAY} AND {_LAST_DAY}
))"""  # noqa: S608  # of constants
# Reads a row for each day of a site.
UNNAMED = text(f"""
SELECT e.site_id, e.day
FROM event_days e
JOIN column_days c ON c.site_id = e.site_id AND c.day = e.day
{join_site_and_visits()}
CROSS JOIN LATERAL (SELECT {VISITS_VERSION} AS version) AS now
WHERE c.through >= e.last_drain_no AND coalesce(c.visits_named_at, '-infinity')
        <= CAST(:named_before AS timestamptz) - (CAST(:now AS timestamptz) - {_LAST} AT TIME ZONE 'UTC') / 24
    AND (CAST(:site_id AS int) IS NULL OR e.site_id = :site_id)
    AND {_LAST_DAY} < CAST(CAST(:now AS timestamptz) AT TIME ZONE {_ZONE} AS date)
    AND EXISTS (
        SELECT FROM column_files f
        WHERE f.site_id = e.site_id AND f.day = e.day AND f.visits_version IS DISTINCT FROM now.version
    )
    AND s.deleting_at IS NULL
    AND NOT EXISTS (
        SELECT FROM open_days o
        WHERE o.site_id = e.site_id AND o.day BETWEEN {_FIRST_DAY} AND {_LAST_DAY} AND o.changed_at > :rested_since
    )
ORDER BY e.day DESC, e.site_id
LIMIT :limit
""")  # noqa: S608  # of constants


def list_unnamed(
    connection: Connection,
    now: datetime,
    rested_since: datetime,
    named_before: datetime,
    limit: int,
    site_id: int | None = None,
) -> list[SiteDay]:
    """Days that are over, of which files do not name the visits as they are, whose visits have not changed since
    `rested_since`, and that were named never, or at `named_before` or earlier, by an hour for each day since they were
    over; the latest first. One query."""
    given = {"now": now, "rested_since": rested_since, "named_before": named_before, "limit": limit, "site_id": site_id}
    return [SiteDay(*row) for row in connection.execute(UNNAMED, given)]
