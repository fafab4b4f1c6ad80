"""Which calendar a site's rollups are in, and from which day on raw events can still answer for them."""

from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from analytics import clock


class Calendar(NamedTuple):
    """A site's zone, the one that its rollups are in (None: there are none yet), and those that its deltas are in."""

    zone: str
    rollups_zone: str | None
    raw_since: datetime | None
    waiting_zones: frozenset[str]

    @property
    def has_moved(self) -> bool:
        """Rollups or deltas are in another zone than the site."""
        return self.rollups_zone not in (None, self.zone) or bool(self.waiting_zones - {self.zone})

    @property
    def first_whole_day(self) -> date | None:
        """The first day of the site whose raw events are all there; the days before are frozen. None: none is."""
        return self._first_whole(self.zone)[0]

    @property
    def cut(self) -> tuple[date | None, datetime | None]:
        """The first day of the rollups' calendar that is not frozen, and when it begins. None: none is frozen."""
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


# Few sites; the deltas by an index scan of ix_rollup_deltas_site_id_id.
READ = text("""
SELECT zone, rollups_zone, raw_since,
       ARRAY(SELECT DISTINCT d.zone FROM rollup_deltas d WHERE d.site_id = sites.id) AS waiting_zones
FROM sites
WHERE id = :site_id
""")
# A zone that was changed in the meantime is seen by the next merge.
SET = text("UPDATE sites SET rollups_zone = :zone WHERE id = :site_id AND rollups_zone IS DISTINCT FROM :zone")


def read_calendar(connection: Connection, site_id: int) -> Calendar | None:
    """None when the site is gone."""
    row = connection.execute(READ, {"site_id": site_id}).first()
    return None if row is None else Calendar(row.zone, row.rollups_zone, row.raw_since, frozenset(row.waiting_zones))


def set_calendar(connection: Connection, site_id: int, zone: str) -> None:
    """The site's rollups are in `zone` from now on."""
    connection.execute(SET, {"site_id": site_id, "zone": zone})
