"""stored = rolled up: a site's rollups and unmerged deltas against its raw events, day by day. run.py calls it.

Each comparison reads one snapshot, so concurrent drains and merges make no difference. Days whose raw events may be
deleted (`sites.raw_since`) are frozen: there is nothing to compare them with.
"""

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection, text

from analytics import clock
from analytics.audit.balance_sheet import DayBalance
from analytics.audit.checks.recount import count_events, repeatable_read
from analytics.audit.checks.rollup_rows import compare_rows
from analytics.audit.checks.site_audit import Calendar, DayRange, SiteAudit, read_calendar, sum_deltas
from analytics.audit.checks.unions import check_unions
from analytics.audit.checks.visit_unions import check_visit_unions
from analytics.audit.checks.visits import compare_visits
from analytics.rollups.deltas.counts import DIMENSIONS
from analytics.store.partitions import list_stored_partitions

ONE_DAY = timedelta(days=1)
# Days of a dimension that are compared row by row unless all are.
SPOT_CHECKS = 5

# (dimension, day) → events
DayCounts = Counter[tuple[str, date]]


def check_days(audit: SiteAudit, ever_stored: int | None = None, spot_checks: int | None = SPOT_CHECKS) -> None:
    """Adds the site's days and their gaps to the sheet. `ever_stored`: events in the ledger, read before.

    `spot_checks`: how many random days of a dimension are compared row by row. None: all of them, and visits, unions
    and column files too.
    """
    with repeatable_read(audit.engine) as connection:
        calendar = read_calendar(connection, audit.site.id)
        if calendar is None:
            audit.add_note("its days are moving to another zone and cannot be checked now")
            return
        days = _compare_sums(connection, audit, calendar, ever_stored)
    pairs = [(day, dimension) for day in days for dimension in DIMENSIONS]
    if spot_checks is not None:
        pairs = sorted(random.sample(pairs, min(spot_checks, len(pairs))))
    for day, dimension in pairs:
        audit.show_progress(f"{day} {dimension}")
        _compare(compare_rows, audit, calendar, day, dimension)
    if spot_checks is None:
        _check_all(audit, calendar, days)


def _check_all(audit: SiteAudit, calendar: Calendar, days: list[date]) -> None:
    # With pyarrow, 40 MB, which a web process has no use for until columns are asked.
    from analytics.audit.checks.columns import check_columns

    audit.show_progress("visits")
    _compare(compare_visits, audit, calendar, days)
    with repeatable_read(audit.engine) as connection:
        check_unions(connection, audit)
        check_visit_unions(connection, audit)
    with repeatable_read(audit.engine) as connection:
        check_columns(connection, audit)


def _compare(compare: Callable[..., None], audit: SiteAudit, calendar: Calendar, *what: object) -> None:
    """Runs `compare` on a snapshot, unless the calendar has changed since."""
    with repeatable_read(audit.engine) as connection:
        if read_calendar(connection, audit.site.id) == calendar:
            compare(connection, audit, calendar, *what)


# A range of pk_rollups for each dimension; bitmaps are not read.
SUM_ROLLUPS = text("""
SELECT dimension, day, sum(events)::bigint
FROM rollups
WHERE site_id = :site_id AND span = 'day' AND dimension = ANY (:dimensions) AND day >= :first AND day < :after
    AND subject = ''
GROUP BY dimension, day
""")


def _compare_sums(connection: Connection, audit: SiteAudit, calendar: Calendar, ever_stored: int | None) -> list[date]:
    """Compares each dimension's events of each day with the number of raw events; the days that are not frozen."""
    unmerged = _count_unmerged(connection, audit, calendar)
    rolled_up = DayCounts(unmerged)
    rolled_up.update(_count_merged(connection, audit))
    if ever_stored is not None:
        total = sum(events for (dimension, _), events in rolled_up.items() if dimension == "total")
        if total < ever_stored:
            audit.add_gap("all days", "stored events = rolled up", ever_stored, total)
    days = []
    for day in _list_days(connection, audit, calendar, {day for _, day in rolled_up}):
        total, waiting = rolled_up["total", day], unmerged["total", day]
        if calendar.is_frozen(day):
            if total:
                audit.sheet.days.append(DayBalance(audit.site.key, day, None, total, waiting))
            continue
        audit.show_progress(str(day))
        raw = count_events(connection, audit.site.id, *calendar.bounds(day))
        if raw or any(rolled_up[dimension, day] for dimension in DIMENSIONS):
            days.append(day)
            audit.sheet.days.append(DayBalance(audit.site.key, day, raw, total, waiting))
            _add_day_gaps(audit, day, raw, rolled_up)
    return days


def _count_unmerged(connection: Connection, audit: SiteAudit, calendar: Calendar) -> DayCounts:
    counts = DayCounts()
    for key, count in sum_deltas(connection, audit.site.id, calendar.zone, DIMENSIONS).counts.items():
        if not key.subject and audit.days.contains(key.day):
            counts[key.dimension, key.day] += count.events
    return counts


def _count_merged(connection: Connection, audit: SiteAudit) -> DayCounts:
    first, after = audit.days.bounds
    parameters = {"site_id": audit.site.id, "first": first, "after": after, "dimensions": list(DIMENSIONS)}
    rows = connection.execute(SUM_ROLLUPS, parameters)
    return DayCounts({(dimension, day): events for dimension, day, events in rows})


def _add_day_gaps(audit: SiteAudit, day: date, raw: int, rolled_up: DayCounts) -> None:
    wrong = [dimension for dimension in DIMENSIONS if rolled_up[dimension, day] != raw]
    # Where every dimension has the same number, it is one gap.
    if len(wrong) == len(DIMENSIONS) and len({rolled_up[dimension, day] for dimension in wrong}) == 1:
        wrong = ["total"]
    for dimension in wrong:
        what = "raw events = rolled up and waiting"
        audit.add_gap(f"{day} {dimension}", what, raw, rolled_up[dimension, day])


def _list_days(connection: Connection, audit: SiteAudit, calendar: Calendar, rollup_days: set[date]) -> list[date]:
    """The audited days that may hold events: those of the rollups, and those with partitions of raw events."""
    tz, days = clock.zone(calendar.zone), set(rollup_days)
    for partition in list_stored_partitions(connection, "events"):
        first, last = clock.day_of(partition.start, tz), clock.day_of(partition.end - timedelta(microseconds=1), tz)
        days |= {first + n * ONE_DAY for n in range((last - first).days + 1)}
    return sorted(day for day in days if audit.days.contains(day))


def recent_days(now: datetime, since: datetime, zone: str) -> DayRange:
    """The days of the zone from that of `since` to today."""
    tz = clock.zone(zone)
    return DayRange(clock.day_of(since.astimezone(UTC), tz), clock.day_of(now, tz) + ONE_DAY)
