"""What reports read: rollups and the deltas that still wait, in one snapshot. Only SELECTs.

A merge in between changes nothing that a Snapshot says. Counts of people are unions of bitmaps, never sums. Every query
names all leading columns of pk_rollups, as lists where there are several, so that it reads the rows it needs and none
of the ten thousand short codes beside them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, text

from analytics.rollups import guard, users
from analytics.rollups.delta import DIMENSIONS, Count, Key, unite
from analytics.rollups.months import between, whole_months
from analytics.rollups.rows import BY_INDEX, known_days
from analytics.rollups.users import as_date, as_int, as_text, read_binary
from analytics.rollups.visit_rollups import read_visits
from analytics.rollups.visit_tally import VisitSums
from analytics.sites import Site
from analytics.store.reading import reading

# Totals are asked for alone as often as not; lists come together.
TOTALS = ("total", "hour")
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

# From each (day, type) to the next one: an index-only scan of pk_rollups that skips subjects, bots and values.
TYPES = text("""
WITH RECURSIVE found AS (
    (SELECT day, type
     FROM rollups
     WHERE site_id = :site_id AND span = 'day' AND dimension = 'total' AND day >= :first AND day < :after
     ORDER BY day, type
     LIMIT 1)
    UNION ALL
    SELECT following.day, following.type
    FROM found CROSS JOIN LATERAL (
        SELECT day, type
        FROM rollups
        WHERE site_id = :site_id AND span = 'day' AND dimension = 'total' AND day < :after
            AND (day, type) > (found.day, found.type)
        ORDER BY day, type
        LIMIT 1
    ) AS following
)
SELECT DISTINCT type FROM found
""")

# pk_rollups: equal on the seven columns before the value.
ROWS = """
FROM rollups
WHERE site_id = %(site_id)s AND span = 'day' AND dimension = %(dimension)s AND day = ANY(%(days)s::date[])
    AND type = ANY(%(types)s::text[]) AND subject = %(subject)s AND is_bot = ANY(%(bots)s::bool[])
"""
COUNTS = "SELECT day, value, events, users" + ROWS
# pk_rollups, all of its columns.
USERS = "SELECT value, users" + ROWS + "AND value = ANY(%(values)s::text[])"
RANK = f"""
SELECT value, sum(events)::bigint
FROM (
    SELECT value, events {ROWS}
    UNION ALL
    SELECT * FROM unnest(%(waiting)s::text[], %(waiting_events)s::bigint[])
) AS counted
GROUP BY value
ORDER BY sum(events) DESC, value COLLATE "C"
LIMIT %(limit)s
"""  # noqa: S608  # of constants
# pk_rollups; compaction.py wrote them, of the whole site only. A month has rows of all its types, or none.
UNITED = text("""
SELECT DISTINCT day
FROM rollups
WHERE site_id = :site_id AND span = 'month' AND dimension = 'total' AND day = ANY(CAST(:months AS date[]))
ORDER BY day
""")
UNIONS = """
SELECT day, value, events, users
FROM rollups
WHERE site_id = %(site_id)s AND span = 'month' AND dimension = 'total' AND day = ANY(%(months)s::date[])
    AND (%(types)s::text[] IS NULL OR type = ANY(%(types)s::text[])) AND is_bot = ANY(%(bots)s::bool[])
"""


class Snapshot:
    """A site's counts at one instant; `zone` is the calendar that its days are in."""

    def __init__(self, connection: Connection, site: Site) -> None:
        self._connection, self._site_id = connection, site.id
        self.zone: str = connection.execute(READ_ZONE, {"site_id": site.id}).scalar_one()
        self._bodies: dict[str, list[bytes]] | None = None
        self._waiting: dict[tuple[str, ...], dict[Key, Count]] = {}
        self._types: dict[tuple[date, date], list[str]] = {}

    def counts(
        self, dimension: str, first: date, after: date, *,
        types: Sequence[str] | None = None, subject: str = "", bots: bool = False,
    ) -> dict[tuple[date, str], Count]:  # fmt: skip
        """(day, value) → its Count over the types. One query; every bitmap of these rows is read."""
        asked = Asked(first, after, types, subject, bots)
        found: dict[tuple[date, str], Count] = {}
        for place, count in self._stored(COUNTS, self._given(dimension, asked)):
            _add(found, place, count)
        for key, count in self._fresh(dimension, asked).items():
            _add(found, (key.day, key.value), count)
        return found

    def days(self, first: date, after: date, **asked: Any) -> dict[date, Count]:
        """Day → its total; no entry for a day without events. As `counts`."""
        return {day: count for (day, _), count in self.counts("total", first, after, **asked).items()}

    def total(self, first: date, after: date, **asked: Any) -> Count:
        """Everything in the days, everybody once. As `counts`; of a closed month a bitmap a type is read."""
        whole = Asked(first, after, **asked)
        months = self._united_months(whole)
        parts = list(self._fresh("total", whole).values())
        if months:
            parts += [count for _, count in self._stored(UNIONS, {**self._who(whole), "months": months})]
        for gap_first, gap_after in between(first, after, months):
            given = self._given("total", whole._replace(first=gap_first, after=gap_after))
            parts += [count for _, count in self._stored(COUNTS, given)]
        return Count(sum(count.events for count in parts), users.union(count.users for count in parts))

    def visits(self, dimension: str, first: date, after: date, bots: bool = False) -> dict[tuple[date, str], VisitSums]:
        """(day, value) → the visits that merge has counted; a delta's come with its merge. One query."""
        return read_visits(self._connection, self._site_id, dimension, first, after, bots)

    def first_day(self) -> date | None:
        """The first day that has events, programs' too; None: none has. One look at the index."""
        waiting = {key.day for key in self._waiting_of(TOTALS)}
        return min(waiting | known_days(self._connection, self._site_id), default=None)

    def hours(self, day: date, **asked: Any) -> dict[int, Count]:
        """Full hours since the day began → Count; up to 24 on a day of 25 hours. As `counts`."""
        found = self.counts("hour", day, day + timedelta(days=1), **asked)
        return {int(value): count for (_, value), count in found.items()}

    def top(
        self, dimension: str, first: date, after: date, limit: int, *,
        types: Sequence[str] | None = None, subject: str = "", bots: bool = False,
    ) -> list[Top]:  # fmt: skip
        """The values with the most events, ties in the order of the values; only their bitmaps are read.

        Two queries: O(rows of the dimension) to rank, then O(limit * days).
        """
        asked = Asked(first, after, types, subject, bots)
        fresh = self._fresh(dimension, asked)
        given = self._given(dimension, asked)
        ranked = self._rank(given, fresh, limit)
        shown: dict[str, list[Any]] = {value: [] for value in ranked}
        for value, stored in read_binary(self._connection, USERS, {**given, "values": list(ranked)}):
            shown[as_text(value or b"")].append(users.unpack(stored or b""))
        for key, count in fresh.items():
            if key.value in shown:
                shown[key.value].append(count.users)
        return [Top(value, events, len(users.union(shown[value]))) for value, events in ranked.items()]

    def _rank(self, given: Mapping[str, Any], fresh: Mapping[Key, Count], limit: int) -> dict[str, int]:
        """Value → events of the first `limit`, in their order."""
        waiting = {"waiting": [key.value for key in fresh], "waiting_events": [one.events for one in fresh.values()]}
        rows = read_binary(self._connection, RANK, {**given, **waiting, "limit": limit})
        return {as_text(value or b""): as_int(events or b"") for value, events in rows}

    def _stored(self, query: str, given: Mapping[str, Any]) -> Iterator[tuple[tuple[date, str], Count]]:
        """((day, value), Count) of each row, some of them of one place."""
        for day, value, events, stored in read_binary(self._connection, query, given):
            place = as_date(day or b""), as_text(value or b"")
            yield place, Count(as_int(events or b""), users.unpack(stored or b""))

    def _united_months(self, asked: Asked) -> list[date]:
        """The months of these days that union rows may answer for."""
        months = [] if asked.subject else whole_months(asked.first, asked.after)
        if not months:
            return []
        return list(self._connection.execute(UNITED, {"site_id": self._site_id, "months": months}).scalars())

    def _given(self, dimension: str, asked: Asked) -> dict[str, Any]:
        """Parameters of ROWS."""
        days = [asked.first + timedelta(days=n) for n in range((asked.after - asked.first).days)]
        types = self._types_of(asked.first, asked.after) if asked.types is None else list(asked.types)
        return {**self._who(asked), "dimension": dimension, "days": days, "types": types, "subject": asked.subject}

    def _who(self, asked: Asked) -> dict[str, Any]:
        types = None if asked.types is None else list(asked.types)
        return {"site_id": self._site_id, "types": types, "bots": [False, True] if asked.bots else [False]}

    def _types_of(self, first: date, after: date) -> list[str]:
        if (first, after) not in self._types:
            given = {"site_id": self._site_id, "first": first, "after": after}
            self._types[first, after] = list(self._connection.execute(TYPES, given).scalars())
        return self._types[first, after]

    def _fresh(self, dimension: str, asked: Asked) -> dict[Key, Count]:
        """What waits for these rows, under the names that merge would give it."""
        waiting = self._waiting_of(TOTALS if dimension in TOTALS else LISTS)
        mine = {
            key: count
            for key, count in waiting.items()
            if key.dimension == dimension and asked.first <= key.day < asked.after
            and (key.subject in ("", asked.subject) or asked.subject == guard.OTHER)
        }  # fmt: skip
        if not mine:
            return {}
        fitted = guard.fit(self._connection, self._site_id, mine)
        return {key: count for key, count in fitted.items() if asked.holds(key)}

    def _waiting_of(self, dimensions: tuple[str, ...]) -> dict[Key, Count]:
        """Decoded once for all that ask for one of `dimensions`."""
        if self._bodies is None:
            self._bodies = {}
            for zone, body in read_binary(self._connection, WAITING, {"site_id": self._site_id}):
                self._bodies.setdefault(as_text(zone or b""), []).append(body or b"")
        if dimensions not in self._waiting:
            self._waiting[dimensions] = _united(self._bodies, dimensions)
        return self._waiting[dimensions]


def _united(bodies: Mapping[str, list[bytes]], dimensions: Iterable[str]) -> dict[Key, Count]:
    """Right after a change of zone, deltas are in two calendars: each counts for the day that it names."""
    total: dict[Key, Count] = {}
    for zone, found in bodies.items():
        for key, count in unite(found, zone, dimensions, touches=False).counts.items():
            _add(total, key, count)
    return total


def _add(into: dict[Any, Count], place: Any, count: Count) -> None:
    """Adds without changing `count`, which others may hold."""
    known = into.get(place)
    into[place] = Count(count.events, count.users.copy()) if known is None else known
    if known is not None:
        known.add(count)
