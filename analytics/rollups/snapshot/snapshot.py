"""What reports read: rollups plus unmerged deltas at one instant. Only SELECTs.

A concurrent merge changes no result of a Snapshot. Counts of users are unions of bitmaps, never sums. A read of a range
as a whole uses the union rows of months and weeks, and the days between them. Every query names all leading columns of
pk_rollups, so that it reads only the rows it needs and not those of ten thousand short codes.
"""

from collections import Counter
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any, NamedTuple, TypedDict, Unpack

from sqlalchemy import Connection, Engine

from analytics.rollups import bitmaps, cardinality
from analytics.rollups.calendar import read_rollups_zone
from analytics.rollups.deltas.counts import DIMENSIONS, Count, RollupKey, decode_count
from analytics.rollups.rows import existing_unions, first_and_last_day, with_bots
from analytics.rollups.snapshot.type_lookup import read_types, span_parameters
from analytics.rollups.snapshot.unmerged import UnmergedDeltas
from analytics.rollups.spans import DAY, UNION_KINDS, Span, cover_days, whole_spans
from analytics.rollups.visits.rollups import limit_changes, read_visit_sums
from analytics.rollups.visits.sums import Group, ValueChanges, VisitSums, decode_sums
from analytics.sites.sites import Site
from analytics.store.copy.binary_copy import BinaryRow, as_date, as_int, as_text, read_binary, stream_binary
from analytics.store.planner import force_index_lookups
from analytics.store.reading import read_transaction

# Unmerged deltas are decoded in these two groups: totals are often read alone, lists together.
TOTAL_DIMENSIONS = ("total", "hour")
# (dimension, value) of the only row of the dimension "total".
TOTAL_ROW = ("total", "")
LIST_DIMENSIONS = tuple(dimension for dimension in DIMENSIONS if dimension not in TOTAL_DIMENSIONS)


class TopRow(NamedTuple):
    """One row of a top list."""

    value: str
    events: int
    users: int


class ListTotal(NamedTuple):
    """Of a dimension: the amount of all its values, and how many values it has, without those that stand apart."""

    amount: int
    value_count: int


class RankedValues(NamedTuple):
    """(dimension, value) → events, ranked; dimension → its total. Values that stand apart are in the total only."""

    events: dict[tuple[str, str], int]
    totals: dict[str, ListTotal]


class RowFilter(TypedDict, total=False):
    """What a read may narrow besides the days: `types`, None for all; one `subject`; `bots`: bots too."""

    types: Sequence[str] | None
    subject: str
    bots: bool


class RollupFilter(NamedTuple):
    """The rows of a read: days `[first_day, end_day)`, and the fields of RowFilter."""

    first_day: date
    end_day: date
    types: Sequence[str] | None = None
    subject: str = ""
    bots: bool = False

    def matches(self, key: RollupKey) -> bool:
        return (
            self.first_day <= key.day < self.end_day
            and (self.types is None or key.type in self.types)
            and key.subject == self.subject
            and (self.bots or not key.is_bot)
        )


@contextmanager
def open_snapshot(engine: Engine, site: Site, timeout_s: float) -> "Iterator[Snapshot]":
    """A read-only Snapshot of the site; statements are cancelled after `timeout_s` (0: never)."""
    with read_transaction(engine.execution_options(isolation_level="REPEATABLE READ"), timeout_s) as connection:
        force_index_lookups(connection)
        yield Snapshot(connection, site)


# pk_rollups, once for each span: equal on the seven columns before the value. OFFSET 0 keeps the spans in the outer
# loop; else the planner would go through them once for each row of a new table.
FROM_ROLLUPS = """
FROM unnest(%(dimensions)s::text[]) AS d (dimension)
CROSS JOIN unnest(%(spans)s::text[], %(days)s::date[]) AS s (span, first)
CROSS JOIN LATERAL (
    SELECT day, type, is_bot, value, events, users
    FROM rollups
    WHERE site_id = %(site_id)s AND span = s.span AND dimension = d.dimension AND day = s.first
        AND type = ANY(%(types)s::text[]) AND subject = %(subject)s AND is_bot = ANY(%(bots)s::bool[])
    OFFSET 0
) AS r
"""
COUNTS = "SELECT day, value, events, users" + FROM_ROLLUPS
READ_BITMAP_HEADS = "SELECT day, events, substring(users FROM 1 FOR %(head_bytes)s)" + FROM_ROLLUPS  # noqa: S608  # of constants
# `apart`: values that are not ranked among the others. Their rows are returned whatever the limit.
RANK = f"""
SELECT dimension, value, events, total, value_count
FROM (
    SELECT dimension, value, events,
        row_number() OVER (PARTITION BY dimension, is_apart ORDER BY events DESC, value COLLATE "C") AS rank,
        sum(events) OVER (PARTITION BY dimension)::bigint AS total,
        count(*) FILTER (WHERE NOT is_apart) OVER (PARTITION BY dimension) AS value_count
    FROM (
        SELECT dimension, value, value = ANY(%(apart)s::text[]) AS is_apart, sum(events)::bigint AS events
        FROM (
            SELECT dimension, value, events {FROM_ROLLUPS}
            UNION ALL
            SELECT * FROM unnest(%(unmerged_dimensions)s::text[], %(unmerged)s::text[], %(unmerged_events)s::bigint[])
        ) AS counted
        GROUP BY dimension, value
    ) AS summed
) AS ranked
WHERE rank <= %(limit)s
ORDER BY dimension, rank
"""  # noqa: S608  # of constants
# pk_rollups, all of its columns. The outer OFFSET 0 keeps the rows of a value adjacent, as UnionCounter needs.
READ_TOP_BITMAPS = """
SELECT k.n, of_value.users
FROM unnest(%(ranked_dimensions)s::text[], %(ranked)s::text[]) WITH ORDINALITY AS k (dimension, value, n)
CROSS JOIN LATERAL (
    SELECT r.users
    FROM unnest(%(spans)s::text[], %(days)s::date[]) AS s (span, first)
    CROSS JOIN LATERAL (
        SELECT users
        FROM rollups
        WHERE site_id = %(site_id)s AND span = s.span AND dimension = k.dimension AND day = s.first
            AND type = ANY(%(types)s::text[]) AND subject = %(subject)s AND is_bot = ANY(%(bots)s::bool[])
            AND value = k.value
        OFFSET 0
    ) AS r
    OFFSET 0
) AS of_value
"""


class Snapshot:
    """A site's counts at one instant; its days are those of `zone`."""

    def __init__(self, connection: Connection, site: Site) -> None:
        self.connection, self.site_id = connection, site.id
        # A site that is being deleted has no row any more; nothing is counted of it either.
        self.zone = read_rollups_zone(connection, site.id) or site.zone
        self.unmerged = UnmergedDeltas(connection, site.id)
        self._covers: dict[tuple[date, date], list[Span]] = {}
        self._types: dict[tuple[date, date], list[str]] = {}

    def counts(
        self, dimension: str, first_day: date, end_day: date, **row_filter: Unpack[RowFilter]
    ) -> dict[tuple[date, str], Count]:
        """(day, value) → its Count over the types. One query; every bitmap of these rows is read."""
        rollup_filter = RollupFilter(first_day, end_day, **row_filter)
        return self._counts(dimension, rollup_filter, self.day_spans(first_day, end_day))

    def daily_totals(self, first_day: date, end_day: date, **row_filter: Unpack[RowFilter]) -> dict[date, Count]:
        """Day → its total; no entry for a day without events. As `counts`."""
        return {day: count for (day, _), count in self.counts("total", first_day, end_day, **row_filter).items()}

    def daily_events_and_users(
        self, first_day: date, end_day: date, **row_filter: Unpack[RowFilter]
    ) -> dict[date, tuple[int, int]]:
        """Day → (events, number of users) of its total. One query that reads the head of each bitmap; one more for days
        of several rows, days with unmerged deltas, and sets that their head does not count."""
        rollup_filter, days = RollupFilter(first_day, end_day, **row_filter), self.day_spans(first_day, end_day)
        totals: dict[date, tuple[int, int]] = {}
        uncounted = {key.day for key in self.matching_unmerged_counts(["total"], rollup_filter)}
        for day_column, events, head in self.read_rows(
            READ_BITMAP_HEADS, ["total"], rollup_filter, days, head_bytes=bitmaps.HEAD_BYTES
        ):
            day, users = as_date(day_column), bitmaps.count_by_head(head)
            if users is None or day in totals:
                uncounted.add(day)
            totals[day] = as_int(events), users or 0
        if uncounted:
            spans = [span for span in days if span.day in uncounted]
            counts = self._counts("total", rollup_filter, spans)
            totals |= {day: (count.events, len(count.users)) for (day, _), count in counts.items()}
        return totals

    def total(self, first_day: date, end_day: date, **row_filter: Unpack[RowFilter]) -> Count:
        """The days as one Count. One query; a bitmap a type is read of each span that covers the days."""
        rollup_filter = RollupFilter(first_day, end_day, **row_filter)
        parts = list(self.matching_unmerged_counts(["total"], rollup_filter).values())
        parts += [count for _, count in self._stored("total", rollup_filter, self.covering_spans(rollup_filter))]
        return Count(sum(count.events for count in parts), bitmaps.union(count.users for count in parts))

    def visits(
        self, dimension: str, first_day: date, end_day: date, bots: bool = False
    ) -> dict[tuple[date, str], VisitSums]:
        """(day, value) → the sums of visits, with what unmerged page views change. One query; some more, and
        O(unmerged page views), where there are any."""
        days = {span.day for span in self.day_spans(first_day, end_day)}
        stored = read_visit_sums(self.connection, self.site_id, dimension, first_day, end_day, bots)
        sums = {key: row for key, row in stored.items() if key[0] in days}
        changes = self.visit_changes((dimension,))
        for (_, day, is_bot), values in changes.items():
            if first_day <= day < end_day and (bots or not is_bot):
                for value, change in values.items():
                    sums[day, value] = VisitSums.total([sums.get((day, value), VisitSums()), decode_sums(change.sums)])
        return {key: row for key, row in sums.items() if row.visits}

    def visit_changes(self, dimensions: Container[str]) -> dict[Group, ValueChanges]:
        """What unmerged page views change of the visits, under the values that merge would give them."""
        changes = self.unmerged.visit_changes(self.zone)
        return limit_changes(self.connection, self.site_id, dict(changes.groups(dimensions))) if changes.days else {}

    def uncut_days(self, first_day: date, end_day: date) -> list[tuple[date, date]]:
        """`[first, end)` of each run of days whose stored rows count."""
        return [(first_day, end_day)]

    def first_day(self) -> date | None:
        """The first day that has events, those of bots included; None: none has. One look at the index."""
        unmerged = {key.day for key in self.unmerged.counts(TOTAL_DIMENSIONS)}
        return min(unmerged | first_and_last_day(self.connection, self.site_id), default=None)

    def hourly_totals(self, day: date, **row_filter: Unpack[RowFilter]) -> dict[int, Count]:
        """Full hours since the day began → Count; up to 24 on a day of 25 hours. As `counts`."""
        counts = self.counts("hour", day, day + timedelta(days=1), **row_filter)
        return {int(value): count for (_, value), count in counts.items()}

    def top_values(
        self, dimension: str, first_day: date, end_day: date, limit: int, **row_filter: Unpack[RowFilter]
    ) -> list[TopRow]:
        """The values with the most events. As `top_lists`."""
        return self.top_lists([dimension], first_day, end_day, limit, **row_filter)[dimension]

    def top_lists(
        self, dimensions: Sequence[str], first_day: date, end_day: date, limit: int, **row_filter: Unpack[RowFilter]
    ) -> dict[str, list[TopRow]]:
        """Dimension → the values with the most events, ties in the order of the values; only their bitmaps are read.

        Two queries: O(rows of the dimensions) to rank, then O(dimensions * limit * spans), as `total`.
        """
        rollup_filter = RollupFilter(first_day, end_day, **row_filter)
        unmerged = self.matching_unmerged_counts(dimensions, rollup_filter)
        ranked = self.rank_values(dimensions, rollup_filter, unmerged, limit).events
        users = self.count_users(dimensions, rollup_filter, ranked, unmerged)
        lists: dict[str, list[TopRow]] = {dimension: [] for dimension in dimensions}
        for (dimension, value), events in ranked.items():
            lists[dimension].append(TopRow(value, events, users[dimension, value]))
        return lists

    def rank(self, dimensions: Sequence[str], rollup_filter: RollupFilter, limit: int) -> dict[tuple[str, str], int]:
        """(dimension, value) → events, ranked, of the first `limit` of each dimension. One query, no bitmaps."""
        unmerged = self.matching_unmerged_counts(dimensions, rollup_filter)
        return self.rank_values(dimensions, rollup_filter, unmerged, limit).events

    def rank_values(
        self,
        dimensions: Sequence[str],
        rollup_filter: RollupFilter,
        unmerged: Mapping[RollupKey, Count],
        limit: int,
        apart: Collection[str] = (),
    ) -> RankedValues:
        """As `rank`; `unmerged`: the matching counts. One query, no bitmaps."""
        parameters = {
            "unmerged_dimensions": [key.dimension for key in unmerged],
            "unmerged": [key.value for key in unmerged],
            "unmerged_events": [count.events for count in unmerged.values()],
            "limit": limit,
            "apart": list(apart),
        }
        rows = self.read_rows(RANK, dimensions, rollup_filter, self.covering_spans(rollup_filter), **parameters)
        ranked = RankedValues({}, {})
        for dimension_column, value_column, events, total, value_count in rows:
            dimension, value = as_text(dimension_column), as_text(value_column)
            ranked.totals[dimension] = ListTotal(as_int(total), as_int(value_count))
            if value not in apart:
                ranked.events[dimension, value] = as_int(events)
        return ranked

    def count_users(
        self,
        dimensions: Sequence[str],
        rollup_filter: RollupFilter,
        ranked: Mapping[tuple[str, str], int],
        unmerged: Mapping[RollupKey, Count],
    ) -> dict[tuple[str, str], int]:
        """(dimension, value) → number of users. Unites the first rows while the server reads the next ones.

        A value with as many events as the total is a value of every event: its users are those of the total.
        """
        total = ranked.get(TOTAL_ROW)
        counted = [key for key, events in ranked.items() if key == TOTAL_ROW or events != total]
        slots = {key: slot for slot, key in enumerate(counted)}
        unions = bitmaps.UnionCounter(len(slots))

        def add_bitmap(row: BinaryRow) -> None:
            n, users = row
            unions.add(as_int(n) - 1, users)

        values = {"ranked_dimensions": [name for name, _ in counted], "ranked": [value for _, value in counted]}
        parameters = self.query_parameters(dimensions, rollup_filter, self.covering_spans(rollup_filter))
        stream_binary(self.connection, READ_TOP_BITMAPS, {**parameters, **values}, add_bitmap)
        for key, count in unmerged.items():
            if (slot := slots.get((key.dimension, key.value))) is not None:
                unions.add(slot, bitmaps.encode(count.users))
        users = dict(zip(counted, unions.counts(), strict=True))
        return {key: users[key if key in users else TOTAL_ROW] for key in ranked}

    def _counts(
        self, dimension: str, rollup_filter: RollupFilter, days: Sequence[Span]
    ) -> dict[tuple[date, str], Count]:
        """(day, value) → its Count: the rows of `days`, and all matching unmerged counts."""
        counts: dict[tuple[date, str], Count] = {}
        for key, count in self._stored(dimension, rollup_filter, days):
            _add(counts, key, count)
        for rollup_key, count in self.matching_unmerged_counts([dimension], rollup_filter).items():
            _add(counts, (rollup_key.day, rollup_key.value), count)
        return counts

    def _stored(
        self, dimension: str, rollup_filter: RollupFilter, spans: Sequence[Span]
    ) -> list[tuple[tuple[date, str], Count]]:
        """((first day, value), Count) of each row; several rows may have one key."""
        rows = []

        def add_row(row: BinaryRow) -> None:
            day, value, events, users = row
            rows.append(((as_date(day), as_text(value)), decode_count(events, users)))

        stream_binary(self.connection, COUNTS, self.query_parameters([dimension], rollup_filter, spans), add_row)
        return rows

    def read_rows(
        self, query: str, dimensions: Sequence[str], rollup_filter: RollupFilter, spans: Sequence[Span], **others: Any
    ) -> Iterator[BinaryRow]:
        """The rows of a query that contains FROM_ROLLUPS; `others`: its other parameters."""
        parameters = self.query_parameters(dimensions, rollup_filter, spans)
        return read_binary(self.connection, query, {**parameters, **others})

    def query_parameters(
        self, dimensions: Sequence[str], rollup_filter: RollupFilter, spans: Sequence[Span]
    ) -> dict[str, Any]:
        """The parameters of FROM_ROLLUPS."""
        types = self._types_of(rollup_filter) if rollup_filter.types is None else list(rollup_filter.types)
        row_filter = {"types": types, "subject": rollup_filter.subject, "bots": with_bots(rollup_filter.bots)}
        return {"site_id": self.site_id, "dimensions": list(dimensions), **row_filter, **span_parameters(spans)}

    def day_spans(self, first_day: date, end_day: date) -> list[Span]:
        """The days whose own rows are read."""
        return list(whole_spans(DAY, first_day, end_day))

    def covering_spans(self, rollup_filter: RollupFilter) -> list[Span]:
        """The days as few spans that have rows. One query when they include a week or month; cached."""
        days = first_day, end_day = rollup_filter.first_day, rollup_filter.end_day
        if days not in self._covers:
            candidates = [span for kind in UNION_KINDS for span in whole_spans(kind, first_day, end_day)]
            unions = existing_unions(self.connection, self.site_id, candidates)
            self._covers[days] = cover_days(first_day, end_day, unions)
        return self._covers[days]

    def _types_of(self, rollup_filter: RollupFilter) -> list[str]:
        days = rollup_filter.first_day, rollup_filter.end_day
        if days not in self._types:
            self._types[days] = read_types(self.connection, self.site_id, self.covering_spans(rollup_filter))
        return self._types[days]

    def matching_unmerged_counts(
        self, dimensions: Collection[str], rollup_filter: RollupFilter
    ) -> dict[RollupKey, Count]:
        """The unmerged counts of these rows, under the values that merge would give them."""
        candidates = self.unmerged_candidates(dimensions, rollup_filter)
        if not candidates:
            return {}
        limited = cardinality.apply_limits(self.connection, self.site_id, candidates)
        return {key: count for key, count in limited.items() if rollup_filter.matches(key)}

    def unmerged_candidates(self, dimensions: Collection[str], rollup_filter: RollupFilter) -> dict[RollupKey, Count]:
        """The unmerged counts that may match, under their original values. The subject OTHER: those of all subjects."""
        groups = [group for group in (TOTAL_DIMENSIONS, LIST_DIMENSIONS) if not set(group).isdisjoint(dimensions)]
        subject = rollup_filter.subject
        return {
            key: count
            for group in groups
            for key, count in self.unmerged.counts(group).items()
            if key.dimension in dimensions and rollup_filter.first_day <= key.day < rollup_filter.end_day
            and (key.subject in ("", subject) or subject == cardinality.OTHER)
        }  # fmt: skip

    def stored_subjects(self, event_type: str, rollup_filter: RollupFilter) -> Counter[str]:
        """Subject → stored events of the type that no span of the days has. Only clipped.py has any."""
        return Counter()


def _add(counts: dict[tuple[date, str], Count], key: tuple[date, str], count: Count) -> None:
    """Adds without changing `count`, which others may hold."""
    total = counts.get(key)
    if total is None:
        counts[key] = Count(count.events, count.users.copy())
    else:
        total.add(count)
