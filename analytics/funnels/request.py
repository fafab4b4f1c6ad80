"""A funnel report's request: its period, the raw events that count it, and the cache. reports.py calls it.

Funnels are counted from raw events or their postings, within STATEMENT_TIMEOUT. Results of a period that is over are
cached as other reports are.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from analytics import clock
from analytics.funnels.definitions import FUNNEL_STEP_TYPE, Funnel, FunnelDefinition
from analytics.funnels.steps import filter_field_name, replace_filters
from analytics.period import Period, period_parameter, read_zone
from analytics.reports.cache import get_or_compute
from analytics.reports.comparison import Comparison
from analytics.reports.day_range import MAX_DAYS
from analytics.reports.filtering.filters import read_filter
from analytics.reports.report_period import open_raw_events, read_report_period
from analytics.reports.request import ReportRequest
from analytics.rollups.cardinality import OTHER

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
    """The funnel with the conditions of the segments that filters of its steps name. Raises BadInput."""

    def expand(index: int, filter_text: str) -> str:
        return request.expand_filter(filter_text, filter_field_name(index)).text

    definition = spec.definition
    return spec._replace(definition=definition._replace(steps=replace_filters(definition.steps, expand)))


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


def count_funnel(
    request: ReportRequest, spec: FunnelSpec, period: Period, parameter: str | None = None
) -> "FunnelResult":
    """`parameter`: the one that sets the period, where it is not that of the request.

    Raises BadInput where raw events may be purged, Invalid where they are too many or take too long.
    """
    # Imported here because numpy takes 17 MB and 0.1 s: only a process that counts a funnel pays for it.
    from analytics.funnels.conversion import FunnelCountRequest, compute_funnel
    from analytics.funnels.posted import Seen

    query = request.query
    conditions = read_filter(query["filter"]) if "filter" in query else ()
    tracked_id = spec.funnel_id if spec.funnel_id and _has_tracked_steps(request, period) else None
    with open_raw_events(request, period, parameter or period_parameter(request.query)) as (connection, calendar):
        events = Seen(request.site.id, period, calendar, request.include_bots, conditions)
        count_request = FunnelCountRequest(events, spec.definition, tracked_id, query.get("breakdown"))
        return compute_funnel(connection, count_request)


def _has_tracked_steps(request: ReportRequest, period: Period) -> bool:
    """Whether rollups have a tracked step in these days. One query; it saves a read of all raw events where none is."""
    with request.open_snapshot() as snapshot:
        zone = clock.zone(snapshot.zone)
        first, after = clock.day_of(period.start, zone), clock.day_of(period.end, zone) + timedelta(days=1)
        # A site with too many types counts its rare types as OTHER.
        return bool(snapshot.daily_totals(first, after, types=(FUNNEL_STEP_TYPE, OTHER), bots=True))


def read_funnel_period(request: ReportRequest) -> Period:
    """The request's period; without one, DEFAULT_DAYS through today. Raises BadInput."""
    return read_report_period(request, read_zone(request.query, request.site.zone), DEFAULT_DAYS, MAX_DAYS)
