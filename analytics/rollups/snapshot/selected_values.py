"""The counts of values that a report selects, as a page of a long list does. Only the bitmaps of these are read.

The query and goal reports call it with their Snapshot; unmerged deltas count too. Only SELECTs.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Unpack

from analytics.rollups.deltas.counts import Count, decode_count
from analytics.rollups.snapshot.snapshot import FROM_ROLLUPS, RollupFilter, RowFilter, Snapshot
from analytics.store.copy.binary_copy import as_date, as_text

# By pk_rollups, as snapshot.COUNTS.
SELECTED_VALUES = "SELECT value, events, users" + FROM_ROLLUPS + "WHERE value = ANY(%(values)s::text[])"


def read_value_counts(
    snapshot: Snapshot,
    dimension: str,
    values: Sequence[str],
    first_day: date,
    end_day: date,
    **row_filter: Unpack[RowFilter],
) -> dict[str, Count]:
    """Value → its Count; no entry for a value without events. One query, O(rows of the dimension)."""
    rollup_filter = RollupFilter(first_day, end_day, **row_filter)
    counts: dict[str, Count] = defaultdict(Count)
    selected = set(values)
    for value, events, users in snapshot.read_rows(
        SELECTED_VALUES, [dimension], rollup_filter, snapshot.covering_spans(rollup_filter), values=list(values)
    ):
        counts[as_text(value)].add(decode_count(events, users))
    for key, count in snapshot.matching_unmerged_counts([dimension], rollup_filter).items():
        if key.value in selected:
            counts[key.value].add(count)
    return dict(counts)


# By pk_rollups, as snapshot.COUNTS.
DAYS_OF_VALUE = "SELECT day, events, users" + FROM_ROLLUPS + "WHERE value = %(value)s"


def read_daily_counts(
    snapshot: Snapshot, dimension: str, value: str, first_day: date, end_day: date, **row_filter: Unpack[RowFilter]
) -> dict[date, Count]:
    """Day → the Count of the value; no entry for a day without it. One query, O(rows of the dimension)."""
    rollup_filter = RollupFilter(first_day, end_day, **row_filter)
    days = snapshot.day_spans(first_day, end_day)
    counts: dict[date, Count] = defaultdict(Count)
    for day, events, users in snapshot.read_rows(DAYS_OF_VALUE, [dimension], rollup_filter, days, value=value):
        counts[as_date(day)].add(decode_count(events, users))
    for key, count in snapshot.matching_unmerged_counts([dimension], rollup_filter).items():
        if key.value == value:
            counts[key.day].add(count)
    return dict(counts)
