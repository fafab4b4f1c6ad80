"""The report breakdown: the values of one dimension, most frequent first, in pages.

`query.run_report` calls the builder; the overview has the same pages of several dimensions. SELECT only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from analytics.extensions import settings
from analytics.reports.query.measures import (
    LIST_MEASURES,
    NO_VISITS,
    PAGE_VIEW_TYPES,
    MeasureSource,
    Ranking,
    ValueCounts,
    lists_only_values,
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
    """Page views; for type, subject and properties of the payload None, which is events of all types."""
    return None if dimension == "type" or lists_only_values(dimension) else PAGE_VIEW_TYPES


@dataclass(frozen=True, slots=True)
class BreakdownPage:
    """A page of a list with all counts. `ranking`: of all pages; `other`: the amount of what neither this page nor an
    earlier one shows. `previous`: the rows' values in the other period; None: they are not compared."""

    dimension: str
    ranked_by: str
    ranking: Ranking
    rows: Sequence[ValueCounts]
    other: int
    has_more: bool
    previous: Mapping[str, ValueCounts] | None = None

    def as_json(self, measures: Sequence[str] = LIST_MEASURES) -> dict[str, Any]:
        """The report without its `meta`. Value null: the events have none."""
        total, rows = self.ranking.total, self.rows
        return {
            "dimension": self.dimension,
            "ranked_by": self.ranked_by,
            "total": total,
            "value_count": self.ranking.value_count,
            "rows": [self._row_as_json(row, measures) for row in rows],
            "other": {"amount": self.other, "share": ratio(self.other, total)},
            "next_cursor": encode_cursor(BreakdownCursor(rows[-1].amount, rows[-1].value)) if self.has_more else None,
        }

    def _row_as_json(self, row: ValueCounts, measures: Sequence[str]) -> dict[str, Any]:
        figures = row.figures(measures)
        described = {"value": row.value or None, **figures, "share": ratio(row.amount, self.ranking.total)}
        if self.previous is None:
            return described
        before = self.previous.get(row.value, _zeros(row)).figures(measures)
        return {**described, "previous": before, "change": compute_change(figures, before)}


def build_breakdown(resolved: ResolvedRequest, source: MeasureSource) -> dict[str, Any]:
    """A page of rows. Raises BadInput for a cursor that no page returned."""
    query, dimension = resolved.query, resolved.query["dimension"]
    cursor = decode_cursor(query["cursor"], BreakdownCursor) if "cursor" in query else None
    ranking = source.rank_values(resolved.period, dimension)
    shown, page, rest = split_page(ranking, cursor, int(query.get("limit") or settings().top_results_limit))
    values, previous_period = [row.value for row in page], resolved.previous_period
    counts = source.count_values(resolved.period, dimension, values)
    return BreakdownPage(
        dimension,
        "visits" if lists_visits(dimension, resolved.selection) else "events",
        ranking,
        [counts[value] for value in values],
        ranking.total - sum(row.amount for row in (*shown, *page)),
        bool(page and rest),
        None if previous_period is None else source.count_values(previous_period, dimension, values),
    ).as_json(query.get("measures") or LIST_MEASURES)


def _zeros(counts: ValueCounts) -> ValueCounts:
    """The value with 0 for each count that it has."""
    value, events, visitors, visits, page_views, sums = counts
    numbers = _zero(events), _zero(visitors), _zero(visits), _zero(page_views)
    return ValueCounts(value, *numbers, NO_VISITS if sums is not None else None)


def _zero(count: int | None) -> int | None:
    return None if count is None else 0


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
