"""The counts of values that a report selects, as a page of a long list does. Only the bitmaps of these are read.

The query and goal reports call it with their Snapshot; unmerged deltas count too. Only SELECTs.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Unpack

from analytics.rollups.deltas.counts import Count, decode_count
from analytics.rollups.snapshot.snapshot import FROM_ROLLUPS, RollupFilter, RowFilter, Snapshot
from analytics.store.copy.binary_copy import as_date, as_text

# By pk_rollups, as snapshot.COUNTS.
SELECTED_VALUES = "SELECT dimension, value, events, users" + FROM_ROLLUPS + "WHERE value = ANY(%(values)s::text[])"


def read_value_counts(
    snapshot: Snapshot,
    dimension: str,
    values: Sequence[str],
    first_day: date,
    end_day: date,
    **row_filter: Unpack[RowFilter],
) -> dict[str, Count]:
    """Value → its Count; no entry for a value without events. As `read_counts_of_lists`."""
    return read_counts_of_lists(snapshot, {dimension: values}, first_day, end_day, **row_filter)[dimension]


def read_counts_of_lists(
    snapshot: Snapshot,
    values: Mapping[str, Sequence[str]],
    first_day: date,
    end_day: date,
    **row_filter: Unpack[RowFilter],
) -> dict[str, dict[str, Count]]:
    """Dimension → value → its Count, of these values of each. One query, O(rows of the dimensions)."""
    rollup_filter, dimensions = RollupFilter(first_day, end_day, **row_filter), list(values)
    counts: dict[str, defaultdict[str, Count]] = {name: defaultdict(Count) for name in dimensions}
    selected = {name: frozenset(of_dimension) for name, of_dimension in values.items()}
    all_values = sorted(frozenset[str]().union(*selected.values()))
    spans = snapshot.covering_spans(rollup_filter)
    for name, value, events, users in snapshot.read_rows(
        SELECTED_VALUES, dimensions, rollup_filter, spans, values=all_values
    ):
        if (key := as_text(value)) in selected[as_text(name)]:
            counts[as_text(name)][key].add(decode_count(events, users))
    for rollup_key, count in snapshot.matching_unmerged_counts(dimensions, rollup_filter).items():
        if rollup_key.value in selected[rollup_key.dimension]:
            counts[rollup_key.dimension][rollup_key.value].add(count)
    return {name: dict(of_dimension) for name, of_dimension in counts.items()}


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


# By pk_rollups, as snapshot.COUNTS.
DAYS_OF_VALUES = "SELECT day, type, value, events, users" + FROM_ROLLUPS + "WHERE value = ANY(%(values)s::text[])"


def read_daily_counts_by_type(
    snapshot: Snapshot,
    dimension: str,
    values: Sequence[str],
    first_day: date,
    end_day: date,
    **row_filter: Unpack[RowFilter],
) -> dict[tuple[date, str, str], Count]:
    """(day, type, value) → its Count. One query, O(rows of the dimension)."""
    rollup_filter = RollupFilter(first_day, end_day, **row_filter)
    days = snapshot.day_spans(first_day, end_day)
    counts: dict[tuple[date, str, str], Count] = defaultdict(Count)
    for day, kind, value, events, users in snapshot.read_rows(
        DAYS_OF_VALUES, [dimension], rollup_filter, days, values=list(values)
    ):
        counts[as_date(day), as_text(kind), as_text(value)].add(decode_count(events, users))
    selected = frozenset(values)
    for key, count in snapshot.matching_unmerged_counts([dimension], rollup_filter).items():
        if key.value in selected:
            counts[key.day, key.type, key.value].add(count)
    return dict(counts)
