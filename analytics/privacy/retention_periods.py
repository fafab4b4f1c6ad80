"""How long each site's raw events are kept, and `sites.raw_since`, the instant before which they may be deleted.

The retention steps and rollups/rebuild.py call it. Deletes no raw row.
"""

from datetime import date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, select, text

from analytics.store.columns import event_files
from analytics.store.models import sites
from config import Settings


class SiteRetention(NamedTuple):
    """How many days a site's raw events are kept, and the setting that defines it."""

    site_id: int
    key: str
    days: int
    setting: str
    # Earlier raw events may be deleted already.
    raw_since: datetime | None = None

    def cutoff(self, now: datetime) -> datetime:
        return now - timedelta(days=self.days)


def read_site_retentions(connection: Connection, settings: Settings) -> list[SiteRetention]:
    """The retention of every site, by id."""
    query = select(sites.c.id, sites.c.key, sites.c.event_retention_days, sites.c.raw_since).order_by(sites.c.id)
    retentions = []
    for site_id, key, own_days, raw_since in connection.execute(query):
        default = _default_retention(settings)
        days, setting = (
            (own_days, f"site {key}: {own_days} days") if own_days is not None else (default.days, default.setting)
        )
        retentions.append(SiteRetention(site_id, key, days, setting, raw_since))
    return retentions


def longest_retention(retentions: list[SiteRetention], settings: Settings) -> SiteRetention:
    """The longest retention of all sites and the default: partitions are kept that long."""
    return max([_default_retention(settings), *retentions], key=lambda retention: retention.days)


def _default_retention(settings: Settings) -> SiteRetention:
    days = settings.event_retention_days
    return SiteRetention(0, "", days, f"EVENT_RETENTION_DAYS={days}")


# Rows are locked in the order of their ids, so that two transactions cannot deadlock. Sites are locked before events,
# by drains and by everyone who drops events.
ADVANCE_RAW_SINCE = text("""
UPDATE sites
SET raw_since = :before
WHERE id IN (
    SELECT id
    FROM sites
    WHERE (raw_since IS NULL OR raw_since < :before) AND (CAST(:site_id AS integer) IS NULL OR id = :site_id)
    ORDER BY id
    FOR NO KEY UPDATE
)
""")


def advance_raw_since(connection: Connection, before: datetime | date, site_id: int | None = None) -> None:
    """Marks earlier raw events of the site, or of all sites, as possibly deleted. Earlier days are no longer rebuilt,
    and their column files are deleted; the files of a UTC day that it cuts are written anew."""
    connection.execute(ADVANCE_RAW_SINCE, {"before": before, "site_id": site_id})
    event_files.drop_before(connection, before, site_id)
