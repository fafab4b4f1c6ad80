"""The cardinality guard: a hostile list of paths, short codes or types cannot blow the rollups up.

What has its row keeps being counted exactly; what has none, when its group is full, is counted under '(other)' for
that day. So every listed value is exact and '(other)' is exactly the rest. merge asks before it writes, and reading
before it shows deltas that still wait. Never writes.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, text

from analytics.rollups.delta import Count, Key

OTHER = "(other)"
# These take no place.
FREE = frozenset(("", OTHER))
# An entry of an index takes 2,704 bytes at most; the columns besides these three take 100.
MAX_BYTES = 2_500

Group = TypeVar("Group", bound=Hashable)
Counts = dict[Key, Count]


class Limits(NamedTuple):
    """Places: types a day; subjects a (day, type); values a (dimension, day, type, subject, is_bot)."""

    types: int = 200
    subjects: int = 10_000
    values: int = 2_000


LIMITS = Limits()


def fit(connection: Connection, site_id: int, counts: Counts, limits: Limits = LIMITS) -> Counts:
    """`counts` with everything that finds no place moved to '(other)'. Of newcomers the most frequent find one.

    Three queries; a group that stays below its limit costs an index look-up of its rows, and nothing else.
    """
    ask = _Rows(connection, site_id)
    counts = _without_long(counts)
    counts = _fit(counts, limits.types, lambda key: key.day, _TYPE, ask.types)
    if any(key.subject for key in counts):
        counts = _fit(counts, limits.subjects, lambda key: (key.day, key.type), _SUBJECT, ask.subjects)
    return _fit(counts, limits.values, lambda key: key[:5], _VALUE, ask.values)


def _without_long(counts: Counts) -> Counts:
    """A key must fit into a page of the index."""
    long = {key for key in counts if sum(map(len, (key.type, key.subject, key.value))) * 4 > MAX_BYTES}
    out = {
        key: {key.value} for key in long if sum(len(t.encode()) for t in (key.type, key.subject, key.value)) > MAX_BYTES
    }
    return _move(counts, lambda key: key, _VALUE, out) if out else counts


class _Name(NamedTuple):
    """The field of a key that a stage of the guard looks at."""

    place: int

    def of(self, key: Key) -> str:
        return str(key[self.place])

    def moved(self, key: Key) -> tuple[Any, ...]:
        return (*key[: self.place], OTHER, *key[self.place + 1 :])


_TYPE, _SUBJECT, _VALUE = (_Name(Key._fields.index(name)) for name in ("type", "subject", "value"))


def _fit(
    counts: Counts,
    limit: int,
    group_of: Callable[[Key], Group],
    name: _Name,
    taken: Callable[[Mapping[Group, int], int], dict[Group, set[str]]],
) -> Counts:
    newcomers: dict[Group, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for key, count in counts.items():
        if name.of(key) not in FREE:
            newcomers[group_of(key)][name.of(key)] += count.events
    crowded = taken({group: len(names) for group, names in newcomers.items()}, limit)
    out = {}
    for group, names in newcomers.items():
        if group in crowded or len(names) > limit:
            has = crowded.get(group, set())
            new = sorted((one for one in names if one not in has), key=lambda one: (-names[one], one))
            out[group] = set(new[max(0, limit - len(has)) :])
    return _move(counts, group_of, name, out) if any(out.values()) else counts


def _move(counts: Counts, group_of: Callable[[Key], Group], name: _Name, out: Mapping[Group, set[str]]) -> Counts:
    """A new dict; a count that takes in others is a copy, so that the caller's stay as they are."""
    kept: Counts = {}
    moved: dict[tuple[Any, ...], Count] = defaultdict(Count)
    for key, count in counts.items():
        if name.of(key) in out.get(group_of(key), ()):
            moved[name.moved(key)].add(count)
        else:
            kept[key] = count
    for other, total in moved.items():
        key = Key._make(other)
        if key in kept:
            total.add(kept[key])
        kept[key] = total
    return kept


# All three are served by pk_rollups: equal on its leading columns. They return a row only for a group that `:limit`
# places may not hold together with its newcomers.
TYPES = text("""
SELECT g.n, array_agg(DISTINCT r.type)
FROM unnest(CAST(:days AS date[]), CAST(:newcomers AS int[])) WITH ORDINALITY AS g (day, newcomers, n)
CROSS JOIN LATERAL (
    SELECT type
    FROM rollups
    WHERE site_id = :site_id AND span = 'day' AND dimension = 'total' AND day = g.day AND subject = ''
        AND type <> ALL (:free)
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
        AND subject <> ALL (:free)
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
        AND type = g.type AND subject = g.subject AND is_bot = g.is_bot AND value <> ALL (:free)
    OFFSET 0
) AS r
GROUP BY g.n, g.newcomers
HAVING count(*) + g.newcomers > :limit
""")


class _Rows:
    """Which names have a row, by group; of groups that may be crowded only."""

    def __init__(self, connection: Connection, site_id: int) -> None:
        self._connection, self._site_id = connection, site_id

    def types(self, newcomers: Mapping[date, int], limit: int) -> dict[date, set[str]]:
        return self._ask(TYPES, list(newcomers), newcomers, limit, days=list(newcomers))

    def subjects(self, newcomers: Mapping[tuple[date, str], int], limit: int) -> dict[tuple[date, str], set[str]]:
        days, types = _columns(newcomers, 2)
        return self._ask(SUBJECTS, list(newcomers), newcomers, limit, days=days, types=types)

    def values(self, newcomers: Mapping[Any, int], limit: int) -> dict[Any, set[str]]:
        dimensions, days, types, subjects, bots = _columns(newcomers, 5)
        given = {"dimensions": dimensions, "days": days, "types": types, "subjects": subjects, "bots": bots}
        return self._ask(VALUES, list(newcomers), newcomers, limit, **given)

    def _ask(
        self, query: Any, groups: Sequence[Group], newcomers: Mapping[Group, int], limit: int, **columns: list[Any]
    ) -> dict[Group, set[str]]:
        given = {"site_id": self._site_id, "free": sorted(FREE), "limit": limit}
        rows = self._connection.execute(query, {**given, **columns, "newcomers": list(newcomers.values())})
        return {groups[n - 1]: set(names) for n, names in rows}


def _columns(rows: Iterable[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """Rows turned into columns, also when there are none."""
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]
