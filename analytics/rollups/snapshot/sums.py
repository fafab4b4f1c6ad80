"""Sums that reports read in a Snapshot: events without bitmaps, counts by type and short code.

Unmerged deltas count too, under the values that merge would give them. Only SELECTs.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Unpack

from pyroaring import BitMap64

from analytics.rollups import bitmaps, cardinality
from analytics.rollups.deltas.counts import Count, RollupKey, decode_count
from analytics.rollups.rows import with_bots
from analytics.rollups.snapshot.snapshot import (
    FROM_ROLLUPS,
    RollupFilter,
    RowFilter,
    Snapshot,
)
from analytics.rollups.snapshot.type_lookup import span_parameters
from analytics.store.copy.binary_copy import as_date, as_int, as_text, read_binary

# Exceeds the number of values of any dimension.
NO_LIMIT = 1 << 40


def events_by_value(
    snapshot: Snapshot, dimensions: Sequence[str], first_day: date, end_day: date, **row_filter: Unpack[RowFilter]
) -> dict[str, dict[str, int]]:
    """Dimension → value → events, the most first. One query, O(rows of the dimensions), unions included."""
    rollup_filter = RollupFilter(first_day, end_day, **row_filter)
    sums: dict[str, dict[str, int]] = {dimension: {} for dimension in dimensions}
    for (dimension, value), events in snapshot.rank(dimensions, rollup_filter, NO_LIMIT).items():
        sums[dimension][value] = events
    return sums


# By pk_rollups, as snapshot.COUNTS.
EVENTS = "SELECT day, value, events" + FROM_ROLLUPS


def events_by_day(
    snapshot: Snapshot, dimension: str, first_day: date, end_day: date, **row_filter: Unpack[RowFilter]
) -> Counter[tuple[date, str]]:
    """(day, value) → events. One query, O(rows)."""
    rollup_filter, days = RollupFilter(first_day, end_day, **row_filter), snapshot.day_spans(first_day, end_day)
    sums: Counter[tuple[date, str]] = Counter()
    for day, value, events in snapshot.read_rows(EVENTS, [dimension], rollup_filter, days):
        sums[as_date(day), as_text(value)] += as_int(events)
    for key, count in snapshot.matching_unmerged_counts([dimension], rollup_filter).items():
        sums[key.day, key.value] += count.events
    return sums


# By pk_rollups, as snapshot.COUNTS.
READ_BITMAPS = "SELECT value, users" + FROM_ROLLUPS


def users_by_value(
    snapshot: Snapshot, dimension: str, first_day: date, end_day: date, **row_filter: Unpack[RowFilter]
) -> dict[str, BitMap64]:
    """Value → its users. One query; a bitmap a value is read of each span that covers the days."""
    rollup_filter = RollupFilter(first_day, end_day, **row_filter)
    users: dict[str, BitMap64] = defaultdict(BitMap64)
    spans = snapshot.covering_spans(rollup_filter)
    for value, stored in snapshot.read_rows(READ_BITMAPS, [dimension], rollup_filter, spans):
        users[as_text(value)] |= bitmaps.decode(stored)
    for key, count in snapshot.matching_unmerged_counts([dimension], rollup_filter).items():
        users[key.value] |= count.users
    return dict(users)


# By pk_rollups, as snapshot.COUNTS.
TYPES = "SELECT day, type, events, users" + FROM_ROLLUPS


def counts_by_type(
    snapshot: Snapshot, first_day: date, end_day: date, bots: bool = False, types: Sequence[str] | None = None
) -> dict[tuple[date, str], Count]:
    """(day, type) → its Count. Two queries, one with `types`; a bitmap a day and type is read."""
    rollup_filter = RollupFilter(first_day, end_day, types, bots=bots)
    days = snapshot.day_spans(first_day, end_day)
    counts: dict[tuple[date, str], Count] = defaultdict(Count)
    for day, kind, events, users in snapshot.read_rows(TYPES, ["total"], rollup_filter, days):
        counts[as_date(day), as_text(kind)].add(decode_count(events, users))
    for key, count in snapshot.matching_unmerged_counts(["total"], rollup_filter).items():
        counts[key.day, key.type].add(count)
    return dict(counts)


# pk_rollups, once for each span: equal on its first five columns, and all short codes of the type behind them.
SUBJECTS = """
SELECT subject, sum(events)::bigint
FROM (
    SELECT r.subject, r.events
    FROM unnest(%(spans)s::text[], %(days)s::date[]) AS s (span, first)
    CROSS JOIN LATERAL (
        SELECT subject, events
        FROM rollups
        WHERE site_id = %(site_id)s AND span = s.span AND dimension = 'total' AND day = s.first
            AND type = %(type)s AND subject > '' AND is_bot = ANY(%(bots)s::bool[])
        OFFSET 0
    ) AS r
    UNION ALL
    SELECT * FROM unnest(%(unmerged)s::text[], %(unmerged_events)s::bigint[])
) AS counted
GROUP BY subject
ORDER BY sum(events) DESC, subject COLLATE "C"
LIMIT %(limit)s
"""


def events_by_subject(
    snapshot: Snapshot, kind: str, first_day: date, end_day: date, *, limit: int = NO_LIMIT, bots: bool = False
) -> dict[str, int]:
    """Short code → events of the type, the most first; OTHER for codes beyond the cardinality limit. One query.

    O(codes of each span that covers the days): 10,000 at most of a day.
    """
    rollup_filter = RollupFilter(first_day, end_day, bots=bots)
    added = snapshot.stored_subjects(kind, rollup_filter)
    for key, count in _unmerged_subjects(snapshot, kind, rollup_filter).items():
        added[key.subject] += count.events
    parameters = {
        "site_id": snapshot.site_id,
        **span_parameters(snapshot.covering_spans(rollup_filter)),
        "type": kind,
        "bots": with_bots(bots),
        "unmerged": list(added),
        "unmerged_events": list(added.values()),
        "limit": limit,
    }
    rows = read_binary(snapshot.connection, SUBJECTS, parameters)
    return {as_text(subject): as_int(events) for subject, events in rows}


def _unmerged_subjects(snapshot: Snapshot, kind: str, rollup_filter: RollupFilter) -> dict[RollupKey, Count]:
    totals = snapshot.unmerged_candidates(["total"], rollup_filter._replace(subject=cardinality.OTHER))
    if not any(key.subject for key in totals):
        return {}
    limited = cardinality.apply_limits(snapshot.connection, snapshot.site_id, totals)
    return {
        key: count
        for key, count in limited.items()
        if key.subject and key.type == kind and (rollup_filter.bots or not key.is_bot)
    }  # fmt: skip
