"""The report breakdown: the values of one dimension, most frequent first, in pages. `query.run_report` calls it."""

from typing import Any, NamedTuple

from analytics.extensions import settings
from analytics.reports.query.measures import (
    PAGE_VIEW_TYPES,
    MeasureSource,
    Ranking,
    ValueCounts,
    lists_visits,
    ratio,
)
from analytics.reports.query.query import ResolvedRequest, compute_change
from analytics.web.cursor import decode_cursor, encode_cursor


class BreakdownCursor(NamedTuple):
    """The last row of a page: the amount that it ranks by, and its value."""

    amount: int
    value: str


def default_types(dimension: str) -> tuple[str, ...] | None:
    """Page views; for the dimensions type and subject None, which is events of all types."""
    return None if dimension in ("type", "subject") else PAGE_VIEW_TYPES


def build_breakdown(resolved: ResolvedRequest, source: MeasureSource) -> dict[str, Any]:
    """A page of rows; `other` sums what neither it nor an earlier page shows. Value null: the events have none.

    Raises BadInput for a cursor that no page returned.
    """
    query, dimension = resolved.query, resolved.query["dimension"]
    cursor = decode_cursor(query["cursor"], BreakdownCursor) if "cursor" in query else None
    ranking = source.rank_values(resolved.period, dimension)
    shown, page, rest = split_page(ranking, cursor, int(query.get("limit") or settings().top_results_limit))
    rows = _rows(resolved, source, page, ranking.total)
    other = ranking.total - sum(row.amount for row in (*shown, *page))
    return {
        "dimension": dimension,
        "ranked_by": "visits" if lists_visits(dimension, resolved.selection) else "events",
        "total": ranking.total,
        "rows": rows,
        "other": {"amount": other, "share": ratio(other, ranking.total)},
        "next_cursor": encode_cursor(BreakdownCursor(page[-1].amount, page[-1].value)) if page and rest else None,
    }


def _rows(
    resolved: ResolvedRequest, source: MeasureSource, page: list[ValueCounts], total: int
) -> list[dict[str, Any]]:
    dimension, previous_period = resolved.query["dimension"], resolved.previous_period
    values = [row.value for row in page]
    by_value = source.count_values(resolved.period, dimension, values)
    counts = [by_value[value] for value in values]
    rows = [_figures(row) | {"share": ratio(row.amount, total)} for row in counts]
    if previous_period is not None:
        previous = source.count_values(previous_period, dimension, values)
        for now, row in zip(counts, rows, strict=True):
            before = _figures(previous.get(now.value, _zeros(now)))
            row |= {"previous": before, "change": compute_change(_figures(now), before)}
    return [{"value": value or None, **row} for value, row in zip(values, rows, strict=True)]


def _zeros(counts: ValueCounts) -> ValueCounts:
    """The value with 0 for each count that it has."""
    return ValueCounts(counts.value, *(None if count is None else 0 for count in counts[1:]))


def _figures(counts: ValueCounts) -> dict[str, Any]:
    """Of both kinds of list, so that clients find the same fields."""
    visits, page_views = counts.visits, counts.page_views
    return {"events": counts.events, "visitors": counts.visitors, "visits": visits, "page_views": page_views}


def split_page(
    ranking: Ranking, cursor: BreakdownCursor | None, limit: int
) -> tuple[list[ValueCounts], list[ValueCounts], list[ValueCounts]]:
    """The rows of earlier pages, of this page, and of later pages.

    A page begins after the amount and value of the previous page's last row, so a row that rose since is not repeated.
    """
    first = 0
    if cursor is not None:
        first = sum((-row.amount, row.value) <= (-cursor.amount, cursor.value) for row in ranking.rows)
    return ranking.rows[:first], ranking.rows[first : first + limit], ranking.rows[first + limit :]
