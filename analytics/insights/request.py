"""The request of an insights report: which events it selects, and columns for what rollups cannot answer.

goals/, journeys.py and experiments.py use it. Period, limits and refusals are those of reports/report_period.py.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from analytics.period import Period, period_parameter, read_zone
from analytics.reports import report_period
from analytics.reports.day_range import DayRange
from analytics.reports.filtering.filters import Condition, read_filter
from analytics.reports.filtering.scope import MIXED
from analytics.reports.request import ReportRequest

if TYPE_CHECKING:
    from analytics.insights.column_events import ColumnEvents


@dataclass(frozen=True, slots=True)
class EventSelection:
    """The site's events in the period that meet the filter; `bots`: of bots too. `period_parameter`: its name.
    `scope`: what the filter's conditions select (filtering/scope.py)."""

    site_id: int
    period: Period
    filter: tuple[Condition, ...]
    bots: bool
    period_parameter: str
    scope: str = MIXED

    @property
    def days(self) -> tuple[date, date] | None:
        """The whole days `[first, after)` that the period is; None when it cuts a day."""
        days = DayRange.from_period(self.period)
        return (days.first, days.after) if days else None


def read_selection(request: ReportRequest, rollups_zone: str) -> EventSelection:
    """The selection of the request; without a period, DEFAULT_DAYS through today. Raises BadInput."""
    query = request.query
    period = report_period.read_report_period(request, read_zone(query, rollups_zone))
    conditions = read_filter(query["filter"]) if "filter" in query else ()
    scope, parameter = query.get("scope", MIXED), period_parameter(query)
    return EventSelection(request.site.id, period, conditions, request.include_bots, parameter, scope)


@contextmanager
def open_events(request: ReportRequest, selection: EventSelection, parameter: str) -> Iterator["ColumnEvents"]:
    """The selected events at one instant. `parameter`: the one that needs them. Raises as `open_raw_events` of
    report_period.py and `open_site_columns`."""
    # Processes that are never asked do not load the engine.
    from analytics.insights.column_events import ColumnEvents
    from analytics.reports.columns.site_columns import open_site_columns

    with (
        report_period.open_raw_events(request, selection.period, parameter) as (connection, calendar),
        open_site_columns(connection, request.site.id, calendar) as reader,
    ):
        yield ColumnEvents(reader, selection)
