"""Reports on funnels: the JSON of a request, cached. views.py calls it; request.py counts, figures.py computes.

Imports of figures.py are inside functions: numpy takes 17 MB and 0.1 s, for processes that report on a funnel only.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from analytics import clock
from analytics.extensions import settings
from analytics.funnels.definitions import Funnel
from analytics.funnels.request import (
    Deadline,
    FunnelSpec,
    compute_cached,
    count_funnel,
    expand_spec,
    read_funnel_period,
    spec_of,
)
from analytics.period import Period
from analytics.reports.comparison import Comparison, read_comparison
from analytics.reports.day_range import MAX_DAYS
from analytics.reports.query.query import compute_change
from analytics.reports.request import ReportRequest, period_bounds


def summarize(request: ReportRequest, funnel: Funnel) -> dict[str, Any]:
    """Spec 4.E22."""
    # With numpy (funnels/request.py).
    from analytics.funnels import figures

    period, spec = read_funnel_period(request), expand_spec(request, spec_of(funnel))

    def compute() -> dict[str, Any]:
        ids = {"funnel_id": funnel.id, "website_id": funnel.site_key, "date": str(period.last_date)}
        totals = figures.summarize(count_funnel(request, spec, period))
        return {**ids, **totals, "date_range": _day_count(period)}

    return compute_cached(request, "analytics", [spec], period, compute)


def build(request: ReportRequest, spec: FunnelSpec) -> dict[str, Any]:
    """Spec 4.E23 with the totals of 4.E22; also `breakdown` and `previous` where the query requests them."""
    period, spec = read_funnel_period(request), expand_spec(request, spec)
    comparison = read_comparison(request, period, MAX_DAYS)
    return compute_cached(
        request, "report", [spec], period, lambda: _report(request, spec, period, comparison), comparison
    )


def _report(request: ReportRequest, spec: FunnelSpec, period: Period, comparison: Comparison | None) -> dict[str, Any]:
    # With numpy (funnels/request.py).
    from analytics.funnels import figures

    query, deadline = request.query, Deadline()
    result = count_funnel(request, spec, period, deadline)
    totals = figures.summarize(result)
    report = {
        **totals,
        "step_analytics": figures.step_rows(result),
        "daily_performance": figures.daily_rows(result, period),
        "cohort_data": figures.cohort_rows(result, period),
        "date_range": _day_count(period),
    }
    if "breakdown" in query:
        limit = query.get("limit") or settings().top_results_limit
        report["breakdown"] = {"dimension": query["breakdown"], "rows": figures.breakdown_rows(result, limit)}
    if comparison:
        report["previous"] = _previous(request, spec, comparison.previous, deadline)
        report["change"] = compute_change(totals, report["previous"])
    return report


def _previous(request: ReportRequest, spec: FunnelSpec, period: Period, deadline: Deadline) -> dict[str, Any]:
    # With numpy (funnels/request.py).
    from analytics.funnels import figures

    result = count_funnel(request, spec, period, deadline, "compare")
    return {**period_bounds(period), **figures.summarize(result), "step_analytics": figures.step_rows(result)}


def compare(request: ReportRequest, funnels: Sequence[Funnel], metrics: Sequence[str]) -> list[dict[str, Any]]:
    """Spec 4.E24: a row a funnel, in the order given, with these metrics."""
    # With numpy (funnels/request.py).
    from analytics.funnels import figures

    period = read_funnel_period(request)
    specs = [expand_spec(request, spec_of(funnel)) for funnel in funnels]

    def compute() -> dict[str, Any]:
        deadline = Deadline()
        results = (count_funnel(request, spec, period, deadline) for spec in specs)
        # "lines": the key in cached entries of earlier releases too.
        return {"lines": [figures.summarize(r) | {"performance_score": figures.performance_score(r)} for r in results]}

    rows = compute_cached(request, "compare", specs, period, compute)["lines"]
    return [
        {"funnel_id": funnel.id, "funnel_name": funnel.name, **{name: row[name] for name in metrics}}
        for funnel, row in zip(funnels, rows, strict=True)
    ]


def _day_count(period: Period) -> str:
    """As seed 004 writes it: the number of days that the period touches."""
    days = clock.day_of(period.end - timedelta(microseconds=1), period.zone) - period.first_date
    return f"{days.days + 1} days"
