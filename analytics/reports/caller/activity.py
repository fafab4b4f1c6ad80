"""When a site's first and last events happened, for many sites at once. SELECT only; views.py calls it."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, text

from analytics import clock
from analytics.sites.sites import Site

# Four looks at pk_rollups a site, and one at ix_rollup_deltas_site_id_id, whatever the site's size.
FIRST_AND_LAST = text("""
SELECT s.id, zones.rollups_zone, first.day AS first_day, first_hour.hour AS first_hour,
    last.day AS last_day, last_hour.hour AS last_hour, fresh.first_at, fresh.last_at
FROM unnest(CAST(:ids AS integer[])) AS s (id)
JOIN sites AS zones ON zones.id = s.id
CROSS JOIN LATERAL (
    SELECT min(day) AS day FROM rollups WHERE site_id = s.id AND span = 'day' AND dimension = 'hour'
) AS first
CROSS JOIN LATERAL (
    SELECT max(day) AS day FROM rollups WHERE site_id = s.id AND span = 'day' AND dimension = 'hour'
) AS last
CROSS JOIN LATERAL (
    SELECT min(value) AS hour FROM rollups
    WHERE site_id = s.id AND span = 'day' AND dimension = 'hour' AND day = first.day
) AS first_hour
CROSS JOIN LATERAL (
    SELECT max(value) AS hour FROM rollups
    WHERE site_id = s.id AND span = 'day' AND dimension = 'hour' AND day = last.day
) AS last_hour
CROSS JOIN LATERAL (
    SELECT min(created_at) AS first_at, max(created_at) AS last_at FROM rollup_deltas WHERE site_id = s.id
) AS fresh
""")


class Activity(NamedTuple):
    """The hours in which the first and the last event happened; None: there is none."""

    first_event_at: datetime | None
    last_event_at: datetime | None


def read_activity(connection: Connection, sites: Sequence[Site]) -> Mapping[int, Activity]:
    """Site id → activity, to the hour. Of a site whose events are not merged yet, when they were stored. One query."""
    zones = {site.id: site.zone for site in sites}
    found: dict[int, Activity] = {}
    for row in connection.execute(FIRST_AND_LAST, {"ids": list(zones)}):
        zone = row.rollups_zone or zones[row.id]
        first, last = _hour(row.first_day, row.first_hour, zone), _hour(row.last_day, row.last_hour, zone)
        found[row.id] = Activity(first or row.first_at, last or row.last_at)
    return found


def _hour(day: date | None, hours: str | None, zone: str) -> datetime | None:
    """The start of the hour; `hours`: full hours since the day began."""
    if day is None or hours is None:
        return None
    return clock.day_start(day, clock.zone(zone)) + timedelta(hours=int(hours))
