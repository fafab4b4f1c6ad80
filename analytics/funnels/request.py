"""A funnel report's request: its period, the events that count it, and the cache. reports.py calls it.

Funnels are counted from columns (columnar/read.py), within STATEMENT_TIMEOUT. Results of a period that is over are
cached as other reports are.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from analytics.columnar.limits import QueryTimeout
from analytics.extensions import settings
from analytics.funnels.definitions import Funnel, FunnelDefinition
from analytics.funnels.steps import check_conditions, filter_field_name, replace_filters
from analytics.period import Period, period_parameter, read_zone
from analytics.reports.comparison import Comparison
from analytics.reports.day_range import MAX_DAYS
from analytics.reports.filtering.filters import read_filter
from analytics.reports.filtering.scope import MIXED
from analytics.reports.report_period import explain_timeout, open_raw_events, read_report_period
from analytics.reports.request import ReportRequest
from analytics.reports.responses.cache import get_or_compute

if TYPE_CHECKING:
    from analytics.funnels.conversion import FunnelResult

DEFAULT_DAYS = 7


class FunnelSpec(NamedTuple):
    """A funnel to count. `funnel_id`: of a stored funnel, whose steps clients may have tracked."""

    definition: FunnelDefinition
    funnel_id: str | None = None


def spec_of(funnel: Funnel) -> FunnelSpec:
    return FunnelSpec(funnel.definition, funnel.id)


def expand_spec(request: ReportRequest, spec: FunnelSpec) -> FunnelSpec:
    """The funnel with the conditions of the segments that filters of its steps name. Raises BadInput, also where these
    and the request's filter have too many conditions."""

    def expand(index: int, filter_text: str) -> str:
        return request.expand_filter(filter_text, filter_field_name(index)).text

    steps = replace_filters(spec.definition.steps, expand)
    check_conditions(steps, request.query.get("filter"))
    return spec._replace(definition=spec.definition._replace(steps=steps))


def compute_cached(
    request: ReportRequest,
    name: str,
    specs: Sequence[FunnelSpec],
    period: Period,
    compute: Callable[[], dict[str, Any]],
    comparison: Comparison | None = None,
) -> dict[str, Any]:
    """The result of `compute` with `meta`; of a period that is over, it may come from the cache."""
    # "orders" is part of the cache key.
    orders = [[spec.funnel_id, spec.definition.as_json()] for spec in specs]
    keyed = replace(request, query={**request.query, "orders": orders})
    meta = request.meta(period, "raw", **({"compare": comparison.as_json()} if comparison else {}))
    covered = comparison.covered(period) if comparison else period
    return get_or_compute(keyed, f"funnel:{name}", covered, lambda: compute() | {"meta": meta})


class Deadline:
    """STATEMENT_TIMEOUT from now on, for a request that counts several times."""

    def __init__(self) -> None:
        timeout_s = settings().statement_timeout
        self._ends_at = monotonic() + timeout_s if timeout_s else None

    def find_rest_s(self) -> float:
        """How long the next count may take; 0: any time. Raises QueryTimeout where nothing is left."""
        if self._ends_at is None:
            return 0
        if (left_s := self._ends_at - monotonic()) <= 0:
            raise QueryTimeout
        return left_s


def count_funnel(
    request: ReportRequest,
    spec: FunnelSpec,
    period: Period,
    deadline: Deadline | None = None,
    parameter: str | None = None,
) -> "FunnelResult":
    """`deadline`: of several counts. `parameter`: the one that sets the period, where it is not that of the request.

    Raises BadInput where raw events may be purged, Invalid where they are too many or take too long, NotInColumns.
    """
    # Imported here because numpy takes 17 MB and 0.1 s, the engine 75 MB: only a process that counts a funnel pays.
    from analytics.funnels.conversion import count_attempts, read_events
    from analytics.funnels.reading import FunnelReader
    from analytics.reports.columns.selection import RowSelection
    from analytics.reports.columns.site_columns import open_site_columns

    query, definition = request.query, spec.definition
    with explain_timeout(request, period):
        timeout_s = (deadline or Deadline()).find_rest_s()
    conditions = read_filter(query["filter"]) if "filter" in query else ()
    selection = RowSelection(request.site.id, request.include_bots, conditions, query.get("scope", MIXED))
    with (
        open_raw_events(request, period, parameter or period_parameter(query), timeout_s) as (connection, calendar),
        open_site_columns(connection, request.site.id, calendar, timeout_s) as columns,
    ):
        reader = FunnelReader(columns, selection, period, definition, query.get("breakdown"))
        found = read_events(reader, definition.scope, spec.funnel_id)
    return count_attempts(definition, period.start, found)


def read_funnel_period(request: ReportRequest) -> Period:
    """The request's period; without one, DEFAULT_DAYS through today. Raises BadInput."""
    return read_report_period(request, read_zone(request.query, request.site.zone), DEFAULT_DAYS, MAX_DAYS)
