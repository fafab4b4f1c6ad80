"""The calendar of a site's rollups, and the first day that raw events can still recount.

merge, rebuild, close_days, the reports and the audit read it; merge and rebuild set it.
"""

from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from analytics import clock


class Calendar(NamedTuple):
    """A site's zone, the zone of its rollups (None: it has none yet), and the zones of its waiting deltas."""

    zone: str
    rollups_zone: str | None
    raw_since: datetime | None
    delta_zones: frozenset[str]

    @property
    def needs_move(self) -> bool:
        """Rollups or deltas are in another zone than the site."""
        return self.rollups_zone not in (None, self.zone) or bool(self.delta_zones - {self.zone})

    @property
    def first_whole_day(self) -> date | None:
        """The first day whose raw events are all stored; earlier days are frozen. None: no day is frozen."""
        return self._first_whole(self.zone)[0]

    @property
    def frozen_boundary(self) -> tuple[date | None, datetime | None]:
        """The first day of the rollups' calendar that is not frozen, and when it begins. None: no day is frozen."""
        return self._first_whole(self.rollups_zone or self.zone)

    def _first_whole(self, zone: str) -> tuple[date | None, datetime | None]:
        if self.raw_since is None:
            return None, None
        tz = clock.zone(zone)
        day = first_whole_day(self.raw_since, tz)
        return day, clock.day_start(day, tz)


def first_whole_day(since: datetime, tz: ZoneInfo) -> date:
    """The first day that begins at `since` or later."""
    day = clock.day_of(since, tz)
    return day if clock.day_start(day, tz) >= since else day + timedelta(days=1)


# Served by the primary key of sites; the deltas by an index scan of ix_rollup_deltas_site_id_id.
READ = text("""
SELECT zone, rollups_zone, raw_since,
       ARRAY(SELECT DISTINCT d.zone FROM rollup_deltas d WHERE d.site_id = sites.id) AS delta_zones
FROM sites
WHERE id = :site_id
""")
# The next merge sees a zone that has changed since.
SET = text("UPDATE sites SET rollups_zone = :zone WHERE id = :site_id AND rollups_zone IS DISTINCT FROM :zone")


def read_calendar(connection: Connection, site_id: int) -> Calendar | None:
    """None when the site is gone."""
    row = connection.execute(READ, {"site_id": site_id}).first()
    return None if row is None else Calendar(row.zone, row.rollups_zone, row.raw_since, frozenset(row.delta_zones))


READ_ROLLUPS_ZONE = text("SELECT coalesce(rollups_zone, zone) FROM sites WHERE id = :site_id")


def read_rollups_zone(connection: Connection, site_id: int) -> str | None:
    """The zone of the days of the site's rollups, also before its first merge. None: the site is gone."""
    zone: str | None = connection.execute(READ_ROLLUPS_ZONE, {"site_id": site_id}).scalar()
    return zone


def set_calendar(connection: Connection, site_id: int, zone: str) -> None:
    """Records that the site's rollups are in `zone`."""
    connection.execute(SET, {"site_id": site_id, "zone": zone})
