"""What reports read: rollups and the deltas that still wait, in one snapshot. Only SELECTs.

A merge in between changes nothing that a Snapshot says. Counts of people are unions of bitmaps, never sums. What is
asked of a range as a whole reads months and weeks where they have union rows, and the days between them. Every query
names all leading columns of pk_rollups, so that it reads the rows it needs and none of the ten thousand short codes
beside them.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, text

from analytics.rollups import guard, users
from analytics.rollups.delta import DIMENSIONS, Count, Key, unite
from analytics.rollups.rows import BY_INDEX, known_days, known_unions
from analytics.rollups.spans import DAY, UNIONS, Span, cover, whole
from analytics.rollups.users import as_date, as_int, as_text, read_binary
from analytics.rollups.visit_rollups import read_visits
from analytics.rollups.visit_tally import VisitSums
from analytics.sites import Site
from analytics.store.reading import reading

# Totals are asked for alone as often as not; lists come together.
TOTALS = ("total", "hour")
# The only row of the dimension "total".
EVERYTHING = ("total", "")
LISTS = tuple(dimension for dimension in DIMENSIONS if dimension not in TOTALS)


class Top(NamedTuple):
    """One line of a top list."""

    value: str
    events: int
    users: int


class Asked(NamedTuple):
    """Which rows a report looks at: days `[first, after)`; `types` None: all of them; `bots`: bots too."""

    first: date
    after: date
    types: Sequence[str] | None = None
    subject: str = ""
    bots: bool = False

    def holds(self, key: Key) -> bool:
        return (
            self.first <= key.day < self.after
            and (self.types is None or key.type in self.types)
            and key.subject == self.subject
            and (self.bots or not key.is_bot)
        )


@contextmanager
def snapshot(engine: Engine, site: Site, timeout_s: float) -> "Iterator[Snapshot]":
    """One instant of the site's rollups, read only; statements end after `timeout_s` (0: never)."""
    with reading(engine.execution_options(isolation_level="REPEATABLE READ"), timeout_s) as connection:
        connection.execute(BY_INDEX)
        yield Snapshot(connection, site)


# ix_rollup_deltas_site_id_id.
WAITING = "SELECT zone, body FROM rollup_deltas WHERE site_id = %(site_id)s"
READ_ZONE = text("SELECT coalesce(rollups_zone, zone) FROM sites WHERE id = :site_id")

# From each type of a span to the next one: index-only scans of pk_rollups that skip subjects, bots and values.
TYPES = text("""
WITH RECURSIVE found AS (
    SELECT s.span, s.day, lowest.type
    FROM unnest(CAST(:spans AS text[]), CAST(:days AS date[])) AS s (span, day)
    CROSS JOIN LATERAL (
        SELECT type
        FROM rollups
        WHERE site_id = :site_id AND span = s.span AND dimension = 'total' AND day = s.day
        ORDER BY type
        LIMIT 1
    ) AS lowest
    UNION ALL
    SELECT found.span, found.day, following.type
    FROM found CROSS JOIN LATERAL (
        SELECT type
        FROM rollups
        WHERE site_id = :site_id AND span = found.span AND dimension = 'total' AND day = found.day
            AND type > found.type
        ORDER BY type
        LIMIT 1
    ) AS following
)
SELECT DISTINCT type FROM found
""")

# pk_rollups, once for each span: equal on the seven columns before the value. OFFSET 0 keeps the spans outside; the
# planner would go through them once for each row of a young table.
ROWS = """
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
COUNTS = "SELECT day, value, events, users" + ROWS
HEADS = "SELECT day, events, substring(users FROM 1 FOR %(head_bytes)s)" + ROWS  # noqa: S608  # of constants
RANK = f"""
SELECT dimension, value, events
FROM (
    SELECT dimension, value, events,
        row_number() OVER (PARTITION BY dimension ORDER BY events DESC, value COLLATE "C") AS place
    FROM (
        SELECT dimension, value, sum(events)::bigint AS events
        FROM (
            SELECT dimension, value, events {ROWS}
            UNION ALL
            SELECT * FROM unnest(%(waiting_dimensions)s::text[], %(waiting)s::text[], %(waiting_events)s::bigint[])
        ) AS counted
        GROUP BY dimension, value
    ) AS summed
) AS ranked
WHERE place <= %(limit)s
ORDER BY dimension, place
"""  # noqa: S608  # of constants
# pk_rollups, all of its columns. The outer OFFSET 0 keeps the rows of a value together, as users.Unions likes them.
USERS = """
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


def read_types(connection: Connection, site_id: int, spans: Sequence[Span]) -> list[str]:
    """The types of events in the spans. One query, a few look-ups in the index for each span."""
    return list(connection.execute(TYPES, {"site_id": site_id, **columns(spans)}).scalars())


def columns(spans: Sequence[Span]) -> dict[str, list[Any]]:
    """The spans as parameters of ROWS and TYPES."""
    return {"spans": [span.kind for span in spans], "days": [span.day for span in spans]}


class Snapshot:
    """A site's counts at one instant; `zone` is the calendar that its days are in."""

    def __init__(self, connection: Connection, site: Site) -> None:
        self.connection, self.site_id = connection, site.id
        self.zone: str = connection.execute(READ_ZONE, {"site_id": site.id}).scalar_one()
        self._bodies: dict[str, list[bytes]] | None = None
        self._waiting: dict[tuple[str, ...], dict[Key, Count]] = {}
        self._covers: dict[tuple[date, date], list[Span]] = {}
        self._types: dict[tuple[date, date], list[str]] = {}

    def counts(
        self, dimension: str, first: date, after: date, *,
        types: Sequence[str] | None = None, subject: str = "", bots: bool = False,
    ) -> dict[tuple[date, str], Count]:  # fmt: skip
        """(day, value) → its Count over the types. One query; every bitmap of these rows is read."""
        asked = Asked(first, after, types, subject, bots)
        return self._counts(dimension, asked, list(whole(DAY, first, after)))

    def days(self, first: date, after: date, **asked: Any) -> dict[date, Count]:
        """Day → its total; no entry for a day without events. As `counts`."""
        return {day: count for (day, _), count in self.counts("total", first, after, **asked).items()}

    def series(self, first: date, after: date, **asked: Any) -> dict[date, tuple[int, int]]:
        """Day → (events, people) of its total, as `days`. One query that reads the head of each bitmap; one more for
        days that it does not tell of: those of several rows, and those of which deltas wait."""
        wanted, days = Asked(first, after, **asked), list(whole(DAY, first, after))
        found: dict[date, tuple[int, int]] = {}
        untold = {key.day for key in self.fresh(["total"], wanted)}
        for of_day, events, head in self.read(HEADS, ["total"], wanted, days, head_bytes=users.HEAD_BYTES):
            day, people = as_date(of_day or b""), users.count_by_head(head or b"")
            if people is None or day in found:
                untold.add(day)
            found[day] = as_int(events or b""), people or 0
        if untold:
            spans = [Span(DAY, day) for day in sorted(untold)]
            counts = self._counts("total", wanted, spans)
            found |= {day: (count.events, len(count.users)) for (day, _), count in counts.items()}
        return found

    def total(self, first: date, after: date, **asked: Any) -> Count:
        """Everything in the days, everybody once. One query; a bitmap a type is read of each span that covers them."""
        everything = Asked(first, after, **asked)
        parts = list(self.fresh(["total"], everything).values())
        parts += [count for _, count in self._stored("total", everything, self.cover(everything))]
        return Count(sum(count.events for count in parts), users.union(count.users for count in parts))

    def visits(self, dimension: str, first: date, after: date, bots: bool = False) -> dict[tuple[date, str], VisitSums]:
        """(day, value) → the visits that merge has counted; a delta's come with its merge. One query."""
        return read_visits(self.connection, self.site_id, dimension, first, after, bots)

    def first_day(self) -> date | None:
        """The first day that has events, programs' too; None: none has. One look at the index."""
        waiting = {key.day for key in self.waiting(TOTALS)}
        return min(waiting | known_days(self.connection, self.site_id), default=None)

    def hours(self, day: date, **asked: Any) -> dict[int, Count]:
        """Full hours since the day began → Count; up to 24 on a day of 25 hours. As `counts`."""
        found = self.counts("hour", day, day + timedelta(days=1), **asked)
        return {int(value): count for (_, value), count in found.items()}

    def top(self, dimension: str, first: date, after: date, limit: int, **asked: Any) -> list[Top]:
        """The values with the most events. As `tops`."""
        return self.tops([dimension], first, after, limit, **asked)[dimension]

    def tops(
        self, dimensions: Sequence[str], first: date, after: date, limit: int, *,
        types: Sequence[str] | None = None, subject: str = "", bots: bool = False,
    ) -> dict[str, list[Top]]:  # fmt: skip
        """Dimension → the values with the most events, ties in the order of the values; only their bitmaps are read.

        Two queries: O(rows of the dimensions) to rank, then O(dimensions * limit * spans), as `total`.
        """
        asked = Asked(first, after, types, subject, bots)
        fresh = self.fresh(dimensions, asked)
        ranked = self._rank(dimensions, asked, fresh, limit)
        people = self._people(dimensions, asked, ranked, fresh)
        found: dict[str, list[Top]] = {dimension: [] for dimension in dimensions}
        for (dimension, value), events in ranked.items():
            found[dimension].append(Top(value, events, people[dimension, value]))
        return found

    def rank(self, dimensions: Sequence[str], asked: Asked, limit: int) -> dict[tuple[str, str], int]:
        """(dimension, value) → events of the first `limit` of each dimension, in their order. One query, no bitmaps."""
        return self._rank(dimensions, asked, self.fresh(dimensions, asked), limit)

    def _rank(
        self, dimensions: Sequence[str], asked: Asked, fresh: Mapping[Key, Count], limit: int
    ) -> dict[tuple[str, str], int]:
        waiting = {
            "waiting_dimensions": [key.dimension for key in fresh],
            "waiting": [key.value for key in fresh],
            "waiting_events": [one.events for one in fresh.values()],
        }
        rows = self.read(RANK, dimensions, asked, self.cover(asked), **waiting, limit=limit)
        return {
            (as_text(dimension or b""), as_text(value or b"")): as_int(events or b"")
            for dimension, value, events in rows
        }

    def _people(
        self,
        dimensions: Sequence[str],
        asked: Asked,
        ranked: Mapping[tuple[str, str], int],
        fresh: Mapping[Key, Count],
    ) -> dict[tuple[str, str], int]:
        """(dimension, value) → how many were there. Unites the first rows while the server reads the next ones.

        A value of as many events as there are in all is what every event has: its people are those of the total.
        """
        total = ranked.get(EVERYTHING)
        alone = [key for key, events in ranked.items() if key == EVERYTHING or events != total]
        places = {key: place for place, key in enumerate(alone)}
        unions = users.Unions(len(places))

        def unite(row: users.Row) -> None:
            n, stored = row
            unions.add(as_int(n or b"") - 1, stored or b"")

        names = {"ranked_dimensions": [one for one, _ in alone], "ranked": [value for _, value in alone]}
        given = self._given(dimensions, asked, self.cover(asked))
        users.stream_binary(self.connection, USERS, {**given, **names}, unite)
        for key, count in fresh.items():
            if (place := places.get((key.dimension, key.value))) is not None:
                unions.add(place, users.pack(count.users))
        counts = dict(zip(alone, unions.counts(), strict=True))
        return {key: counts[key if key in counts else EVERYTHING] for key in ranked}

    def _counts(self, dimension: str, asked: Asked, days: Sequence[Span]) -> dict[tuple[date, str], Count]:
        """(day, value) → its Count: the days' rows, and all that waits for what is asked."""
        found: dict[tuple[date, str], Count] = {}
        for place, count in self._stored(dimension, asked, days):
            _add(found, place, count)
        for key, count in self.fresh([dimension], asked).items():
            _add(found, (key.day, key.value), count)
        return found

    def _stored(self, dimension: str, asked: Asked, spans: Sequence[Span]) -> list[tuple[tuple[date, str], Count]]:
        """((first day, value), Count) of each row, some of them of one place."""
        found = []

        def take(row: users.Row) -> None:
            day, value, events, stored = row
            place = as_date(day or b""), as_text(value or b"")
            found.append((place, Count(as_int(events or b""), users.unpack(stored or b""))))

        users.stream_binary(self.connection, COUNTS, self._given([dimension], asked, spans), take)
        return found

    def read(
        self, query: str, dimensions: Sequence[str], asked: Asked, spans: Sequence[Span], **more: Any
    ) -> Iterator[users.Row]:
        """The rows of a query made with ROWS; `more`: its other parameters."""
        return read_binary(self.connection, query, {**self._given(dimensions, asked, spans), **more})

    def _given(self, dimensions: Sequence[str], asked: Asked, spans: Sequence[Span]) -> dict[str, Any]:
        """Parameters of ROWS."""
        types = self._types_of(asked) if asked.types is None else list(asked.types)
        bots = [False, True] if asked.bots else [False]
        who = {"site_id": self.site_id, "types": types, "subject": asked.subject, "bots": bots}
        return {**who, "dimensions": list(dimensions), **columns(spans)}

    def cover(self, asked: Asked) -> list[Span]:
        """The days, as few spans as there are rows of. One query where a week or month lies in them; kept."""
        first, after = asked.first, asked.after
        if (first, after) not in self._covers:
            candidates = [span for kind in UNIONS for span in whole(kind, first, after)]
            united = known_unions(self.connection, self.site_id, candidates)
            self._covers[first, after] = cover(first, after, united)
        return self._covers[first, after]

    def _types_of(self, asked: Asked) -> list[str]:
        days = asked.first, asked.after
        if days not in self._types:
            self._types[days] = read_types(self.connection, self.site_id, self.cover(asked))
        return self._types[days]

    def fresh(self, dimensions: Collection[str], asked: Asked) -> dict[Key, Count]:
        """What waits for these rows, under the names that merge would give it."""
        groups = [group for group in (TOTALS, LISTS) if not set(group).isdisjoint(dimensions)]
        mine = {
            key: count
            for group in groups
            for key, count in self.waiting(group).items()
            if key.dimension in dimensions and asked.first <= key.day < asked.after
            and (key.subject in ("", asked.subject) or asked.subject == guard.OTHER)
        }  # fmt: skip
        if not mine:
            return {}
        fitted = guard.fit(self.connection, self.site_id, mine)
        return {key: count for key, count in fitted.items() if asked.holds(key)}

    def waiting(self, dimensions: tuple[str, ...]) -> dict[Key, Count]:
        """All that waits in TOTALS or LISTS, under the names it came with. Decoded once for all that ask."""
        if self._bodies is None:
            self._bodies = {}
            for zone, body in read_binary(self.connection, WAITING, {"site_id": self.site_id}):
                self._bodies.setdefault(as_text(zone or b""), []).append(body or b"")
        if dimensions not in self._waiting:
            self._waiting[dimensions] = _united(self._bodies, dimensions)
        return self._waiting[dimensions]


def _united(bodies: Mapping[str, list[bytes]], dimensions: Iterable[str]) -> dict[Key, Count]:
    """Right after a change of zone, deltas are in two calendars: each counts for the day that it names."""
    total: dict[Key, Count] = {}
    for zone, found in bodies.items():
        counts = unite(found, zone, dimensions, touches=False).counts
        for key, count in counts.items() if total else ():
            total.setdefault(key, Count()).add(count)
        total = total or counts
    return total


def _add(into: dict[Any, Count], place: Any, count: Count) -> None:
    """Adds without changing `count`, which others may hold."""
    known = into.get(place)
    into[place] = Count(count.events, count.users.copy()) if known is None else known
    if known is not None:
        known.add(count)
