"""The report overview: totals, series, lists, goals and busiest hours of a site in one response, from one snapshot.

views.py calls it for the dashboard, benchmarks/ to measure it. Each part has the figures and the shape of the report
that gives it alone: summary, timeseries, breakdown, and that of a goal (docs/decisions/0039).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from analytics.extensions import db, settings
from analytics.insights.goals.conversions import ConversionCounts
from analytics.insights.goals.goals import StoredGoal, list_goals
from analytics.insights.goals.report import expand_goal
from analytics.insights.overview.busiest_hours import fold_hours
from analytics.insights.overview.from_events import EventOverview
from analytics.insights.overview.from_rollups import RollupOverview
from analytics.insights.overview.sources import OverviewSource
from analytics.period import Period
from analytics.reports.query.breakdown import BreakdownPage, default_types
from analytics.reports.query.measures import LIST_MEASURES, ValueCounts, lists_visits
from analytics.reports.query.query import (
    ResolvedRequest,
    Sources,
    compare_figures,
    compute_change,
    counts_as_json,
    describe_series,
    run_with_sources,
)
from analytics.reports.request import ReportRequest
from analytics.reports.responses.shared_reads import HARMLESS_DIMENSIONS
from analytics.store.reading import read_transaction

# What `lists` may name besides dimensions.
GOALS, BUSIEST_HOURS = "goals", "busiest_hours"
# The dimensions of `lists` in the response of a request that names none.
TOP_LIST_DIMENSIONS = (
    *("path", "hostname", "referrer", "source", "channel", "country", "browser", "os", "device", "language", "screen"),
    "utm_source",
)
# The first of them by name.
MAX_GOALS = 100
# The figures of a goal where they are not known.
NOT_COUNTED: Mapping[str, Any] = dict.fromkeys(("conversions", "users", "active_users", "rate"))


def run_overview(request: ReportRequest) -> dict[str, Any]:
    """The report with its `meta`; of days that are over, possibly from the cache. Raises BadInput, and Invalid as
    `run_report`."""
    goals = _read_goals(request) if GOALS in request.query.get("lists", ()) else []
    if goals:
        # A changed goal or segment has another cache key.
        definitions = [{**stored.definition, "conditions": stored.goal.conditions} for stored in goals]
        request = replace(request, query={**request.query, "goals": definitions})
    names = request.query.get("lists", TOP_LIST_DIMENSIONS)
    dimensions = [name for name in names if name not in (GOALS, BUSIEST_HOURS)]
    # With a filter, or in another zone, the overview is counted by the second.
    sources: Sources[OverviewSource] = Sources(RollupOverview, partial(EventOverview, dimensions))
    report = run_with_sources(request, "overview", partial(build_overview, goals), sources)
    # After the cache, which holds the whole report for every caller.
    return _drop_private_lists(report) if request.is_shared else report


def _read_goals(request: ReportRequest) -> list[StoredGoal]:
    with read_transaction(db.engine, settings().statement_timeout) as connection:
        goals = list_goals(connection, request.site.id)[:MAX_GOALS]
    return [stored._replace(goal=expand_goal(request, stored.goal)) for stored in goals]


def _drop_private_lists(report: dict[str, Any]) -> dict[str, Any]:
    """Lists that the caller named are checked in shared_reads.py."""
    lists = {name: rows for name, rows in report.get("lists", {}).items() if name in HARMLESS_DIMENSIONS}
    return report | {"lists": lists} if "lists" in report else report


def build_overview(goals: Sequence[StoredGoal], resolved: ResolvedRequest, source: OverviewSource) -> dict[str, Any]:
    """The report without its `meta`."""
    query, period, unit = resolved.query, resolved.period, resolved.query["granularity"]
    counts, names = source.count_series(period, unit), query.get("lists")
    figures = counts_as_json(counts.total)
    report = {**figures, "granularity": unit, "series": describe_series(period, unit, counts.buckets)}
    report |= _compare(resolved, figures, source)
    if names is None:
        return report | {"lists": _top_lists(resolved, source)}
    report["breakdowns"] = _breakdowns(resolved, source, [one for one in names if one not in (GOALS, BUSIEST_HOURS)])
    if GOALS in names:
        converted = source.count_goals(period, [stored.goal for stored in goals])
        report["goals"] = [_describe_goal(*pair) for pair in zip(goals, converted, strict=True)]
    if BUSIEST_HOURS in names:
        report["busiest_hours"] = fold_hours(source.count_hours(period), period.zone)
    return report


def _compare(resolved: ResolvedRequest, figures: Mapping[str, Any], source: OverviewSource) -> dict[str, Any]:
    """`previous` with its series, `change`, and `current` where it is not the period that is compared."""
    comparison, unit = resolved.comparison, resolved.query["granularity"]
    if comparison is None:
        return {}
    previous = source.count_series(comparison.previous, unit)

    def count(period: Period) -> dict[str, Any]:
        return counts_as_json(previous.total if period is comparison.previous else source.count(period))

    compared = compare_figures(figures, comparison, count)
    compared["previous"]["series"] = describe_series(comparison.previous, unit, previous.buckets)
    return compared


def _limit(resolved: ResolvedRequest) -> int:
    return int(resolved.query.get("limit") or settings().top_results_limit)


def _top_lists(resolved: ResolvedRequest, source: OverviewSource) -> dict[str, list[dict[str, Any]]]:
    rankings = source.rank_lists(resolved.period, TOP_LIST_DIMENSIONS, _limit(resolved), with_other=True)
    return {name: [_top_row(row) for row in ranking.rows] for name, ranking in rankings.items()}


def _top_row(row: ValueCounts) -> dict[str, Any]:
    page_views = row.page_views if row.events is None else row.events
    return {"value": row.value or None, "page_views": page_views, "visitors": row.visitors, "visits": row.visits}


def _breakdowns(resolved: ResolvedRequest, source: OverviewSource, dimensions: Sequence[str]) -> dict[str, Any]:
    """Dimension → the first page of its breakdown."""
    rankings = source.rank_lists(resolved.period, dimensions, _limit(resolved), with_other=False)
    previous: dict[str, dict[str, ValueCounts]] = {}
    if resolved.previous_period:
        values = {name: [row.value for row in ranking.rows] for name, ranking in rankings.items()}
        previous = source.compare_values(resolved.previous_period, values)
    measures = resolved.query.get("measures") or LIST_MEASURES
    return {
        name: BreakdownPage(
            name,
            "visits" if lists_visits(name, resolved.selection._replace(types=default_types(name))) else "events",
            ranking,
            ranking.rows,
            ranking.total - sum(row.amount for row in ranking.rows),
            ranking.value_count > len(ranking.rows),
            previous.get(name),
        ).as_json(measures)
        for name, ranking in rankings.items()
    }


def run_goals(request: ReportRequest) -> dict[str, Any]:
    """The report goals with its `meta`: the totals of each goal of the site. Raises as `run_overview`."""
    goals = _read_goals(request)
    definitions = [{**stored.definition, "conditions": stored.goal.conditions} for stored in goals]
    request = replace(request, query={**request.query, "goals": definitions})
    sources: Sources[OverviewSource] = Sources(RollupOverview, partial(EventOverview, ()))
    return run_with_sources(request, "goals", partial(build_goals, goals), sources)


def build_goals(goals: Sequence[StoredGoal], resolved: ResolvedRequest, source: OverviewSource) -> dict[str, Any]:
    """The report without its `meta`."""

    def count(period: Period) -> list[dict[str, Any]]:
        counts = source.count_goals(period, [stored.goal for stored in goals])
        return [dict(NOT_COUNTED) if one is None else one.as_json() for one in counts]

    now, comparison = count(resolved.period), resolved.comparison
    definitions = [{"id": str(stored.id), **stored.definition} for stored in goals]
    rows = [definition | figures for definition, figures in zip(definitions, now, strict=True)]
    if comparison:
        current = count(comparison.current) if comparison.by_hour else now
        for row, of_now, before in zip(rows, current, count(comparison.previous), strict=True):
            row["previous"] = before
            row["change"] = compute_change(*({name: of[name] for name in NOT_COUNTED} for of in (of_now, before)))
    return {"goals": rows}


def _describe_goal(stored: StoredGoal, counts: ConversionCounts | None) -> dict[str, Any]:
    figures = dict(NOT_COUNTED) if counts is None else counts._replace(amounts=None).as_json()
    return {"id": str(stored.id), "name": stored.name, **figures}
