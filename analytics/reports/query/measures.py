"""What canonical reports count, and the two places that can tell: rollups (unfiltered.py) and raw events (filtered.py).

Which events count where: `events` are those of the types named, without any of all types; `page_views` are of that type
whatever is named; `visitors` are different people with events of the types named, without any with page views. Visits
consist of page views, so types leave them alone. A breakdown by subject is of the events that have one.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from analytics.period import Period
from analytics.reports.filters import Condition
from analytics.rollups.packed import VIEW
from analytics.rollups.visit_tally import VisitSums

VIEWS = (VIEW,)
NO_VISITS = VisitSums(0, 0, 0, 0)
# What a visit is told by, as its first view said it.
VISIT_FIELDS = frozenset(
    ("source", "referrer", "country", "browser", "os", "device", "utm_source", "utm_medium", "utm_campaign")
)
# What visits alone have; their lines rank by visits, and say nothing of events.
PAGES = ("entry_path", "exit_path")
# So many values are told apart; the rarer ones are among the others, as is what rollups keep as '(other)'.
MOST_LINES = 10_000


class Wanted(NamedTuple):
    """Which events: the site's, of `types` (None: none were named), that meet the filter; `bots`: programs' too."""

    site_id: int
    types: tuple[str, ...] | None
    bots: bool
    filter: tuple[Condition, ...] = ()


class Counts(NamedTuple):
    """See above; visits are those that began."""

    events: int = 0
    page_views: int = 0
    visitors: int = 0
    visits: VisitSums = NO_VISITS


class Line(NamedTuple):
    """What was counted of one value, '' for none; None: it cannot be told."""

    value: str
    events: int | None = None
    visitors: int | None = None
    visits: int | None = None

    @property
    def amount(self) -> int:
        """What lines are ranked by."""
        return (self.visits or 0) if self.events is None else self.events


class Lines(NamedTuple):
    """The first MOST_LINES values, most first, ties in the order of the values; `total` is of all that there are."""

    lines: list[Line]
    total: int


class Source(Protocol):
    """Where canonical reports have their numbers from."""

    def count(self, period: Period, unit: str) -> list[Counts]:
        """Of each of `buckets.cut(period, unit)`."""

    def rank(self, period: Period, dimension: str) -> Lines:
        """The values of the dimension, with what they rank by and nothing else."""

    def find(self, period: Period, dimension: str, values: Sequence[str]) -> dict[str, Line]:
        """Everything about these values; no entry for one that was not there."""
