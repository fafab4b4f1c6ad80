"""Cardinality limits: hostile paths, short codes or types cannot grow the rollups without bound.

A value that has a row stays exact; a new value of a full group is counted under OTHER for that day. So every listed
value is exact and OTHER is exactly the rest. rows.py applies the limits before it writes, snapshot/ to unmerged
deltas. Never writes.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, text

from analytics.rollups.deltas.counts import Count, RollupKey

# The blank at its end tells it from values that are sent: Google's tags say utm_source=(other), and enrichment strips
# outer blanks. See decision 0019.
OTHER = "(other) "
# Values that do not count against a limit.
EXEMPT_VALUES = frozenset(("", OTHER))
# Dimensions whose values are few, and are read one by one: no limit counts them.
EXEMPT_DIMENSIONS = frozenset(("total", "hour"))
# An index entry holds at most 2,704 bytes; the columns besides type, subject and value take 100.
MAX_KEY_BYTES = 2_500

Group = TypeVar("Group", bound=Hashable)
Counts = dict[RollupKey, Count]


class CardinalityLimits(NamedTuple):
    """Most rows: types a day; subjects a (day, type); values a (dimension, day, type, subject, is_bot)."""

    types: int = 200
    subjects: int = 10_000
    values: int = 2_000


DEFAULT_LIMITS = CardinalityLimits()


def apply_limits(
    connection: Connection, site_id: int, counts: Counts, limits: CardinalityLimits = DEFAULT_LIMITS
) -> Counts:
    """`counts` with what exceeds a limit moved to OTHER. Of new values the most frequent get the free rows.

    Three queries; a group below its limit costs an index look-up of its rows, and nothing else.
    """
    stored = _StoredNames(connection, site_id)
    counts = _without_long_keys(counts)
    counts = _fit(counts, limits.types, lambda key: key.day, _TYPE, stored.types)
    if any(key.subject for key in counts):
        counts = _fit(counts, limits.subjects, lambda key: (key.day, key.type), _SUBJECT, stored.subjects)
    return _fit(counts, limits.values, lambda key: key[:5], _VALUE, stored.values)


def _without_long_keys(counts: Counts) -> Counts:
    """A key must fit into a page of the index."""
    long = {key for key in counts if sum(map(len, (key.type, key.subject, key.value))) * 4 > MAX_KEY_BYTES}
    out = {
        key: {key.value}
        for key in long
        if sum(len(t.encode()) for t in (key.type, key.subject, key.value)) > MAX_KEY_BYTES
    }
    return _move(counts, lambda key: key, _VALUE, out) if out else counts


class _Field(NamedTuple):
    """The field of a key that a limit applies to."""

    position: int

    def of(self, key: RollupKey) -> str:
        return str(key[self.position])

    def limits(self, key: RollupKey) -> bool:
        """Whether the key counts against the limit."""
        is_exempt = self == _VALUE and key.dimension in EXEMPT_DIMENSIONS
        return not is_exempt and self.of(key) not in EXEMPT_VALUES

    def as_other(self, key: RollupKey) -> tuple[Any, ...]:
        return (*key[: self.position], OTHER, *key[self.position + 1 :])


_TYPE, _SUBJECT, _VALUE = (_Field(RollupKey._fields.index(name)) for name in ("type", "subject", "value"))


def _fit(
    counts: Counts,
    limit: int,
    group_of: Callable[[RollupKey], Group],
    field: _Field,
    read_stored: Callable[[Mapping[Group, int], int], dict[Group, set[str]]],
) -> Counts:
    newcomers: dict[Group, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for key, count in counts.items():
        if field.limits(key):
            newcomers[group_of(key)][field.of(key)] += count.events
    crowded = read_stored({group: len(names) for group, names in newcomers.items()}, limit)
    out = {}
    for group, names in newcomers.items():
        if group in crowded or len(names) > limit:
            stored = crowded.get(group, set())
            new = sorted((name for name in names if name not in stored), key=lambda name: (-names[name], name))
            out[group] = set(new[max(0, limit - len(stored)) :])
    return _move(counts, group_of, field, out) if any(out.values()) else counts


def _move(
    counts: Counts, group_of: Callable[[RollupKey], Group], field: _Field, out: Mapping[Group, set[str]]
) -> Counts:
    """A new dict in which the names of `out` are OTHER. Counts that grow are copies; the caller's do not change."""
    kept: Counts = {}
    moved: dict[tuple[Any, ...], Count] = defaultdict(Count)
    for key, count in counts.items():
        if field.of(key) in out.get(group_of(key), ()):
            moved[field.as_other(key)].add(count)
        else:
            kept[key] = count
    for other, total in moved.items():
        key = RollupKey._make(other)
        if key in kept:
            total.add(kept[key])
        kept[key] = total
    return kept


# All three are served by pk_rollups: equal on its leading columns. They return a row only for a group that may exceed
# `:limit` with its new values.
TYPES = text("""
SELECT g.n, array_agg(DISTINCT r.type)
FROM unnest(CAST(:days AS date[]), CAST(:newcomers AS int[])) WITH ORDINALITY AS g (day, newcomers, n)
CROSS JOIN LATERAL (
    SELECT type
    FROM rollups
    WHERE site_id = :site_id AND span = 'day' AND dimension = 'total' AND day = g.day AND subject = ''
        AND type <> ALL (:exempt)
    OFFSET 0
) AS r
GROUP BY g.n, g.newcomers
HAVING count(DISTINCT r.type) + g.newcomers > :limit
""")
SUBJECTS = text("""
SELECT g.n, array_agg(DISTINCT r.subject)
FROM unnest(CAST(:days AS date[]), CAST(:types AS text[]), CAST(:newcomers AS int[]))
    WITH ORDINALITY AS g (day, type, newcomers, n)
CROSS JOIN LATERAL (
    SELECT subject
    FROM rollups
    WHERE site_id = :site_id AND span = 'day' AND dimension = 'total' AND day = g.day AND type = g.type
        AND subject <> ALL (:exempt)
    OFFSET 0
) AS r
GROUP BY g.n, g.newcomers
HAVING count(DISTINCT r.subject) + g.newcomers > :limit
""")
VALUES = text("""
SELECT g.n, array_agg(r.value)
FROM unnest(CAST(:dimensions AS text[]), CAST(:days AS date[]), CAST(:types AS text[]), CAST(:subjects AS text[]),
            CAST(:bots AS bool[]), CAST(:newcomers AS int[]))
    WITH ORDINALITY AS g (dimension, day, type, subject, is_bot, newcomers, n)
CROSS JOIN LATERAL (
    SELECT value
    FROM rollups
    WHERE site_id = :site_id AND span = 'day' AND dimension = g.dimension AND day = g.day
        AND type = g.type AND subject = g.subject AND is_bot = g.is_bot AND value <> ALL (:exempt)
    OFFSET 0
) AS r
GROUP BY g.n, g.newcomers
HAVING count(*) + g.newcomers > :limit
""")


class _StoredNames:
    """The names that have a row, by group; only of groups that may exceed the limit."""

    def __init__(self, connection: Connection, site_id: int) -> None:
        self._connection, self._site_id = connection, site_id

    def types(self, newcomers: Mapping[date, int], limit: int) -> dict[date, set[str]]:
        return self._read(TYPES, list(newcomers), newcomers, limit, days=list(newcomers))

    def subjects(self, newcomers: Mapping[tuple[date, str], int], limit: int) -> dict[tuple[date, str], set[str]]:
        days, types = _columns(newcomers, 2)
        return self._read(SUBJECTS, list(newcomers), newcomers, limit, days=days, types=types)

    def values(self, newcomers: Mapping[Any, int], limit: int) -> dict[Any, set[str]]:
        dimensions, days, types, subjects, bots = _columns(newcomers, 5)
        columns = {"dimensions": dimensions, "days": days, "types": types, "subjects": subjects, "bots": bots}
        return self._read(VALUES, list(newcomers), newcomers, limit, **columns)

    def _read(
        self, query: Any, groups: Sequence[Group], newcomers: Mapping[Group, int], limit: int, **columns: list[Any]
    ) -> dict[Group, set[str]]:
        parameters = {"site_id": self._site_id, "exempt": sorted(EXEMPT_VALUES), "limit": limit, **columns}
        rows = self._connection.execute(query, {**parameters, "newcomers": list(newcomers.values())})
        return {groups[n - 1]: set(names) for n, names in rows}


def _columns(rows: Iterable[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """The rows as `width` columns, also when there are none."""
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]
