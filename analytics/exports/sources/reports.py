"""Reports as rows of an export: the daily figures of closed days, and what the rollups say of days, values and cohorts.

sources.py asks. Figures are made by the functions that answer the API, in one snapshot, some rows at a time; PostgreSQL
then makes the cells, as it does for events. Days are those of the site's own calendar. SELECT only.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, Engine, text

from analytics import clock
from analytics.columns import BOUND, Column, copy_statement
from analytics.errors import NotFound
from analytics.period import Period
from analytics.reports import retention
from analytics.reports.active import DAYS_AT_A_TIME, Whom, people_by_day, series, users_before
from analytics.reports.counted import VIEWS
from analytics.reports.days import Days, around, refuse
from analytics.rollups.days import DIGITS
from analytics.rollups.delta import Count
from analytics.rollups.reading import LISTS, Snapshot, snapshot
from analytics.rollups.visit_tally import VisitSums
from analytics.sites import site_by_id
from analytics.store.reading import reading

TIMEOUT_S = 60.0
# A COPY costs 0.7 ms; this many rows are a megabyte or two.
ROWS_AT_A_TIME = 10_000
SQL_TYPES = {"date": "date", "number": "numeric", "text": "text"}
PARTS = ("day", "week", "month")
UNITS = (*PARTS, "period")
STRETCH = (Column("first_day", "date"), Column("last_day", "date"))


class Kind(NamedTuple):
    """A report: its columns, the units of time that a row may be of (the first is the default; none: they are given),
    and whether the filter's types make sense."""

    columns: tuple[Column, ...]
    units: tuple[str, ...] = ()
    has_types: bool = True


def _numbers(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, "number") for name in names)


KINDS = {
    "metrics": Kind((Column("date", "date"), Column("name"), Column("value", "number"), Column("dimensions", "json")),
                    has_types=False),
    "dau": Kind((Column("date", "date"), *_numbers("dau", "new_users", "returning_users", "wau", "mau", "stickiness"))),
    "summary": Kind(
        (*STRETCH, *_numbers("page_views", "visitors", "visits", "bounce_rate", "avg_visit_duration_s")),
        UNITS, has_types=False,
    ),
    "breakdown": Kind((*STRETCH, Column("value"), *_numbers("events", "users")), UNITS),
    "retention": Kind((Column("cohort", "date"), *_numbers("size", "units_after", "users", "rate")), PARTS),
}  # fmt: skip


class Report(NamedTuple):
    """Which one; `dimension` of a breakdown; `unit`: what a row is of, "" the report's default."""

    name: str = "metrics"
    dimension: str = ""
    unit: str = ""


class Asked(NamedTuple):
    """A report of a site: over each day that `[start, end)` touches, of events of these types (empty: all)."""

    site_id: int
    report: Report
    start: datetime
    end: datetime
    types: Sequence[str] = ()
    bots: bool = False

    @property
    def whom(self) -> Whom:
        return Whom(list(self.types) or None, self.bots)

    @property
    def unit(self) -> str:
        return self.report.unit or KINDS[self.report.name].units[0]


def check(report: Report, types: Sequence[str], user_id: str | None) -> None:
    """Raises BadInput, with what would do."""
    _known("report", report.name, tuple(KINDS))
    kind = KINDS[report.name]
    if report.name == "breakdown":
        _known("dimension", report.dimension, LISTS)
    elif report.dimension:
        raise refuse("dimension", f"{report.name} has none; a breakdown does", "report=breakdown")
    if report.unit and not kind.units:
        raise refuse("unit", f"{report.name} has a row a day; leave it out", "report=summary")
    if report.unit:
        _known("unit", report.unit, kind.units)
    if types and not kind.has_types:
        raise refuse("type", f"{report.name} are of fixed types; leave it out", "report=breakdown")
    if user_id is not None:
        raise refuse("user_id", "a report is of many; what one person did are events", "what=events")


def _known(name: str, value: str, words: Sequence[str]) -> None:
    if value not in words:
        raise refuse(name, f"{value[:80]!r} is not known; known: {', '.join(words)}", f"{name}={words[0]}")


ZONE = text("SELECT coalesce(rollups_zone, zone) FROM sites WHERE id = :site_id")


def calendar_of(connection: Connection, site_id: int) -> ZoneInfo:
    """The zone of the site's days. Raises NotFound."""
    zone = connection.execute(ZONE, {"site_id": site_id}).scalar()
    if zone is None:
        raise NotFound("the site is gone")
    return clock.zone(zone)


# One end of uq_metrics and of pk_rollups each.
FIRST = text("""
SELECT least(
    (SELECT min(date) FROM metrics WHERE site_id = :site_id),
    (SELECT min(day) FROM rollups WHERE site_id = :site_id AND span = 'day' AND dimension = 'total')
)
""")


def everything(connection: Connection, site_id: int, now: datetime) -> Period:
    """From the first day that any figure is known of through today."""
    zone = calendar_of(connection, site_id)
    today = clock.day_of(now, zone)
    first: date = connection.execute(FIRST, {"site_id": site_id}).scalar() or today
    return Days(min(first, today), today + timedelta(days=1), zone).period


def _days(connection: Connection, asked: Asked) -> Days:
    zone = calendar_of(connection, asked.site_id)
    touched = Period(asked.start, asked.end, zone)
    return Days(touched.first_date, touched.last_date + timedelta(days=1), zone)


COUNT_METRICS = text("SELECT count(*) FROM metrics WHERE site_id = :site_id AND date >= :first AND date < :after")
# pk_rollups; of all types and subjects, so more than there will be.
COUNT_VALUES = text("""
SELECT count(*)
FROM rollups
WHERE site_id = :site_id AND span = 'day' AND dimension = :dimension AND day >= :first AND day < :after
""")


def estimate(connection: Connection, asked: Asked) -> int:
    """About how many rows, and no less. Raises BadInput for a grid of too many cohorts."""
    days, name = _days(connection, asked), asked.report.name
    given = {"site_id": asked.site_id, "first": days.first, "after": days.after}
    if name == "metrics":
        return int(connection.execute(COUNT_METRICS, given).scalar_one())
    if name == "breakdown":
        return int(connection.execute(COUNT_VALUES, given | {"dimension": asked.report.dimension}).scalar_one())
    if name == "retention":
        cohorts = len(retention.units(days, asked.unit)) - 1
        return cohorts * (cohorts + 1) // 2
    return len(days.dates) if name == "dau" else sum(1 for _ in _stretches(days, asked.unit))


# Served by uq_metrics, whose order this is.
METRICS = """
    FROM (
        SELECT date, metric_name AS name, trim_scale(metric_value) AS value, dimensions
        FROM metrics
        WHERE site_id = %(site_id)s AND date >= %(first)s AND date < %(after)s
    ) AS figures
    ORDER BY figures.date, figures.name, figures.dimensions
"""


def statements(
    engine: Engine, asked: Asked, columns: Sequence[Column], form: str, zone: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """COPYs of the report for a file of that format, one after the other; the rows of each are made when it is due."""
    with reading(engine, TIMEOUT_S) as connection:
        days, site = _days(connection, asked), site_by_id(connection, asked.site_id)
    if asked.report.name == "metrics":
        bounds = {"site_id": asked.site_id, "first": days.first, "after": days.after}
        yield copy_statement(columns, form, zone, METRICS), bounds | BOUND
        return
    if site is None:
        raise NotFound("the site is gone")
    statement = copy_statement(columns, form, zone, _source(asked.report.name))
    with snapshot(engine, site, TIMEOUT_S) as found:
        rows = iter(MAKERS[asked.report.name](found, days, asked))
        while some := list(islice(rows, ROWS_AT_A_TIME)):
            yield statement, {"rows": _as_json(asked.report.name, some)} | BOUND


def _source(name: str) -> str:
    types = ", ".join(f"{column.name} {SQL_TYPES[column.type]}" for column in KINDS[name].columns)
    return f"FROM json_to_recordset(CAST(%(rows)s AS json)) AS figures({types})"


def _as_json(name: str, rows: Iterable[tuple[Any, ...]]) -> str:
    names = [column.name for column in KINDS[name].columns]
    return msgspec.json.encode([dict(zip(names, row, strict=True)) for row in rows]).decode()


def _dau(found: Snapshot, days: Days, asked: Asked) -> Iterator[tuple[Any, ...]]:
    seen = users_before(found, days.first, asked.whom)
    for first in days.dates[::DAYS_AT_A_TIME]:
        some = days._replace(first=first, after=min(first + timedelta(days=DAYS_AT_A_TIME), days.after))
        people = dict(people_by_day(found, some.first, some.after, asked.whom))
        for point in series(found, some, asked.whom):
            new = 0
            if (active := people.get(point.date)) is not None:
                new = active.difference_cardinality(seen)
                seen |= active
            yield point.date, point.dau, new, point.dau - new, point.wau, point.mau, point.stickiness


def _summary(found: Snapshot, days: Days, asked: Asked) -> Iterator[tuple[Any, ...]]:
    for some in _stretches(days, asked.unit):
        views = found.total(some.first, some.after, types=VIEWS, bots=asked.bots)
        begun = found.visits("total", some.first, some.after, asked.bots).values()
        visits = VisitSums(*(sum(column) for column in zip(VisitSums(0, 0, 0, 0), *begun, strict=True)))
        rate, length = _rounded(visits.bounce_rate), _rounded(visits.avg_duration_s)
        yield (*_ends(some), views.events, len(views.users), visits.visits, rate, length)


def _breakdown(found: Snapshot, days: Days, asked: Asked) -> Iterator[tuple[Any, ...]]:
    """The values of each stretch, those with the most events first. A day is read at a time."""
    for some in _stretches(days, asked.unit):
        counts: dict[str, Count] = {}
        for day in some.dates:
            after = day + timedelta(days=1)
            for (_, value), count in found.counts(asked.report.dimension, day, after, **asked.whom._asdict()).items():
                counts.setdefault(value, Count()).add(count)
        for value in sorted(counts, key=lambda value: (-counts[value].events, value)):
            yield (*_ends(some), value, counts[value].events, len(counts[value].users))


def _retention(found: Snapshot, days: Days, asked: Asked) -> Iterator[tuple[Any, ...]]:
    for cohort in retention.grid(found, retention.units(days, asked.unit), asked.whom):
        for number, (users, rate) in enumerate(zip(cohort.retained, cohort.rates, strict=True)):
            yield cohort.start, cohort.size, number, users, rate


MAKERS: dict[str, Callable[[Snapshot, Days, Asked], Iterator[tuple[Any, ...]]]]
MAKERS = {"dau": _dau, "summary": _summary, "breakdown": _breakdown, "retention": _retention}


def _stretches(days: Days, unit: str) -> Iterator[Days]:
    """The days by unit; a week or a month that they cut is cut."""
    first = days.first
    while first < days.after:
        day = days._replace(first=first, after=first + timedelta(days=1))
        after = days.after if unit == "period" else min(around(day, unit).after, days.after)
        yield days._replace(first=first, after=after)
        first = after


def _ends(days: Days) -> tuple[date, date]:
    return days.first, days.after - timedelta(days=1)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)
