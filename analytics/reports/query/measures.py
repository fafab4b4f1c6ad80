"""What the query reports count, how figures are rounded, and the interface of the two sources of counts.

from_rollups.py (RollupSource) and from_columns.py (ColumnSource) implement MeasureSource; query.py
picks one.

`events`: of the selected types; without types, of all. `page_views`: of that type, for any selected types.
`visitors`: distinct users with events of the selected types; without types, with page views. Visits consist of page
views, so types do not narrow them. A breakdown by subject or by a
property of the payload counts only events that have it.

A breakdown of page views by a dimension of visits counts visits by the value that they began with (exit_path: ended
with): `visits`, `visitors` who began one, and `page_views` of those visits. By page views most of a visit would have no
source, since only its first view has a referrer (docs/decisions/0028).
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from sqlalchemy import Connection

from analytics.period import Period
from analytics.reports.filtering.filters import PAYLOAD, Condition
from analytics.reports.filtering.scope import ENTRY_EXIT_FIELDS, MIXED, VISIT
from analytics.rollups.visits.sessionization import ENTRY_FIELDS
from analytics.rollups.visits.sums import VisitSums
from analytics.store.event_types import PAGE_VIEW

if TYPE_CHECKING:
    from analytics.columnar.read import ColumnReader

PAGE_VIEW_TYPES = (PAGE_VIEW,)
NO_VISITS = VisitSums()
# Dimensions of events that visits have too; the visit's first page view sets their values.
VISIT_DIMENSIONS = frozenset(ENTRY_FIELDS) - {"path"}
# Dimensions of visits alone.
ENTRY_EXIT_DIMENSIONS = ENTRY_EXIT_FIELDS
# Rarer values count as other, like those that rollups store as OTHER.
MAX_RANKED_VALUES = 10_000
DECIMAL_PLACES = 4
# What rows of a list may show, by the names of their fields, and what they show if the request names none.
VISIT_MEASURES = ("bounce_rate", "avg_visit_duration_s", "views_per_visit")
LIST_MEASURES = ("events", "visitors", "visits", "page_views")
MEASURES = (*LIST_MEASURES, *VISIT_MEASURES)


class EventSelection(NamedTuple):
    """The site's events of `types` (None: all) that meet the filter; `bots`: of bots too. `scope`: what its conditions
    select (filtering/scope.py)."""

    site_id: int
    types: tuple[str, ...] | None
    bots: bool
    filter: tuple[Condition, ...] = ()
    scope: str = MIXED

    @property
    def selects_only_visits(self) -> bool:
        """Whether each event counts by its visit alone."""
        return not self.filter or self.scope == VISIT


class NarrowedVisits(VisitSums):
    """Sums of whole visits, of whose events a filter selects some: the page views of a response are fewer than theirs,
    so it shows no views a visit (docs/decisions/0043)."""

    __slots__ = ()

    @property
    def views_per_visit(self) -> None:
        return None


class BucketCounts(NamedTuple):
    """The counts of one bucket, as defined above; visits count in the bucket in which they began."""

    events: int = 0
    page_views: int = 0
    visitors: int = 0
    visits: VisitSums = NO_VISITS


class ValueCounts(NamedTuple):
    """The counts of one value of a dimension, '' where events have none; None: not counted, or not known.

    Of a list of visits: visitors, visits and page_views; of another one: events and visitors, the visits that began
    with the value where it is one of visits, and page_views where it lists nothing else. `sums`: of these visits.
    """

    value: str
    events: int | None = None
    visitors: int | None = None
    visits: int | None = None
    page_views: int | None = None
    sums: VisitSums | None = None

    @property
    def amount(self) -> int:
        """The count that values rank by."""
        return (self.visits or 0) if self.events is None else self.events

    def with_visits(self, sums: VisitSums) -> "ValueCounts":
        """The counts with the visits that began with the value."""
        return self._replace(visits=sums.visits, sums=sums)

    def figures(self, measures: Sequence[str]) -> dict[str, Any]:
        """These measures in JSON; null: the list does not count it, or a rate or mean of no visits."""
        counts = {"events": self.events, "visitors": self.visitors, "page_views": self.page_views}
        rates = dict.fromkeys(VISIT_MEASURES) if self.sums is None else visit_figures(self.sums)
        figures = {**rates, **counts, "visits": self.visits}
        return {name: figures[name] for name in measures}


def lists_visits(dimension: str, selection: EventSelection) -> bool:
    """Whether a breakdown counts visits: of page views, by a dimension of visits, and all conditions select visits."""
    if dimension in ENTRY_EXIT_DIMENSIONS:
        return True
    return dimension in VISIT_DIMENSIONS and selection.types == PAGE_VIEW_TYPES and selection.selects_only_visits


def is_property(dimension: str) -> bool:
    """Whether the dimension is a property of the payload."""
    return dimension.startswith(f"{PAYLOAD}.")


def lists_only_values(dimension: str) -> bool:
    """Whether a list of events leaves out those without a value."""
    return dimension == "subject" or is_property(dimension)


def visit_counts(value: str, visits: VisitSums, visitors: int | None = None) -> ValueCounts:
    """The counts of a value of a list of visits."""
    return ValueCounts(value, None, visitors, visits.visits, visits.views, visits)


def event_counts(selection: EventSelection, value: str, events: int, visitors: int) -> ValueCounts:
    """The counts of a value of a list of events. Where only page views are listed, the events are page views."""
    page_views = events if selection.types == PAGE_VIEW_TYPES else None
    return ValueCounts(value, events, visitors, page_views=page_views)


class Ranking(NamedTuple):
    """The first MAX_RANKED_VALUES values by amount descending, then by value, or fewer; `total` is of all values.

    `value_count`: how many values there are, at most MAX_RANKED_VALUES.
    """

    rows: list[ValueCounts]
    total: int
    value_count: int


class MeasureSource(Protocol):
    """Where query reports read their counts."""

    @property
    def connection(self) -> Connection:
        """The connection that reads them at one instant."""

    def open_columns(self) -> AbstractContextManager["ColumnReader"]:
        """The site's columns in the same snapshot, for what the source does not count."""

    def count(self, period: Period, unit: str) -> list[BucketCounts]:
        """Counts of each bucket of `buckets.split_period(period, unit)`."""

    def rank_values(self, period: Period, dimension: str) -> Ranking:
        """The values of the dimension with the count that they rank by, and no other count."""

    def count_values(self, period: Period, dimension: str, values: Sequence[str]) -> dict[str, ValueCounts]:
        """All counts of these values; a value without events has no entry."""


def visit_figures(visits: VisitSums) -> dict[str, Any]:
    """The figures of visits in JSON; a rate or mean of no visits is null, and so are the views of NarrowedVisits."""
    return {
        "visits": visits.visits,
        "bounce_rate": round_figure(visits.bounce_rate),
        "avg_visit_duration_s": round_figure(visits.avg_duration_s),
        "views_per_visit": round_figure(visits.views_per_visit),
    }


def ratio(part: float, whole: float) -> float | None:
    """`part / whole`, rounded; None when `whole` is 0."""
    return round(part / whole, DECIMAL_PLACES) if whole else None


def round_figure(figure: float | None) -> float | None:
    """The figure at DECIMAL_PLACES."""
    return None if figure is None else round(figure, DECIMAL_PLACES)
