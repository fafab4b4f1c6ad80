"""How long pages are looked at and how far they are scrolled: `metrics=engagement` of a breakdown by path.

From events of the type `engagement`, which the tracker sends when a page is hidden or left: payload.engaged_s are the
visible seconds since the one before, payload.scroll_depth the deepest part seen so far in percent, payload.view the id
of the page view (each event by itself where it has none). They are raw events only, so that the ordinary path of events
costs nothing; they are no page views and extend no visit (docs/decisions/0036).

views.py wraps the builder of the breakdown in it. SELECT only.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Text, case, cast, func, select

from analytics.errors import bad_parameter
from analytics.period import Period
from analytics.reports.filtering.filtered import PLAN
from analytics.reports.filtering.payload_properties import property_as_sent, property_number
from analytics.reports.query.measures import EventSelection, MeasureSource, round_figure
from analytics.reports.query.query import ReportBuilder, ResolvedRequest, compute_change
from analytics.reports.report_period import explain_timeout, refuse_purged
from analytics.reports.request import ReportRequest
from analytics.rollups.calendar import read_calendar
from analytics.store.event_queries import is_counted
from analytics.store.event_types import ENGAGEMENT
from analytics.store.models import events
from analytics.store.planner import scans_allowed

METRICS = ("engagement",)
# Whoever has a key can send any number: a page that is visible for a day is left at a day.
MAX_ENGAGED_S, MAX_SCROLL_DEPTH = 86_400, 100


class Engagement(NamedTuple):
    """Means over the views of a page that were reported on; null where there are none."""

    engaged_s: float | None = None
    scroll_depth: float | None = None


def with_engagement(request: ReportRequest, build: ReportBuilder) -> ReportBuilder:
    """The builder, whose rows also have the fields of Engagement where the request asks for them. Raises BadInput."""
    if request.query.get("metrics") != "engagement":
        return build
    if request.query["dimension"] != "path":
        raise bad_parameter("metrics", "engagement is of pages; accepted: with dimension=path", "dimension=path")
    for name in ("filter", "type"):
        if request.query.get(name):
            detail = f"engagement is of all views of a page; accepted: metrics without {name}"
            raise bad_parameter("metrics", detail, "dimension=path&metrics=engagement")

    def build_with_engagement(resolved: ResolvedRequest, source: MeasureSource) -> dict[str, Any]:
        report = build(resolved, source)
        with explain_timeout(request, resolved.period):
            _add_engagement(source.connection, resolved, report["rows"])
        return report

    return build_with_engagement


def _add_engagement(connection: Connection, resolved: ResolvedRequest, rows: list[dict[str, Any]]) -> None:
    calendar = read_calendar(connection, resolved.selection.site_id)
    raw_since, paths = calendar.raw_since if calendar else None, [row["value"] or "" for row in rows]
    periods = [resolved.period, *([resolved.previous_period] if resolved.previous_period else [])]
    for period in periods:
        refuse_purged("metrics", period, raw_since)
    with scans_allowed(connection):
        connection.execute(PLAN)
        now, *previous = [read_engagement(connection, resolved.selection, period, paths) for period in periods]
    for path, row in zip(paths, rows, strict=True):
        figures = now.get(path, Engagement())._asdict()
        row |= figures
        for other in previous:
            before = other.get(path, Engagement())._asdict()
            row["previous"] |= before
            row["change"] |= compute_change(figures, before)


def read_engagement(
    connection: Connection, selection: EventSelection, period: Period, paths: Sequence[str]
) -> dict[str, Engagement]:
    """The engagement of these pages. One query, O(events of the period): served by partition pruning on ts and, in a
    partition that the period cuts, by ix_events_ts."""
    path = func.coalesce(events.c.path, "")
    view = func.coalesce(property_as_sent(events.c.payload, ("view",)), cast(events.c.event_id, Text))
    of_view = (
        select(
            path.label("path"),
            _bound(func.sum(_number("engaged_s", MAX_ENGAGED_S)), MAX_ENGAGED_S).label("engaged_s"),
            func.max(_number("scroll_depth", MAX_SCROLL_DEPTH)).label("scroll_depth"),
        )
        .where(is_counted(selection.site_id, period, selection.bots), events.c.type == ENGAGEMENT, path.in_(paths))
        .group_by(path, view)
        .subquery()
    )
    means = func.avg(of_view.c.engaged_s), func.avg(of_view.c.scroll_depth)
    rows = connection.execute(select(of_view.c.path, *means).group_by(of_view.c.path))
    return {path: Engagement(_figure(engaged_s), _figure(depth)) for path, engaged_s, depth in rows}


def _number(name: str, limit: int) -> ColumnElement[Any]:
    """The number of the payload within its bounds; NULL where it has none."""
    return _bound(property_number(events.c.payload, (name,)), limit)


def _bound(number: ColumnElement[Any], limit: int) -> ColumnElement[Any]:
    """The number, at least 0 and at most the limit. Not `least`, which passes over NULL."""
    return case((number < 0, 0), (number > limit, limit), else_=number)


def _figure(mean: Any) -> float | None:
    return None if mean is None else round_figure(float(mean))
