"""How long pages are looked at and how far they are scrolled: `metrics=engagement` of a breakdown by path.

From events of the type `engagement`, which the tracker sends when a page is hidden or left: payload.engaged_s are the
visible seconds since the one before, payload.scroll_depth the deepest part seen so far in percent, payload.view the id
of the page view (each event by itself where it has none). They are in no rollup, so that the ordinary path of events
costs nothing, and are read from columns; they are no page views and extend no visit (docs/decisions/0036).

views.py wraps the builder of the breakdown in it. SELECT only.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from analytics.errors import bad_parameter
from analytics.period import Period
from analytics.reports.query.measures import EventSelection, MeasureSource, round_figure
from analytics.reports.query.query import ReportBuilder, ResolvedRequest, compute_change
from analytics.reports.report_period import explain_timeout, refuse_purged
from analytics.reports.request import ReportRequest
from analytics.rollups.calendar import read_calendar
from analytics.store.event_types import ENGAGEMENT

if TYPE_CHECKING:
    from analytics.columnar.read import ColumnReader

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
            _add_engagement(source, resolved, report["rows"])
        return report

    return build_with_engagement


def _add_engagement(source: MeasureSource, resolved: ResolvedRequest, rows: list[dict[str, Any]]) -> None:
    calendar = read_calendar(source.connection, resolved.selection.site_id)
    raw_since, paths = calendar.raw_since if calendar else None, [row["value"] or "" for row in rows]
    periods = [resolved.period, *([resolved.previous_period] if resolved.previous_period else [])]
    for period in periods:
        refuse_purged("metrics", period, raw_since)
    with source.open_columns() as reader:
        now, *previous = [read_engagement(reader, resolved.selection, period, paths) for period in periods]
    for path, row in zip(paths, rows, strict=True):
        figures = now.get(path, Engagement())._asdict()
        row |= figures
        for other in previous:
            before = other.get(path, Engagement())._asdict()
            row["previous"] |= before
            row["change"] |= compute_change(figures, before)


def read_engagement(
    reader: "ColumnReader", selection: EventSelection, period: Period, paths: Sequence[str]
) -> dict[str, Engagement]:
    """The engagement of these pages. One query, O(events of the period)."""
    from analytics.reports.columns.clauses import Parameters, read_property
    from analytics.reports.columns.selection import RowSelection, select_events

    parameters = Parameters()
    rows = select_events(reader, RowSelection(selection.site_id, selection.bots), period.start, period.end, parameters)
    view, seconds, depth = (
        read_property(reader, (name,), parameters) for name in ("view", "engaged_s", "scroll_depth")
    )
    among = ", ".join(map(parameters.add, paths)) or "NULL"
    found = reader.execute(
        f"""
        SELECT path, sum(engaged_s), count(engaged_s), sum(depth), count(depth)
        FROM (
            SELECT path, {_bound("sum(engaged_s)", MAX_ENGAGED_S)} AS engaged_s, max(depth) AS depth
            FROM (
                SELECT coalesce(path, '') AS path, coalesce({view.as_sent}, uuid()::VARCHAR) AS view,
                    {_number(seconds.amount, MAX_ENGAGED_S)} AS engaged_s,
                    {_number(depth.amount, MAX_SCROLL_DEPTH)} AS depth
                FROM {rows} WHERE type = {parameters.add(ENGAGEMENT)} AND coalesce(path, '') IN ({among})
            )
            GROUP BY path, view
        )
        GROUP BY path
        """,
        parameters,
    )
    return {path: Engagement(_mean(*sums[:2]), _mean(*sums[2:])) for path, *sums in found}


def _number(amount: str, limit: int) -> str:
    """The number of the payload within its bounds; NULL where it has none."""
    return _bound(f"CAST(nullif({amount}, '') AS DECIMAL(38, 20))", limit)


def _bound(number: str, limit: int) -> str:
    """The number, at least 0 and at most the limit. Not `least`, which passes over NULL."""
    return f"CASE WHEN {number} < 0 THEN 0 WHEN {number} > {limit} THEN {limit} ELSE {number} END"


def _mean(total: Decimal | None, count: int) -> float | None:
    return None if total is None else round_figure(float(total / count))
