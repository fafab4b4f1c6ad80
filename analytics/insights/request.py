"""The request of an insights report: which events it selects, and raw events for what rollups cannot answer.

goals/, journeys.py and experiments.py use it. Period, limits and refusals are those of reports/report_period.py.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, Connection

from analytics.period import Period, period_parameter, read_zone
from analytics.reports import report_period
from analytics.reports.day_range import DayRange
from analytics.reports.filtering.filtered import PLAN
from analytics.reports.filtering.filters import Condition, build_filter_clause, read_filter
from analytics.reports.request import ReportRequest
from analytics.store import event_queries
from analytics.store.models import events


@dataclass(frozen=True, slots=True)
class EventSelection:
    """The site's events in the period that meet the filter; `bots`: of bots too. `period_parameter`: its name."""

    site_id: int
    period: Period
    filter: tuple[Condition, ...]
    bots: bool
    period_parameter: str

    @property
    def days(self) -> tuple[date, date] | None:
        """The whole days `[first, after)` that the period is; None when it cuts a day."""
        days = DayRange.from_period(self.period)
        return (days.first, days.after) if days else None

    def is_counted(self) -> ColumnElement[bool]:
        """Whether a row of events is selected."""
        return event_queries.is_counted(self.site_id, self.period, self.bots) & build_filter_clause(
            self.filter, events.c
        )


def read_selection(request: ReportRequest, rollups_zone: str) -> EventSelection:
    """The selection of the request; without a period, DEFAULT_DAYS through today. Raises BadInput."""
    query = request.query
    period = report_period.read_report_period(request, read_zone(query, rollups_zone))
    conditions = read_filter(query["filter"]) if "filter" in query else ()
    return EventSelection(request.site.id, period, conditions, request.include_bots, period_parameter(request.query))


@contextmanager
def open_raw_events(request: ReportRequest, selection: EventSelection, parameter: str) -> Iterator[Connection]:
    """As `report_period.open_raw_events`, with PostgreSQL set to plan for queries that read millions of rows."""
    with report_period.open_raw_events(request, selection.period, parameter) as (connection, _):
        connection.execute(PLAN)
        yield connection
