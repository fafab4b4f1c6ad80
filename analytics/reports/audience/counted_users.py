"""The users of each unit of a retention grid who have an event that meets the request's filter, from column files.

views.py and users/ open it, and read bitmaps (retention.py) in the same snapshot. SELECT only.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pyroaring import BitMap64

from analytics.period import Period
from analytics.reports.audience.active import AudienceFilter
from analytics.reports.day_range import DayRange
from analytics.reports.filtering.filters import read_filter
from analytics.reports.report_period import open_raw_events
from analytics.reports.request import ReportRequest
from analytics.rollups.snapshot.snapshot import Snapshot
from analytics.store.planner import force_index_lookups

if TYPE_CHECKING:
    from analytics.columnar.read import ColumnReader

Counted = tuple[Snapshot, list[BitMap64] | None]


@contextmanager
def open_counted(request: ReportRequest, units: Sequence[DayRange], audience: AudienceFilter) -> Iterator[Counted]:
    """A snapshot, and the users of each unit whom the filter counts; None without a filter.

    A scan of each unit's events. Raises BadInput where they may be purged, NotInColumns, and Invalid where it takes
    longer than STATEMENT_TIMEOUT.
    """
    if "filter" not in request.query or not units:
        with request.open_snapshot() as snapshot:
            yield snapshot, None
        return
    # Processes that are never asked do not load the engine, 75 MB.
    from analytics.reports.columns.site_columns import open_site_columns

    whole = units[0]._replace(after=units[-1].after).period
    with open_raw_events(request, whole, "filter") as (connection, calendar):
        with open_site_columns(connection, request.site.id, calendar) as reader:
            if len(units) > 2:
                # Rows that no file holds stay in memory: too many are refused before the first unit is read.
                reader.events(whole.start, whole.end)
            counted = [_count(reader, request, unit.period, audience) for unit in units]
        force_index_lookups(connection)
        yield Snapshot(connection, request.site), counted


def _count(reader: "ColumnReader", request: ReportRequest, period: Period, audience: AudienceFilter) -> BitMap64:
    from analytics.reports.columns.clauses import Parameters
    from analytics.reports.columns.selection import RowSelection, select_events

    query, parameters = request.query, Parameters()
    selection = RowSelection(request.site.id, audience.bots, read_filter(query["filter"]), query["scope"])
    events = select_events(reader, selection, period.start, period.end, parameters)
    of_types = "" if audience.types is None else f"WHERE type IN ({', '.join(map(parameters.add, audience.types))})"
    users = BitMap64()
    for batch in reader.read_batches(f"SELECT DISTINCT user_no FROM {events} {of_types}", parameters):
        users.update(batch.column(0).to_pylist())
    return users
