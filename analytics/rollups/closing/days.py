"""close_days: writes the metrics of ended days, and again when late events change them. The only writer of `metrics`.

Celery's beat and `flask rollups close` call it. What closing a day means for the days after it, and when it happens:
docs/decisions/0008.
"""

import json
import logging
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from pyroaring import BitMap64
from sqlalchemy import Connection, Engine, text

from analytics import clock
from analytics.rollups import bitmaps, locks, rows
from analytics.rollups.calendar import read_calendar
from analytics.rollups.closing.schedule import ONE_DAY, ClosingSchedule
from analytics.rollups.deltas import claims
from analytics.rollups.deltas.counts import Count, decode_count
from analytics.rollups.merge import CalendarMoveRequired, merge_site
from analytics.rollups.rows import with_bots
from analytics.rollups.snapshot import snapshot
from analytics.rollups.snapshot.type_lookup import read_types, span_parameters
from analytics.rollups.spans import DAY, whole_spans
from analytics.rollups.visits.rollups import read_visit_sums
from analytics.rollups.visits.sums import VisitSums
from analytics.sites.sites import Site, read_site_by_id
from analytics.store.copy.binary_copy import as_date, as_text, read_binary
from analytics.store.event_types import PAGE_VIEW
from analytics.store.planner import force_index_lookups

log = logging.getLogger(__name__)

WAU_DAYS, MAU_DAYS = 7, 30
# Days whose bitmaps are in memory at a time, besides those of the month before: 40 kB each at 300,000 users.
DAYS_AT_A_TIME = 31
# Of a rate, and of seconds.
DECIMAL_PLACES = 6


class CloseResult(NamedTuple):
    """Sites with days to close, days written whole, and sites whose deltas cannot be read."""

    sites: int = 0
    days: int = 0
    failed: int = 0

    def plus(self, other: "CloseResult") -> "CloseResult":
        return CloseResult(self.sites + other.sites, self.days + other.days, self.failed + other.failed)


class _OpenDays(NamedTuple):
    """A site's zone, the last day that has metrics, and each changed day with the time it was last written."""

    zone: str
    last_written: date | None
    written_at: dict[date, datetime | None]

    def due(self, now: datetime, schedule: ClosingSchedule) -> date | None:
        """The first day to write now: changed and not resting, or never written."""
        tz = clock.zone(self.zone)
        last, since = schedule.last_closable_day(now, tz), schedule.rewrite_cutoff(now, tz)
        changed = self.written_at.items()
        due = {day for day, written_at in changed if day <= last and (written_at is None or written_at < since)}
        if self.last_written is not None and self.last_written < last:
            due.add(self.last_written + ONE_DAY)
        return min(due, default=None)


# A row a site; the others by pk_open_days and uq_metrics.
SELECT_OPEN_DAYS = text("""
SELECT s.id, s.rollups_zone, (SELECT max(date) FROM metrics WHERE site_id = s.id), o.day, m.updated_at
FROM sites s
LEFT JOIN open_days o ON o.site_id = s.id
LEFT JOIN metrics m ON m.site_id = s.id AND m.date = o.day AND m.metric_name = 'dau' AND m.dimensions = '{}'
WHERE s.rollups_zone IS NOT NULL AND (CAST(:site_id AS int) IS NULL OR s.id = :site_id)
ORDER BY s.id
""")


def close_days(engine: Engine, now: datetime, schedule: ClosingSchedule) -> CloseResult:
    """Writes the metrics of all days that are due, site by site. One query when none is.

    A site whose deltas cannot be read is logged and does not delay the others.
    """
    with engine.connect() as connection:
        sites = _read_open_days(connection)
    total = CloseResult()
    for site_id, open_days in sites.items():
        try:
            if open_days.due(now, schedule) is not None:
                total = total.plus(close_site(engine, site_id, now, schedule))
        except CalendarMoveRequired:
            log.info("closing waits for a calendar move", extra={"site_id": site_id})
        # UnreadableDelta, UnknownZone, a damaged bitmap: one site must not stop the others.
        except ValueError:
            log.exception("closing failed: deltas cannot be read", extra={"site_id": site_id})
            total = total.plus(CloseResult(failed=1))
    return total


def close_site(engine: Engine, site_id: int, now: datetime, schedule: ClosingSchedule) -> CloseResult:
    """Writes the due days of one site, and what they change in the days after them.

    One transaction under the lock of merge and rebuild, its snapshot taken after the lock was granted: no rollup, visit
    or mark of a changed day can come between what is read and the marks that are deleted. Waiting deltas are merged
    first, so that visits are complete too. A delta that commits later waits for a merge, which marks its days again. A
    kill changes nothing; a second pass finds nothing due. BUILD_LOCK keeps the marks for the unions that are being
    built, which depend on them (unions.py).

    Raises CalendarMoveRequired when merge must move the site to its new zone first; UnreadableDelta.
    """
    # A long backlog in transactions of its own; later deltas in the transaction below.
    while merge_site(engine, site_id).has_more:
        pass
    with locks.locked_transaction(engine, site_id, locks.BUILD_LOCK, locks.MERGE_LOCK) as connection:
        site, calendar = read_site_by_id(connection, site_id), read_calendar(connection, site_id)
        if site is None or calendar is None or calendar.needs_move:
            return CloseResult()
        while (claimed := claims.claim_deltas(connection, site_id)).deltas:
            claims.apply_deltas(connection, site_id, claimed.by_zone[calendar.zone])
        open_days = _read_open_days(connection, site_id).get(site_id)
        due = open_days and open_days.due(now, schedule)
        if open_days is None or due is None:
            return CloseResult()
        last = schedule.last_closable_day(now, clock.zone(calendar.zone))
        return CloseResult(1, _close(connection, site, due, last, set(open_days.written_at), now))


def _read_open_days(connection: Connection, site_id: int | None = None) -> dict[int, _OpenDays]:
    force_index_lookups(connection)
    sites: dict[int, _OpenDays] = {}
    for row_site_id, zone, last_written, day, written_at in connection.execute(SELECT_OPEN_DAYS, {"site_id": site_id}):
        site = sites.setdefault(row_site_id, _OpenDays(zone, last_written, {}))
        if day is not None:
            site.written_at[day] = written_at
    return sites


def _close(connection: Connection, site: Site, due: date, last: date, changed: set[date], now: datetime) -> int:
    """Writes the days from `due` to `last`; how many of them whole."""
    first_day = min(rows.first_and_last_day(connection, site.id), default=None)
    # A rebuild, or another zone, may have moved the site's first day.
    connection.execute(DELETE_METRICS_BEFORE, {"site_id": site.id, "first_day": first_day or "infinity"})
    whole = 0
    if first_day is not None:
        start = max(due, first_day)
        unchanged = _written_days(connection, site.id, start) - changed
        batch: list[_Day] = []
        for day in _count_days(connection, site, first_day, start, last):
            batch.append(day)
            if len(batch) == DAYS_AT_A_TIME:
                whole += _write(connection, site.id, batch, unchanged, now)
                batch = []
        whole += _write(connection, site.id, batch, unchanged, now)
    connection.execute(DELETE_OPEN_DAYS, {"site_id": site.id, "first_day": due, "last_day": last})
    return whole


# Served by uq_metrics, as are the statements below, and pk_open_days.
DELETE_METRICS_BEFORE = text("DELETE FROM metrics WHERE site_id = :site_id AND date < CAST(:first_day AS date)")
SELECT_WRITTEN_DAYS = text("""
SELECT date
FROM metrics
WHERE site_id = :site_id AND date >= :first_day AND metric_name = 'dau' AND dimensions = '{}'
""")
DELETE_OPEN_DAYS = text("DELETE FROM open_days WHERE site_id = :site_id AND day >= :first_day AND day <= :last_day")


def _written_days(connection: Connection, site_id: int, first_day: date) -> set[date]:
    return set(connection.execute(SELECT_WRITTEN_DAYS, {"site_id": site_id, "first_day": first_day}).scalars())


class _Day(NamedTuple):
    """The counts of a day, and the users of the week and month that end with it."""

    day: date
    events: dict[str, int]
    dau: int
    wau: int
    mau: int
    new_users: int
    visits: VisitSums


def _count_days(connection: Connection, site: Site, first_day: date, start: date, last: date) -> Iterator[_Day]:
    """The days `[start, last]` in order. Each bitmap is read once; those of `[first_day, start)` tell who is new."""
    earlier_users = snapshot.Snapshot(connection, site).total(first_day, start).users
    window: deque[BitMap64] = deque(maxlen=MAU_DAYS)
    earlier = _read_days(connection, site.id, start - (MAU_DAYS - 1) * ONE_DAY, start)
    window.extend(_all_users(earlier.get(start - n * ONE_DAY, {})) for n in range(MAU_DAYS - 1, 0, -1))
    while start <= last:
        end = min(start + DAYS_AT_A_TIME * ONE_DAY, last + ONE_DAY)
        days = _read_days(connection, site.id, start, end)
        visits = read_visit_sums(connection, site.id, "total", start, end)
        while start < end:
            types = days.get(start, {})
            users = _all_users(types)
            window.append(users)
            yield _Day(
                start, {name: count.events for name, count in types.items()}, len(users),
                len(bitmaps.union(list(window)[-WAU_DAYS:])), len(bitmaps.union(window)),
                users.difference_cardinality(earlier_users),
                visits.get((start, ""), VisitSums()),
            )  # fmt: skip
            earlier_users |= users
            start += ONE_DAY


def _all_users(types: Mapping[str, Count]) -> BitMap64:
    return bitmaps.union(count.users for count in types.values())


BY_TYPE = "SELECT day, type, events, users" + snapshot.FROM_ROLLUPS


def _read_days(connection: Connection, site_id: int, start: date, end: date) -> dict[date, dict[str, Count]]:
    """Day → type → its Count without bots. Two queries on pk_rollups."""
    spans = list(whole_spans(DAY, start, end))
    types = read_types(connection, site_id, spans)
    row_filter = {"dimensions": ["total"], "types": types, "subject": "", "bots": with_bots(False)}
    parameters = {"site_id": site_id, **row_filter, **span_parameters(spans)}
    days: dict[date, dict[str, Count]] = {}
    for day, kind, events, users in read_binary(connection, BY_TYPE, parameters):
        days.setdefault(as_date(day), {})[as_text(kind)] = decode_count(events, users)
    return days


class _Metric(NamedTuple):
    """A row of `metrics` without its site."""

    date: date
    name: str
    dimensions: str
    value: Decimal


def _trailing(day: _Day) -> Iterator[_Metric]:
    """Metrics that an event of an earlier day may change."""
    for name in ("wau", "mau", "new_users"):
        yield _Metric(day.day, name, "{}", Decimal(getattr(day, name)))


def _own(day: _Day) -> Iterator[_Metric]:
    """Metrics of the day's own events and visits. No visits: no rates."""
    events, visits = day.events, day.visits
    counts = {"dau": day.dau, "events": sum(events.values()), "page_views": events.get(PAGE_VIEW, 0)}
    for name, count in {**counts, "visits": visits.visits}.items():
        yield _Metric(day.day, name, "{}", Decimal(count))
    for kind, count in events.items():
        yield _Metric(day.day, "events", json.dumps({"type": kind}), Decimal(count))
    if visits.visits:
        seconds = Decimal(visits.duration_us) / 1_000_000
        for name, amount in (("bounce_rate", Decimal(visits.bounces)), ("avg_visit_duration_s", seconds)):
            yield _Metric(day.day, name, "{}", round(amount / visits.visits, DECIMAL_PLACES))


# An equal value of a day that is not written whole keeps its updated_at.
WRITE = text("""
INSERT INTO metrics AS m (site_id, date, metric_name, dimensions, metric_value, created_at, updated_at)
SELECT :site_id, k.*, :now, :now
FROM unnest(CAST(:dates AS date[]), CAST(:names AS text[]), CAST(:dimensions AS jsonb[]), CAST(:values AS numeric[])) k
ON CONFLICT (site_id, date, metric_name, dimensions) DO UPDATE
SET metric_value = excluded.metric_value, updated_at = excluded.updated_at
WHERE m.metric_value <> excluded.metric_value OR m.date = ANY(CAST(:whole AS date[]))
""")
# Types and rates that the day no longer has.
CLEAR = text("""
DELETE FROM metrics
WHERE site_id = :site_id AND date = ANY(CAST(:whole AS date[])) AND (date, metric_name, dimensions) NOT IN (
    SELECT k.* FROM unnest(CAST(:dates AS date[]), CAST(:names AS text[]), CAST(:dimensions AS jsonb[])) k
)
""")


def _write(connection: Connection, site_id: int, days: Iterable[_Day], unchanged: set[date], now: datetime) -> int:
    """Writes the days' metrics, of `unchanged` days only what earlier days may change; how many it wrote whole."""
    whole = [day.day for day in days if day.day not in unchanged]
    metrics = [metric for day in days for metric in _trailing(day)]
    metrics += [metric for day in days if day.day not in unchanged for metric in _own(day)]
    if metrics:
        dates, names, dimensions, values = (list(column) for column in zip(*metrics, strict=True))
        keys = {"site_id": site_id, "dates": dates, "names": names, "dimensions": dimensions, "whole": whole}
        connection.execute(WRITE, {**keys, "values": values, "now": now})
        connection.execute(CLEAR, keys)
    return len(whole)
