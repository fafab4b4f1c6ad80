"""Reclassifies the events of days and rebuilds the days, each in one transaction. `flask sources reclassify` calls it.

An interrupted run leaves whole days: those that are done have nothing left to change, so another run goes on after
them. Reports see a day's events and rollups as they were until its transaction commits.
"""

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from psycopg2.errors import SerializationFailure
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from analytics import clock
from analytics.errors import NotFound
from analytics.ingest.reclassification.classification import Classification, StoredCampaign, reclassify
from analytics.rollups.calendar import read_calendar
from analytics.rollups.closing.schedule import ONE_DAY
from analytics.rollups.rebuild import check_days_are_whole, move_calendar, rebuild_days
from analytics.sites.domains import OwnDomains, own_domains
from analytics.sites.sites import Site, read_site_by_id, unknown_site_detail, write_audit_entry
from analytics.store.columns import event_files
from analytics.store.copy.copy_text import copy_lines, escape_copy
from analytics.store.planner import allow_scans

log = logging.getLogger(__name__)

# Groups of equal columns in memory at a time.
GROUPS_AT_A_TIME = 10_000
# Attempts of a day of which something else, such as the masking of addresses, changes rows meanwhile.
MAX_ATTEMPTS = 5
# Called after each day with the day, and the events looked at and changed so far.
Progress = Callable[[date, int, int], None]


class ReclassifiedDays(NamedTuple):
    """Days with a change, their events that are changed, and the events of all days."""

    days: int = 0
    changed: int = 0
    events: int = 0


def reclassify_days(
    engine: Engine,
    site: Site,
    first_day: date,
    end_day: date,
    actor: str,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ReclassifiedDays:
    """Classifies the events of `[first_day, end_day)` again; `dry_run` only counts what would change.

    Raises BadInput for no days, and Conflict when raw events of them may be gone. O(raw events of the days); memory is
    flat.
    """
    own = _prepare(engine, site, first_day, end_day, dry_run)
    total = ReclassifiedDays()
    for day in (first_day + n * ONE_DAY for n in range((end_day - first_day).days)):
        events, changed = _count_changes(engine, site, day, own)
        if changed and not dry_run:
            changed = _reclassify_day(engine, site, day, own)
        total = ReclassifiedDays(total.days + bool(changed), total.changed + changed, total.events + events)
        if progress:
            progress(day, total.events, total.changed)
    if total.changed and not dry_run:
        detail = {"first_day": str(first_day), "end_day": str(end_day), **total._asdict()}
        with engine.begin() as connection:
            write_audit_entry(connection, actor, "site.reclassify", site.id, detail)
    return total


def _prepare(engine: Engine, site: Site, first_day: date, end_day: date, dry_run: bool) -> OwnDomains:
    """The site's domains as they are now. Its rollups are in its calendar then."""
    if not dry_run:
        move_calendar(engine, site.id)
    with engine.connect() as connection:
        calendar, current = read_calendar(connection, site.id), read_site_by_id(connection, site.id)
    if calendar is None or current is None:
        raise NotFound(unknown_site_detail(site.key))
    check_days_are_whole(calendar, first_day, end_day, "reclassified")
    return own_domains(current.domains)


# Partitions are pruned by ts; inside one, ix_events_ts (BRIN) skips what lies outside. A day of ordinary visitors has
# some thousand groups.
READ_GROUPS = text("""
SELECT coalesce(referrer, ''), coalesce(hostname, ''), coalesce(source, ''), coalesce(channel, ''),
    coalesce(utm_source, ''), coalesce(utm_medium, ''), coalesce(utm_campaign, ''), count(*)
FROM events
WHERE site_id = :site_id AND ts >= :start AND ts < :end
GROUP BY 1, 2, 3, 4, 5, 6, 7
""")


class _Change(NamedTuple):
    """Events with the same columns, and their new ones."""

    stored: Classification
    campaign: StoredCampaign
    result: Classification
    events: int

    @property
    def is_needed(self) -> bool:
        return self.result != self.stored


def _read_changes(
    connection: Connection, site_id: int, start: datetime, end: datetime, own: OwnDomains
) -> Iterator[list[_Change]]:
    """All events of `[start, end)` in groups, about GROUPS_AT_A_TIME at a time, by a server-side cursor."""
    allow_scans(connection)
    bounds = {"site_id": site_id, "start": start, "end": end}
    rows = connection.execute(READ_GROUPS, bounds, execution_options={"yield_per": GROUPS_AT_A_TIME})
    for partition in rows.partitions():
        changes = []
        for *columns, events in partition:
            stored, campaign = Classification(*columns[:4]), StoredCampaign(*columns[4:])
            changes.append(_Change(stored, campaign, reclassify(stored, campaign, own), events))
        yield changes


def _count_changes(engine: Engine, site: Site, day: date, own: OwnDomains) -> tuple[int, int]:
    """(events of the day, those that would change)."""
    start, end = clock.day_bounds(day, clock.zone(site.zone))
    events = changed = 0
    with engine.connect() as connection:
        for changes in _read_changes(connection, site.id, start, end, own):
            events += sum(change.events for change in changes)
            changed += sum(change.events for change in changes if change.is_needed)
    return events, changed


def _reclassify_day(engine: Engine, site: Site, day: date, own: OwnDomains) -> int:
    """How many events it has changed; waits for a running merge."""
    changed = 0

    def change(connection: Connection, start: datetime, end: datetime) -> None:
        nonlocal changed
        changed = _change_events(connection, site.id, start, end, own)

    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            rebuild_days(engine, site, day, day + ONE_DAY, change=change)
            return changed
        except OperationalError as error:
            if not isinstance(error.orig, SerializationFailure) or attempt == MAX_ATTEMPTS:
                raise
            log.info("reclassification interrupted by another change", extra={"site_id": site.id, "day": str(day)})
    raise AssertionError("the last attempt returns or raises")


STAGE = text("""
CREATE TEMPORARY TABLE IF NOT EXISTS reclassified (
    referrer text, hostname text, source text, channel text, utm_source text, utm_medium text, utm_campaign text,
    new_referrer text, new_hostname text, new_source text, new_channel text
) ON COMMIT DELETE ROWS
""")
FILL = "COPY reclassified FROM STDIN"
# One hash join with the partitions of the range.
CHANGE = text("""
UPDATE events e
SET referrer = nullif(r.new_referrer, ''), hostname = nullif(r.new_hostname, ''), source = nullif(r.new_source, ''),
    channel = nullif(r.new_channel, '')
FROM reclassified r
WHERE e.site_id = :site_id AND e.ts >= :start AND e.ts < :end
    AND coalesce(e.referrer, '') = r.referrer AND coalesce(e.hostname, '') = r.hostname
    AND coalesce(e.source, '') = r.source AND coalesce(e.channel, '') = r.channel
    AND coalesce(e.utm_source, '') = r.utm_source AND coalesce(e.utm_medium, '') = r.utm_medium
    AND coalesce(e.utm_campaign, '') = r.utm_campaign
""")
ANALYZE = text("ANALYZE reclassified")


def _change_events(connection: Connection, site_id: int, start: datetime, end: datetime, own: OwnDomains) -> int:
    """Rewrites the events of `[start, end)` that change; how many."""
    connection.execute(STAGE)
    # The rows of the cursor are those of the snapshot: the table is filled meanwhile, and events change afterwards.
    for changes in _read_changes(connection, site_id, start, end, own):
        needed = [change for change in changes if change.is_needed]
        copy_lines(connection, FILL, (_format_change(change) for change in needed))
    connection.execute(ANALYZE)
    changed = connection.execute(CHANGE, {"site_id": site_id, "start": start, "end": end}).rowcount
    last = (end - timedelta(microseconds=1)).astimezone(UTC).date()
    event_files.invalidate(connection, site_id, start.astimezone(UTC).date(), last)
    return changed


def _format_change(change: _Change) -> str:
    return "\t".join(map(escape_copy, (*change.stored, *change.campaign, *change.result))) + "\n"
