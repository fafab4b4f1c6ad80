"""How long each site's raw events are kept, and what a site is told before they go."""

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, select, text

from analytics.store import postings
from analytics.store.models import sites
from config import Settings


class Kept(NamedTuple):
    """How long a site's raw events are kept, and by which setting."""

    site_id: int
    key: str
    days: int
    setting: str
    # Raw events before it may be gone already.
    raw_since: datetime | None = None

    def cutoff(self, now: datetime) -> datetime:
        return now - timedelta(days=self.days)


def read_kept(connection: Connection, settings: Settings) -> list[Kept]:
    """One for each site, in the order of their ids."""
    found = connection.execute(
        select(sites.c.id, sites.c.key, sites.c.event_retention_days, sites.c.raw_since).order_by(sites.c.id)
    )
    general = settings.event_retention_days
    return [
        Kept(row.id, row.key, general, f"EVENT_RETENTION_DAYS={general}", row.raw_since)
        if row.event_retention_days is None
        else Kept(
            row.id, row.key, row.event_retention_days, f"site {row.key}: {row.event_retention_days} days", row.raw_since
        )
        for row in found
    ]


def longest_kept(kept: list[Kept], settings: Settings) -> Kept:
    """The longest retention of all, which is the partitions'."""
    general = settings.event_retention_days
    return max([Kept(0, "", general, f"EVENT_RETENTION_DAYS={general}"), *kept], key=lambda one: one.days)


def instant(day: date) -> datetime:
    """The first instant of a UTC day."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


# The rows are locked in one order, so that two who lock several cannot wait for each other. Drains lock sites before
# they touch events, and so does whoever drops events.
FREEZE = text("""
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


def freeze(connection: Connection, before: datetime | date, site_id: int | None = None) -> None:
    """Says of the site, or of all, that raw events before that instant may be gone: its days are no longer rebuilt, and
    their postings go with the events."""
    connection.execute(FREEZE, {"before": before, "site_id": site_id})
    postings.drop_before(connection, before, site_id)
