"""The reports on funnels, made of a question and of what is counted for it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from analytics import clock
from analytics.extensions import settings
from analytics.funnels.asking import Order, count_funnel, keep, order_of, previous, read_days
from analytics.funnels.definitions import Funnel
from analytics.period import Period
from analytics.reports.question import Question, bounds


def analytics(question: Question, funnel: Funnel) -> dict[str, Any]:
    """Spec 4.E22."""
    from analytics.funnels import figures

    period, order = read_days(question), order_of(funnel)

    def compute() -> dict[str, Any]:
        what = {"funnel_id": funnel.id, "website_id": funnel.site_key, "date": str(period.last_date)}
        found = figures.summary(count_funnel(question, order, period))
        return {**what, **found, "date_range": _said(period)}

    return keep(question, "analytics", [order], period, compute)


def report(question: Question, order: Order) -> dict[str, Any]:
    """Spec 4.E23, with the figures of 4.E22; what `breakdown` and `compare` ask for beside them."""
    period = read_days(question)
    return keep(question, "report", [order], period, lambda: _report(question, order, period))


def _report(question: Question, order: Order, period: Period) -> dict[str, Any]:
    from analytics.funnels import figures

    counted, query = count_funnel(question, order, period), question.query
    found = {
        **figures.summary(counted),
        "step_analytics": figures.step_lines(counted),
        "daily_performance": figures.daily(counted, period),
        "cohort_data": figures.cohorts(counted, period),
        "date_range": _said(period),
    }
    if "breakdown" in query:
        limit = query.get("limit") or settings().top_results_limit
        found["breakdown"] = {"dimension": query["breakdown"], "rows": figures.breakdown(counted, limit)}
    if "compare" in query:
        earlier = previous(period)
        counted = count_funnel(question, order, earlier)
        lines = {"step_analytics": figures.step_lines(counted)}
        found["previous"] = {**bounds(earlier), **figures.summary(counted), **lines}
    return found


def compare(question: Question, funnels: Sequence[Funnel], names: Sequence[str]) -> list[dict[str, Any]]:
    """Spec 4.E24: a line a funnel, in their order, with the figures of these names."""
    from analytics.funnels import figures

    period = read_days(question)

    def line(funnel: Funnel) -> dict[str, Any]:
        counted = count_funnel(question, order_of(funnel), period)
        return figures.summary(counted) | {"performance_score": figures.score(counted)}

    orders = [order_of(funnel) for funnel in funnels]
    found = keep(question, "compare", orders, period, lambda: {"lines": [line(funnel) for funnel in funnels]})
    return [
        {"funnel_id": funnel.id, "funnel_name": funnel.name, **{name: figure[name] for name in names}}
        for funnel, figure in zip(funnels, found["lines"], strict=True)
    ]


def _said(period: Period) -> str:
    """In the seed's words: as many days as it touches."""
    days = clock.day_of(period.end - timedelta(microseconds=1), period.zone) - period.first_date
    return f"{days.days + 1} days"
