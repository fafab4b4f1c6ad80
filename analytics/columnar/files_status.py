"""How much of each site is in column files. `flask columnar status` and ops/storage show it."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, text

from analytics.store.columns import event_visits


class FilesStatus(NamedTuple):
    """Of a site's UTC `days` with events, how many are `written` and `named` (with the visits of their events)."""

    site: str
    days: int
    written: int
    named: int
    events: int
    bytes: int


# A row for each site; bodies are not read.
STATUS = text(f"""
SELECT s.key, count(*) AS days, count(*) FILTER (WHERE c.through >= e.last_drain_no) AS written,
    count(*) FILTER (WHERE c.through >= e.last_drain_no AND f.are_named) AS named,
    coalesce(sum(f.rows), 0)::bigint AS events, coalesce(sum(f.bytes), 0)::bigint AS bytes
FROM event_days e
{event_visits.join_site_and_visits()}
LEFT JOIN column_days c ON c.site_id = e.site_id AND c.day = e.day
CROSS JOIN LATERAL (
    SELECT sum(rows) AS rows, sum(octet_length(body)) AS bytes,
        bool_and(visits_version IS NOT DISTINCT FROM {event_visits.VISITS_VERSION}) AS are_named
    FROM column_files WHERE site_id = e.site_id AND day = e.day
) AS f
WHERE CAST(:sites AS int[]) IS NULL OR s.id = ANY(:sites)
GROUP BY s.key
ORDER BY s.key
""")  # noqa: S608  # of constants


def read_status(connection: Connection, site_ids: Sequence[int] | None = None) -> list[FilesStatus]:
    """Of these sites, or of all, by key. One query, a row for each day of a site."""
    return [FilesStatus(*row) for row in connection.execute(STATUS, {"sites": site_ids})]
