"""Reports as the rows of an export: daily metrics of closed days, and figures that the rollups give for any period.

export.py calls it. The functions behind the API compute the figures in one snapshot, some rows at a time; PostgreSQL
then formats the cells, as it does for events. Days are those of the site's own calendar. Where the period cuts a day,
summary and breakdown count what lies in it; the rows of the other reports are of whole days. SELECT only.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, Engine, text

from analytics import clock
from analytics.errors import NotFound
from analytics.exports.sources.request import ExportRequest, check_no_sample_filter, check_one_of
from analytics.files.columns import FORMULA_PARAMETERS, Column, copy_statement
from analytics.period import Period
from analytics.reports.audience import retention
from analytics.reports.audience.active import DAYS_AT_A_TIME, AudienceFilter, daily_series, users_before, users_by_day
from analytics.reports.day_range import DayRange, bad_parameter, expand_to_unit
from analytics.reports.events.raw_export import BoundStatement
from analytics.reports.query.breakdown import default_types
from analytics.reports.query.from_rollups import RollupSource, can_list
from analytics.reports.query.measures import PAGE_VIEW_TYPES, EventSelection, lists_visits
from analytics.reports.query.schemas import BREAKDOWN_DIMENSIONS
from analytics.reports.request import purged_error
from analytics.rollups.calendar import read_calendar, read_rollups_zone
from analytics.rollups.closing.days import DECIMAL_PLACES
from analytics.rollups.snapshot.clipped import clip, first_raw_instant
from analytics.rollups.snapshot.snapshot import Snapshot, open_snapshot
from analytics.rollups.visits.sums import VisitSums
from analytics.sites.sites import read_site_by_id
from analytics.store.reading import read_transaction

TIMEOUT_S = 60.0
# A COPY statement costs 0.7 ms; these rows are one or two megabytes.
ROWS_PER_COPY = 10_000
# Reports whose first and last rows count what the period has of a day that it cuts.
CLIPPED_REPORTS = ("summary", "breakdown")
SQL_TYPES = {"date": "date", "number": "numeric", "text": "text", "timestamp": "timestamptz"}
CALENDAR_UNITS = ("day", "week", "month")
UNITS = (*CALENDAR_UNITS, "period")
PERIOD_COLUMNS = (Column("first_day", "date"), Column("last_day", "date"))
# Of a breakdown: those of the report, without its lists of types and of subjects.
EXPORTED_DIMENSIONS = tuple(name for name in BREAKDOWN_DIMENSIONS if name not in ("type", "subject"))


class ReportKind(NamedTuple):
    """`units`: the units of time that a row may cover, the default first; empty: the report decides.

    `accepts_types`: whether the figures can be limited to types of events.
    """

    columns: tuple[Column, ...]
    units: tuple[str, ...] = ()
    accepts_types: bool = True


def _numbers(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, "number") for name in names)


METRIC_COLUMNS = (Column("date", "date"), Column("name"), Column("value", "number"), Column("dimensions", "json"))
SUMMARY_FIGURES = _numbers("page_views", "visitors", "visits", "bounce_rate", "avg_visit_duration_s")
DAU_FIGURES = _numbers("dau", "new_users", "returning_users", "wau", "mau", "stickiness")
# `users` is `visitors` under the name of events' exports; the others are named as in the report.
BREAKDOWN_FIGURES = _numbers("events", "users", "visitors", "visits", "page_views")
RETENTION_FIGURES = _numbers("size", "units_after", "users", "rate")
REPORT_KINDS = {
    "metrics": ReportKind(METRIC_COLUMNS, accepts_types=False),
    "dau": ReportKind((Column("date", "date"), *DAU_FIGURES)),
    "summary": ReportKind((*PERIOD_COLUMNS, *SUMMARY_FIGURES), UNITS, accepts_types=False),
    "breakdown": ReportKind((*PERIOD_COLUMNS, Column("value"), *BREAKDOWN_FIGURES), UNITS),
    "retention": ReportKind((Column("cohort", "date"), *RETENTION_FIGURES), CALENDAR_UNITS),
}


@dataclass(frozen=True, slots=True)
class ReportRows:
    """The rows of a report over each day that the request's period touches; a `Source` of export.py."""

    request: ExportRequest
    is_countable = True
    can_overlap = False

    @property
    def name(self) -> str:
        return self.request.report.name

    @property
    def title(self) -> str:
        return self.name

    @property
    def columns(self) -> tuple[Column, ...]:
        return REPORT_KINDS[self.name].columns

    @property
    def unit(self) -> str:
        return self.request.report.unit or REPORT_KINDS[self.name].units[0]

    @property
    def audience(self) -> AudienceFilter:
        return AudienceFilter(list(self.request.filter.types) or None, self.request.filter.include_bots)

    @property
    def selection(self) -> EventSelection:
        """What a breakdown counts: without types what the report does, page views."""
        types = self.request.filter.types or default_types(self.request.report.dimension)
        return EventSelection(self.request.site_id, types, self.audience.bots)

    def cut_period(self, days: DayRange) -> Period:
        """What the request's period has of the days."""
        period = days.period
        return Period(max(period.start, self.request.start), min(period.end, self.request.end), period.zone)

    def check(self) -> None:
        name, dimension, _ = self.request.report
        check_no_sample_filter("report", self.request.filter)
        if self.request.filter.where is not None:
            detail = "a report counts all events and has no such filter; export events, or query the report"
            raise bad_parameter("filter.where", detail, "what=events")
        check_one_of("report", name, tuple(REPORT_KINDS))
        if name == "breakdown":
            self._check_dimension(dimension)
        elif dimension:
            raise bad_parameter("dimension", f"{name} has no dimension; a breakdown has one", "report=breakdown")
        self._check_unit()
        self._check_audience()

    def _check_dimension(self, dimension: str) -> None:
        check_one_of("dimension", dimension, EXPORTED_DIMENSIONS)
        if not can_list(dimension, self.selection):
            detail = f"only visits are counted by {dimension}; omit type, or send page_view"
            raise bad_parameter("type", detail, "type=page_view")

    def _check_unit(self) -> None:
        unit, units = self.request.report.unit, REPORT_KINDS[self.name].units
        if unit and not units:
            raise bad_parameter("unit", f"{self.name} has one row a day; omit unit", "report=summary")
        if unit:
            check_one_of("unit", unit, units)

    def _check_audience(self) -> None:
        if self.request.filter.types and not REPORT_KINDS[self.name].accepts_types:
            raise bad_parameter("type", f"{self.name} has fixed types of events; omit type", "report=breakdown")
        if self.request.filter.user_id is not None:
            raise bad_parameter("user_id", "a report counts all users; export the events of one user", "what=events")

    def split_period(self, _connection: Connection) -> list[tuple[datetime, datetime]]:
        """One part: a report is computed in one snapshot."""
        return [(self.request.start, self.request.end)]

    def estimate_max_rows(self, connection: Connection) -> int:
        """Raises BadInput for a retention grid with too many cohorts."""
        days = self._days(connection)
        parameters = {"site_id": self.request.site_id, "first": days.first, "after": days.after}
        if self.name == "metrics":
            return int(connection.execute(COUNT_METRICS, parameters).scalar_one())
        if self.name == "breakdown":
            parameters |= {"dimension": self.request.report.dimension}
            count = COUNT_VISIT_VALUES if lists_visits(self.request.report.dimension, self.selection) else COUNT_VALUES
            return int(connection.execute(count, parameters).scalar_one())
        if self.name == "retention":
            cohorts = len(retention.cohort_edges(days, self.unit)) - 1
            return cohorts * (cohorts + 1) // 2
        return len(days.dates) if self.name == "dau" else sum(1 for _ in _split_by_unit(days, self.unit))

    def statements(
        self, engine: Engine, columns: Sequence[Column], start: datetime, end: datetime, _cutoff: datetime
    ) -> Iterator[BoundStatement]:
        """The rows of each statement are computed when it is due; the cutoff does not apply to figures."""
        with read_transaction(engine, TIMEOUT_S) as connection:
            days, site = self._days(connection), read_site_by_id(connection, self.request.site_id)
        if self.name == "metrics":
            bounds = {"site_id": self.request.site_id, "first": days.first, "after": days.after}
            yield self._copy(columns, METRICS_FROM_CLAUSE), bounds | FORMULA_PARAMETERS
            return
        if site is None:
            raise NotFound("the site does not exist any more")
        statement = self._copy(columns, json_from_clause(self.columns))
        with open_snapshot(engine, site, TIMEOUT_S) as snapshot:
            if self.name in CLIPPED_REPORTS:
                snapshot = clip(snapshot, self.request.start, self.request.end)
            rows = iter(ROW_BUILDERS[self.name](snapshot, days, self))
            while batch := list(islice(rows, ROWS_PER_COPY)):
                yield statement, {"rows": as_json(self.columns, batch)} | FORMULA_PARAMETERS

    def _copy(self, columns: Sequence[Column], from_clause: str) -> str:
        return copy_statement(columns, self.request.format, self.request.zone, from_clause)

    def _days(self, connection: Connection) -> DayRange:
        """The days that the period touches. Raises BadInput where it cuts one whose raw events may be purged."""
        zone = read_zone_of_days(connection, self.request.site_id)
        period = Period(self.request.start, self.request.end, zone)
        first = first_raw_instant(period.start, period.end, zone.key, of_values=self.name == "breakdown")
        if first is not None and self.name in CLIPPED_REPORTS:
            calendar = read_calendar(connection, self.request.site_id)
            if calendar is not None and calendar.raw_since is not None and first < calendar.raw_since:
                raise purged_error("from", first, calendar.raw_since)
        return DayRange.covering(period)


def read_zone_of_days(connection: Connection, site_id: int) -> ZoneInfo:
    """The zone in which the site's days are counted. Raises NotFound."""
    zone = read_rollups_zone(connection, site_id)
    if zone is None:
        raise NotFound("the site does not exist any more")
    return clock.zone(zone)


# Reads the first entry of uq_metrics and of pk_rollups.
SELECT_FIRST_DAY = text("""
SELECT least(
    (SELECT min(date) FROM metrics WHERE site_id = :site_id),
    (SELECT min(day) FROM rollups WHERE site_id = :site_id AND span = 'day' AND dimension = 'total')
)
""")


def read_full_period(connection: Connection, site_id: int, now: datetime) -> Period:
    """From the first day that has any figure through today."""
    zone = read_zone_of_days(connection, site_id)
    today = clock.day_of(now, zone)
    first: date = connection.execute(SELECT_FIRST_DAY, {"site_id": site_id}).scalar() or today
    return DayRange(min(first, today), today + timedelta(days=1), zone).period


COUNT_METRICS = text("SELECT count(*) FROM metrics WHERE site_id = :site_id AND date >= :first AND date < :after")
# Served by pk_rollups. Counts all types and subjects, so it is an upper bound.
COUNT_VALUES = text("""
SELECT count(*)
FROM rollups
WHERE site_id = :site_id AND span = 'day' AND dimension = :dimension AND day >= :first AND day < :after
""")
# Served by pk_visit_rollups.
COUNT_VISIT_VALUES = text("""
SELECT count(*)
FROM visit_rollups
WHERE site_id = :site_id AND dimension = :dimension AND day >= :first AND day < :after
""")


# Served by uq_metrics, in its order.
METRICS_FROM_CLAUSE = """
    FROM (
        SELECT date, metric_name AS name, trim_scale(metric_value) AS value, dimensions
        FROM metrics
        WHERE site_id = %(site_id)s AND date >= %(first)s AND date < %(after)s
    ) AS figures
    ORDER BY figures.date, figures.name, figures.dimensions
"""


def json_from_clause(columns: Sequence[Column]) -> str:
    """SQL of the rows that `as_json` encoded, bound as `rows`."""
    types = ", ".join(f"{column.name} {SQL_TYPES[column.type]}" for column in columns)
    return f"FROM json_to_recordset(CAST(%(rows)s AS json)) AS figures({types})"


def as_json(columns: Sequence[Column], rows: Iterable[tuple[Any, ...]]) -> str:
    """The rows, whose cells are in the order of the columns."""
    names = [column.name for column in columns]
    return msgspec.json.encode([dict(zip(names, row, strict=True)) for row in rows]).decode()


def _dau_rows(snapshot: Snapshot, days: DayRange, report: ReportRows) -> Iterator[tuple[Any, ...]]:
    seen = users_before(snapshot, days.first, report.audience)
    for first in days.dates[::DAYS_AT_A_TIME]:
        batch = days._replace(first=first, after=min(first + timedelta(days=DAYS_AT_A_TIME), days.after))
        users = dict(users_by_day(snapshot, batch.first, batch.after, report.audience))
        for point in daily_series(snapshot, batch, report.audience):
            new = 0
            if (active := users.get(point.date)) is not None:
                new = active.difference_cardinality(seen)
                seen |= active
            yield point.date, point.dau, new, point.dau - new, point.wau, point.mau, point.stickiness


def _summary_rows(snapshot: Snapshot, days: DayRange, report: ReportRows) -> Iterator[tuple[Any, ...]]:
    bots = report.audience.bots
    for unit in _split_by_unit(days, report.unit):
        views = snapshot.total(unit.first, unit.after, types=PAGE_VIEW_TYPES, bots=bots)
        rows = snapshot.visits("total", unit.first, unit.after, bots).values()
        visits = VisitSums(*(sum(column) for column in zip(VisitSums(0, 0, 0, 0), *rows, strict=True)))
        rate, duration_s = _rounded(visits.bounce_rate), _rounded(visits.avg_duration_s)
        yield (*_first_and_last(unit), views.events, len(views.users), visits.visits, rate, duration_s)


def _breakdown_rows(snapshot: Snapshot, days: DayRange, report: ReportRows) -> Iterator[tuple[Any, ...]]:
    """The rows of GET /api/analytics/reports/breakdown for each unit, in its order; OTHER is one of them."""
    source, dimension = RollupSource(snapshot, report.selection), report.request.report.dimension
    for unit in _split_by_unit(days, report.unit):
        for row in source.list_values(report.cut_period(unit), dimension):
            figures = row.events, row.visitors, row.visitors, row.visits, row.page_views
            yield (*_first_and_last(unit), row.value or None, *figures)


def _retention_rows(snapshot: Snapshot, days: DayRange, report: ReportRows) -> Iterator[tuple[Any, ...]]:
    for cohort in retention.build_cohorts(snapshot, retention.cohort_edges(days, report.unit), report.audience):
        for units_after, (users, rate) in enumerate(zip(cohort.retained, cohort.rates, strict=True)):
            yield cohort.start, cohort.size, units_after, users, rate


ROW_BUILDERS: dict[str, Callable[[Snapshot, DayRange, ReportRows], Iterator[tuple[Any, ...]]]]
ROW_BUILDERS = {
    "dau": _dau_rows,
    "summary": _summary_rows,
    "breakdown": _breakdown_rows,
    "retention": _retention_rows,
}


def _split_by_unit(days: DayRange, unit: str) -> Iterator[DayRange]:
    """The days by unit of time; the first and the last week or month may be incomplete."""
    first = days.first
    while first < days.after:
        day = days._replace(first=first, after=first + timedelta(days=1))
        after = days.after if unit == "period" else min(expand_to_unit(day, unit).after, days.after)
        yield days._replace(first=first, after=after)
        first = after


def _first_and_last(days: DayRange) -> tuple[date, date]:
    return days.first, days.after - timedelta(days=1)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DECIMAL_PLACES)
