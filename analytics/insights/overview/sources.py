"""What an overview counts, and the interface of its two sources: from_rollups.py and from_events.py.

overview.py builds the response from a source, and is the one place that names them.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple, Protocol

from analytics.insights.goals.conversions import ConversionCounts
from analytics.insights.goals.goals import Goal
from analytics.period import Period
from analytics.reports.query.measures import BucketCounts, Ranking, ValueCounts


class SeriesCounts(NamedTuple):
    """The counts of a period, and of each bucket of `buckets.split_period`."""

    total: BucketCounts
    buckets: list[BucketCounts]


class HourCounts(NamedTuple):
    """Page views of an hour, and the visits that began in it."""

    page_views: int = 0
    visits: int = 0


# The day, and the full hours since it began.
HourKey = tuple[date, int]


class OverviewSource(Protocol):
    """Where an overview reads its counts, all at one instant."""

    def count(self, period: Period) -> BucketCounts:
        """The counts of the whole period."""

    def count_series(self, period: Period, unit: str) -> SeriesCounts:
        """The counts of the whole period and of its buckets."""

    def rank_lists(self, period: Period, dimensions: Sequence[str], limit: int, with_other: bool) -> dict[str, Ranking]:
        """Dimension → its first `limit` values with all counts. `with_other`: OTHER may be one of them."""

    def compare_values(self, period: Period, values: Mapping[str, Sequence[str]]) -> dict[str, dict[str, ValueCounts]]:
        """Dimension → value → all counts in the compared period, of these values of each; a value without events has no
        entry. A dimension without an entry is not compared."""

    def count_hours(self, period: Period) -> Mapping[HourKey, HourCounts]:
        """The counts of each hour that has any."""

    def count_goals(self, period: Period, goals: Sequence[Goal]) -> list[ConversionCounts | None]:
        """The totals of each goal; None: not known."""
