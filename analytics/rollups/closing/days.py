"""close_day: the figures of days that are over → `metrics`, and again when late events change them. The only writer.

Celery's beat and `flask rollups close` call `close_days`. What a day's closing means for the days after it, and when
it happens: docs/decisions/0008.
"""

import json
import logging
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

import msgspec
import zstandard
from pyroaring import BitMap64
from sqlalchemy import Connection, Engine, text

from analytics import clock
from analytics.rollups import reading, rows, taking, users
from analytics.rollups.calendar import read_calendar
from analytics.rollups.delta import Count
from analytics.rollups.merge import NotInCalendar, merge_site
from analytics.rollups.packed import VIEW
from analytics.rollups.schedule import ONE_DAY, Schedule
from analytics.rollups.spans import DAY, whole
from analytics.rollups.users import as_date, as_int, as_text, read_binary
from analytics.rollups.visit_rollups import read_visits
from analytics.rollups.visit_tally import VisitSums
from analytics.sites import Site, site_by_id

log = logging.getLogger(__name__)

WEEK, MONTH = 7, 30
# Days whose bitmaps are in memory at a time, besides those of the month before: 40 kB each at 300,000 people.
DAYS_AT_A_TIME = 31
# Digits after the point of a rate, and of seconds.
DIGITS = 6


class Closed(NamedTuple):
    """Sites that had something to close, days that were written whole, and sites that could not be read."""

    sites: int = 0
    days: int = 0
    failed: int = 0

    def plus(self, other: "Closed") -> "Closed":
        return Closed(self.sites + other.sites, self.days + other.days, self.failed + other.failed)


class _Open(NamedTuple):
    """A site's calendar, the last day that has figures, and which days have changed: when each was last written."""

    zone: str
    last_written: date | None
    days: dict[date, datetime | None]

    def due(self, now: datetime, schedule: Schedule) -> date | None:
        """The first day that is to be written now: changed and not resting, or never written."""
        tz = clock.zone(self.zone)
        last, since = schedule.last_day(now, tz), schedule.rests_since(now, tz)
        due = {day for day, written in self.days.items() if day <= last and (written is None or written < since)}
        if self.last_written is not None and self.last_written < last:
            due.add(self.last_written + ONE_DAY)
        return min(due, default=None)


# Few sites; the others by pk_open_days and uq_metrics.
OPEN = text("""
SELECT s.id, s.rollups_zone, (SELECT max(date) FROM metrics WHERE site_id = s.id), o.day, m.updated_at
FROM sites s
LEFT JOIN open_days o ON o.site_id = s.id
LEFT JOIN metrics m ON m.site_id = s.id AND m.date = o.day AND m.metric_name = 'dau' AND m.dimensions = '{}'
WHERE s.rollups_zone IS NOT NULL AND (CAST(:site_id AS int) IS NULL OR s.id = :site_id)
ORDER BY s.id
""")


def close_days(engine: Engine, now: datetime, schedule: Schedule) -> Closed:
    """Writes the metrics of all days that are due, site by site. One query where none is.

    A site whose deltas cannot be read is logged and does not hold up the others.
    """
    with engine.connect() as connection:
        found = _read_open(connection)
    total = Closed()
    for site_id, waiting in found.items():
        try:
            if waiting.due(now, schedule) is not None:
                total = total.plus(close_site(engine, site_id, now, schedule))
        except NotInCalendar:
            log.info("days wait for a new calendar", extra={"site_id": site_id})
        except (msgspec.MsgspecError, zstandard.ZstdError, ValueError):
            log.exception("days cannot be closed", extra={"site_id": site_id})
            total = total.plus(Closed(failed=1))
    return total


def close_site(engine: Engine, site_id: int, now: datetime, schedule: Schedule) -> Closed:
    """Writes what is due of one site, and what that changes in the days after it.

    One transaction under the lock that merge and rebuild take, its snapshot taken after the lock was granted: no
    rollup, no visit and no mark of a changed day can come between what was read and the marks that are removed. What
    waits is merged first, so that visits are complete too. A delta that commits later waits for a merge, which marks
    its days again. A kill leaves all as it was; a second pass, at once or later, finds nothing due. MAKING_LOCK keeps
    the marks for unions that are being made, which go by them (compaction.py).

    Raises NotInCalendar when merge must move the site to its new zone first.
    """
    # A long backlog in transactions of its own; what comes meanwhile in the one below.
    while merge_site(engine, site_id).more:
        pass
    with taking.alone(engine, site_id, taking.MAKING_LOCK, taking.LOCK) as connection:
        site, calendar = site_by_id(connection, site_id), read_calendar(connection, site_id)
        if site is None or calendar is None or calendar.has_moved:
            return Closed()
        while (taken := taking.take(connection, site_id)).deltas:
            taking.apply(connection, site_id, taken.changes[calendar.zone])
        state = _read_open(connection, site_id).get(site_id)
        due = state and state.due(now, schedule)
        if state is None or due is None:
            return Closed()
        last = schedule.last_day(now, clock.zone(calendar.zone))
        return Closed(1, _close(connection, site, due, last, set(state.days), now))


def _read_open(connection: Connection, site_id: int | None = None) -> dict[int, _Open]:
    connection.execute(rows.BY_INDEX)
    found: dict[int, _Open] = {}
    for number, zone, last_written, day, written_at in connection.execute(OPEN, {"site_id": site_id}):
        state = found.setdefault(number, _Open(zone, last_written, {}))
        if day is not None:
            state.days[day] = written_at
    return found


def _close(connection: Connection, site: Site, due: date, last: date, changed: set[date], now: datetime) -> int:
    """Walks from `due` to `last`; how many days it wrote whole."""
    known = min(rows.known_days(connection, site.id), default=None)
    _forget(connection, site.id, known)
    whole = 0
    if known is not None:
        start = max(due, known)
        written = _written_days(connection, site.id, start) - changed
        batch: list[_Day] = []
        for day in _walk(connection, site, known, start, last):
            batch.append(day)
            if len(batch) == DAYS_AT_A_TIME:
                whole += _write(connection, site.id, batch, written, now)
                batch = []
        whole += _write(connection, site.id, batch, written, now)
    connection.execute(DONE, {"site_id": site.id, "first": due, "last": last})
    return whole


# Served by uq_metrics, as are the statements below, and pk_open_days.
FORGET = text("DELETE FROM metrics WHERE site_id = :site_id AND date < CAST(:known AS date)")
WRITTEN = text("""
SELECT date
FROM metrics
WHERE site_id = :site_id AND date >= :first AND metric_name = 'dau' AND dimensions = '{}'
""")
DONE = text("DELETE FROM open_days WHERE site_id = :site_id AND day >= :first AND day <= :last")


def _forget(connection: Connection, site_id: int, known: date | None) -> None:
    """A site's figures begin with its first event; a rebuild, or another zone, may have moved that."""
    connection.execute(FORGET, {"site_id": site_id, "known": known or "infinity"})


def _written_days(connection: Connection, site_id: int, first: date) -> set[date]:
    return set(connection.execute(WRITTEN, {"site_id": site_id, "first": first}).scalars())


class _Day(NamedTuple):
    """What is known of a day, and of people in the days that end with it."""

    day: date
    events: dict[str, int]
    dau: int
    wau: int
    mau: int
    new_users: int
    visits: VisitSums


def _walk(connection: Connection, site: Site, known: date, start: date, last: date) -> Iterator[_Day]:
    """The days `[start, last]` in their order. Every bitmap is read once: those before `start` for who is new."""
    before = reading.Snapshot(connection, site).total(known, start).users
    window: deque[BitMap64] = deque(maxlen=MONTH)
    earlier = _read_days(connection, site.id, start - (MONTH - 1) * ONE_DAY, start)
    window.extend(_everybody(earlier.get(start - n * ONE_DAY, {})) for n in range(MONTH - 1, 0, -1))
    while start <= last:
        after = min(start + DAYS_AT_A_TIME * ONE_DAY, last + ONE_DAY)
        found = _read_days(connection, site.id, start, after)
        visits = read_visits(connection, site.id, "total", start, after)
        while start < after:
            types = found.get(start, {})
            today = _everybody(types)
            window.append(today)
            yield _Day(
                start, {name: count.events for name, count in types.items()}, len(today),
                len(users.union(list(window)[-WEEK:])), len(users.union(window)), today.difference_cardinality(before),
                visits.get((start, ""), VisitSums(0, 0, 0, 0)),
            )  # fmt: skip
            before |= today
            start += ONE_DAY


def _everybody(types: Mapping[str, Count]) -> BitMap64:
    return users.union(count.users for count in types.values())


BY_TYPE = "SELECT day, type, events, users" + reading.ROWS


def _read_days(connection: Connection, site_id: int, first: date, after: date) -> dict[date, dict[str, Count]]:
    """Day → type → what people did, programs left out. Two queries on pk_rollups."""
    spans = list(whole(DAY, first, after))
    types = reading.read_types(connection, site_id, spans)
    asked = {"dimensions": ["total"], "types": types, "subject": "", "bots": [False], **reading.columns(spans)}
    found: dict[date, dict[str, Count]] = {}
    for day, kind, events, stored in read_binary(connection, BY_TYPE, {"site_id": site_id, **asked}):
        count = Count(as_int(events or b""), users.unpack(stored or b""))
        found.setdefault(as_date(day or b""), {})[as_text(kind or b"")] = count
    return found


class _Metric(NamedTuple):
    """A row of `metrics`, but for its site."""

    date: date
    name: str
    dimensions: str
    value: Decimal


def _trailing(day: _Day) -> Iterator[_Metric]:
    """What an event of an earlier day may change."""
    for name in ("wau", "mau", "new_users"):
        yield _Metric(day.day, name, "{}", Decimal(getattr(day, name)))


def _own(day: _Day) -> Iterator[_Metric]:
    """What only the day's own events and visits decide. A rate of no visits is none."""
    events, visits = day.events, day.visits
    counts = {"dau": day.dau, "events": sum(events.values()), "page_views": events.get(VIEW, 0)}
    for name, count in {**counts, "visits": visits.visits}.items():
        yield _Metric(day.day, name, "{}", Decimal(count))
    for kind, count in events.items():
        yield _Metric(day.day, "events", json.dumps({"type": kind}), Decimal(count))
    if visits.visits:
        seconds = Decimal(visits.duration_us) / 1_000_000
        for name, amount in (("bounce_rate", Decimal(visits.bounces)), ("avg_visit_duration_s", seconds)):
            yield _Metric(day.day, name, "{}", round(amount / visits.visits, DIGITS))


# A row of a day that was not written whole stays as it is where its number does.
WRITE = text("""
INSERT INTO metrics AS m (site_id, date, metric_name, dimensions, metric_value, created_at, updated_at)
SELECT :site_id, k.*, :now, :now
FROM unnest(CAST(:dates AS date[]), CAST(:names AS text[]), CAST(:dimensions AS jsonb[]), CAST(:values AS numeric[])) k
ON CONFLICT (site_id, date, metric_name, dimensions) DO UPDATE
SET metric_value = excluded.metric_value, updated_at = excluded.updated_at
WHERE m.metric_value <> excluded.metric_value OR m.date = ANY(CAST(:whole AS date[]))
""")
# Types and rates that the day has no longer.
CLEAR = text("""
DELETE FROM metrics
WHERE site_id = :site_id AND date = ANY(CAST(:whole AS date[])) AND (date, metric_name, dimensions) NOT IN (
    SELECT k.* FROM unnest(CAST(:dates AS date[]), CAST(:names AS text[]), CAST(:dimensions AS jsonb[])) k
)
""")


def _write(connection: Connection, site_id: int, days: Iterable[_Day], written: set[date], now: datetime) -> int:
    """Writes the days' figures: of `written` days only what earlier days may have changed."""
    whole = [day.day for day in days if day.day not in written]
    metrics = [metric for day in days for metric in _trailing(day)]
    metrics += [metric for day in days if day.day not in written for metric in _own(day)]
    if metrics:
        dates, names, dimensions, values = (list(column) for column in zip(*metrics, strict=True))
        given = {"site_id": site_id, "dates": dates, "names": names, "dimensions": dimensions, "whole": whole}
        connection.execute(WRITE, {**given, "values": values, "now": now})
        connection.execute(CLEAR, given)
    return len(whole)
