"""Runs the audit: accepted = stored + duplicate + dead-lettered + refused + in flight; stored = rolled up.

`flask audit`, a scheduled task and the fault test call it. It reads, and changes nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

from redis import Redis
from sqlalchemy import Engine, text

from analytics import clock
from analytics.audit.balance_sheet import BalanceSheet, ProgressCallback
from analytics.audit.checks.days import SPOT_CHECKS, check_days, recent_days
from analytics.audit.checks.dead_letters import check_dead_letters
from analytics.audit.checks.receipts import HourRange, check_receipts
from analytics.audit.checks.samples import check_samples, count_stored_samples
from analytics.audit.checks.site_audit import ALL_DAYS, DayRange, SiteAudit, ignore_progress
from analytics.sites.sites import Site, list_sites, read_site_by_id

ALL_TIME = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))
MAX_SITES = 100_000
RECENT_WINDOW = timedelta(hours=3)


def run_audit(
    engine: Engine,
    redis: Redis,
    site: Site | None = None,
    first: date | None = None,
    after: date | None = None,
    full: bool = False,
    progress: ProgressCallback = ignore_progress,
) -> BalanceSheet:
    """The balance sheet of a site, or of all: hours of receipt on UTC days `[first, after)`, and the sites' own days.

    Always: numbers of events, and a few random days of a dimension row by row. `full`: every row, bitmap, visit and
    union, dead letters, and the rows of each hour of receipt; reads all raw events of the days once a dimension (0.1 ms
    an event).
    """
    sheet, days = BalanceSheet(clock.now()), DayRange(first, after)
    start = clock.utc_midnight(first) if first else ALL_TIME[0]
    end = clock.utc_midnight(after) if after else ALL_TIME[1]
    sites = [site] if site else _list_all_sites(engine)
    hours = HourRange(start, end, site.id if site else None)
    stored = check_receipts(engine, redis, hours, _name_sites(engine, sites), full, sheet)
    if full:
        check_dead_letters(engine, hours, sheet)
    for audited in sites:
        with _unless_deleted(engine, audited, sheet):
            audit = SiteAudit(engine, audited, sheet, days, progress)
            ever_stored = _count_events_ever(engine, audited, stored[audited.id]) if days == ALL_DAYS else None
            check_days(audit, ever_stored, None if full else SPOT_CHECKS)
            check_samples(audit, start, end)
    return sheet


def audit_recent(
    engine: Engine, redis: Redis, site: Site | None = None, progress: ProgressCallback = ignore_progress
) -> BalanceSheet:
    """The balance sheet of the last three hours and their days, of a site or of all that received anything."""
    sheet = BalanceSheet(clock.now())
    since = (sheet.checked_at - RECENT_WINDOW).replace(minute=0, second=0, microsecond=0)
    sites = [site] if site else _list_all_sites(engine)
    hours = HourRange(since, ALL_TIME[1], site.id if site else None)
    check_receipts(engine, redis, hours, _name_sites(engine, sites), False, sheet)
    active_keys = {hour.site for hour in sheet.hours}
    for audited in sites:
        if audited.key in active_keys:
            with _unless_deleted(engine, audited, sheet):
                days = recent_days(sheet.checked_at, since, audited.zone)
                audit = SiteAudit(engine, audited, sheet, days, progress)
                check_days(audit, spot_checks=0)
                check_samples(audit, since, ALL_TIME[1])
    return sheet


@contextmanager
def _unless_deleted(engine: Engine, site: Site, sheet: BalanceSheet) -> Iterator[None]:
    """Leaves out what is found of a site whose deletion has begun by the end: its rows go in no order."""
    days, gaps, recounted = len(sheet.days), len(sheet.gaps), len(sheet.recounted)
    yield
    with engine.connect() as connection:
        now = read_site_by_id(connection, site.id)
    if now is None or now.deleting_at is not None:
        del sheet.days[days:], sheet.gaps[gaps:], sheet.recounted[recounted:]
        sheet.notes.append(f"{site.key}: the site is being deleted; its days are not compared")


LIST_DELETED_SITES = text("SELECT site_id, detail ->> 'key' FROM audit_log WHERE action = 'site.delete'")


def _name_sites(engine: Engine, sites: list[Site]) -> dict[int, str]:
    """Site id → key, also of deleted sites, whose ledger stays."""
    with engine.connect() as connection:
        deleted = {site_id: f"{key} (deleted)" for site_id, key in connection.execute(LIST_DELETED_SITES)}
    return {**deleted, **{site.id: site.key for site in sites}}


# Events that only rollups still counted were deleted with them.
COUNT_DELETED_EVENTS = text("""
SELECT coalesce(sum(CAST(detail ->> 'counted' AS bigint)), 0)::bigint
FROM audit_log
WHERE site_id = :site_id AND action = 'events.delete'
""")


def _count_events_ever(engine: Engine, site: Site, stored: int) -> int:
    """The ledger's `stored` without samples and deleted events; a little too few while samples arrive."""
    with engine.connect() as connection:
        deleted = connection.execute(COUNT_DELETED_EVENTS, {"site_id": site.id}).scalar_one()
        return int(stored - count_stored_samples(connection, site.id) - deleted)


def _list_all_sites(engine: Engine) -> list[Site]:
    with engine.connect() as connection:
        return list_sites(connection, limit=MAX_SITES)
