"""Lists of events by value that a report shows beside their totals: the first values of each dimension.

The overview calls it with its Snapshot; unmerged deltas count too. visit_lists.py has lists of visits. Only SELECTs.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from analytics.rollups.snapshot.snapshot import ListTotal, RollupFilter, Snapshot, TopRow


class RankedList(NamedTuple):
    """The first rows of a list, and the total of all its values."""

    rows: list[TopRow]
    total: ListTotal


def read_ranked_lists(
    snapshot: Snapshot, dimensions: Sequence[str], rollup_filter: RollupFilter, limit: int, apart: Collection[str] = ()
) -> dict[str, RankedList]:
    """Dimension → its values with the most events, ties in the order of the values. Those that stand `apart`
    are in the totals only.

    Two queries: O(rows of the dimensions) to rank, then O(dimensions * limit * spans) bitmaps.
    """
    unmerged = snapshot.matching_unmerged_counts(dimensions, rollup_filter)
    ranked = snapshot.rank_values(dimensions, rollup_filter, unmerged, limit, apart)
    users = snapshot.count_users(dimensions, rollup_filter, ranked.events, unmerged)
    lists = {name: RankedList([], ranked.totals.get(name, ListTotal(0, 0))) for name in dimensions}
    for (dimension, value), events in ranked.events.items():
        lists[dimension].rows.append(TopRow(value, events, users[dimension, value]))
    return lists
