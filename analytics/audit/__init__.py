"""The balance sheet: received = stored + duplicate + dead-lettered + in flight; stored = rolled up.

`flask audit` and a task of beat call it, the fault test after its kills. It reads, and changes nothing.
"""

from datetime import UTC, date, datetime, time, timedelta

from redis import Redis
from sqlalchemy import Engine, text

from analytics import clock
from analytics.audit.days import SAMPLES, Span, check_days, recent_days
from analytics.audit.receipts import Hours, check_receipts
from analytics.audit.samples import check_samples, samples_ever
from analytics.audit.sheet import Day, Gap, Hour, Progress, Sheet, instant
from analytics.sites import Site, list_sites

__all__ = ["Day", "Gap", "Hour", "Sheet", "audit", "audit_recent", "instant"]

EVER = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))
ALL_SITES = 100_000
RECENT = timedelta(hours=3)


def audit(
    engine: Engine,
    redis: Redis,
    site: Site | None = None,
    first: date | None = None,
    after: date | None = None,
    full: bool = False,
    progress: Progress | None = None,
) -> Sheet:
    """The account of a site, or of all: hours received on the UTC days `[first, after)`, rollups of the sites' own.

    Always: numbers of events, and a few random days and dimensions row by row. `full`: every row, every bitmap, visits,
    and the rows of each hour of receipt; reads all raw events of the days once for each dimension (0.1 ms an event).
    """
    tell, sheet = progress or _say_nothing, Sheet(clock.now())
    start, end = _utc(first) or EVER[0], _utc(after) or EVER[1]
    sites = [site] if site else _all_sites(engine)
    hours = Hours(start, end, site.id if site else None)
    stored = check_receipts(engine, redis, hours, {one.id: one.key for one in sites}, full, sheet)
    for one in sites:
        ever = _events_ever(engine, one, stored[one.id]) if first is None and after is None else None
        check_days(engine, one, Span(first, after), full, SAMPLES, ever, tell, sheet)
        check_samples(engine, one, start, end, sheet)
    return sheet


def audit_recent(engine: Engine, redis: Redis) -> Sheet:
    """The account of the last three hours, and of the days they lie on, of all sites that received anything."""
    sheet = Sheet(clock.now())
    since = (sheet.checked_at - RECENT).replace(minute=0, second=0, microsecond=0)
    sites = _all_sites(engine)
    check_receipts(engine, redis, Hours(since, EVER[1]), {one.id: one.key for one in sites}, False, sheet)
    active = {hour.site for hour in sheet.hours}
    for one in sites:
        if one.key in active:
            span = recent_days(sheet.checked_at, since, one.zone)
            check_days(engine, one, span, False, 0, None, _say_nothing, sheet)
            check_samples(engine, one, since, EVER[1], sheet)
    return sheet


# What only rollups still counted was deleted with them.
DELETED = text("""
SELECT coalesce(sum(CAST(detail ->> 'counted' AS bigint)), 0)::bigint
FROM audit_log
WHERE site_id = :site_id AND action = 'events.delete'
""")


def _events_ever(engine: Engine, site: Site, stored: int) -> int:
    """Of the ledger's `stored`, those that are no samples and were not deleted on purpose; a little fewer while samples
    come in."""
    with engine.connect() as connection:
        deleted = connection.execute(DELETED, {"site_id": site.id}).scalar_one()
        return int(stored - samples_ever(connection, site.id) - deleted)


def _all_sites(engine: Engine) -> list[Site]:
    with engine.connect() as connection:
        return list_sites(connection, limit=ALL_SITES)


def _utc(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), UTC)


def _say_nothing(what: str) -> None:
    """Nobody watches."""
