"""More that reports read in a Snapshot: sums that move no bitmaps, types and short codes side by side, visits by value.

What still waits in deltas counts too, under the names that merge would give it; visits come with their merge.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any

from pyroaring import BitMap64
from sqlalchemy import text

from analytics.rollups import guard, users
from analytics.rollups.delta import Count, Key
from analytics.rollups.reading import ROWS, TOTALS, Asked, Snapshot, columns
from analytics.rollups.spans import DAY, whole
from analytics.rollups.users import as_date, as_int, as_text, read_binary
from analytics.rollups.visit_tally import VisitSums

# More than the values of any dimension.
EVERY = 1 << 40


def by_value(
    found: Snapshot, dimensions: Sequence[str], first: date, after: date, **asked: Any
) -> dict[str, dict[str, int]]:
    """Dimension → value → events, the most first. One query, O(rows of the dimensions); weeks and months as `tops`."""
    wanted = Asked(first, after, **asked)
    sums: dict[str, dict[str, int]] = {dimension: {} for dimension in dimensions}
    for (dimension, value), events in found.rank(dimensions, wanted, EVERY).items():
        sums[dimension][value] = events
    return sums


# As reading.COUNTS, by pk_rollups.
EVENTS = "SELECT day, value, events" + ROWS


def by_day(found: Snapshot, dimension: str, first: date, after: date, **asked: Any) -> Counter[tuple[date, str]]:
    """(day, value) → events. One query, O(rows)."""
    wanted = Asked(first, after, **asked)
    sums: Counter[tuple[date, str]] = Counter()
    for day, value, events in found.read(EVENTS, [dimension], wanted, list(whole(DAY, first, after))):
        sums[as_date(day or b""), as_text(value or b"")] += as_int(events or b"")
    for key, count in found.fresh([dimension], wanted).items():
        sums[key.day, key.value] += count.events
    return sums


# As reading.COUNTS, by pk_rollups.
PEOPLE = "SELECT value, users" + ROWS


def people_by_value(found: Snapshot, dimension: str, first: date, after: date, **asked: Any) -> dict[str, BitMap64]:
    """Value → everybody with it. One query; a bitmap a value is read of each span that covers the days."""
    wanted = Asked(first, after, **asked)
    people: dict[str, BitMap64] = defaultdict(BitMap64)
    for value, stored in found.read(PEOPLE, [dimension], wanted, found.cover(wanted)):
        people[as_text(value or b"")] |= users.unpack(stored or b"")
    for key, count in found.fresh([dimension], wanted).items():
        people[key.value] |= count.users
    return dict(people)


# As reading.COUNTS, by pk_rollups.
TYPES = "SELECT day, type, events, users" + ROWS


def by_type(found: Snapshot, first: date, after: date, bots: bool = False) -> dict[tuple[date, str], Count]:
    """(day, type) → its Count. Two queries; a bitmap a day and type is read."""
    wanted = Asked(first, after, bots=bots)
    counts: dict[tuple[date, str], Count] = defaultdict(Count)
    for day, kind, events, stored in found.read(TYPES, ["total"], wanted, list(whole(DAY, first, after))):
        count = Count(as_int(events or b""), users.unpack(stored or b""))
        counts[as_date(day or b""), as_text(kind or b"")].add(count)
    for key, count in found.fresh(["total"], wanted).items():
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
    SELECT * FROM unnest(%(waiting)s::text[], %(waiting_events)s::bigint[])
) AS counted
GROUP BY subject
ORDER BY sum(events) DESC, subject COLLATE "C"
LIMIT %(limit)s
"""


def by_subject(
    found: Snapshot, kind: str, first: date, after: date, *, limit: int = EVERY, bots: bool = False
) -> dict[str, int]:
    """Short code → events of the type, the most first; '(other)' for all without a place (guard.py). One query.

    O(codes of each span that covers the days): 10,000 at most of a day.
    """
    wanted = Asked(first, after, bots=bots)
    fresh = _fresh_subjects(found, kind, wanted)
    given = {
        "site_id": found.site_id,
        **columns(found.cover(wanted)),
        "type": kind,
        "bots": [False, True] if bots else [False],
        "waiting": [key.subject for key in fresh],
        "waiting_events": [count.events for count in fresh.values()],
        "limit": limit,
    }
    rows = read_binary(found.connection, SUBJECTS, given)
    return {as_text(subject or b""): as_int(events or b"") for subject, events in rows}


def _fresh_subjects(found: Snapshot, kind: str, wanted: Asked) -> dict[Key, Count]:
    waiting = {
        key: count
        for key, count in found.waiting(TOTALS).items()
        if key.dimension == "total" and wanted.first <= key.day < wanted.after
    }
    if not any(key.subject for key in waiting):
        return {}
    fitted = guard.fit(found.connection, found.site_id, waiting)
    return {
        key: count
        for key, count in fitted.items()
        if key.subject and key.type == kind and (wanted.bots or not key.is_bot)
    }  # fmt: skip


# pk_visit_rollups: equal on all its columns, a look-up for each day and value.
VISITS = text("""
SELECT r.value, sum(r.visits)::bigint, sum(r.bounces)::bigint, sum(r.views)::bigint, sum(r.duration_us)::bigint
FROM unnest(CAST(:days AS date[])) AS d (day)
CROSS JOIN unnest(CAST(:values AS text[])) AS v (value)
CROSS JOIN LATERAL (
    SELECT value, visits, bounces, views, duration_us
    FROM visit_rollups
    WHERE site_id = :site_id AND dimension = :dimension AND day = d.day AND is_bot = ANY(:bots) AND value = v.value
    OFFSET 0
) AS r
GROUP BY r.value
HAVING sum(r.visits) > 0
""")


def visits_of(
    found: Snapshot, dimension: str, first: date, after: date, values: Sequence[str], bots: bool = False
) -> dict[str, VisitSums]:
    """Value → the visits that began in the days with it; no entry where none did. One query, O(days * values)."""
    given = {"days": [span.day for span in whole(DAY, first, after)], "values": list(values)}
    given |= {"site_id": found.site_id, "dimension": dimension, "bots": [False, True] if bots else [False]}
    return {row[0]: VisitSums(*row[1:]) for row in found.connection.execute(VISITS, given)}
