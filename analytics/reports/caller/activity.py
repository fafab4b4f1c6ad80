"""The hours of a site's first and last stored events, for many sites at once. SELECT only; views.py calls it.

The instants themselves would take a scan: no index of raw events leads with site and time, and one would slow down
every write. Rollups stay when raw events are deleted, so their hours count from `sites.raw_since` on only.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, text

from analytics import clock
from analytics.sites.sites import Site

# Served by the primary key of sites.
READ_CALENDARS = text("""
SELECT id, coalesce(rollups_zone, zone) AS zone, raw_since FROM sites WHERE id = ANY(:ids)
""")
# Five looks at pk_rollups a site, and one at ix_rollup_deltas_site_id_id, whatever the site's size.
FIRST_AND_LAST = text("""
SELECT s.id, s.day AS floor_day, floor.hour AS floor_hour, after.day AS after_day, after_hour.hour AS after_hour,
    last.day AS last_day, last_hour.hour AS last_hour, fresh.first_at, fresh.last_at
FROM unnest(CAST(:ids AS integer[]), CAST(:days AS date[]), CAST(:hours AS text[])) AS s (id, day, hour)
CROSS JOIN LATERAL (
    SELECT min(value) AS hour FROM rollups
    WHERE site_id = s.id AND span = 'day' AND dimension = 'hour' AND day = s.day AND value >= s.hour
) AS floor
CROSS JOIN LATERAL (
    SELECT min(day) AS day FROM rollups WHERE site_id = s.id AND span = 'day' AND dimension = 'hour' AND day > s.day
) AS after
CROSS JOIN LATERAL (
    SELECT min(value) AS hour FROM rollups
    WHERE site_id = s.id AND span = 'day' AND dimension = 'hour' AND day = after.day
) AS after_hour
CROSS JOIN LATERAL (
    SELECT max(day) AS day FROM rollups WHERE site_id = s.id AND span = 'day' AND dimension = 'hour' AND day >= s.day
) AS last
CROSS JOIN LATERAL (
    SELECT max(value) AS hour FROM rollups
    WHERE site_id = s.id AND span = 'day' AND dimension = 'hour' AND day = last.day
        AND (last.day > s.day OR value >= s.hour)
) AS last_hour
CROSS JOIN LATERAL (
    SELECT min(created_at) AS first_at, max(created_at) AS last_at FROM rollup_deltas WHERE site_id = s.id
) AS fresh
""")
HOUR = timedelta(hours=1)


class Activity(NamedTuple):
    """The starts of the hours in which the first and the last stored event happened; None: there is none."""

    first_event_at: datetime | None
    last_event_at: datetime | None


class Floor(NamedTuple):
    """Where the hours begin of which no event is past retention; `hour`: since the day began, two digits."""

    zone: str
    day: date
    hour: str


def read_activity(connection: Connection, sites: Sequence[Site]) -> Mapping[int, Activity]:
    """Site id → activity, to the hour. Of a site whose events are not merged yet, when they were stored. Two queries,
    served by pk_rollups and ix_rollup_deltas_site_id_id."""
    rows = connection.execute(READ_CALENDARS, {"ids": [site.id for site in sites]})
    floors = {row.id: _find_floor(row.zone, row.raw_since) for row in rows}
    found: dict[int, Activity] = {}
    for row in connection.execute(FIRST_AND_LAST, bind_floors(floors)):
        zone = floors[row.id].zone
        first = _hour(row.floor_day, row.floor_hour, zone) or _hour(row.after_day, row.after_hour, zone)
        last = _hour(row.last_day, row.last_hour, zone)
        found[row.id] = Activity(first or row.first_at, last or row.last_at)
    return found


def bind_floors(floors: Mapping[int, Floor]) -> dict[str, list[object]]:
    """The parameters of FIRST_AND_LAST."""
    floor_list = floors.values()
    return {"ids": list(floors), "days": [one.day for one in floor_list], "hours": [one.hour for one in floor_list]}


def _find_floor(zone: str, raw_since: datetime | None) -> Floor:
    if raw_since is None:
        return Floor(zone, date.min, "00")
    tz = clock.zone(zone)
    day = clock.day_of(raw_since, tz)
    # Rounded up: of the hour in which retention ends nobody knows which of its events are left.
    hour = -(-(raw_since - clock.day_start(day, tz)) // HOUR)
    return Floor(zone, day, f"{hour:02}")


def _hour(day: date | None, hours: str | None, zone: str) -> datetime | None:
    """The start of the hour; `hours`: full hours since the day began."""
    if day is None or hours is None:
        return None
    return clock.day_start(day, clock.zone(zone)) + timedelta(hours=int(hours))
