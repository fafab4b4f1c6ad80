"""Lists of visits that reports read in a Snapshot: the values of a dimension of visits, with their visits and people.

Unmerged page views count too, under the values that merge would give them. People are unions of bitmaps, never sums;
only those of the values that a list shows are read. Only SELECTs.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from analytics.rollups import bitmaps
from analytics.rollups.rows import with_bots
from analytics.rollups.snapshot.snapshot import ListTotal, Snapshot
from analytics.rollups.snapshot.type_lookup import span_parameters
from analytics.rollups.spans import DAY, UNION_KINDS, Span, cover_days, whole_spans
from analytics.rollups.visits.rollups import existing_visit_unions
from analytics.rollups.visits.sums import LIST_DIMENSIONS, ValueChange, VisitSums, decode_sums
from analytics.rollups.visits.visitors import Visitors, VisitorsMismatch
from analytics.store.copy.binary_copy import BinaryRow, as_bool, as_date, as_int, as_text, read_binary, stream_binary

# Exceeds the number of values of any dimension.
NO_LIMIT = 1 << 40


class VisitRow(NamedTuple):
    """A value of a dimension of visits. `visitors`: the users of its visits; None: not known (`read_visit_lists`)."""

    value: str
    visits: VisitSums
    visitors: int | None = None


class VisitList(NamedTuple):
    """The first rows of a list, and the total of all its values."""

    rows: list[VisitRow]
    total: ListTotal


class VisitDays(NamedTuple):
    """The visits that began on the days `[first, after)`; `bots`: those of bots too."""

    first: date
    after: date
    bots: bool = False


# pk_visit_rollups and pk_visit_unions, once for each span: equal on the columns before the value. OFFSET 0: see
# snapshot.FROM_ROLLUPS. `SELECTED`: a condition on the value.
FROM_VISIT_ROWS = """
FROM unnest(%(dimensions)s::text[]) AS d (dimension)
CROSS JOIN unnest(%(spans)s::text[], %(days)s::date[]) AS s (span, first)
CROSS JOIN LATERAL (
    SELECT value, visits, bounces, views, duration_us
    FROM visit_rollups
    WHERE s.span = 'day' AND site_id = %(site_id)s AND dimension = d.dimension AND day = s.first
        AND is_bot = ANY(%(bots)s::bool[])
    UNION ALL
    SELECT value, visits, bounces, views, duration_us
    FROM visit_unions
    WHERE s.span <> 'day' AND site_id = %(site_id)s AND span = s.span AND dimension = d.dimension AND day = s.first
        AND is_bot = ANY(%(bots)s::bool[])
    OFFSET 0
) AS r
"""
# `apart`: as in snapshot.RANK.
RANK = f"""
SELECT dimension, value, visits, bounces, views, duration_us, total, value_count
FROM (
    SELECT *,
        row_number() OVER (PARTITION BY dimension, is_apart ORDER BY visits DESC, value COLLATE "C") AS rank,
        sum(visits) OVER (PARTITION BY dimension)::bigint AS total,
        count(*) FILTER (WHERE NOT is_apart) OVER (PARTITION BY dimension) AS value_count
    FROM (
        SELECT dimension, value, value = ANY(%(apart)s::text[]) AS is_apart,
            sum(visits)::bigint AS visits, sum(bounces)::bigint AS bounces,
            sum(views)::bigint AS views, sum(duration_us)::bigint AS duration_us
        FROM (
            SELECT dimension, value, visits, bounces, views, duration_us {FROM_VISIT_ROWS}
            UNION ALL
            SELECT *
            FROM unnest(%(unmerged_dimensions)s::text[], %(unmerged)s::text[], %(unmerged_visits)s::bigint[],
                %(unmerged_bounces)s::bigint[], %(unmerged_views)s::bigint[], %(unmerged_duration_us)s::bigint[])
        ) AS counted
        WHERE %(selected)s::text[] IS NULL OR value = ANY(%(selected)s::text[])
        GROUP BY dimension, value
    ) AS summed
    WHERE visits > 0
) AS ranked
WHERE rank <= %(limit)s
ORDER BY dimension, rank
"""  # noqa: S608  # of constants
# All columns of pk_visit_rollups and pk_visit_unions. The outer OFFSET 0 keeps the rows of a value adjacent, as
# UnionCounter needs.
READ_USERS = """
SELECT k.n, of_value.span, of_value.day, of_value.is_bot, of_value.visits, of_value.users, of_value.repeats
FROM unnest(%(ranked_dimensions)s::text[], %(ranked)s::text[]) WITH ORDINALITY AS k (dimension, value, n)
CROSS JOIN LATERAL (
    SELECT s.span, s.first AS day, r.*
    FROM unnest(%(spans)s::text[], %(days)s::date[]) AS s (span, first)
    CROSS JOIN LATERAL (
        SELECT is_bot, visits, users, CASE WHEN s.first = ANY(%(changed_days)s::date[]) THEN repeats END AS repeats
        FROM visit_rollups
        WHERE s.span = 'day' AND site_id = %(site_id)s AND dimension = k.dimension AND day = s.first
            AND is_bot = ANY(%(bots)s::bool[]) AND value = k.value
        UNION ALL
        SELECT is_bot, visits, users, CASE WHEN s.first = ANY(%(changed_days)s::date[]) THEN repeats END
        FROM visit_unions
        WHERE s.span <> 'day' AND site_id = %(site_id)s AND span = s.span AND dimension = k.dimension
            AND day = s.first AND is_bot = ANY(%(bots)s::bool[]) AND value = k.value
        OFFSET 0
    ) AS r
    OFFSET 0
) AS of_value
"""

_ListKey = tuple[str, str]
# span, is_bot: which row of a value.
_Cell = tuple[Span, bool]


def read_visit_lists(
    snapshot: Snapshot, dimensions: Sequence[str], days: VisitDays, limit: int
) -> dict[str, list[VisitRow]]:
    """Dimension → the values with the most visits, ties in the order of the values.

    Two queries: O(rows of the dimensions) to rank, then O(dimensions * limit * spans) bitmaps. The people of a value
    are not known where a day of it was counted by an earlier release, until `flask rollups recount-visits`.
    """
    lists = _Lists(snapshot, dimensions, days)
    return lists.count_visitors(lists.rank(limit).sums)


def read_ranked_visit_lists(
    snapshot: Snapshot, dimensions: Sequence[str], days: VisitDays, limit: int, apart: Collection[str] = ()
) -> dict[str, VisitList]:
    """As `read_visit_lists`, with totals. Values that stand `apart` are in the totals only."""
    lists = _Lists(snapshot, dimensions, days)
    sums, totals = lists.rank(limit, apart=apart)
    rows = lists.count_visitors(sums)
    return {name: VisitList(rows[name], totals.get(name, ListTotal(0, 0))) for name in dimensions}


def read_visit_values(
    snapshot: Snapshot, values: Mapping[str, Sequence[str]], days: VisitDays
) -> dict[str, dict[str, VisitRow]]:
    """Dimension → value → its row, of these values of each; no entry for a value without visits. As
    `read_visit_lists`."""
    lists = _Lists(snapshot, list(values), days)
    selected = {value for of_dimension in values.values() for value in of_dimension}
    ranked = lists.rank(NO_LIMIT, sorted(selected)).sums
    wanted = {(name, value) for name, of_dimension in values.items() for value in of_dimension}
    rows = lists.count_visitors({key: sums for key, sums in ranked.items() if key in wanted})
    return {name: {row.value: row for row in rows[name]} for name in values}


def read_visit_sums_of_values(
    snapshot: Snapshot, dimension: str, days: VisitDays, values: Sequence[str] | None = None
) -> dict[str, VisitSums]:
    """Value → its sums, the most visits first; no entry for a value without visits. One query, no people."""
    ranked = _Lists(snapshot, [dimension], days).rank(NO_LIMIT, values)
    return {value: sums for (_, value), sums in ranked.sums.items()}


class _Ranked(NamedTuple):
    """(dimension, value) → its sums, ranked; dimension → its total."""

    sums: dict[_ListKey, VisitSums]
    totals: dict[str, ListTotal]


class _Lists:
    """Reads lists of some dimensions over the same days."""

    def __init__(self, snapshot: Snapshot, dimensions: Sequence[str], days: VisitDays) -> None:
        if unknown := set(dimensions).difference(LIST_DIMENSIONS):
            raise ValueError(f"visits have no lists of {sorted(unknown)}")
        self._snapshot, self._dimensions, self._days = snapshot, list(dimensions), days
        self._spans = _covering_spans(snapshot, days)
        self._changes = self._unmerged_changes()

    def rank(self, limit: int, values: Sequence[str] | None = None, apart: Collection[str] = ()) -> _Ranked:
        """The first `limit` values of each dimension; of `values` only, if given. Those that stand `apart` are in the
        totals only."""
        changes = [(*key, *decode_sums(change.sums)) for key, cells in self._changes.items() for _, change in cells]
        names = ("unmerged_dimensions", "unmerged", *(f"unmerged_{name}" for name in VisitSums._fields))
        columns = zip(*changes, strict=True) if changes else ((),) * len(names)
        unmerged = {name: list(column) for name, column in zip(names, columns, strict=True)}
        selected = None if values is None else list(values)
        ranked = _Ranked({}, {})
        for row in self._read(RANK, **unmerged, limit=limit, selected=selected, apart=list(apart)):
            (dimension, value), (*sums, total, value_count) = map(as_text, row[:2]), map(as_int, row[2:])
            ranked.totals[dimension] = ListTotal(total, value_count)
            if value not in apart:
                ranked.sums[dimension, value] = VisitSums(*sums)
        return ranked

    def count_visitors(self, ranked: Mapping[_ListKey, VisitSums]) -> dict[str, list[VisitRow]]:
        """The rows with their people. Unites the first bitmaps while the server reads the next ones."""
        unions = _VisitorUnions(list(ranked), self._cells_by_key())
        values = {"ranked_dimensions": [name for name, _ in ranked], "ranked": [value for _, value in ranked]}
        changed_days = {span.day for cells in self._changes.values() for (span, _), _ in cells}
        parameters = self._parameters(**values, changed_days=sorted(changed_days))
        stream_binary(self._snapshot.connection, READ_USERS, parameters, unions.add_row)
        lists: dict[str, list[VisitRow]] = {dimension: [] for dimension in self._dimensions}
        for (dimension, value), users in zip(ranked, unions.counts(), strict=True):
            lists[dimension].append(VisitRow(value, ranked[dimension, value], users))
        return lists

    def _unmerged_changes(self) -> dict[_ListKey, list[tuple[_Cell, ValueChange]]]:
        """(dimension, value) → the changes of its days, under the spans that are read in place of the days."""
        snapshot, days = self._snapshot, self._days
        changes = defaultdict[_ListKey, list[tuple[_Cell, ValueChange]]](list)
        for (dimension, day, is_bot), values in snapshot.visit_changes(self._dimensions).items():
            if days.first <= day < days.after and (days.bots or not is_bot):
                # Of a day that the snapshot cuts no row is read: all of it is in the changes.
                spans = (span for span in self._spans if span.day <= day < span.end_day)
                span = next(spans, Span(DAY, day))
                for value, change in values.items():
                    changes[dimension, value].append(((span, is_bot), change))
        return changes

    def _cells_by_key(self) -> dict[_ListKey, dict[_Cell, ValueChange]]:
        cells: dict[_ListKey, dict[_Cell, list[ValueChange]]] = {}
        for key, changes in self._changes.items():
            for cell, change in changes:
                if change.has_users:
                    cells.setdefault(key, {}).setdefault(cell, []).append(change)
        return {
            key: {cell: ValueChange.total(changes) for cell, changes in by_cell.items()}
            for key, by_cell in cells.items()
        }

    def _read(self, query: str, **others: Any) -> Iterator[BinaryRow]:
        return read_binary(self._snapshot.connection, query, self._parameters(**others))

    def _parameters(self, **others: Any) -> dict[str, Any]:
        bots = with_bots(self._days.bots)
        own = {"site_id": self._snapshot.site_id, "dimensions": self._dimensions, "bots": bots}
        return {**own, **span_parameters(self._spans), **others}


def _covering_spans(snapshot: Snapshot, days: VisitDays) -> list[Span]:
    """The days as few spans that have rows. One query when they include a week or month."""
    runs = snapshot.uncut_days(days.first, days.after)
    candidates = [span for kind in UNION_KINDS for run in runs for span in whole_spans(kind, *run)]
    unions: Collection[Span] = existing_visit_unions(snapshot.connection, snapshot.site_id, candidates)
    return [span for run in runs for span in cover_days(*run, set(unions))]


class _VisitorUnions:
    """Unites the users of each key: those of its stored rows, as the unmerged `changes` make them."""

    def __init__(self, keys: Sequence[_ListKey], changes: dict[_ListKey, dict[_Cell, ValueChange]]) -> None:
        self._unions = bitmaps.UnionCounter(len(keys))
        self._changes = [changes.get(key, {}) for key in keys]
        self._unknown: set[int] = set()

    def add_row(self, row: BinaryRow) -> None:
        """A row of READ_USERS."""
        n, kind, day, is_bot, visits, users, repeats = row
        slot = as_int(n) - 1
        change = self._changes[slot].pop((Span(as_text(kind), as_date(day)), as_bool(is_bot)), None)
        if users and change is None:
            self._unions.add(slot, users)
        elif users and change is not None:
            self._add(slot, Visitors.decode(users, repeats), change)
        elif as_int(visits) or change is not None:
            self._unknown.add(slot)

    def counts(self) -> list[int | None]:
        """One number a key; None: not known."""
        for slot, changes in enumerate(self._changes):
            for change in changes.values():
                self._add(slot, Visitors(), change)
        return [None if slot in self._unknown else users for slot, users in enumerate(self._unions.counts())]

    def _add(self, slot: int, visitors: Visitors, change: ValueChange) -> None:
        try:
            visitors.change(change.net_visits)
        except VisitorsMismatch:
            # As when it is merged (visits/row_writer.py): to be recounted.
            self._unknown.add(slot)
        else:
            self._unions.add(slot, bitmaps.encode(visitors.users))
